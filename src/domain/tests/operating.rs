use std::collections::BTreeSet;

use super::world::*;
use crate::domain::challenge::{Phase, REMEMBERED_BEYOND_CODE};
use crate::domain::id::InstanceId;
use crate::domain::ledger::clear::{ClearCommand, Cleared, clear};
use crate::domain::ledger::counts::{BATCHES_REMEMBERED_FOR, CountBatch, CountKey, Counts};
use crate::domain::ledger::day::Day;
use crate::domain::ledger::examine::{ExamineCommand, Presented, examine};
use crate::domain::ledger::inventory::{Kind, Swept, count, sweep};
use crate::domain::ledger::limits::{ResetCommand, reset, usage};
use crate::domain::ledger::list::{challenges, locks};
use crate::domain::ledger::page::PageRequest;
use crate::domain::ledger::revoke::{RevokeCommand, Revoked, Target, revoke};
use crate::domain::ledger::trail::{Action, Note, Operation, Record};
use crate::domain::lockout::{Account, Lock, REMEMBERED_FOR};
use crate::domain::subject::ClientAddr;
use crate::domain::window::{Owner, Take};

fn operation() -> Operation {
    Operation { by: Note::parse("jane").unwrap(), reason: Note::parse("ticket 7").unwrap() }
}

fn newest(world: &World) -> Record {
    world.state.trail.newest(1, None, world.now).remove(0)
}

fn cleared(world: &mut World, forgive: &[Take]) -> Cleared {
    let command = ClearCommand {
        subject: subject("u1"),
        purpose: funding(),
        forgive: forgive.to_vec(),
        operation: operation(),
    };
    clear(&mut world.state, &command, world.now)
}

#[test]
fn clearing_makes_an_account_as_new_and_empties_only_the_limits_of_its_subject() {
    let mut world = World::with_codes(&[1]);
    let other = Take { owner: Owner { subject: Some(subject("u2")), ..Owner::default() }, ..own("mine", 9) };
    let takes = [own("mine", 9), other, shared("all", 9)];
    world.admit(&takes);
    world.fail(3);
    let found = cleared(&mut world, &takes);
    assert_eq!(found.lock, Some(Lock::Until(world.now.plus(15 * MINUTE))));
    assert_eq!((found.forgiven.as_slice(), found.changed()), ([1, 0, 0].as_slice(), true));
    assert_eq!(
        usage(&world.state, &takes, world.now).iter().map(|of| of.used).collect::<Vec<_>>(),
        [0, 1, 1]
    );
    assert_eq!((world.standing().failures, world.standing().lock), (0, None));
    let record = newest(&world);
    assert_eq!((record.action, record.changed), (Action::Clear, true));
    assert_eq!((record.subject, record.purpose), (Some(subject("u1")), Some(funding())));
}

#[test]
fn clearing_what_is_clear_changes_nothing_and_is_recorded_as_that() {
    let mut world = World::new();
    let found = cleared(&mut world, &[own("mine", 9)]);
    assert_eq!(found, Cleared { before: Account::default(), lock: None, forgiven: vec![0] });
    assert!(!found.changed() && !newest(&world).changed);
    world.admit(&[own("mine", 9)]);
    assert!(cleared(&mut world, &[own("mine", 9)]).changed(), "a limit was emptied");
    world.issued(&issuing("FUND-1", 1));
    world.fail(1);
    assert!(cleared(&mut world, &[]).changed(), "a failure was forgotten");
}

fn revoked(world: &mut World, target: Target) -> (Revoked, Record) {
    let command = RevokeCommand { subject: subject("u1"), target, operation: operation() };
    let answer = revoke(&mut world.state, &command, world.now);
    (answer, newest(world))
}

#[test]
fn a_revoked_challenge_takes_no_code_and_is_pending_no_more() {
    for target in [Target::Pending(funding()), Target::Reference(reference("FUND-1"))] {
        let mut world = World::with_codes(&[1]);
        let (answer, record) = revoked(&mut world, target.clone());
        let whole = Revoked::Revoked { reference: reference("FUND-1"), purpose: funding() };
        assert_eq!((answer, world.pending(), record.changed), (whole, None, true));
        assert_eq!((record.purpose, record.reference), (Some(funding()), Some(reference("FUND-1"))));
        assert_eq!(record.subject, Some(subject("u1")));
        assert!(world.state.pending.is_empty());
        let (again, record) = revoked(&mut world, target);
        assert_eq!((again, record.changed), (Revoked::Nothing, false));
    }
}

