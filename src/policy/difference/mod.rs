//! What one policy does otherwise than another, in the terms of policies: a number that moved, a limit that is no longer
//! listed, a route that is gone; and whether that makes things stricter or looser.
//!
//! Compares what was compiled, so order, comments and spelling make no difference. It must not know how it is shown.

mod routes;
mod sections;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use super::snapshot::PolicySnapshot;

/// What a difference means for those who call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// More is refused, or less can be guessed.
    Stricter,
    /// Less is refused, or more can be guessed.
    Looser,
    /// Neither can be said.
    Other,
}

impl Effect {
    /// The word for people and programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stricter => "stricter",
            Self::Looser => "looser",
            Self::Other => "changed",
        }
    }

    fn reversed(self) -> Self {
        match self {
            Self::Stricter => Self::Looser,
            Self::Looser => Self::Stricter,
            Self::Other => Self::Other,
        }
    }
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The place, as the policy is written: `limits.verify.max`.
    pub path: String,
    /// What was there. `None`: nothing.
    pub was: Option<String>,
    /// What is there now. `None`: nothing.
    pub now: Option<String>,
    /// What that means.
    pub effect: Effect,
}

/// Everything in which `now` differs from `was`, section by section.
pub fn differences(was: &PolicySnapshot, now: &PolicySnapshot) -> Vec<Difference> {
    let mut found = Found::default();
    sections::identity(&mut found, &was.identity, &now.identity);
    sections::surroundings(&mut found, was, now);
    sections::limits(&mut found, was, now);
    sections::purposes(&mut found, was, now);
    routes::routes(&mut found, was, now);
    found.0
}

/// What was found so far.
#[derive(Debug, Default)]
struct Found(Vec<Difference>);

impl Found {
    fn add(&mut self, path: String, was: Option<String>, now: Option<String>, effect: Effect) {
        if was != now {
            self.0.push(Difference { path, was, now, effect });
        }
    }

    /// A value of which more or less means something: `more` says what more of it does.
    fn measure<T: PartialOrd + Copy>(
        &mut self,
        path: String,
        (was, now): (T, T),
        show: impl Fn(T) -> String,
        more: Effect,
    ) {
        let effect = if now > was { more } else { more.reversed() };
        self.add(path, Some(show(was)), Some(show(now)), effect);
    }

    /// A list whose order means nothing: `added` says what one more entry does.
    fn list(&mut self, path: &str, was: &BTreeSet<String>, now: &BTreeSet<String>, added: Effect) {
        for gone in was.difference(now) {
            self.add(path.to_owned(), Some(gone.clone()), None, added.reversed());
        }
        for new in now.difference(was) {
            self.add(path.to_owned(), None, Some(new.clone()), added);
        }
    }
}

/// Entries as texts.
fn texts<T: ToString>(entries: impl IntoIterator<Item = T>) -> BTreeSet<String> {
    entries.into_iter().map(|entry| entry.to_string()).collect()
}
