//! The one place where what happens becomes metrics, log lines and audit lines.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Method;

use super::audit::queue::Audit;
use super::audit::settings::{AuditError, AuditSettings};
use super::counts::DayCounter;
use super::event::Event;
use super::http::{PassedSeries, record_route};
use super::label::{NO_PURPOSE, PASSED, outcome};
use super::metrics::{KnownLabels, Metrics};
use super::throttle::Throttle;
use crate::domain::id::{PolicyHash, Purpose, RouteName};
use crate::domain::pseudonym::Pseudonyms;
use crate::domain::reason::Reason;
use crate::domain::time::{Clock, Timestamp};

/// Turns events into metrics, log lines and audit lines.
pub struct Telemetry {
    metrics: Metrics,
    passed: PassedSeries,
    names: Arc<Pseudonyms>,
    throttle: Throttle,
    audit: Option<Audit>,
    counts: DayCounter,
}

impl Telemetry {
    /// With all series at 0, and without an audit log. What reports tell is counted by the days of this clock.
    ///
    /// # Errors
    /// See [`Metrics::new`].
    pub fn new(names: Pseudonyms, clock: Arc<dyn Clock>) -> prometheus::Result<Self> {
        let metrics = Metrics::new()?;
        let passed = PassedSeries::new(&metrics);
        let (names, throttle) = (Arc::new(names), Throttle::default());
        Ok(Self { metrics, passed, names, throttle, audit: None, counts: DayCounter::new(clock) })
    }

    /// Begins the audit log.
    ///
    /// # Errors
    /// When its file cannot be written.
    pub fn auditing(mut self, settings: &AuditSettings, clock: Arc<dyn Clock>) -> Result<Self, AuditError> {
        let counters = self.metrics.audit_counters();
        self.audit = Some(Audit::start(settings, Arc::clone(&self.names), clock, counters)?);
        Ok(self)
    }

    /// The audit log, if there is one.
    pub fn audit(&self) -> Option<&Audit> {
        self.audit.as_ref()
    }

    /// What reports will tell, as far as it was not taken yet.
    pub fn counts(&self) -> &DayCounter {
        &self.counts
    }

    /// Writes the log lines that floods have held back and that are due; at the end, all of them.
    pub fn tell_held_back(&self, all: bool) {
        let now = Instant::now();
        let due = if all { self.throttle.rest(now) } else { self.throttle.due(now) };
        for ((kind, name), hits) in due {
            super::log::held_back(kind, &name, hits);
        }
    }

    /// Whether a line about the store with this word for its failure is to be written now: then how many
    /// failures it stands for. An outage is told in a few lines, however many ask meanwhile.
    pub fn store_line(&self, failure: &'static str) -> Option<u64> {
        self.throttle.admit(super::log::STORE, failure, Instant::now())
    }

    /// The same about the upstream.
    pub fn upstream_line(&self, failure: &'static str) -> Option<u64> {
        self.throttle.admit(super::log::UPSTREAM, failure, Instant::now())
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
                let route = route.map_or(PASSED, RouteName::as_str);
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
        self.counts.note(event);
        super::log::write(event, &self.names, &self.throttle);
        if let Some(audit) = &self.audit {
            audit.note(event);
        }
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
            Event::Delivery { failure: Some((reason, _)), given_up, .. } => {
                metrics.email_errors.with_label_values(&[reason]).inc();
                metrics.email_given_up.inc_by(u64::from(*given_up));
            }
            Event::Operated { intervention } => {
                metrics.operations.with_label_values(&[intervention.operation]).inc();
            }
            Event::AdminRefused { reason, .. } => {
                metrics.admin_refusals.with_label_values(&[reason.as_str()]).inc();
            }
            Event::Reload { hash, error, at, .. } => self.count_reload(hash, error.is_some(), *at),
            Event::CodeNotIssued { .. }
            | Event::Unsettled { .. }
            | Event::Ruled { .. }
            | Event::Failed { .. }
            | Event::Settled { .. } => {}
        }
    }

    fn count_reload(&self, hash: &PolicyHash, rejected: bool, at: Timestamp) {
        let result = if rejected { "rejected" } else { "ok" };
        self.metrics.reloads.with_label_values(&[result]).inc();
        self.metrics.last_reload.set(i64::from(!rejected));
        if !rejected {
            self.metrics.policy_in_force(hash);
            self.metrics.last_success.set(at.as_millis() as f64 / 1_000.0);
        }
    }
}
