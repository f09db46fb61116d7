//! What every store does, said once and run against each.

use std::sync::Arc;
use std::time::Duration;

use otp_sidecar::domain::admit::{AdmitCommand, AdmitOutcome, Refusal};
use otp_sidecar::domain::binding::Binding;
use otp_sidecar::domain::id::Purpose;
use otp_sidecar::domain::issue::{Expected, IssueCommand, IssueOutcome};
use otp_sidecar::domain::lockout::{Lock, LockoutRule};
use otp_sidecar::domain::verify::{SettleOutcome, Settlement, VerifyCommand, VerifyOutcome};
use otp_sidecar::domain::window::{Count, Limited, Take};

use crate::store_world::{
    MINUTE, World, digest, issue, on_every_store, own_take, purpose, reference, request, rule, settle,
    shared_take, standpoint, verify,
};

on_every_store!(
    a_right_code_is_reserved_for_one_request_and_then_spent,
    a_committed_code_stays_spent_and_is_no_longer_pending,
    a_released_code_may_be_tried_again,
    only_the_request_and_the_subject_that_hold_a_code_settle_it,
    another_persons_challenge_does_not_exist,
    the_newest_codes_live_side_by_side_each_until_its_own_end,
    a_code_ends_exactly_with_its_time,
    an_expired_code_beside_a_live_one_is_expired_and_not_a_failure,
    a_challenge_is_remembered_for_half_an_hour_beyond_its_code,
    a_newer_challenge_supersedes_the_older_one,
    a_reservation_outlives_a_newer_challenge_but_its_release_does_not_revive_it,
    an_issue_that_expected_something_else_changes_nothing,
    a_second_code_within_the_cooldown_is_too_soon,
    a_used_reference_gets_no_new_code,
    a_changed_binding_ends_the_older_codes,
    a_third_failure_locks_and_a_new_code_does_not_reset_the_count,
    no_code_is_compared_while_locked_and_the_lock_is_not_extended,
    a_success_resets_the_failures_but_not_the_escalation,
    escalation_starts_over_after_exactly_one_clean_day,
    failures_are_forgotten_after_exactly_400_quiet_days,
    consecutive_failures_disable_the_purpose,
    a_forgotten_reference_belongs_to_its_new_purpose_alone,
    a_code_under_a_key_that_nobody_has_is_its_own_answer,
    limits_of_one_subject_are_counted_together_or_not_at_all,
    limits_by_address_count_even_when_the_request_is_refused,
    of_several_full_limits_the_one_that_opens_last_is_named,
    a_limit_on_failures_counts_only_failures,
    a_locked_subject_takes_no_limit_of_its_own,
    a_status_tells_the_lock_that_a_request_is_refused_for,
    a_subject_may_contain_any_separator,
    the_census_counts_subjects_with_a_live_code_and_locked_ones,
);

fn is_reserved(outcome: &VerifyOutcome) -> bool {
    matches!(outcome, VerifyOutcome::Reserved { .. })
}

fn mismatch(left: u32, lock: Option<Lock>) -> VerifyOutcome {
    VerifyOutcome::Mismatch { purpose: purpose(), left, lock }
}

fn spent() -> VerifyOutcome {
    VerifyOutcome::Spent { purpose: purpose() }
}

fn expired() -> VerifyOutcome {
    VerifyOutcome::Expired { purpose: purpose() }
}

fn admit(takes: &[Take]) -> AdmitCommand {
    AdmitCommand { standpoint: None, takes: takes.to_vec() }
}

async fn a_right_code_is_reserved_for_one_request_and_then_spent(world: World) {
    world.issued(1).await;
    world.wait(Duration::from_millis(1_500));
    let expected = VerifyOutcome::Reserved {
        purpose: purpose(),
        binding: Binding::of([("amount", "5000")]),
        age: Duration::from_millis(1_500),
    };
    assert_eq!(world.verify(&verify("u1", "FUND-1", 1)).await, expected);
    assert_eq!(world.verify(&verify("u1", "FUND-1", 1)).await, spent());
    assert!(world.standing().await.pending.unwrap().reserved);
}

async fn a_committed_code_stays_spent_and_is_no_longer_pending(world: World) {
    world.issued(1).await;
    world.verify(&verify("u1", "FUND-1", 1)).await;
    let commit = settle("u1", "FUND-1", Settlement::Commit);
    assert_eq!(world.settle(&commit).await, SettleOutcome::Settled);
    assert_eq!(world.settle(&commit).await, SettleOutcome::NotHeld);
    assert_eq!(world.verify(&verify("u1", "FUND-1", 1)).await, spent());
    assert_eq!(world.standing().await.pending, None);
}

