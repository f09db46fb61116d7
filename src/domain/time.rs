//! Points in time, and where they come from.
//!
//! Decisions never ask what time it is: they are told. With Redis the time is the server's, so that
//! replicas need no common clock; with the embedded store it is the host's.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The point `millis` milliseconds after the Unix epoch.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// This point moved later by `by`, at most to the end of time.
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(millis(by)))
    }

    /// This point moved earlier by `by`, at most to the epoch.
    pub fn minus(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(millis(by)))
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// This point on the calendar, in UTC.
    pub fn to_civil(self) -> Civil {
        const DAY: u64 = 24 * 60 * 60 * 1000;
        let (year, month, day) = date_of(self.0 / DAY);
        let in_day = self.0 % DAY;
        Civil {
            year,
            month,
            day,
            hour: in_day / 3_600_000,
            minute: in_day / 60_000 % 60,
            second: in_day / 1000 % 60,
            millisecond: in_day % 1000,
        }
    }

    /// Reads what [`Timestamp::to_iso8601`] writes, with or without milliseconds. `None` for everything else.
    pub fn from_iso8601(text: &str) -> Option<Self> {
        let whole = text.strip_suffix('Z')?;
        let (seconds, millis) = match whole.split_once('.') {
            Some((seconds, fraction)) if fraction.len() == 3 => (seconds, digits(fraction.as_bytes())?),
            Some(_) => return None,
            None => (whole, 0),
        };
        let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T', rest @ ..] = seconds.as_bytes() else {
            return None;
        };
        let [h0, h1, b':', n0, n1, b':', s0, s1] = rest else { return None };
        let year = digits(&[*y0, *y1, *y2, *y3])?;
        let (month, day) = (digits(&[*m0, *m1])?, digits(&[*d0, *d1])?);
        let (hour, minute, second) = (digits(&[*h0, *h1])?, digits(&[*n0, *n1])?, digits(&[*s0, *s1])?);
        let days = days_until(year, month, day)?;
        let exists = date_of(days) == (year, month, day) && hour < 24 && minute < 60 && second < 60;
        let in_day = ((hour * 60 + minute) * 60 + second) * 1_000 + millis;
        exists.then_some(Self(days * 86_400_000 + in_day))
    }

    /// This point as answers and logs write it: `2026-01-17T10:00:00.000Z` (ISO 8601, UTC).
    pub fn to_iso8601(self) -> String {
        let Civil { year, month, day, hour, minute, second, millisecond } = self.to_civil();
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z")
    }
}

/// Days since the Unix epoch: the reverse of [`date_of`].
fn days_until(year: u64, month: u64, day: u64) -> Option<u64> {
    let year_from_march = year.checked_sub(u64::from(month <= 2))?;
    let (era, year_of_era) = (year_from_march / 400, year_from_march % 400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day.checked_sub(1)?;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era).checked_sub(719_468)
}

/// A point in time on the proleptic Gregorian calendar, in UTC and without leap seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Civil {
    /// The year, 1970 or later.
    pub year: u64,
    /// The month, 1 to 12.
    pub month: u64,
    /// The day of the month, from 1.
    pub day: u64,
    /// 0 to 23.
    pub hour: u64,
    /// 0 to 59.
    pub minute: u64,
    /// 0 to 59.
    pub second: u64,
    /// 0 to 999.
    pub millisecond: u64,
}

/// Year, month and day of a number of days since the Unix epoch.
///
/// Years are counted from 1 March, so that the leap day is the last of its year, and days from
/// 1 March of the year 0 in eras of 400 years, after which the calendar repeats.
fn date_of(days_since_epoch: u64) -> (u64, u64, u64) {
    const DAYS_TO_EPOCH: u64 = 719_468;
    const ERA: u64 = 146_097;
    let days = days_since_epoch + DAYS_TO_EPOCH;
    let day_of_era = days % ERA;
    let leap_days = day_of_era / 1_460 + day_of_era / (ERA - 1);
    let year_of_era = (day_of_era + day_of_era / 36_524 - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // The lengths of the months from March on repeat every 153 days.
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = days / ERA * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

fn digits(text: &[u8]) -> Option<u64> {
    text.iter()
        .try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + u64::from(digit - b'0')))
}

/// The whole milliseconds of a duration, as far as they fit.
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Seconds until something may be tried again: rounded up, so that whoever waits that long succeeds,
/// and at least one.
pub fn whole_seconds_up(wait: Duration) -> u64 {
    millis(wait).div_ceil(1000).max(1)
}

