//! The checks as a table or as JSON.

use serde_json::{Value, json};

use super::world::{Check, Verdict};
use crate::cli::output::{Cell, Screen, Table, Tone};

/// Prints the checks; whether none failed.
pub(super) fn report(screen: &mut Screen, target: &str, checks: &[Check]) -> std::io::Result<bool> {
    let count = |verdict| checks.iter().filter(|check| check.verdict == verdict).count();
    let (passed, failed, skipped) = (count(Verdict::Pass), count(Verdict::Fail), count(Verdict::Skip));
    if screen.is_json() {
        let shown: Vec<Value> = checks.iter().map(document).collect();
        screen.json(&json!({
            "passed": failed == 0,
            "target": target,
            "counts": { "pass": passed, "fail": failed, "skip": skipped },
            "checks": shown,
        }))?;
    } else {
        table(screen, checks)?;
        let tone = if failed == 0 { Tone::Good } else { Tone::Bad };
        let summary = screen.toned(tone, &format!("{passed} passed, {failed} failed, {skipped} skipped"));
        screen.line(&format!("\n{summary}"))?;
    }
    screen.flush()?;
    Ok(failed == 0)
}

fn document(check: &Check) -> Value {
    json!({
        "group": check.group,
        "check": check.name,
        "result": check.verdict.as_str(),
        "seen": check.seen,
        "advice": check.advice,
    })
}

fn table(screen: &mut Screen, checks: &[Check]) -> std::io::Result<()> {
    let mut group = "";
    for part in checks.chunk_by(|a, b| a.group == b.group) {
        if let Some(first) = part.first().filter(|first| first.group != group) {
            group = first.group;
            screen.title(group)?;
        }
        let mut table = Table::new(&["", "CHECK", "SEEN"]);
        for check in part {
            let (tone, mark) = match check.verdict {
                Verdict::Pass => (Tone::Good, "✓"),
                Verdict::Fail => (Tone::Bad, "✗"),
                Verdict::Skip => (Tone::Dim, "-"),
            };
            table.row([Cell::toned(tone, mark), check.name.as_str().into(), check.seen.as_str().into()]);
        }
        screen.table(&table)?;
    }
    let mut advice: Vec<(&str, &str)> = Vec::new();
    for check in checks {
        if let Some(text) = check.advice.as_deref()
            && !advice.iter().any(|(_, known)| *known == text)
        {
            advice.push((check.group, text));
        }
    }
    if !advice.is_empty() {
        screen.title("What to do")?;
        for (group, text) in advice {
            let line = screen.toned(Tone::Plain, &format!("{group}: {text}"));
            screen.line(&format!("  - {line}"))?;
        }
    }
    Ok(())
}
