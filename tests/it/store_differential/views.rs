//! What operators see must be the same too. Lists come in another order from Redis, shard by shard.

use otp_sidecar::domain::challenge::Phase;
use otp_sidecar::domain::id::Purpose;
use otp_sidecar::domain::ledger::day::Day;
use otp_sidecar::domain::ledger::examine::{Examination, ExamineCommand, Presented, examine};
use otp_sidecar::domain::ledger::limits::usage;
use otp_sidecar::domain::ledger::list;
use otp_sidecar::domain::ledger::page::{Page, PageRequest};
use otp_sidecar::domain::ledger::view::{ChallengeView, LockView};
use otp_sidecar::domain::lockout::Lock;
use otp_sidecar::domain::state::State;
use otp_sidecar::domain::subject::Subject;
use otp_sidecar::domain::time::Timestamp;
use otp_sidecar::store::contract::Ledger;
use otp_sidecar::store::redis::RedisStore;

use super::coverage::Coverage;
use super::generator::{Generator, KEYS, NEVER_ISSUED, any_reference, any_subject, purposes, takes};
use crate::store_world::{digest, subject};
use crate::support::random::Random;

/// Both, at one moment.
pub struct Views<'t> {
    pub store: &'t RedisStore,
    pub state: &'t State,
    pub now: Timestamp,
    pub place: &'t str,
}

impl Views<'_> {
    /// Everything but lists and days, which take many calls.
    pub async fn of_one_person(&self, known: &Generator, random: &mut Random, coverage: &mut Coverage) {
        let Self { store, state, now, place } = *self;
        let who = any_subject(random);
        let seen = store.account(&who, &purposes()).await.unwrap();
        assert_eq!((seen.at, &seen.value), (now, &list::account(state, &who, &purposes(), now)), "{place}");
        for view in &seen.value {
            match view.challenge.as_ref().map(|challenge| (&challenge.phase, challenge.codes.len())) {
                Some((Phase::Live, 1)) => coverage.reach("account: a live challenge"),
                Some((Phase::Live, _)) => coverage.reach("account: several codes"),
                Some(_) => coverage.reach("account: a reserved challenge"),
                None => coverage.reach("account: nothing pending"),
            }
        }
        let takes = takes(random, &who);
        let used = store.usage(&takes).await.unwrap();
        assert_eq!((used.at, &used.value), (now, &usage(state, &takes, now)), "{place}: {takes:?}");
        for usage in used.value {
            coverage.reach(match (usage.used, usage.opens_at) {
                (0, _) => "usage: empty",
                (_, None) => "usage: partly used",
                (used, Some(_)) if used > usage.max => "usage: more than full",
                (_, Some(_)) => "usage: full",
            });
        }
        self.examined(known, random, coverage).await;
        let records = store.operations(1_000, Some(&who)).await.unwrap().value;
        assert_eq!(records, state.operations(1_000, Some(&who), now), "{place}");
        if !records.is_empty() {
            coverage.reach("operations: of one person");
        }
    }

    async fn examined(&self, known: &Generator, random: &mut Random, coverage: &mut Coverage) {
        let Self { store, state, now, place } = *self;
        let recent = &known.issued[known.issued.len().saturating_sub(6)..];
        let (mut who, mut under, mut code) = (any_subject(random), any_reference(random), NEVER_ISSUED);
        if !recent.is_empty() && random.chance(90) {
            let of = random.pick(recent);
            let [mac, ..] = of.digest.mac;
            (who, under, code) = (of.subject, of.reference, mac);
        }
        let ring: &[&str] = random.pick(&[&KEYS[..], &KEYS[..], &["a"], &["b", "a"]]);
        let of = |reference| Presented {
            reference,
            candidates: ring.iter().map(|kid| digest(kid, code)).collect(),
        };
        let presented = vec![of(under), of(any_reference(random))];
        let command = ExamineCommand { subject: who, presented };
        let found = store.examine(&command).await.unwrap();
        let expected = examine(state, &command, now);
        assert_eq!((found.at, &found.value), (now, &expected), "{place}: {command:?}");
        expected.iter().for_each(|one| note_examination(coverage, one));
    }

    /// Lists, page by page, all records, and days.
    pub async fn of_all(&self, random: &mut Random, coverage: &mut Coverage) {
        let Self { store, place, .. } = *self;
        let limit = 1 + random.below(3) as u16;
        let of = if random.chance(80) { purposes().to_vec() } else { vec![random.pick(&purposes())] };
        let first = || PageRequest::first(limit);
        let (mut seen, mut request) = (Vec::new(), Some(first()));
        while let Some(page) = request {
            let page = store.locks(&of, &page).await.unwrap();
            request = self.took(&page, limit, coverage).map(|next| first().after(next));
            seen.extend(page.entries);
        }
        assert_eq!(in_order_of_locks(seen), in_order_of_locks(self.all_locks(&of, limit)), "{place}");
        let (mut seen, mut request) = (Vec::new(), Some(first()));
        while let Some(page) = request {
            let page = store.challenges(&of, &page).await.unwrap();
            request = self.took(&page, limit, coverage).map(|next| first().after(next));
            seen.extend(page.entries);
        }
        let expected = in_order_of_challenges(self.all_challenges(&of, limit));
        assert_eq!(in_order_of_challenges(seen), expected, "{place}");
        for challenge in expected {
            let is_reserved = challenge.phase != Phase::Live;
            coverage.reach(if is_reserved { "challenges: reserved" } else { "challenges: live" });
        }
        self.records_and_days(coverage).await;
    }

    async fn records_and_days(&self, coverage: &mut Coverage) {
        let Self { store, state, now, place } = *self;
        let mut records = store.operations(1_000, None).await.unwrap().value;
        let mut expected = state.operations(1_000, None, now);
        assert!(records.is_sorted_by(|newer, older| newer.at >= older.at), "{place}");
        records.sort_by_key(|record| format!("{record:?}"));
        expected.sort_by_key(|record| format!("{record:?}"));
        assert_eq!(records, expected, "{place}");
        let (from, to) = (Day::of(now).back(2), Day::of(now).next());
        let days = store.counts(from, to).await.unwrap();
        assert_eq!((days.at, &days.value), (now, &state.counts.read(from, to, now)), "{place}");
        if days.value.iter().any(|day| !day.counts.is_empty()) {
            coverage.reach("counts: a day with some");
        }
    }

    fn took<T>(
        &self,
        page: &Page<T>,
        limit: u16,
        coverage: &mut Coverage,
    ) -> Option<otp_sidecar::domain::ledger::page::Cursor> {
        assert!(page.entries.len() <= usize::from(limit), "{}", self.place);
        assert_eq!(page.at, self.now, "{}", self.place);
        coverage.reach(if page.next.is_some() { "page: with a next one" } else { "page: the last" });
        page.next.clone()
    }

    fn all_locks(&self, of: &[Purpose], limit: u16) -> Vec<LockView> {
        let (mut all, mut request) = (Vec::new(), Some(PageRequest::first(limit)));
        while let Some(page) = request {
            let page = list::locks(self.state, of, &page, self.now);
            request = page.next.map(|next| PageRequest::first(limit).after(next));
            all.extend(page.entries);
        }
        all
    }

    fn all_challenges(&self, of: &[Purpose], limit: u16) -> Vec<ChallengeView> {
        let (mut all, mut request) = (Vec::new(), Some(PageRequest::first(limit)));
        while let Some(page) = request {
            let page = list::challenges(self.state, of, &page, self.now);
            request = page.next.map(|next| PageRequest::first(limit).after(next));
            all.extend(page.entries);
        }
        all
    }
}