/// Where the time comes from, for the parts at the edges.
pub trait Clock: Send + Sync {
    /// The present.
    fn now(&self) -> Timestamp;
}

/// A clock that stands still until it is moved, for tests and for replaying recorded decisions.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    /// A clock that shows `now`.
    pub fn at(now: Timestamp) -> Self {
        Self(AtomicU64::new(now.as_millis()))
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(millis(by), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_in_time_move_by_milliseconds() {
        let noon = Timestamp::from_millis(1_000);
        assert_eq!(noon.plus(Duration::from_micros(2_999)), Timestamp::from_millis(1_002));
        assert_eq!(noon.minus(Duration::from_millis(2)), Timestamp::from_millis(998));
        assert_eq!(noon.since(Timestamp::from_millis(400)), Duration::from_millis(600));
    }

    #[test]
    fn a_manual_clock_moves_only_when_it_is_told_to() {
        let clock = ManualClock::at(Timestamp::from_millis(1_000));
        assert_eq!(clock.now(), Timestamp::from_millis(1_000));
        clock.advance(Duration::from_millis(5));
        assert_eq!(clock.now(), Timestamp::from_millis(1_005));
    }

    #[test]
    fn arithmetic_stops_at_both_ends_of_time() {
        let end = Timestamp::from_millis(u64::MAX);
        assert_eq!(end.plus(Duration::MAX), end);
        assert_eq!(Timestamp::default().minus(Duration::from_secs(1)), Timestamp::default());
        assert_eq!(Timestamp::default().since(end), Duration::ZERO);
    }

    #[test]
    fn a_wait_is_rounded_up_so_that_waiting_it_out_is_enough() {
        assert_eq!(whole_seconds_up(Duration::ZERO), 1);
        assert_eq!(whole_seconds_up(Duration::from_millis(1_001)), 2);
        assert_eq!(whole_seconds_up(Duration::from_millis(2_000)), 2);
    }

    #[test]
    fn times_are_written_as_the_front_ends_read_them() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_768_644_000_000, "2026-01-17T10:00:00.000Z"),
            (1_768_644_930_250, "2026-01-17T10:15:30.250Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_799_999, "2000-02-29T23:59:59.999Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_709_164_800_000, "2024-02-29T00:00:00.000Z"),
            (1_735_689_599_999, "2024-12-31T23:59:59.999Z"),
            (1_735_689_600_000, "2025-01-01T00:00:00.000Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(Timestamp::from_millis(millis).to_iso8601(), text);
            assert_eq!(Timestamp::from_iso8601(text), Some(Timestamp::from_millis(millis)));
        }
    }

    #[test]
    fn what_is_no_point_in_time_is_not_read() {
        assert_eq!(
            Timestamp::from_iso8601("2026-01-17T10:00:00Z"),
            Some(Timestamp::from_millis(1_768_644_000_000))
        );
        for text in [
            "",
            "Z",
            "2026-01-17T10:00:00",
            "2026-01-17 10:00:00Z",
            "2026-02-29T10:00:00Z",
            "2026-13-01T10:00:00Z",
            "2026-00-01T10:00:00Z",
            "2026-01-00T10:00:00Z",
            "2026-01-17T24:00:00Z",
            "2026-01-17T10:60:00Z",
            "2026-01-17T10:00:60Z",
            "2026-01-17T10:00:00.1Z",
            "2026-01-17T10:00:00.1234Z",
            "1969-12-31T23:59:59Z",
            "0000-01-01T00:00:00Z",
            "20é6-01-17T10:00:00Z",
        ] {
            assert_eq!(Timestamp::from_iso8601(text), None, "{text}");
        }
    }

    #[test]
    fn the_calendar_moves_by_one_day_each_day_for_a_thousand_years() {
        let mut expected = (1970, 1, 1);
        for day in 0..366_000 {
            assert_eq!(date_of(day), expected);
            assert_eq!(days_until(expected.0, expected.1, expected.2), Some(day));
            expected = next_day(expected);
        }
        assert!(!Timestamp::from_millis(u64::MAX).to_iso8601().is_empty());
    }

    fn next_day((year, month, day): (u64, u64, u64)) -> (u64, u64, u64) {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let length = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        match (month, day) {
            (12, 31) => (year + 1, 1, 1),
            _ if day == length => (year, month + 1, 1),
            _ => (year, month, day + 1),
        }
    }
}
