//! What operators see of people and do for them: the calls of the admin listener that need its token.
//!
//! The same calls are answered without a listener, by a command that goes straight to the store, so
//! nothing here knows sockets or tokens. What a change does is the store's business, in one step with a
//! record of who asked and why; here it is told to the log and the audit log too.

mod accounts;
mod census;
mod challenges;
mod counts;
mod explain;
mod input;
mod inventory;
mod limits;
mod locks;
pub mod rules;
mod trail;
mod view;

use std::sync::Arc;

use http::Method;
use serde_json::Value;

use crate::domain::keyring::Keyring;
use crate::domain::ledger::trail::{Action, Record};
use crate::server::admin::reply::{Call, Refused, Reply};
use crate::store::contract::{Store, StoreError};
use crate::telemetry::event::{Event, Intervention};
use crate::telemetry::recorder::Telemetry;
use rules::{Rulebook, Rules};

/// The most bytes that the body of a call may have.
pub const LONGEST_BODY: usize = 64 * 1024;

/// Answers the calls.
pub struct Operations {
    /// What is remembered.
    pub store: Arc<dyn Store>,
    /// The rules in force.
    pub rulebook: Arc<dyn Rulebook>,
    /// The keys of the codes, if there are any here.
    pub keyring: Option<Arc<Keyring>>,
    /// What becomes visible.
    pub telemetry: Arc<Telemetry>,
}

impl Operations {
    /// Answers one call.
    pub async fn answer(&self, call: &Call<'_>) -> Reply {
        self.dispatch(call).await.map_or_else(Reply::from, Reply::ok)
    }

    async fn dispatch(&self, call: &Call<'_>) -> Result<Value, Refused> {
        match call.path {
            "/-/locks" => self.locks(reading(call)?).await,
            "/-/locks/clear" => self.clear_locks(changing(call)?).await,
            "/-/accounts" => self.account(reading(call)?).await,
            "/-/challenges" => self.challenges(reading(call)?).await,
            "/-/challenges/revoke" => self.revoke_challenge(changing(call)?).await,
            "/-/limits" => self.limits(reading(call)?),
            "/-/limits/usage" => self.usage(reading(call)?).await,
            "/-/limits/reset" => self.reset_limits(changing(call)?).await,
            "/-/explain/code" => self.explain_code(changing(call)?).await,
            "/-/census" => self.census(reading(call)?).await,
            "/-/counts" => self.counts(reading(call)?).await,
            "/-/inventory" => self.inventory(reading(call)?).await,
            "/-/cleanup" => self.clean_up(changing(call)?).await,
            "/-/operations" => self.operations(reading(call)?).await,
            _ => Err(Refused::NotFound),
        }
    }

    fn rules(&self) -> Arc<Rules> {
        self.rulebook.rules()
    }

    /// Tells what an operator changed. The store has it in its trail already.
    fn tell(&self, record: &Record, rules: &Rules) {
        let result = if record.changed { "changed" } else { "unchanged" };
        self.tell_intervention(&Intervention { result, ..intervention(record, rules) });
    }

    /// What follows from an error of the store. Unless the changes of these records were surely not made, they
    /// are told as changes of which nobody knows.
    fn failed(&self, error: StoreError, asked: &[Record], rules: &Rules) -> Refused {
        let Some(action) = asked.first().map(|record| record.action) else { return Refused::Store(error) };
        // What takes several steps may have made the first of them.
        let takes_one_step = asked.len() == 1 && action != Action::Sweep;
        if error.is_unsent() && takes_one_step {
            return Refused::Store(error);
        }
        for record in asked {
            let unknown = Intervention { at: None, result: "unknown", ..intervention(record, rules) };
            self.tell_intervention(&unknown);
        }
        Refused::Unknown { error, look: look(action) }
    }

    fn tell_intervention(&self, intervention: &Intervention<'_>) {
        self.telemetry.emit(&Event::Operated { intervention });
    }
}

/// A record as it is told, but for its result.
fn intervention<'a>(record: &'a Record, rules: &Rules) -> Intervention<'a> {
    Intervention {
        at: Some(record.at),
        operation: record.action.as_str(),
        result: "unchanged",
        by: record.operation.by.as_str(),
        reason: record.operation.reason.as_str(),
        subject: record.subject.as_ref(),
        purpose: record.purpose.as_ref(),
        reference: record.reference.as_ref(),
        limit: record.limit.as_ref(),
        client: record.client,
        forms: rules.forms,
    }
}

/// The command that shows whether a change was made.
fn look(action: Action) -> &'static str {
    match action {
        Action::Clear => "otp-sidecar locks show --subject …",
        Action::Revoke => "otp-sidecar challenges list --subject …",
        Action::Reset => "otp-sidecar limits show …",
        Action::Sweep => "otp-sidecar cleanup --dry-run",
    }
}

/// A call that changes nothing.
fn reading<'a, 'c>(call: &'a Call<'c>) -> Result<&'a Call<'c>, Refused> {
    if matches!(*call.method, Method::GET | Method::HEAD) {
        Ok(call)
    } else {
        Err(Refused::Method("GET, HEAD"))
    }
}

/// A call that changes something.
fn changing<'a, 'c>(call: &'a Call<'c>) -> Result<&'a Call<'c>, Refused> {
    if *call.method == Method::POST { Ok(call) } else { Err(Refused::Method("POST")) }
}
