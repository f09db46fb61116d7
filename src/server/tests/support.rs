//! A front that forwards everything, backends that record or improvise, and raw clients.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, Response, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::policy::decision::Admission;
use crate::proxy::body::Body;
use crate::proxy::failure::UpstreamError;
use crate::proxy::forward::Care;
use crate::proxy::headers::Context;
use crate::proxy::target::Target;
use crate::proxy::upstream::{Upstream, UpstreamSettings};
use crate::proxy::{head, headers};
use crate::server::Handler;
use crate::server::listener::{Drained, run};
use crate::server::settings::ListenerSettings;

/// Nothing in these tests should take this long.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Forwards every request whose head is in order.
pub(super) struct PassAll {
    pub(super) upstream: Upstream,
    pub(super) care: Care,
}

impl Handler for PassAll {
    async fn handle(&self, mut request: Box<Request<Body>>, peer: SocketAddr) -> Response<Body> {
        let checked = head::check(request.method(), request.uri(), request.version(), request.headers());
        let survey = match checked {
            Ok(survey) => survey,
            Err(refusal) => return refused(StatusCode::BAD_REQUEST, refusal.details()),
        };
        let context = Context { peer: peer.ip(), trusted: false, intermediary: &[] };
        headers::prepare_request(request.headers_mut(), survey, &context);
        match self.upstream.forward(Admission::for_tests(), request, self.care, Instant::now()).await {
            Ok(answer) => answer,
            Err(error) => {
                let status = match error {
                    UpstreamError::Timeout(_) => StatusCode::GATEWAY_TIMEOUT,
                    UpstreamError::Request(_) => StatusCode::REQUEST_TIMEOUT,
                    UpstreamError::NotSent(_) | UpstreamError::Unclear(_) | UpstreamError::Switched => {
                        StatusCode::BAD_GATEWAY
                    }
                };
                refused(status, &format!("{error:?}"))
            }
        }
    }
}

fn refused(status: StatusCode, details: &str) -> Response<Body> {
    let mut answer = Response::new(Body::full(details.to_owned()));
    *answer.status_mut() = status;
    answer
}

/// A running listener.
pub(super) struct Front {
    pub(super) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<Drained>,
}

impl Front {
    /// In front of this backend, with default settings.
    pub(super) async fn before(backend: SocketAddr) -> Self {
        Self::with(backend, ListenerSettings::default(), |_| {}).await
    }

    pub(super) async fn with(
        backend: SocketAddr,
        settings: ListenerSettings,
        adjust: impl FnOnce(&mut UpstreamSettings),
    ) -> Self {
        Self::careful(backend, settings, adjust, Care::Plain).await
    }

    pub(super) async fn careful(
        backend: SocketAddr,
        settings: ListenerSettings,
        adjust: impl FnOnce(&mut UpstreamSettings),
        care: Care,
    ) -> Self {
        let target = Target::Tcp { host: backend.ip().to_string(), port: backend.port() };
        let mut upstream = UpstreamSettings::new(target);
        adjust(&mut upstream);
        Self::serving(PassAll { upstream: Upstream::new(upstream), care }, settings).await
    }

    pub(super) async fn serving<H: Handler>(handler: H, settings: ListenerSettings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let shutdown = async {
            let _ = stopped.await;
        };
        let running = tokio::spawn(run(listener, Arc::new(handler), settings, shutdown));
        Self { address, stop: Some(stop), running }
    }

    /// Asks the listener to stop.
    pub(super) fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }

    /// Stops the listener and waits until it has.
    pub(super) async fn stopped(mut self) -> Drained {
        self.stop();
        within(self.running).await.unwrap()
    }
}

/// Waits, but not for ever.
pub(super) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("this took too long")
}

/// A backend that runs `behave` for each connection.
pub(super) async fn backend<F, Fut>(behave: F) -> SocketAddr
where
    F: Fn(TcpStream) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(behave(stream));
        }
    });
    address
}

/// One request as a backend got it.
#[derive(Debug, Clone)]
pub(super) struct Received {
    pub(super) head: String,
    pub(super) body: Vec<u8>,
    pub(super) trailers: String,
}

impl Received {
    pub(super) fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    /// All values of a header, in order.
    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        values(&self.head, name)
    }
}

pub(super) fn values<'a>(head: &'a str, name: &str) -> Vec<&'a str> {
    let fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    fields.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
}

