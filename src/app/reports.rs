//! What reports will tell, on its way from this process to the store: every few seconds, and once more at the end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::domain::id::InstanceId;
use crate::domain::ledger::counts::{AddOutcome, CountBatch};
use crate::store::contract::{Ledger, StoreError};
use crate::telemetry::recorder::Telemetry;

/// How often counts are written. So much is lost when the process is killed.
const WRITE_EVERY: Duration = Duration::from_secs(5);

/// How many writes there are in a minute.
const WRITES_IN_A_MINUTE: u64 = 60 / WRITE_EVERY.as_secs();

/// How long the last counts may take to be written.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long after a failure it is tried again at the end.
const RETRY_AFTER: Duration = Duration::from_millis(50);

/// The most keys of one batch, so that a decision never waits long for it.
const MOST_AT_ONCE: usize = 500;

/// Writes counts until it is stopped.
pub struct Reports {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Reports {
    /// Begins.
    pub fn start(ledger: Arc<dyn Ledger>, telemetry: Arc<Telemetry>, instance: InstanceId) -> Self {
        let (stop, stopped) = oneshot::channel();
        let writer = Writer { ledger, telemetry, instance, sequence: 0, unanswered: None };
        Self { stop, task: tokio::spawn(writer.run(stopped)) }
    }

    /// Writes what is left and ends.
    pub async fn stop(self) {
        let _ended = self.stop.send(());
        let _panicked = self.task.await;
    }
}

/// While the store is away there is one batch that waits for an answer, and the rest stays where it is
/// collected: a number for each name, however long it takes.
struct Writer {
    ledger: Arc<dyn Ledger>,
    telemetry: Arc<Telemetry>,
    instance: InstanceId,
    sequence: u64,
    /// Sent, perhaps added: it is sent again as it was, under its number, until the store says what became
    /// of it.
    unanswered: Option<CountBatch>,
}

impl Writer {
    async fn run(mut self, mut stopped: oneshot::Receiver<()>) {
        for turn in 0_u64.. {
            if turn.is_multiple_of(WRITES_IN_A_MINUTE) {
                self.telemetry.counts().beat();
            }
            if timeout(WRITE_EVERY, &mut stopped).await.is_ok() {
                break;
            }
            // The store that is watched tells why it fails.
            let _failed = self.write().await;
        }
        if timeout(PATIENCE, self.finish()).await.is_err() {
            tracing::warn!("the last counts for reports are lost: the store does not take them");
        }
    }

    /// Tries until everything is written: the runtime that drove the connection to the store may have ended
    /// just now.
    async fn finish(&mut self) {
        while self.write().await.is_err() {
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }

    /// Writes everything that was collected.
    async fn write(&mut self) -> Result<(), StoreError> {
        while let Some(batch) = self.next() {
            let added = self.ledger.add_counts(self.unanswered.insert(batch)).await?;
            self.telemetry.counts().learn(added.at);
            if added.value == AddOutcome::OutOfRange {
                tracing::warn!("counts of a day that the store does not keep are left out of reports");
            }
            self.unanswered = None;
        }
        Ok(())
    }

    fn next(&mut self) -> Option<CountBatch> {
        if let Some(batch) = self.unanswered.take() {
            return Some(batch);
        }
        let (day, counts) = self.telemetry.counts().take(MOST_AT_ONCE)?;
        self.sequence += 1;
        Some(CountBatch { instance: self.instance.clone(), sequence: self.sequence, day, counts })
    }
}
