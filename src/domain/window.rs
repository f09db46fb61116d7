//! The exact limit: at most `max` in *any* window of length `per`.
//!
//! A bucket keeps the times of the last `max` events that were let through. A new one fits exactly
//! when fewer than `max` are younger than `per`, and the oldest of the last `max` decides that alone.
//! A calendar window would let twice `max` through around its boundary; a leaky bucket would refuse
//! bursts that the policy allows.

use std::collections::VecDeque;
use std::time::Duration;

use super::id::{LimitName, Purpose};
use super::subject::{ClientAddr, Subject};
use super::time::Timestamp;

/// Whose events a limit counts together. All fields empty: everyone's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Owner {
    /// Counted separately for each caller.
    pub subject: Option<Subject>,
    /// Counted separately for each purpose.
    pub purpose: Option<Purpose>,
    /// Counted separately for each client address.
    pub client: Option<ClientAddr>,
}

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// Every request that reaches it.
    All,
    /// Only codes that were compared and differed. The limit refuses when it is full, and a request
    /// that turns out not to be a failure is not counted.
    Failures,
}

/// One limit as it applies to one request.
#[derive(Debug, Clone)]
pub struct Take {
    /// The limit's name.
    pub limit: LimitName,
    /// Whose bucket it is.
    pub owner: Owner,
    /// How many fit into any window. At least 1.
    pub max: u32,
    /// The length of the window. At least a millisecond.
    pub per: Duration,
    /// What is counted.
    pub count: Count,
}

impl Take {
    /// Whether this limit is counted together with the decision on its subject. The others, by
    /// address or for everyone, count first, and what they counted stands.
    pub fn is_own(&self) -> bool {
        self.owner.subject.is_some()
    }
}

/// A limit that is full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limited {
    /// Which one. Of several, the one that opens last.
    pub limit: LimitName,
    /// How many it allows.
    pub max: u32,
    /// When one more will fit.
    pub retry_at: Timestamp,
}

/// The times of the latest events of one owner under one limit, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bucket {
    times: VecDeque<Timestamp>,
    /// When the bucket no longer matters and may be forgotten.
    pub expires_at: Timestamp,
}

impl Bucket {
    /// When one more event fits: `None` for now.
    pub fn full_until(&self, take: &Take, now: Timestamp) -> Option<Timestamp> {
        let max = take.max as usize;
        let deciding = self.times.len().checked_sub(max).and_then(|index| self.times.get(index))?;
        let opens = deciding.plus(take.per);
        (opens > now).then_some(opens)
    }

    /// Says how many events there were up to `at`, of which no more is known.
    pub fn set_earlier(&mut self, take: &Take, number: u32, at: Timestamp) {
        self.times.retain(|time| *time > at);
        let room = (take.max as usize).saturating_sub(self.times.len()).min(number as usize);
        for _ in 0..room {
            self.times.push_front(at);
        }
        self.expires_at = self.expires_at.max(at.plus(take.per));
    }

    /// How many events are in the window that ends now.
    pub fn used(&self, take: &Take, now: Timestamp) -> u32 {
        let left_behind = self.times.partition_point(|time| time.plus(take.per) <= now);
        u32::try_from(self.times.len() - left_behind).unwrap_or(u32::MAX)
    }

    /// When the latest event leaves the window, if that is still to come.
    pub fn empty_at(&self, take: &Take, now: Timestamp) -> Option<Timestamp> {
        self.times.back().map(|latest| latest.plus(take.per)).filter(|end| *end > now)
    }

    /// Counts one event, and forgets what can no longer decide. Tells which event it is in the window
    /// that ends with it, from 1.
    pub fn record(&mut self, take: &Take, now: Timestamp) -> u32 {
        self.times.push_back(now);
        let surplus = self.times.len().saturating_sub(take.max as usize);
        self.times.drain(..surplus);
        self.expires_at = now.plus(take.per);
        self.used(take, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(max: u32, per: u64) -> Take {
        Take {
            limit: LimitName::parse("l").unwrap(),
            owner: Owner::default(),
            max,
            per: Duration::from_millis(per),
            count: Count::All,
        }
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn the_window_slides_and_opens_exactly_when_the_oldest_leaves_it() {
        let (mut bucket, take) = (Bucket::default(), take(2, 100));
        bucket.record(&take, at(0));
        bucket.record(&take, at(99));
        assert_eq!(bucket.full_until(&take, at(99)), Some(at(100)));
        assert_eq!(bucket.full_until(&take, at(100)), None);
        bucket.record(&take, at(100));
        assert_eq!(bucket.full_until(&take, at(101)), Some(at(199)));
    }

    #[test]
    fn what_was_counted_before_more_is_known_takes_room_and_leaves_it_together() {
        let (mut bucket, take) = (Bucket::default(), take(3, 100));
        bucket.record(&take, at(50));
        bucket.set_earlier(&take, 2, at(9));
        assert_eq!((bucket.full_until(&take, at(60)), bucket.used(&take, at(60))), (Some(at(109)), 3));
        assert_eq!((bucket.full_until(&take, at(109)), bucket.used(&take, at(109))), (None, 1));
        bucket.set_earlier(&take, 1, at(9));
        assert_eq!((bucket.full_until(&take, at(60)), bucket.used(&take, at(60))), (None, 2));
        bucket.set_earlier(&take, 9, at(9));
        assert_eq!(bucket.used(&take, at(60)), 3, "what is newer stays");
        assert_eq!(bucket.expires_at, at(150));
    }

    #[test]
    fn a_limit_lowered_by_a_reload_counts_what_was_already_taken() {
        let mut bucket = Bucket::default();
        for time in [0, 10, 20] {
            bucket.record(&take(5, 100), at(time));
        }
        assert_eq!(bucket.full_until(&take(1, 100), at(30)), Some(at(120)));
        assert_eq!(bucket.full_until(&take(4, 100), at(30)), None);
    }
}
