//! The forms in which operators see what is remembered.

use crate::domain::challenge::{Challenge, Phase, StoredCode};
use crate::domain::id::{Purpose, Reference};
use crate::domain::keyring::KeyId;
use crate::domain::lockout::{Account, Lock};
use crate::domain::subject::Subject;
use crate::domain::time::Timestamp;

/// A value, and the time on the store's clock at which it was so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dated<T> {
    /// The store's time.
    pub at: Timestamp,
    /// What was so.
    pub value: T,
}

/// A subject that is locked or disabled for a purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockView {
    /// Who.
    pub subject: Subject,
    /// For what.
    pub purpose: Purpose,
    /// The lock in force.
    pub lock: Lock,
    /// The failures that led to it, and how far locks have escalated.
    pub account: Account,
}

/// One stored code, without its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeView {
    /// When it was issued.
    pub issued_at: Timestamp,
    /// From then on it is expired.
    pub expires_at: Timestamp,
    /// The key that it was digested under: its name, and the key's print where that was stored.
    pub key: KeyId,
}

impl CodeView {
    /// The view of a stored code.
    pub fn of(code: &StoredCode) -> Self {
        Self { issued_at: code.issued_at, expires_at: code.expires_at, key: code.digest.kid.clone() }
    }
}

/// A challenge that can still come to an acceptance, unless all its codes have expired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChallengeView {
    /// Whose it is.
    pub subject: Subject,
    /// The client's handle.
    pub reference: Reference,
    /// What its codes are for.
    pub purpose: Purpose,
    /// Live, or reserved by the request of that id.
    pub phase: Phase,
    /// The codes it keeps, oldest first.
    pub codes: Vec<CodeView>,
}

impl ChallengeView {
    /// The view of a stored challenge.
    pub fn of(subject: &Subject, reference: &Reference, challenge: &Challenge) -> Self {
        Self {
            subject: subject.clone(),
            reference: reference.clone(),
            purpose: challenge.purpose.clone(),
            phase: challenge.phase.clone(),
            codes: challenge.codes.iter().map(CodeView::of).collect(),
        }
    }
}

/// Everything live about one subject and purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountView {
    /// For what.
    pub purpose: Purpose,
    /// Failures, escalation and the latest lock; as new if nothing is remembered.
    pub account: Account,
    /// The lock in force.
    pub lock: Option<Lock>,
    /// The pending challenge. It is remembered for half an hour beyond its newest code.
    pub challenge: Option<ChallengeView>,
}
