//! Counts of some days, added up and put in order.

use std::collections::BTreeMap;

use super::quantile::{Times, share};
use crate::domain::id::{LimitName, Purpose, RouteName};
use crate::domain::ledger::counts::{CountKey, Counts, MAILED_WITHIN, VERIFIED_WITHIN};
use crate::domain::reason::Reason;

/// What became of codes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Codes {
    /// Stored, their messages queued.
    pub issued: u64,
    /// Compared, right or wrong.
    pub compared: u64,
    /// Right, and consumed.
    pub verified: u64,
    /// Verifications that were refused, for whatever reason.
    pub failed: u64,
    /// Locks that began.
    pub locked: u64,
}

impl Codes {
    /// What part of the issued codes was used: the success rate of the operations guide. A code that was sent a
    /// second time counts twice, so people who ask again lower it.
    pub fn success_rate(self) -> Option<f64> {
        share(self.verified, self.issued)
    }

    /// Issued and not used, as the operations guide counts failures.
    pub fn not_verified(self) -> u64 {
        self.issued.saturating_sub(self.verified)
    }

    /// What part of the compared codes was right.
    pub fn right_rate(self) -> Option<f64> {
        share(self.verified, self.compared)
    }

    /// Locks for each issued code.
    pub fn lock_rate(self) -> Option<f64> {
        share(self.locked, self.issued)
    }
}

/// What became of mails.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mail {
    /// Taken by a relay.
    pub accepted: u64,
    /// Attempts that failed, by reason, the most frequent first.
    pub failed: Vec<(String, u64)>,
    /// Given up, by reason, the most frequent first.
    pub given_up: Vec<(String, u64)>,
    /// From the request for a mail to the relay's yes.
    pub times: Times,
}

impl Mail {
    /// All attempts that failed.
    pub fn failures(&self) -> u64 {
        total(self.failed.iter().map(|(_, number)| number))
    }

    /// All mails that were given up.
    pub fn lost(&self) -> u64 {
        total(self.given_up.iter().map(|(_, number)| number))
    }

    /// What part of the mails that were decided on was lost.
    pub fn loss_rate(&self) -> Option<f64> {
        share(self.lost(), self.accepted.saturating_add(self.lost()))
    }
}

/// What happened.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Summary {
    /// Codes of the purpose that was asked for, or all.
    pub codes: Codes,
    /// The same for each purpose.
    pub purposes: Vec<(Purpose, Codes)>,
    /// From the issue of a code to its success.
    pub verification: Times,
    /// Why verifications were refused, the most frequent first.
    pub reasons: Vec<(Reason, u64)>,
    /// Requests that did not get what they asked for, by route and reason, the most frequent first. Of all purposes.
    pub refusals: Vec<(RouteName, Reason, u64)>,
    /// Requests that a limit refused, the most frequent first. Of all purposes.
    pub limits: Vec<(LimitName, u64)>,
    /// Codes issued in each hour of the day, in UTC. Of all purposes.
    pub hours: [u64; 24],
    /// Mails of all purposes.
    pub mail: Mail,
    /// What went wrong, the most frequent first.
    pub errors: Vec<(String, u64)>,
    /// Counts that were left out: all numbers may be too low.
    pub left_out: u64,
}

/// Numbers by name while they are added up.
#[derive(Default)]
struct Sums {
    purposes: BTreeMap<Purpose, Codes>,
    reasons: BTreeMap<Reason, u64>,
    refusals: BTreeMap<(RouteName, Reason), u64>,
    limits: BTreeMap<LimitName, u64>,
    failed: BTreeMap<String, u64>,
    given_up: BTreeMap<String, u64>,
    errors: BTreeMap<String, u64>,
    verified: (Vec<u64>, u64),
    mailed: (Vec<u64>, u64),
}