async fn a_released_code_may_be_tried_again(world: World) {
    world.issued(1).await;
    world.verify(&verify("u1", "FUND-1", 1)).await;
    let release = settle("u1", "FUND-1", Settlement::Release);
    assert_eq!(world.settle(&release).await, SettleOutcome::Settled);
    assert!(is_reserved(&world.verify(&verify("u1", "FUND-1", 1)).await));
}

async fn only_the_request_and_the_subject_that_hold_a_code_settle_it(world: World) {
    world.issued(1).await;
    world.verify(&verify("u1", "FUND-1", 1)).await;
    let mut foreign_request = settle("u1", "FUND-1", Settlement::Release);
    foreign_request.request = request(2);
    assert_eq!(world.settle(&foreign_request).await, SettleOutcome::NotHeld);
    assert_eq!(world.settle(&settle("u2", "FUND-1", Settlement::Release)).await, SettleOutcome::NotHeld);
    assert_eq!(world.settle(&settle("u1", "FUND-2", Settlement::Release)).await, SettleOutcome::NotHeld);
    assert_eq!(world.verify(&verify("u1", "FUND-1", 1)).await, spent());
}

async fn another_persons_challenge_does_not_exist(world: World) {
    world.issued(1).await;
    assert_eq!(world.verify(&verify("u2", "FUND-1", 1)).await, VerifyOutcome::Unknown);
    assert_eq!(world.verify(&verify("u1", "FUND-2", 1)).await, VerifyOutcome::Unknown);
    assert_eq!(world.standing().await.failures, 0);
}

async fn the_newest_codes_live_side_by_side_each_until_its_own_end(world: World) {
    for code in 1..=3 {
        world.issued(code).await;
        world.wait(MINUTE);
    }
    assert_eq!(world.verify(&verify("u1", "FUND-1", 1)).await, mismatch(2, None));
    assert!(is_reserved(&world.verify(&verify("u1", "FUND-1", 2)).await));
}

async fn a_code_ends_exactly_with_its_time(world: World) {
    let expires_at = world.issued(1).await;
    world.wait(expires_at.since(world.now()) - Duration::from_millis(1));
    let live = world.verify(&verify("u1", "FUND-1", 1)).await;
    assert!(is_reserved(&live));
    world.settle(&settle("u1", "FUND-1", Settlement::Release)).await;
    world.wait(Duration::from_millis(1));
    assert_eq!(world.verify(&verify("u1", "FUND-1", 1)).await, expired());
    assert_eq!(world.verify(&verify("u1", "FUND-1", 9)).await, expired());
}

async fn an_expired_code_beside_a_live_one_is_expired_and_not_a_failure(world: World) {
    world.issued(1).await;
    world.wait(4 * MINUTE);
    world.issued(2).await;
    world.wait(MINUTE);
    assert_eq!(world.verify(&verify("u1", "FUND-1", 1)).await, expired());
    assert_eq!(world.standing().await.failures, 0);
    assert_eq!(world.verify(&verify("u1", "FUND-1", 9)).await, mismatch(2, None));
    assert!(is_reserved(&world.verify(&verify("u1", "FUND-1", 2)).await));
}

async fn a_challenge_is_remembered_for_half_an_hour_beyond_its_code(world: World) {
    world.issued(1).await;
    world.wait(35 * MINUTE - Duration::from_millis(1));
    assert_eq!(world.verify(&verify("u1", "FUND-1", 1)).await, expired());
    assert_eq!(world.standing().await.pending.unwrap().reference, reference("FUND-1"));
    world.wait(Duration::from_millis(1));
    assert_eq!(world.verify(&verify("u1", "FUND-1", 1)).await, VerifyOutcome::Unknown);
    assert_eq!(world.standing().await.pending, None);
}

async fn a_newer_challenge_supersedes_the_older_one(world: World) {
    world.issued(1).await;
    world.issue(&issue("u1", "FUND-2", 2)).await;
    let superseded = VerifyOutcome::Superseded { purpose: purpose() };
    assert_eq!(world.verify(&verify("u1", "FUND-1", 1)).await, superseded);
    assert!(is_reserved(&world.verify(&verify("u1", "FUND-2", 2)).await));
}

