//! How a body breaks off on its way, and what is known of a request that gets no answer.

use std::io;
use std::time::Duration;

/// Why a body broke off.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The connection it came from ended, or its framing was wrong.
    #[error("the body broke off: {0}")]
    Broken(#[source] hyper::Error),
    /// The client stopped sending, or sends next to nothing.
    #[error("the client sends the body too slowly or not at all")]
    Stalled,
    /// Nobody waits for it any more.
    #[error("the body is no longer wanted")]
    Withdrawn,
}

/// Why there is no answer, and what is known about the request.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// Nothing of the request left this process.
    #[error("could not connect to the upstream: {0}")]
    NotSent(#[source] io::Error),
    /// It was sent, and no answer came in time. The upstream may have acted on it.
    #[error("the upstream did not answer within {0:?}")]
    Timeout(Duration),
    /// It was sent, at least in part, and the connection broke or the answer was no HTTP. The upstream
    /// may have acted on it.
    #[error("the connection to the upstream broke: {0}")]
    Unclear(#[source] hyper::Error),
    /// The upstream switched to a protocol that was not asked for.
    #[error("the upstream switched protocols without being asked to")]
    Switched,
    /// The client broke off or stalled while it sent the body. The upstream got a part of it.
    #[error("the request broke off: {0}")]
    Request(#[source] BodyError),
}
