//! Whether e-mail works, as far as is known: from the last real attempts, and from a check of its
//! own when there were none for a while.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::delivery::channel::{Channel, DeliveryError, FailureKind, FailureReason};
use crate::domain::time::{Clock, Timestamp};

/// What is known about a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ServiceStatus {
    /// The last contact went well.
    Up,
    /// The last contact failed.
    Down,
    /// There was no contact yet.
    #[default]
    Unknown,
}

impl ServiceStatus {
    /// The word in `/health`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Unknown => "unknown",
        }
    }
}

/// The part of `/health` that speaks of e-mail.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EmailReport {
    /// Up, down or unknown.
    pub status: ServiceStatus,
    /// Since when it has that status.
    pub since: Option<Timestamp>,
    /// When it was last known.
    pub checked_at: Option<Timestamp>,
    /// Why the last failure happened, also if it is over.
    pub last_error: Option<FailureReason>,
    /// When that was.
    pub last_error_at: Option<Timestamp>,
}

/// Keeps the [`EmailReport`] fresh.
pub struct EmailHealth {
    channel: Arc<dyn Channel>,
    clock: Arc<dyn Clock>,
    report: Mutex<EmailReport>,
}

impl EmailHealth {
    /// How old knowledge may be before the relay is asked.
    pub const CHECK_EVERY: Duration = Duration::from_secs(30);

    /// Nothing is known yet.
    pub fn new(channel: Arc<dyn Channel>, clock: Arc<dyn Clock>) -> Self {
        Self { channel, clock, report: Mutex::default() }
    }

    /// What is known now. Never waits for the relay.
    pub fn report(&self) -> EmailReport {
        self.lock().clone()
    }

    /// Learns from a real attempt. A relay that refuses one message is up.
    pub fn observe(&self, result: Result<(), &DeliveryError>) {
        let now = self.clock.now();
        let mut report = self.lock();
        let status = match result {
            Err(error) if error.kind == FailureKind::Connection => ServiceStatus::Down,
            _ => ServiceStatus::Up,
        };
        if let Err(error) = result {
            report.last_error = Some(error.reason);
            report.last_error_at = Some(now);
        }
        let before = report.status;
        if before != status {
            report.status = status;
            report.since = Some(now);
        }
        report.checked_at = Some(now);
        drop(report);
        match result {
            Err(error) if status == ServiceStatus::Down && before != status => {
                tracing::error!(
                    reason = error.reason.as_str(),
                    detail = error.detail,
                    "e-mail does not work"
                );
            }
            _ if status == ServiceStatus::Up && before == ServiceStatus::Down => {
                tracing::info!("e-mail works again");
            }
            _ => {}
        }
    }

    /// Asks the relay now.
    pub async fn check(&self) {
        let result = self.channel.probe().await;
        self.observe(result.as_ref().copied());
    }

    /// Asks the relay at once, and again whenever nothing was heard of it for `every`. Never ends.
    pub async fn run(&self, every: Duration) {
        loop {
            let age = self.report().checked_at.map(|at| self.clock.now().since(at));
            match age {
                Some(age) if age < every => tokio::time::sleep(every.saturating_sub(age)).await,
                _ => self.check().await,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, EmailReport> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
