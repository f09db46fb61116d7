//! Spans that wait for the next export, with a bound.

use std::sync::{Mutex, MutexGuard, PoisonError};

use opentelemetry_sdk::trace::SpanData;
use prometheus::IntCounter;
use tokio::sync::Notify;

/// Spans on their way from the requests to the exporter.
#[derive(Debug)]
pub struct SpanQueue {
    state: Mutex<State>,
    capacity: usize,
    batch: usize,
    is_filled: Notify,
    lost: IntCounter,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<SpanData>,
    /// Taken by the exporter, and not yet gone.
    taken: usize,
}

impl SpanQueue {
    /// Holds at most `capacity` spans and wakes the exporter when `batch` of them wait. `lost` counts those
    /// that found no place.
    pub fn new(capacity: usize, batch: usize, lost: IntCounter) -> Self {
        Self { state: Mutex::default(), capacity, batch, is_filled: Notify::new(), lost }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a span, or counts it as lost. Never waits for an export.
    pub fn push(&self, span: SpanData) {
        let mut state = self.state();
        if state.waiting.len() + state.taken >= self.capacity {
            drop(state);
            self.lost.inc();
            return;
        }
        state.waiting.push(span);
        let is_batch = state.waiting.len() == self.batch;
        drop(state);
        if is_batch {
            self.is_filled.notify_one();
        }
    }

    /// Waits until a batch is there.
    pub async fn filled(&self) {
        self.is_filled.notified().await;
    }

    /// Everything that waits. It counts against the bound until it is [`done`](Self::done).
    pub fn take(&self) -> Vec<SpanData> {
        let mut state = self.state();
        let spans = std::mem::take(&mut state.waiting);
        state.taken += spans.len();
        spans
    }

    /// So many of those that were taken are gone, one way or the other.
    pub fn done(&self, spans: usize) {
        let mut state = self.state();
        state.taken = state.taken.saturating_sub(spans);
    }

    /// How many are here: those that wait and those that were taken.
    pub fn held(&self) -> usize {
        let state = self.state();
        state.waiting.len() + state.taken
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::time::UNIX_EPOCH;

    use opentelemetry::InstrumentationScope;
    use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status};
    use opentelemetry_sdk::trace::{SpanEvents, SpanLinks};

    use super::*;

    fn queue(capacity: usize, batch: usize) -> (SpanQueue, IntCounter) {
        let lost = IntCounter::new("lost", "lost").unwrap();
        (SpanQueue::new(capacity, batch, lost.clone()), lost)
    }

    fn span(name: &'static str) -> SpanData {
        SpanData {
            span_context: SpanContext::NONE,
            parent_span_id: SpanId::INVALID,
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: Cow::Borrowed(name),
            start_time: UNIX_EPOCH,
            end_time: UNIX_EPOCH,
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: InstrumentationScope::default(),
        }
    }

    #[test]
    fn what_was_taken_keeps_its_place_until_it_is_gone() {
        let (queue, lost) = queue(3, 2);
        for name in ["a", "b", "c", "d"] {
            queue.push(span(name));
        }
        let taken: Vec<_> = queue.take().into_iter().map(|span| span.name).collect();
        assert_eq!((taken, lost.get(), queue.held()), (vec!["a".into(), "b".into(), "c".into()], 1, 3));
        queue.push(span("e"));
        assert_eq!((lost.get(), queue.take().len()), (2, 0));
        queue.done(2);
        for name in ["f", "g", "h"] {
            queue.push(span(name));
        }
        assert_eq!((lost.get(), queue.held(), queue.take().len()), (3, 3, 2));
    }

    #[tokio::test]
    async fn whoever_waits_is_woken_by_a_whole_batch() {
        let (queue, _) = queue(10, 2);
        queue.push(span("a"));
        let mut filled = std::pin::pin!(queue.filled());
        let mut nobody = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(filled.as_mut().poll(&mut nobody).is_pending());
        queue.push(span("b"));
        filled.await;
    }
}
