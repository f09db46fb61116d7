//! Waiting for a condition instead of for a time.

use std::time::Duration;

use tokio::time::Instant;

/// How soon what the design promises to come back by itself must be back.
pub const RECOVERY: Duration = Duration::from_secs(5);

/// Asks again and again until the answer is yes. Fails after `within`.
pub async fn until(what: &str, within: Duration, mut is_so: impl AsyncFnMut() -> bool) {
    let give_up = Instant::now() + within;
    while !is_so().await {
        assert!(Instant::now() < give_up, "not within {within:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The middle one of several measurements: what is usual, whatever a busy machine did to one of them.
pub fn usual(measured: &[Duration]) -> Duration {
    let mut sorted = measured.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() / 2]
}
