//! What every store shows operators and does for them, said once and run against each.

use std::collections::BTreeSet;
use std::time::Duration;

use otp_sidecar::domain::admit::{AdmitCommand, AdmitOutcome};
use otp_sidecar::domain::challenge::Phase;
use otp_sidecar::domain::id::{InstanceId, Purpose};
use otp_sidecar::domain::ledger::clear::ClearCommand;
use otp_sidecar::domain::ledger::counts::{AddOutcome, CountBatch, CountKey, Counts, MOST_KEYS};
use otp_sidecar::domain::ledger::day::Day;
use otp_sidecar::domain::ledger::examine::{ExamineCommand, Presented};
use otp_sidecar::domain::ledger::inventory::Kind;
use otp_sidecar::domain::ledger::limits::ResetCommand;
use otp_sidecar::domain::ledger::page::{Cursor, PageRequest};
use otp_sidecar::domain::ledger::revoke::{RevokeCommand, Revoked, Target};
use otp_sidecar::domain::ledger::trail::{Action, KEPT_RECORDS, Note, Operation};
use otp_sidecar::domain::lockout::{Account, Lock, LockoutRule};
use otp_sidecar::domain::verify::{Settlement, VerifyCommand, VerifyOutcome};
use otp_sidecar::domain::window::{Count, Take};

use crate::store_world::{
    MINUTE, World, digest, issue, on_every_store, own_take, purpose, reference, request, rule, settle,
    shared_take, subject, verify,
};

on_every_store!(
    a_cleared_subject_is_as_new_and_its_codes_stay,
    clearing_ends_a_disable_too,
    clearing_empties_limits_on_failures_of_that_subject_only,
    a_revoked_code_never_passes_and_the_person_can_begin_anew,
    a_code_in_the_hands_of_a_request_is_not_revoked,
    what_is_over_cannot_be_revoked,
    usage_tells_how_full_a_limit_is_and_counts_nothing,
    a_reset_limit_has_room_again,
    locked_subjects_are_listed_a_page_at_a_time,
    a_page_that_ends_with_a_subject_who_is_cleared_leaves_nobody_out,
    pending_codes_are_listed_with_their_times_and_keys,
    everything_about_one_person_is_seen_at_once,
    an_examination_says_what_is_wrong_with_a_code_and_counts_nothing,
    every_operation_leaves_a_record,
    the_trail_has_a_bound_and_an_end,
    asking_for_nothing_pushes_no_change_out_of_the_trail,
    counts_are_added_once_however_often_they_are_sent,
    a_day_of_counts_is_forgotten_after_400_days,
    a_day_of_counts_has_a_bound,
    an_inventory_counts_each_kind,
    a_sweep_touches_nothing_that_is_alive,
);

fn operation() -> Operation {
    Operation { by: Note::parse("jane").unwrap(), reason: Note::parse("call 7").unwrap() }
}

fn clear(of: &str, forgive: Vec<Take>) -> ClearCommand {
    ClearCommand { subject: subject(of), purpose: purpose(), forgive, operation: operation() }
}

fn revoke(of: &str, target: Target) -> RevokeCommand {
    RevokeCommand { subject: subject(of), target, operation: operation() }
}

fn is_reserved(outcome: &VerifyOutcome) -> bool {
    matches!(outcome, VerifyOutcome::Reserved { .. })
}

/// Three wrong codes.
async fn locked(world: &World, of: &str) {
    world.issue(&issue(of, "FUND-1", 1)).await;
    for _ in 0..3 {
        world.verify(&verify(of, "FUND-1", 9)).await;
    }
}

async fn a_cleared_subject_is_as_new_and_its_codes_stay(world: World) {
    locked(&world, "u1").await;
    let cleared = world.store.clear(&clear("u1", Vec::new())).await.unwrap();
    let lock = Lock::Until(world.now().plus(15 * MINUTE));
    assert_eq!((cleared.at, cleared.value.lock), (world.now(), Some(lock)));
    assert_eq!((cleared.value.before.consecutive, cleared.value.before.level), (3, 1));
    assert_eq!(world.census().await, (1, 0));
    let standing = world.standing().await;
    assert_eq!((standing.failures, standing.lock, standing.pending.is_some()), (0, None, true));
    for left in [2, 1] {
        let outcome = world.verify(&verify("u1", "FUND-1", 9)).await;
        assert_eq!(outcome, VerifyOutcome::Mismatch { purpose: purpose(), left, lock: None });
    }
    let again = world.verify(&verify("u1", "FUND-1", 9)).await;
    assert!(matches!(again, VerifyOutcome::Mismatch { lock: Some(at), .. } if at == lock), "{again:?}");
    world.store.clear(&clear("u1", Vec::new())).await.unwrap();
    assert!(is_reserved(&world.verify(&verify("u1", "FUND-1", 1)).await));
    let nothing = world.store.clear(&clear("u2", Vec::new())).await.unwrap().value;
    assert_eq!((nothing.changed(), nothing.before), (false, Account::default()));
}

