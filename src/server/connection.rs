//! One client's connection, from its first byte to its end.
//!
//! A connection is *parked* while nothing happens on it: only the socket and a timer are kept, and HTTP
//! with its buffers is set up anew when the next byte arrives. A sidecar behind an ingress holds
//! thousands of idle connections; hyper alone would keep 8 KiB and more for each.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1::{Builder, Connection};
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::coop::has_budget_remaining;
use tokio::time::{Instant, Sleep};

use super::Handler;
use super::io::{Activity, ClientIo};
use super::patience::{Patience, Verdict};
use super::phase::{Phase, PhaseCell};
use super::places::{Place, Stay};
use super::settings::ListenerSettings;
use crate::proxy::body::Body;
use crate::proxy::failure::BodyError;
use crate::proxy::upgrade::Tunnel;

/// How long a closed connection is read on, so that the client gets to see the last answer: closing
/// with unread bytes would reset the connection, and a reset discards what the client has not read.
const LINGER: Duration = Duration::from_secs(1);

/// For how long a parked connection is left in peace even when its place is needed. Whoever has just
/// connected or read an answer may be about to ask.
const GRACE: Duration = Duration::from_millis(50);

/// What the connections of a listener share.
#[derive(Debug)]
pub(super) struct Shared<H> {
    pub(super) handler: Arc<H>,
    pub(super) settings: ListenerSettings,
    pub(super) http: Builder,
    pub(super) phase: PhaseCell,
    /// How many connections are not parked.
    unparked: AtomicUsize,
}

impl<H> Shared<H> {
    pub(super) fn new(handler: Arc<H>, settings: ListenerSettings, http: Builder) -> Self {
        Self { handler, settings, http, phase: PhaseCell::default(), unparked: AtomicUsize::new(0) }
    }
}

/// Counts a connection as not parked.
struct Unparked<'a>(&'a AtomicUsize);

impl<'a> Unparked<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Relaxed);
        Self(count)
    }
}

impl Drop for Unparked<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// How HTTP ended on a connection.
enum Outcome {
    /// It is idle.
    Idle(TcpStream, Bytes),
    /// It became a tunnel.
    Tunnel(TcpStream, Bytes, Tunnel),
    /// It is over; the client may still have something to read.
    Over(Option<TcpStream>),
}

/// Serves a client until it leaves, breaks a rule, gives up its place or the listener is cut.
pub(super) async fn serve<H: Handler>(
    shared: Arc<Shared<H>>,
    mut stream: TcpStream,
    peer: SocketAddr,
    place: Place,
    mut phase: watch::Receiver<Phase>,
) {
    let mut early = Bytes::new();
    loop {
        if early.is_empty() && !parked(&stream, &place, shared.settings.idle_timeout, &mut phase).await {
            return;
        }
        // Boxed, so that a parked connection does not hold the room.
        match Box::pin(active(&shared, stream, early, peer, &place, &mut phase)).await {
            Outcome::Idle(idle, leftover) => (stream, early) = (idle, leftover),
            Outcome::Tunnel(client, leftover, tunnel) => {
                return Box::pin(tunnelled(client, leftover, tunnel, &mut phase)).await;
            }
            Outcome::Over(Some(stream)) => return Box::pin(linger(stream)).await,
            Outcome::Over(None) => return,
        }
    }
}

/// Waits for the next byte. False when none is worth waiting for.
async fn parked(
    stream: &TcpStream,
    place: &Place,
    limit: Duration,
    phase: &mut watch::Receiver<Phase>,
) -> bool {
    let since = Instant::now();
    let stay = place.park();
    let mut is_asked = false;
    let mut timer = std::pin::pin!(tokio::time::sleep_until(since + limit));
    let goes_on = loop {
        let mut byte = [0_u8; 1];
        tokio::select! {
            biased;
            peeked = stream.peek(&mut byte) => break matches!(peeked, Ok(1..)),
            _ = phase.wait_for(|phase| *phase != Phase::Open) => break false,
            () = timer.as_mut() => break is_asked && has_byte(stream),
            () = std::future::poll_fn(|cx| stay.poll_asked(cx)), if !is_asked => {
                // Without the timer, which would cost a millisecond for each that goes.
                if since.elapsed() >= GRACE {
                    break has_byte(stream);
                }
                is_asked = true;
                timer.as_mut().reset(since + GRACE.min(limit));
            }
        }
    };
    if goes_on {
        stay.resume();
    }
    goes_on
}

