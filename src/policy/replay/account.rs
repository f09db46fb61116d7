//! What the log tells of failures and locks, held beside the state of the new policy.

use std::collections::HashMap;
use std::time::Duration;

use super::line::Decision;
use crate::domain::id::Purpose;
use crate::domain::lockout::{Account, CLEAN_AFTER, Lock, LockoutRule, REMEMBERED_FOR};
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
    /// How many locks the log told of.
    locks: u32,
    /// How many of a row the log did not tell of.
    hidden: u32,
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
        if is_new {
            // A lock that is there has begun before the log.
            let told = Told { failures, lock, at: now, locks: 0, hidden: u32::from(lock.is_some()) };
            self.told.insert(whose.clone(), told);
        }
        !is_new
    }

    /// Takes in what a line says was there after its decision.
    pub fn after(&mut self, line: &Decision, whose: Whose) {
        let (Some((_, failures)), Some((before, lock))) = (line.failures, line.lock) else { return };
        let known = self.told.get(&whose).copied();
        let locks = known.map_or(0, |told| told.locks) + u32::from(before.is_none() && lock.is_some());
        let hidden = known.map_or(0, |told| told.hidden);
        // Most people never fail: of them nothing needs to be remembered.
        if failures == 0 && lock.is_none() && locks == 0 && hidden == 0 {
            self.told.remove(&whose);
        } else {
            self.told.insert(whose, Told { failures, lock, at: line.time, locks, hidden });
        }
    }

    /// How many locks of a row the log does not tell of, which only the length of this one shows; less those that this
    /// said before.
    pub fn hidden(&mut self, whose: &Whose, rule: &LockoutRule, lasts: Duration, now: Timestamp) -> u32 {
        let told = self.told.entry(whose.clone()).or_insert(Told {
            failures: 0,
            lock: None,
            at: now,
            locks: 0,
            hidden: 0,
        });
        let Some(level) = (told.locks..STEPS).find(|level| rule.duration(*level) == lasts) else { return 0 };
        let hidden = level - told.locks;
        let more = hidden.saturating_sub(told.hidden);
        told.hidden = told.hidden.max(hidden);
        more
    }

    /// A code whose comparison nobody has seen.
    pub fn guess(&mut self, whose: Whose, now: Timestamp) {
        let guesses = self.guesses.entry(whose).or_insert(Guesses { number: 0, until: now });
        guesses.number = guesses.number.saturating_add(1);
        guesses.until = now.plus(REMEMBERED_FOR);
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

/// Adds locks of a row that nobody saw to an account whose latest lock may have begun now.
pub(super) fn add_hidden(state: &mut State, whose: &Whose, rule: &LockoutRule, more: u32, now: Timestamp) {
    let mut account = state.account(&whose.0, &whose.1, now);
    account.level = account.level.saturating_add(more);
    if account.locked_until > now {
        account.locked_until = now.plus(rule.duration(account.level.saturating_sub(1)));
        account.clean_since = account.locked_until;
    }
    state.keep_account(&whose.0, &whose.1, account);
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
    const TICK: Duration = Duration::from_millis(1);

    fn whose() -> Whose {
        (Subject::parse("u1").unwrap(), Purpose::parse("wallet_funding").unwrap())
    }

    #[test]
    fn guesses_that_nobody_saw_count_until_a_success_or_until_they_are_forgotten() {
        let mut accounts = Accounts::default();
        accounts.guess(whose(), NOW);
        accounts.guess(whose(), NOW);
        let end = NOW.plus(REMEMBERED_FOR);
        assert_eq!([accounts.guesses(&whose(), end.minus(TICK)), accounts.guesses(&whose(), end)], [2, 0]);
        accounts.sweep(end.minus(TICK));
        assert_eq!(accounts.guesses(&whose(), NOW), 2);
        accounts.succeeded(&whose());
        assert_eq!(accounts.guesses(&whose(), NOW), 0);
        accounts.guess(whose(), NOW);
        accounts.sweep(end);
        assert_eq!(accounts.guesses(&whose(), NOW), 0);
    }

    #[test]
    fn what_was_told_is_kept_while_it_can_matter() {
        let told = |failures: u32, lock: Option<Lock>| Told { failures, lock, at: NOW, locks: 1, hidden: 0 };
        let clean = NOW.plus(CLEAN_AFTER);
        let until = clean.plus(CLEAN_AFTER);
        for (told, at, is_kept) in [
            (told(0, None), clean.minus(TICK), true),
            (told(0, None), clean, false),
            (told(1, None), clean, true),
            (told(0, Some(Lock::Until(until))), until.minus(TICK), true),
            (told(0, Some(Lock::Until(until))), until, false),
            (told(0, Some(Lock::Disabled)), until, true),
        ] {
            let mut accounts = Accounts::default();
            accounts.told.insert(whose(), told);
            accounts.sweep(at);
            assert_eq!(accounts.told.contains_key(&whose()), is_kept, "{told:?} at {at:?}");
        }
    }
}
