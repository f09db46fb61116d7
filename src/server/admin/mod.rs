//! The admin listener: what Prometheus, Kubernetes and operators ask.
//!
//! `/metrics`, `/health`, `/livez` and `/readyz` are open; everything else needs the admin token.
//! It runs apart from the wallet's traffic, so that a scrape never delays a payment.

mod guesses;
pub mod health;
pub mod operations;
pub mod reply;
pub mod routes;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use guesses::Guesses;
use routes::Admin;

/// How many connections there may be: a handful of scrapers and operators.
const MAX_CONNECTIONS: usize = 64;

/// How many of them may come from one address: whoever takes them all must not keep the kubelet from asking
/// whether the sidecar lives.
const MAX_OF_ONE_PEER: usize = 24;

/// How long a connection may last: more than the longest call takes.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(30);

/// The most bytes of a request that are held unread, and of an answer that nobody takes.
const BUFFER: usize = 16 * 1024;

/// How long the head of a request may take.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// How long to wait after a failed accept, when file descriptors may have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers until `stop` completes.
pub async fn run(listener: TcpListener, admin: Arc<Admin>, stop: impl Future<Output = ()>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let peers = Arc::new(Peers::default());
    let guesses = Arc::new(Guesses::default());
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => return,
            accepted = listener.accept() => accepted,
        };
        match (accepted, Arc::clone(&places).try_acquire_owned()) {
            (Ok((stream, peer)), Ok(place)) => {
                // Closed unanswered: its address has enough.
                let Some(own) = Peers::enter(&peers, peer.ip()) else { continue };
                let (admin, guesses) = (Arc::clone(&admin), Arc::clone(&guesses));
                tokio::spawn(async move {
                    serve(stream, peer, admin, guesses).await;
                    drop((place, own));
                });
            }
            // Closed unanswered: there is no place for it.
            (Ok(_), Err(_)) => {}
            (Err(error), _) => {
                tracing::warn!(error = %error, "the admin listener could not accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, peer: SocketAddr, admin: Arc<Admin>, guesses: Arc<Guesses>) {
    let service = service_fn(|request| {
        let (admin, guesses) = (Arc::clone(&admin), Arc::clone(&guesses));
        async move { Ok::<_, std::convert::Infallible>(admin.answer(request, peer.ip(), &guesses).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(BUFFER)
        // One call each: nobody can have answers made that nobody reads.
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    match tokio::time::timeout(CONNECTION_TIMEOUT, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(error = %error, %peer, "an admin connection ended early"),
        Err(_) => tracing::debug!(%peer, "an admin connection took too long"),
    }
}

/// How many connections each address has.
#[derive(Default)]
struct Peers(Mutex<HashMap<IpAddr, usize>>);

/// One of them, given back on drop.
struct Entered {
    peers: Arc<Peers>,
    address: IpAddr,
}

impl Peers {
    /// One connection more, unless the address has as many as it may have.
    fn enter(peers: &Arc<Self>, address: IpAddr) -> Option<Entered> {
        let mut counts = peers.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= MAX_OF_ONE_PEER {
            return None;
        }
        *count += 1;
        Some(Entered { peers: Arc::clone(peers), address })
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut counts = self.peers.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_cannot_take_the_places_of_others_and_gets_its_own_back() {
        let peers = Arc::new(Peers::default());
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse::<IpAddr>().unwrap());
        let mut held: Vec<_> = (0..MAX_OF_ONE_PEER).map(|_| Peers::enter(&peers, one).unwrap()).collect();
        assert!(Peers::enter(&peers, one).is_none());
        assert!(Peers::enter(&peers, other).is_some());
        held.pop();
        assert!(Peers::enter(&peers, one).is_some());
        drop(held);
        assert!(peers.0.lock().unwrap().is_empty());
    }
}
