use super::world::*;
use crate::domain::admit::{AdmitOutcome, Refusal, Standing, Standpoint};
use crate::domain::challenge::Pending;
use crate::domain::lockout::Lock;
use crate::domain::window::{Count, Take};

fn refused(refusal: Refusal) -> AdmitOutcome {
    AdmitOutcome::Refused(refusal)
}

#[test]
fn limits_by_subject_count_all_together_or_not_at_all() {
    let mut world = World::new();
    let (wide, narrow) = (own("wide", 2), own("narrow", 1));
    let both = [wide.clone(), narrow.clone()];
    assert!(is_admitted(&world.admit(&both)));
    assert_eq!(world.admit(&both), refused(full(&narrow, world.now.plus(MINUTE))));
    assert!(is_admitted(&world.admit(std::slice::from_ref(&wide))), "the refused request was counted");
    assert_eq!(world.admit(std::slice::from_ref(&wide)), refused(full(&wide, world.now.plus(MINUTE))));
}

#[test]
fn limits_without_a_subject_count_also_when_the_request_is_refused() {
    let mut world = World::new();
    let (everyone, mine) = (shared("everyone", 2), own("mine", 1));
    let both = [everyone.clone(), mine.clone()];
    assert!(is_admitted(&world.admit(&both)));
    assert_eq!(world.admit(&both), refused(full(&mine, world.now.plus(MINUTE))));
    assert_eq!(
        world.admit(std::slice::from_ref(&everyone)),
        refused(full(&everyone, world.now.plus(MINUTE)))
    );
}

#[test]
fn a_limit_without_a_subject_counts_each_request_once_and_none_while_it_is_full() {
    let mut world = World::new();
    let everyone = [shared("everyone", 2)];
    assert!(is_admitted(&world.admit(&everyone)));
    assert!(is_admitted(&world.admit(&everyone)));
    let opens = world.now.plus(MINUTE);
    world.wait(MINUTE / 2);
    assert_eq!(world.admit(&everyone), refused(full(&everyone[0], opens)));
    world.wait(MINUTE / 2);
    assert!(is_admitted(&world.admit(&everyone)));
}

#[test]
fn of_several_full_limits_the_one_that_opens_last_is_named_and_of_equals_the_first() {
    for of in [own, shared] {
        let mut world = World::new();
        let short = of("short", 1);
        let long = Take { per: 2 * MINUTE, ..of("long", 1) };
        let other = of("other", 1);
        assert!(is_admitted(&world.admit(&[short.clone(), long.clone(), other.clone()])));
        let (soon, late) = (world.now.plus(MINUTE), world.now.plus(2 * MINUTE));
        assert_eq!(world.admit(&[short.clone(), long.clone()]), refused(full(&long, late)));
        assert_eq!(world.admit(&[long.clone(), short.clone()]), refused(full(&long, late)));
        assert_eq!(world.admit(&[short.clone(), other.clone()]), refused(full(&short, soon)));
    }
}

#[test]
fn a_limit_on_failures_refuses_when_it_is_full_but_counts_no_admission() {
    let mut world = World::with_codes(&[1]);
    let failures = [Take { count: Count::Failures, ..own("failures", 1) }];
    for _ in 0..3 {
        assert!(is_admitted(&world.admit(&failures)));
    }
    let mut wrong = presenting("FUND-1", 9);
    wrong.takes = failures.to_vec();
    world.verify(&wrong);
    assert_eq!(world.admit(&failures), refused(full(&failures[0], world.now.plus(MINUTE))));
}

#[test]
fn a_lock_comes_before_a_full_limit_and_the_request_is_not_counted() {
    let mut world = World::with_codes(&[1]);
    let mine = [own("mine", 1)];
    world.fail(3);
    let lock = Lock::Until(world.now.plus(15 * MINUTE));
    for _ in 0..2 {
        assert_eq!(world.admit_as(Some(standpoint(true)), &mine), refused(Refusal::Locked(lock)));
    }
    assert!(is_admitted(&world.admit(&mine)), "a locked request was counted");
    assert_eq!(world.admit_as(Some(standpoint(true)), &mine), refused(Refusal::Locked(lock)));
}

#[test]
fn a_lock_is_told_to_whoever_only_wants_to_know() {
    let mut world = World::with_codes(&[1]);
    world.fail(3);
    let locked_until = world.now.plus(15 * MINUTE);
    assert_eq!(world.standing().lock, Some(Lock::Until(locked_until)));
    world.wait(15 * MINUTE - TICK);
    assert_eq!(world.standing().lock, Some(Lock::Until(locked_until)));
    world.wait(TICK);
    assert_eq!(world.standing().lock, None);
}

#[test]
fn a_standing_tells_failures_and_the_newest_code_of_the_pending_challenge() {
    let mut world = World::with_codes(&[1]);
    world.wait(MINUTE);
    world.issued(&issuing("FUND-1", 2));
    world.fail(2);
    let pending = Pending {
        reference: reference("FUND-1"),
        binding: amount("5000"),
        issued_at: world.now,
        expires_at: world.now.plus(TTL),
        reserved: false,
    };
    let expected = Standing { failures: 2, lock: None, pending: Some(pending.clone()) };
    assert_eq!(world.standing(), expected);

    world.guess(1);
    let reserved = Pending { reserved: true, ..pending };
    assert_eq!(world.standing(), Standing { failures: 0, lock: None, pending: Some(reserved) });
}

#[test]
fn a_standing_is_that_of_one_subject_and_one_purpose() {
    let mut world = World::with_codes(&[1]);
    world.fail(3);
    let others = [
        Standpoint { subject: subject("u2"), ..standpoint(true) },
        Standpoint { purpose: deduction(), ..standpoint(true) },
    ];
    for other in others {
        assert_eq!(world.admit_as(Some(other), &[]), AdmitOutcome::Admitted(Standing::default()));
    }
    assert_eq!(world.admit(&[]), AdmitOutcome::Admitted(Standing::default()));
}
