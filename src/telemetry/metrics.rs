//! The metric families (`docs/metrics.md`), with closed sets of label values.
//!
//! Every series whose labels are known exists at 0 from the start: a counter that is born at 1 is
//! invisible to `increase()`, so the first failure would never alert.

use std::time::Duration;

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

use super::audit::order::LineCounters;
use super::event::AdminRefusal;
use super::label::{NO_PURPOSE, OPERATIONS, PASSED, VERIFY_FAILURES, outcome};
use crate::domain::id::{LimitName, PolicyHash, Purpose, RouteName};
use crate::domain::reason::Reason;
use crate::domain::state::Census;

/// Beyond this many routes, series by route are made when first used: a policy with thousands of
/// routes would otherwise cost more memory for zeros than for everything else.
const ROUTES_WITH_ZEROS: usize = 200;

/// Seconds: from a loopback hop to the longest timeout, with the objectives (100, 200, 500 ms) as bounds.
const REQUEST_BUCKETS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Seconds: one round trip to a store.
const STORE_BUCKETS: &[f64] =
    &[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0];

/// Seconds: from the request for a code to its acceptance by a relay, or by the person.
const DELIVERY_BUCKETS: &[f64] =
    &[0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0];

/// The names that a policy brings, whose series are made in advance.
#[derive(Debug, Clone, Default)]
pub struct KnownLabels {
    /// Every purpose, with its channel.
    pub purposes: Vec<(Purpose, &'static str)>,
    /// Every limit.
    pub limits: Vec<LimitName>,
    /// Every route.
    pub routes: Vec<KnownRoute>,
}

/// A route of the policy.
#[derive(Debug, Clone)]
pub struct KnownRoute {
    /// Its name.
    pub name: RouteName,
    /// What it does: the word of its section in the policy.
    pub action: &'static str,
    /// The reasons that its decisions can have.
    pub reasons: Vec<Reason>,
}

/// All families.
pub struct Metrics {
    registry: Registry,
    pub(super) send: IntCounterVec,
    pub(super) verify: IntCounterVec,
    pub(super) verify_success: IntCounterVec,
    pub(super) verify_failures: IntCounterVec,
    pub(super) account_locked: IntCounterVec,
    pub(super) rate_limit_hits: IntCounterVec,
    pub(super) email_sent: IntCounter,
    pub(super) email_errors: IntCounterVec,
    pub(super) email_given_up: IntCounter,
    pub(super) email_latency: Histogram,
    pub(super) verification_delay: HistogramVec,
    pub(super) pending_codes: IntGaugeVec,
    pub(super) locked_accounts: IntGaugeVec,
    pub(super) outbox_messages: IntGaugeVec,
    pub(super) outbox_oldest: prometheus::GaugeVec,
    pub(super) http_requests: IntCounterVec,
    pub(super) http_duration: HistogramVec,
    pub(super) upstream_duration: HistogramVec,
    pub(super) upstream_errors: IntCounterVec,
    pub(super) store_duration: HistogramVec,
    pub(super) store_errors: IntCounterVec,
    pub(super) decisions: IntCounterVec,
    pub(super) reloads: IntCounterVec,
    pub(super) last_success: prometheus::Gauge,
    pub(super) last_reload: IntGauge,
    pub(super) policy_info: IntGaugeVec,
    route_info: IntGaugeVec,
    store_may_evict: IntGauge,
    audit_lines: IntCounterVec,
    pub(super) operations: IntCounterVec,
    pub(super) admin_refusals: IntCounterVec,
    spans: SpanCounters,
}

/// What becomes of recorded spans. Each reason to lose them is resolved once: they are counted where
/// requests are.
#[derive(Debug, Clone)]
pub struct SpanCounters {
    /// Taken by the collector.
    pub exported: IntCounter,
    /// More were recorded than could wait.
    pub queue_full: IntCounter,
    /// The collector did not take them.
    pub failed: IntCounter,
    /// They were left when the process stopped.
    pub stopped: IntCounter,
}

impl SpanCounters {
    fn new(build: &Builder) -> prometheus::Result<Self> {
        let exported = build.counter("otp_sidecar_spans_exported_total", "Spans that the collector took.")?;
        let lost = build.counters(
            "otp_sidecar_spans_dropped_total",
            "Recorded spans that reached no collector.",
            &["reason"],
        )?;
        let [queue_full, failed, stopped] =
            ["queue_full", "export_failed", "stopped"].map(|reason| lost.with_label_values(&[reason]));
        Ok(Self { exported, queue_full, failed, stopped })
    }
}

/// Builds families and registers them. Names and labels are constants of this file, so a failure is a
/// fault that the first start shows.
struct Builder(Registry);

impl Builder {
    fn add<C: prometheus::core::Collector + Clone + 'static>(
        &self,
        made: prometheus::Result<C>,
    ) -> prometheus::Result<C> {
        let family = made?;
        self.0.register(Box::new(family.clone()))?;
        Ok(family)
    }

