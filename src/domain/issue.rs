//! A code is made: under a new challenge, or added to the pending one.

use std::time::Duration;

use super::binding::Binding;
use super::challenge::{Challenge, Phase, REMEMBERED_BEYOND_CODE, StoredCode};
use super::id::{Purpose, Reference};
use super::keyring::Digest;
use super::state::State;
use super::subject::Subject;
use super::time::Timestamp;

/// What the issuer believes is pending. A resend was rendered for the challenge it saw: when another
/// one is pending by now, its code must not be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// Whatever is pending is superseded (`fund`).
    Anything,
    /// This challenge is pending (`send`, to re-issue).
    Pending(Reference),
    /// Nothing is pending (`send`, to mint).
    Nothing,
}

/// Stores a code.
#[derive(Debug, Clone)]
pub struct IssueCommand {
    /// Whose code it is.
    pub subject: Subject,
    /// What it is for.
    pub purpose: Purpose,
    /// The challenge it belongs to.
    pub reference: Reference,
    /// What the issuer believes is pending.
    pub expected: Expected,
    /// What it is tied to.
    pub binding: Binding,
    /// The code's digest.
    pub digest: Digest,
    /// How long it lives.
    pub ttl: Duration,
    /// How many of the newest codes stay valid. At least 1.
    pub live: u8,
    /// How long after the newest code another one may be issued under the same challenge.
    pub cooldown: Duration,
}

/// The answer to an [`IssueCommand`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IssueOutcome {
    /// Stored; it expires then.
    Issued {
        /// When the new code expires.
        expires_at: Timestamp,
    },
    /// The newest code is younger than the cooldown.
    TooSoon {
        /// When another one may be issued.
        retry_at: Timestamp,
    },
    /// The challenge of that reference was used, or is held by a request, or is for something else:
    /// no code is ever added to it.
    Spent,
    /// Something other than expected is pending.
    Stale,
}

/// Decides, and stores the code if it may be.
pub fn issue(state: &mut State, command: &IssueCommand, now: Timestamp) -> IssueOutcome {
    let pending = state.pending(&command.subject, &command.purpose, now);
    let pending_reference = pending.as_ref().map(|(reference, _)| reference.clone());
    let as_expected = match &command.expected {
        Expected::Anything => true,
        Expected::Pending(reference) => pending_reference.as_ref() == Some(reference),
        Expected::Nothing => pending_reference.is_none(),
    };
    if !as_expected {
        return IssueOutcome::Stale;
    }

    let mut codes = match state.challenge(&command.subject, &command.reference, now) {
        None => Vec::new(),
        Some(existing) if is_closed(existing, command) => return IssueOutcome::Spent,
        Some(existing) if keeps_codes(existing, command) => existing.codes.clone(),
        Some(_) => Vec::new(),
    };
    if let Some(newest) = codes.last() {
        let retry_at = newest.issued_at.plus(command.cooldown);
        if retry_at > now {
            return IssueOutcome::TooSoon { retry_at };
        }
    }

    if let Some(older) = pending_reference.filter(|older| *older != command.reference) {
        supersede(state, &command.subject, older);
    }
    let expires_at = now.plus(command.ttl);
    codes.push(StoredCode { digest: command.digest.clone(), issued_at: now, expires_at });
    let surplus = codes.len().saturating_sub(usize::from(command.live));
    codes.drain(..surplus);

    let challenge = Challenge {
        purpose: command.purpose.clone(),
        binding: command.binding.clone(),
        codes,
        phase: Phase::Live,
        remembered_until: expires_at.plus(REMEMBERED_BEYOND_CODE),
    };
    state.challenges.insert((command.subject.clone(), command.reference.clone()), challenge);
    state.pending.insert((command.subject.clone(), command.purpose.clone()), command.reference.clone());
    IssueOutcome::Issued { expires_at }
}

/// A used reference stays used, and a reference means one purpose.
fn is_closed(existing: &Challenge, command: &IssueCommand) -> bool {
    matches!(existing.phase, Phase::Reserved(_) | Phase::Consumed) || existing.purpose != command.purpose
}

/// A code that was tied to other values, or whose challenge was superseded, does not come back.
fn keeps_codes(existing: &Challenge, command: &IssueCommand) -> bool {
    existing.phase == Phase::Live && existing.binding == command.binding
}

/// A reserved challenge keeps its reservation: its request is still to be settled.
fn supersede(state: &mut State, subject: &Subject, reference: Reference) {
    if let Some(older) = state.challenges.get_mut(&(subject.clone(), reference))
        && older.phase == Phase::Live
    {
        older.phase = Phase::Superseded;
    }
}
