use std::collections::BTreeMap;
use std::time::Duration;

use super::world::*;
use crate::domain::challenge::REMEMBERED_BEYOND_CODE;
use crate::domain::issue::IssueCommand;
use crate::domain::lockout::{CLEAN_AFTER, REMEMBERED_FOR};
use crate::domain::state::{Census, State};
use crate::domain::verify::VerifyCommand;

fn census(pending: u64, locked: Option<u64>) -> Census {
    Census {
        pending: BTreeMap::from([(funding(), pending)]),
        locked: locked.map(|count| (funding(), count)).into_iter().collect(),
    }
}

/// How many entries are left after a sweep just before, and one at, this long from now.
fn swept(world: &World, after: Duration) -> (usize, usize) {
    let left = |time| {
        let mut state: State = world.state.clone();
        state.sweep(time);
        state.len()
    };
    let end = world.now.plus(after);
    (left(end.minus(TICK)), left(end))
}

#[test]
fn a_sweep_forgets_each_entry_when_it_says_nothing_any_more() {
    assert!(World::new().state.is_empty());

    let mut counted = World::new();
    counted.admit(&[own("mine", 1), shared("everyone", 1)]);
    assert!(!counted.state.is_empty());
    assert_eq!(swept(&counted, MINUTE), (2, 0));

    // A challenge and its being pending.
    let challenged = World::with_codes(&[1]);
    assert_eq!(swept(&challenged, TTL + REMEMBERED_BEYOND_CODE), (2, 0));

    let mut failed = World::with_codes(&[1]);
    failed.fail(1);
    assert_eq!(swept(&failed, REMEMBERED_FOR), (1, 0));

    let mut succeeded = World::with_codes(&[1]);
    succeeded.fail(1);
    succeeded.guess(1);
    assert_eq!(swept(&succeeded, CLEAN_AFTER), (1, 0));
}

#[test]
fn a_success_without_earlier_failures_leaves_no_failure_record() {
    let mut world = World::with_codes(&[1]);
    let before = world.state.len();
    world.guess(1);
    assert_eq!(world.state.len(), before);
}

#[test]
fn failures_are_forgotten_at_the_same_time_with_and_without_a_sweep() {
    let mut world = World::with_codes(&[1]);
    world.fail(1);
    world.wait(REMEMBERED_FOR - TICK);
    assert_eq!(world.standing().failures, 1);
    world.wait(TICK);
    assert_eq!(world.standing().failures, 0);
}

#[test]
fn the_census_counts_subjects_with_a_code_that_could_be_accepted() {
    let mut world = World::with_codes(&[1, 2]);
    assert_eq!(world.state.census(world.now), census(1, None));
    world.issued(&IssueCommand { subject: subject("u2"), ..issuing("FUND-2", 2) });
    world.wait(TICK);
    world.issued(&IssueCommand { subject: subject("u3"), ..issuing("FUND-3", 3) });
    world.wait(TTL - 2 * TICK);
    assert_eq!(world.state.census(world.now), census(3, None));
    world.wait(TICK);
    assert_eq!(world.state.census(world.now), census(1, None), "two have expired");
    world.wait(TICK);
    assert_eq!(world.state.census(world.now), census(0, None));
}

#[test]
fn the_census_counts_subjects_that_are_locked_or_disabled() {
    let mut world = World::with_codes(&[1]);
    world.fail(1);
    assert_eq!(world.state.census(world.now), census(1, Some(0)));
    world.fail(2);
    assert_eq!(world.state.census(world.now), census(1, Some(1)));
    world.wait(15 * MINUTE);
    assert_eq!(world.state.census(world.now), census(0, Some(0)));
}

#[test]
fn the_census_counts_a_disabled_subject_as_long_as_that_is_remembered() {
    let mut world = World::with_codes(&[1]);
    let one_failure_disables =
        [(funding(), crate::domain::lockout::LockoutRule { disable_after: 1, ..rule() })];
    world.verify(&VerifyCommand { lockouts: one_failure_disables.into(), ..presenting("FUND-1", 9) });
    world.wait(REMEMBERED_FOR - TICK);
    assert_eq!(world.state.census(world.now), census(0, Some(1)));
    world.wait(TICK);
    assert_eq!(world.state.census(world.now), census(0, Some(0)));
}
