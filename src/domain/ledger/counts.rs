//! What reports tell of a day: numbers under names of the policy, and nothing about anybody.
//!
//! A [`CountKey`] is closed: there is no place in it for a subject, an address or a reference. Replicas add
//! what they counted in [`CountBatch`]es, each under a number of its own, so that one that is sent again
//! because its answer was lost is not added twice.

use std::collections::BTreeMap;
use std::time::Duration;

use super::day::Day;
use crate::domain::id::{InstanceId, LimitName, Purpose, RouteName};
use crate::domain::lockout::REMEMBERED_FOR;
use crate::domain::reason::Reason;
use crate::domain::time::{Timestamp, millis};

/// The most different keys of one day. Names come from policies, so there are a few hundred; this is against
/// policies that change their names all the time.
pub const MOST_KEYS: usize = 10_000;

/// How long a store knows which batches of an instance it has added.
pub const BATCHES_REMEMBERED_FOR: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The bounds of the histogram of times from issue to success, in milliseconds, each included.
pub const VERIFIED_WITHIN: [u64; 15] = [
    5_000, 10_000, 15_000, 20_000, 30_000, 45_000, 60_000, 90_000, 120_000, 180_000, 240_000, 300_000,
    420_000, 600_000, 1_800_000,
];

/// The bounds of the histogram of times until a relay has taken a message, in milliseconds, each included.
pub const MAILED_WITHIN: [u64; 12] =
    [100, 250, 500, 1_000, 2_000, 3_000, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000];

/// A word of a closed list elsewhere in the program: why a message was not taken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Word(String);

impl Word {
    /// Up to 32 of `a-z` and `_`; anything else is `other`.
    pub fn of(text: &str) -> Self {
        let fits =
            (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        Self(if fits { text.to_owned() } else { "other".to_owned() })
    }

    /// The word.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum CountKey {
    /// Codes stored, their messages queued.
    Issued(Purpose),
    /// The same by hour of the day in UTC, 0 to 23.
    IssuedInHour(u8),
    /// Codes that were compared, right or wrong.
    Compared(Purpose),
    /// Right codes that were consumed.
    Verified(Purpose),
    /// Milliseconds from the issue of those codes to their success, added up.
    VerifiedMillis(Purpose),
    /// How many of those codes took this long: the place of the first bound of [`VERIFIED_WITHIN`] that is not
    /// less, or their number beyond the last.
    VerifiedWithin(Purpose, u8),
    /// Verifications refused; the purpose as far as it was known.
    Failed(Option<Purpose>, Reason),
    /// Locks that began.
    Locked(Purpose),
    /// Requests that a limit refused.
    LimitHit(LimitName),
    /// Decisions on a route.
    Decided(RouteName, Reason),
    /// Messages that a relay took.
    MailAccepted,
    /// Milliseconds until it did, added up.
    MailMillis,
    /// How many of those messages took this long, as with [`CountKey::VerifiedWithin`], by [`MAILED_WITHIN`].
    MailWithin(u8),
    /// Attempts that failed.
    MailFailed(Word),
    /// Messages that were given up.
    MailGivenUp(Word),
    /// What went wrong by hour of the day in UTC, 0 to 23, and by word.
    ErrorInHour(u8, Word),
    /// Minutes in which an instance counted, of all instances together, by hour of the day in UTC. An hour
    /// without any is a gap; one with some and nothing else was quiet.
    CountingInHour(u8),
    /// Counts left out, because there were too many different keys or because they waited too long.
    LeftOut,
}

impl CountKey {
    /// The key for a code that took this long.
    pub fn verified_within(purpose: &Purpose, took: Duration) -> Self {
        Self::VerifiedWithin(purpose.clone(), place(&VERIFIED_WITHIN, took))
    }

    /// The key for a message that took this long.
    pub fn mail_within(took: Duration) -> Self {
        Self::MailWithin(place(&MAILED_WITHIN, took))
    }