/// A backend that notes every request and answers with what `answer` says.
pub(super) async fn recorder<A>(answer: A) -> (SocketAddr, Arc<Mutex<Vec<Received>>>)
where
    A: Fn(&Received) -> String + Send + Sync + 'static,
{
    let log = Arc::new(Mutex::new(Vec::new()));
    let (answer, noted) = (Arc::new(answer), Arc::clone(&log));
    let address = backend(move |mut stream| {
        let (answer, noted) = (Arc::clone(&answer), Arc::clone(&noted));
        async move {
            let mut wire = Wire::default();
            while let Some(received) = wire.request(&mut stream).await {
                let reply = answer(&received);
                noted.lock().unwrap().push(received);
                if stream.write_all(reply.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    })
    .await;
    (address, log)
}

/// An answer with a length.
pub(super) fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// Bytes read but not yet understood.
#[derive(Default)]
pub(super) struct Wire {
    buffer: Vec<u8>,
}

impl Wire {
    /// The next request, read strictly by its one framing.
    pub(super) async fn request(&mut self, stream: &mut TcpStream) -> Option<Received> {
        let head = self.head(stream).await?;
        let (lengths, codings) = (values(&head, "content-length"), values(&head, "transfer-encoding"));
        assert!(lengths.len() + codings.len() <= 1, "two framings reached the backend: {head}");
        let (body, trailers) = if let Some(length) = lengths.first() {
            let length: usize =
                length.bytes().all(|b| b.is_ascii_digit()).then(|| length.parse().unwrap())?;
            (self.exactly(stream, length).await?, String::new())
        } else if codings.is_empty() {
            (Vec::new(), String::new())
        } else {
            assert_eq!(codings, ["chunked"], "an odd coding reached the backend");
            self.chunks(stream).await?
        };
        Some(Received { head, body, trailers })
    }

    /// A head, with its empty line.
    pub(super) async fn head(&mut self, stream: &mut TcpStream) -> Option<String> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                let head: Vec<u8> = self.buffer.drain(..end + 4).collect();
                return Some(String::from_utf8_lossy(&head).into_owned());
            }
            self.more(stream).await?;
        }
    }

    pub(super) async fn exactly(&mut self, stream: &mut TcpStream, count: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < count {
            self.more(stream).await?;
        }
        Some(self.buffer.drain(..count).collect())
    }

    pub(super) async fn line(&mut self, stream: &mut TcpStream) -> Option<String> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..end + 2).collect();
                return Some(String::from_utf8_lossy(line.trim_ascii_end()).into_owned());
            }
            self.more(stream).await?;
        }
    }

    /// How many bytes have been read and not yet asked for.
    pub(super) fn rest(&self) -> usize {
        self.buffer.len()
    }

    async fn chunks(&mut self, stream: &mut TcpStream) -> Option<(Vec<u8>, String)> {
        let mut body = Vec::new();
        loop {
            let size = usize::from_str_radix(&self.line(stream).await?, 16).unwrap();
            if size == 0 {
                break;
            }
            body.extend(self.exactly(stream, size).await?);
            assert_eq!(self.line(stream).await?, "");
        }
        let mut trailers = String::new();
        loop {
            let line = self.line(stream).await?;
            if line.is_empty() {
                return Some((body, trailers));
            }
            trailers.push_str(&line);
            trailers.push('\n');
        }
    }

    async fn more(&mut self, stream: &mut TcpStream) -> Option<()> {
        let count = stream.read_buf(&mut self.buffer).await.ok()?;
        (count > 0).then_some(())
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// An answer as a client got it.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) head: String,
    pub(super) body: Vec<u8>,
    pub(super) trailers: String,
}

impl Answer {
    pub(super) fn status(&self) -> u16 {
        self.head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        values(&self.head, name)
    }
}

/// A client that writes bytes as they are.
pub(super) struct Client {
    pub(super) stream: TcpStream,
    pub(super) wire: Wire,
}

impl Client {
    pub(super) async fn to(front: &Front) -> Self {
        Self::at(front.address).await
    }

    pub(super) async fn at(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), wire: Wire::default() }
    }

    pub(super) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Sends a request and reads its answer.
    pub(super) async fn ask(&mut self, bytes: impl AsRef<[u8]>) -> Answer {
        self.write(bytes).await;
        within(self.answer(true)).await.expect("the connection closed without an answer")
    }

    /// The next answer that is not a 1xx. `has_body` is false after HEAD.
    pub(super) async fn answer(&mut self, has_body: bool) -> Option<Answer> {
        let (wire, stream) = (&mut self.wire, &mut self.stream);
        let head = loop {
            let head = wire.head(stream).await?;
            if !head.starts_with("HTTP/1.1 100") {
                break head;
            }
        };
        let is_bodiless = !has_body || head.contains(" 204 ") || head.contains(" 304 ");
        let (body, trailers) = match values(&head, "content-length").first() {
            _ if is_bodiless => (Vec::new(), String::new()),
            Some(length) => (wire.exactly(stream, length.parse().unwrap()).await?, String::new()),
            None if values(&head, "transfer-encoding").is_empty() => {
                while wire.more(stream).await.is_some() {}
                (std::mem::take(&mut wire.buffer), String::new())
            }
            None => wire.chunks(stream).await?,
        };
        Some(Answer { head, body, trailers })
    }

    /// Whether the front has closed the connection, with nothing more to read.
    pub(super) async fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        let _ = within(self.stream.read_to_end(&mut rest)).await;
        rest.is_empty() && self.wire.buffer.is_empty()
    }
}

/// Asks once, on a connection of its own.
pub(super) async fn ask(front: &Front, bytes: impl AsRef<[u8]>) -> Answer {
    Client::to(front).await.ask(bytes).await
}
