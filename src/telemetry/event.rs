//! What happens, as values; and the one place where each becomes metrics and a log line.

use std::time::Duration;

use http::Method;

use super::http::{PassedSeries, record_route};
use super::metrics::{KnownLabels, Metrics};
use crate::domain::id::{LimitName, PolicyHash, Purpose, RequestId, RouteName};
use crate::domain::lockout::Lock;
use crate::domain::outbox::MessageKind;
use crate::domain::reason::Reason;
use crate::domain::subject::{Recipient, Subject};
use crate::domain::time::Timestamp;

/// The `purpose` label of verifications of challenges that do not exist.
pub const NO_PURPOSE: &str = "none";

/// The reasons a verification is refused for.
pub const VERIFY_FAILURES: &[Reason] = &[
    Reason::Invalid,
    Reason::Expired,
    Reason::NotFound,
    Reason::Superseded,
    Reason::Used,
    Reason::UnknownKey,
    Reason::Locked,
    Reason::Disabled,
    Reason::RateLimited,
];

/// The `outcome` label of a decision.
pub fn outcome(reason: Reason) -> &'static str {
    use Reason as R;
    match reason {
        R::Admitted | R::Issued | R::Verified | R::Told | R::UpstreamRefused | R::Released => "allowed",
        R::NoReference | R::ReferenceSpent | R::OutboxFull | R::TemplateFailed | R::OutcomeUnknown => {
            "incomplete"
        }
        R::IdentityUnavailable
        | R::StateUnavailable
        | R::Overloaded
        | R::UpstreamUnavailable
        | R::UpstreamTimeout
        | R::Internal => "failed",
        _ => "refused",
    }
}

/// Who asked, and what the line can be found by.
#[derive(Debug, Clone, Copy)]
pub struct Actor<'a> {
    /// The route that decided.
    pub route: &'a RouteName,
    /// The decision's id.
    pub request: &'a RequestId,
    /// The caller, once known.
    pub subject: Option<&'a Subject>,
    /// The trace id of the request, if it belongs to a trace.
    pub trace: Option<&'a str>,
}

/// Something that happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// A request on a route was decided.
    Decided {
        /// Who asked.
        actor: Actor<'a>,
        /// How it ended.
        reason: Reason,
    },
    /// A code was stored and its message queued.
    CodeIssued {
        /// Who asked.
        actor: Actor<'a>,
        /// What it is for.
        purpose: &'a Purpose,
        /// How it travels.
        channel: &'static str,
        /// Where it goes.
        recipient: &'a Recipient,
        /// How long it lives.
        expires_in: Duration,
    },
    /// A code could not be made although the upstream agreed.
    CodeNotIssued {
        /// Who asked.
        actor: Actor<'a>,
        /// What it would have been for.
        purpose: &'a Purpose,
        /// Why not.
        reason: Reason,
    },
    /// A right code was reserved.
    CodeMatched {
        /// What it was for.
        purpose: &'a Purpose,
    },
    /// A right code was consumed.
    CodeAccepted {
        /// Who presented it.
        actor: Actor<'a>,
        /// What it was for.
        purpose: &'a Purpose,
        /// How long after its issue.
        age: Duration,
    },
    /// A verification was refused.
    VerifyFailed {
        /// Who tried.
        actor: Actor<'a>,
        /// What it was for, as far as that is known.
        purpose: Option<&'a Purpose>,
        /// Why.
        reason: Reason,
        /// Which failure in a row it was, when it was counted.
        attempt: Option<u32>,
    },
    /// A lock began.
    Locked {
        /// Whose.
        actor: Actor<'a>,
        /// For what.
        purpose: &'a Purpose,
        /// The lock.
        lock: Lock,
        /// How many failures set it.
        attempts: u32,
    },
    /// A limit refused.
    LimitHit {
        /// Who asked.
        actor: Actor<'a>,
        /// Which limit.
        limit: &'a LimitName,
        /// When one more will fit.
        retry_at: Timestamp,
    },
    /// A reservation could not be settled: the code stays reserved until it expires.
    Unsettled {
        /// Whose.
        actor: Actor<'a>,
        /// What is known.
        detail: &'a str,
    },
    /// An attempt to deliver a message ended.
    Delivery {
        /// The request that asked for it.
        request: &'a RequestId,
        /// What it is about.
        purpose: &'a Purpose,
        /// What it says.
        kind: MessageKind,
        /// `None` when a relay took it; else the word for what failed, and the details.
        failure: Option<(&'static str, &'a str)>,
        /// Which attempt it was, from 1.
        attempt: u32,
        /// Since it was asked for.
        after: Duration,
        /// Whether no further attempt will be made.
        given_up: bool,
    },
    /// Policies were loaded, or rejected.
    Reload {
        /// The policy now in force.
        hash: &'a PolicyHash,
        /// How many routes it has.
        routes: usize,
        /// Why the new one was rejected.
        error: Option<&'a str>,
        /// When.
        at: Timestamp,
    },
}

