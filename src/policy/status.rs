//! Telling where a code stands.

use super::facts::Facts;
use super::snapshot::{PurposeRules, Route};
use crate::domain::admit::{AdmitCommand, Standing, Standpoint};
use crate::domain::id::Purpose;
use crate::domain::lockout::Lock;
use crate::domain::time::Timestamp;

/// Asks for the limits and the standing. A lock does not refuse: it is what one wants to know.
pub fn before(route: &Route, purpose: &PurposeRules, facts: &Facts) -> AdmitCommand {
    AdmitCommand {
        standpoint: Some(Standpoint {
            subject: facts.subject().clone(),
            purpose: purpose.name.clone(),
            refuse_locked: false,
        }),
        takes: facts.takes(route.limits.iter().map(AsRef::as_ref), Some(&purpose.name)),
    }
}

/// What `status` tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusView {
    /// What the code is for.
    pub purpose: Purpose,
    /// Failures of subject and purpose since the last success; all of them while locked.
    pub attempts: u32,
    /// How many failures lock.
    pub max_attempts: u32,
    /// The lock in force.
    pub lock: Option<Lock>,
    /// When the newest code expires, if one is pending.
    pub expires_at: Option<Timestamp>,
    /// Whether a right code would be accepted now.
    pub is_valid: bool,
    /// When this was true.
    pub at: Timestamp,
}

/// Puts a standing into the words of the answer.
pub fn view(purpose: &PurposeRules, standing: &Standing, at: Timestamp) -> StatusView {
    let pending = standing.pending.as_ref();
    let max_attempts = purpose.lockout.after;
    StatusView {
        purpose: purpose.name.clone(),
        attempts: if standing.lock.is_some() { max_attempts } else { standing.failures },
        max_attempts,
        lock: standing.lock,
        expires_at: pending.map(|pending| pending.expires_at),
        is_valid: standing.lock.is_none()
            && pending.is_some_and(|pending| !pending.reserved && pending.expires_at > at),
        at,
    }
}
