//! Rotated files: compressed in the background, and removed when there are too many.
//!
//! It goes by what it finds in the folder, so whatever a crash has left half done is done at the next
//! look. A compressed file appears whole or not at all: it is written beside, synced, and renamed.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use flate2::Compression;
use flate2::write::GzEncoder;

const COMPRESSED: &str = ".gz";
const UNFINISHED: &str = ".gz.tmp";

/// Looks after rotated files, on a thread of its own.
pub(super) struct Archive {
    looks: SyncSender<()>,
}

impl Archive {
    /// Looks after the rotated files of this path, and keeps that many of them.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(path: &Path, keep: usize) -> io::Result<Self> {
        let (looks, due) = sync_channel(1);
        let path = path.to_owned();
        std::thread::Builder::new().name("audit-gzip".to_owned()).spawn(move || run(&path, keep, &due))?;
        let archive = Self { looks };
        archive.look();
        Ok(archive)
    }

    /// Has a look soon. One that is due already is enough.
    pub fn look(&self) {
        let _due_already = self.looks.try_send(());
    }
}

fn run(path: &Path, keep: usize, due: &Receiver<()>) {
    while due.recv().is_ok() {
        if let Err(error) = tidy(path, keep) {
            tracing::error!(error = %error, path = %path.display(), "rotated audit files could not be looked after");
        }
    }
}

/// The compressed file of a rotated one.
pub(super) fn compressed(rotated: &Path) -> PathBuf {
    suffixed(rotated, COMPRESSED)
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The folder that a file is in.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Compresses what is not, and removes what is too much.
fn tidy(path: &Path, keep: usize) -> io::Result<()> {
    let folder = folder_of(path);
    let mut rotated = Vec::new();
    for name in names_in(folder, path)? {
        let file = folder.join(&name);
        if name.ends_with(UNFINISHED) {
            std::fs::remove_file(&file)?;
        } else if let Some(plain) = name.strip_suffix(COMPRESSED) {
            rotated.push(folder.join(plain));
        } else {
            rotated.push(file);
        }
    }
    rotated.sort();
    rotated.dedup();
    let surplus = rotated.len().saturating_sub(keep);
    for file in rotated.drain(..surplus) {
        remove(&compressed(&file))?;
        remove(&file)?;
    }
    for file in rotated {
        if !compressed(&file).exists() {
            compress(&file)?;
        }
        // Also after a crash between the two steps.
        remove(&file)?;
    }
    Ok(())
}

/// The names of what belongs to rotated files of this path.
fn names_in(folder: &Path, path: &Path) -> io::Result<Vec<String>> {
    let own = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        let stamp = name.to_str().and_then(|name| name.strip_prefix(own)?.strip_prefix('.'));
        if stamp.is_some_and(is_stamped) {
            names.extend(name.into_string());
        }
    }
    Ok(names)
}

/// Whether this is `20261122T150700123Z`, perhaps with a number, and perhaps compressed.
fn is_stamped(text: &str) -> bool {
    let stamp = text.strip_suffix(UNFINISHED).or_else(|| text.strip_suffix(COMPRESSED)).unwrap_or(text);
    let (stamp, number) = stamp.split_once('-').unwrap_or((stamp, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts = stamp.strip_suffix('Z').and_then(|stamp| stamp.split_once('T'));
    parts.is_some_and(|(date, time)| is_digits(date) && is_digits(time)) && is_digits(number)
}

fn compress(rotated: &Path) -> io::Result<()> {
    let unfinished = suffixed(rotated, UNFINISHED);
    // New, so that it is nobody else's and no link to another file: what a crash has left is gone by now.
    let target = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    let done = fill(target, rotated).and_then(|()| std::fs::rename(&unfinished, compressed(rotated)));
    if done.is_err() {
        // On a full disk it would take what the audit log itself needs.
        remove(&unfinished)?;
    }
    done
}

fn fill(target: File, rotated: &Path) -> io::Result<()> {
    let mut encoder = GzEncoder::new(target, Compression::fast());
    io::copy(&mut File::open(rotated)?, &mut encoder)?;
    encoder.finish()?.sync_all()
}

/// Removes a file that may be gone already.
fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_in_the_place_of_a_compressed_file_does_not_lead_elsewhere() {
        let folder = std::env::temp_dir().join(format!("otp-sidecar-archive-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (rotated, other) = (folder.join("a.20261122T150700123Z"), folder.join("other"));
        std::fs::write(&rotated, "line\n").unwrap();
        std::fs::write(&other, "kept").unwrap();
        std::os::unix::fs::symlink(&other, suffixed(&rotated, UNFINISHED)).unwrap();
        assert!(compress(&rotated).is_err());
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "kept");
        tidy(&folder.join("a"), 1).unwrap();
        assert!(compressed(&rotated).is_file() && !rotated.exists());
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_file_that_cannot_be_compressed_leaves_nothing_unfinished() {
        let folder = std::env::temp_dir().join(format!("otp-sidecar-unfinished-{}", std::process::id()));
        let unreadable = folder.join("a.20261122T150700123Z");
        std::fs::create_dir_all(&unreadable).unwrap();
        assert!(compress(&unreadable).is_err());
        assert!(!suffixed(&unreadable, UNFINISHED).exists() && !compressed(&unreadable).exists());
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn only_what_a_rotation_made_is_looked_after() {
        for ours in ["20261122T150700123Z", "20261122T150700123Z-002.gz", "20261122T150700123Z.gz.tmp"] {
            assert!(is_stamped(ours), "{ours}");
        }
        for other in ["1", "1.gz", "bak", "gz", "2026-11-22", "20261122T150700123", "Z", "TZ", "old-1"] {
            assert!(!is_stamped(other), "{other}");
        }
    }
}