    fn counter(&self, name: &str, help: &str) -> prometheus::Result<IntCounter> {
        self.add(IntCounter::new(name, help))
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntCounterVec> {
        self.add(IntCounterVec::new(Opts::new(name, help), labels))
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntGaugeVec> {
        self.add(IntGaugeVec::new(Opts::new(name, help), labels))
    }

    fn histograms(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> prometheus::Result<HistogramVec> {
        self.add(HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels))
    }
}

impl Metrics {
    /// All families, empty.
    ///
    /// # Errors
    /// When two families share a name, which the first start would show.
    pub fn new() -> prometheus::Result<Self> {
        let build = Builder(Registry::new());
        build.0.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        let info = build.gauges(
            "otp_sidecar_build_info",
            "Always 1; the labels tell which version runs.",
            &["version", "commit"],
        )?;
        info.with_label_values(&[env!("CARGO_PKG_VERSION"), env!("OTP_SIDECAR_COMMIT")]).set(1);
        let metrics = Self::families(&build)?;
        metrics.prepare_fixed();
        Ok(metrics)
    }

    #[rustfmt::skip]
    fn families(build: &Builder) -> prometheus::Result<Self> {
        Ok(Self {
            send: build.counters("otp_send_total", "Codes issued.", &["purpose", "channel"])?,
            verify: build.counters("otp_verify_total", "Codes compared.", &["purpose"])?,
            verify_success: build.counters("otp_verify_success_total", "Codes accepted and consumed.", &["purpose"])?,
            verify_failures: build.counters("otp_verify_failures_total", "Verifications refused, by reason.", &["purpose", "reason"])?,
            account_locked: build.counters("otp_account_locked_total", "Locks that began.", &["purpose"])?,
            rate_limit_hits: build.counters("otp_rate_limit_hits_total", "Requests refused by a limit.", &["limit"])?,
            email_sent: build.counter("otp_email_sent_total", "Mails accepted by a relay.")?,
            email_errors: build.counters("otp_email_errors_total", "Attempts to send a mail that failed.", &["reason"])?,
            email_given_up: build.counter("otp_email_given_up_total", "Mails that will not be tried again: refused for good, or their code died first.")?,
            email_latency: build.add(Histogram::with_opts(HistogramOpts::new("otp_email_latency_seconds", "Time from the request for a mail to its acceptance by a relay.").buckets(DELIVERY_BUCKETS.to_vec())))?,
            verification_delay: build.histograms("otp_verification_delay_seconds", "Time from the issue of a code to its acceptance.", &["purpose"], DELIVERY_BUCKETS)?,
            pending_codes: build.gauges("otp_pending_codes", "Subjects with a code that could be accepted now; the same on every replica.", &["purpose"])?,
            locked_accounts: build.gauges("otp_locked_accounts", "Subjects locked or disabled now; the same on every replica.", &["purpose"])?,
            outbox_messages: build.gauges("otp_outbox_messages", "Messages on their way.", &["channel"])?,
            outbox_oldest: build.add(prometheus::GaugeVec::new(Opts::new("otp_outbox_oldest_seconds", "Age of the oldest message on its way."), &["channel"]))?,
            http_requests: build.counters("otp_sidecar_http_requests_total", "Requests answered.", &["route", "method", "code"])?,
            http_duration: build.histograms("otp_sidecar_http_request_duration_seconds", "Time from the head of a request to the head of its answer.", &["route", "method"], REQUEST_BUCKETS)?,
            upstream_duration: build.histograms("otp_sidecar_upstream_duration_seconds", "Time until the upstream's answer began.", &["route"], REQUEST_BUCKETS)?,
            upstream_errors: build.counters("otp_sidecar_upstream_errors_total", "Requests that the upstream did not answer.", &["route", "reason"])?,
            store_duration: build.histograms("otp_sidecar_store_duration_seconds", "Time of one call of the store.", &["op"], STORE_BUCKETS)?,
            store_errors: build.counters("otp_sidecar_store_errors_total", "Calls of the store that failed.", &["op", "reason"])?,
            decisions: build.counters("otp_sidecar_decisions_total", "Decisions on intercepted routes.", &["route", "outcome", "reason", "mode"])?,
            reloads: build.counters("otp_sidecar_policy_reloads_total", "Attempts to load policies.", &["result"])?,
            last_success: build.add(prometheus::Gauge::new("otp_sidecar_policy_last_success_timestamp_seconds", "When policies were last loaded."))?,
            last_reload: build.add(IntGauge::new("otp_sidecar_policy_last_reload_successful", "1 if the policies as they are now are in force, 0 if they were rejected."))?,
            policy_info: build.gauges("otp_sidecar_policy_info", "Always 1; the label tells which policy is in force.", &["hash"])?,
            spans: SpanCounters::new(build)?,
            route_info: build.gauges("otp_sidecar_route_info", "Always 1; the labels tell what a route of the policy in force does.", &["route", "action"])?,
            store_may_evict: build.add(IntGauge::new("otp_sidecar_store_may_evict", "1 if the store may drop what it should remember, and with it locks."))?,
            audit_lines: build.counters("otp_sidecar_audit_lines_total", "Audit lines written, and lines lost because they could not be.", &["result"])?,
            operations: build.counters("otp_sidecar_operations_total", "What operators changed or had examined, through this sidecar.", &["operation"])?,
            admin_refusals: build.counters("otp_sidecar_admin_refusals_total", "Calls of operators that came without the admin token.", &["reason"])?,
            registry: build.0.clone(),
        })
    }

    /// What becomes of recorded spans.
    pub fn spans(&self) -> SpanCounters {
        self.spans.clone()
    }

    fn prepare_fixed(&self) {
        for result in ["ok", "rejected"] {
            self.reloads.with_label_values(&[result]);
        }
        for op in ["admit", "issue", "verify", "settle", "census", "health", "add_counts"] {
            self.store_duration.with_label_values(&[op]);
            for reason in ["deadline", "unreachable", "overloaded", "failed", "protocol"] {
                self.store_errors.with_label_values(&[op, reason]);
            }
        }
        for operation in OPERATIONS {
            self.operations.with_label_values(&[operation]);
        }
        for reason in AdminRefusal::ALL {
            self.admin_refusals.with_label_values(&[reason.as_str()]);
        }
        self.audit_counters();
        self.outbox_messages.with_label_values(&["email"]);
        self.outbox_oldest.with_label_values(&["email"]);
        self.prepare_route(PASSED);
    }

    /// Makes every series of these names exist.
    pub fn prepare(&self, known: &KnownLabels) {
        for (purpose, channel) in &known.purposes {
            let purpose = purpose.as_str();
            self.send.with_label_values(&[purpose, channel]);
            self.verify.with_label_values(&[purpose]);
            self.verify_success.with_label_values(&[purpose]);
            self.account_locked.with_label_values(&[purpose]);
            self.verification_delay.with_label_values(&[purpose]);
            self.pending_codes.with_label_values(&[purpose]);
            self.locked_accounts.with_label_values(&[purpose]);
            self.prepare_failures(purpose);
        }
        self.prepare_failures(NO_PURPOSE);
        for limit in &known.limits {
            self.rate_limit_hits.with_label_values(&[limit.as_str()]);
        }
        self.route_info.reset();
        for KnownRoute { name, action, reasons } in known.routes.iter().take(ROUTES_WITH_ZEROS) {
            self.route_info.with_label_values(&[name.as_str(), action]).set(1);
            self.prepare_route(name.as_str());
            for reason in reasons {
                let outcome = outcome(*reason);
                self.decisions.with_label_values(&[name.as_str(), outcome, reason.as_str(), "enforce"]);
            }
        }
    }

    /// The counters of the audit log, which exist without one too.
    pub(super) fn audit_counters(&self) -> LineCounters {
        LineCounters {
            written: self.audit_lines.with_label_values(&["written"]),
            dropped: self.audit_lines.with_label_values(&["dropped"]),
        }
    }

    /// Makes the series of every way in which an attempt to send can fail exist.
    pub fn prepare_email_errors(&self, reasons: &[&'static str]) {
        for reason in reasons {
            self.email_errors.with_label_values(&[reason]);
        }
    }

    fn prepare_failures(&self, purpose: &str) {
        for reason in VERIFY_FAILURES {
            self.verify_failures.with_label_values(&[purpose, reason.as_str()]);
        }
    }

    fn prepare_route(&self, route: &str) {
        self.upstream_duration.with_label_values(&[route]);
        for reason in ["unavailable", "timeout", "unclear", "client"] {
            self.upstream_errors.with_label_values(&[route, reason]);
        }
        for method in ["GET", "POST"] {
            self.http_duration.with_label_values(&[route, method]);
            self.http_requests.with_label_values(&[route, method, "200"]);
        }
    }

    /// Says which policy is in force.
    pub fn policy_in_force(&self, hash: &PolicyHash) {
        self.policy_info.reset();
        self.policy_info.with_label_values(&[hash.as_str()]).set(1);
    }

    /// Notes whether the store may drop what it should remember.
    pub fn set_store_may_evict(&self, may: bool) {
        self.store_may_evict.set(i64::from(may));
    }

    /// Notes how much there is in the store.
    pub fn set_census(&self, census: &Census, purposes: &[Purpose]) {
        let number = |counts: &std::collections::BTreeMap<Purpose, u64>, purpose: &Purpose| {
            i64::try_from(counts.get(purpose).copied().unwrap_or_default()).unwrap_or(i64::MAX)
        };
        for purpose in purposes {
            self.pending_codes.with_label_values(&[purpose.as_str()]).set(number(&census.pending, purpose));
            self.locked_accounts.with_label_values(&[purpose.as_str()]).set(number(&census.locked, purpose));
        }
    }

    /// Notes how full the queue of messages is.
    pub fn set_outbox(&self, channel: &str, messages: usize, oldest: Duration) {
        let messages = i64::try_from(messages).unwrap_or(i64::MAX);
        self.outbox_messages.with_label_values(&[channel]).set(messages);
        self.outbox_oldest.with_label_values(&[channel]).set(oldest.as_secs_f64());
    }

    /// Everything in the text format of Prometheus (version 0.0.4).
    ///
    /// # Errors
    /// When a family is inconsistent.
    pub fn render(&self) -> prometheus::Result<String> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}
