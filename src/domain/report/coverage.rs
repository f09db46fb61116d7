//! How much of a day is known. A day on which nobody counted is not a day on which nothing happened.

use crate::domain::ledger::counts::{CountKey, Counts};
use crate::domain::ledger::day::Day;
use crate::domain::time::Timestamp;

/// How much of a day is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Coverage {
    /// Nothing is: nobody counted, or it is forgotten.
    None,
    /// These whole hours in UTC are missing.
    Without(Vec<u8>),
    /// All of it that is over.
    Whole,
}

impl Coverage {
    /// What the counts of a day say, at this time. An hour that is not over is not missed, nor is the one before:
    /// its counts may be on their way.
    pub fn of(day: Day, counts: &Counts, at: Timestamp) -> Self {
        let over = at.since(day.start()).as_secs() / 3_600;
        let expected = if at >= day.end() { 24 } else { over.saturating_sub(1) };
        if counts.is_empty() {
            return if expected == 0 { Self::Whole } else { Self::None };
        }
        let is_missing = |hour: &u8| {
            counts.get(&CountKey::CountingInHour(*hour)) == 0
                && counts.get(&CountKey::IssuedInHour(*hour)) == 0
        };
        let missing: Vec<u8> =
            (0..24).filter(|hour| u64::from(*hour) < expected).filter(is_missing).collect();
        let tells_hours = (0..24).any(|hour| counts.get(&CountKey::CountingInHour(hour)) > 0);
        if missing.is_empty() || !tells_hours { Self::Whole } else { Self::Without(missing) }
    }

    /// The word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Without(_) => "partial",
            Self::Whole => "whole",
        }
    }
}
