//! Accepts clients up to a limit, and stops without cutting anyone off who is being served.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use hyper::server::conn::http1::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::Instant;

use super::Handler;
use super::connection::{Shared, serve};
use super::places::Places;

/// How large the head of a request may be, as in HAProxy and Node. What is not whole yet is held for
/// everybody who connects.
pub(super) const HEAD_LIMIT: usize = 16 * 1024;
/// With more connections than this in use, silent ones are parked in [`HASTE`].
const UNPARKED_IN_PEACE: usize = 256;
/// After how much silence connections are parked when there are many.
const HASTE: Duration = Duration::from_millis(40);
/// How long accepting rests when the process is out of files or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What clients may do.
#[derive(Debug, Clone)]
pub struct ListenerSettings {
    /// How many connections are served at a time. For a further one the connection that has been silent
    /// longest is closed. When none is silent, further ones wait in the kernel's queue: refusing them
    /// would cost a socket and an answer each, just when there is least to spare. Connections to the
    /// upstream need no limit of their own: each one in use belongs to a client's request, and the pool
    /// bounds the idle ones.
    pub max_connections: usize,
    /// How long the head of a request may take from its first byte on.
    pub header_timeout: Duration,
    /// How long a connection may stay open without a request. Longer than ingresses keep theirs, so
    /// that it is them who close and no request crosses a close.
    pub idle_timeout: Duration,
    /// How long a client may leave an answer unread that is ready for it.
    pub write_timeout: Duration,
    /// After how much silence a connection gives its buffers back.
    pub park_after: Duration,
    /// How long requests under way may take once the listener stops.
    pub drain: Duration,
}

impl Default for ListenerSettings {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(120),
            write_timeout: Duration::from_secs(60),
            park_after: Duration::from_secs(1),
            drain: Duration::from_secs(25),
        }
    }
}

impl ListenerSettings {
    /// How often a connection that is not parked is looked at. When many are not, the silent ones are
    /// parked almost at once: a wave of new connections must not need memory that is rarely given back.
    /// Where something is under way, nothing is won by looking more often.
    pub(super) fn tick(&self, unparked: usize, is_silent: bool) -> Duration {
        let is_hasty = is_silent && unparked > UNPARKED_IN_PEACE;
        let park_after = if is_hasty { HASTE.min(self.park_after) } else { self.park_after };
        let shortest = park_after.min(self.header_timeout).min(self.write_timeout);
        (shortest / 2).max(Duration::from_millis(5))
    }
}

/// How far the listener has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Accepting.
    Open,
    /// Finishing what is under way.
    Draining,
    /// Closing what is left.
    Cut,
}

/// The phase, to be read without a lock.
#[derive(Debug, Default)]
pub(super) struct PhaseCell(AtomicU8);

impl PhaseCell {
    pub(super) fn get(&self) -> Phase {
        match self.0.load(Ordering::Acquire) {
            0 => Phase::Open,
            1 => Phase::Draining,
            _ => Phase::Cut,
        }
    }

    fn set(&self, phase: Phase) {
        self.0.store(phase as u8, Ordering::Release);
    }
}

/// How the listener stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were still busy at the deadline and were cut off.
    pub cut: usize,
}

/// Serves clients until `shutdown` is ready, then finishes what is under way, for `settings.drain` at
/// most. Must run on the runtime that is to carry the connections.
pub async fn run<H, F>(
    listener: TcpListener,
    handler: Arc<H>,
    settings: ListenerSettings,
    shutdown: F,
) -> Drained
where
    H: Handler,
    F: Future<Output = ()>,
{
    let drain = settings.drain;
    let places = Arc::new(Places::new(settings.max_connections));
    let shared = Arc::new(Shared::new(handler, settings, http_settings()));
    let (phase, watching) = watch::channel(Phase::Open);
    let accepting = async {
        loop {
            let (stream, peer) = accept(&listener).await;
            // Only now is a place needed: nobody is sent away before somebody else has come.
            let place = places.take().await;
            tokio::spawn(serve(Arc::clone(&shared), stream, peer, place, watching.clone()));
        }
    };
    tokio::select! {
        () = shutdown => {}
        () = accepting => {}
    }
    drop(listener);
    shared.phase.set(Phase::Draining);
    let _ = phase.send(Phase::Draining);
    let cut = places.wait_until_empty(Instant::now() + drain).await;
    if cut > 0 {
        shared.phase.set(Phase::Cut);
        let _ = phase.send(Phase::Cut);
    }
    Drained { cut }
}

/// How HTTP/1 is spoken with clients. Its buffers may grow to hyper's 400 KiB, which large bodies need
/// to be cheap; [`ClientIo`](super::io::ClientIo) stops a head long before that. The number of headers stays at hyper's 100, as in HAProxy: a
/// higher limit would cost an allocation for each request.
fn http_settings() -> Builder {
    let mut http = Builder::new();
    http.max_header_size(HEAD_LIMIT);
    http
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Without it small answers would wait for acknowledgements. It fails only when the
                // client is gone already.
                let _ = stream.set_nodelay(true);
                return (stream, peer);
            }
            Err(error) if concerns_one_client(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn concerns_one_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}
