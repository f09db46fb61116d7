//! What `status` asks for, and what it makes of the answers.

use std::time::Duration;

use serde_json::Value;

use crate::cli::client::{Client, Refused};
use crate::cli::document::{list, number, text};
use crate::cli::report::gather::{Counted, of_days};
use crate::domain::checkup::recent::Recent;
use crate::domain::checkup::{Email, Observed};
use crate::domain::ledger::day::Day;
use crate::domain::time::{Clock as _, Timestamp};

/// The answers.
#[derive(Debug)]
pub(super) struct Seen {
    /// Who was asked.
    pub(super) place: String,
    /// What one sidecar says about itself; nothing without one.
    pub(super) health: Option<Value>,
    /// What the store holds, and what it says about itself; nothing while it does not answer.
    pub(super) inventory: Option<Value>,
    /// Pending codes and locked accounts by purpose.
    pub(super) census: Option<Value>,
    /// What went wrong lately.
    pub(super) recent: Option<Recent>,
}

/// Asks for everything. A store that does not answer is something to tell when a sidecar tells it; without one
/// there is nothing else to tell.
///
/// # Errors
/// When nobody answers, or the admin token is wrong.
pub(super) async fn gather(client: &Client) -> anyhow::Result<Seen> {
    let through_sidecar = matches!(client, Client::Admin(_));
    let health = if through_sidecar { Some(client.get("/health", &[]).await?) } else { None };
    let census = optional(client.get("/-/census", &[]).await, through_sidecar)?;
    let inventory = optional(client.get("/-/inventory", &[]).await, through_sidecar)?;
    let today = Day::of(crate::app::host::SystemClock.now());
    // Whichever day it is on the store's clock.
    let counted = optional(of_days(client, today.back(2), today.next()).await, through_sidecar)?;
    let recent = counted.map(|Counted { at, days }| Recent::of(&days, at));
    Ok(Seen { place: client.place(), health, inventory, census, recent })
}

/// Nothing, if the store did not answer and that is no reason to give up.
fn optional<T>(answer: anyhow::Result<T>, may_fail: bool) -> anyhow::Result<Option<T>> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) => {
            let is_store = error.downcast_ref::<Refused>().is_some_and(|it| it.word == "state_unavailable");
            if is_store && may_fail { Ok(None) } else { Err(error) }
        }
    }
}

impl Seen {
    /// What the rules are asked about.
    pub(super) fn observed(&self) -> Observed {
        let mut observed = Observed::default();
        if let Some(health) = &self.health {
            of_sidecar(&mut observed, health);
        }
        if let Some(inventory) = &self.inventory {
            of_store(&mut observed, inventory);
        }
        if let Some(census) = &self.census {
            let sum = |name: &str| {
                let numbers = list(census, "purposes").iter().map(|purpose| number(purpose, name));
                numbers.fold(0_u64, u64::saturating_add)
            };
            observed.pending = Some(sum("pending"));
            observed.locked = Some(sum("locked"));
        }
        if let Some(recent) = &self.recent {
            observed.errors = recent.errors.clone();
            observed.nobody_counts = self.health.is_none() && !recent.anybody_counts;
        }
        observed
    }

    /// What nobody could tell, as sentences.
    pub(super) fn unknown(&self) -> Vec<&'static str> {
        let mut unknown = Vec::new();
        if self.health.is_none() {
            unknown.push("Which policy is in force, whether e-mail works, how many messages wait and whether a sidecar is stopping: only a sidecar knows.");
        }
        if self.census.is_none() || self.inventory.is_none() || self.recent.is_none() {
            unknown.push("What the state holds, who is pending or locked, and which errors there were: the state does not answer.");
        }
        unknown
    }
}

fn of_sidecar(observed: &mut Observed, health: &Value) {
    let part = |name: &str| health.get(name).unwrap_or(&Value::Null);
    let state = part("state");
    if text(state, "status") == "down" {
        observed.store_down = Some(text(state, "reason").to_owned());
    }
    let email = part("email_service");
    observed.email = match text(email, "status") {
        "up" => Some(Email::Up),
        "down" => Some(Email::Down(text(email, "lastError").to_owned())),
        "unknown" if email.get("detail").is_some() => Some(Email::NoRelay),
        _ => Some(Email::NotTried),
    };
    observed.oldest_message = part("outbox").get("oldestSeconds").and_then(seconds);
    let reload = part("policy").get("lastReload").unwrap_or(&Value::Null);
    if text(reload, "result") == "rejected" {
        observed.rejected_policy = Some(text(reload, "error").to_owned());
    }
    observed.draining = part("draining").as_bool().unwrap_or(false);
}

fn of_store(observed: &mut Observed, inventory: &Value) {
    observed.store_latency = inventory.get("latencySeconds").and_then(seconds);
    let warnings = list(inventory, "warnings").iter().filter_map(Value::as_str);
    observed.store_warnings = warnings.map(str::to_owned).collect();
    observed.without_expiry = number(inventory, "withoutExpiry");
    observed.unknown_keys = number(inventory, "unknown");
    let Some(server) = inventory.get("server").filter(|server| server.is_object()) else { return };
    observed.evicted = server.get("evictedKeys").and_then(Value::as_u64);
    let most = server.get("maxMemory").and_then(Value::as_u64).filter(|most| *most > 0);
    observed.memory = server.get("usedMemory").and_then(Value::as_u64).zip(most);
    let persistence = server.get("persistence").unwrap_or(&Value::Null);
    let is = |name: &str, value: bool| persistence.get(name).and_then(Value::as_bool) == Some(value);
    observed.fails_to_persist = is("aofOk", false) || is("rdbOk", false);
    observed.forgets = is("aof", false) && persistence.get("save").and_then(Value::as_str) == Some("");
}

/// A duration out of a number of seconds, if it is one.
pub(super) fn seconds(value: &Value) -> Option<Duration> {
    value.as_f64().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
}

/// A point in time of a document, in one of its parts.
pub(super) fn moment(document: &Value, part: &str, name: &str) -> Option<Timestamp> {
    crate::cli::moment::of(document.get(part)?, name)
}
