//! Averages and quantiles out of histograms.

use std::time::Duration;

/// A quantile, as good as buckets tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantile {
    /// Interpolated within its bucket, on the assumption that the bucket's times are spread evenly.
    pub estimate: Duration,
    /// The bucket's upper bound: no more than this, surely. `None` beyond the last bound, where the estimate is that
    /// bound and too low.
    pub at_most: Option<Duration>,
}

/// A quantile as `histogram_quantile` of Prometheus computes it: the bucket in which the rank `q × total` falls, and
/// linearly between its bounds. `counts` has one entry for each bound and one for what lies beyond the last.
pub fn quantile(bounds: &[u64], counts: &[u64], q: f64) -> Option<Quantile> {
    let total = counts.iter().fold(0_u64, |sum, count| sum.saturating_add(*count));
    if total == 0 {
        return None;
    }
    let rank = q * total as f64;
    let (mut below, mut lower) = (0_u64, 0_u64);
    for (bound, count) in bounds.iter().zip(counts) {
        if *count > 0 && below.saturating_add(*count) as f64 >= rank {
            let share = (rank - below as f64) / *count as f64;
            let estimate = lower as f64 + bound.saturating_sub(lower) as f64 * share;
            return Some(Quantile {
                estimate: Duration::from_millis(estimate.round() as u64),
                at_most: Some(Duration::from_millis(*bound)),
            });
        }
        below = below.saturating_add(*count);
        lower = *bound;
    }
    Some(Quantile { estimate: Duration::from_millis(lower), at_most: None })
}

/// How long things took.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Times {
    /// How many were measured.
    pub count: u64,
    /// Their average: exact, to the millisecond.
    pub average: Option<Duration>,
    /// Within what time 95 of 100 of them were done.
    pub p95: Option<Quantile>,
    /// How many there are up to each bound, and beyond the last.
    pub buckets: Vec<u64>,
}

impl Times {
    /// Out of a sum and a histogram of these bounds.
    pub fn new(bounds: &[u64], buckets: Vec<u64>, count: u64, sum_millis: u64) -> Self {
        let average = sum_millis.checked_div(count).map(Duration::from_millis);
        Self { count, average, p95: quantile(bounds, &buckets, 0.95), buckets }
    }
}

/// What part of a whole something is, at most all of it. `None` of nothing.
pub fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part.min(whole) as f64 / whole as f64)
}
