//! Past decisions, as the audit log tells them, under another policy: which of them would have been different?
//!
//! Each line is asked again of the rules that decide in production, on a state of its own and at the line's own time. What
//! the log does not know is not guessed: such a decision is `unknown`, with the reason. What happens to a request in
//! the new policy has its consequences there: a code that would not have been sent cannot be verified later.
//!
//! It must not know files, compression or how a report is shown.

mod account;
mod admit;
mod codes;
mod counts;
mod engine;
mod known;
pub mod line;
mod verify;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::domain::subject::Subject;
use crate::domain::time::Timestamp;

pub use engine::Replay;

/// Why it cannot be said what the new policy would have decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Doubt {
    /// The sidecar could not decide then, for a fault of its own or of the store.
    Fault,
    /// The new policy has no such route, or one that does something else.
    Route,
    /// The new policy does not know the purpose.
    Purpose,
    /// A code that was not compared then would be now.
    NotCompared,
    /// It depends on a code that was not compared then.
    Follows,
    /// Several codes were sent, of which not all would be accepted, and the log does not tell which was presented.
    WhichCode,
    /// The code would not have been sent.
    NotSent,
    /// It depends on what was counted before the log begins.
    BeforeLog,
    /// The log has only the networks of clients, and a limit counts by client.
    Network,
    /// The line does not say what the decision was about.
    Incomplete,
}

impl Doubt {
    /// The word for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fault => "fault",
            Self::Route => "route",
            Self::Purpose => "purpose",
            Self::NotCompared => "not_compared",
            Self::Follows => "follows",
            Self::WhichCode => "which_code",
            Self::NotSent => "not_sent",
            Self::BeforeLog => "before_log",
            Self::Network => "network",
            Self::Incomplete => "incomplete",
        }
    }

    /// A sentence for people.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Fault => "the sidecar could not decide then, for a fault",
            Self::Route => "the new policy has no such route, or it does something else",
            Self::Purpose => "the new policy does not know the purpose",
            Self::NotCompared => "a code that was not compared then would be compared now",
            Self::Follows => "it depends on a code that was not compared then",
            Self::WhichCode => "several codes were sent, and the log does not tell which was presented",
            Self::NotSent => "the code would not have been sent",
            Self::BeforeLog => "it depends on what was counted before the log begins",
            Self::Network => "the log has only networks of clients, and a limit counts by client",
            Self::Incomplete => "the line does not say what the decision was about",
        }
    }
}

/// How a decision compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The same.
    Same,
    /// Let through then, refused now.
    Refused,
    /// Refused then, let through now.
    Allowed,
    /// Refused both times, for another reason or by another rule.
    Otherwise,
    /// It cannot be said.
    Unknown(Doubt),
}

/// How many decisions changed in which way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tallied {
    /// All of them.
    pub decisions: u64,
    /// Let through then, refused now.
    pub refused: u64,
    /// Refused then, let through now.
    pub allowed: u64,
    /// Refused both times, for another reason.
    pub otherwise: u64,
    /// It cannot be said.
    pub unknown: u64,
}

impl Tallied {
    fn add(&mut self, change: Change) {
        self.decisions += 1;
        match change {
            Change::Same => {}
            Change::Refused => self.refused += 1,
            Change::Allowed => self.allowed += 1,
            Change::Otherwise => self.otherwise += 1,
            Change::Unknown(_) => self.unknown += 1,
        }
    }

    /// How many would have been different for sure.
    pub fn different(&self) -> u64 {
        self.refused + self.allowed + self.otherwise
    }
}

/// What a replay found.
#[derive(Debug, Default)]
pub struct Report {
    /// Over all.
    pub all: Tallied,
    /// By what decided then and now: `allowed`, the path of a rule, or a reason.
    pub changes: BTreeMap<(Arc<str>, Arc<str>), u64>,
    /// Why it cannot be said.
    pub doubts: BTreeMap<Doubt, u64>,
    /// By route.
    pub routes: BTreeMap<Arc<str>, Tallied>,
    /// By hour since the Unix epoch.
    pub hours: BTreeMap<u64, Tallied>,
    /// Subjects of which some decision would have been different.
    pub subjects: HashMap<Subject, Tallied>,
    /// Locks that began then.
    pub locks_then: u64,
    /// Locks that would have begun, as far as is known.
    pub locks_now: u64,
    /// By the hash of the policy that decided then.
    pub policies: BTreeMap<Arc<str>, u64>,
    /// How often counts of a person changed outside of the log, as when an operator clears a lock.
    pub resets: u64,
    /// The first decision in the report.
    pub first: Option<Timestamp>,
    /// The last one.
    pub last: Option<Timestamp>,
}

impl Report {
    /// The subjects with the most differences, the most first.
    pub fn top(&self, count: usize) -> Vec<(&Subject, Tallied)> {
        let mut subjects: Vec<(&Subject, Tallied)> =
            self.subjects.iter().map(|(subject, tallied)| (subject, *tallied)).collect();
        subjects.sort_by(|(a, x), (b, y)| y.different().cmp(&x.different()).then_with(|| a.cmp(b)));
        subjects.truncate(count);
        subjects
    }
}
