//! `/health` and `/readyz`, put together from what each part knows of itself.

use std::time::Duration;

use serde_json::{Value, json};

use crate::domain::id::PolicyHash;
use crate::domain::time::Timestamp;
use crate::store::contract::{StoreError, StoreHealth};

/// What is known of the way mail leaves.
#[derive(Debug, Clone, Default)]
pub struct EmailService {
    /// `up`, `down` or `unknown`.
    pub status: &'static str,
    /// Since when.
    pub since: Option<Timestamp>,
    /// When that was last checked.
    pub checked_at: Option<Timestamp>,
    /// The word for the latest failure.
    pub last_error: Option<&'static str>,
    /// When it happened.
    pub last_error_at: Option<Timestamp>,
}

/// What is known of the policies.
#[derive(Debug, Clone)]
pub struct PolicyState {
    /// The policy in force.
    pub hash: PolicyHash,
    /// How many routes it has.
    pub routes: usize,
    /// When it was last tried to load policies.
    pub at: Timestamp,
    /// Why that was rejected.
    pub error: Option<String>,
    /// All problems of its files, as a list.
    pub problems: Value,
}

/// Everything that `/health` tells.
#[derive(Debug)]
pub struct Health {
    /// What the store answered.
    pub state: Result<StoreHealth, StoreError>,
    /// The way mail leaves; `None` without a relay.
    pub email: Option<EmailService>,
    /// The policies.
    pub policy: PolicyState,
    /// The ids of the code keys, the signing one first.
    pub code_keys: Vec<String>,
    /// The same with prints of the keys: replicas with equal ones have equal keys.
    pub code_key_prints: Vec<String>,
    /// Whether a stop was asked for.
    pub draining: bool,
    /// How many messages wait in this process.
    pub messages: usize,
    /// How long the oldest of them has waited.
    pub oldest_message: Duration,
}

impl Health {
    /// Whether everything that people need in order to fund their wallets works.
    pub fn is_ok(&self) -> bool {
        let mail_works = self.email.as_ref().is_some_and(|email| email.status != "down");
        self.state.is_ok() && mail_works && self.policy.error.is_none() && !self.draining
    }

    /// The answer's body.
    pub fn to_json(&self) -> Value {
        json!({
            "status": if self.is_ok() { "ok" } else { "degraded" },
            "draining": self.draining,
            "version": env!("CARGO_PKG_VERSION"),
            "commit": env!("OTP_SIDECAR_COMMIT"),
            "state": state(&self.state),
            "email_service": self.email.as_ref().map_or_else(
                || json!({ "status": "unknown", "detail": "no relay is configured: start with --smtp" }),
                email,
            ),
            "outbox": { "messages": self.messages, "oldestSeconds": seconds(self.oldest_message) },
            "policy": policy(&self.policy),
            "codeKeys": self.code_keys,
            "codeKeyPrints": self.code_key_prints,
        })
    }
}

fn state(state: &Result<StoreHealth, StoreError>) -> Value {
    match state {
        Ok(health) => json!({
            "status": "up",
            "kind": health.kind,
            "latencySeconds": seconds(health.latency),
            "warnings": health.warnings,
        }),
        Err(error) => json!({ "status": "down", "reason": error.kind() }),
    }
}

fn email(email: &EmailService) -> Value {
    json!({
        "status": email.status,
        "since": email.since.map(Timestamp::to_iso8601),
        "checkedAt": email.checked_at.map(Timestamp::to_iso8601),
        "lastError": email.last_error,
        "lastErrorAt": email.last_error_at.map(Timestamp::to_iso8601),
    })
}

fn policy(policy: &PolicyState) -> Value {
    json!({
        "hash": policy.hash.as_str(),
        "routes": policy.routes,
        "lastReload": {
            "result": if policy.error.is_none() { "ok" } else { "rejected" },
            "at": policy.at.to_iso8601(),
            "error": policy.error,
        },
    })
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}
