//! The results of tests, for people and for programs.

use std::io;
use std::time::Duration;

use serde_json::{Value, json};

use super::FileResult;
use crate::cli::output::{Cell, Screen, Table, Tone};
use crate::policy::scenario::run::{Outcome, Played};

/// How many requests before a failure are shown.
const SHOWN: usize = 12;

/// Prints failures in full, then a line for each file and one for all.
pub(super) fn show(results: &[FileResult], screen: &mut Screen) -> io::Result<()> {
    for result in results {
        for outcome in result.outcomes.iter().filter(|outcome| !outcome.passed()) {
            failure(&result.path, outcome, screen)?;
        }
    }
    for result in results {
        let path = screen.toned(Tone::Plain, &result.path);
        let summary = summary(&result.outcomes.iter().collect::<Vec<_>>(), screen);
        screen.line(&format!("{path}: {summary}"))?;
    }
    if results.len() > 1 {
        let all: Vec<&Outcome> = results.iter().flat_map(|result| &result.outcomes).collect();
        let summary = summary(&all, screen);
        screen.line(&summary)?;
    }
    Ok(())
}

fn summary(outcomes: &[&Outcome], screen: &Screen) -> String {
    let steps: u32 = outcomes.iter().map(|outcome| outcome.steps).sum();
    let failed = outcomes.iter().filter(|outcome| !outcome.passed()).count();
    let end = match failed {
        0 => screen.toned(Tone::Good, "ok"),
        failed => screen.toned(Tone::Bad, &format!("{failed} failed")),
    };
    format!("{}, {}: {end}", counted(outcomes.len(), "test"), counted(steps as usize, "step"))
}

fn counted(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

fn failure(path: &str, outcome: &Outcome, screen: &mut Screen) -> io::Result<()> {
    let name = screen.toned(Tone::Bad, &outcome.name);
    screen.line(&format!("FAILED  {name}"))?;
    if let Some(last) = outcome.history.last() {
        let request = screen.toned(Tone::Plain, &last.request);
        let place = screen.toned(Tone::Plain, &format!("{path}:{}", last.at.line));
        let turn =
            if last.turn.1 > 1 { format!(", {} of {}", last.turn.0, last.turn.1) } else { String::new() };
        screen.line(&format!("  at {place}{turn}, {} after the start: {request}", span(last.after)))?;
    }
    screen.line("")?;
    let mut table = Table::new(&["  LINE", "WHAT", "EXPECTED", "ACTUAL"]);
    for difference in &outcome.differences {
        table.row([
            format!("  {}", difference.at.line).into(),
            difference.what.as_str().into(),
            Cell::toned(Tone::Good, &difference.expected),
            Cell::toned(Tone::Bad, &difference.actual),
        ]);
    }
    screen.table(&table)?;
    history(outcome, screen)?;
    screen.line("")
}

fn history(outcome: &Outcome, screen: &mut Screen) -> io::Result<()> {
    let Some((_, before)) = outcome.history.split_last() else { return Ok(()) };
    if before.is_empty() {
        return Ok(());
    }
    let skipped = before.len().saturating_sub(SHOWN);
    let title = match skipped {
        0 => "  before it:".to_owned(),
        skipped => format!("  before it (and {} more):", counted(skipped, "request")),
    };
    let title = screen.toned(Tone::Dim, &title);
    screen.line("")?;
    screen.line(&title)?;
    let mut table = Table::new(&["  AFTER", "LINE", "REQUEST", "ANSWER"]);
    for played in before.iter().skip(skipped) {
        table.row([
            format!("  {}", span(played.after)).into(),
            Cell::number(played.at.line),
            played.request.as_str().into(),
            answer(played).into(),
        ]);
    }
    screen.table(&table)
}

fn answer(played: &Played) -> String {
    let words = [played.error.as_deref(), played.rule.as_deref()];
    let words: Vec<&str> = words.into_iter().flatten().collect();
    format!("{} {}", played.status, words.join(", ")).trim_end().to_owned()
}

fn span(after: Duration) -> String {
    match after.as_millis() {
        millis if millis % 1_000 == 0 => format!("{} s", millis / 1_000),
        millis => format!("{millis} ms"),
    }
}

/// The document for programs.
pub(super) fn json(results: &[FileResult]) -> Value {
    let all: Vec<&Outcome> = results.iter().flat_map(|result| &result.outcomes).collect();
    json!({
        "tests": all.len(),
        "steps": all.iter().map(|outcome| outcome.steps).sum::<u32>(),
        "failed": all.iter().filter(|outcome| !outcome.passed()).count(),
        "files": results.iter().map(|result| json!({
            "file": result.path,
            "policy": result.policy,
            "tests": result.outcomes.iter().map(test_json).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    })
}

fn test_json(outcome: &Outcome) -> Value {
    let mut test = json!({
        "name": outcome.name,
        "line": outcome.at.line,
        "steps": outcome.steps,
        "passed": outcome.passed(),
    });
    if !outcome.passed()
        && let Some(fields) = test.as_object_mut()
    {
        let differences = outcome.differences.iter().map(|difference| {
            json!({
                "line": difference.at.line,
                "what": difference.what,
                "expected": difference.expected,
                "actual": difference.actual,
            })
        });
        fields.insert("differences".to_owned(), differences.collect());
        fields.insert("history".to_owned(), outcome.history.iter().map(played_json).collect());
    }
    test
}

fn played_json(played: &Played) -> Value {
    json!({
        "line": played.at.line,
        "afterMs": played.after.as_millis() as u64,
        "turn": played.turn.0,
        "request": played.request,
        "status": played.status,
        "error": played.error,
        "rule": played.rule,
    })
}