    /// The key as a store spells it.
    pub fn encode(&self) -> String {
        match self {
            Self::Issued(purpose) => format!("issued:{purpose}"),
            Self::IssuedInHour(hour) => format!("issued-in-hour:{hour}"),
            Self::Compared(purpose) => format!("compared:{purpose}"),
            Self::Verified(purpose) => format!("verified:{purpose}"),
            Self::VerifiedMillis(purpose) => format!("verified-millis:{purpose}"),
            Self::VerifiedWithin(purpose, place) => {
                format!("verified-within:{purpose}:{}", bound(&VERIFIED_WITHIN, *place))
            }
            Self::Failed(purpose, reason) => {
                format!("failed:{}:{}", purpose.as_ref().map_or("", Purpose::as_str), reason.as_str())
            }
            Self::Locked(purpose) => format!("locked:{purpose}"),
            Self::LimitHit(limit) => format!("limit-hit:{limit}"),
            Self::Decided(route, reason) => format!("decided:{route}:{}", reason.as_str()),
            Self::MailAccepted => "mail-accepted".to_owned(),
            Self::MailMillis => "mail-millis".to_owned(),
            Self::MailWithin(place) => format!("mail-within:{}", bound(&MAILED_WITHIN, *place)),
            Self::MailFailed(word) => format!("mail-failed:{}", word.as_str()),
            Self::MailGivenUp(word) => format!("mail-given-up:{}", word.as_str()),
            Self::ErrorInHour(hour, word) => format!("error-in-hour:{hour}:{}", word.as_str()),
            Self::CountingInHour(hour) => format!("counting-in-hour:{hour}"),
            Self::LeftOut => "left-out".to_owned(),
        }
    }

    /// Reads [`CountKey::encode`] back; `None` for what this version does not know, which a newer one may
    /// have counted.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let (kind, first, second) = (parts.next()?, parts.next(), parts.next());
        let purpose = || Purpose::parse(first?).ok();
        Some(match (kind, first, second, parts.next()) {
            ("issued", Some(_), None, None) => Self::Issued(purpose()?),
            ("issued-in-hour", Some(of), None, None) => Self::IssuedInHour(hour(of)?),
            ("compared", Some(_), None, None) => Self::Compared(purpose()?),
            ("verified", Some(_), None, None) => Self::Verified(purpose()?),
            ("verified-millis", Some(_), None, None) => Self::VerifiedMillis(purpose()?),
            ("verified-within", Some(_), Some(within), None) => {
                Self::VerifiedWithin(purpose()?, place_of(&VERIFIED_WITHIN, within)?)
            }
            ("failed", Some(""), Some(reason), None) => Self::Failed(None, Reason::parse(reason)?),
            ("failed", Some(_), Some(reason), None) => Self::Failed(Some(purpose()?), Reason::parse(reason)?),
            ("locked", Some(_), None, None) => Self::Locked(purpose()?),
            ("limit-hit", Some(limit), None, None) => Self::LimitHit(LimitName::parse(limit).ok()?),
            ("decided", Some(route), Some(reason), None) => {
                Self::Decided(RouteName::parse(route).ok()?, Reason::parse(reason)?)
            }
            ("mail-accepted", None, None, None) => Self::MailAccepted,
            ("mail-millis", None, None, None) => Self::MailMillis,
            ("mail-within", Some(within), None, None) => Self::MailWithin(place_of(&MAILED_WITHIN, within)?),
            ("mail-failed", Some(word), None, None) => Self::MailFailed(Word::of(word)),
            ("mail-given-up", Some(word), None, None) => Self::MailGivenUp(Word::of(word)),
            ("error-in-hour", Some(of), Some(word), None) => Self::ErrorInHour(hour(of)?, Word::of(word)),
            ("counting-in-hour", Some(of), None, None) => Self::CountingInHour(hour(of)?),
            ("left-out", None, None, None) => Self::LeftOut,
            _ => return None,
        })
    }
}

fn hour(text: &str) -> Option<u8> {
    text.parse().ok().filter(|hour| *hour < 24)
}

fn place(bounds: &[u64], took: Duration) -> u8 {
    let took = millis(took);
    u8::try_from(bounds.partition_point(|bound| *bound < took)).unwrap_or(u8::MAX)
}

fn bound(bounds: &[u64], place: u8) -> String {
    bounds.get(usize::from(place)).map_or_else(|| "more".to_owned(), u64::to_string)
}

fn place_of(bounds: &[u64], text: &str) -> Option<u8> {
    let place = if text == "more" {
        bounds.len()
    } else {
        let wanted: u64 = text.parse().ok()?;
        bounds.iter().position(|bound| *bound == wanted)?
    };
    u8::try_from(place).ok()
}

/// Numbers by key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<CountKey, u64>);

impl Counts {
    /// Adds to one number. With [`MOST_KEYS`] different keys no further one is made, and what it would have
    /// counted is left out.
    pub fn add(&mut self, key: CountKey, number: u64) {
        let has_room = self.0.len() < MOST_KEYS || self.0.contains_key(&key);
        let sum = self.0.entry(if has_room { key } else { CountKey::LeftOut }).or_default();
        *sum = sum.saturating_add(number);
    }

    /// Adds all numbers of another.
    pub fn add_all(&mut self, other: &Self) {
        for (key, number) in &other.0 {
            self.add(key.clone(), *number);
        }
    }

