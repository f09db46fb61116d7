//! Before a code is made, a status is read, or a request is let through: is the subject locked, and
//! is there room in every limit?

use super::challenge::Pending;
use super::id::Purpose;
use super::lockout::Lock;
use super::state::State;
use super::subject::Subject;
use super::tally::{AccountTally, Tally};
use super::time::Timestamp;
use super::window::{Count, Limited, Take};

/// Whose lock and pending challenge a request is about.
#[derive(Debug, Clone)]
pub struct Standpoint {
    /// The caller.
    pub subject: Subject,
    /// What the code is, or would be, for.
    pub purpose: Purpose,
    /// Whether a lock refuses the request, or is only told.
    pub refuse_locked: bool,
}

/// Asks to be let through.
#[derive(Debug, Clone)]
pub struct AdmitCommand {
    /// Whose lock is looked at, if it is about a purpose at all.
    pub standpoint: Option<Standpoint>,
    /// The limits, in the order of the policy.
    pub takes: Vec<Take>,
}

/// What is known of a subject and purpose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Failures since the last success or lock.
    pub failures: u32,
    /// The lock in force.
    pub lock: Option<Lock>,
    /// The pending challenge.
    pub pending: Option<Pending>,
}

/// Why a request is refused before any code is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The subject is locked.
    Locked(Lock),
    /// A limit is full.
    Limited(Limited),
}

/// The answer to an [`AdmitCommand`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdmitOutcome {
    /// Every limit was counted; the request may go on.
    Admitted(Standing),
    /// Refused. Limits by subject were not counted.
    Refused(Refusal),
}

/// The outcome of [`decide`].
pub fn admit(state: &mut State, command: &AdmitCommand, now: Timestamp) -> AdmitOutcome {
    decide(state, command, now).0
}

/// Decides, and tells what was counted. A lock comes before a limit; limits without a subject are counted
/// in any case, those with one all together or not at all.
pub fn decide(state: &mut State, command: &AdmitCommand, now: Timestamp) -> (AdmitOutcome, Tally) {
    let mut tally = Tally::about(&command.takes);
    let full = state.take_shared(&command.takes, now, &mut tally);
    let standing = command.standpoint.as_ref().map(|at| standing(state, at, now, &mut tally));
    let standing = standing.unwrap_or_default();
    let refuse_locked = command.standpoint.as_ref().is_some_and(|at| at.refuse_locked);
    if let Some(lock) = standing.lock.filter(|_| refuse_locked) {
        return (AdmitOutcome::Refused(Refusal::Locked(lock)), tally);
    }
    if let Some(full) = full.or_else(|| state.check_own(&command.takes, now, &mut tally)) {
        return (AdmitOutcome::Refused(Refusal::Limited(full)), tally);
    }
    state.record_own(&command.takes, Count::All, now, &mut tally);
    (AdmitOutcome::Admitted(standing), tally)
}

fn standing(state: &State, at: &Standpoint, now: Timestamp, tally: &mut Tally) -> Standing {
    let account = state.account(&at.subject, &at.purpose, now);
    tally.account = Some(AccountTally::of(&at.purpose, &account, now));
    Standing {
        failures: account.failures,
        lock: account.lock(now),
        pending: state
            .pending(&at.subject, &at.purpose, now)
            .map(|(reference, challenge)| challenge.view(&reference)),
    }
}
