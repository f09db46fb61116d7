//! What a period was like: the counts of its days as a summary, and what somebody should look at.
//!
//! Values in, values out: how they are printed is the command line's business.

pub mod coverage;
pub mod findings;
pub mod period;
pub mod quantile;
pub mod summary;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::finding::Finding;
use super::id::Purpose;
use super::ledger::counts::{Counts, DayCounts};
use super::ledger::day::Day;
use super::time::Timestamp;
use coverage::Coverage;
use findings::Seen;
use period::Period;
use summary::Summary;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The days.
    pub period: Period,
    /// Only codes of this purpose; what is not counted by purpose is told for all of them.
    pub purpose: Option<Purpose>,
}

/// One day of a report.
#[derive(Debug, Clone, PartialEq)]
pub struct DayReport {
    /// The day.
    pub day: Day,
    /// How much of it is known.
    pub coverage: Coverage,
    /// What happened on it.
    pub summary: Summary,
}

/// The answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// What was asked for.
    pub question: Question,
    /// When the counts were read, on the store's clock.
    pub at: Timestamp,
    /// What happened.
    pub summary: Summary,
    /// Day by day, those that are to come left out.
    pub days: Vec<DayReport>,
    /// The period before.
    pub before: Period,
    /// What happened in it; `None` if nothing is known of it.
    pub summary_before: Option<Summary>,
    /// What somebody should look at.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Answers from the counts of days, which may be more than the question needs and need no order.
    pub fn new(question: Question, days: &[DayCounts], at: Timestamp) -> Self {
        let known: BTreeMap<Day, &Counts> = days.iter().map(|day| (day.day, &day.counts)).collect();
        let none = Counts::default();
        let of = |day: Day| known.get(&day).copied().unwrap_or(&none);
        let purpose = question.purpose.as_ref();
        let today = Day::of(at);
        let days: Vec<DayReport> = question
            .period
            .days()
            .filter(|day| *day <= today)
            .map(|day| DayReport {
                day,
                coverage: Coverage::of(day, of(day), at),
                summary: Summary::of([of(day)], purpose),
            })
            .collect();
        let summary = Summary::of(question.period.days().map(of), purpose);
        let before = question.period.until(today).before();
        let has_before = before.days().any(|day| !of(day).is_empty());
        let summary_before = has_before.then(|| Summary::of(before.days().map(of), purpose));
        let seen = Seen { summary: &summary, days: &days, before: summary_before.as_ref() };
        let findings = findings::findings(&seen);
        Self { at, summary, days, before, summary_before, findings, question }
    }

    /// Whether all of its days are over.
    pub fn is_complete(&self) -> bool {
        self.at >= self.question.period.last().end()
    }

    /// Whether somebody should look at it.
    pub fn has_problems(&self) -> bool {
        self.findings.iter().any(Finding::is_problem)
    }
}
