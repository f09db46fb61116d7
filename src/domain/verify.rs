//! A code is presented: compared, counted, and reserved for exactly one request.
//!
//! Comparing and counting happen in one step, so that parallel guesses are all counted, and a right
//! code passes once. What the upstream then answers settles the reservation.

use std::sync::Arc;
use std::time::Duration;

use super::admit::Refusal;
use super::binding::Binding;
use super::challenge::{Challenge, Phase};
use super::id::{Purpose, Reference, RequestId};
use super::keyring::Digest;
use super::lockout::{Lock, LockoutRule};
use super::state::State;
use super::subject::Subject;
use super::tally::{AccountTally, Change, Tally};
use super::time::Timestamp;
use super::window::{Count, Take};

/// Presents a code.
#[derive(Debug, Clone)]
pub struct VerifyCommand {
    /// The caller. Another person's challenge does not exist for them.
    pub subject: Subject,
    /// The challenge.
    pub reference: Reference,
    /// The request that the challenge will be reserved for.
    pub request: RequestId,
    /// What the presented code could have been stored as: one digest for each key.
    pub candidates: Vec<Digest>,
    /// The lockout of every purpose: which one counts, only the stored challenge can tell.
    pub lockouts: Arc<[(Purpose, LockoutRule)]>,
    /// The limits, in the order of the policy.
    pub takes: Vec<Take>,
}

/// The answer to a [`VerifyCommand`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerifyOutcome {
    /// The code is right, and the challenge now belongs to this request.
    Reserved {
        /// What the code was for.
        purpose: Purpose,
        /// What it was tied to.
        binding: Binding,
        /// How long ago the code was issued.
        age: Duration,
    },
    /// A digest was compared and differed; the failure was counted.
    Mismatch {
        /// What the code is for.
        purpose: Purpose,
        /// How many more failures there may be before a lock.
        left: u32,
        /// The lock that this failure set.
        lock: Option<Lock>,
    },
    /// Every code of the challenge has expired, or the one presented has.
    Expired {
        /// What the code was for.
        purpose: Purpose,
    },
    /// The subject has no such challenge.
    Unknown,
    /// A newer challenge took its place.
    Superseded {
        /// What the code was for.
        purpose: Purpose,
    },
    /// The challenge was used, or another request holds it.
    Spent {
        /// What the code was for.
        purpose: Purpose,
    },
    /// The codes were digested under keys that this replica does not have. Nothing was compared.
    UnknownKey {
        /// What the code was for.
        purpose: Purpose,
    },
    /// Refused before any code was looked at.
    Refused(Refusal),
}

/// The outcome of [`decide`].
pub fn verify(state: &mut State, command: &VerifyCommand, now: Timestamp) -> VerifyOutcome {
    decide(state, command, now).0
}

/// Decides, counts and reserves, and tells what was counted.
pub fn decide(state: &mut State, command: &VerifyCommand, now: Timestamp) -> (VerifyOutcome, Tally) {
    let mut tally = Tally::about(&command.takes);
    let full = state.take_shared(&command.takes, now, &mut tally);
    let found = state.challenge(&command.subject, &command.reference, now).and_then(|challenge| {
        let lockout = command.lockouts.iter().find(|(purpose, _)| *purpose == challenge.purpose)?;
        Some((challenge.clone(), &lockout.1))
    });
    if let Some((challenge, _)) = &found {
        let account = state.account(&command.subject, &challenge.purpose, now);
        tally.account = Some(AccountTally::of(&challenge.purpose, &account, now));
        if let Some(lock) = account.lock(now) {
            return (VerifyOutcome::Refused(Refusal::Locked(lock)), tally);
        }
    }
    if let Some(full) = full.or_else(|| state.check_own(&command.takes, now, &mut tally)) {
        return (VerifyOutcome::Refused(Refusal::Limited(full)), tally);
    }
    state.record_own(&command.takes, Count::All, now, &mut tally);
    let outcome = match found {
        None => VerifyOutcome::Unknown,
        Some((challenge, rule)) => compare(state, command, &challenge, rule, now, &mut tally),
    };
    (outcome, tally)
}