async fn clearing_ends_a_disable_too(world: World) {
    world.issued(1).await;
    let strict = LockoutRule { disable_after: 1, ..rule() };
    let lockouts = std::sync::Arc::from([(purpose(), strict)]);
    world.verify(&VerifyCommand { lockouts, ..verify("u1", "FUND-1", 9) }).await;
    let cleared = world.store.clear(&clear("u1", Vec::new())).await.unwrap().value;
    assert_eq!(cleared.lock, Some(Lock::Disabled));
    assert_eq!(world.census().await, (1, 0));
    assert!(is_reserved(&world.verify(&verify("u1", "FUND-1", 1)).await));
}

async fn clearing_empties_limits_on_failures_of_that_subject_only(world: World) {
    let of = |who| Take { count: Count::Failures, ..own_take("failures", 2, who) };
    for who in ["u1", "u2"] {
        world.issue(&issue(who, "FUND-1", 1)).await;
        for _ in 0..2 {
            world.verify(&VerifyCommand { takes: vec![of(who)], ..verify(who, "FUND-1", 9) }).await;
        }
    }
    let foreign_and_own = vec![of("u2"), of("u1"), shared_take("address", 1)];
    let cleared = world.store.clear(&clear("u1", foreign_and_own)).await.unwrap().value;
    assert_eq!(cleared.forgiven, [0, 2, 0]);
    let guess = |who| VerifyCommand { takes: vec![of(who)], ..verify(who, "FUND-1", 1) };
    assert!(matches!(world.verify(&guess("u2")).await, VerifyOutcome::Refused(_)));
    assert!(is_reserved(&world.verify(&guess("u1")).await));
}

async fn a_revoked_code_never_passes_and_the_person_can_begin_anew(world: World) {
    let superseded = VerifyOutcome::Superseded { purpose: purpose() };
    let revoked = Revoked::Revoked { reference: reference("FUND-1"), purpose: purpose() };
    for target in [Target::Pending(purpose()), Target::Reference(reference("FUND-1"))] {
        world.issued(1).await;
        let answer = world.store.revoke(&revoke("u1", target)).await.unwrap();
        assert_eq!((answer.at, &answer.value), (world.now(), &revoked));
        assert_eq!(world.verify(&verify("u1", "FUND-1", 1)).await, superseded);
        assert_eq!((world.standing().await.pending, world.census().await), (None, (0, 0)));
    }
    world.issued(2).await;
    let old = world.verify(&verify("u1", "FUND-1", 1)).await;
    assert!(matches!(old, VerifyOutcome::Mismatch { .. }), "{old:?}");
    assert!(is_reserved(&world.verify(&verify("u1", "FUND-1", 2)).await));
}

async fn a_code_in_the_hands_of_a_request_is_not_revoked(world: World) {
    world.issued(1).await;
    world.verify(&verify("u1", "FUND-1", 1)).await;
    let reserved = Revoked::Reserved { reference: reference("FUND-1"), purpose: purpose() };
    for target in [Target::Pending(purpose()), Target::Reference(reference("FUND-1"))] {
        assert_eq!(world.store.revoke(&revoke("u1", target)).await.unwrap().value, reserved);
    }
    world.settle(&settle("u1", "FUND-1", Settlement::Release)).await;
    assert!(is_reserved(&world.verify(&verify("u1", "FUND-1", 1)).await));
}

async fn what_is_over_cannot_be_revoked(world: World) {
    let by_reference = revoke("u1", Target::Reference(reference("FUND-1")));
    let by_purpose = revoke("u1", Target::Pending(purpose()));
    let foreign = revoke("u2", Target::Reference(reference("FUND-1")));
    let nothing = async |command: &RevokeCommand| {
        assert_eq!(world.store.revoke(command).await.unwrap().value, Revoked::Nothing);
    };
    nothing(&by_reference).await;
    world.issued(1).await;
    nothing(&foreign).await;
    world.verify(&verify("u1", "FUND-1", 1)).await;
    world.settle(&settle("u1", "FUND-1", Settlement::Commit)).await;
    nothing(&by_reference).await;
    nothing(&by_purpose).await;
    world.issue(&issue("u1", "FUND-2", 2)).await;
    world.wait(35 * MINUTE);
    nothing(&by_purpose).await;
}

