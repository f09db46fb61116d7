//! A set on disk, for commands that look at it without serving it.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use clap::Args;

use crate::policy::compile::{Compiled, Resolver, compile};
use crate::policy::diagnostic::Diagnostics;
use crate::reload::host::Host;
use crate::reload::source::Source;

/// Which set.
#[derive(Debug, Clone, Args)]
pub(super) struct SetFlags {
    /// A file, or a folder of *.yaml with an optional templates/.
    #[arg(env = "OTP_SIDECAR_POLICIES", default_value = "policies", value_name = "PATH")]
    pub(super) path: PathBuf,

    /// Take a key that cannot be read for an error, as serve does.
    #[arg(long)]
    pub(super) require_keys: bool,
}

/// A set as far as it could be read.
pub(super) struct LoadedSet {
    /// The set, or everything that is wrong in it.
    pub(super) compiled: Result<Compiled, Diagnostics>,
    /// Keys that are not to be had here, each as a sentence.
    pub(super) missing_keys: Vec<String>,
}

/// Reads and compiles a set. What is wrong in it is no error of this.
///
/// # Errors
/// When its files cannot be read.
pub(super) fn load(flags: &SetFlags) -> anyhow::Result<LoadedSet> {
    let files = Source::new(&flags.path).read().context("no policies")?;
    let onlooker =
        Onlooker { host: Host::default(), required: flags.require_keys, missing: Mutex::default() };
    let compiled = compile(&files, &onlooker);
    let missing_keys = onlooker.missing.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(LoadedSet { compiled, missing_keys })
}

/// Reads keys as `serve` does, but gets along without them: a laptop has no secrets of production.
struct Onlooker {
    host: Host,
    required: bool,
    missing: Mutex<Vec<String>>,
}

impl Onlooker {
    fn note(&self, what: String) {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }
}

impl Resolver for Onlooker {
    fn env(&self, name: &str) -> Option<String> {
        let value = self.host.env(name);
        if value.is_none() {
            self.note(format!("the environment variable `{name}` is not set here; `serve` needs it"));
        }
        value
    }

    fn file(&self, path: &Path) -> Result<Vec<u8>, String> {
        let content = self.host.file(path);
        if content.is_err() {
            self.note(format!("the key file `{}` cannot be read here; `serve` needs it", path.display()));
        }
        content
    }

    fn passes_over_keys(&self) -> bool {
        !self.required
    }
}
