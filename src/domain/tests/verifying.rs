use std::time::Duration;

use super::world::*;
use crate::domain::admit::Refusal;
use crate::domain::issue::IssueCommand;
use crate::domain::lockout::{Lock, LockoutRule};
use crate::domain::verify::{Settlement, VerifyCommand, VerifyOutcome};
use crate::domain::window::{Count, Take};

fn right(age: Duration) -> VerifyOutcome {
    VerifyOutcome::Reserved { purpose: funding(), binding: amount("5000"), age }
}

fn wrong(left: u32, lock: Option<Lock>) -> VerifyOutcome {
    VerifyOutcome::Mismatch { purpose: funding(), left, lock }
}

#[test]
fn a_right_code_tells_what_it_was_for_what_it_was_tied_to_and_how_old_it_is() {
    let mut world = World::with_codes(&[1]);
    world.wait(MINUTE);
    world.issued(&issuing("FUND-1", 2));
    world.wait(MINUTE);
    assert_eq!(world.guess(1), right(2 * MINUTE));
}

#[test]
fn a_code_lives_exactly_as_long_as_it_was_given() {
    for (age, expected) in
        [(TTL - TICK, right(TTL - TICK)), (TTL, VerifyOutcome::Expired { purpose: funding() })]
    {
        let mut world = World::with_codes(&[1]);
        world.wait(age);
        assert_eq!(world.guess(1), expected);
    }
}

#[test]
fn a_wrong_code_counts_nothing_when_every_code_has_expired() {
    let mut world = World::with_codes(&[1]);
    world.wait(TTL);
    assert_eq!(world.guess(9), VerifyOutcome::Expired { purpose: funding() });
    assert_eq!(world.standing().failures, 0);
}

#[test]
fn the_expired_code_beside_a_live_one_is_told_to_be_expired_and_counts_nothing() {
    let mut world = World::with_codes(&[1]);
    world.wait(MINUTE);
    world.issued(&issuing("FUND-1", 2));
    world.wait(TTL - MINUTE);
    assert_eq!(world.guess(1), VerifyOutcome::Expired { purpose: funding() });
    assert_eq!(world.guess(9), wrong(2, None));
    assert_eq!(world.guess(2), right(TTL - MINUTE));
}

#[test]
fn anothers_challenge_another_reference_and_a_purpose_without_lockout_are_unknown_and_count_nothing() {
    let mut world = World::with_codes(&[1]);
    for command in [
        VerifyCommand { subject: subject("u2"), ..presenting("FUND-1", 1) },
        presenting("FUND-2", 1),
        VerifyCommand { lockouts: [(deduction(), rule())].into(), ..presenting("FUND-1", 1) },
    ] {
        assert_eq!(world.verify(&command), VerifyOutcome::Unknown, "{command:?}");
    }
    assert_eq!(world.standing().failures, 0);
}

#[test]
fn a_code_passes_once_and_one_success_ends_every_code_of_the_challenge() {
    let mut world = World::with_codes(&[1, 2]);
    assert_eq!(world.guess(1), right(Duration::ZERO));
    assert_eq!(world.guess(1), VerifyOutcome::Spent { purpose: funding() });
    assert_eq!(world.guess(2), VerifyOutcome::Spent { purpose: funding() });
    world.settle(&settling("FUND-1", Settlement::Commit));
    assert_eq!(world.guess(1), VerifyOutcome::Spent { purpose: funding() });
    assert_eq!(world.guess(2), VerifyOutcome::Spent { purpose: funding() });
}

#[test]
fn the_failure_that_locks_says_so_and_no_code_is_compared_until_the_lock_ends() {
    let mut world = World::with_codes(&[1]);
    world.wait(MINUTE);
    let lock = Lock::Until(world.now.plus(15 * MINUTE));
    assert_eq!(world.guess(9), wrong(2, None));
    assert_eq!(world.guess(9), wrong(1, None));
    assert_eq!(world.guess(9), wrong(0, Some(lock)));
    world.wait(MINUTE);
    assert_eq!(world.guess(1), VerifyOutcome::Refused(Refusal::Locked(lock)));
    assert_eq!(world.guess(9), VerifyOutcome::Refused(Refusal::Locked(lock)));

    world.wait(14 * MINUTE);
    world.issued(&issuing("FUND-1", 2));
    assert_eq!(world.guess(9), wrong(2, None));
    assert_eq!(world.guess(2), right(Duration::ZERO));
}

#[test]
fn the_rule_of_the_challenges_own_purpose_counts() {
    let mut world = World::with_codes(&[1]);
    world.issued(&IssueCommand { purpose: deduction(), ..issuing("DEDUCT-1", 2) });
    let strict = LockoutRule { after: 1, ..rule() };
    let lockouts = [(funding(), rule()), (deduction(), strict)].into();
    let outcome = world.verify(&VerifyCommand { lockouts, ..presenting("DEDUCT-1", 9) });
    let lock = Some(Lock::Until(world.now.plus(15 * MINUTE)));
    assert_eq!(outcome, VerifyOutcome::Mismatch { purpose: deduction(), left: 0, lock });
    assert_eq!(world.guess(1), right(Duration::ZERO), "a lock of another purpose refused");
}