async fn usage_tells_how_full_a_limit_is_and_counts_nothing(world: World) {
    let take = own_take("burst", 2, "u1");
    let calls = AdmitCommand { standpoint: None, takes: vec![take.clone()] };
    let begun = world.now();
    for (used, opens_at) in [(0, None), (1, None), (2, Some(begun.plus(MINUTE)))] {
        for _ in 0..3 {
            let seen = world.store.usage(std::slice::from_ref(&take)).await.unwrap();
            let [usage] = &seen.value[..] else { panic!("{seen:?}") };
            assert_eq!((seen.at, usage.used, usage.max, usage.opens_at), (world.now(), used, 2, opens_at));
            let empties_at = (used > 0).then(|| world.now().plus(MINUTE));
            assert_eq!(usage.empties_at, empties_at);
        }
        if used < 2 {
            world.wait(Duration::from_secs(u64::from(used)));
            world.admit(&calls).await;
        }
    }
    world.wait(MINUTE - Duration::from_secs(1));
    let lowered = Take { max: 1, ..take };
    let usage = world.store.usage(&[lowered]).await.unwrap().value;
    assert_eq!((usage[0].used, usage[0].opens_at), (1, Some(world.now().plus(Duration::from_secs(1)))));
}

async fn a_reset_limit_has_room_again(world: World) {
    let takes = vec![own_take("burst", 1, "u1"), shared_take("address", 1)];
    let call = AdmitCommand { standpoint: None, takes: takes.clone() };
    world.admit(&call).await;
    assert!(matches!(world.admit(&call).await, AdmitOutcome::Refused(_)));
    let reset = ResetCommand { takes, operation: operation() };
    assert_eq!(world.store.reset(&reset).await.unwrap().value, [1, 1]);
    assert!(matches!(world.admit(&call).await, AdmitOutcome::Admitted(_)));
    let nothing = ResetCommand { takes: vec![own_take("burst", 1, "u2")], operation: operation() };
    assert_eq!(world.store.reset(&nothing).await.unwrap().value, [0]);
}

/// Everybody who is listed as locked, in pages of this size.
async fn all_locked(world: &World, limit: u16) -> Vec<String> {
    let (mut all, mut next) = (Vec::new(), Some(PageRequest::first(limit)));
    while let Some(request) = next {
        let page = world.store.locks(&[purpose()], &request).await.unwrap();
        assert!(page.entries.len() <= usize::from(limit));
        all.extend(page.entries.iter().map(|view| view.subject.as_str().to_owned()));
        let cursor = page.next.map(|cursor| Cursor::parse(&cursor.to_text()).unwrap());
        next = cursor.map(|cursor| PageRequest::first(limit).after(cursor));
    }
    all
}

async fn locked_subjects_are_listed_a_page_at_a_time(world: World) {
    assert_eq!(all_locked(&world, 10).await, [""; 0]);
    for number in 0..200 {
        locked(&world, &format!("u{number}")).await;
        if number % 7 == 0 {
            world.wait(Duration::from_millis(1));
        }
    }
    for limit in [1, 3, 64, 1_000] {
        let all = all_locked(&world, limit).await;
        assert_eq!((all.len(), all.iter().collect::<BTreeSet<_>>().len()), (200, 200), "{limit}");
    }
    let page = world.store.locks(&[purpose()], &PageRequest::first(1)).await.unwrap();
    let [view] = &page.entries[..] else { panic!("{page:?}") };
    assert_eq!((view.account.consecutive, view.account.level), (3, 1));
    assert!(matches!(view.lock, Lock::Until(until) if until > world.now()));
    let other = Purpose::parse("wallet_deduction").unwrap();
    assert!(world.store.locks(&[other], &PageRequest::first(9)).await.unwrap().entries.is_empty());
    world.wait(15 * MINUTE);
    assert_eq!(all_locked(&world, 10).await, [""; 0]);
}

