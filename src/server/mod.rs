//! Sockets: who may connect, for how long, and how it ends.
//!
//! [`listener`] accepts and drains, [`connection`] drives one client's connection. What a request means
//! is for the [`Handler`].

use std::future::Future;
use std::net::SocketAddr;

use http::{Request, Response};

use crate::proxy::body::Body;

pub mod admin;
pub mod connection;
pub mod listener;
pub mod settings;
mod io;
mod patience;
mod phase;
mod places;

#[cfg(test)]
mod tests;

/// Answers requests.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request that came from `peer`. The future is dropped when the client goes away:
    /// whatever must run to its end needs a task of its own. A panic here ends the connection without an
    /// answer, so whoever can panic catches it and answers.
    ///
    /// The request comes in a box, since every future that hands it on would have room for it and copy it.
    fn handle(
        &self,
        request: Box<Request<Body>>,
        peer: SocketAddr,
    ) -> impl Future<Output = Response<Body>> + Send;
}
