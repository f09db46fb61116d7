//! What is not known of limits: what they held before the log begins, and what may or may not have been counted.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::line::Decision;
use crate::domain::id::LimitName;
use crate::domain::state::State;
use crate::domain::tally::Tally;
use crate::domain::time::Timestamp;
use crate::domain::window::{Owner, Take};
use crate::policy::snapshot::{CountedBy, LimitRule, PolicySnapshot};

type Key = (LimitName, Owner);

/// The limits of the log.
#[derive(Debug, Default)]
pub(super) struct Limits {
    /// Buckets that are younger than their window: when the log counted, and how many were there before it.
    young: HashMap<Key, Young>,
    /// Events that were counted only if somebody was not locked, of which nobody knows.
    blurred: HashMap<Key, Vec<Timestamp>>,
}

#[derive(Debug, Default)]
struct Young {
    counted: Vec<Timestamp>,
    earlier: u32,
}

impl Limits {
    /// Takes in what a line says was counted before: what the log itself did not count is from before it.
    pub fn before(
        &mut self,
        line: &Decision,
        takes: &[Take],
        begin: Timestamp,
        was: Option<&PolicySnapshot>,
        state: &mut State,
    ) {
        let now = line.time;
        for take in takes.iter().filter(|take| begin.plus(take.per) > now) {
            let told = line.counted.iter().find(|(name, _)| *name == take.limit);
            let Some((_, Some((before, after)))) = told else { continue };
            let then = was.and_then(|was| was.limits.get(&take.limit));
            if then.is_some_and(|then| !is_counted_alike(then, &take.owner)) {
                continue;
            }
            let young = self.young.entry((take.limit.clone(), take.owner.clone())).or_default();
            // While the window reaches back to before the log, all that the log counted is in it; unless it was shorter then.
            let per = then.map(|then| then.per);
            let own = young.counted.iter().filter(|at| per.is_none_or(|per| at.plus(per) > now)).count();
            let earlier = before.saturating_sub(u32::try_from(own).unwrap_or(u32::MAX));
            if earlier != young.earlier {
                young.earlier = earlier;
                // Their times are not known: the latest possible, just before the log.
                state.set_earlier(take, earlier, begin.minus(Duration::from_millis(1)));
            }
            if after > before {
                young.counted.push(now);
            }
        }
    }

    /// Whether what this rule says depends on what was counted before the log.
    pub fn is_cut(&self, takes: &[Take], rule: Option<&Arc<str>>, begin: Timestamp, now: Timestamp) -> bool {
        let name = rule.and_then(|rule| rule.strip_prefix("limits."));
        takes.iter().any(|take| {
            name == Some(take.limit.as_str())
                && begin.plus(take.per) > now
                && self
                    .young
                    .get(&(take.limit.clone(), take.owner.clone()))
                    .is_some_and(|young| young.earlier > 0)
        })
    }

    /// Notes that a request may or may not have been counted.
    pub fn blur(&mut self, takes: &[Take], now: Timestamp) {
        for take in takes.iter().filter(|take| take.is_own()) {
            let events = self.blurred.entry((take.limit.clone(), take.owner.clone())).or_default();
            events.retain(|at| at.plus(take.per) > now);
            events.push(now);
        }
    }

    /// Whether it depends on such requests if a limit is full.
    pub fn is_blurred(&self, takes: &[Take], tally: &Tally, is_limited: bool, now: Timestamp) -> bool {
        if self.blurred.is_empty() {
            return false;
        }
        takes.iter().enumerate().any(|(place, take)| {
            let key = (take.limit.clone(), take.owner.clone());
            let events = self.blurred.get(&key).map_or(&[][..], Vec::as_slice);
            let number = events.iter().filter(|at| at.plus(take.per) > now).count();
            let used = tally.limits.get(place).and_then(|limit| limit.used);
            let may_be_full = used.is_none_or(|used| used.before as usize + number >= take.max as usize);
            number > 0 && (is_limited || may_be_full)
        })
    }

    /// Forgets what says nothing any more.
    pub fn sweep(&mut self, is_grown: bool, longest: Duration, now: Timestamp) {
        if is_grown {
            self.young = HashMap::new();
        }
        self.blurred.retain(|_, events| events.last().is_some_and(|at| at.plus(longest) > now));
    }
}

/// Whether a limit counted apart then what is counted apart now.
fn is_counted_alike(then: &LimitRule, owner: &Owner) -> bool {
    let by = CountedBy {
        subject: owner.subject.is_some(),
        purpose: owner.purpose.is_some(),
        client: owner.client.is_some(),
    };
    then.by == by
}
