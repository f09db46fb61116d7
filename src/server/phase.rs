//! How far a listener has come, as its connections see it.

use std::sync::atomic::{AtomicU8, Ordering};

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

    pub(super) fn set(&self, phase: Phase) {
        self.0.store(phase as u8, Ordering::Release);
    }
}