fn compare(
    state: &mut State,
    command: &VerifyCommand,
    challenge: &Challenge,
    rule: &LockoutRule,
    now: Timestamp,
    tally: &mut Tally,
) -> VerifyOutcome {
    let purpose = challenge.purpose.clone();
    match challenge.phase {
        Phase::Superseded => return VerifyOutcome::Superseded { purpose },
        Phase::Reserved(_) | Phase::Consumed => return VerifyOutcome::Spent { purpose },
        Phase::Live => {}
    }
    let is_presented = |digest: &Digest| command.candidates.iter().any(|other| other.matches(digest));
    let is_known = |digest: &Digest| command.candidates.iter().any(|other| other.kid == digest.kid);
    let (live, expired): (Vec<_>, Vec<_>) = challenge.codes.iter().partition(|code| code.expires_at > now);

    if let Some(code) = live.iter().find(|code| is_presented(&code.digest)) {
        let age = now.since(code.issued_at);
        reserve(state, command, &purpose, now);
        note_after(tally, 0, None);
        return VerifyOutcome::Reserved { purpose, binding: challenge.binding.clone(), age };
    }
    if live.is_empty() || expired.iter().any(|code| is_presented(&code.digest)) {
        return VerifyOutcome::Expired { purpose };
    }
    if !live.iter().any(|code| is_known(&code.digest)) {
        return VerifyOutcome::UnknownKey { purpose };
    }
    state.record_own(&command.takes, Count::Failures, now, tally);
    let mut account = state.account(&command.subject, &purpose, now);
    let failed = account.fail(rule, now);
    note_after(tally, account.failures, failed.lock);
    state.keep_account(&command.subject, &purpose, account);
    VerifyOutcome::Mismatch { purpose, left: failed.left, lock: failed.lock }
}

fn note_after(tally: &mut Tally, failures: u32, lock: Option<Lock>) {
    if let Some(account) = &mut tally.account {
        account.failures = Change { after: failures, ..account.failures };
        account.lock = Change { after: lock, ..account.lock };
    }
}

fn reserve(state: &mut State, command: &VerifyCommand, purpose: &Purpose, now: Timestamp) {
    let key = (command.subject.clone(), command.reference.clone());
    if let Some(challenge) = state.challenges.get_mut(&key) {
        challenge.phase = Phase::Reserved(command.request.clone());
    }
    let mut account = state.account(&command.subject, purpose, now);
    if account != Default::default() {
        account.succeed();
        state.keep_account(&command.subject, purpose, account);
    }
}

/// How a reservation ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// The upstream answered: the code is used up.
    Commit,
    /// Nothing was sent, or the policy calls the answer retryable: the code may be tried again.
    Release,
}

/// Settles a reservation.
#[derive(Debug, Clone)]
pub struct SettleCommand {
    /// The caller.
    pub subject: Subject,
    /// The challenge.
    pub reference: Reference,
    /// The request that holds it.
    pub request: RequestId,
    /// How it ends.
    pub settlement: Settlement,
}

/// The answer to a [`SettleCommand`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettleOutcome {
    /// Done.
    Settled,
    /// The challenge is not held by this request of this subject. Nothing changed.
    NotHeld,
}

/// Settles a reservation, if this request of this subject holds it.
pub fn settle(state: &mut State, command: &SettleCommand, now: Timestamp) -> SettleOutcome {
    let held = state
        .challenge(&command.subject, &command.reference, now)
        .filter(|challenge| challenge.phase == Phase::Reserved(command.request.clone()));
    let Some(purpose) = held.map(|challenge| challenge.purpose.clone()) else {
        return SettleOutcome::NotHeld;
    };
    let pending_key = (command.subject.clone(), purpose);
    let is_current = state.pending.get(&pending_key) == Some(&command.reference);
    if command.settlement == Settlement::Commit && is_current {
        state.pending.remove(&pending_key);
    }
    let key = (command.subject.clone(), command.reference.clone());
    if let Some(challenge) = state.challenges.get_mut(&key) {
        challenge.phase = match command.settlement {
            Settlement::Commit => Phase::Consumed,
            // Another challenge may have taken its place while the upstream was being asked.
            Settlement::Release if is_current => Phase::Live,
            Settlement::Release => Phase::Superseded,
        };
    }
    SettleOutcome::Settled
}
