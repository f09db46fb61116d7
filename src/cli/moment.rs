//! Points in time as people read them.

use std::time::Duration;

use serde_json::Value;

use crate::domain::time::{Civil, Timestamp};

/// A point in time out of a document.
pub(super) fn of(document: &Value, name: &str) -> Option<Timestamp> {
    document.get(name).and_then(Value::as_str).and_then(Timestamp::from_iso8601)
}

/// `2026-11-22 15:07:00`, in UTC.
pub(super) fn shown(at: Timestamp) -> String {
    let Civil { year, month, day, hour, minute, second, .. } = at.to_civil();
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

/// `2026-11-22 15:07:00 (in 12m)` or `(3m ago)`.
pub(super) fn beside(at: Timestamp, now: Timestamp) -> String {
    if at > now {
        format!("{} (in {})", shown(at), lasting(at.since(now)))
    } else {
        format!("{} ({} ago)", shown(at), lasting(now.since(at)))
    }
}

/// The two largest units of a duration: `45s`, `12m 5s`, `3h`, `400d`.
pub(super) fn lasting(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let mut left = seconds;
    let mut parts = Vec::new();
    for (length, unit) in units {
        let whole = left / length;
        left %= length;
        if whole > 0 {
            parts.push(format!("{whole}{unit}"));
        } else if !parts.is_empty() {
            break;
        }
        if parts.len() == 2 {
            break;
        }
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_its_two_largest_units() {
        for (seconds, text) in [
            (0, "0s"),
            (45, "45s"),
            (60, "1m"),
            (725, "12m 5s"),
            (3_600, "1h"),
            (3_661, "1h 1m"),
            (3_601, "1h"),
            (90_000, "1d 1h"),
        ] {
            assert_eq!(lasting(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn a_point_in_time_is_told_beside_the_present() {
        let now = Timestamp::from_millis(1_000_000_000);
        assert_eq!(beside(now.plus(Duration::from_secs(60)), now), "1970-01-12 13:47:40 (in 1m)");
        assert_eq!(beside(now.minus(Duration::from_secs(5)), now), "1970-01-12 13:46:35 (5s ago)");
    }
}