async fn a_reservation_outlives_a_newer_challenge_but_its_release_does_not_revive_it(world: World) {
    world.issued(1).await;
    world.verify(&verify("u1", "FUND-1", 1)).await;
    world.issue(&issue("u1", "FUND-2", 2)).await;
    assert_eq!(world.settle(&settle("u1", "FUND-1", Settlement::Release)).await, SettleOutcome::Settled);
    let superseded = VerifyOutcome::Superseded { purpose: purpose() };
    assert_eq!(world.verify(&verify("u1", "FUND-1", 1)).await, superseded);
    assert_eq!(world.standing().await.pending.unwrap().reference, reference("FUND-2"));
}

async fn an_issue_that_expected_something_else_changes_nothing(world: World) {
    let onto = |expected, under, code| IssueCommand { expected, ..issue("u1", under, code) };
    let pending = |under| Expected::Pending(reference(under));
    let stale = IssueOutcome::Stale;
    assert_eq!(world.issue(&onto(pending("FUND-1"), "FUND-1", 1)).await, stale);
    world.issued(1).await;
    assert_eq!(world.issue(&onto(Expected::Nothing, "OTP-22", 2)).await, stale);
    assert_eq!(world.issue(&onto(pending("FUND-2"), "FUND-2", 2)).await, stale);
    assert_ne!(world.issue(&onto(pending("FUND-1"), "FUND-1", 3)).await, stale);
    assert!(is_reserved(&world.verify(&verify("u1", "FUND-1", 1)).await));
}

async fn a_second_code_within_the_cooldown_is_too_soon(world: World) {
    world.issued(1).await;
    let again = IssueCommand { cooldown: MINUTE, ..issue("u1", "FUND-1", 2) };
    let retry_at = world.now().plus(MINUTE);
    world.wait(MINUTE - Duration::from_millis(1));
    assert_eq!(world.issue(&again).await, IssueOutcome::TooSoon { retry_at });
    world.wait(Duration::from_millis(1));
    assert_eq!(world.issue(&again).await, IssueOutcome::Issued { expires_at: retry_at.plus(5 * MINUTE) });
}

async fn a_used_reference_gets_no_new_code(world: World) {
    world.issued(1).await;
    world.verify(&verify("u1", "FUND-1", 1)).await;
    assert_eq!(world.issue(&issue("u1", "FUND-1", 2)).await, IssueOutcome::Spent);
    world.settle(&settle("u1", "FUND-1", Settlement::Commit)).await;
    assert_eq!(world.issue(&issue("u1", "FUND-1", 2)).await, IssueOutcome::Spent);
    let other = Purpose::parse("wallet_deduction").unwrap();
    let other_purpose = IssueCommand { purpose: other, ..issue("u1", "FUND-1", 2) };
    assert_eq!(world.issue(&other_purpose).await, IssueOutcome::Spent);
}

async fn a_changed_binding_ends_the_older_codes(world: World) {
    world.issued(1).await;
    let dearer = IssueCommand { binding: Binding::of([("amount", "9000")]), ..issue("u1", "FUND-1", 2) };
    world.issue(&dearer).await;
    assert_eq!(world.verify(&verify("u1", "FUND-1", 1)).await, mismatch(2, None));
    let pending = world.standing().await.pending.unwrap();
    assert_eq!(pending.binding.get("amount"), Some("9000"));
}

async fn a_third_failure_locks_and_a_new_code_does_not_reset_the_count(world: World) {
    world.issued(1).await;
    assert_eq!(world.verify(&verify("u1", "FUND-1", 9)).await, mismatch(2, None));
    assert_eq!(world.verify(&verify("u1", "FUND-1", 9)).await, mismatch(1, None));
    world.issued(2).await;
    assert_eq!(world.standing().await.failures, 2);
    let lock = Lock::Until(world.now().plus(15 * MINUTE));
    assert_eq!(world.verify(&verify("u1", "FUND-1", 9)).await, mismatch(0, Some(lock)));
}

async fn no_code_is_compared_while_locked_and_the_lock_is_not_extended(world: World) {
    world.issued(1).await;
    for _ in 0..3 {
        world.verify(&verify("u1", "FUND-1", 9)).await;
    }
    let locked = VerifyOutcome::Refused(Refusal::Locked(Lock::Until(world.now().plus(15 * MINUTE))));
    for code in [1, 9, 1] {
        world.wait(MINUTE);
        assert_eq!(world.verify(&verify("u1", "FUND-1", code)).await, locked);
    }
    world.wait(12 * MINUTE);
    world.issued(2).await;
    assert!(is_reserved(&world.verify(&verify("u1", "FUND-1", 2)).await));
}

