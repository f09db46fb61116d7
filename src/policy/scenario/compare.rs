//! What was expected beside what came.

use serde_json::Value;

use super::{Expectation, Locked, Mail, Want};
use crate::domain::id::Purpose;
use crate::domain::lockout::Lock;
use crate::domain::outbox::Message;
use crate::domain::time::Timestamp;
use crate::policy::caller::Caller;
use crate::policy::diagnostic::At;
use crate::policy::exchange::{Exchange, Stage};
use crate::policy::scalar::show_span;

/// Something that is not as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where the expectation stands.
    pub at: At,
    /// What it is about, as the file names it.
    pub what: String,
    /// What was expected.
    pub expected: String,
    /// What came.
    pub actual: String,
}

impl Difference {
    /// A step that could not be made.
    pub fn impossible(at: At, problem: String) -> Self {
        Self {
            at,
            what: "step".to_owned(),
            expected: "a request that can be made".to_owned(),
            actual: problem,
        }
    }
}

/// Everything that is not as expected.
pub fn differences(
    expectations: &[Expectation],
    exchange: &Exchange,
    caller: Option<&Caller>,
    stage: &mut Stage<'_>,
    now: Timestamp,
) -> Vec<Difference> {
    let body: Value = serde_json::from_slice(exchange.response.body()).unwrap_or_default();
    let mut found = Vec::new();
    for Expectation { at, want } in expectations {
        let mut compare = |what: &str, expected: String, actual: String| {
            if expected != actual {
                found.push(Difference { at: *at, what: what.to_owned(), expected, actual });
            }
        };
        match want {
            Want::Status(status) => {
                compare("status", status.to_string(), exchange.response.status().as_u16().to_string());
            }
            Want::Error(word) => {
                let actual = body.get("error").and_then(Value::as_str);
                compare("error", shown(word.as_deref()), shown(actual));
            }
            Want::Rule(rule) => compare("rule", shown(rule.as_deref()), shown(exchange.rule.as_deref())),
            Want::Route(route) => {
                let actual = exchange.route.as_ref().map(|route| route.name.as_str());
                compare("route", shown(route.as_deref()), shown(actual));
            }
            Want::Header(name, value) => {
                let actual =
                    exchange.response.headers().get(name).map(|value| value.to_str().unwrap_or("(binary)"));
                compare(&format!("headers.{name}"), shown(value.as_deref()), shown(actual));
            }
            Want::Field(path, value) => {
                let actual =
                    path.iter().try_fold(&body, |value, name| value.get(name)).unwrap_or(&Value::Null);
                compare(&format!("body.{}", path.join(".")), value.to_string(), actual.to_string());
            }
            Want::Forwarded(forwarded) => {
                compare("upstream", forwarding(*forwarded), forwarding(exchange.forwarded));
            }
            Want::Lock(lock, purpose) => {
                let actual = account(stage, exchange, caller, purpose.as_deref(), now)
                    .map_or_else(|problem| problem, |standing| lock_now(standing.lock, now));
                compare("lock", locked(*lock), actual);
            }
            Want::Failures(failures, purpose) => {
                let actual = account(stage, exchange, caller, purpose.as_deref(), now)
                    .map_or_else(|problem| problem, |standing| standing.failures.to_string());
                compare("failures", failures.to_string(), actual);
            }
            Want::Mails(mails) => found.extend(mail_differences(*at, mails, &exchange.messages)),
        }
    }
    found
}

fn shown(text: Option<&str>) -> String {
    text.unwrap_or("none").to_owned()
}

fn forwarding(forwarded: bool) -> String {
    if forwarded { "asked" } else { "not asked" }.to_owned()
}

fn locked(lock: Locked) -> String {
    match lock {
        Locked::Free => "none".to_owned(),
        Locked::For(span) => format!("for {}", show_span(span)),
        Locked::Disabled => "disabled".to_owned(),
    }
}

fn lock_now(lock: Option<Lock>, now: Timestamp) -> String {
    match lock {
        None => "none".to_owned(),
        Some(Lock::Disabled) => "disabled".to_owned(),
        Some(Lock::Until(until)) => format!("for {}", show_span(until.since(now))),
    }
}

/// Where caller and purpose stand now. The purpose is the one that is written, or the request's, or the only one.
fn account(
    stage: &mut Stage<'_>,
    exchange: &Exchange,
    caller: Option<&Caller>,
    written: Option<&str>,
    now: Timestamp,
) -> Result<crate::domain::admit::Standing, String> {
    let Some(caller) = caller else { return Err("the request has no caller".to_owned()) };
    let mut names = stage.policy.purposes.keys();
    let only = match (names.next(), names.next()) {
        (Some(only), None) => Some(only.clone()),
        _ => None,
    };
    let purpose = match written {
        Some(name) => Purpose::parse(name).ok().filter(|name| stage.policy.purposes.contains_key(name)),
        None => exchange.purpose.clone().or(only),
    };
    match purpose {
        Some(purpose) => Ok(stage.standing(&caller.subject, &purpose, now)),
        None => Err("of no purpose that is known: write `purpose:`".to_owned()),
    }
}

fn mail_differences(at: At, wanted: &[Mail], messages: &[Message]) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut compare = |what: String, expected: String, actual: String| {
        if expected != actual {
            found.push(Difference { at, what, expected, actual });
        }
    };
    let summary =
        |message: &Message| format!("{} to {}", message.kind.as_str(), message.envelope.recipient.as_str());
    let actual: Vec<String> = messages.iter().map(summary).collect();
    let listed = if actual.is_empty() { String::new() } else { format!(": {}", actual.join(", ")) };
    if wanted.len() != messages.len() {
        compare("mails".to_owned(), wanted.len().to_string(), format!("{}{listed}", messages.len()));
        return found;
    }
    for (number, (mail, message)) in wanted.iter().zip(messages).enumerate() {
        let envelope = &message.envelope;
        let name = |field: &str| format!("mails[{number}].{field}");
        if let Some(to) = &mail.to {
            compare(name("to"), to.clone(), envelope.recipient.as_str().to_owned());
        }
        if let Some(kind) = mail.kind {
            compare(name("kind"), kind.as_str().to_owned(), message.kind.as_str().to_owned());
        }
        if let Some(purpose) = &mail.purpose {
            compare(name("purpose"), purpose.clone(), message.purpose.to_string());
        }
        if let Some(subject) = &mail.subject {
            compare(name("subject"), subject.clone(), envelope.subject.clone());
        }
        for text in mail.contains.iter().filter(|text| !envelope.text.contains(text.as_str())) {
            compare(name("contains"), text.clone(), envelope.text.trim().replace('\n', " / "));
        }
    }
    found
}
