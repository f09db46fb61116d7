//! Standard output or a file: where whole lines end.

use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

use super::file::RotatingFile;
use super::settings::{AuditError, AuditSettings};
use crate::domain::time::Clock;

/// Where lines end.
pub(super) enum Sink {
    /// Standard output.
    Stdout {
        /// Whether the last write may have ended within a line.
        torn: bool,
    },
    /// A file that is rotated.
    File(Box<RotatingFile>),
}

impl Sink {
    /// Standard output.
    pub fn stdout() -> Self {
        Self::Stdout { torn: false }
    }

    /// A file, opened now.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn file(path: &Path, settings: &AuditSettings, clock: Arc<dyn Clock>) -> Result<Self, AuditError> {
        RotatingFile::open(path, settings, clock).map(|file| Self::File(Box::new(file)))
    }

    /// Appends whole lines.
    ///
    /// # Errors
    /// When the system does not take them. A file then ends as it did before; standard output may have
    /// got a part of them, which the next write closes with a line end.
    pub fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        match self {
            Self::File(file) => file.append(lines),
            Self::Stdout { torn } => {
                let mut out = io::stdout().lock();
                let written = if *torn { out.write_all(b"\n") } else { Ok(()) }
                    .and_then(|()| out.write_all(lines))
                    .and_then(|()| out.flush());
                *torn = written.is_err();
                written
            }
        }
    }

    /// Whether lines that could not be appended may be appended later: not where a part of them may
    /// already have been.
    pub fn can_repeat(&self) -> bool {
        matches!(self, Self::File(_))
    }

    /// Opens the file anew.
    pub fn reopen(&mut self) {
        if let Self::File(file) = self {
            file.reopen();
        }
    }

    /// What is to be done now and then: see to it that the disk has what was written, rotate by age,
    /// notice when the file was moved away.
    pub fn tend(&mut self) {
        if let Self::File(file) = self {
            file.tend();
        }
    }

    /// Makes sure of what was written, before an end.
    pub fn finish(&mut self) {
        if let Self::File(file) = self {
            file.sync();
        }
    }
}
