//! What passes between those who have something to tell and the thread that writes it.

use std::sync::atomic::{AtomicBool, AtomicU64};

use prometheus::IntCounter;

use super::entry::Entry;

/// Counters of lines.
#[derive(Debug, Clone)]
pub struct LineCounters {
    /// Lines that were handed to the system.
    pub written: IntCounter,
    /// Lines that were lost.
    pub dropped: IntCounter,
}

/// What the writer is handed.
pub(super) enum Order {
    /// Write this.
    Write(Box<Entry>),
    /// Look at the signals.
    Wake,
}

/// What both sides see.
#[derive(Debug, Default)]
pub(super) struct Signals {
    /// The file is to be opened anew.
    pub reopen: AtomicBool,
    /// Write what waits, then end.
    pub stop: AtomicBool,
    /// Lines lost since the last one that was queued.
    pub lost: AtomicU64,
    /// Whether the log has been told that lines are being lost.
    pub told: AtomicBool,
}
