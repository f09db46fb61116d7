//! Where audit lines go, and how long they are kept.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where audit lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Standard output, which nothing else of `serve` writes to.
    Stdout,
    /// A file of their own, which is rotated.
    File(PathBuf),
}

/// Settings of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditSettings {
    /// Where lines go.
    pub destination: Destination,
    /// A file is rotated before it gets longer, in bytes.
    pub max_size: u64,
    /// A file is rotated when it is older.
    pub max_age: Duration,
    /// How many rotated files are kept.
    pub keep: usize,
    /// How many lines may wait to be written.
    pub queue: usize,
}

/// Why the audit log cannot be begun.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The file cannot be written.
    #[error("--audit {path}: {problem}")]
    File {
        /// As it was given.
        path: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// The system gives no thread.
    #[error("--audit: the system gives no thread: {0}")]
    Thread(std::io::Error),
}

impl AuditError {
    pub(super) fn file(path: &Path, problem: impl Into<String>) -> Self {
        Self::File { path: path.display().to_string(), problem: problem.into() }
    }
}
