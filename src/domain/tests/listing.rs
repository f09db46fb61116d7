use super::world::*;
use crate::domain::id::Purpose;
use crate::domain::ledger::list::{account, locks};
use crate::domain::ledger::page::PageRequest;
use crate::domain::lockout::{Account, Lock};

/// Locked for so many minutes.
fn lock(world: &mut World, who: &str, purpose: Purpose, minutes: u32) {
    let end = world.now.plus(minutes * MINUTE);
    let account = Account { level: 1, locked_until: end, clean_since: end, ..Account::default() };
    world.state.accounts.insert((subject(who), purpose), account);
}

#[test]
fn a_list_goes_purpose_by_purpose_and_by_when_locks_end_whatever_the_size_of_its_pages() {
    let mut world = World::new();
    for (who, minutes) in [("b", 10), ("c", 5), ("a", 10)] {
        lock(&mut world, who, funding(), minutes);
    }
    let disabled = Account { consecutive: 10, disabled: true, clean_since: world.now, ..Account::default() };
    world.state.accounts.insert((subject("0"), funding()), disabled);
    for (who, minutes) in [("e", 2), ("a", 1)] {
        lock(&mut world, who, deduction(), minutes);
    }
    let purposes = [funding(), deduction()];
    for limit in [1, 2, 3, 4, 5, 6, 7] {
        let mut page = PageRequest::first(limit);
        let mut seen = Vec::new();
        loop {
            let found = locks(&world.state, &purposes, &page, world.now);
            assert!(found.next.is_none() || found.entries.len() == usize::from(limit), "pages of {limit}");
            seen.extend(
                found.entries.iter().map(|lock| format!("{} {}", lock.purpose, lock.subject.as_str())),
            );
            let Some(cursor) = found.next else { break };
            page = PageRequest::first(limit).after(cursor);
        }
        assert_eq!(
            seen,
            [
                "wallet_funding c",
                "wallet_funding a",
                "wallet_funding b",
                "wallet_funding 0",
                "wallet_deduction a",
                "wallet_deduction e"
            ],
            "pages of {limit}"
        );
    }
}

#[test]
fn everything_about_a_person_is_told_for_each_purpose() {
    let mut world = World::with_codes(&[1]);
    lock(&mut world, "u1", deduction(), 5);
    let views = account(&world.state, &subject("u1"), &[funding(), deduction()], world.now);
    let told: Vec<_> =
        views.iter().map(|view| (view.purpose.clone(), view.lock, view.challenge.is_some())).collect();
    let until = Some(Lock::Until(world.now.plus(5 * MINUTE)));
    assert_eq!(told, [(funding(), None, true), (deduction(), until, false)]);
}
