//! How much a store holds, what is wrong with it, and what was done about it.

use super::trail::{Action, Operation, Record};
use crate::domain::state::State;
use crate::domain::time::Timestamp;

/// What a store holds things for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// One challenge.
    Challenge,
    /// Failures and locks of one subject and purpose.
    Account,
    /// What one limit has counted for one owner.
    Limit,
    /// Who has a live code.
    Pending,
    /// Who is locked.
    Locked,
    /// What reports tell of a day.
    Counts,
    /// Which counts of an instance were added.
    Batches,
    /// What operators changed.
    Operations,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Challenge,
        Self::Account,
        Self::Limit,
        Self::Pending,
        Self::Locked,
        Self::Counts,
        Self::Batches,
        Self::Operations,
    ];

    /// The word, which keys of Redis contain.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Challenge => "challenge",
            Self::Account => "account",
            Self::Limit => "limit",
            Self::Pending => "pending",
            Self::Locked => "locked",
            Self::Counts => "counts",
            Self::Batches => "batches",
            Self::Operations => "operations",
        }
    }

    /// The kind of this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// How much there is of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// The kind.
    pub kind: Kind,
    /// How many keys of a Redis, or entries of the memory store.
    pub keys: u64,
    /// Their bytes, extrapolated from a sample; `None` if nobody says.
    pub bytes: Option<u64>,
    /// How many were measured for it.
    pub sampled: u64,
}

/// How a Redis keeps what it holds across a restart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Persistence {
    /// Whether every change is appended to a file.
    pub aof: Option<bool>,
    /// Whether the last append worked.
    pub aof_ok: Option<bool>,
    /// When snapshots are made, as Redis spells it; empty for never.
    pub save: Option<String>,
    /// Whether the last snapshot worked.
    pub rdb_ok: Option<bool>,
    /// When that was, on the clock of Redis.
    pub rdb_at: Option<Timestamp>,
    /// Changes since.
    pub unsaved_changes: Option<u64>,
}

/// What a Redis says about itself; `None` where it does not, or where its user may not ask.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerFacts {
    /// Its version.
    pub version: Option<String>,
    /// `master`, or `slave` for a replica, which refuses decisions.
    pub role: Option<String>,
    /// How many replicas follow it.
    pub replicas: Option<u64>,
    /// Bytes in use.
    pub used_memory: Option<u64>,
    /// Bytes that it may use; 0 for no bound.
    pub max_memory: Option<u64>,
    /// What it does when they are used up: anything but `noeviction` forgives locks.
    pub eviction: Option<String>,
    /// How it keeps what it holds.
    pub persistence: Persistence,
    /// Keys that expired by themselves since its start, of all its users.
    pub expired_keys: Option<u64>,
    /// Keys that it dropped for want of memory since its start, of all its users.
    pub evicted_keys: Option<u64>,
}

/// How much a store holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inventory {
    /// When it was looked at, on the store's clock.
    pub at: Timestamp,
    /// `memory` or `redis`.
    pub store: &'static str,
    /// Each kind, in the order of [`Kind::ALL`].
    pub held: Vec<Held>,
    /// Whether every key was looked at. If not, the numbers are too low.
    pub complete: bool,
    /// Why not, if that is known: perhaps the user may not ask.
    pub problem: Option<String>,
    /// Keys of ours that would stay for ever.
    pub without_expiry: u64,
    /// Keys in our name that this version does not know: of a newer version, or of a mistake.
    pub unknown: u64,
    /// Some of their names, which may name subjects.
    pub unknown_examples: Vec<String>,
    /// What the server says about itself; `None` for the memory store.
    pub server: Option<ServerFacts>,
}

/// What a sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// When it began, on the store's clock.
    pub at: Timestamp,
    /// Keys or entries that were looked at.
    pub looked_at: u64,
    /// Whether it came to the end. If not, ask again.
    pub complete: bool,
    /// Subjects taken off the list of those with a live code, whose time was over.
    pub pending_removed: u64,
    /// Subjects taken off the list of the locked, whose time was over.
    pub locked_removed: u64,
    /// Days of counts that were too old.
    pub days_removed: u64,
    /// Records of operators that were too old.
    pub records_removed: u64,
    /// Keys that would have stayed for ever and got an end.
    pub expiries_set: u64,
    /// Other things that had expired and were still held: by the memory store only, Redis removes them by itself.
    pub expired_removed: u64,
    /// Keys that had expired by themselves since the start of Redis, of all its users.
    pub expired_by_itself: Option<u64>,
}

/// Counts what is held in memory.
pub fn count(state: &State, now: Timestamp) -> Inventory {
    let keys = |kind| match kind {
        Kind::Challenge => state.challenges.len(),
        Kind::Account => state.accounts.len(),
        Kind::Limit => state.buckets.len(),
        Kind::Pending => state.pending.len(),
        Kind::Locked => state.accounts.values().filter(|account| account.lock(now).is_some()).count(),
        Kind::Counts => state.counts.len(),
        Kind::Batches => state.counts.batches(),
        Kind::Operations => state.trail.len(),
    };
    let held = |kind| Held { kind, keys: keys(kind) as u64, bytes: None, sampled: 0 };
    Inventory {
        at: now,
        store: "memory",
        held: Kind::ALL.map(held).to_vec(),
        complete: true,
        problem: None,
        without_expiry: 0,
        unknown: 0,
        unknown_examples: Vec::new(),
        server: None,
    }
}

/// Forgets everything whose time is over, and records that somebody asked for it.
pub fn sweep(state: &mut State, operation: &Operation, now: Timestamp) -> Swept {
    let before = (state.len(), state.pending.len(), state.trail.len(), state.counts.len());
    state.sweep(now);
    let gone = |before: usize, after: usize| before.saturating_sub(after) as u64;
    let pending_removed = gone(before.1, state.pending.len());
    let swept = Swept {
        at: now,
        looked_at: (before.0 + before.2 + before.3) as u64,
        complete: true,
        pending_removed,
        days_removed: gone(before.3, state.counts.len()),
        records_removed: gone(before.2, state.trail.len()),
        expired_removed: gone(before.0, state.len()).saturating_sub(pending_removed),
        ..Swept::default()
    };
    state.trail.add(Record::new(now, Action::Sweep, swept.changed(), operation));
    swept
}

impl Swept {
    /// Whether anything was removed or given an end.
    pub fn changed(&self) -> bool {
        let Self { pending_removed, locked_removed, days_removed, .. } = *self;
        let Self { records_removed, expiries_set, expired_removed, .. } = *self;
        let all =
            [pending_removed, locked_removed, days_removed, records_removed, expiries_set, expired_removed];
        all.iter().any(|number| *number > 0)
    }
}