#[test]
fn a_challenge_that_a_request_holds_is_left_as_it_is() {
    let mut world = World::with_codes(&[1]);
    world.guess(1);
    let (answer, record) = revoked(&mut world, Target::Reference(reference("FUND-1")));
    assert_eq!(answer, Revoked::Reserved { reference: reference("FUND-1"), purpose: funding() });
    assert_eq!((record.changed, record.purpose), (false, Some(funding())));
    assert_eq!(world.pending(), Some(reference("FUND-1")));
}

#[test]
fn what_was_asked_for_in_vain_is_recorded_as_it_was_asked() {
    let mut world = World::new();
    let (answer, record) = revoked(&mut world, Target::Pending(deduction()));
    assert_eq!((answer, record.purpose, record.reference), (Revoked::Nothing, Some(deduction()), None));
    let (_, record) = revoked(&mut world, Target::Reference(reference("NONE-1")));
    assert_eq!(
        (record.action, record.purpose, record.reference),
        (Action::Revoke, None, Some(reference("NONE-1")))
    );
}

#[test]
fn revoking_an_older_challenge_leaves_the_pending_one() {
    let mut world = World::with_codes(&[1]);
    world.issued(&issuing("FUND-2", 2));
    let key = (subject("u1"), reference("FUND-1"));
    world.state.challenges.get_mut(&key).unwrap().phase = Phase::Live;
    let (answer, _) = revoked(&mut world, Target::Reference(reference("FUND-1")));
    assert!(matches!(answer, Revoked::Revoked { .. }));
    assert_eq!(world.pending(), Some(reference("FUND-2")));
}

#[test]
fn an_examined_code_is_told_from_one_of_another_key_and_from_an_expired_one() {
    let mut world = World::with_codes(&[1]);
    world.wait(MINUTE);
    world.issued(&issuing("FUND-1", 2));
    world.wait(TTL - MINUTE);
    let examined = |key: &str, code: u8, under: &str| {
        let presented = Presented { reference: reference(under), candidates: vec![digest(key, code)] };
        let command = ExamineCommand { subject: subject("u1"), presented: vec![presented] };
        examine(&world.state, &command, world.now).remove(0).found
    };
    let told = |key: &str, code: u8| -> Vec<(bool, bool, bool)> {
        let codes = examined(key, code, "FUND-1").unwrap().codes;
        codes.iter().map(|code| (code.expired, code.known_key, code.matches)).collect()
    };
    assert_eq!(told("k1", 1), [(true, true, true), (false, true, false)]);
    assert_eq!(told("k1", 2), [(true, true, false), (false, true, true)]);
    assert_eq!(told("k2", 2), [(true, false, false), (false, false, false)]);
    assert_eq!(examined("k1", 1, "FUND-9"), None);
}

#[test]
fn a_limit_says_how_full_it_is_and_forgets_when_it_is_reset() {
    let mut world = World::new();
    let takes = [own("mine", 1), shared("all", 9)];
    world.admit(&takes);
    let of = usage(&world.state, &takes, world.now);
    assert_eq!((of[0].used, of[0].max, of[1].used), (1, 1, 1));
    assert_eq!((of[0].opens_at, of[1].opens_at), (Some(world.now.plus(MINUTE)), None));
    assert_eq!(of[1].empties_at, Some(world.now.plus(MINUTE)));
    let command = ResetCommand { takes: takes[..1].to_vec(), operation: operation() };
    assert_eq!(reset(&mut world.state, &command, world.now), [1]);
    let record = newest(&world);
    assert_eq!(
        (record.action, record.changed, record.limit),
        (Action::Reset, true, Some(takes[0].limit.clone()))
    );
    assert_eq!((record.subject, record.client), (Some(subject("u1")), None));
    assert_eq!(reset(&mut world.state, &command, world.now), [0]);
    assert!(!newest(&world).changed);
    let used: Vec<u32> = usage(&world.state, &takes, world.now).iter().map(|of| of.used).collect();
    assert_eq!(used, [0, 1]);
    let client = Some(ClientAddr::of("192.0.2.7".parse().unwrap()));
    let owner = Owner { purpose: Some(funding()), client, ..Owner::default() };
    let command = ResetCommand { takes: vec![Take { owner, ..own("mine", 1) }], operation: operation() };
    reset(&mut world.state, &command, world.now);
    assert_eq!((newest(&world).purpose, newest(&world).client), (Some(funding()), client));
}

