//! The thread that makes lines of entries and hands them to the system.
//!
//! Entries that have come together are written together. What the disk does not take stays here and is
//! tried again; meanwhile the queue fills, and then those who have something to tell lose it, counted.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::entry::{Entry, What};
use super::line;
use super::order::{LineCounters, Order, Signals};
use super::sink::Sink;
use crate::domain::pseudonym::Pseudonyms;
use crate::domain::time::Clock;

/// How often the file is looked after, and how soon a failed write is tried again.
const TEND_EVERY: Duration = Duration::from_secs(1);

/// The most bytes that are gathered for one write.
const BATCH: usize = 64 * 1024;

/// How often, at the most, the log is told that the disk takes nothing.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// Whole lines that wait for one write.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    lines: u64,
    /// How many lines were lost before them, as they say.
    lost: u64,
}

/// Writes until it is told to stop.
pub(super) struct Writer {
    orders: Receiver<Order>,
    signals: Arc<Signals>,
    sink: Sink,
    names: Arc<Pseudonyms>,
    counters: LineCounters,
    clock: Arc<dyn Clock>,
    batch: Batch,
    /// Lost here, after they left the queue.
    lost: u64,
    /// Lost, as written lines have said, and not told in the log yet.
    missing: u64,
    tended: Instant,
    failing: bool,
    told: Option<Instant>,
}

impl Writer {
    pub fn new(
        orders: Receiver<Order>,
        signals: Arc<Signals>,
        sink: Sink,
        names: Arc<Pseudonyms>,
        counters: LineCounters,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let batch = Batch::default();
        let tended = Instant::now();
        Self {
            orders,
            signals,
            sink,
            names,
            counters,
            clock,
            batch,
            lost: 0,
            missing: 0,
            tended,
            failing: false,
            told: None,
        }
    }

    /// Runs until it is told to stop, or nobody is left who could tell.
    pub fn run(mut self) {
        while !self.batch.bytes.is_empty() || self.gather() {
            if self.signals.reopen.swap(false, Ordering::AcqRel) {
                self.sink.reopen();
            }
            let flushed = self.flush();
            if self.tended.elapsed() >= TEND_EVERY {
                self.tended = Instant::now();
                self.sink.tend();
            }
            if !flushed && self.is_stopping() {
                break;
            }
            if !flushed {
                std::thread::sleep(TEND_EVERY);
            }
        }
        self.end();
    }

    fn is_stopping(&self) -> bool {
        self.signals.stop.load(Ordering::Acquire)
    }

    /// Waits for something to do, then takes what else has come. `false` when there will be no more.
    fn gather(&mut self) -> bool {
        let first = if self.is_stopping() {
            self.orders.try_recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            self.orders.recv_timeout(TEND_EVERY.saturating_sub(self.tended.elapsed()))
        };
        match first {
            Ok(order) => self.take(order),
            Err(RecvTimeoutError::Timeout) => {
                self.calm();
                return true;
            }
            Err(RecvTimeoutError::Disconnected) => return false,
        }
        while self.batch.bytes.len() < BATCH {
            match self.orders.try_recv() {
                Ok(order) => self.take(order),
                Err(_) => break,
            }
        }
        true
    }

    fn take(&mut self, order: Order) {
        if let Order::Write(mut entry) = order {
            entry.lost += std::mem::take(&mut self.lost);
            self.add(&entry);
        }
    }

    fn add(&mut self, entry: &Entry) {
        self.batch.lost += entry.lost;
        self.batch.lines += 1;
        line::write(entry, &self.names, &mut self.batch.bytes);
    }

    /// Hands the batch to the system. `false` when it was not taken, and waits here.
    fn flush(&mut self) -> bool {
        if self.batch.bytes.is_empty() {
            return true;
        }
        match self.sink.append(&self.batch.bytes) {
            Ok(()) => {
                self.written();
                self.forget();
                true
            }
            Err(error) => {
                self.tell(&error);
                if !self.sink.can_repeat() {
                    self.lost += self.batch.lines + self.batch.lost;
                    self.counters.dropped.inc_by(self.batch.lines);
                    self.forget();
                }
                self.failing = self.sink.can_repeat();
                false
            }
        }
    }

    fn forget(&mut self) {
        self.batch.bytes.clear();
        self.batch.bytes.shrink_to(BATCH);
        (self.batch.lines, self.batch.lost) = (0, 0);
    }

    fn written(&mut self) {
        self.counters.written.inc_by(self.batch.lines);
        self.missing += self.batch.lost;
        if std::mem::take(&mut self.failing) {
            tracing::warn!("audit lines are written again");
        }
    }

    /// Nothing waits: what was lost meanwhile is told, and the next loss is news again.
    fn calm(&mut self) {
        self.signals.told.store(false, Ordering::Release);
        let lost = std::mem::take(&mut self.missing);
        if lost > 0 {
            tracing::error!(lost, "audit lines were lost; those that were written next say so");
        }
    }

    fn tell(&mut self, error: &std::io::Error) {
        if self.told.is_none_or(|at| at.elapsed() >= TELL_EVERY) {
            self.told = Some(Instant::now());
            tracing::error!(error = %error, "audit lines cannot be written: they wait, and then are lost");
        }
    }

    /// The last line, and a last look at what could not be written.
    fn end(mut self) {
        if self.batch.bytes.is_empty() || self.flush() {
            let lost = std::mem::take(&mut self.lost) + self.signals.lost.swap(0, Ordering::AcqRel);
            let time = self.clock.now();
            self.add(&Entry { time, lost, what: What::Process { started: false } });
            self.flush();
        }
        self.calm();
        self.sink.finish();
        if !self.batch.bytes.is_empty() {
            self.counters.dropped.inc_by(self.batch.lines);
            self.signals.lost.fetch_add(self.batch.lines + self.batch.lost, Ordering::AcqRel);
        }
    }
}
