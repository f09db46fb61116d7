//! How fast a lockout lets somebody fail, if they wait as cleverly as can be.

use std::time::Duration;

use crate::domain::lockout::{CLEAN_AFTER, LockoutRule};

/// The most locks that can begin within a span, and how they are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// How many locks begin.
    pub locks: u64,
    /// How often the attacker waits for a clean day, after which locks are short again.
    pub pauses: u64,
    /// How many locks there are between two such days; in some runs one more.
    pub run: u64,
}

/// The most locks in any span of this length (its end excluded).
///
/// Locks come in runs, each of which begins with the shortest lock; between two runs lies a day without
/// failures and locks. For a given number of pauses the time that is left is best spent on the cheapest
/// locks of all runs, since in a run each lock is at least as long as the one before. Only the last lock
/// need not end within the span. Trying every number of pauses makes this the exact maximum.
pub fn pace(rule: &LockoutRule, span: Duration) -> Pace {
    let mut best = Pace { locks: 0, pauses: 0, run: 0 };
    let mut room = span.as_millis();
    let mut pauses = 0;
    while room > 0 {
        let locks = locks_within(rule, room, pauses + 1);
        if locks > best.locks {
            best = Pace { locks, pauses, run: locks / (pauses + 1) };
        }
        room = room.saturating_sub(CLEAN_AFTER.as_millis());
        pauses += 1;
    }
    best
}

/// How many locks fit into so many runs whose lengths, pauses not counted, add up to less than `room`
/// milliseconds.
fn locks_within(rule: &LockoutRule, room: u128, runs: u64) -> u64 {
    let mut left = room.saturating_sub(1);
    let mut locks: u128 = 0;
    let mut level = 0;
    loop {
        let cost = rule.duration(level).as_millis().max(1);
        let is_longest = rule.duration(level + 1).as_millis() <= cost;
        let fitting = left / cost;
        if is_longest {
            locks += fitting;
            break;
        }
        let taken = fitting.min(u128::from(runs));
        locks += taken;
        left -= taken * cost;
        level += 1;
    }
    // The last lock may go on beyond the end.
    u64::try_from(locks).unwrap_or(u64::MAX).saturating_add(1)
}

/// The most failures in any span, when an owner passes that many codes in it at the moments that help the
/// attacker most.
///
/// Failures come in groups that end with a lock, with `after` failures, or with a right code, with at most
/// one fewer. Only a right code keeps `disable_after` from ending it all.
pub fn failures(rule: &LockoutRule, locks: u64, right_codes: u64) -> u64 {
    let disable_after = u64::from(rule.disable_after);
    let until_disabled =
        disable_after.saturating_sub(1).saturating_mul(right_codes).saturating_add(disable_after);
    until_locked(rule, locks, right_codes).min(until_disabled)
}

/// The same if nothing were ever disabled.
pub fn until_locked(rule: &LockoutRule, locks: u64, right_codes: u64) -> u64 {
    let after = u64::from(rule.after);
    after.saturating_mul(locks).saturating_add(after.saturating_sub(1).saturating_mul(right_codes))
}
