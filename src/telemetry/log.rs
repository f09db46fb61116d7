//! Events as log lines, with the field names of the operations guide (`userId`, `attempt`,
//! `locked_until`, …). Addresses are masked; codes and tokens are not within reach.

use std::io::IsTerminal;

use tracing::{debug, error, info, warn};
use tracing_subscriber::EnvFilter;

use super::event::{Actor, Event};
use super::label::outcome;
use crate::domain::lockout::Lock;
use crate::domain::reason::Reason;
use crate::domain::subject::Subject;

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}

/// Starts writing lines to standard error, as `RUST_LOG` filters them (`info` if it says nothing).
pub fn start(format: Format) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start, as tests may cause it, keeps the first one's settings.
    let _already_started = match format {
        Format::Json => lines.json().flatten_event(true).with_current_span(false).try_init(),
        Format::Pretty => lines.with_ansi(std::io::stderr().is_terminal()).with_target(false).try_init(),
    };
}

/// Writes nothing, for the demo, unless `RUST_LOG` says otherwise.
pub fn quiet() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("off"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let _already_started = lines.with_target(false).try_init();
}

fn user(actor: &Actor<'_>) -> String {
    actor.subject.map(Subject::masked).unwrap_or_default()
}

fn until(lock: Lock) -> String {
    match lock {
        Lock::Until(until) => until.to_iso8601(),
        Lock::Disabled => "until cleared".to_owned(),
    }
}

/// Writes the line of an event, if it has one.
pub(super) fn write(event: &Event<'_>) {
    match event {
        Event::Decided { actor, reason } => decided(actor, *reason),
        Event::CodeIssued { actor, purpose, recipient, expires_in, .. } => {
            info!(userId = user(actor), purpose = %purpose, email = recipient.masked(),
                expiresIn = expires_in.as_secs(), decision_id = %actor.request, trace_id = actor.trace, span_id = actor.span,
                "OTP sent");
        }
        Event::CodeNotIssued { actor, purpose, reason } => {
            error!(userId = user(actor), purpose = %purpose, reason = reason.as_str(),
                decision_id = %actor.request, trace_id = actor.trace, span_id = actor.span, "OTP not sent");
        }
        Event::CodeMatched { .. } => {}
        Event::CodeAccepted { actor, purpose, age } => {
            info!(userId = user(actor), purpose = %purpose, after_seconds = age.as_secs_f64(),
                decision_id = %actor.request, trace_id = actor.trace, span_id = actor.span, "OTP verified");
        }
        Event::VerifyFailed { actor, purpose, reason, attempt } => {
            warn!(userId = user(actor), purpose = purpose.map(|p| p.as_str()), attempt,
                reason = reason.as_str(), decision_id = %actor.request, trace_id = actor.trace, span_id = actor.span,
                "OTP verification failed");
        }
        Event::Locked { actor, purpose, lock, attempts } => {
            error!(userId = user(actor), purpose = %purpose, locked_until = until(*lock), attempts,
                decision_id = %actor.request, trace_id = actor.trace, span_id = actor.span, "OTP account locked");
        }
        Event::LimitHit { actor, limit, retry_at } => {
            warn!(route = %actor.route, userId = user(actor), limit = %limit,
                resetTime = retry_at.to_iso8601(), decision_id = %actor.request, trace_id = actor.trace, span_id = actor.span,
                "rate limit hit");
        }
        Event::Unsettled { actor, detail } => {
            error!(route = %actor.route, userId = user(actor), detail, decision_id = %actor.request,
                trace_id = actor.trace, span_id = actor.span, "a reserved code could not be settled and stays reserved");
        }
        Event::Delivery { .. } => delivery(event),
        Event::Reload { hash, routes, error: None, .. } => {
            info!(policy = %hash, routes, "policy loaded");
        }
        Event::Reload { hash, error: Some(problem), .. } => {
            error!(policy = %hash, error = problem, "policy rejected; the last good one stays in force");
        }
    }
}

/// What a client got wrong is told for `debug` only: anybody could fill the log with it. An address that
/// is not the caller's is another matter, because a stolen token looks like that.
fn decided(actor: &Actor<'_>, reason: Reason) {
    match reason {
        Reason::RecipientMismatch => {
            warn!(route = %actor.route, userId = user(actor), reason = reason.as_str(),
                decision_id = %actor.request, trace_id = actor.trace, span_id = actor.span, "a code was asked for to another address");
        }
        _ if outcome(reason) == "failed" => {
            warn!(route = %actor.route, userId = user(actor), reason = reason.as_str(),
                decision_id = %actor.request, trace_id = actor.trace, span_id = actor.span, "request failed");
        }
        _ => {
            debug!(route = %actor.route, userId = user(actor), reason = reason.as_str(),
                decision_id = %actor.request, trace_id = actor.trace, span_id = actor.span, "decided");
        }
    }
}

fn delivery(event: &Event<'_>) {
    let Event::Delivery { request, place, purpose, kind, failure, attempt, after, given_up } = event else {
        return;
    };
    let trace_id = place.map(|place| place.trace.to_string());
    let span_id = place.map(|place| place.span.to_string());
    match failure {
        None => info!(purpose = %purpose, kind = kind.as_str(), attempt,
            latency_seconds = after.as_secs_f64(), decision_id = %request, trace_id, span_id, "mail accepted"),
        Some((reason, detail)) if *given_up => error!(purpose = %purpose, kind = kind.as_str(), attempt,
            reason, detail, decision_id = %request, trace_id, span_id, "mail given up"),
        Some((reason, detail)) => warn!(purpose = %purpose, kind = kind.as_str(), attempt, reason, detail,
            decision_id = %request, trace_id, span_id, "mail failed, will be tried again"),
    }
}
