//! A challenge ends because an operator says so.

use super::trail::{Action, Operation, Record};
use crate::domain::challenge::Phase;
use crate::domain::id::{Purpose, Reference};
use crate::domain::state::State;
use crate::domain::subject::Subject;
use crate::domain::time::Timestamp;

/// Which challenge of a subject is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The pending one of this purpose.
    Pending(Purpose),
    /// The one of this reference.
    Reference(Reference),
}

/// Ends a challenge.
#[derive(Debug, Clone)]
pub struct RevokeCommand {
    /// Whose.
    pub subject: Subject,
    /// Which.
    pub target: Target,
    /// Who revokes it, and why.
    pub operation: Operation,
}

/// The answer to a [`RevokeCommand`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revoked {
    /// None of its codes passes any more. Who presents one is answered as if a newer challenge had taken its
    /// place, by replicas of every version.
    Revoked {
        /// Which one it was.
        reference: Reference,
        /// What it was for.
        purpose: Purpose,
    },
    /// There is no such challenge, or it has come to an end already.
    Nothing,
    /// A request holds it: a right code was presented and the wallet is being asked, or what it did is unknown. It
    /// was left as it is.
    Reserved {
        /// Which one it is.
        reference: Reference,
        /// What it is for.
        purpose: Purpose,
    },
}

/// Ends a live challenge.
pub fn revoke(state: &mut State, command: &RevokeCommand, now: Timestamp) -> Revoked {
    let revoked = decide(state, command, now);
    let asked = match &command.target {
        Target::Pending(purpose) => (Some(purpose.clone()), None),
        Target::Reference(reference) => (None, Some(reference.clone())),
    };
    let (changed, (purpose, reference)) = match &revoked {
        Revoked::Revoked { reference, purpose } => (true, (Some(purpose.clone()), Some(reference.clone()))),
        Revoked::Reserved { reference, purpose } => (false, (Some(purpose.clone()), Some(reference.clone()))),
        Revoked::Nothing => (false, asked),
    };
    state.trail.add(Record {
        subject: Some(command.subject.clone()),
        purpose,
        reference,
        ..Record::new(now, Action::Revoke, changed, &command.operation)
    });
    revoked
}

fn decide(state: &mut State, command: &RevokeCommand, now: Timestamp) -> Revoked {
    let subject = &command.subject;
    let found = match &command.target {
        Target::Pending(purpose) => state.pending(subject, purpose, now),
        Target::Reference(reference) => {
            state.challenge(subject, reference, now).map(|challenge| (reference.clone(), challenge))
        }
    };
    let Some((reference, challenge)) = found else { return Revoked::Nothing };
    let purpose = challenge.purpose.clone();
    match challenge.phase {
        Phase::Live => {}
        Phase::Reserved(_) => return Revoked::Reserved { reference, purpose },
        Phase::Consumed | Phase::Superseded => return Revoked::Nothing,
    }
    if let Some(challenge) = state.challenges.get_mut(&(subject.clone(), reference.clone())) {
        challenge.phase = Phase::Superseded;
    }
    let pending = (subject.clone(), purpose.clone());
    if state.pending.get(&pending) == Some(&reference) {
        state.pending.remove(&pending);
    }
    Revoked::Revoked { reference, purpose }
}
