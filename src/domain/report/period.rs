//! The days that a report is about.

use std::fmt;

use crate::domain::ledger::day::Day;
use crate::domain::time::Civil;

/// The longest period: as long as counts are kept.
pub const LONGEST: usize = 400;

/// Why there is no such period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoPeriod {
    /// The month is none.
    Month(String),
    /// The day is none.
    Day(String),
    /// It ends before it begins.
    Reversed {
        /// Its beginning.
        from: Day,
        /// Its end.
        to: Day,
    },
    /// It is longer than anything is remembered.
    TooLong {
        /// Its length.
        days: u64,
    },
}

impl fmt::Display for NoPeriod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Month(text) => write!(f, "`{text}` is no month: write it as 2026-11"),
            Self::Day(text) => write!(f, "`{text}` is no day: write it as 2026-11-22"),
            Self::Reversed { from, to } => {
                write!(f, "it begins on {from}, after its end on {to}: turn them round")
            }
            Self::TooLong { days } => write!(
                f,
                "{days} days are more than the {LONGEST} that counts are kept for: ask for a shorter time"
            ),
        }
    }
}

impl std::error::Error for NoPeriod {}

/// Days in a row, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    first: Day,
    last: Day,
}

impl Period {
    /// From one day to another.
    ///
    /// # Errors
    /// When they are no days, the wrong way round, or too far apart.
    pub fn parse(from: &str, to: &str) -> Result<Self, NoPeriod> {
        let day = |text: &str| Day::parse(text).map_err(|_| NoPeriod::Day(text.to_owned()));
        Self::between(day(from)?, day(to)?)
    }

    /// From one day to another.
    ///
    /// # Errors
    /// When they are the wrong way round, or too far apart.
    pub fn between(from: Day, to: Day) -> Result<Self, NoPeriod> {
        if from > to {
            return Err(NoPeriod::Reversed { from, to });
        }
        let period = Self { first: from, last: to };
        let days = to.end().since(from.start()).as_secs() / Day::LENGTH.as_secs();
        if days > LONGEST as u64 { Err(NoPeriod::TooLong { days }) } else { Ok(period) }
    }

    /// A whole month, such as `2026-11`.
    ///
    /// # Errors
    /// When it is none.
    pub fn month(text: &str) -> Result<Self, NoPeriod> {
        let first = Day::parse(&format!("{text}-01")).map_err(|_| NoPeriod::Month(text.to_owned()))?;
        Ok(Self { first, last: last_of_month(first) })
    }

    /// The first day of the month of a day, up to this day.
    pub fn month_until(day: Day) -> Self {
        Self { first: first_of_month(day), last: day }
    }

    /// The part of it that has begun; at least its first day.
    #[must_use]
    pub fn until(self, today: Day) -> Self {
        Self { first: self.first, last: self.last.min(today).max(self.first) }
    }

    /// Its first day.
    pub fn first(self) -> Day {
        self.first
    }

    /// Its last day.
    pub fn last(self) -> Day {
        self.last
    }

    /// Its days in order.
    pub fn days(self) -> impl Iterator<Item = Day> {
        let after = move |day: &Day| Some(day.next()).filter(|next| *next > *day && *next <= self.last);
        std::iter::successors(Some(self.first), after)
    }

    /// The month that it is exactly, as `2026-11`.
    pub fn as_month(self) -> Option<String> {
        let is_month = self.first == first_of_month(self.first) && self.last == last_of_month(self.first);
        let Civil { year, month, .. } = self.first.start().to_civil();
        is_month.then(|| format!("{year:04}-{month:02}"))
    }

    /// What it is compared with: the month before a month, else as many days right before it.
    pub fn before(self) -> Self {
        let last = self.first.back(1);
        let first = if self.as_month().is_some() {
            first_of_month(last)
        } else {
            self.first.back(u32::try_from(self.days().count()).unwrap_or(u32::MAX))
        };
        Self { first, last }
    }
}

fn first_of_month(day: Day) -> Day {
    let Civil { day: in_month, .. } = day.start().to_civil();
    day.back(u32::try_from(in_month.saturating_sub(1)).unwrap_or(0))
}

fn last_of_month(first: Day) -> Day {
    let month = |day: Day| day.start().to_civil().month;
    let mut last = first;
    while last.next() > last && month(last.next()) == month(first) {
        last = last.next();
    }
    last
}
