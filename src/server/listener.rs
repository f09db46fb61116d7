//! Accepts clients up to a limit, and stops without cutting anyone off who is being served.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::Instant;

use super::Handler;
use super::connection::{Shared, serve};
use super::io::HEAD_LIMIT;
use super::phase::Phase;
use super::places::Places;
use super::settings::ListenerSettings;

/// How long accepting rests when the process is out of files or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

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