async fn a_success_resets_the_failures_but_not_the_escalation(world: World) {
    world.issued(1).await;
    for _ in 0..3 {
        world.verify(&verify("u1", "FUND-1", 9)).await;
    }
    world.wait(15 * MINUTE);
    world.issued(2).await;
    assert_eq!(world.verify(&verify("u1", "FUND-1", 9)).await, mismatch(2, None));
    assert!(is_reserved(&world.verify(&verify("u1", "FUND-1", 2)).await));
    world.issue(&issue("u1", "FUND-2", 3)).await;
    for left in [2, 1] {
        assert_eq!(world.verify(&verify("u1", "FUND-2", 9)).await, mismatch(left, None));
    }
    let twice_as_long = Lock::Until(world.now().plus(30 * MINUTE));
    assert_eq!(world.verify(&verify("u1", "FUND-2", 9)).await, mismatch(0, Some(twice_as_long)));
}

async fn escalation_starts_over_after_exactly_one_clean_day(world: World) {
    let day = 24 * 60 * MINUTE;
    for (clean, lock_for) in [(Duration::ZERO, 15 * MINUTE), (day - Duration::from_millis(1), 30 * MINUTE)] {
        world.wait(clean);
        world.issued(1).await;
        for left in [2, 1] {
            assert_eq!(world.verify(&verify("u1", "FUND-1", 9)).await, mismatch(left, None));
        }
        let lock = Lock::Until(world.now().plus(lock_for));
        assert_eq!(world.verify(&verify("u1", "FUND-1", 9)).await, mismatch(0, Some(lock)));
        world.wait(lock_for);
    }
    world.wait(day);
    world.issued(1).await;
    for left in [2, 1] {
        assert_eq!(world.verify(&verify("u1", "FUND-1", 9)).await, mismatch(left, None));
    }
    let as_at_first = Lock::Until(world.now().plus(15 * MINUTE));
    assert_eq!(world.verify(&verify("u1", "FUND-1", 9)).await, mismatch(0, Some(as_at_first)));
}

async fn a_forgotten_reference_belongs_to_its_new_purpose_alone(world: World) {
    world.issued(1).await;
    world.wait(35 * MINUTE);
    let other = Purpose::parse("wallet_deduction").unwrap();
    world.issue(&IssueCommand { purpose: other, ..issue("u1", "FUND-1", 2) }).await;
    assert_eq!(world.standing().await.pending, None);
    assert_eq!(world.census().await, (0, 0));
}

async fn failures_are_forgotten_after_exactly_400_quiet_days(world: World) {
    world.issued(1).await;
    world.verify(&verify("u1", "FUND-1", 9)).await;
    world.wait(400 * 24 * 60 * MINUTE - Duration::from_millis(1));
    assert_eq!(world.standing().await.failures, 1);
    world.wait(Duration::from_millis(1));
    assert_eq!(world.standing().await.failures, 0);
}

async fn consecutive_failures_disable_the_purpose(world: World) {
    world.issued(1).await;
    let strict = LockoutRule { disable_after: 2, ..rule() };
    let guess = VerifyCommand { lockouts: Arc::from([(purpose(), strict)]), ..verify("u1", "FUND-1", 9) };
    assert_eq!(world.verify(&guess).await, mismatch(2, None));
    assert_eq!(world.verify(&guess).await, mismatch(0, Some(Lock::Disabled)));
    world.wait(300 * 24 * 60 * MINUTE);
    assert_eq!(world.standing().await.lock, Some(Lock::Disabled));
    assert_eq!(world.census().await, (0, 1));
}

async fn a_code_under_a_key_that_nobody_has_is_its_own_answer(world: World) {
    world.issued(1).await;
    let unknown_key = VerifyOutcome::UnknownKey { purpose: purpose() };
    let with = |kids: &[&str]| VerifyCommand {
        candidates: kids.iter().map(|kid| digest(kid, 1)).collect(),
        ..verify("u1", "FUND-1", 1)
    };
    assert_eq!(world.verify(&with(&["b", "aa"])).await, unknown_key);
    assert_eq!(world.standing().await.failures, 0);
    assert!(is_reserved(&world.verify(&with(&["b", "a"])).await));
}

async fn limits_of_one_subject_are_counted_together_or_not_at_all(world: World) {
    let both = [own_take("burst", 2, "u1"), own_take("narrow", 1, "u1")];
    assert!(matches!(world.admit(&admit(&both)).await, AdmitOutcome::Admitted(_)));
    assert!(matches!(world.admit(&admit(&both)).await, AdmitOutcome::Refused(_)));
    assert!(matches!(world.admit(&admit(&both[..1])).await, AdmitOutcome::Admitted(_)));
    assert!(matches!(world.admit(&admit(&both[..1])).await, AdmitOutcome::Refused(_)));
}

