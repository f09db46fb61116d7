//! Who is locked, which codes are pending, and everything about one person.

use super::page::{Cursor, Page, PageRequest};
use super::view::{AccountView, ChallengeView, LockView};
use crate::domain::id::Purpose;
use crate::domain::lockout::Account;
use crate::domain::state::State;
use crate::domain::subject::Subject;
use crate::domain::time::Timestamp;

/// Subjects locked or disabled now: purpose by purpose, those first whose lock ends first.
pub fn locks(state: &State, purposes: &[Purpose], page: &PageRequest, now: Timestamp) -> Page<LockView> {
    let listed = |purpose: &Purpose| {
        let of_purpose =
            state.accounts.iter().filter(|((_, of), account)| of == purpose && account.lock(now).is_some());
        of_purpose.map(|((subject, _), account)| (listed_until(account), subject)).collect()
    };
    let view = |purpose: &Purpose, subject: &Subject| {
        let account = state.account(subject, purpose, now);
        let lock = account.lock(now)?;
        Some(LockView { subject: subject.clone(), purpose: purpose.clone(), lock, account })
    };
    paged(purposes, page, now, listed, view)
}

/// Subjects with a code that could be accepted now, and the challenge it belongs to: purpose by purpose,
/// those first whose newest code expires first.
pub fn challenges(
    state: &State,
    purposes: &[Purpose],
    page: &PageRequest,
    now: Timestamp,
) -> Page<ChallengeView> {
    let listed = |purpose: &Purpose| {
        let subjects = state.pending.keys().filter(|(_, of)| of == purpose).map(|(subject, _)| subject);
        let live = subjects.filter_map(|subject| {
            let (_, challenge) = state.pending(subject, purpose, now)?;
            let until = challenge.codes.last()?.expires_at;
            (until > now).then_some((until, subject))
        });
        live.collect()
    };
    let view = |purpose: &Purpose, subject: &Subject| {
        let (reference, challenge) = state.pending(subject, purpose, now)?;
        Some(ChallengeView::of(subject, &reference, challenge))
    };
    paged(purposes, page, now, listed, view)
}

/// Everything live about one subject, for each of these purposes, in their order.
pub fn account(state: &State, subject: &Subject, purposes: &[Purpose], now: Timestamp) -> Vec<AccountView> {
    let view = |purpose: &Purpose| {
        let account = state.account(subject, purpose, now);
        let pending = state.pending(subject, purpose, now);
        AccountView {
            purpose: purpose.clone(),
            lock: account.lock(now),
            account,
            challenge: pending
                .map(|(reference, challenge)| ChallengeView::of(subject, &reference, challenge)),
        }
    };
    purposes.iter().map(view).collect()
}

/// By when a locked account is ordered: when it is off the list, if nobody clears it.
fn listed_until(account: &Account) -> Timestamp {
    if account.disabled { account.expires_at() } else { account.locked_until }
}

/// Goes through the purposes from where the page before ended until the page is full.
fn paged<'s, T>(
    purposes: &[Purpose],
    page: &PageRequest,
    now: Timestamp,
    listed: impl Fn(&Purpose) -> Vec<(Timestamp, &'s Subject)>,
    view: impl Fn(&Purpose, &Subject) -> Option<T>,
) -> Page<T> {
    let from = page.cursor().and_then(|after| {
        let place = purposes.iter().position(|purpose| *purpose == after.purpose)?;
        Some((place, (after.until, &after.subject)))
    });
    let mut entries = Vec::new();
    for (place, purpose) in purposes.iter().enumerate().skip(from.map_or(0, |(place, _)| place)) {
        let begun = from.filter(|(begun, _)| *begun == place).map(|(_, after)| after);
        let mut listed = listed(purpose);
        listed.retain(|entry| begun.is_none_or(|after| *entry > after));
        listed.sort_unstable();
        for (until, subject) in listed {
            entries.extend(view(purpose, subject));
            if entries.len() == page.limit() {
                let (purpose, subject) = (purpose.clone(), subject.clone());
                return Page { at: now, entries, next: Some(Cursor { purpose, part: 0, until, subject }) };
            }
        }
    }
    Page { at: now, entries, next: None }
}
