//! A file of lines that is rotated by size and age.
//!
//! The file is `PATH`; a rotated one is `PATH.20261122T150700123Z`, and `….gz` once it is compressed.
//! Files are made for their owner alone (0600), and locked while they are written: two processes that
//! rotate one file would lose lines.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use super::archive::{Archive, folder_of};
use super::settings::{AuditError, AuditSettings};
use crate::domain::time::{Clock, Timestamp};

/// A file that lines are appended to.
pub(super) struct RotatingFile {
    path: PathBuf,
    file: File,
    /// Where its last whole line ends.
    length: u64,
    begun: Timestamp,
    /// Whether something was written that the disk may not have yet.
    dirty: bool,
    /// Whether the last attempt to rotate failed, and was told.
    stuck: bool,
    max_size: u64,
    max_age: Duration,
    clock: Arc<dyn Clock>,
    archive: Archive,
}

impl RotatingFile {
    /// Opens the file, and makes it if it is not there.
    ///
    /// # Errors
    /// When it cannot be written, with what to do about it.
    pub fn open(path: &Path, settings: &AuditSettings, clock: Arc<dyn Clock>) -> Result<Self, AuditError> {
        let folder = folder_of(path);
        if path.file_name().is_none() || path.is_dir() {
            return Err(AuditError::file(path, "this is a folder: name a file in it, such as audit.jsonl"));
        }
        if !folder.is_dir() {
            let problem = format!("there is no folder {}: create it, or name another file", folder.display());
            return Err(AuditError::file(path, problem));
        }
        let opened = open(path).and_then(|(file, whole)| Ok((begun(&file, clock.as_ref())?, file, whole)));
        let (begun, file, length) = opened.map_err(|error| AuditError::file(path, advice(&error)))?;
        let archive = Archive::start(&behind(path), settings.keep).map_err(AuditError::Thread)?;
        Ok(Self {
            path: path.to_owned(),
            file,
            length,
            begun,
            dirty: false,
            stuck: false,
            max_size: settings.max_size,
            max_age: settings.max_age,
            clock,
            archive,
        })
    }

    /// Appends whole lines, all or none of them.
    ///
    /// # Errors
    /// When the system does not take them.
    pub fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let added = lines.len() as u64;
        if self.length > 0 && self.length + added > self.max_size {
            self.rotate();
        }
        match self.file.write_all(lines) {
            Ok(()) => {
                self.length += added;
                self.dirty = true;
                Ok(())
            }
            Err(error) => {
                self.cut();
                Err(error)
            }
        }
    }

    /// Takes back a part of a line. Somebody else may have made the file shorter in the meantime.
    fn cut(&mut self) {
        let now = self.file.metadata().map_or(0, |found| found.len());
        if now > self.length && self.file.set_len(self.length).is_err() {
            // The rest of the torn line then stands alone, which readers survive.
            self.length = now;
        }
    }

    /// Sees to what is due.
    pub fn tend(&mut self) {
        self.sync();
        match std::fs::metadata(&self.path) {
            Ok(found) if self.is_ours(&found) => self.length = found.len(),
            _ => self.reopen(),
        }
        if self.length > 0 && self.clock.now() >= self.begun.plus(self.max_age) {
            self.rotate();
        }
    }

    fn is_ours(&self, found: &std::fs::Metadata) -> bool {
        self.file.metadata().is_ok_and(|ours| (ours.dev(), ours.ino()) == (found.dev(), found.ino()))
    }

    /// Makes the disk have what was written.
    pub fn sync(&mut self) {
        if std::mem::take(&mut self.dirty)
            && let Err(error) = self.file.sync_data()
        {
            tracing::error!(error = %error, "the audit file could not be synced");
        }
    }

    /// Opens the path anew. If that fails, the old file goes on.
    pub fn reopen(&mut self) {
        self.sync();
        let still_ours = std::fs::metadata(&self.path).is_ok_and(|found| self.is_ours(&found));
        if still_ours {
            return;
        }
        match open(&self.path) {
            Ok((file, length)) => {
                self.begun = begun(&file, self.clock.as_ref()).unwrap_or_else(|_| self.clock.now());
                (self.file, self.length) = (file, length);
            }
            Err(error) => {
                let path = self.path.display().to_string();
                tracing::error!(error = %error, path, "the audit file could not be opened anew: the old one goes on");
            }
        }
    }

    /// Puts the file aside and begins another. If that fails, the old one goes on.
    fn rotate(&mut self) {
        // A device or a pipe is not ours to rename, and nothing stays in it.
        if !self.file.metadata().is_ok_and(|found| found.is_file()) {
            return;
        }
        self.sync();
        let now = self.clock.now();
        let path = behind(&self.path);
        let rotated = aside(&path, now);
        let done = std::fs::rename(&path, &rotated).and_then(|()| {
            open(&self.path).inspect_err(|_| {
                // Without a new file the old one goes on, under its old name.
                let _still_aside = std::fs::rename(&rotated, &path);
            })
        });
        match done {
            Ok((file, length)) => {
                (self.file, self.length, self.begun, self.stuck) = (file, length, now, false);
                // A rename that a power cut undoes only leaves one file longer.
                let _not_synced = File::open(folder_of(&path)).and_then(|folder| folder.sync_all());
                self.archive.look();
            }
            Err(error) => {
                if !std::mem::replace(&mut self.stuck, true) {
                    tracing::error!(error = %error, "the audit file could not be rotated, and grows");
                }
            }
        }
    }
}