/// Whether a byte has arrived, also when the runtime has not yet heard of it.
fn has_byte(stream: &TcpStream) -> bool {
    let mut byte = [std::mem::MaybeUninit::uninit()];
    matches!(socket2::SockRef::from(stream).peek(&mut byte), Ok(1..))
}

/// Speaks HTTP until the connection ends or has been idle for a while.
async fn active<H: Handler>(
    shared: &Shared<H>,
    stream: TcpStream,
    early: Bytes,
    peer: SocketAddr,
    place: &Place,
    phase: &mut watch::Receiver<Phase>,
) -> Outcome {
    let _counted = Unparked::new(&shared.unparked);
    let tick = |is_silent| shared.settings.tick(shared.unparked.load(Relaxed), is_silent);
    let activity = Arc::new(Activity::default());
    let handler = shared.handler.as_ref();
    let service = service_fn(|request: Request<Incoming>| {
        let activity = Arc::clone(&activity);
        activity.begin();
        let request = Box::new(request.map(Body::from));
        async move {
            let mut answer = handler.handle(request, peer).await;
            if let Some(tunnel) = answer.body_mut().take_tunnel() {
                activity.switch_to(tunnel);
            }
            Ok::<_, Infallible>(answer.map(|body| Watched { body, activity }))
        }
    });
    let io = TokioIo::new(ClientIo::new(stream, early, Arc::clone(&activity)));
    let mut driver = Driver {
        connection: shared.http.serve_connection(io, service),
        patience: Patience::new(&shared.settings),
        activity: &activity,
        place,
        unfinished: None,
        is_timer_set: false,
    };
    let mut timer = std::pin::pin!(tokio::time::sleep(tick(true)));
    let mut later = phase.clone();
    let mut draining = std::pin::pin!(phase.wait_for(|phase| *phase != Phase::Open));
    let mut cutting = std::pin::pin!(later.wait_for(|phase| *phase == Phase::Cut));
    let (mut is_watching, mut is_draining) = (false, false);
    let end = std::future::poll_fn(|cx| {
        // Asked once, which is enough to be woken; after that a plain load tells.
        if !is_watching {
            is_watching = true;
            let _ = draining.as_mut().poll(cx);
        }
        if !is_draining && shared.phase.get() != Phase::Open {
            is_draining = true;
            driver.drain();
            let _ = cutting.as_mut().poll(cx);
        }
        if is_draining && shared.phase.get() == Phase::Cut {
            return Poll::Ready(End::Dropped);
        }
        driver.poll(cx, timer.as_mut(), &tick)
    })
    .await;
    driver.conclude(&end)
}

/// Why HTTP stopped.
enum End {
    /// It is done, with or without an error.
    Done,
    /// The connection is idle and was taken back from HTTP.
    Parked,
    /// The client was too slow, or the time to drain is over.
    Dropped,
}

struct Driver<'a, S: HttpService<Incoming>> {
    connection: Connection<TokioIo<ClientIo>, S>,
    patience: Patience,
    activity: &'a Activity,
    place: &'a Place,
    /// Held while a head is not finished: until it is, others may need the place more.
    unfinished: Option<Stay<'a>>,
    /// Whether the timer knows whom to wake.
    is_timer_set: bool,
}

