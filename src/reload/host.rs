//! The environment and the key files of this host, for policies that name them.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::policy::compile::Resolver;

/// No key is longer.
const LONGEST: u64 = 64 * 1024;

/// Reads variables and files, and remembers which files, so that a rotated key is noticed.
#[derive(Debug, Default)]
pub struct Host {
    files: Mutex<BTreeSet<PathBuf>>,
}

impl Host {
    /// The files that were asked for since the last call.
    pub fn take_files(&self) -> BTreeSet<PathBuf> {
        std::mem::take(&mut *self.files.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Resolver for Host {
    fn env(&self, name: &str) -> Option<String> {
        // Such names make the standard library panic on some systems.
        if name.is_empty() || name.contains(['=', '\0']) {
            return None;
        }
        std::env::var(name).ok()
    }

    fn file(&self, path: &Path) -> Result<Vec<u8>, String> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned());
        read(path)
    }
}

/// The content of a key file.
///
/// # Errors
/// With the reason, when it cannot be read or is no plain file of at most 64 KiB.
pub fn read(path: &Path) -> Result<Vec<u8>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Err("it is not a file".to_owned());
    }
    let mut bytes = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > LONGEST {
        return Err("it is larger than 64 KiB".to_owned());
    }
    Ok(bytes)
}
