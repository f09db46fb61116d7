//! A request body on its way to the upstream: streamed as it arrives, held back until the upstream
//! asks for it when the client expects that, given up when the client stops sending or only drips.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

use super::failure::BodyError;
use super::headers;

/// How long a client that sent `Expect: 100-continue` waits when the upstream says nothing about it.
/// RFC 9110 (10.1.1) asks clients not to wait for ever; a backend that ignores the header must still
/// get the body.
const PATIENCE_FOR_CONTINUE: Duration = Duration::from_secs(1);

/// How many bytes of a body a client has to send in each upload timeout. Whoever sends less holds a place
/// and a connection to the upstream for next to nothing.
const LEAST: usize = 1024;

const HELD: u8 = 0;
const FLOWING: u8 = 1;
const DONE: u8 = 2;
const WITHDRAWN: u8 = 3;

/// What the exchange and its upload know of each other.
#[derive(Debug)]
pub(super) struct Progress {
    state: AtomicU8,
    frames: AtomicU32,
    waiting: AtomicU8,
    waker: AtomicWaker,
}

impl Progress {
    pub(super) fn new(held: bool) -> Arc<Self> {
        Arc::new(Self {
            state: AtomicU8::new(if held { HELD } else { FLOWING }),
            frames: AtomicU32::new(0),
            waiting: AtomicU8::new(0),
            waker: AtomicWaker::new(),
        })
    }

    /// The upstream asked for the body, or can no longer be expected to.
    pub(super) fn release(&self) {
        let released = self.state.compare_exchange(HELD, FLOWING, Ordering::AcqRel, Ordering::Relaxed);
        if released.is_ok() {
            self.waker.wake();
        }
    }

    /// Nobody wants the rest of the body any more. The connection that carries it ends.
    pub(super) fn withdraw(&self) {
        if self.state.swap(WITHDRAWN, Ordering::AcqRel) != DONE {
            self.waker.wake();
        }
    }

    /// Whether the last byte was handed over.
    pub(super) fn is_done(&self) -> bool {
        self.state.load(Ordering::Acquire) == DONE
    }

    /// How many frames were handed over so far.
    pub(super) fn frames(&self) -> u32 {
        self.frames.load(Ordering::Relaxed)
    }

    /// Whether it is the client's turn: the upstream would take more.
    pub(super) fn waits_for_client(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) == 1
    }

    fn finish(&self) {
        let _ = self.state.compare_exchange(FLOWING, DONE, Ordering::AcqRel, Ordering::Relaxed);
    }
}

/// The body of one request.
#[derive(Debug)]
pub(super) struct Upload {
    incoming: Incoming,
    progress: Arc<Progress>,
    stall: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    /// How much has come since the timer was set.
    received: usize,
}

impl Upload {
    pub(super) fn new(incoming: Incoming, progress: Arc<Progress>, stall: Duration) -> Self {
        Self { incoming, progress, stall, timer: None, received: 0 }
    }

    pub(super) fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }

    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        ready!(self.poll_permission(cx))?;
        match Pin::new(&mut self.incoming).poll_frame(cx) {
            Poll::Ready(Some(Ok(mut frame))) => {
                self.received += frame.data_ref().map_or(0, Bytes::len);
                self.progress.frames.fetch_add(1, Ordering::Relaxed);
                self.progress.waiting.store(0, Ordering::Relaxed);
                if let Some(trailers) = frame.trailers_mut() {
                    headers::clean_trailers(trailers);
                }
                if self.incoming.is_end_stream() {
                    self.progress.finish();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(BodyError::Broken(error)))),
            Poll::Ready(None) => {
                self.progress.finish();
                Poll::Ready(None)
            }
            Poll::Pending => {
                self.progress.waiting.store(1, Ordering::Relaxed);
                ready!(self.poll_stall(cx));
                Poll::Ready(Some(Err(BodyError::Stalled)))
            }
        }
    }

    /// Ready once the body may flow.
    fn poll_permission(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BodyError>> {
        if self.progress.state.load(Ordering::Acquire) == FLOWING {
            return Poll::Ready(Ok(()));
        }
        self.progress.waker.register(cx.waker());
        match self.progress.state.load(Ordering::Acquire) {
            WITHDRAWN => Poll::Ready(Err(BodyError::Withdrawn)),
            HELD => {
                let patience =
                    self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(PATIENCE_FOR_CONTINUE)));
                ready!(patience.as_mut().poll(cx));
                self.timer = None;
                self.progress.release();
                Poll::Ready(Ok(()))
            }
            _ => Poll::Ready(Ok(())),
        }
    }

    /// Ready when the client has sent too little for too long. One timer serves the whole body: it is
    /// only moved when it fires.
    fn poll_stall(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // Also learn of a withdrawal while the client is silent.
        self.progress.waker.register(cx.waker());
        let stall = self.stall;
        let timer = self.timer.get_or_insert_with(|| {
            self.received = 0;
            Box::pin(tokio::time::sleep(stall))
        });
        loop {
            ready!(timer.as_mut().poll(cx));
            // Everything that has come was handed over before. Where the upstream takes nothing, nobody
            // asks here, and what the client sends meanwhile waits and counts.
            if self.received < LEAST {
                return Poll::Ready(());
            }
            self.received = 0;
            timer.as_mut().reset(Instant::now() + stall);
        }
    }
}
