//! What a decision found counted, and what it counted itself: for those who explain it later.
//!
//! Nothing is decided by a tally. It holds what the decision looked at anyway, so a limit that was
//! only found to have room is named without numbers.

use super::id::{LimitName, Purpose};
use super::lockout::{Account, Lock};
use super::time::Timestamp;
use super::window::Take;

/// The largest limit whose events are told as a number. To count the events of a window in a longer
/// list would cost more than the decision.
pub const COUNTED_UP_TO: u32 = 1_000;

/// Before and after one decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change<T> {
    /// What the decision found.
    pub before: T,
    /// What it left.
    pub after: T,
}

impl<T: Copy> Change<T> {
    /// The decision changed nothing.
    pub fn none(value: T) -> Self {
        Self { before: value, after: value }
    }
}

/// The failures and the lock of one subject and purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountTally {
    /// The purpose.
    pub purpose: Purpose,
    /// Failures since the last success or lock.
    pub failures: Change<u32>,
    /// The lock in force.
    pub lock: Change<Option<Lock>>,
}

impl AccountTally {
    /// An account that was looked at.
    pub(super) fn of(purpose: &Purpose, account: &Account, now: Timestamp) -> Self {
        Self {
            purpose: purpose.clone(),
            failures: Change::none(account.failures),
            lock: Change::none(account.lock(now)),
        }
    }
}

/// One limit that a decision was about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitTally {
    /// Its name.
    pub limit: LimitName,
    /// How many it allows in any window.
    pub max: u32,
    /// How many there were in the window that ended with the decision: known when the event was counted
    /// or the limit was full, up to [`COUNTED_UP_TO`].
    pub used: Option<Change<u32>>,
}

/// What one decision found and left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// The account, if the decision knew whose it is about.
    pub account: Option<AccountTally>,
    /// The limits, in the order of the command.
    pub limits: Vec<LimitTally>,
}

impl Tally {
    /// About these limits, of which nothing is known yet.
    pub fn about(takes: &[Take]) -> Self {
        let limits =
            takes.iter().map(|take| LimitTally { limit: take.limit.clone(), max: take.max, used: None });
        Self { account: None, limits: limits.collect() }
    }

    /// The limit at this place was full. One that holds more than it allows, because it was lowered, is
    /// just as full.
    pub fn found_full(&mut self, place: usize) {
        if let Some(limit) = self.limits.get_mut(place) {
            limit.used = Some(Change::none(limit.max));
        }
    }

    /// The event was counted under the limit at this place, as the `number`th of its window.
    pub fn counted(&mut self, place: usize, number: u32) {
        if let Some(limit) = self.limits.get_mut(place).filter(|limit| limit.max <= COUNTED_UP_TO) {
            limit.used = Some(Change { before: number.saturating_sub(1), after: number });
        }
    }
}
