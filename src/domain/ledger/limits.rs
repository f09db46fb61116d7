//! How full limits are, and how they are emptied.

use super::trail::{Action, Operation, Record};
use crate::domain::id::LimitName;
use crate::domain::state::State;
use crate::domain::time::Timestamp;
use crate::domain::window::{Owner, Take};

/// How full one limit of one owner is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// The limit.
    pub limit: LimitName,
    /// Whose.
    pub owner: Owner,
    /// How many it allows in any window.
    pub max: u32,
    /// How many there were in the window that ends now. More than `max` if that was lowered.
    pub used: u32,
    /// When one more fits; `None` for now.
    pub opens_at: Option<Timestamp>,
    /// When the last one leaves the window; `None` if there is none in it.
    pub empties_at: Option<Timestamp>,
}

/// How full these limits are. Counts nothing.
pub fn usage(state: &State, takes: &[Take], now: Timestamp) -> Vec<Usage> {
    let of = |take: &Take| {
        let bucket = state.buckets.get(&(take.limit.clone(), take.owner.clone()));
        Usage {
            limit: take.limit.clone(),
            owner: take.owner.clone(),
            max: take.max,
            used: bucket.map_or(0, |bucket| bucket.used(take, now)),
            opens_at: bucket.and_then(|bucket| bucket.full_until(take, now)),
            empties_at: bucket.and_then(|bucket| bucket.empty_at(take, now)),
        }
    };
    takes.iter().map(of).collect()
}

/// Forgets what limits have counted.
#[derive(Debug, Clone)]
pub struct ResetCommand {
    /// Which limits, and whose: of a subject, an address, a purpose or everyone.
    pub takes: Vec<Take>,
    /// Who resets them, and why.
    pub operation: Operation,
}

/// Empties limits, and tells how many events each forgot that would still have counted. One record for each.
pub fn reset(state: &mut State, command: &ResetCommand, now: Timestamp) -> Vec<u32> {
    let one = |take: &Take| {
        let forgotten = state.forget(take, now);
        let Owner { subject, purpose, client } = take.owner.clone();
        state.trail.add(Record {
            subject,
            purpose,
            client,
            limit: Some(take.limit.clone()),
            ..Record::new(now, Action::Reset, forgotten > 0, &command.operation)
        });
        forgotten
    };
    command.takes.iter().map(one).collect()
}
