//! Numbers as people read them.

use std::time::Duration;

use crate::domain::finding::percent;
use crate::domain::report::quantile::Quantile;

/// What stands where there is no number.
pub(super) const NONE: &str = "–";

/// `12,345`.
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `87.5 %`.
pub(super) fn rate(rate: Option<f64>) -> String {
    rate.map_or_else(|| NONE.to_owned(), percent)
}

/// `420 ms`, `8.3 s`, `2 min 5 s`.
pub(super) fn lasting(duration: Duration) -> String {
    let millis = duration.as_millis();
    let seconds = (millis + 500) / 1_000;
    match millis {
        0..1_000 => format!("{millis} ms"),
        1_000..59_950 => format!("{:.1} s", duration.as_secs_f64()),
        _ if seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        _ => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

/// An average.
pub(super) fn average(average: Option<Duration>) -> String {
    average.map_or_else(|| NONE.to_owned(), lasting)
}

/// `52.5 s, at most 1 min`.
pub(super) fn quantile(quantile: Option<Quantile>) -> String {
    match quantile {
        None => NONE.to_owned(),
        Some(Quantile { estimate, at_most: None }) => format!("more than {}", lasting(estimate)),
        Some(Quantile { estimate, at_most: Some(bound) }) => {
            format!("{}, at most {}", lasting(estimate), lasting(bound))
        }
    }
}

/// `+12.5 %` from one number to another.
pub(super) fn change(before: u64, now: u64) -> String {
    if before == 0 {
        return NONE.to_owned();
    }
    format!("{:+.1} %", (now as f64 - before as f64) / before as f64 * 100.0)
}

/// `-2.5 points` from one rate to another.
pub(super) fn points(before: Option<f64>, now: Option<f64>) -> String {
    match (before, now) {
        (Some(before), Some(now)) => {
            let points = (now - before) * 100.0;
            // No minus before nothing.
            let points = if points.abs() < 0.05 { 0.0 } else { points };
            format!("{points:+.1} points")
        }
        _ => NONE.to_owned(),
    }
}

/// `+3.2 s` from one time to another.
pub(super) fn longer(before: Option<Duration>, now: Option<Duration>) -> String {
    match (before, now) {
        (Some(before), Some(now)) if now >= before => format!("+{}", lasting(now - before)),
        (Some(before), Some(now)) => format!("-{}", lasting(before - now)),
        _ => NONE.to_owned(),
    }
}

/// `17:00 to 18:00`.
pub(super) fn hour(hour: usize) -> String {
    format!("{hour:02}:00 to {:02}:00", hour + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_grouped() {
        for (value, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn times_have_the_unit_that_fits() {
        for (millis, text) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (8_333, "8.3 s"),
            (59_949, "59.9 s"),
            (59_999, "1 min"),
            (125_400, "2 min 5 s"),
            (1_800_000, "30 min"),
        ] {
            assert_eq!(lasting(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn changes_are_told_with_their_sign_and_from_nothing_there_is_none() {
        assert_eq!([change(80, 90), change(90, 81), change(0, 5)], ["+12.5 %", "-10.0 %", "–"]);
        assert_eq!(points(Some(0.95), Some(0.925)), "-2.5 points");
        assert_eq!(points(Some(0.95), Some(0.949_99)), "+0.0 points");
        let (short, long) = (Some(Duration::from_secs(2)), Some(Duration::from_millis(5_200)));
        assert_eq!([longer(short, long), longer(long, short)], ["+3.2 s", "-3.2 s"]);
        assert_eq!(longer(None, long), "–");
    }
}
