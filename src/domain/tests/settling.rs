use std::time::Duration;

use super::world::*;
use crate::domain::challenge::REMEMBERED_BEYOND_CODE;
use crate::domain::verify::{SettleCommand, SettleOutcome, Settlement, VerifyCommand, VerifyOutcome};

/// A world in which request 1 holds `FUND-1`.
fn held() -> World {
    let mut world = World::with_codes(&[1]);
    let outcome = world.guess(1);
    assert!(matches!(outcome, VerifyOutcome::Reserved { .. }), "{outcome:?}");
    world
}

#[test]
fn a_commit_uses_the_challenge_up_and_nothing_is_pending_any_more() {
    let mut world = held();
    assert_eq!(world.settle(&settling("FUND-1", Settlement::Commit)), SettleOutcome::Settled);
    assert_eq!(world.guess(1), VerifyOutcome::Spent { purpose: funding() });
    assert_eq!(world.pending(), None);
}

#[test]
fn a_release_lets_the_same_code_be_tried_again_by_another_request() {
    let mut world = held();
    assert_eq!(world.settle(&settling("FUND-1", Settlement::Release)), SettleOutcome::Settled);
    assert_eq!(world.pending(), Some(reference("FUND-1")));
    let again = VerifyCommand { request: request(2), ..presenting("FUND-1", 1) };
    let reserved =
        VerifyOutcome::Reserved { purpose: funding(), binding: amount("5000"), age: Duration::ZERO };
    assert_eq!(world.verify(&again), reserved);
    assert_eq!(world.settle(&settling("FUND-1", Settlement::Commit)), SettleOutcome::NotHeld);
}

#[test]
fn only_the_request_and_the_subject_that_hold_a_challenge_settle_it_and_only_once() {
    let mut world = held();
    let ours = settling("FUND-1", Settlement::Release);
    for foreign in [
        SettleCommand { request: request(2), ..ours.clone() },
        SettleCommand { subject: subject("u2"), ..ours.clone() },
        SettleCommand { reference: reference("FUND-2"), ..ours.clone() },
    ] {
        assert_eq!(world.settle(&foreign), SettleOutcome::NotHeld, "{foreign:?}");
        assert_eq!(world.guess(1), VerifyOutcome::Spent { purpose: funding() }, "{foreign:?}");
    }
    assert_eq!(world.settle(&ours), SettleOutcome::Settled);
    assert_eq!(world.settle(&ours), SettleOutcome::NotHeld);
}

#[test]
fn a_challenge_that_was_superseded_while_it_was_held_does_not_come_back() {
    for (settlement, afterwards) in [
        (Settlement::Release, VerifyOutcome::Superseded { purpose: funding() }),
        (Settlement::Commit, VerifyOutcome::Spent { purpose: funding() }),
    ] {
        let mut world = held();
        world.issued(&issuing("FUND-2", 2));
        assert_eq!(world.settle(&settling("FUND-1", settlement)), SettleOutcome::Settled);
        assert_eq!(world.guess(1), afterwards);
        assert_eq!(world.pending(), Some(reference("FUND-2")));
    }
}

#[test]
fn what_is_never_settled_stays_held_until_it_is_forgotten() {
    let mut world = held();
    world.wait(TTL + REMEMBERED_BEYOND_CODE - TICK);
    assert_eq!(world.guess(1), VerifyOutcome::Spent { purpose: funding() });
    world.wait(TICK);
    assert_eq!(world.guess(1), VerifyOutcome::Unknown);
    assert_eq!(world.settle(&settling("FUND-1", Settlement::Release)), SettleOutcome::NotHeld);
}