#[test]
fn neither_a_new_code_nor_a_new_challenge_resets_the_failure_count_and_a_success_does() {
    let mut world = World::with_codes(&[1]);
    world.fail(1);
    world.issued(&issuing("FUND-1", 2));
    world.fail(1);
    world.issued(&issuing("FUND-2", 3));
    assert_eq!(world.standing().failures, 2);
    world.verify(&presenting("FUND-2", 3));
    assert_eq!(world.standing().failures, 0);
}

#[test]
fn ten_failures_in_a_row_disable_until_an_operator_clears_it() {
    let mut world = World::new();
    for failure in 1..=10 {
        world.wait(DAY);
        world.issued(&issuing("FUND-1", 1));
        let outcome = world.guess(9);
        assert_eq!(outcome == wrong(0, Some(Lock::Disabled)), failure == 10, "{failure}: {outcome:?}");
    }
    world.wait(100 * DAY);
    world.issued(&issuing("FUND-1", 1));
    assert_eq!(world.guess(1), VerifyOutcome::Refused(Refusal::Locked(Lock::Disabled)));
}

#[test]
fn a_code_under_a_key_that_is_not_here_is_told_apart_from_a_wrong_one() {
    let mut world = World::new();
    world.issued(&IssueCommand { digest: digest("k0", 1), ..issuing("FUND-1", 1) });
    assert_eq!(world.guess(1), VerifyOutcome::UnknownKey { purpose: funding() });
    assert_eq!(world.standing().failures, 0);

    world.issued(&issuing("FUND-1", 2));
    assert_eq!(world.guess(9), wrong(2, None), "one live code could be compared");
}

#[test]
fn a_code_is_right_under_any_of_the_keys() {
    let mut world = World::with_codes(&[1]);
    let candidates = vec![digest("k2", 7), digest("k1", 1)];
    let outcome = world.verify(&VerifyCommand { candidates, ..presenting("FUND-1", 1) });
    assert_eq!(outcome, right(Duration::ZERO));
}

#[test]
fn every_call_counts_under_its_limits_whatever_comes_of_it_and_a_full_one_compares_nothing() {
    let mut world = World::with_codes(&[1]);
    let takes = vec![own("verify", 2)];
    let asking = |under, code| VerifyCommand { takes: takes.clone(), ..presenting(under, code) };
    assert_eq!(world.verify(&asking("FUND-9", 1)), VerifyOutcome::Unknown);
    assert_eq!(world.verify(&asking("FUND-1", 9)), wrong(2, None));
    let refused = VerifyOutcome::Refused(full(&takes[0], world.now.plus(MINUTE)));
    assert_eq!(world.verify(&asking("FUND-1", 9)), refused);
    assert_eq!(world.verify(&asking("FUND-1", 1)), refused);
    assert_eq!(world.standing().failures, 1);
}

#[test]
fn a_limit_on_failures_counts_only_codes_that_were_compared_and_differed() {
    let mut world = World::with_codes(&[1]);
    let failures = Take { count: Count::Failures, ..own("failures", 2) };
    let asking = |under, code| VerifyCommand { takes: vec![failures.clone()], ..presenting(under, code) };
    for _ in 0..3 {
        assert_eq!(world.verify(&asking("FUND-9", 1)), VerifyOutcome::Unknown);
    }
    assert_eq!(world.verify(&asking("FUND-1", 9)), wrong(2, None));
    assert_eq!(world.verify(&asking("FUND-1", 9)), wrong(1, None));
    let refused = VerifyOutcome::Refused(full(&failures, world.now.plus(MINUTE)));
    assert_eq!(world.verify(&asking("FUND-1", 1)), refused);
}

#[test]
fn limits_without_a_subject_count_each_call_once_also_when_a_lock_refuses_it() {
    let mut world = World::with_codes(&[1]);
    world.fail(2);
    let everyone = shared("everyone", 3);
    let mine = own("mine", 1);
    let takes = vec![everyone.clone(), mine.clone()];
    let asking = VerifyCommand { takes, ..presenting("FUND-1", 9) };
    let lock = Lock::Until(world.now.plus(15 * MINUTE));
    assert_eq!(world.verify(&asking), wrong(0, Some(lock)));
    for _ in 0..2 {
        assert_eq!(
            world.verify(&asking),
            VerifyOutcome::Refused(Refusal::Locked(lock)),
            "a lock comes first"
        );
    }
    let other = VerifyCommand { takes: vec![everyone.clone()], subject: subject("u2"), ..asking };
    let refused = VerifyOutcome::Refused(full(&everyone, world.now.plus(MINUTE)));
    assert_eq!(world.verify(&other), refused);
}
