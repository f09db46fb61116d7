//! Days in UTC, by which is counted what reports tell.

use std::fmt;
use std::time::Duration;

use crate::domain::id::InvalidId;
use crate::domain::time::{Civil, Timestamp};

const MILLIS: u64 = 24 * 60 * 60 * 1_000;

/// The last day that has a date of four digits.
const LAST: u32 = 2_932_896;

/// A day in UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(u32);

impl Day {
    /// How long it lasts.
    pub const LENGTH: Duration = Duration::from_millis(MILLIS);

    /// The day that a point in time is in.
    pub fn of(at: Timestamp) -> Self {
        Self(u32::try_from(at.as_millis() / MILLIS).map_or(LAST, |day| day.min(LAST)))
    }

    /// Reads `2026-11-22`.
    ///
    /// # Errors
    /// When the text is not a date of that form from 1970 on.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        read(text).ok_or(InvalidId { expected: "a date such as 2026-11-22" })
    }

    /// Its first moment.
    pub fn start(self) -> Timestamp {
        Timestamp::from_millis(u64::from(self.0) * MILLIS)
    }

    /// The first moment after it.
    pub fn end(self) -> Timestamp {
        self.start().plus(Self::LENGTH)
    }

    /// The day after it, at most the last one.
    pub fn next(self) -> Self {
        Self((self.0 + 1).min(LAST))
    }

    /// This many days earlier, at most the first one.
    pub fn back(self, days: u32) -> Self {
        Self(self.0.saturating_sub(days))
    }
}

/// `2026-11-22`.
impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Civil { year, month, day, .. } = self.start().to_civil();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Looks for the day between the shortest and the longest that as many years can be.
fn read(text: &str) -> Option<Day> {
    let year: u32 = text.get(..4)?.parse().ok()?;
    let from = year.checked_sub(1970)? * 365;
    let to = (from + 2_500).min(LAST);
    // Dates of four-digit years sort as texts.
    let (mut low, mut high) = (from.min(LAST), to);
    while low < high {
        let middle = (low + high) / 2;
        if Day(middle).to_string().as_str() < text { low = middle + 1 } else { high = middle }
    }
    (Day(low).to_string() == text).then_some(Day(low))
}