/// Turns events into metrics and log lines.
pub struct Telemetry {
    metrics: Metrics,
    passed: PassedSeries,
}

impl Telemetry {
    /// With all series at 0.
    ///
    /// # Errors
    /// See [`Metrics::new`].
    pub fn new() -> prometheus::Result<Self> {
        let metrics = Metrics::new()?;
        let passed = PassedSeries::new(&metrics);
        Ok(Self { metrics, passed })
    }

    /// The families, for rendering and for gauges that are read when asked.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Makes the series of a policy's names exist.
    pub fn know(&self, known: &KnownLabels) {
        self.metrics.prepare(known);
    }

    /// Counts a request that passed.
    pub fn passed(&self, method: &Method, status: u16, took: Duration) {
        self.passed.record(&self.metrics, method, status, took);
    }

    /// Counts a request on a route.
    pub fn answered(&self, route: &RouteName, method: &Method, status: u16, took: Duration) {
        record_route(&self.metrics, route.as_str(), method, status, took);
    }

    /// Notes how the upstream took a request: how long until its answer began, or what went wrong.
    pub fn upstream(&self, route: Option<&RouteName>, took: Duration, failure: Option<&'static str>) {
        match (route, failure) {
            (None, None) => self.passed.record_upstream(took),
            (_, failure) => {
                let route = route.map_or(super::http::PASSED, RouteName::as_str);
                match failure {
                    None => {
                        self.metrics.upstream_duration.with_label_values(&[route]).observe(took.as_secs_f64())
                    }
                    Some(reason) => self.metrics.upstream_errors.with_label_values(&[route, reason]).inc(),
                }
            }
        }
    }

    /// Notes one call of the store.
    pub fn store_call(&self, op: &'static str, took: Duration, error: Option<&'static str>) {
        self.metrics.store_duration.with_label_values(&[op]).observe(took.as_secs_f64());
        if let Some(reason) = error {
            self.metrics.store_errors.with_label_values(&[op, reason]).inc();
        }
    }

    /// Notes what happened.
    pub fn emit(&self, event: &Event<'_>) {
        self.count(event);
        super::log::write(event);
    }

    fn count(&self, event: &Event<'_>) {
        let metrics = &self.metrics;
        match event {
            Event::Decided { actor, reason } => {
                let labels = [actor.route.as_str(), outcome(*reason), reason.as_str(), "enforce"];
                metrics.decisions.with_label_values(&labels).inc();
            }
            Event::CodeIssued { purpose, channel, .. } => {
                metrics.send.with_label_values(&[purpose.as_str(), channel]).inc();
            }
            Event::CodeMatched { purpose } => metrics.verify.with_label_values(&[purpose.as_str()]).inc(),
            Event::CodeAccepted { purpose, age, .. } => {
                metrics.verify_success.with_label_values(&[purpose.as_str()]).inc();
                metrics.verification_delay.with_label_values(&[purpose.as_str()]).observe(age.as_secs_f64());
            }
            Event::VerifyFailed { purpose, reason, .. } => {
                let label = purpose.map_or(NO_PURPOSE, Purpose::as_str);
                if *reason == Reason::Invalid {
                    metrics.verify.with_label_values(&[label]).inc();
                }
                metrics.verify_failures.with_label_values(&[label, reason.as_str()]).inc();
            }
            Event::Locked { purpose, .. } => {
                metrics.account_locked.with_label_values(&[purpose.as_str()]).inc()
            }
            Event::LimitHit { limit, .. } => {
                metrics.rate_limit_hits.with_label_values(&[limit.as_str()]).inc()
            }
            Event::Delivery { failure: None, after, .. } => {
                metrics.email_sent.inc();
                metrics.email_latency.observe(after.as_secs_f64());
            }
            Event::Delivery { failure: Some((reason, _)), .. } => {
                metrics.email_errors.with_label_values(&[reason]).inc();
            }
            Event::Reload { hash, error, at, .. } => self.count_reload(hash, error.is_some(), *at),
            Event::CodeNotIssued { .. } | Event::Unsettled { .. } => {}
        }
    }

    fn count_reload(&self, hash: &PolicyHash, rejected: bool, at: Timestamp) {
        let result = if rejected { "rejected" } else { "ok" };
        self.metrics.reloads.with_label_values(&[result]).inc();
        if !rejected {
            self.metrics.policy_in_force(hash);
            self.metrics.last_success.set(at.as_millis() as f64 / 1_000.0);
        }
    }
}
