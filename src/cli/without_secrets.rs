//! Policies for commands that look at them where their secrets are not: on a laptop, in CI.

use std::path::Path;

use crate::policy::compile::{Resolver, compile};
use crate::policy::snapshot::PolicySnapshot;
use crate::reload::LoadError;
use crate::reload::host::Host;
use crate::reload::source::Source;

/// Stands for a secret that is not here. Nothing is verified with what this module loads.
const STAND_IN: &str = "a secret that is not set where this command runs";

/// Reads the environment and the disk as far as they are there.
struct Lenient(Host);

impl Resolver for Lenient {
    fn env(&self, name: &str) -> Option<String> {
        Some(self.0.env(name).unwrap_or_else(|| STAND_IN.to_owned()))
    }

    fn file(&self, path: &Path) -> Result<Vec<u8>, String> {
        Ok(self.0.file(path).unwrap_or_else(|_| STAND_IN.as_bytes().to_vec()))
    }
}

/// The set at `path`; secrets that are missing do not matter.
///
/// # Errors
/// With everything else that is wrong.
pub(super) fn load(path: &Path) -> Result<PolicySnapshot, LoadError> {
    let files = Source::new(path).read()?;
    match compile(&files, &Lenient(Host::default())) {
        Ok(compiled) => Ok(compiled.snapshot),
        Err(diagnostics) => Err(LoadError::Policy(diagnostics)),
    }
}
