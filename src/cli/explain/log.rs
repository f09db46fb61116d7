//! Audit files, read for a command, and remarks about what is missing in them.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::cli::output::Progress;
use crate::domain::time::Timestamp;
use crate::telemetry::audit::reader::{self, AuditLine, ReadReport};

/// Reads audit files. `each` gets every line.
///
/// # Errors
/// When they cannot be read.
pub(in crate::cli) fn read(paths: &[PathBuf], mut each: impl FnMut(AuditLine)) -> anyhow::Result<ReadReport> {
    let mut progress = Progress::new();
    let mut lines = 0_u64;
    let report = reader::read(paths, |line| {
        lines += 1;
        if lines.is_multiple_of(10_000) {
            progress.tell(|| format!("{lines} audit lines"));
        }
        each(line);
    })?;
    Ok(report)
}

/// What is to be known about what was read, for people.
pub(in crate::cli) fn remark(report: &ReadReport) -> Option<String> {
    let parts = [
        (report.broken, "that are no audit lines"),
        (report.newer, "of a later version of otp-sidecar"),
        (report.lost, "that the sidecar could not write"),
        (report.cut_short, "compressed files that end too early"),
    ];
    let told: Vec<String> = parts
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| {
            if what.starts_with("compressed") {
                format!("{number} {what}")
            } else {
                format!("{number} lines {what}")
            }
        })
        .collect();
    (!told.is_empty()).then(|| format!("The log is incomplete: {}.", told.join(", ")))
}

/// The same as a document.
pub(in crate::cli) fn to_json(report: &ReadReport) -> Value {
    json!({
        "files": report.files.len(),
        "lines": report.lines,
        "brokenLines": report.broken,
        "newerLines": report.newer,
        "lostLines": report.lost,
        "cutShort": report.cut_short,
        "from": report.from.map(Timestamp::to_iso8601),
        "to": report.to.map(Timestamp::to_iso8601),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_is_remarked() {
        assert_eq!(remark(&ReadReport { lines: 5, ..ReadReport::default() }), None);
        let report = ReadReport { broken: 1, cut_short: 2, ..ReadReport::default() };
        let told =
            "The log is incomplete: 1 lines that are no audit lines, 2 compressed files that end too early.";
        assert_eq!(remark(&report).as_deref(), Some(told));
    }
}