async fn a_page_that_ends_with_a_subject_who_is_cleared_leaves_nobody_out(world: World) {
    for number in 0..60 {
        locked(&world, &format!("u{number}")).await;
    }
    let (mut seen, mut next) = (BTreeSet::new(), Some(PageRequest::first(2)));
    while let Some(request) = next {
        let page = world.store.locks(&[purpose()], &request).await.unwrap();
        for view in &page.entries {
            seen.insert(view.subject.clone());
            let command = ClearCommand { subject: view.subject.clone(), ..clear("u1", Vec::new()) };
            world.store.clear(&command).await.unwrap();
        }
        next = page.next.map(|cursor| PageRequest::first(2).after(cursor));
    }
    assert_eq!((seen.len(), world.census().await.1), (60, 0));
}

async fn pending_codes_are_listed_with_their_times_and_keys(world: World) {
    let issued_at = world.now();
    world.issued(1).await;
    world.wait(MINUTE);
    world.issue(&issue("u1", "FUND-1", 2)).await;
    world.issue(&issue("u2", "FUND-9", 1)).await;
    world.verify(&verify("u2", "FUND-9", 1)).await;
    let page = world.store.challenges(&[purpose()], &PageRequest::first(100)).await.unwrap();
    let find = |who| page.entries.iter().find(|view| view.subject == subject(who)).unwrap();
    let first = find("u1");
    assert_eq!((first.reference.clone(), &first.phase), (reference("FUND-1"), &Phase::Live));
    let times: Vec<_> = first.codes.iter().map(|code| (code.issued_at, code.expires_at)).collect();
    let later = issued_at.plus(MINUTE);
    assert_eq!(times, [(issued_at, issued_at.plus(5 * MINUTE)), (later, later.plus(5 * MINUTE))]);
    assert!(first.codes.iter().all(|code| code.key.as_str() == "a"));
    assert_eq!(find("u2").phase, Phase::Reserved(request(1)));
    assert_eq!((page.entries.len(), page.next), (2, None));
    world.wait(5 * MINUTE);
    let page = world.store.challenges(&[purpose()], &PageRequest::first(100)).await.unwrap();
    assert!(page.entries.is_empty());
}

async fn everything_about_one_person_is_seen_at_once(world: World) {
    let other = Purpose::parse("wallet_deduction").unwrap();
    locked(&world, "u1").await;
    let views = world.store.account(&subject("u1"), &[purpose(), other]).await.unwrap().value;
    let [funding, deduction] = &views[..] else { panic!("{views:?}") };
    assert_eq!(funding.lock, Some(Lock::Until(world.now().plus(15 * MINUTE))));
    assert_eq!(funding.challenge.as_ref().unwrap().reference, reference("FUND-1"));
    let nothing = (&deduction.account, deduction.lock, deduction.challenge.is_none());
    assert_eq!(nothing, (&Account::default(), None, true));
}

async fn an_examination_says_what_is_wrong_with_a_code_and_counts_nothing(world: World) {
    world.issued(1).await;
    world.wait(4 * MINUTE);
    world.issued(2).await;
    world.wait(MINUTE);
    let ask = async |under: &str, kid: &str, code: u8| {
        let presented = Presented { reference: reference(under), candidates: vec![digest(kid, code)] };
        let command = ExamineCommand { subject: subject("u1"), presented: vec![presented] };
        world.store.examine(&command).await.unwrap().value.remove(0).found
    };
    assert_eq!(ask("FUND-2", "a", 1).await, None);
    for (kid, code, expected) in [
        ("a", 1, [(true, true, true), (false, true, false)]),
        ("a", 2, [(true, true, false), (false, true, true)]),
        ("a", 9, [(true, true, false), (false, true, false)]),
        ("b", 2, [(true, false, false), (false, false, false)]),
    ] {
        let found = ask("FUND-1", kid, code).await.unwrap();
        assert_eq!((found.purpose, found.phase), (purpose(), Phase::Live));
        let seen: Vec<_> =
            found.codes.iter().map(|code| (code.expired, code.known_key, code.matches)).collect();
        assert_eq!(seen, expected, "{kid} {code}");
    }
    assert_eq!(world.standing().await.failures, 0);
    assert!(is_reserved(&world.verify(&verify("u1", "FUND-1", 2)).await));
}

