//! Values that several commands take. They are checked where they are typed, so that a wrong one is told with the
//! name of its flag and nobody is asked.

use crate::domain::id::InvalidId;
use crate::domain::ledger::trail::Note;
use crate::domain::subject::Subject;

/// What somebody writes: who asks, or why.
///
/// # Errors
/// When it is blank, too long, or more than one line.
pub(super) fn note(text: &str) -> Result<String, InvalidId> {
    Note::parse(text).map(|note| note.as_str().to_owned())
}

/// A person.
///
/// # Errors
/// When no token can have it as its subject.
pub(super) fn subject(text: &str) -> Result<String, InvalidId> {
    Subject::parse(text).map(|subject| subject.as_str().to_owned())
}