/// The file behind a link: otherwise the link would be put aside.
fn behind(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// Where a file is put aside: a name that sorts by time and is not taken.
fn aside(path: &Path, now: Timestamp) -> PathBuf {
    let stamp: String = now.to_iso8601().chars().filter(char::is_ascii_alphanumeric).collect();
    let named = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{stamp}{suffix}"));
        PathBuf::from(name)
    };
    let is_free = |name: &PathBuf| !name.exists() && !super::archive::compressed(name).exists();
    let numbered = (2..).map(|number| named(&format!("-{number:03}")));
    std::iter::once(named("")).chain(numbered).find(is_free).unwrap_or_else(|| named(""))
}

/// Opens for appending: the file and its length. A half line that a crash has left is closed, so that it
/// stands alone.
fn open(path: &Path) -> io::Result<(File, u64)> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(io::Error::new(io::ErrorKind::ResourceBusy, "another process writes to it"));
        }
        // Some file systems know no locks.
        Err(TryLockError::Error(_)) => {}
    }
    let length = file.metadata()?.len();
    if length == 0 {
        return Ok((file, 0));
    }
    let mut last = [0_u8; 1];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    if last == *b"\n" {
        return Ok((file, length));
    }
    file.write_all(b"\n")?;
    Ok((file, length + 1))
}

/// When the file was made, as far as the file system knows.
fn begun(file: &File, clock: &dyn Clock) -> io::Result<Timestamp> {
    let found = file.metadata()?;
    let made = found.created().or_else(|_| found.modified())?.duration_since(UNIX_EPOCH);
    Ok(made.map_or_else(|_| clock.now(), |since| Timestamp::default().plus(since)))
}

fn advice(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            format!("{error}: let the user that runs this write there, or name another file")
        }
        io::ErrorKind::ResourceBusy => format!("{error}: give each sidecar a file of its own"),
        io::ErrorKind::ReadOnlyFilesystem => format!("{error}: mount a volume there, or write to stdout"),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::super::settings::Destination;
    use super::*;

    struct Still;

    impl Clock for Still {
        fn now(&self) -> Timestamp {
            Timestamp::default().plus(Duration::from_secs(1_000_000_000))
        }
    }

    /// Writes two lines through a link to this, of which each fills a file: how many entries
    /// the folder of the link then has.
    fn written_through_a_link_to(target: &Path, name: &str) -> usize {
        let folder = std::env::temp_dir().join(format!("otp-sidecar-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let link = folder.join("audit.jsonl");
        symlink(target, &link).unwrap();
        let settings = AuditSettings {
            destination: Destination::File(link.clone()),
            max_size: 10,
            max_age: Duration::from_secs(3_600),
            keep: 3,
            queue: 1,
        };
        let mut file = RotatingFile::open(&link, &settings, Arc::new(Still)).unwrap();
        for line in ["1234567890\n", "abcdefghij\n"] {
            file.append(line.as_bytes()).unwrap();
        }
        assert!(link.is_symlink(), "the link was put aside");
        let entries = std::fs::read_dir(&folder).unwrap().count();
        let _left_behind = std::fs::remove_dir_all(&folder);
        entries
    }

    #[test]
    fn behind_a_link_the_file_itself_is_rotated() {
        let folder = std::env::temp_dir().join(format!("otp-sidecar-real-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let beside_the_link = written_through_a_link_to(&folder.join("real.jsonl"), "link");
        assert_eq!(beside_the_link, 1);
        assert_eq!(std::fs::read_to_string(folder.join("real.jsonl")).unwrap(), "abcdefghij\n");
        assert!(std::fs::read_dir(&folder).unwrap().count() > 1, "nothing was put aside");
        // The thread that compresses may still be at it.
        let _left_behind = std::fs::remove_dir_all(&folder);
    }

    #[test]
    fn a_device_is_never_put_aside() {
        let beside_the_link = written_through_a_link_to(Path::new("/dev/null"), "device");
        assert_eq!(beside_the_link, 1);
    }
}