#[test]
fn lists_show_who_is_locked_and_which_codes_could_be_accepted_now() {
    let mut world = World::with_codes(&[1]);
    let page = PageRequest::first(10);
    let locked = |world: &World| locks(&world.state, &[funding()], &page, world.now).entries.len();
    let live = |world: &World| challenges(&world.state, &[funding()], &page, world.now).entries.len();
    assert_eq!((locked(&world), live(&world)), (0, 1));
    world.fail(3);
    assert_eq!((locked(&world), live(&world)), (1, 1));
    assert_eq!(locks(&world.state, &[deduction()], &page, world.now).entries.len(), 0);
    assert_eq!(challenges(&world.state, &[deduction()], &page, world.now).entries.len(), 0);
    world.wait(TTL - TICK);
    assert_eq!((locked(&world), live(&world)), (1, 1));
    world.wait(TICK);
    assert_eq!((locked(&world), live(&world)), (1, 0));
    world.wait(15 * MINUTE - TTL);
    assert_eq!(locked(&world), 0);
}

fn counted(world: &mut World, number: u8) {
    let mut counts = Counts::default();
    counts.add(CountKey::MailAccepted, 2);
    let instance = InstanceId::parse(&format!("{number:032x}")).unwrap();
    let batch = CountBatch { instance, sequence: 1, day: Day::of(world.now), counts };
    world.state.counts.add(&batch, world.now);
}

#[test]
fn an_inventory_counts_what_is_held_of_each_kind() {
    let mut world = World::with_codes(&[1]);
    world.admit(&[own("mine", 9), shared("all", 9)]);
    world.fail(3);
    counted(&mut world, 1);
    counted(&mut world, 2);
    cleared(&mut world, &[]);
    world.issued(&issuing("FUND-2", 1));
    let held: Vec<(Kind, u64)> =
        count(&world.state, world.now).held.iter().map(|held| (held.kind, held.keys)).collect();
    let numbers: Vec<u64> = held.iter().map(|(_, keys)| *keys).collect();
    assert_eq!(numbers, [2, 0, 2, 1, 0, 1, 2, 1], "{held:?}");
    assert_eq!(held.iter().map(|(kind, _)| kind).collect::<BTreeSet<_>>().len(), Kind::ALL.len());
}

#[test]
fn a_sweep_tells_what_it_removed_and_is_recorded() {
    let mut world = World::with_codes(&[1]);
    counted(&mut world, 1);
    cleared(&mut world, &[]);
    let nothing = sweep(&mut world.state, &operation(), world.now);
    assert_eq!(nothing, Swept { at: world.now, looked_at: 4, complete: true, ..Swept::default() });
    assert!(!nothing.changed() && !newest(&world).changed);
    world.wait(TTL + REMEMBERED_BEYOND_CODE);
    let codes = sweep(&mut world.state, &operation(), world.now);
    assert_eq!((codes.pending_removed, codes.expired_removed, codes.days_removed), (1, 1, 0));
    assert!(codes.changed() && newest(&world).changed);
    world.wait(BATCHES_REMEMBERED_FOR);
    sweep(&mut world.state, &operation(), world.now);
    assert_eq!((world.state.counts.batches(), world.state.counts.len()), (0, 1));
    world.wait(REMEMBERED_FOR + DAY);
    let old = sweep(&mut world.state, &operation(), world.now);
    assert_eq!((old.days_removed, old.records_removed, old.pending_removed), (1, 4, 0));
    assert!(world.state.counts.is_empty());
}
