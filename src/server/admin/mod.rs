//! The admin listener: what Prometheus, Kubernetes and operators ask.
//!
//! `/metrics`, `/health`, `/livez` and `/readyz` are open; everything else needs the admin token.
//! It runs apart from the wallet's traffic, so that a scrape never delays a payment.

pub mod health;
pub mod operations;
pub mod reply;
pub mod routes;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use routes::Admin;

/// How many connections there may be: a handful of scrapers and operators.
const MAX_CONNECTIONS: usize = 64;

/// How long the head of a request may take.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// How long to wait after a failed accept, when file descriptors may have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers until `stop` completes.
pub async fn run(listener: TcpListener, admin: Arc<Admin>, stop: impl Future<Output = ()>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => return,
            accepted = listener.accept() => accepted,
        };
        match (accepted, Arc::clone(&places).try_acquire_owned()) {
            (Ok((stream, peer)), Ok(place)) => {
                let admin = Arc::clone(&admin);
                tokio::spawn(async move {
                    serve(stream, peer, admin).await;
                    drop(place);
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

async fn serve(stream: TcpStream, peer: SocketAddr, admin: Arc<Admin>) {
    let service = service_fn(|request| {
        let admin = Arc::clone(&admin);
        async move { Ok::<_, std::convert::Infallible>(admin.answer(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(error = %error, %peer, "an admin connection ended early");
    }
}
