//! A wallet as the outside sees it: HTTP and HTTPS calls for `smoke` and `audit`.
//!
//! Knows nothing of policies. Each call has a connection of its own, so that none depends on the one before.
//! Redirects are not followed, and certificates are always checked.

mod answer;
mod tls;
mod token;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use url::Url;

pub(super) use answer::{Answer, Spoken};
pub(super) use tls::Handshake;
pub(super) use token::{email_of, token};

/// The longest answer that is read.
const LONGEST: usize = 1024 * 1024;

/// Where to call.
pub(super) struct Target {
    url: Url,
    tls: Option<Arc<rustls::ClientConfig>>,
    limit: Duration,
}

/// What to ask.
pub(super) struct Call<'a> {
    /// The method.
    pub(super) method: Method,
    /// Path and query, appended to the target's own path.
    pub(super) path: &'a str,
    /// The bearer token.
    pub(super) token: Option<&'a str>,
    /// Further headers.
    pub(super) headers: Vec<(&'a str, &'a str)>,
    /// The body.
    pub(super) body: Bytes,
}

impl<'a> Call<'a> {
    /// A request without a body.
    pub(super) fn new(method: Method, path: &'a str) -> Self {
        Self { method, path, token: None, headers: Vec::new(), body: Bytes::new() }
    }

    /// With this token.
    pub(super) fn token(self, token: Option<&'a str>) -> Self {
        Self { token, ..self }
    }

    /// With this header.
    pub(super) fn header(mut self, name: &'a str, value: &'a str) -> Self {
        self.headers.push((name, value));
        self
    }

    /// With a JSON body.
    pub(super) fn json(self, body: &serde_json::Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// With a body of this type.
    pub(super) fn body(self, content_type: &'a str, body: impl Into<Bytes>) -> Self {
        let mut call = self.header("content-type", content_type);
        call.body = body.into();
        call
    }
}

/// Bytes in both directions.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

impl Target {
    /// The wallet behind `url`. `ca` names a file with the authorities to trust instead of the system's;
    /// `limit` bounds each call.
    ///
    /// # Errors
    /// When the URL or the file cannot be used.
    pub(super) fn new(url: &str, ca: Option<&Path>, limit: Duration) -> anyhow::Result<Self> {
        let parsed =
            Url::parse(url).map_err(|_| anyhow!("`{url}` is no URL: write https://wallet.example"))?;
        let is_plain = parsed.username().is_empty()
            && parsed.password().is_none()
            && parsed.query().is_none()
            && parsed.fragment().is_none();
        if parsed.host_str().is_none() || !is_plain {
            bail!("the URL must be a scheme, a host, and perhaps a port and a path: https://wallet.example");
        }
        let tls = match parsed.scheme() {
            "http" => None,
            "https" => Some(tls::config(ca)?),
            other => bail!("`{other}` is not supported: write http:// or https://"),
        };
        Ok(Self { url: parsed, tls, limit })
    }

    /// Whether calls are encrypted.
    pub(super) fn is_https(&self) -> bool {
        self.tls.is_some()
    }

    /// The target as it was given.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// The whole path of a request.
    pub(super) fn path(&self, path: &str) -> String {
        format!("{}{path}", self.url.path().trim_end_matches('/'))
    }

    /// Host and port, as the `Host` header names them.
    fn authority(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// One request and its answer, read whole. The time is from the first byte sent to the last one read.
    ///
    /// # Errors
    /// When there is no whole answer in time.
    pub(super) async fn call(&self, call: Call<'_>) -> anyhow::Result<Answer> {
        let what = format!("{} {}", call.method, call.path);
        let done = tokio::time::timeout(self.limit, self.call_in_time(call)).await;
        done.unwrap_or_else(|_| Err(anyhow!("no whole answer within {:?}", self.limit))).context(what)
    }

    async fn call_in_time(&self, call: Call<'_>) -> anyhow::Result<Answer> {
        let mut request = Request::builder()
            .method(call.method)
            .uri(self.path(call.path))
            .header("host", self.authority())
            .header("user-agent", concat!("otp-sidecar/", env!("CARGO_PKG_VERSION")));
        if let Some(token) = call.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in call.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(call.body)).context("the request cannot be written")?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(self.connect().await?)).await?;
        let connection = tokio::spawn(connection);
        let begun = Instant::now();
        let answered = async {
            let (head, body) = sender.send_request(request).await?.into_parts();
            let body = Limited::new(body, LONGEST).collect().await;
            let body = body.map_err(|error| anyhow!("the answer cannot be read: {error}"))?.to_bytes();
            Ok(Answer { status: head.status, headers: head.headers, body, took: begun.elapsed() })
        };
        let answer = answered.await;
        connection.abort();
        answer
    }

    /// A request line, or more, as it is; what is missing of a head is added. Everything until the other side
    /// closes is the answer.
    ///
    /// # Errors
    /// When there is no connection, or no answer in time.
    pub(super) async fn speak(&self, line: &[u8], headers: &str, body: &str) -> anyhow::Result<Spoken> {
        let mut bytes = line.to_vec();
        bytes.extend_from_slice(
            format!(
                " HTTP/1.1\r\nHost: {}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
                self.authority(),
                body.len()
            )
            .as_bytes(),
        );
        let spoken = async {
            let mut stream = self.connect().await?;
            // The other side may refuse and close before it has read everything.
            let _refused = stream.write_all(&bytes).await;
            let mut said = Vec::new();
            let mut bounded = stream.take(LONGEST as u64);
            // A connection that is reset after the answer has been read up to there.
            let _reset = bounded.read_to_end(&mut said).await;
            Ok(Spoken::parse(&said))
        };
        let done = tokio::time::timeout(self.limit, spoken).await;
        done.unwrap_or_else(|_| Err(anyhow!("no whole answer within {:?}", self.limit)))
    }

    /// What the TLS handshake shows; `None` without TLS.
    ///
    /// # Errors
    /// When there is no connection that can be trusted.
    pub(super) async fn handshake(&self) -> anyhow::Result<Option<Handshake>> {
        let Some(config) = &self.tls else { return Ok(None) };
        let shaken = async { tls::connect(config, self.host(), self.tcp().await?).await };
        let done = tokio::time::timeout(self.limit, shaken).await;
        let stream = done.unwrap_or_else(|_| Err(anyhow!("no handshake within {:?}", self.limit)))?;
        Ok(Some(Handshake::of(&stream)))
    }

    fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']')
    }

    async fn tcp(&self) -> anyhow::Result<TcpStream> {
        let port = self.url.port_or_known_default().unwrap_or(80);
        let stream = TcpStream::connect((self.host(), port)).await;
        let stream = stream.with_context(|| format!("cannot connect to {}:{port}", self.host()))?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn connect(&self) -> anyhow::Result<Box<dyn Stream>> {
        let stream = self.tcp().await?;
        match &self.tls {
            None => Ok(Box::new(stream)),
            Some(config) => Ok(Box::new(tls::connect(config, self.host(), stream).await?)),
        }
    }
}
