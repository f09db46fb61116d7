//! What the store tells, and the rules in force, as documents.

use std::time::Duration;

use serde_json::{Value, json};

use super::rules::{LimitInForce, PurposeInForce, Rules};
use crate::domain::challenge::Phase;
use crate::domain::ledger::limits::Usage;
use crate::domain::ledger::page::Page;
use crate::domain::ledger::trail::Record;
use crate::domain::ledger::view::{AccountView, ChallengeView, CodeView, LockView};
use crate::domain::lockout::{Account, Lock};
use crate::domain::time::Timestamp;
use crate::domain::window::Count;

/// Whole milliseconds, in seconds.
fn seconds(duration: Duration) -> f64 {
    duration.as_millis() as f64 / 1_000.0
}

/// One page under a name of its own.
pub(super) fn page<T>(name: &str, page: &Page<T>, view: impl Fn(&T) -> Value) -> Value {
    json!({
        "at": page.at.to_iso8601(),
        name: page.entries.iter().map(view).collect::<Vec<_>>(),
        "nextCursor": page.next.as_ref().map(|cursor| cursor.to_text()),
    })
}

/// A lock in force: until when, or until somebody clears it.
fn locked_until(lock: Option<Lock>) -> Option<String> {
    match lock {
        Some(Lock::Until(until)) => Some(until.to_iso8601()),
        Some(Lock::Disabled) | None => None,
    }
}

/// The failures of a subject and purpose. The end of a lock that is over is told too.
pub(super) fn account(account: &Account, lock: Option<Lock>) -> Value {
    let ended = Some(account.locked_until).filter(|until| lock.is_none() && *until > Timestamp::default());
    json!({
        "locked": lock.is_some(),
        "lockedUntil": locked_until(lock),
        "disabled": lock == Some(Lock::Disabled),
        "failures": account.failures,
        "consecutiveFailures": account.consecutive,
        "locksInARow": account.level,
        "lastLockEnded": ended.map(Timestamp::to_iso8601),
    })
}

/// One who is locked.
pub(super) fn lock(view: &LockView) -> Value {
    let mut document = json!({ "subject": view.subject.as_str(), "purpose": view.purpose.as_str() });
    extend(&mut document, account(&view.account, Some(view.lock)));
    document
}

fn code(view: &CodeView, at: Timestamp) -> Value {
    json!({
        "issuedAt": view.issued_at.to_iso8601(),
        "expiresAt": view.expires_at.to_iso8601(),
        "expired": view.expires_at <= at,
        "key": view.key.as_str(),
    })
}

/// The word of a phase.
pub(super) fn phase(phase: &Phase) -> &'static str {
    match phase {
        Phase::Live => "live",
        Phase::Reserved(_) => "reserved",
        Phase::Consumed => "consumed",
        Phase::Superseded => "superseded",
    }
}

/// One pending challenge.
pub(super) fn challenge(view: &ChallengeView, at: Timestamp) -> Value {
    let held_by = match &view.phase {
        Phase::Reserved(request) => Some(request.as_str()),
        _ => None,
    };
    json!({
        "subject": view.subject.as_str(),
        "purpose": view.purpose.as_str(),
        "reference": view.reference.as_str(),
        "phase": phase(&view.phase),
        "heldBy": held_by,
        "expiresAt": view.codes.last().map(|code| code.expires_at.to_iso8601()),
        "codes": view.codes.iter().map(|view| code(view, at)).collect::<Vec<_>>(),
    })
}

/// Everything about one subject and purpose.
pub(super) fn standing(view: &AccountView, at: Timestamp) -> Value {
    let mut document = json!({ "purpose": view.purpose.as_str() });
    extend(&mut document, account(&view.account, view.lock));
    let pending = view.challenge.as_ref().map(|view| challenge(view, at));
    extend(&mut document, json!({ "challenge": pending }));
    document
}

/// The rules of a policy.
pub(super) fn rules(rules: &Rules) -> Value {
    json!({
        "policy": rules.hash.as_str(),
        "purposes": rules.purposes.iter().map(purpose).collect::<Vec<_>>(),
        "limits": rules.limits.iter().map(limit).collect::<Vec<_>>(),
    })
}

fn purpose(rule: &PurposeInForce) -> Value {
    json!({
        "purpose": rule.name.as_str(),
        "digits": rule.digits,
        "ttlSeconds": seconds(rule.ttl),
        "live": rule.live,
        "cooldownSeconds": seconds(rule.cooldown),
        "lockout": {
            "after": rule.lockout.after,
            "forSeconds": seconds(rule.lockout.lock_for),
            "escalate": rule.lockout.escalate,
            "atMostSeconds": seconds(rule.lockout.at_most),
            "disableAfter": rule.lockout.disable_after,
        },
    })
}

fn limit(rule: &LimitInForce) -> Value {
    json!({
        "limit": rule.name.as_str(),
        "max": rule.max,
        "perSeconds": seconds(rule.per),
        "by": rule.by(),
        "count": count(rule.count),
        "usedBy": rule.used_by,
    })
}

/// The word of the policy.
fn count(count: Count) -> &'static str {
    match count {
        Count::All => "all",
        Count::Failures => "failures",
    }
}

/// How full a limit is.
pub(super) fn usage(usage: &Usage, rules: &Rules) -> Value {
    let rule: Option<&LimitInForce> = rules.limits.iter().find(|rule| rule.name == usage.limit);
    json!({
        "limit": usage.limit.as_str(),
        "purpose": usage.owner.purpose.as_ref().map(|purpose| purpose.as_str()),
        "used": usage.used,
        "max": usage.max,
        "perSeconds": rule.map(|rule| seconds(rule.per)),
        "by": rule.map(LimitInForce::by),
        "count": rule.map(|rule| count(rule.count)),
        "full": usage.opens_at.is_some(),
        "opensAt": usage.opens_at.map(Timestamp::to_iso8601),
        "emptiesAt": usage.empties_at.map(Timestamp::to_iso8601),
    })
}

/// What somebody did.
pub(super) fn record(record: &Record) -> Value {
    json!({
        "at": record.at.to_iso8601(),
        "operation": record.action.as_str(),
        "changed": record.changed,
        "subject": record.subject.as_ref().map(|subject| subject.as_str()),
        "purpose": record.purpose.as_ref().map(|purpose| purpose.as_str()),
        "reference": record.reference.as_ref().map(|reference| reference.as_str()),
        "limit": record.limit.as_ref().map(|limit| limit.as_str()),
        "client": record.client.map(|client| client.to_string()),
        "by": record.operation.by.as_str(),
        "reason": record.operation.reason.as_str(),
    })
}

/// Adds the fields of another document.
pub(super) fn extend(document: &mut Value, more: Value) {
    if let (Some(fields), Value::Object(more)) = (document.as_object_mut(), more) {
        fields.extend(more);
    }
}