    /// Takes out so many keys, the first ones, with their numbers.
    #[must_use]
    pub fn take(&mut self, most: usize) -> Self {
        match self.0.keys().nth(most).cloned() {
            None => std::mem::take(self),
            Some(first_left) => {
                let left = self.0.split_off(&first_left);
                Self(std::mem::replace(&mut self.0, left))
            }
        }
    }

    /// One number; 0 if nothing was counted.
    pub fn get(&self, key: &CountKey) -> u64 {
        self.0.get(key).copied().unwrap_or(0)
    }

    /// All numbers, in the order of the keys.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&CountKey, u64)> {
        self.0.iter().map(|(key, number)| (key, *number))
    }

    /// All numbers added up.
    pub fn sum(&self) -> u64 {
        self.0.values().fold(0, |sum, number| sum.saturating_add(*number))
    }

    /// How many different keys there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What a store holds, which has its own bound.
impl FromIterator<(CountKey, u64)> for Counts {
    fn from_iter<I: IntoIterator<Item = (CountKey, u64)>>(counted: I) -> Self {
        let mut counts = BTreeMap::new();
        for (key, number) in counted {
            let sum: &mut u64 = counts.entry(key).or_default();
            *sum = sum.saturating_add(number);
        }
        Self(counts)
    }
}

/// What one instance counted on one day since its batch before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountBatch {
    /// The process that counted: random, made at its start.
    pub instance: InstanceId,
    /// Higher than that of every earlier batch of this instance, whatever its day. A batch that is sent again
    /// keeps its number and its content, and no later one is sent before it has been answered.
    pub sequence: u64,
    /// The day on which it happened.
    pub day: Day,
    /// What happened.
    pub counts: Counts,
}

/// The answer to a [`CountBatch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddOutcome {
    /// Added.
    Added,
    /// This batch or a later one of the instance was added before. Nothing was added now.
    Repeated,
    /// The day is forgotten already, or has not come yet. Nothing was added, and nothing will be.
    OutOfRange,
}

/// The counts of one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayCounts {
    /// The day.
    pub day: Day,
    /// What happened on it; empty if nothing is known.
    pub counts: Counts,
}

/// What is counted, and which batches were.
#[derive(Debug, Clone, Default)]
pub struct CountBook {
    days: BTreeMap<Day, Counts>,
    batches: BTreeMap<InstanceId, (u64, Timestamp)>,
}

/// Whether a day is counted: one that was, or by clocks that differ a little, the one to come.
pub fn is_counted(day: Day, now: Timestamp) -> bool {
    day.end().plus(REMEMBERED_FOR) > now && day <= Day::of(now).next()
}

/// The days of a range that a store can still know, oldest first: at most some 400.
pub fn known_days(from: Day, to: Day, now: Timestamp) -> Vec<Day> {
    let today = Day::of(now);
    let oldest = Day::of(now.minus(REMEMBERED_FOR)).back(1);
    let (mut day, last) = (from.max(oldest), to.min(today.next()));
    let mut days = Vec::new();
    while day <= last {
        days.push(day);
        if day == day.next() {
            break;
        }
        day = day.next();
    }
    days
}

impl CountBook {
    /// Adds a batch, once.
    pub fn add(&mut self, batch: &CountBatch, now: Timestamp) -> AddOutcome {
        if !is_counted(batch.day, now) {
            return AddOutcome::OutOfRange;
        }
        let known = self.batches.get(&batch.instance);
        if known.is_some_and(|(latest, until)| *until > now && *latest >= batch.sequence) {
            return AddOutcome::Repeated;
        }
        let until = now.plus(BATCHES_REMEMBERED_FOR);
        self.batches.insert(batch.instance.clone(), (batch.sequence, until));
        self.days.entry(batch.day).or_default().add_all(&batch.counts);
        AddOutcome::Added
    }

    /// The counts of each day of a range that can still be known, oldest first.
    pub fn read(&self, from: Day, to: Day, now: Timestamp) -> Vec<DayCounts> {
        let of = |day: Day| {
            let counts = self.days.get(&day).filter(|_| is_counted(day, now));
            DayCounts { day, counts: counts.cloned().unwrap_or_default() }
        };
        known_days(from, to, now).into_iter().map(of).collect()
    }

    /// Forgets what is too old.
    pub(in crate::domain) fn sweep(&mut self, now: Timestamp) {
        self.days.retain(|day, _| day.end().plus(REMEMBERED_FOR) > now);
        self.batches.retain(|_, (_, until)| *until > now);
    }

    /// How many instances' batches are known.
    pub fn batches(&self) -> usize {
        self.batches.len()
    }

    /// How many days are held.
    pub fn len(&self) -> usize {
        self.days.len()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.days.is_empty()
    }
}
