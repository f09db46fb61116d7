//! Everything that is remembered, and nothing else.

use std::collections::{BTreeMap, HashMap};

use super::challenge::Challenge;
use super::id::{LimitName, Purpose, Reference};
use super::ledger::counts::CountBook;
use super::ledger::trail::{Record, Trail};
use super::lockout::Account;
use super::subject::Subject;
use super::tally::Tally;
use super::time::Timestamp;
use super::window::{Bucket, Count, Limited, Owner, Take};

/// The remembered state of one deployment.
#[derive(Debug, Clone, Default)]
pub struct State {
    pub(super) buckets: HashMap<(LimitName, Owner), Bucket>,
    pub(super) accounts: HashMap<(Subject, Purpose), Account>,
    pub(super) challenges: HashMap<(Subject, Reference), Challenge>,
    pub(super) pending: HashMap<(Subject, Purpose), Reference>,
    pub(super) trail: Trail,
    /// What is counted for reports.
    pub counts: CountBook,
}

/// How much there is of what operators watch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Census {
    /// Subjects with a code that could be accepted now, by purpose.
    pub pending: BTreeMap<Purpose, u64>,
    /// Subjects locked or disabled now, by purpose.
    pub locked: BTreeMap<Purpose, u64>,
}

impl State {
    /// Counts every limit that has no subject, each for itself, and names the fullest that refuses.
    pub(super) fn take_shared(
        &mut self,
        takes: &[Take],
        now: Timestamp,
        tally: &mut Tally,
    ) -> Option<Limited> {
        let mut refused = None;
        for (place, take) in takes.iter().enumerate().filter(|(_, take)| !take.is_own()) {
            match self.full(take, now) {
                Some(full) => {
                    tally.found_full(place);
                    keep_longest(&mut refused, full);
                }
                None => self.record(take, now, place, tally),
            }
        }
        refused
    }

    /// The limits with a subject that are full. Counts nothing.
    pub(super) fn check_own(&self, takes: &[Take], now: Timestamp, tally: &mut Tally) -> Option<Limited> {
        let mut refused = None;
        for (place, take) in takes.iter().enumerate().filter(|(_, take)| take.is_own()) {
            if let Some(full) = self.full(take, now) {
                tally.found_full(place);
                keep_longest(&mut refused, full);
            }
        }
        refused
    }

    /// Counts one event under every limit with a subject that counts such events.
    pub(super) fn record_own(&mut self, takes: &[Take], count: Count, now: Timestamp, tally: &mut Tally) {
        for (place, take) in takes.iter().enumerate() {
            if take.is_own() && take.count == count {
                self.record(take, now, place, tally);
            }
        }
    }

    fn record(&mut self, take: &Take, now: Timestamp, place: usize, tally: &mut Tally) {
        let bucket = self.buckets.entry((take.limit.clone(), take.owner.clone())).or_default();
        tally.counted(place, bucket.record(take, now));
    }

    fn full(&self, take: &Take, now: Timestamp) -> Option<Limited> {
        let bucket = self.buckets.get(&(take.limit.clone(), take.owner.clone()))?;
        let retry_at = bucket.full_until(take, now)?;
        Some(Limited { limit: take.limit.clone(), max: take.max, retry_at })
    }

    /// Says how many events a limit had counted up to `at`, of which no more is known.
    pub fn set_earlier(&mut self, take: &Take, number: u32, at: Timestamp) {
        let key = (take.limit.clone(), take.owner.clone());
        if number > 0 || self.buckets.contains_key(&key) {
            self.buckets.entry(key).or_default().set_earlier(take, number, at);
        }
    }

    /// Forgets what a limit has counted, and tells how many events of it would still have counted.
    pub(super) fn forget(&mut self, take: &Take, now: Timestamp) -> u32 {
        let bucket = self.buckets.remove(&(take.limit.clone(), take.owner.clone()));
        bucket.map_or(0, |bucket| bucket.used(take, now))
    }

    /// A challenge that is still remembered.
    pub fn challenge(&self, subject: &Subject, reference: &Reference, now: Timestamp) -> Option<&Challenge> {
        self.challenges
            .get(&(subject.clone(), reference.clone()))
            .filter(|challenge| challenge.is_remembered(now))
    }

    /// The one challenge of a subject and purpose that can still come to an acceptance.
    pub(super) fn pending(
        &self,
        subject: &Subject,
        purpose: &Purpose,
        now: Timestamp,
    ) -> Option<(Reference, &Challenge)> {
        let reference = self.pending.get(&(subject.clone(), purpose.clone()))?;
        self.challenge(subject, reference, now)
            // A forgotten reference may have come back under another purpose.
            .filter(|challenge| challenge.is_pending() && challenge.purpose == *purpose)
            .map(|challenge| (reference.clone(), challenge))
    }

    /// The failure record of a subject and purpose, as far as it is remembered.
    pub fn account(&self, subject: &Subject, purpose: &Purpose, now: Timestamp) -> Account {
        self.accounts
            .get(&(subject.clone(), purpose.clone()))
            .filter(|account| account.expires_at() > now)
            .cloned()
            .unwrap_or_default()
    }

    /// Remembers a failure record.
    pub fn keep_account(&mut self, subject: &Subject, purpose: &Purpose, account: Account) {
        self.accounts.insert((subject.clone(), purpose.clone()), account);
    }

    /// Forgets what has expired. Decisions never depend on when, or whether, this runs.
    pub fn sweep(&mut self, now: Timestamp) {
        self.buckets.retain(|_, bucket| bucket.expires_at > now);
        self.accounts.retain(|_, account| account.expires_at() > now);
        self.challenges.retain(|_, challenge| challenge.is_remembered(now));
        let challenges = &self.challenges;
        self.pending
            .retain(|(subject, _), reference| challenges.contains_key(&(subject.clone(), reference.clone())));
        self.trail.sweep(now);
        self.counts.sweep(now);
    }

    /// The newest operations, newest first: about this subject, or all.
    pub fn operations(&self, limit: usize, subject: Option<&Subject>, now: Timestamp) -> Vec<Record> {
        self.trail.newest(limit, subject, now)
    }

    /// How much there is now.
    pub fn census(&self, now: Timestamp) -> Census {
        let mut census = Census::default();
        for (subject, purpose) in self.pending.keys() {
            let live = self.pending(subject, purpose, now).is_some_and(|(_, challenge)| {
                challenge.codes.last().is_some_and(|code| code.expires_at > now)
            });
            *census.pending.entry(purpose.clone()).or_default() += u64::from(live);
        }
        for ((_, purpose), account) in &self.accounts {
            let locked = account.expires_at() > now && account.lock(now).is_some();
            *census.locked.entry(purpose.clone()).or_default() += u64::from(locked);
        }
        census
    }

    /// How many entries are held, expired ones included.
    pub fn len(&self) -> usize {
        self.buckets.len() + self.accounts.len() + self.challenges.len() + self.pending.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn keep_longest(refused: &mut Option<Limited>, full: Limited) {
    if refused.as_ref().is_none_or(|longest| full.retry_at > longest.retry_at) {
        *refused = Some(full);
    }
}
