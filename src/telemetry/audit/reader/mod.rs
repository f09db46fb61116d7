//! Audit lines read back: from files, rotated and compressed ones, and from a pipe.
//!
//! What cannot be read is skipped and counted, never guessed at: after a crash a file ends in half a line.

mod files;
mod line;
mod lines;

use std::path::{Path, PathBuf};

use crate::domain::time::Timestamp;

pub use line::{AuditLine, LimitCount, Pair};
pub use lines::{Lines, Piece};

/// The path that stands for standard input.
pub const STDIN: &str = "-";

/// Why files could not be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is no such file, or it may not be read.
    #[error("cannot read {path}: {problem}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why not.
        problem: std::io::Error,
    },
    /// Not one line of them is an audit line.
    #[error("no audit line in {0}: is it the file that `serve --audit` names?")]
    NoLines(String),
}

/// What was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadReport {
    /// Files that were read, in their order.
    pub files: Vec<PathBuf>,
    /// Audit lines.
    pub lines: u64,
    /// Lines that are none: half a line after a crash, or something else.
    pub broken: u64,
    /// Lines of a later version of the format.
    pub newer: u64,
    /// Lines that the sidecar says are missing.
    pub lost: u64,
    /// Compressed files that end too early.
    pub cut_short: u64,
    /// The time of the earliest line.
    pub from: Option<Timestamp>,
    /// The time of the latest line.
    pub to: Option<Timestamp>,
}

impl ReadReport {
    /// Whether something is missing or could not be understood.
    pub fn is_incomplete(&self) -> bool {
        self.broken + self.newer + self.lost + self.cut_short > 0
    }
}

/// Reads audit files in the order in which they were written, with the rotated ones beside each. `each` gets every
/// audit line.
///
/// # Errors
/// When a file cannot be opened, or none has an audit line.
pub fn read(paths: &[PathBuf], mut each: impl FnMut(AuditLine)) -> Result<ReadReport, ReadError> {
    let mut report = ReadReport::default();
    for path in paths {
        if path.as_os_str() == STDIN {
            report.files.push(path.clone());
            take(Lines::open(path)?, &mut report, &mut each)?;
            continue;
        }
        for file in files::with_rotated(path)? {
            take(Lines::open(&file)?, &mut report, &mut each)?;
            report.files.push(file);
        }
    }
    if report.lines == 0 && (report.broken > 0 || report.newer == 0) {
        let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        return Err(ReadError::NoLines(names.join(", ")));
    }
    Ok(report)
}

fn unreadable(path: &Path, problem: std::io::Error) -> ReadError {
    ReadError::Unreadable { path: path.display().to_string(), problem }
}

/// Takes every line of one file.
fn take(mut lines: Lines, report: &mut ReadReport, each: &mut dyn FnMut(AuditLine)) -> Result<(), ReadError> {
    while let Some(piece) = lines.next_piece()? {
        match piece {
            Piece::Line(line) => note(line, report, each),
            Piece::TooLong => report.broken += 1,
            Piece::CutShort => report.cut_short += 1,
        }
    }
    Ok(())
}

fn note(line: &[u8], report: &mut ReadReport, each: &mut dyn FnMut(AuditLine)) {
    let Ok(read) = serde_json::from_slice::<AuditLine>(line) else {
        report.broken += 1;
        return;
    };
    if read.v > super::line::VERSION {
        report.newer += 1;
        return;
    }
    let Some(at) = read.at() else {
        report.broken += 1;
        return;
    };
    report.lines += 1;
    report.lost += read.lost;
    report.from = Some(report.from.map_or(at, |from| from.min(at)));
    report.to = Some(report.to.map_or(at, |to| to.max(at)));
    each(read);
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write as _;

    const LINE: &str =
        r#"{"v":1,"event":"process","time":"2026-11-22T15:07:00.000Z","result":"started","new":[1]}"#;

    fn read_bytes(bytes: &[u8]) -> (ReadReport, u64) {
        let (mut report, mut seen) = (ReadReport::default(), 0);
        let lines = Lines::of(Path::new("audit.jsonl"), std::io::Cursor::new(bytes.to_vec())).unwrap();
        take(lines, &mut report, &mut |_| seen += 1).unwrap();
        (report, seen)
    }

    fn packed(text: &str) -> Vec<u8> {
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(text.as_bytes()).unwrap();
        packer.finish().unwrap()
    }

    #[test]
    fn lines_are_read_plain_and_compressed() {
        let text = format!("{LINE}\n\n{LINE}\n");
        assert_eq!(read_bytes(text.as_bytes()).1, 2);
        let (report, seen) = read_bytes(&packed(&text));
        assert_eq!((seen, report.is_incomplete()), (2, false));
        assert_eq!(report.from.unwrap().to_iso8601(), "2026-11-22T15:07:00.000Z");
    }

    #[test]
    fn what_is_no_line_is_skipped_and_counted() {
        let half = &LINE[..40];
        let newer = LINE.replace("\"v\":1", "\"v\":2");
        let undated = LINE.replace("2026-11-22T15:07:00.000Z", "yesterday");
        let lost = LINE.replace("\"v\":1", "\"v\":1,\"lost\":7");
        let long = format!("{{\"x\":\"{}\"}}", "x".repeat(200_000));
        let text = format!("{half}\n{LINE}\n\u{0}\u{0}\n{newer}\n{undated}\n{long}\n{lost}\n{half}");
        let (report, seen) = read_bytes(text.as_bytes());
        assert_eq!((seen, report.lines, report.broken, report.newer, report.lost), (2, 2, 5, 1, 7));
        assert!(report.is_incomplete());
    }

    #[test]
    fn a_compressed_file_that_ends_too_early_gives_what_it_has() {
        let whole = packed(&format!("{LINE}\n").repeat(2_000));
        let (report, seen) = read_bytes(&whole[..whole.len() - 9]);
        assert!(seen > 0 && report.cut_short == 1, "{report:?}");
        let long = packed(&format!("{LINE}\n{}", "x".repeat(200_000)));
        let (report, seen) = read_bytes(&long[..long.len() - 20]);
        assert_eq!((seen, report.lines, report.cut_short), (1, 1, 1), "{report:?}");
    }
}
