//! The state while the sidecar runs: whether it can be trusted to remember.

use std::sync::Arc;
use std::time::Duration;

use crate::store::contract::{Ledger, StoreHealth};
use crate::telemetry::recorder::Telemetry;

/// How often the store's settings are looked at. Somebody may change them while it runs.
const CHECK_EVERY: Duration = Duration::from_secs(10);

/// Says what is wrong with the store: in the log at start and whenever that changes, and always as a
/// metric. Keeps nothing from starting. Never ends.
pub async fn watch(ledger: Arc<dyn Ledger>, telemetry: Arc<Telemetry>) {
    let mut told: Option<Vec<String>> = None;
    loop {
        match ledger.health().await {
            Ok(health) => {
                telemetry.metrics().set_store_may_evict(health.may_evict);
                if told.as_ref() != Some(&health.warnings) {
                    tell(&health);
                    told = Some(health.warnings);
                }
            }
            // Later failures are told, with the others, by the store that is watched.
            Err(error) if told.is_none() => {
                told = Some(Vec::new());
                tracing::warn!(error = %error, "the store does not answer yet: intercepted routes answer 503");
            }
            Err(_) => {}
        }
        tokio::time::sleep(CHECK_EVERY).await;
    }
}

fn tell(health: &StoreHealth) {
    for warning in &health.warnings {
        tracing::warn!(store = health.kind, "{warning}");
    }
}