fn in_order_of_locks(mut all: Vec<LockView>) -> Vec<LockView> {
    all.sort_by_key(|view| (view.purpose.clone(), view.subject.clone()));
    all
}

fn in_order_of_challenges(mut all: Vec<ChallengeView>) -> Vec<ChallengeView> {
    all.sort_by_key(|view| (view.purpose.clone(), view.subject.clone()));
    all
}

fn note_examination(coverage: &mut Coverage, one: &Examination) {
    let Some(found) = &one.found else { return coverage.reach("examine: nothing") };
    coverage.reach(match found.phase {
        Phase::Live => "examine: live",
        Phase::Reserved(_) => "examine: reserved",
        Phase::Consumed => "examine: consumed",
        Phase::Superseded => "examine: superseded",
    });
    for code in &found.codes {
        coverage.reach(match (code.matches, code.expired, code.known_key) {
            (true, false, _) => "examine: a code matches",
            (true, true, _) => "examine: an expired code matches",
            (false, _, true) => "examine: a code differs",
            (false, _, false) => "examine: a code under another key",
        });
    }
}

/// Whether the account of u1 is disabled: lists must show both kinds of locks.
pub fn note_locks(coverage: &mut Coverage, state: &State, now: Timestamp) {
    for who in ["u1", "u2"] {
        let who: Subject = subject(who);
        for view in list::account(state, &who, &purposes(), now) {
            match view.lock {
                Some(Lock::Until(_)) => coverage.reach("locks: until a time"),
                Some(Lock::Disabled) => coverage.reach("locks: disabled"),
                None => {}
            }
        }
    }
}
