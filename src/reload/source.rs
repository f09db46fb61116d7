//! A file or a folder on disk, as the files of a policy set.
//!
//! Kubernetes mounts a ConfigMap as links into a hidden folder that is swapped as a whole. Links are
//! followed, hidden names are passed over, and a set that changed while it was read is read again.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::policy::document::tree::MAX_BYTES;
use crate::policy::source::SourceFile;

/// How often a set that changes under the reader is read again.
const TRIES: usize = 5;

/// Why the files of a set cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Nothing is there.
    #[error("{} does not exist: mount the policies there, or name another place with --policies", path.display())]
    Missing {
        /// The file or folder.
        path: PathBuf,
    },
    /// Something is there that cannot be read.
    #[error("{} cannot be read: {error}", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        error: io::Error,
    },
    /// A folder without policies.
    #[error("{} has no file that ends in .yaml or .yml", path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// A file that is not UTF-8.
    #[error("{} is not text in UTF-8", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// The files kept changing.
    #[error("{} changed each time it was read", path.display())]
    Unsteady {
        /// The folder.
        path: PathBuf,
    },
}

/// The digest of everything that was read. Equal digests mean equal sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The digest of named contents.
    pub fn of<'a>(parts: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut hasher = Sha256::new();
        for (name, content) in parts {
            for part in [name.as_bytes(), content] {
                hasher.update((part.len() as u64).to_be_bytes());
                hasher.update(part);
            }
        }
        Self(hasher.finalize().into())
    }
}

/// Where the policies are.
#[derive(Debug, Clone)]
pub struct Source {
    path: PathBuf,
}

impl Source {
    /// The policies at `path`: a file, or a folder of `*.yaml` with an optional `templates/`.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// The file or folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the set as one state of it: never half before and half after a change.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn read(&self) -> Result<Vec<SourceFile>, SourceError> {
        let mut last = self.read_once()?;
        for _ in 0..TRIES {
            let next = self.read_once()?;
            if next == last {
                return Ok(next);
            }
            last = next;
        }
        Err(SourceError::Unsteady { path: self.path.clone() })
    }

    /// Reads the set once, for comparing.
    ///
    /// # Errors
    /// As for [`Source::read`].
    pub fn read_once(&self) -> Result<Vec<SourceFile>, SourceError> {
        let metadata = match fs::metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(SourceError::Missing { path: self.path.clone() });
            }
            other => other.map_err(|error| unreadable(&self.path, error))?,
        };
        if !metadata.is_dir() {
            return Ok(vec![read_file(&self.path)?]);
        }
        let paths = list(&self.path, &["yaml", "yml"])?;
        if paths.is_empty() {
            return Err(SourceError::Empty { path: self.path.clone() });
        }
        let templates = self.path.join("templates");
        let texts = if templates.is_dir() { list(&templates, &["txt", "html"])? } else { Vec::new() };
        paths.iter().chain(&texts).map(|path| read_file(path)).collect()
    }
}

/// The visible files of a folder that end in one of `extensions`, in name order.
fn list(folder: &Path, extensions: &[&str]) -> Result<Vec<PathBuf>, SourceError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| unreadable(folder, error))? {
        let path = entry.map_err(|error| unreadable(folder, error))?.path();
        let hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        let extension = path.extension().and_then(|extension| extension.to_str());
        if !hidden && extension.is_some_and(|extension| extensions.contains(&extension)) && path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn read_file(path: &Path) -> Result<SourceFile, SourceError> {
    let file = File::open(path).map_err(|error| unreadable(path, error))?;
    let mut bytes = Vec::new();
    // One byte too many is enough for the compiler to see that the file is too large.
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|error| unreadable(path, error))?;
    if bytes.len() > MAX_BYTES {
        // The cut may be in the middle of a character.
        let text = String::from_utf8_lossy(&bytes).into_owned();
        return Ok(SourceFile { path: path.display().to_string(), text });
    }
    let text = String::from_utf8(bytes).map_err(|_| SourceError::NotText { path: path.to_owned() })?;
    Ok(SourceFile { path: path.display().to_string(), text })
}

fn unreadable(path: &Path, error: io::Error) -> SourceError {
    SourceError::Unreadable { path: path.to_owned(), error }
}
