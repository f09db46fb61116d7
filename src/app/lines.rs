//! Log and audit lines: what has to be done about them now and then, and at the end.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::telemetry::recorder::Telemetry;

/// How often it is looked whether log lines were held back.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How long the last audit lines may take to be written.
const PATIENCE: Duration = Duration::from_secs(5);

/// Tells what floods have held back, and opens the audit file anew at SIGHUP. Never ends.
pub async fn tend(telemetry: Arc<Telemetry>) {
    let tell = async {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        loop {
            looks.tick().await;
            telemetry.tell_held_back(false);
        }
    };
    tokio::join!(tell, reopen_at_hangup(&telemetry));
}

async fn reopen_at_hangup(telemetry: &Telemetry) {
    let Some(audit) = telemetry.audit() else { return };
    match signal(SignalKind::hangup()) {
        Ok(mut hangup) => {
            while hangup.recv().await.is_some() {
                audit.reopen();
            }
        }
        Err(error) => {
            tracing::warn!(error = %error, "SIGHUP cannot be watched: the audit file is not opened anew")
        }
    }
}

/// Writes what is left.
pub fn finish(telemetry: &Telemetry) {
    telemetry.tell_held_back(true);
    if let Some(audit) = telemetry.audit()
        && !audit.close(PATIENCE)
    {
        tracing::error!("not all audit lines could be written before the end");
    }
}
