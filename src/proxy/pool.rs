//! Idle connections to the upstream. The one used last is used next, so that under low load the others
//! grow old and go.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::client::conn::http1::SendRequest;
use tokio::time::{Instant, Sleep};

use super::upload::Progress;

/// How long a connection may lie idle before it is closed, when the upstream does not close it first.
const IDLE_AT_MOST: Duration = Duration::from_secs(60);
/// How many connections may lie idle.
const IDLE_CONNECTIONS: usize = 1024;

/// One connection to the upstream, over which requests with bodies of one kind go.
#[derive(Debug)]
pub(super) struct Link<B> {
    pub(super) sender: SendRequest<B>,
    /// Fires at or before the deadline of the exchange under way. It lives as long as the connection,
    /// and is moved only when it fires: registering a timer for each request would cost more than the
    /// rest of the bookkeeping.
    pub(super) alarm: Pin<Box<Sleep>>,
    /// When the connection was last given back. `None` while it is fresh.
    pub(super) rested_at: Option<Instant>,
    /// Whether it may serve a further request.
    pub(super) is_kept: bool,
}

/// The idle connections to one upstream.
#[derive(Debug)]
pub(super) struct Pool<B> {
    #[allow(clippy::vec_box, reason = "a request moves its connection several times")]
    idle: Mutex<Vec<Box<Link<B>>>>,
}

impl<B> Default for Pool<B> {
    fn default() -> Self {
        Self { idle: Mutex::default() }
    }
}

impl<B> Pool<B> {
    /// The connection that was used last, if it is open and was used since `oldest`.
    pub(super) fn take(&self, oldest: Instant) -> Option<Box<Link<B>>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(link) = idle.pop() {
            if link.rested_at.is_some_and(|since| since < oldest) {
                // The others have rested longer still, but may serve a request that is less choosy.
                if !link.sender.is_closed() {
                    idle.push(link);
                }
                return None;
            }
            if link.sender.is_ready() {
                return Some(link);
            }
        }
        None
    }

    fn put(&self, mut link: Box<Link<B>>) {
        let now = Instant::now();
        link.rested_at = Some(now);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(eldest) = idle.first() {
            let is_old = eldest.rested_at.is_some_and(|since| since + IDLE_AT_MOST < now);
            if idle.len() < IDLE_CONNECTIONS && !is_old {
                break;
            }
            idle.remove(0);
        }
        idle.push(link);
    }
}

/// A connection in use.
#[derive(Debug)]
pub(super) struct Lease<B> {
    link: Box<Link<B>>,
    pool: Arc<Pool<B>>,
}

impl<B: Send + 'static> Lease<B> {
    pub(super) fn new(link: Box<Link<B>>, pool: &Arc<Pool<B>>) -> Self {
        Self { link, pool: Arc::clone(pool) }
    }

    /// Ends the exchange. The connection is kept when it can serve another request, that is, when both
    /// the answer and the request are through.
    pub(super) fn give_back(self, upload: Option<&Progress>) {
        let Self { mut link, pool } = self;
        if let Some(upload) = upload.filter(|upload| !upload.is_done()) {
            upload.withdraw();
            return;
        }
        if !link.is_kept {
            return;
        }
        if link.sender.is_ready() {
            pool.put(link);
        } else if !link.sender.is_closed() {
            tokio::spawn(async move {
                if link.sender.ready().await.is_ok() {
                    pool.put(link);
                }
            });
        }
    }
}