impl<S> Driver<'_, S>
where
    S: HttpService<Incoming, ResBody = Watched>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        mut timer: Pin<&mut Sleep>,
        tick: &impl Fn(bool) -> Duration,
    ) -> Poll<End> {
        loop {
            // An error here is the client's doing; it has had its answer if there was one to give.
            if Pin::new(&mut self.connection).poll(cx).is_ready() {
                return Poll::Ready(End::Done);
            }
            if self.unfinished.is_some() && self.gives_way(cx) {
                return Poll::Ready(End::Dropped);
            }
            if self.is_timer_set && !timer.is_elapsed() {
                return Poll::Pending;
            }
            if timer.as_mut().poll(cx).is_pending() {
                // With its budget used up a task is polled again, and the timer has not been looked at.
                self.is_timer_set = has_budget_remaining();
                return Poll::Pending;
            }
            self.is_timer_set = false;
            let now = Instant::now();
            let is_silent = match self.patience.judge(self.activity, now) {
                Verdict::Busy => false,
                Verdict::Silent => true,
                Verdict::Idle if self.park(cx) => return Poll::Ready(End::Parked),
                Verdict::Idle => {
                    self.patience.expect_head();
                    false
                }
                Verdict::Unfinished => {
                    self.unfinished.get_or_insert_with(|| self.place.park());
                    if self.gives_way(cx) {
                        return Poll::Ready(End::Dropped);
                    }
                    false
                }
                Verdict::TooSlow => return Poll::Ready(End::Dropped),
            };
            timer.as_mut().reset(now + tick(is_silent));
        }
    }

    /// Whether the client has to go for another one. Not when its head is whole by now.
    fn gives_way(&mut self, cx: &mut Context<'_>) -> bool {
        match self.unfinished.take() {
            Some(stay) if self.patience.has_begun_since(self.activity) => stay.resume(),
            stay => self.unfinished = stay,
        }
        self.unfinished.as_ref().is_some_and(|stay| stay.poll_asked(cx).is_ready())
    }

    /// Takes the socket back from HTTP, unless a part of a next request has been read. What arrives
    /// from now on stays in the socket.
    fn park(&mut self, cx: &mut Context<'_>) -> bool {
        self.activity.keep_open(true);
        self.drain();
        let is_parked = Pin::new(&mut self.connection).poll(cx).is_ready();
        self.activity.keep_open(is_parked);
        is_parked
    }

    /// Ends HTTP after the request under way, at once when there is none.
    fn drain(&mut self) {
        Pin::new(&mut self.connection).graceful_shutdown();
    }

    fn conclude(self, end: &End) -> Outcome {
        if matches!(end, End::Dropped) {
            return Outcome::Over(None);
        }
        let parts = self.connection.into_parts();
        let stream = parts.io.into_inner().into_stream();
        if let Some(tunnel) = self.activity.take_tunnel() {
            return Outcome::Tunnel(stream, parts.read_buf, tunnel);
        }
        match end {
            // An empty rest still holds the buffer it was cut from.
            End::Parked if parts.read_buf.is_empty() => Outcome::Idle(stream, Bytes::new()),
            End::Parked => Outcome::Idle(stream, parts.read_buf),
            End::Done | End::Dropped => Outcome::Over((!self.activity.has_ended()).then_some(stream)),
        }
    }
}

/// Carries bytes both ways until both sides are done or the listener is cut.
async fn tunnelled(client: TcpStream, early: Bytes, tunnel: Tunnel, phase: &mut watch::Receiver<Phase>) {
    tokio::select! {
        // How a tunnel ends is for its protocol.
        _ = tunnel.join(client, &early) => {}
        _ = phase.wait_for(|phase| *phase == Phase::Cut) => {}
    }
}

/// Says that nothing follows, and reads on for a moment.
async fn linger(mut stream: TcpStream) {
    let drained = async {
        stream.shutdown().await?;
        let mut sink = [0_u8; 4096];
        while stream.read(&mut sink).await? > 0 {}
        Ok::<_, std::io::Error>(())
    };
    let _ = tokio::time::timeout(LINGER, drained).await;
}

/// The body of an answer, and the mark that it is through.
struct Watched {
    body: Body,
    activity: Arc<Activity>,
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.activity.end();
    }
}