impl Summary {
    /// Adds up the counts of days; of codes, only this purpose's if there is one.
    pub fn of<'a>(days: impl IntoIterator<Item = &'a Counts>, purpose: Option<&Purpose>) -> Self {
        let mut summary = Self::default();
        let mut sums = Sums {
            verified: (vec![0; VERIFIED_WITHIN.len() + 1], 0),
            mailed: (vec![0; MAILED_WITHIN.len() + 1], 0),
            ..Sums::default()
        };
        for (key, number) in days.into_iter().flat_map(Counts::iter) {
            summary.add_code(&mut sums, key, number, purpose);
            summary.add_rest(&mut sums, key, number);
        }
        summary.purposes = sums.purposes.into_iter().collect();
        summary.reasons = most_first(sums.reasons);
        let refusals = most_first(sums.refusals);
        summary.refusals = refusals.into_iter().map(|((route, reason), n)| (route, reason, n)).collect();
        summary.limits = most_first(sums.limits);
        summary.errors = most_first(sums.errors);
        summary.mail.failed = most_first(sums.failed);
        summary.mail.given_up = most_first(sums.given_up);
        let (buckets, millis) = sums.verified;
        summary.verification = Times::new(&VERIFIED_WITHIN, buckets, summary.codes.verified, millis);
        let (buckets, millis) = sums.mailed;
        summary.mail.times = Times::new(&MAILED_WITHIN, buckets, summary.mail.accepted, millis);
        summary
    }

    fn add_code(&mut self, sums: &mut Sums, key: &CountKey, number: u64, only: Option<&Purpose>) {
        let is_asked = |purpose: &Purpose| only.is_none_or(|only| only == purpose);
        let mut add = |purpose: &Purpose, field: fn(&mut Codes) -> &mut u64| {
            if is_asked(purpose) {
                grow(field(&mut self.codes), number);
                grow(field(sums.purposes.entry(purpose.clone()).or_default()), number);
            }
        };
        match key {
            CountKey::Issued(purpose) => add(purpose, |codes| &mut codes.issued),
            CountKey::Compared(purpose) => add(purpose, |codes| &mut codes.compared),
            CountKey::Verified(purpose) => add(purpose, |codes| &mut codes.verified),
            CountKey::Locked(purpose) => add(purpose, |codes| &mut codes.locked),
            CountKey::Failed(purpose, reason) => {
                if let Some(purpose) = purpose {
                    add(purpose, |codes| &mut codes.failed);
                } else if only.is_none() {
                    grow(&mut self.codes.failed, number);
                }
                if purpose.as_ref().map_or(only.is_none(), is_asked) {
                    grow(sums.reasons.entry(*reason).or_default(), number);
                }
            }
            CountKey::VerifiedMillis(purpose) if is_asked(purpose) => grow(&mut sums.verified.1, number),
            CountKey::VerifiedWithin(purpose, place) if is_asked(purpose) => {
                bucket(&mut sums.verified.0, *place, number);
            }
            _ => {}
        }
    }

    fn add_rest(&mut self, sums: &mut Sums, key: &CountKey, number: u64) {
        match key {
            CountKey::IssuedInHour(hour) => bucket(&mut self.hours, *hour, number),
            CountKey::LimitHit(limit) => grow(sums.limits.entry(limit.clone()).or_default(), number),
            CountKey::Decided(route, reason) if !got_it(*reason) => {
                grow(sums.refusals.entry((route.clone(), *reason)).or_default(), number);
            }
            CountKey::MailAccepted => grow(&mut self.mail.accepted, number),
            CountKey::MailMillis => grow(&mut sums.mailed.1, number),
            CountKey::MailWithin(place) => bucket(&mut sums.mailed.0, *place, number),
            CountKey::MailFailed(word) => {
                grow(sums.failed.entry(word.as_str().to_owned()).or_default(), number)
            }
            CountKey::MailGivenUp(word) => {
                grow(sums.given_up.entry(word.as_str().to_owned()).or_default(), number);
            }
            CountKey::ErrorInHour(_, word) => {
                grow(sums.errors.entry(word.as_str().to_owned()).or_default(), number);
            }
            CountKey::LeftOut => grow(&mut self.left_out, number),
            _ => {}
        }
    }

    /// The hour of the day with most codes, the first of equals, and how many.
    pub fn peak_hour(&self) -> Option<(usize, u64)> {
        let most = self.hours.iter().copied().max().filter(|most| *most > 0)?;
        self.hours.iter().position(|codes| *codes == most).map(|hour| (hour, most))
    }

    /// All requests that limits refused.
    pub fn limit_hits(&self) -> u64 {
        total(self.limits.iter().map(|(_, number)| number))
    }
}

/// Whether a request got what it asked for.
fn got_it(reason: Reason) -> bool {
    matches!(reason, Reason::Admitted | Reason::Issued | Reason::Verified | Reason::Told)
}

fn grow(sum: &mut u64, number: u64) {
    *sum = sum.saturating_add(number);
}

fn total<'a>(numbers: impl Iterator<Item = &'a u64>) -> u64 {
    numbers.fold(0, |sum, number| sum.saturating_add(*number))
}

fn bucket(buckets: &mut [u64], place: u8, number: u64) {
    if let Some(bucket) = buckets.get_mut(usize::from(place)) {
        grow(bucket, number);
    }
}

/// The largest number first, equals in the order of their names.
fn most_first<K: Ord>(sums: BTreeMap<K, u64>) -> Vec<(K, u64)> {
    let mut sorted: Vec<(K, u64)> = sums.into_iter().filter(|(_, number)| *number > 0).collect();
    sorted.sort_by(|(_, a), (_, b)| b.cmp(a));
    sorted
}
