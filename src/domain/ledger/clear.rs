//! A lock ends because an operator says so.

use super::trail::{Action, Operation, Record};
use crate::domain::id::Purpose;
use crate::domain::lockout::{Account, Lock};
use crate::domain::state::State;
use crate::domain::subject::Subject;
use crate::domain::time::Timestamp;
use crate::domain::window::Take;

/// Makes a subject as new for a purpose.
#[derive(Debug, Clone)]
pub struct ClearCommand {
    /// Who.
    pub subject: Subject,
    /// For what.
    pub purpose: Purpose,
    /// The limits on failures that are emptied too, or they would refuse the next try. Only those of this
    /// subject: what is counted for others as well is reset by itself.
    pub forgive: Vec<Take>,
    /// Who clears it, and why.
    pub operation: Operation,
}

/// What there was to clear. Afterwards the account is [`Account::default`], and pending codes are as they were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleared {
    /// The account as it was found.
    pub before: Account,
    /// The lock that was in force.
    pub lock: Option<Lock>,
    /// How many events each of the limits forgot, in the order of the command.
    pub forgiven: Vec<u32>,
}

impl Cleared {
    /// Whether anything changed.
    pub fn changed(&self) -> bool {
        self.before != Account::default() || self.forgiven.iter().any(|events| *events > 0)
    }
}

/// Ends lock and disable, forgets the failures and how far locks have escalated, and empties the limits.
/// A limit of another subject is not touched.
pub fn clear(state: &mut State, command: &ClearCommand, now: Timestamp) -> Cleared {
    let ClearCommand { subject, purpose, forgive, operation } = command;
    let before = state.account(subject, purpose, now);
    state.accounts.remove(&(subject.clone(), purpose.clone()));
    let forgiven = forgive
        .iter()
        .map(|take| if take.owner.subject.as_ref() == Some(subject) { state.forget(take, now) } else { 0 })
        .collect();
    let cleared = Cleared { lock: before.lock(now), before, forgiven };
    state.trail.add(Record {
        subject: Some(subject.clone()),
        purpose: Some(purpose.clone()),
        ..Record::new(now, Action::Clear, cleared.changed(), operation)
    });
    cleared
}
