//! Entries as lines of JSON: the mirror of `docs/audit.schema.json`, field by field in its order.

use std::time::Duration;

use serde::Serialize;

use super::entry::{Decision, Entry, Of, Operation, What};
use crate::domain::lockout::Lock;
use crate::domain::pseudonym::Pseudonyms;
use crate::domain::tally::Change;
use crate::telemetry::event::Settled;

/// The version of the schema. It grows when a field goes away or changes its meaning; fields may be
/// added under the same version.
pub const VERSION: u32 = 1;

/// A value before and after a decision.
#[derive(Debug, Serialize)]
struct Pair<T> {
    before: T,
    after: T,
}

/// One limit.
#[derive(Debug, Serialize)]
struct LimitLine<'a> {
    limit: &'a str,
    max: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<u32>,
}

/// Every field that a line can have.
#[derive(Debug, Default, Serialize)]
struct Line<'a> {
    v: u32,
    event: &'static str,
    time: String,
    #[serde(skip_serializing_if = "is_zero")]
    lost: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purpose: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failures: Option<Pair<u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lock: Option<Pair<Option<String>>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    limits: Vec<LimitLine<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    routes: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'static str>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Appends the line of an entry, with its line end.
pub fn write(entry: &Entry, names: &Pseudonyms, out: &mut Vec<u8>) {
    let line =
        Line { v: VERSION, time: entry.time.to_iso8601(), lost: entry.lost, ..line(&entry.what, names) };
    let begun = out.len();
    // Fails neither for the form of a line nor for the buffer.
    if serde_json::to_writer(&mut *out, &line).is_err() {
        out.truncate(begun);
        return;
    }
    out.push(b'\n');
}

fn line<'a>(what: &'a What, names: &Pseudonyms) -> Line<'a> {
    match what {
        What::Decision(decision) => of_decision(decision, names),
        What::Failed { of, reason } => Line { reason: Some(reason), ..about("failed", of, names) },
        What::Code { of, purpose, result } => {
            let line = Line { purpose: Some(purpose.as_str()), ..about("code", of, names) };
            match result {
                Ok((reference, ttl)) => Line {
                    result: Some("issued"),
                    reference: Some(names.reference(reference)),
                    expires_in: Some(ttl.as_secs()),
                    ..line
                },
                Err(reason) => Line { result: Some("not_issued"), reason: Some(reason), ..line },
            }
        }
        What::Settled { of, purpose, result, age } => Line {
            purpose: Some(purpose.as_str()),
            result: Some(settled(*result)),
            after_seconds: Some(seconds(*age)),
            ..about("settled", of, names)
        },
        What::Mail { request, purpose, kind, failure, attempt, after } => Line {
            event: "mail",
            decision_id: Some(request.as_str()),
            purpose: Some(purpose.as_str()),
            kind: Some(kind.as_str()),
            result: Some(if failure.is_none() { "accepted" } else { "given_up" }),
            reason: *failure,
            attempt: Some(*attempt),
            after_seconds: Some(seconds(*after)),
            ..Line::default()
        },
        What::Operation(operation) => of_operation(operation, names),
        What::Policy { hash, routes, rejected } => Line {
            event: "policy",
            result: Some(if *rejected { "rejected" } else { "loaded" }),
            policy: Some(hash.as_str()),
            routes: Some(*routes),
            ..Line::default()
        },
        What::Process { started } => Line {
            event: "process",
            result: Some(if *started { "started" } else { "stopped" }),
            version: Some(env!("CARGO_PKG_VERSION")),
            ..Line::default()
        },
    }
}

fn about<'a>(event: &'static str, of: &'a Of, names: &Pseudonyms) -> Line<'a> {
    Line {
        event,
        decision_id: Some(of.request.as_str()),
        trace_id: of.trace.as_deref(),
        route: Some(of.route.as_str()),
        subject: of.subject.as_ref().map(|subject| names.subject_as(of.forms.subject, subject)),
        ..Line::default()
    }
}

fn of_decision<'a>(decision: &'a Decision, names: &Pseudonyms) -> Line<'a> {
    let account = decision.tally.account.as_ref();
    let limits = decision.tally.limits.iter().map(|limit| LimitLine {
        limit: limit.limit.as_str(),
        max: limit.max,
        before: limit.used.map(|used| used.before),
        after: limit.used.map(|used| used.after),
    });
    Line {
        action: Some(decision.action),
        mode: Some("enforce"),
        purpose: decision.purpose.as_ref().map(|purpose| purpose.as_str()),
        reference: decision.reference.as_ref().map(|reference| names.reference(reference)),
        client: Some(names.client_as(decision.of.forms.client, decision.client)),
        outcome: Some(decision.outcome),
        reason: Some(decision.reason),
        code: decision.right.map(|right| if right { "right" } else { "wrong" }),
        rule: decision.rule.as_deref(),
        until: decision.until.map(|until| until.to_iso8601()),
        policy: Some(decision.policy.as_str()),
        failures: account.map(|of| Pair { before: of.failures.before, after: of.failures.after }),
        lock: account.map(|of| lock_pair(of.lock)),
        limits: limits.collect(),
        ..about("decision", &decision.of, names)
    }
}

fn of_operation<'a>(operation: &'a Operation, names: &Pseudonyms) -> Line<'a> {
    let forms = operation.forms;
    Line {
        event: "operation",
        subject: operation.subject.as_ref().map(|subject| names.subject_as(forms.subject, subject)),
        operation: Some(operation.word),
        by: Some(&operation.by),
        note: Some(&operation.note),
        purpose: operation.purpose.as_ref().map(|purpose| purpose.as_str()),
        reference: operation.reference.as_ref().map(|reference| names.reference(reference)),
        client: operation.client.map(|client| names.client_as(forms.client, client)),
        result: Some(operation.result),
        limit: operation.limit.as_ref().map(|limit| limit.as_str()),
        ..Line::default()
    }
}

fn lock_pair(lock: Change<Option<Lock>>) -> Pair<Option<String>> {
    let shown = |lock: Option<Lock>| match lock? {
        Lock::Until(until) => Some(until.to_iso8601()),
        Lock::Disabled => Some("disabled".to_owned()),
    };
    Pair { before: shown(lock.before), after: shown(lock.after) }
}

fn settled(result: Settled) -> &'static str {
    match result {
        Settled::Committed => "committed",
        Settled::Released => "released",
        Settled::Unknown => "unknown",
        Settled::Held => "held",
    }
}

/// Whole milliseconds, in seconds.
fn seconds(duration: Duration) -> f64 {
    duration.as_millis() as f64 / 1_000.0
}
