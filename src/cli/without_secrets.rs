//! Policies for commands that look at them where their secrets are not: on a laptop, in CI.

use std::path::Path;

use crate::policy::compile::{Resolver, compile};
use crate::policy::snapshot::PolicySnapshot;
use crate::policy::source::SourceFile;
use crate::reload::LoadError;
use crate::reload::host::Host;
use crate::reload::source::Source;

/// Reads the environment and the disk as far as they are there. Nothing is verified with what it loads.
struct Lenient(Host);

impl Resolver for Lenient {
    fn env(&self, name: &str) -> Option<String> {
        self.0.env(name)
    }

    fn file(&self, path: &Path) -> Result<Vec<u8>, String> {
        self.0.file(path)
    }

    fn passes_over_keys(&self) -> bool {
        true
    }
}

/// The policy that the sidecar ships with.
const SHIPPED: &str = include_str!("../../policies/default.yaml");

/// The shipped set, with the built-in mails.
///
/// # Errors
/// Never, as a test shows.
pub(super) fn shipped() -> Result<PolicySnapshot, LoadError> {
    let file = SourceFile { path: "default.yaml".to_owned(), text: SHIPPED.to_owned() };
    from(&[file])
}

/// The set at `path`; secrets that are missing do not matter.
///
/// # Errors
/// With everything else that is wrong.
pub(super) fn load(path: &Path) -> Result<PolicySnapshot, LoadError> {
    from(&Source::new(path).read()?)
}

fn from(files: &[SourceFile]) -> Result<PolicySnapshot, LoadError> {
    match compile(files, &Lenient(Host::default())) {
        Ok(compiled) => Ok(compiled.snapshot),
        Err(diagnostics) => Err(LoadError::Policy(diagnostics)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_set_is_there_without_files_and_secrets() {
        let set = shipped().unwrap();
        assert!(set.routes.len() >= 4 && set.purposes.len() >= 2);
    }
}
