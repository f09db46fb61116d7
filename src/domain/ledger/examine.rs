//! Why a code is refused: what is stored beside what a person types. Counts nothing and changes nothing.

use super::view::CodeView;
use crate::domain::challenge::Phase;
use crate::domain::id::{Purpose, Reference};
use crate::domain::keyring::Digest;
use crate::domain::state::State;
use crate::domain::subject::Subject;
use crate::domain::time::Timestamp;

/// A code as it would be stored under one reference: a digest belongs to its challenge.
#[derive(Debug, Clone)]
pub struct Presented {
    /// The challenge.
    pub reference: Reference,
    /// One digest for each key.
    pub candidates: Vec<Digest>,
}

/// Looks at challenges of one subject.
#[derive(Debug, Clone)]
pub struct ExamineCommand {
    /// Whose.
    pub subject: Subject,
    /// The challenges, each with the code as it would be stored there.
    pub presented: Vec<Presented>,
}

/// What was found under one reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examination {
    /// The reference.
    pub reference: Reference,
    /// The challenge, if it is remembered.
    pub found: Option<Examined>,
}

/// One remembered challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    /// What its codes are for.
    pub purpose: Purpose,
    /// Where it stands.
    pub phase: Phase,
    /// From then on it is forgotten.
    pub remembered_until: Timestamp,
    /// The codes it keeps, oldest first. Codes that newer ones pushed out leave nothing behind.
    pub codes: Vec<ExaminedCode>,
}

/// One stored code beside the one that was presented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExaminedCode {
    /// Its times and its key.
    pub code: CodeView,
    /// Whether it has expired.
    pub expired: bool,
    /// Whether one of the candidates was made with its key. If not, nothing could be compared.
    pub known_key: bool,
    /// Whether it is the one that was presented.
    pub matches: bool,
}

/// Looks at each of the challenges.
pub fn examine(state: &State, command: &ExamineCommand, now: Timestamp) -> Vec<Examination> {
    let of = |presented: &Presented| {
        let challenge = state.challenge(&command.subject, &presented.reference, now);
        let found = challenge.map(|challenge| Examined {
            purpose: challenge.purpose.clone(),
            phase: challenge.phase.clone(),
            remembered_until: challenge.remembered_until,
            codes: challenge
                .codes
                .iter()
                .map(|code| ExaminedCode {
                    code: CodeView::of(code),
                    expired: code.expires_at <= now,
                    known_key: presented.candidates.iter().any(|of| of.kid == code.digest.kid),
                    matches: presented.candidates.iter().any(|of| of.matches(&code.digest)),
                })
                .collect(),
        });
        Examination { reference: presented.reference.clone(), found }
    };
    command.presented.iter().map(of).collect()
}
