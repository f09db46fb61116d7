//! What operators changed, when, and why they say they did.
//!
//! The trail belongs to the state: it is written in the same step as the change, or neither is.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use crate::domain::id::{InvalidId, LimitName, Purpose, Reference};
use crate::domain::lockout::REMEMBERED_FOR;
use crate::domain::subject::{ClientAddr, Subject};
use crate::domain::time::Timestamp;

/// How many records are kept, those of changes before others: by the memory store altogether, by Redis in each shard.
pub const KEPT_RECORDS: usize = 1_000;

/// One line of an operator's text.
#[derive(Clone, PartialEq, Eq)]
pub struct Note(Arc<str>);

impl Note {
    /// Checks a text.
    ///
    /// # Errors
    /// When it is blank, longer than 256 bytes or contains control characters.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let text = text.trim();
        if text.is_empty() || text.len() > 256 || text.chars().any(char::is_control) {
            Err(InvalidId { expected: "1 to 256 bytes on one line" })
        } else {
            Ok(Self(Arc::from(text)))
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// Who changes something, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Who, as far as the one who asks says so.
    pub by: Note,
    /// Why.
    pub reason: Note,
}

/// What operators can do to the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// A lock was cleared.
    Clear,
    /// A challenge was revoked.
    Revoke,
    /// What a limit had counted was forgotten.
    Reset,
    /// What expiry cannot remove was removed.
    Sweep,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Clear, Self::Revoke, Self::Reset, Self::Sweep];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Revoke => "revoke",
            Self::Reset => "reset",
            Self::Sweep => "sweep",
        }
    }

    /// The action of this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == word)
    }
}

/// One operation that was asked for, whether or not it found anything to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// When, on the store's clock.
    pub at: Timestamp,
    /// What.
    pub action: Action,
    /// Whether anything changed.
    pub changed: bool,
    /// To whom, if it is about one person.
    pub subject: Option<Subject>,
    /// About which purpose.
    pub purpose: Option<Purpose>,
    /// About which challenge.
    pub reference: Option<Reference>,
    /// About which limit.
    pub limit: Option<LimitName>,
    /// About which address, if a limit counts by it.
    pub client: Option<ClientAddr>,
    /// Who did it, and why.
    pub operation: Operation,
}

impl Record {
    /// A record with nothing but what every one has.
    pub fn new(at: Timestamp, action: Action, changed: bool, operation: &Operation) -> Self {
        Self {
            at,
            action,
            changed,
            subject: None,
            purpose: None,
            reference: None,
            limit: None,
            client: None,
            operation: operation.clone(),
        }
    }

    /// Whether it is still to be shown.
    pub fn is_remembered(&self, now: Timestamp) -> bool {
        self.at.plus(REMEMBERED_FOR) > now
    }
}

/// The newest records, those of changes before others.
#[derive(Debug, Clone, Default)]
pub struct Trail {
    records: VecDeque<Record>,
}

impl Trail {
    /// Adds a record and forgets what is too old. When there are too many, the oldest that changed nothing goes,
    /// and only if there is none the oldest of all: asking for nothing must not push out what was done.
    pub(in crate::domain) fn add(&mut self, record: Record) {
        let now = record.at;
        self.records.push_back(record);
        while self.records.front().is_some_and(|oldest| !oldest.is_remembered(now)) {
            self.records.pop_front();
        }
        while self.records.len() > KEPT_RECORDS {
            let surplus = self.records.iter().position(|record| !record.changed);
            self.records.remove(surplus.unwrap_or(0));
        }
    }

    /// The newest records, newest first: of this subject, or all.
    pub fn newest(&self, limit: usize, subject: Option<&Subject>, now: Timestamp) -> Vec<Record> {
        let wanted = |record: &&Record| subject.is_none() || record.subject.as_ref() == subject;
        let remembered = self.records.iter().rev().filter(|record| record.is_remembered(now));
        remembered.filter(wanted).take(limit).cloned().collect()
    }

    /// Forgets what is too old.
    pub(in crate::domain) fn sweep(&mut self, now: Timestamp) {
        self.records.retain(|record| record.is_remembered(now));
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
}