async fn limits_by_address_count_even_when_the_request_is_refused(world: World) {
    let (by_address, narrow) = (shared_take("address", 2), own_take("narrow", 1, "u1"));
    let both = admit(&[narrow, by_address.clone()]);
    assert!(matches!(world.admit(&both).await, AdmitOutcome::Admitted(_)));
    assert!(matches!(world.admit(&both).await, AdmitOutcome::Refused(_)));
    assert!(matches!(world.admit(&admit(&[by_address])).await, AdmitOutcome::Refused(_)));
}

async fn of_several_full_limits_the_one_that_opens_last_is_named(world: World) {
    let hour = Take { per: 60 * MINUTE, ..own_take("hour", 1, "u1") };
    let all = admit(&[own_take("minute", 1, "u1"), hour.clone(), own_take("second", 1, "u1")]);
    world.admit(&all).await;
    let limited = Limited { limit: hour.limit, max: 1, retry_at: world.now().plus(60 * MINUTE) };
    world.wait(Duration::from_secs(1));
    assert_eq!(world.admit(&all).await, AdmitOutcome::Refused(Refusal::Limited(limited)));
}

async fn a_limit_on_failures_counts_only_failures(world: World) {
    world.issued(1).await;
    let failures = Take { count: Count::Failures, ..own_take("failures", 1, "u1") };
    let guess = |code| VerifyCommand { takes: vec![failures.clone()], ..verify("u1", "FUND-1", code) };
    assert!(is_reserved(&world.verify(&guess(1)).await));
    world.settle(&settle("u1", "FUND-1", Settlement::Release)).await;
    assert_eq!(world.verify(&guess(9)).await, mismatch(2, None));
    let refused = world.verify(&guess(1)).await;
    assert!(matches!(refused, VerifyOutcome::Refused(Refusal::Limited(_))), "{refused:?}");
}

async fn a_locked_subject_takes_no_limit_of_its_own(world: World) {
    world.issued(1).await;
    for _ in 0..3 {
        world.verify(&verify("u1", "FUND-1", 9)).await;
    }
    let take = own_take("burst", 1, "u1");
    let refused = AdmitCommand { standpoint: Some(standpoint("u1", true)), takes: vec![take.clone()] };
    for _ in 0..2 {
        let outcome = world.admit(&refused).await;
        assert!(matches!(outcome, AdmitOutcome::Refused(Refusal::Locked(_))), "{outcome:?}");
    }
    assert!(matches!(world.admit(&admit(&[take])).await, AdmitOutcome::Admitted(_)));
}

async fn a_status_tells_the_lock_that_a_request_is_refused_for(world: World) {
    let expires_at = world.issued(1).await;
    for _ in 0..3 {
        world.verify(&verify("u1", "FUND-1", 9)).await;
    }
    let standing = world.standing().await;
    assert_eq!(standing.lock, Some(Lock::Until(world.now().plus(15 * MINUTE))));
    let pending = standing.pending.unwrap();
    assert_eq!((pending.expires_at, pending.reserved), (expires_at, false));
    world.wait(15 * MINUTE);
    assert_eq!(world.standing().await.lock, None);
}

async fn a_subject_may_contain_any_separator(world: World) {
    for who in ["}:{otp:00}", "a:b", "a:b:FUND-1", "ü {x} ''\"$", "[]:a"] {
        world.issue(&issue(who, "FUND-1", 1)).await;
        assert!(is_reserved(&world.verify(&verify(who, "FUND-1", 1)).await), "{who:?}");
        let commit = settle(who, "FUND-1", Settlement::Commit);
        assert_eq!(world.settle(&commit).await, SettleOutcome::Settled);
    }
}

async fn the_census_counts_subjects_with_a_live_code_and_locked_ones(world: World) {
    assert_eq!(world.census().await, (0, 0));
    for who in ["u1", "u2", "u3", "u4"] {
        world.issue(&issue(who, "FUND-1", 1)).await;
        world.issue(&issue(who, "FUND-2", 2)).await;
    }
    assert_eq!(world.census().await, (4, 0));
    world.verify(&verify("u2", "FUND-2", 2)).await;
    assert_eq!(world.census().await, (4, 0));
    world.settle(&settle("u2", "FUND-2", Settlement::Commit)).await;
    for _ in 0..3 {
        world.verify(&verify("u3", "FUND-2", 9)).await;
    }
    assert_eq!(world.census().await, (3, 1));
    world.wait(5 * MINUTE);
    assert_eq!(world.census().await, (0, 1));
    world.wait(10 * MINUTE);
    assert_eq!(world.census().await, (0, 0));
}
