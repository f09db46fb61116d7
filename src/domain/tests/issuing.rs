use super::world::*;
use crate::domain::challenge::REMEMBERED_BEYOND_CODE;
use crate::domain::issue::{Expected, IssueCommand, IssueOutcome};
use crate::domain::verify::{Settlement, VerifyCommand, VerifyOutcome};

fn resending(under: &str, code: u8) -> IssueCommand {
    IssueCommand { expected: Expected::Pending(reference(under)), ..issuing(under, code) }
}

fn is_right(outcome: &VerifyOutcome) -> bool {
    matches!(outcome, VerifyOutcome::Reserved { .. })
}

fn is_wrong(outcome: &VerifyOutcome) -> bool {
    matches!(outcome, VerifyOutcome::Mismatch { .. })
}

#[test]
fn a_code_is_stored_only_when_what_its_issuer_believes_to_be_pending_is() {
    let this = || Expected::Pending(reference("FUND-1"));
    let other = || Expected::Pending(reference("FUND-2"));
    for (pending, expected, stored) in [
        (false, Expected::Anything, true),
        (false, Expected::Nothing, true),
        (false, this(), false),
        (true, Expected::Anything, true),
        (true, Expected::Nothing, false),
        (true, this(), true),
        (true, other(), false),
    ] {
        let mut world = if pending { World::with_codes(&[1]) } else { World::new() };
        let outcome = world.issue(&IssueCommand { expected: expected.clone(), ..issuing("FUND-1", 2) });
        let case = format!("pending: {pending}, expected: {expected:?}");
        assert_eq!(matches!(outcome, IssueOutcome::Issued { .. }), stored, "{case}");
        assert_eq!(outcome == IssueOutcome::Stale, !stored, "{case}");
        assert_eq!(is_right(&world.guess(2)), stored, "{case}");
    }
}

#[test]
fn the_newest_codes_are_right_and_those_before_them_wrong() {
    for live in 1..=3 {
        for code in 1..=4 {
            let mut world = World::new();
            for issued in 1..=4 {
                world.issued(&IssueCommand { live, ..issuing("FUND-1", issued) });
            }
            let outcome = world.guess(code);
            let is_live = code > 4 - live;
            assert_eq!(
                (is_right(&outcome), is_wrong(&outcome)),
                (is_live, !is_live),
                "{code} of {live} live"
            );
        }
    }
}

#[test]
fn a_resend_waits_for_the_cooldown_and_one_that_comes_too_soon_stores_nothing() {
    let mut world = World::with_codes(&[1]);
    let resend = IssueCommand { cooldown: MINUTE, ..resending("FUND-1", 2) };
    let retry_at = world.now.plus(MINUTE);
    world.wait(MINUTE - TICK);
    assert_eq!(world.issue(&resend), IssueOutcome::TooSoon { retry_at });
    assert!(is_wrong(&world.guess(2)));
    world.wait(TICK);
    world.issued(&resend);
    assert!(is_right(&world.guess(2)));
}

#[test]
fn the_cooldown_counts_from_the_newest_code_of_the_same_challenge() {
    let mut world = World::with_codes(&[1]);
    world.issued(&IssueCommand { cooldown: MINUTE, ..issuing("FUND-2", 2) });
    world.wait(MINUTE);
    world.issued(&resending("FUND-2", 3));
    let retry_at = world.now.plus(MINUTE);
    let third = IssueCommand { cooldown: MINUTE, ..resending("FUND-2", 4) };
    assert_eq!(world.issue(&third), IssueOutcome::TooSoon { retry_at });
}

#[test]
fn a_newer_challenge_supersedes_the_pending_one() {
    let mut world = World::with_codes(&[1]);
    world.issued(&issuing("FUND-2", 2));
    assert_eq!(world.pending(), Some(reference("FUND-2")));
    assert_eq!(world.guess(1), VerifyOutcome::Superseded { purpose: funding() });
    assert!(is_right(&world.verify(&presenting("FUND-2", 2))));
}

