//! Counting requests. This is on the path of every passed request, so the series that nearly all of
//! them use are looked up once and kept.

use std::sync::OnceLock;
use std::time::Duration;

use http::Method;
use prometheus::{Histogram, IntCounter};

use super::label::PASSED;
use super::metrics::Metrics;

const METHODS: [&str; 10] =
    ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT", "other"];

/// Statuses from 100 to 599 have a place of their own.
const STATUSES: usize = 500;

fn method_index(method: &Method) -> usize {
    METHODS.iter().position(|known| *known == method.as_str()).unwrap_or(METHODS.len() - 1)
}

/// The series of passed requests.
pub struct PassedSeries {
    counters: Vec<OnceLock<IntCounter>>,
    durations: Vec<Histogram>,
    upstream: Histogram,
}

impl PassedSeries {
    /// Looks up what every request needs.
    pub fn new(metrics: &Metrics) -> Self {
        Self {
            counters: (0..METHODS.len() * STATUSES).map(|_| OnceLock::new()).collect(),
            durations: METHODS
                .iter()
                .map(|method| metrics.http_duration.with_label_values(&[PASSED, method]))
                .collect(),
            upstream: metrics.upstream_duration.with_label_values(&[PASSED]),
        }
    }

    /// Counts one passed request.
    pub fn record(&self, metrics: &Metrics, method: &Method, status: u16, took: Duration) {
        let method = method_index(method);
        let seconds = took.as_secs_f64();
        if let Some(duration) = self.durations.get(method) {
            duration.observe(seconds);
        }
        let place = usize::from(status).checked_sub(100).filter(|place| *place < STATUSES);
        let Some(counter) = place.and_then(|place| self.counters.get(method * STATUSES + place)) else {
            return;
        };
        counter
            .get_or_init(|| {
                metrics.http_requests.with_label_values(&[PASSED, METHODS[method], &status.to_string()])
            })
            .inc();
    }

    /// Notes how long the upstream took to begin its answer.
    pub fn record_upstream(&self, took: Duration) {
        self.upstream.observe(took.as_secs_f64());
    }
}

/// Counts one request on a route.
pub fn record_route(metrics: &Metrics, route: &str, method: &Method, status: u16, took: Duration) {
    let method = METHODS[method_index(method)];
    metrics.http_requests.with_label_values(&[route, method, &status.to_string()]).inc();
    metrics.http_duration.with_label_values(&[route, method]).observe(took.as_secs_f64());
}
