//! What the log tells of failures and locks, held beside the state of the new policy.

use std::collections::HashMap;
use std::time::Duration;

use super::line::Decision;
use crate::domain::id::Purpose;
use crate::domain::lockout::{Account, CLEAN_AFTER, Lock, LockoutRule};
use crate::domain::state::State;
use crate::domain::subject::Subject;
use crate::domain::time::Timestamp;

/// More steps of escalation than any lock has.
const STEPS: u32 = 64;

/// Whose account.
pub(super) type Whose = (Subject, Purpose);

/// What the log told last.
#[derive(Debug, Clone, Copy)]
struct Told {
    failures: u32,
    lock: Option<Lock>,
    at: Timestamp,
}

/// Codes that the new policy would have compared and of which nobody knows whether they were right.
#[derive(Debug, Clone, Copy)]
struct Guesses {
    number: u32,
    until: Timestamp,
}

/// The accounts of the log.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    told: HashMap<Whose, Told>,
    guesses: HashMap<Whose, Guesses>,
}

impl Accounts {
    /// Takes in what a line says was there before its decision. Where that is not what the log told last, something
    /// happened that is not in it, and the new policy's account follows. Tells whether that was so.
    pub fn before(&mut self, line: &Decision, whose: &Whose, state: &mut State) -> bool {
        let (Some((failures, _)), Some((lock, _))) = (line.failures, line.lock) else { return false };
        let now = line.time;
        let expected = match self.told.get(whose) {
            Some(told) => (told.failures, told.lock.filter(|lock| is_in_force(*lock, now))),
            None => (0, None),
        };
        if (failures, lock) == expected {
            return false;
        }
        let is_new = !self.told.contains_key(whose);
        state.keep_account(&whose.0, &whose.1, account(failures, lock, now));
        self.guesses.remove(whose);
        !is_new
    }

    /// Takes in what a line says was there after its decision.
    pub fn after(&mut self, line: &Decision, whose: Whose) {
        if let (Some((_, failures)), Some((_, lock))) = (line.failures, line.lock) {
            // Most people never fail: of them nothing needs to be remembered.
            if failures == 0 && lock.is_none() {
                self.told.remove(&whose);
            } else {
                self.told.insert(whose, Told { failures, lock, at: line.time });
            }
        }
    }

    /// A code whose comparison nobody has seen.
    pub fn guess(&mut self, whose: Whose, now: Timestamp) {
        let guesses = self.guesses.entry(whose).or_insert(Guesses { number: 0, until: now });
        guesses.number = guesses.number.saturating_add(1);
        guesses.until = now.plus(CLEAN_AFTER);
    }

    /// How many such codes there may have been since the last success.
    pub fn guesses(&self, whose: &Whose, now: Timestamp) -> u32 {
        self.guesses.get(whose).filter(|guesses| guesses.until > now).map_or(0, |guesses| guesses.number)
    }

    /// A success: what was guessed before does not matter any more.
    pub fn succeeded(&mut self, whose: &Whose) {
        self.guesses.remove(whose);
    }

    /// Forgets what says nothing any more.
    pub fn sweep(&mut self, now: Timestamp) {
        self.guesses.retain(|_, guesses| guesses.until > now);
        self.told.retain(|_, told| {
            told.failures > 0
                || told.lock.is_some_and(|lock| is_in_force(lock, now))
                || told.at.plus(CLEAN_AFTER) > now
        });
    }
}

fn is_in_force(lock: Lock, now: Timestamp) -> bool {
    match lock {
        Lock::Disabled => true,
        Lock::Until(until) => until > now,
    }
}

fn account(failures: u32, lock: Option<Lock>, now: Timestamp) -> Account {
    let mut account = Account { failures, consecutive: failures, clean_since: now, ..Account::default() };
    match lock {
        Some(Lock::Disabled) => account.disabled = true,
        Some(Lock::Until(until)) => {
            account.locked_until = until;
            account.clean_since = until;
            account.level = 1;
        }
        None => {}
    }
    account
}

/// How far locks had escalated before the log begins, which only the length of a new lock tells: where the new policy has
/// a lock of that length, its account takes it over.
pub(super) fn take_over_level(
    state: &mut State,
    whose: &Whose,
    rule: &LockoutRule,
    lasts: Duration,
    now: Timestamp,
) {
    let mut account = state.account(&whose.0, &whose.1, now);
    if account.lock(now).is_none_or(|lock| lock == Lock::Until(now.plus(lasts))) {
        return;
    }
    if let Some(level) = (0..STEPS).find(|level| rule.duration(*level) == lasts) {
        account.level = level + 1;
        account.locked_until = now.plus(lasts);
        account.clean_since = account.locked_until;
        state.keep_account(&whose.0, &whose.1, account);
    }
}
