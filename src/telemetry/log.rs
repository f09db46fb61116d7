//! Events as log lines, with the field names of the operations guide (`userId`, `attempt`,
//! `locked_until`, …). Addresses are masked; codes and tokens are not within reach.

use std::io::IsTerminal;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tracing::{debug, error, info, warn};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

use super::event::{Actor, Event};
use super::label::outcome;
use super::stderr::Lines;
use super::throttle::Throttle;
use crate::domain::lockout::Lock;
use crate::domain::pseudonym::Pseudonyms;
use crate::domain::reason::Reason;
use crate::domain::subject::mask_addresses;

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}

/// How long the last lines may take to be written.
const PATIENCE: Duration = Duration::from_secs(2);

/// The same after a panic, which may be the end of the process. Everything else goes on only then.
const PATIENCE_OF_A_PANIC: Duration = Duration::from_millis(100);

static LINES: OnceLock<Arc<Lines>> = OnceLock::new();

/// Standard error, by way of a thread of its own if the system gives one.
fn writer() -> BoxMakeWriter {
    match Lines::start(std::io::stderr()) {
        Ok(lines) => BoxMakeWriter::new(Arc::clone(LINES.get_or_init(|| Arc::new(lines)))),
        Err(_) => BoxMakeWriter::new(std::io::stderr),
    }
}

/// Waits until the lines that were told are written, before an end.
pub fn finish() {
    wait(PATIENCE);
}

fn wait(patience: Duration) {
    if let Some(lines) = LINES.get() {
        lines.finish(patience);
    }
}

/// Starts writing lines to standard error, as `RUST_LOG` filters them: `info` if it says nothing, and
/// also, with a warning, if it is not understood. From now on a panic is a line that does not repeat the
/// panic's message, since that could quote what it tripped over.
pub fn start(format: Format) {
    let (filter, problem) = filter("info");
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer());
    // A second start, as tests may cause it, keeps the first one's settings.
    let _already_started = match format {
        Format::Json => lines.json().flatten_event(true).with_current_span(false).try_init(),
        Format::Pretty => lines.with_ansi(std::io::stderr().is_terminal()).with_target(false).try_init(),
    };
    if let Some(problem) = problem {
        warn!(problem, "RUST_LOG is not understood, so the level is info");
    }
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|at| format!("{}:{}", at.file(), at.line()));
        let thread = std::thread::current().name().map(str::to_owned);
        error!(place, thread, "a fault in the sidecar");
        wait(PATIENCE_OF_A_PANIC);
    }));
}

/// Writes nothing, for the demo, unless `RUST_LOG` says otherwise.
pub fn quiet() {
    let (filter, _) = filter("off");
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let _already_started = lines.with_target(false).try_init();
}

/// What `RUST_LOG` asks for, or `otherwise`; and what is wrong with it.
fn filter(otherwise: &str) -> (EnvFilter, Option<String>) {
    let asked = std::env::var("RUST_LOG").unwrap_or_default();
    if asked.trim().is_empty() {
        return (EnvFilter::new(otherwise), None);
    }
    match understood(&asked) {
        Ok(filter) => (filter, None),
        Err(problem) => (EnvFilter::new(otherwise), Some(problem)),
    }
}

/// A word alone is a level. Taken for the name of a module, as it would be, a misspelt level would
/// switch everything off.
fn understood(asked: &str) -> Result<EnvFilter, String> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let is_level = |word: &str| LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word));
    for directive in asked.split(',').map(str::trim).filter(|directive| !directive.is_empty()) {
        let is_word = directive.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
        let is_number = directive.parse::<u8>().is_ok_and(|number| number <= 5);
        if is_word && !is_level(directive) && !is_number {
            return Err("a word that is no level: write off, error, warn, info, debug or trace, or \
                        module=level such as info,otp_sidecar=debug"
                .to_owned());
        }
    }
    EnvFilter::builder().parse(asked).map_err(|error| error.to_string())
}

fn until(lock: Lock) -> String {
    match lock {
        Lock::Until(until) => until.to_iso8601(),
        Lock::Disabled => "until cleared".to_owned(),
    }
}

/// Writes what stands for lines that were held back.
pub(super) fn held_back(kind: &'static str, name: &str, hits: u64) {
    match kind {
        LIMIT => warn!(limit = name, hits, "rate limit hit"),
        RECIPIENT => warn!(route = name, hits, "a code was asked for to another address"),
        FAILURE => warn!(reason = name, hits, "request failed"),
        STORE => warn!(error = name, hits, "the store failed"),
        UPSTREAM => warn!(error = name, hits, "the upstream did not answer"),
        ADMIN => warn!(reason = name, hits, "admin call refused"),
        _ => warn!(reason = name, hits, "OTP verification failed"),
    }
}

/// What lines are held back by: the limit that refused, the route on which a code was asked for to another
/// address, the reason of a refused verification, of a failure or of a refused admin call, the word for what is out
/// of order.
const LIMIT: &str = "limit";
const RECIPIENT: &str = "recipient";
const VERIFICATION: &str = "verification";
const FAILURE: &str = "failure";
const ADMIN: &str = "admin";
pub(super) const STORE: &str = "store";
pub(super) const UPSTREAM: &str = "upstream";