async fn every_operation_leaves_a_record(world: World) {
    locked(&world, "u1").await;
    let begun = world.now();
    world.store.clear(&clear("u1", Vec::new())).await.unwrap();
    world.wait(MINUTE);
    world.store.revoke(&revoke("u1", Target::Pending(purpose()))).await.unwrap();
    world.wait(MINUTE);
    let takes = vec![shared_take("address", 1)];
    world.store.reset(&ResetCommand { takes, operation: operation() }).await.unwrap();
    world.wait(MINUTE);
    world.store.sweep(&operation()).await.unwrap();
    let all = world.store.operations(10, None).await.unwrap().value;
    let told: Vec<_> = all.iter().map(|record| (record.action, record.changed)).collect();
    assert_eq!(told[1..], [(Action::Reset, false), (Action::Revoke, true), (Action::Clear, true)]);
    assert_eq!(told[0].0, Action::Sweep);
    let [_, reset, revoked, cleared] = &all[..] else { panic!("{all:?}") };
    assert_eq!((cleared.at, revoked.at), (begun, begun.plus(MINUTE)));
    assert_eq!((&cleared.subject, &cleared.purpose), (&Some(subject("u1")), &Some(purpose())));
    assert_eq!(revoked.reference, Some(reference("FUND-1")));
    assert_eq!((reset.client.unwrap().to_string().as_str(), &reset.subject), ("192.0.2.1", &None));
    assert!(all.iter().all(|record| record.operation == operation()));
    assert_eq!(world.store.operations(1, None).await.unwrap().value, all[..1]);
    let of_one = world.store.operations(10, Some(&subject("u1"))).await.unwrap().value;
    assert_eq!(of_one, all[2..]);
    assert_eq!(world.store.operations(10, Some(&subject("u2"))).await.unwrap().value, []);
}

async fn the_trail_has_a_bound_and_an_end(world: World) {
    for _ in 0..KEPT_RECORDS + 3 {
        world.store.clear(&clear("u1", Vec::new())).await.unwrap();
        world.wait(Duration::from_secs(1));
    }
    let all = world.store.operations(u16::MAX, None).await.unwrap().value;
    assert_eq!(all.len(), KEPT_RECORDS);
    assert_eq!(all[0].at.plus(Duration::from_secs(1)), world.now());
    let day = 24 * 60 * MINUTE;
    world.wait(400 * day - Duration::from_secs(10));
    assert_eq!(world.store.operations(1_000, None).await.unwrap().value.len(), 9);
    world.wait(day);
    assert_eq!(world.store.operations(1_000, None).await.unwrap().value, []);
    world.store.clear(&clear("u1", Vec::new())).await.unwrap();
    assert_eq!(world.store.operations(1_000, Some(&subject("u1"))).await.unwrap().value.len(), 1);
}

async fn asking_for_nothing_pushes_no_change_out_of_the_trail(world: World) {
    let of = subject("u1");
    let kept = async || world.store.operations(u16::MAX, Some(&of)).await.unwrap().value;
    locked(&world, "u1").await;
    world.store.clear(&clear("u1", Vec::new())).await.unwrap();
    for _ in 0..KEPT_RECORDS + 3 {
        world.wait(Duration::from_secs(1));
        world.store.clear(&clear("u1", Vec::new())).await.unwrap();
    }
    let records = kept().await;
    let changes: Vec<usize> = (0..records.len()).filter(|place| records[*place].changed).collect();
    assert_eq!((records.len(), changes), (KEPT_RECORDS, vec![KEPT_RECORDS - 1]));
    assert_eq!(records[0].at, world.now());
    assert_eq!(records[KEPT_RECORDS - 2].at, world.now().minus(Duration::from_secs(KEPT_RECORDS as u64 - 2)));

    locked(&world, "u1").await;
    world.store.clear(&clear("u1", Vec::new())).await.unwrap();
    let records = kept().await;
    assert_eq!(
        (records.len(), records[0].changed, records[KEPT_RECORDS - 1].changed),
        (KEPT_RECORDS, true, true)
    );
}

fn batch(instance: &str, sequence: u64, day: Day, issued: u64) -> CountBatch {
    let mut counts = Counts::default();
    counts.add(CountKey::Issued(purpose()), issued);
    CountBatch { instance: InstanceId::parse(&instance.repeat(32)).unwrap(), sequence, day, counts }
}