#[test]
fn challenges_of_other_subjects_and_purposes_stay_as_they_are() {
    let mut world = World::with_codes(&[1]);
    world.issued(&IssueCommand { subject: subject("u2"), ..issuing("FUND-2", 2) });
    world.issued(&IssueCommand { purpose: deduction(), ..issuing("DEDUCT-1", 3) });
    assert_eq!(world.pending(), Some(reference("FUND-1")));
    assert!(is_right(&world.guess(1)));
}

#[test]
fn a_superseded_reference_that_comes_back_brings_none_of_its_codes() {
    let mut world = World::with_codes(&[1]);
    world.issued(&issuing("FUND-2", 2));
    world.issued(&issuing("FUND-1", 3));
    assert_eq!(world.pending(), Some(reference("FUND-1")));
    assert!(is_wrong(&world.guess(1)));
    assert!(is_right(&world.guess(3)));
}

#[test]
fn a_code_for_other_values_ends_the_codes_for_the_earlier_ones() {
    let mut world = World::with_codes(&[1]);
    world.issued(&IssueCommand { binding: amount("9000"), ..issuing("FUND-1", 2) });
    assert!(is_wrong(&world.guess(1)));
    let VerifyOutcome::Reserved { binding, .. } = world.guess(2) else { panic!("refused") };
    assert_eq!(binding, amount("9000"));
}

#[test]
fn a_used_reference_stays_used_as_long_as_it_is_remembered() {
    let mut world = World::with_codes(&[1]);
    assert!(is_right(&world.guess(1)));
    assert_eq!(world.issue(&issuing("FUND-1", 2)), IssueOutcome::Spent, "reserved");
    world.settle(&settling("FUND-1", Settlement::Commit));
    assert_eq!(world.issue(&issuing("FUND-1", 2)), IssueOutcome::Spent, "consumed");
    assert_eq!(world.guess(2), VerifyOutcome::Spent { purpose: funding() });

    world.wait(TTL + REMEMBERED_BEYOND_CODE - TICK);
    assert_eq!(world.issue(&issuing("FUND-1", 2)), IssueOutcome::Spent);
    world.wait(TICK);
    world.issued(&issuing("FUND-1", 2));
}

#[test]
fn a_reference_means_one_purpose() {
    let mut world = World::with_codes(&[1]);
    let elsewhere = IssueCommand { purpose: deduction(), ..issuing("FUND-1", 2) };
    assert_eq!(world.issue(&elsewhere), IssueOutcome::Spent);
    assert!(is_right(&world.guess(1)));
}

#[test]
fn a_forgotten_reference_may_come_back_for_another_purpose_and_is_pending_for_that_one_only() {
    let mut world = World::with_codes(&[1]);
    world.wait(TTL + REMEMBERED_BEYOND_CODE);
    world.issued(&IssueCommand { purpose: deduction(), ..issuing("FUND-1", 2) });
    assert_eq!(world.pending(), None);
    assert!(matches!(world.guess(2), VerifyOutcome::Reserved { purpose, .. } if purpose == deduction()));
}

#[test]
fn a_resend_keeps_its_reference_for_half_an_hour_beyond_the_code() {
    let mut world = World::with_codes(&[1]);
    assert_eq!(REMEMBERED_BEYOND_CODE, 30 * MINUTE);
    world.wait(TTL + 30 * MINUTE - TICK);
    assert_eq!(world.pending(), Some(reference("FUND-1")));
    world.issued(&resending("FUND-1", 2));

    world.wait(TTL + 30 * MINUTE);
    assert_eq!(world.pending(), None);
    assert_eq!(world.issue(&resending("FUND-1", 3)), IssueOutcome::Stale);
    assert_eq!(world.guess(2), VerifyOutcome::Unknown);
}

#[test]
fn a_reserved_challenge_that_is_superseded_still_belongs_to_its_request() {
    let mut world = World::with_codes(&[1]);
    assert!(is_right(&world.guess(1)));
    world.issued(&issuing("FUND-2", 2));
    let again = VerifyCommand { request: request(2), ..presenting("FUND-1", 1) };
    assert_eq!(world.verify(&again), VerifyOutcome::Spent { purpose: funding() });
    assert_eq!(world.pending(), Some(reference("FUND-2")));
}