/// Writes the line of an event, if it has one.
pub(super) fn write(event: &Event<'_>, names: &Pseudonyms, throttle: &Throttle) {
    let user = |actor: &Actor<'_>| actor.subject.map(|subject| names.shown(subject)).unwrap_or_default();
    match event {
        Event::Decided { actor, reason } => decided(actor, *reason, &user, throttle),
        Event::CodeIssued { actor, purpose, recipient, expires_in, .. } => {
            info!(userId = user(actor), purpose = %purpose, email = recipient.masked(),
                expiresIn = expires_in.as_secs(), decision_id = %actor.request, trace_id = actor.trace, span_id = actor.span,
                "OTP sent");
        }
        // It is the wallet's answer, and no fault.
        Event::CodeNotIssued { reason: Reason::UpstreamRefused, .. } => {}
        Event::CodeNotIssued { actor, purpose, reason } => {
            error!(userId = user(actor), purpose = %purpose, reason = reason.as_str(),
                decision_id = %actor.request, trace_id = actor.trace, span_id = actor.span, "OTP not sent");
        }
        Event::CodeMatched { .. } => {}
        Event::CodeAccepted { actor, purpose, age } => {
            info!(userId = user(actor), purpose = %purpose, after_seconds = age.as_secs_f64(),
                decision_id = %actor.request, trace_id = actor.trace, span_id = actor.span, "OTP verified");
        }
        // The limit has its own line.
        Event::VerifyFailed { reason: Reason::RateLimited, .. } => {}
        Event::VerifyFailed { actor, purpose, reason, attempt } => {
            // Whoever is locked may try as often as they like.
            let flood = matches!(reason, Reason::Locked | Reason::Disabled);
            let hits =
                if flood { throttle.admit(VERIFICATION, reason.as_str(), Instant::now()) } else { Some(1) };
            let Some(hits) = hits else { return };
            warn!(userId = user(actor), purpose = purpose.map(|p| p.as_str()), attempt,
                reason = reason.as_str(), hits = (hits > 1).then_some(hits), decision_id = %actor.request,
                trace_id = actor.trace, span_id = actor.span, "OTP verification failed");
        }
        Event::Locked { actor, purpose, lock, attempts } => {
            error!(userId = user(actor), purpose = %purpose, locked_until = until(*lock), attempts,
                decision_id = %actor.request, trace_id = actor.trace, span_id = actor.span, "OTP account locked");
        }
        Event::LimitHit { actor, limit, retry_at } => {
            let Some(hits) = throttle.admit(LIMIT, limit.as_str(), Instant::now()) else { return };
            warn!(route = %actor.route, userId = user(actor), limit = %limit, hits,
                resetTime = retry_at.to_iso8601(), decision_id = %actor.request, trace_id = actor.trace, span_id = actor.span,
                "rate limit hit");
        }
        Event::Ruled { .. } | Event::Failed { .. } | Event::Settled { .. } => {}
        Event::Unsettled { actor, detail } => {
            error!(route = %actor.route, userId = user(actor), detail, decision_id = %actor.request,
                trace_id = actor.trace, span_id = actor.span, "a reserved code could not be settled and stays reserved");
        }
        Event::Delivery { .. } => delivery(event),
        Event::Operated { intervention: it } => {
            info!(
                operation = it.operation,
                result = it.result,
                by = mask_addresses(it.by),
                note = mask_addresses(it.reason),
                userId = it.subject.map(|subject| names.shown(subject)),
                purpose = it.purpose.map(|p| p.as_str()),
                limit = it.limit.map(|l| l.as_str()),
                "operation"
            );
        }
        Event::AdminRefused { reason, peer } => {
            let Some(hits) = throttle.admit(ADMIN, reason.as_str(), Instant::now()) else { return };
            warn!(reason = reason.as_str(), %peer, hits = (hits > 1).then_some(hits), "admin call refused");
        }
        Event::Reload { hash, routes, error: None, .. } => {
            info!(policy = %hash, routes, "policy loaded");
        }
        Event::Reload { hash, error: Some(problem), .. } => {
            error!(policy = %hash, error = problem, "policy rejected; the last good one stays in force");
        }
    }
}

/// What a client got wrong is told for `debug` only: anybody could fill the log with it. An address that
/// is not the caller's is another matter, because a stolen token looks like that. It is looked at before the
/// limits, so it may come as often as anybody likes.
fn decided(actor: &Actor<'_>, reason: Reason, user: &dyn Fn(&Actor<'_>) -> String, throttle: &Throttle) {
    match reason {
        Reason::RecipientMismatch => {
            let Some(hits) = throttle.admit(RECIPIENT, actor.route.as_str(), Instant::now()) else { return };
            warn!(route = %actor.route, userId = user(actor), reason = reason.as_str(), hits = (hits > 1).then_some(hits),
                decision_id = %actor.request, trace_id = actor.trace, span_id = actor.span, "a code was asked for to another address");
        }
        _ if outcome(reason) == "failed" => {
            let Some(hits) = throttle.admit(FAILURE, reason.as_str(), Instant::now()) else { return };
            warn!(route = %actor.route, userId = user(actor), reason = reason.as_str(), hits = (hits > 1).then_some(hits),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_would_silence_everything_by_a_misspelt_level_is_not_taken() {
        for good in
            ["info", "DEBUG", "3", "warn,otp_sidecar=debug", "hyper=off", "otp_sidecar::store=trace,info"]
        {
            assert!(understood(good).is_ok(), "{good:?}");
        }
        for bad in ["debgu", "info,verbose", "otp_sidecar=loud", "info,[", "warning"] {
            assert!(understood(bad).is_err(), "{bad:?}");
        }
    }
}