async fn counts_are_added_once_however_often_they_are_sent(world: World) {
    let today = Day::of(world.now());
    let send = async |batch| world.store.add_counts(&batch).await.unwrap().value;
    for _ in 0..3 {
        send(batch("a", 1, today, 5)).await;
    }
    assert_eq!(send(batch("b", 1, today, 7)).await, AddOutcome::Added);
    assert_eq!(send(batch("a", 2, today.back(1), 11)).await, AddOutcome::Added);
    assert_eq!(send(batch("a", 2, today.back(1), 11)).await, AddOutcome::Repeated);
    assert_eq!(send(batch("a", 1, today, 5)).await, AddOutcome::Repeated);
    assert_eq!(send(batch("c", 1, today.next().next(), 1)).await, AddOutcome::OutOfRange);
    let days = world.store.counts(today.back(1), today.next()).await.unwrap().value;
    let issued: Vec<_> = days.iter().map(|day| day.counts.get(&CountKey::Issued(purpose()))).collect();
    assert_eq!(issued, [11, 12, 0]);
    assert_eq!(days[1].day, today);
}

async fn a_day_of_counts_is_forgotten_after_400_days(world: World) {
    let today = Day::of(world.now());
    world.store.add_counts(&batch("a", 1, today, 5)).await.unwrap();
    let end = today.end().plus(Duration::from_secs(400 * 24 * 60 * 60));
    world.wait(end.since(world.now()) - Duration::from_millis(1));
    let seen = async || world.store.counts(today, today).await.unwrap().value;
    assert_eq!(seen().await[0].counts.sum(), 5);
    assert_eq!(world.store.add_counts(&batch("a", 2, today, 5)).await.unwrap().value, AddOutcome::Added);
    world.wait(Duration::from_millis(1));
    assert_eq!(seen().await.iter().map(|day| day.counts.sum()).sum::<u64>(), 0);
    let late = world.store.add_counts(&batch("a", 3, today, 5)).await.unwrap().value;
    assert_eq!(late, AddOutcome::OutOfRange);
}

async fn a_day_of_counts_has_a_bound(world: World) {
    let today = Day::of(world.now());
    for sequence in 0..3 {
        let mut batch = batch("a", sequence, today, 1);
        for number in 0..4_000 {
            let name = format!("p{sequence}-{number}");
            batch.counts.add(CountKey::Locked(Purpose::parse(&name).unwrap()), 1);
        }
        world.store.add_counts(&batch).await.unwrap();
    }
    let counts = world.store.counts(today, today).await.unwrap().value.remove(0).counts;
    assert_eq!((counts.len(), counts.sum()), (MOST_KEYS + 1, 12_003));
    assert_eq!(counts.get(&CountKey::Issued(purpose())), 3);
    assert_eq!(counts.get(&CountKey::LeftOut), 12_001 - MOST_KEYS as u64);
}

async fn an_inventory_counts_each_kind(world: World) {
    locked(&world, "u1").await;
    world.issue(&issue("u2", "FUND-1", 1)).await;
    world.admit(&AdmitCommand { standpoint: None, takes: vec![own_take("burst", 2, "u1")] }).await;
    world.store.add_counts(&batch("a", 1, Day::of(world.now()), 5)).await.unwrap();
    world.store.clear(&clear("u3", Vec::new())).await.unwrap();
    let inventory = world.store.inventory().await.unwrap();
    assert!(inventory.complete, "{inventory:?}");
    let keys = |kind| inventory.held.iter().find(|held| held.kind == kind).unwrap().keys;
    let of = [Kind::Challenge, Kind::Limit, Kind::Locked, Kind::Counts, Kind::Batches, Kind::Operations];
    assert_eq!(of.map(keys), [2, 1, 1, 1, 1, 1]);
    // Redis keeps what is pending beside the account, and lists by shard.
    assert!((1..=2).contains(&keys(Kind::Account)) && (1..=2).contains(&keys(Kind::Pending)));
    assert_eq!((inventory.without_expiry, inventory.unknown), (0, 0));
}

async fn a_sweep_touches_nothing_that_is_alive(world: World) {
    locked(&world, "u1").await;
    world.issue(&issue("u2", "FUND-1", 1)).await;
    world.store.add_counts(&batch("a", 1, Day::of(world.now()), 5)).await.unwrap();
    let swept = world.store.sweep(&operation()).await.unwrap();
    assert!(swept.complete && !swept.changed(), "{swept:?}");
    assert_eq!(world.census().await, (2, 1));
    world.wait(35 * MINUTE);
    let swept = world.store.sweep(&operation()).await.unwrap();
    assert_eq!(swept.pending_removed, 2, "{swept:?}");
    assert!(!world.store.sweep(&operation()).await.unwrap().changed());
}
