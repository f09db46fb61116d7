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
