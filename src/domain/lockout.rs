//! The failure count of a subject and purpose, and the locks that follow from it.
//!
//! The count belongs to the person and the purpose, never to a code: asking for a new code does not
//! reset it (NIST SP 800-63B-4, 3.1.3.2), a success does. A lock is set once and not extended by
//! attempts made while it lasts. Consecutive failures go on counting across locks, and at
//! `disable_after` (at most 100, ibid. 3.2.2) only an operator opens the purpose again.

use std::time::Duration;

use super::time::Timestamp;

/// How long a subject must stay without failures and locks before escalation starts over.
pub const CLEAN_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// How long failures are remembered when nothing happens any more. Keys need an end; this one is far
/// beyond the point where forgetting could help anyone guess.
pub const REMEMBERED_FOR: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// `lockout` of a purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockoutRule {
    /// Counted failures that set a lock. At least 1.
    pub after: u32,
    /// How long the first lock lasts (`for` in the policy).
    pub lock_for: Duration,
    /// What each further lock is multiplied by. At least 1.
    pub escalate: u32,
    /// The longest that a lock gets.
    pub at_most: Duration,
    /// Consecutive failures, across locks, that disable the purpose for the subject. At least 1.
    pub disable_after: u32,
}

impl LockoutRule {
    /// How long a lock at this level of escalation lasts.
    pub fn duration(&self, level: u32) -> Duration {
        let mut duration = self.lock_for.min(self.at_most);
        for _ in 0..level {
            if duration >= self.at_most || self.escalate <= 1 {
                break;
            }
            duration = duration.saturating_mul(self.escalate).min(self.at_most);
        }
        duration
    }
}

/// Why no code is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// Refused until then.
    Until(Timestamp),
    /// Refused until an operator clears it.
    Disabled,
}

/// What is remembered of one subject and purpose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// Failures since the last success or lock.
    pub failures: u32,
    /// Failures since the last success.
    pub consecutive: u32,
    /// How many locks in a row escalated.
    pub level: u32,
    /// The end of the latest lock; the epoch if there was none.
    pub locked_until: Timestamp,
    /// The latest failure, or the end of the lock it caused.
    pub clean_since: Timestamp,
    /// Set at `disable_after`.
    pub disabled: bool,
}

/// What a failure led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failed {
    /// How many more failures there may be before a lock.
    pub left: u32,
    /// The lock that this failure set.
    pub lock: Option<Lock>,
}

impl Account {
    /// The lock in force.
    pub fn lock(&self, now: Timestamp) -> Option<Lock> {
        if self.disabled {
            Some(Lock::Disabled)
        } else if self.locked_until > now {
            Some(Lock::Until(self.locked_until))
        } else {
            None
        }
    }

    /// Counts a code that was compared and differed. Must not be called while locked.
    pub fn fail(&mut self, rule: &LockoutRule, now: Timestamp) -> Failed {
        if now >= self.clean_since.plus(CLEAN_AFTER) {
            self.level = 0;
        }
        self.failures += 1;
        self.consecutive += 1;
        self.clean_since = now;
        if self.consecutive >= rule.disable_after {
            self.failures = 0;
            self.disabled = true;
            return Failed { left: 0, lock: Some(Lock::Disabled) };
        }
        if self.failures < rule.after {
            return Failed { left: rule.after - self.failures, lock: None };
        }
        self.failures = 0;
        self.locked_until = now.plus(rule.duration(self.level));
        self.level = self.level.saturating_add(1);
        self.clean_since = self.locked_until;
        Failed { left: 0, lock: Some(Lock::Until(self.locked_until)) }
    }

    /// Forgets the failures after a right code. How far locks have escalated stays until the subject
    /// has been clean for [`CLEAN_AFTER`].
    pub fn succeed(&mut self) {
        self.failures = 0;
        self.consecutive = 0;
    }

    /// When this account says nothing any more and may be forgotten.
    pub fn expires_at(&self) -> Timestamp {
        if self.consecutive > 0 || self.disabled {
            self.clean_since.plus(REMEMBERED_FOR)
        } else {
            self.clean_since.plus(CLEAN_AFTER)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> LockoutRule {
        LockoutRule {
            after: 3,
            lock_for: Duration::from_secs(900),
            escalate: 2,
            at_most: Duration::from_secs(3_000),
            disable_after: 100,
        }
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn lock_once(account: &mut Account, now: Timestamp) -> Lock {
        assert_eq!(account.fail(&rule(), now).left, 2);
        assert_eq!(account.fail(&rule(), now).left, 1);
        account.fail(&rule(), now).lock.unwrap()
    }

    #[test]
    fn locks_escalate_up_to_the_longest_and_start_over_after_a_clean_day() {
        let mut account = Account::default();
        assert_eq!(lock_once(&mut account, at(0)), Lock::Until(at(900)));
        assert_eq!(lock_once(&mut account, at(900)), Lock::Until(at(900 + 1_800)));
        assert_eq!(lock_once(&mut account, at(2_700)), Lock::Until(at(2_700 + 3_000)));
        let a_day_after_the_lock = at(5_700 + 86_400);
        assert_eq!(
            lock_once(&mut account, a_day_after_the_lock),
            Lock::Until(a_day_after_the_lock.plus(Duration::from_secs(900)))
        );
    }

    #[test]
    fn a_day_spent_locked_is_not_a_clean_day() {
        let rule = LockoutRule { lock_for: CLEAN_AFTER, at_most: CLEAN_AFTER * 4, ..rule() };
        let mut account = Account { failures: 2, ..Account::default() };
        assert_eq!(account.fail(&rule, at(0)).lock, Some(Lock::Until(at(86_400))));
        account.failures = 2;
        assert_eq!(account.fail(&rule, at(86_400)).lock, Some(Lock::Until(at(3 * 86_400))));
    }

    #[test]
    fn a_success_forgets_failures_but_not_escalation() {
        let mut account = Account::default();
        lock_once(&mut account, at(0));
        account.succeed();
        assert_eq!((account.failures, account.consecutive), (0, 0));
        assert_eq!(lock_once(&mut account, at(1_000)), Lock::Until(at(1_000 + 1_800)));
    }

    #[test]
    fn an_account_is_kept_as_long_as_it_says_something() {
        let mut account = Account::default();
        account.fail(&rule(), at(10));
        assert_eq!(account.expires_at(), at(10).plus(REMEMBERED_FOR));
        account.succeed();
        assert_eq!(account.expires_at(), at(10).plus(CLEAN_AFTER));
        account.disabled = true;
        assert_eq!(account.expires_at(), at(10).plus(REMEMBERED_FOR));
    }

    #[test]
    fn consecutive_failures_disable_across_locks_and_only_a_success_resets_them() {
        let rule = LockoutRule { disable_after: 4, ..rule() };
        let mut account = Account::default();
        for _ in 0..3 {
            account.fail(&rule, at(0));
        }
        assert_eq!(account.fail(&rule, at(1_000)).lock, Some(Lock::Disabled));
        assert_eq!(account.lock(at(1_000_000_000)), Some(Lock::Disabled));
    }
}
