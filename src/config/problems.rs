//! What is wrong with flags, and how it is told.

/// A flag that is wrong: its name without the dashes, and a sentence.
pub type FlagProblem = (String, String);

/// Collects what is wrong, so that all of it is told at once.
#[derive(Default)]
pub(super) struct Problems(pub(super) Vec<String>);

impl Problems {
    /// What was read from a flag, or its problem kept.
    pub(super) fn take<T>(&mut self, flag: &str, result: Result<T, String>) -> Option<T> {
        result.map_err(|problem| self.0.push(format!("--{flag}: {problem}"))).ok()
    }

    /// What was read from flags that know their names, or the problem kept.
    pub(super) fn note<T>(&mut self, result: Result<T, FlagProblem>) -> Option<T> {
        result.map_err(|(flag, problem)| self.0.push(format!("--{flag}: {problem}"))).ok()
    }
}
