//! Every strategy there is, on a clock that ticks every few hours: the real `Account`, all choices at each
//! tick, the best outcome.

use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;

use crate::domain::lockout::{Account, LockoutRule};
use crate::domain::time::Timestamp;
use crate::policy::budget::pace::{failures, pace};

const HOUR: u64 = 60 * 60;
const DAY: u64 = 24 * HOUR;
/// Everything lasts a multiple of this, so that no strategy gains by acting between two ticks.
const TICK: u64 = 6 * HOUR;

fn at(tick: u64) -> Timestamp {
    Timestamp::from_millis(tick * TICK * 1_000)
}

/// What is the same for two strategies has the same future.
type Position = (u64, u32, u32, u32, u32, u64, u64, bool);

struct World<'a> {
    rule: &'a LockoutRule,
    ticks: u64,
    codes_per_day: u32,
    known: HashMap<Position, u64>,
}

impl World<'_> {
    /// The most failures from this tick on.
    fn most(&mut self, tick: u64, account: &Account, codes: u32) -> u64 {
        if tick == self.ticks {
            return 0;
        }
        let position = (
            tick,
            codes,
            account.failures,
            account.consecutive,
            account.level,
            account.locked_until.as_millis(),
            account.clean_since.as_millis(),
            account.disabled,
        );
        if let Some(known) = self.known.get(&position) {
            return *known;
        }
        let codes_tomorrow = if ((tick + 1) * TICK).is_multiple_of(DAY) { self.codes_per_day } else { codes };
        let mut best = self.most(tick + 1, account, codes_tomorrow);
        if account.lock(at(tick)).is_none() {
            let mut failed = account.clone();
            failed.fail(self.rule, at(tick));
            best = best.max(1 + self.most(tick, &failed, codes));
            if codes > 0 {
                let mut passed = account.clone();
                passed.succeed();
                best = best.max(self.most(tick, &passed, codes - 1));
            }
        }
        self.known.insert(position, best);
        best
    }
}

fn exhaustive(rule: &LockoutRule, ticks: u64, codes_per_day: u32) -> u64 {
    let mut world = World { rule, ticks, codes_per_day, known: HashMap::new() };
    world.most(0, &Account::default(), codes_per_day)
}

fn bound(rule: &LockoutRule, ticks: u64, codes_per_day: u32) -> u64 {
    let span = Duration::from_secs(ticks * TICK);
    let codes = u64::from(codes_per_day) * (ticks * TICK).div_ceil(DAY);
    failures(rule, pace(rule, span).locks, codes)
}

fn rules() -> impl Strategy<Value = LockoutRule> {
    let longest = prop_oneof![Just(0_u64), 0..3_u64, 3..20_u64];
    (1..4_u32, 1..5_u64, 1..4_u32, longest, prop_oneof![1..8_u32, 8..40_u32, Just(100)]).prop_map(
        |(after, lock, escalate, more, disable_after)| LockoutRule {
            after,
            lock_for: Duration::from_secs(lock * TICK),
            escalate,
            at_most: Duration::from_secs((lock + more) * TICK),
            disable_after,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn an_absent_owner_leaves_exactly_as_many_guesses_as_the_bound_says(rule in rules(), ticks in 1..40_u64) {
        prop_assert_eq!(exhaustive(&rule, ticks, 0), bound(&rule, ticks, 0));
    }

    #[test]
    fn with_an_active_owner_no_strategy_gets_more_guesses_than_the_bound_says(
        rule in rules(),
        ticks in 1..18_u64,
        codes in 1..3_u32,
    ) {
        let (found, bound) = (exhaustive(&rule, ticks, codes), bound(&rule, ticks, codes));
        prop_assert!(found <= bound, "{found} > {bound}");
        // What cannot be had at once are clean days and all of the owner's codes, and an early end.
        let steady = LockoutRule { disable_after: 10_000, escalate: 1, ..rule };
        prop_assert_eq!(exhaustive(&steady, ticks, codes), self::bound(&steady, ticks, codes));
    }
}

#[test]
fn waiting_for_a_clean_day_pays_when_locks_grow_long() {
    let rule = LockoutRule {
        after: 3,
        lock_for: Duration::from_secs(15 * 60),
        escalate: 2,
        at_most: Duration::from_secs(DAY),
        disable_after: 100,
    };
    let year = pace(&rule, Duration::from_secs(365 * DAY));
    // Five locks (15m to 4h) and a clean day take 31 h 45 min.
    assert_eq!((year.locks, year.pauses, year.run), (1_383, 275, 5));
    let day = pace(&rule, Duration::from_secs(DAY));
    assert_eq!((day.locks, day.pauses, day.run), (7, 0, 7));
    // Without waiting, one lock of a day follows another.
    let patient_only = LockoutRule { escalate: 1, lock_for: Duration::from_secs(DAY), ..rule };
    assert_eq!(pace(&patient_only, Duration::from_secs(365 * DAY)).locks, 365);
}
