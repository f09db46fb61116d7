//! A log is a file and its rotated ones: `audit.jsonl.20261122T150700123Z`, then `….gz`.

use std::path::{Path, PathBuf};

use super::{ReadError, unreadable};

/// The file with the rotated ones beside it, oldest first. Where a rotated file is there both plain and
/// compressed, the compressed one is whole.
///
/// # Errors
/// When there is none of them, or the folder cannot be read.
pub(super) fn with_rotated(path: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let mut files = rotated(path).map_err(|problem| unreadable(path, problem))?;
    if path.exists() {
        files.push(path.to_owned());
    }
    if files.is_empty() {
        return Err(unreadable(path, std::io::ErrorKind::NotFound.into()));
    }
    Ok(files)
}

fn rotated(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return Ok(Vec::new()) };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // Its own file may be readable in a folder that is not.
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?.file_name();
        let suffix = entry.to_str().and_then(|entry| entry.strip_prefix(name)?.strip_prefix('.'));
        if suffix.is_some_and(is_rotation) {
            found.push(folder.join(&entry));
        }
    }
    let is_superseded = |file: &PathBuf| found.contains(&PathBuf::from(format!("{}.gz", file.display())));
    let mut files: Vec<PathBuf> = found.iter().filter(|file| !is_superseded(file)).cloned().collect();
    files.sort();
    Ok(files)
}

/// `20261122T150700123Z`, with a number after it where two were rotated at once, perhaps compressed.
fn is_rotation(suffix: &str) -> bool {
    let stamp = suffix.strip_suffix(".gz").unwrap_or(suffix);
    let (stamp, number) = stamp.split_once('Z').unwrap_or((stamp, "?"));
    let is_stamp = stamp.len() == 18 && stamp.bytes().all(|byte| byte.is_ascii_digit() || byte == b'T');
    is_stamp && number.bytes().all(|byte| byte.is_ascii_digit() || b"-.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rotated_files_belong_to_a_log() {
        for good in ["20261122T150700123Z", "20261122T150700123Z.gz", "20261122T150700123Z-1"] {
            assert!(is_rotation(good), "{good}");
        }
        for bad in ["gz", "1", "20261122T150700123", "20261122T150700123Z.gz.part", "old", "20261122Z"] {
            assert!(!is_rotation(bad), "{bad}");
        }
    }

    #[test]
    fn a_log_that_is_nowhere_is_an_error_that_names_it() {
        let problem = with_rotated(Path::new("/nowhere/audit.jsonl")).unwrap_err().to_string();
        assert!(problem.contains("/nowhere/audit.jsonl"), "{problem}");
    }
}
