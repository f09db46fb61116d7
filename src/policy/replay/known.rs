//! What is said of a decision, and what is kept of the log beside the state.

use std::sync::Arc;
use std::time::Duration;

use super::account::Whose;
use super::line::{Decision, Outcome};
use super::{Change, Doubt};
use crate::domain::id::{Purpose, Reference};
use crate::domain::reason::Reason;
use crate::domain::subject::Subject;
use crate::domain::time::Timestamp;
use crate::policy::decision::Denial;
use crate::policy::snapshot::Route;

/// How long a line about a code may come after its decision: longer than a wallet may take.
pub(super) const LATEST: Duration = Duration::from_secs(10 * 60);

/// What the new policy says to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ruled {
    /// It is let through, or answered.
    Allowed,
    /// It is refused.
    Refused {
        /// Why.
        reason: Reason,
        /// By which rule.
        rule: Option<Arc<str>>,
    },
    /// It cannot be said.
    Unknown(Doubt),
}

/// How a decision compares with what the log tells.
pub(super) fn change(line: &Decision, ruled: &Ruled) -> Change {
    match (line.outcome, ruled) {
        (_, Ruled::Unknown(doubt)) => Change::Unknown(*doubt),
        (Outcome::Allowed, Ruled::Allowed) => Change::Same,
        (Outcome::Allowed, Ruled::Refused { .. }) => Change::Refused,
        (_, Ruled::Allowed) => Change::Allowed,
        (_, Ruled::Refused { reason, rule }) => {
            // A wrong code is one, whether it set a lock or not.
            let is_same = *reason == line.reason && (*reason == Reason::Invalid || *rule == line.rule);
            if is_same { Change::Same } else { Change::Otherwise }
        }
    }
}

/// What decided, by the path of its rule or by its reason.
pub(super) fn called(reason: Reason, rule: Option<&Arc<str>>) -> Arc<str> {
    match rule {
        Some(rule) if reason != Reason::Invalid => Arc::clone(rule),
        _ => Arc::from(reason.as_str()),
    }
}

/// A refusal by the new policy.
pub(super) fn refused(denial: &Denial, route: &Route, purpose: Option<&Purpose>) -> Ruled {
    Ruled::Refused { reason: denial.reason(), rule: denial.rule(route, purpose).map(Arc::from) }
}

/// What is known of a challenge beside the state.
#[derive(Debug, Clone)]
pub(super) struct Note {
    /// How long its newest code lived then, in seconds. Zero: the log did not say.
    pub lived: u64,
    /// When its newest codes were sent then.
    pub sent: Vec<Timestamp>,
    /// When the first one was.
    pub since: Timestamp,
    /// Whether one of its codes would not have been sent.
    pub withheld: bool,
    /// Whether a code was presented of which nobody knows how it was compared.
    pub guessed: bool,
    /// From then on it says nothing any more.
    pub until: Timestamp,
}

/// A request that was let through and whose code is awaited.
#[derive(Debug, Clone)]
pub(super) struct Awaited {
    pub whose: Option<Whose>,
    pub admitted: bool,
    /// Whether the decision already made the code, as `send` does.
    pub is_made: bool,
    pub at: Timestamp,
}

/// A reservation that is not settled yet.
#[derive(Debug, Clone)]
pub(super) struct Holding {
    pub subject: Subject,
    pub reference: Reference,
    pub at: Timestamp,
}
