//! The way from those who have something to tell to the thread that writes it: it never waits.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::entry::{self, Entry, What};
use super::order::{LineCounters, Order, Signals};
use super::settings::{AuditError, AuditSettings, Destination};
use super::sink::Sink;
use super::writer::Writer;
use crate::domain::pseudonym::Pseudonyms;
use crate::domain::time::{Clock, Timestamp};
use crate::telemetry::event::Event;

/// The audit log, as its writers see it.
pub struct Audit {
    orders: SyncSender<Order>,
    signals: Arc<Signals>,
    counters: LineCounters,
    clock: Arc<dyn Clock>,
    ended: Mutex<Receiver<()>>,
}

impl Audit {
    /// Opens the destination and starts the thread.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn start(
        settings: &AuditSettings,
        names: Arc<Pseudonyms>,
        clock: Arc<dyn Clock>,
        counters: LineCounters,
    ) -> Result<Self, AuditError> {
        let sink = match &settings.destination {
            Destination::Stdout => Sink::stdout(),
            Destination::File(path) => Sink::file(path, settings, Arc::clone(&clock))?,
        };
        let (orders, received) = sync_channel(settings.queue);
        let (end, ended) = sync_channel(1);
        let signals = Arc::new(Signals::default());
        let writer =
            Writer::new(received, Arc::clone(&signals), sink, names, counters.clone(), Arc::clone(&clock));
        std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || {
                writer.run();
                // Nobody waits any more when the deadline has passed.
                let _unheard = end.send(());
            })
            .map_err(AuditError::Thread)?;
        let audit = Self { orders, signals, counters, clock, ended: Mutex::new(ended) };
        audit.put(None, What::Process { started: true });
        Ok(audit)
    }

    /// Tells what happened, if the audit log tells such things.
    pub fn note(&self, event: &Event<'_>) {
        if let Some((time, what)) = entry::of(event) {
            self.put(time, what);
        }
    }

    /// Opens the file anew, for whoever has moved it away.
    pub fn reopen(&self) {
        self.signals.reopen.store(true, Ordering::Release);
        self.wake();
    }

    /// Writes what waits. Says whether everything was written within `patience`.
    pub fn close(&self, patience: Duration) -> bool {
        self.signals.stop.store(true, Ordering::Release);
        self.wake();
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.recv_timeout(patience).is_ok() && self.signals.lost.load(Ordering::Acquire) == 0
    }

    fn put(&self, time: Option<Timestamp>, what: What) {
        let time = time.unwrap_or_else(|| self.clock.now());
        let lost = self.signals.lost.swap(0, Ordering::AcqRel);
        match self.orders.try_send(Order::Write(Box::new(Entry { time, lost, what }))) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.signals.lost.fetch_add(lost + 1, Ordering::AcqRel);
                self.counters.dropped.inc();
                if !self.signals.told.swap(true, Ordering::AcqRel) {
                    tracing::error!("audit lines are being lost: they are not written as fast as they come");
                }
            }
        }
    }

    fn is_closed(&self) -> bool {
        self.signals.stop.load(Ordering::Acquire)
    }

    /// When the queue is full, the writer is awake.
    fn wake(&self) {
        let _awake = self.orders.try_send(Order::Wake);
    }
}

impl Drop for Audit {
    /// A start that is refused later has told that it began.
    fn drop(&mut self) {
        if !self.is_closed() {
            self.close(Duration::from_secs(1));
        }
    }
}
