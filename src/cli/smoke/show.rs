//! The steps as a table or as JSON.

use std::time::Duration;

use serde_json::{Value, json};

use super::SmokeFlags;
use super::flow::{Done, Verdict};
use crate::cli::output::{Cell, Screen, Table, Tone};

/// How long a step may take by the operations guide.
fn expected(step: &str) -> Option<Duration> {
    let milliseconds = match step {
        "fund" => 500,
        "status" => 100,
        "verify" => 200,
        _ => return None,
    };
    Some(Duration::from_millis(milliseconds))
}

fn slow(flags: &SmokeFlags, step: &Done) -> Option<String> {
    let (expected, took) = (expected(step.name)?, step.took?);
    let is_slow = flags.check_times && step.result == Verdict::Passed && took > expected;
    is_slow.then(|| format!("{} took {:.0} ms, more than {} ms", step.name, ms(took), expected.as_millis()))
}

fn ms(took: Duration) -> f64 {
    took.as_secs_f64() * 1_000.0
}

/// Prints the steps; whether all of them passed, in time if that counts.
pub(super) fn report(screen: &mut Screen, flags: &SmokeFlags, steps: &[Done]) -> std::io::Result<bool> {
    let slow: Vec<String> = steps.iter().filter_map(|step| slow(flags, step)).collect();
    let is_fine = slow.is_empty() && steps.iter().all(|step| step.result == Verdict::Passed);
    if screen.is_json() {
        let shown: Vec<Value> = steps.iter().map(document).collect();
        screen.json(&json!({ "passed": is_fine, "target": flags.target, "steps": shown, "slow": slow }))?;
    } else {
        table(screen, steps, &slow, is_fine)?;
    }
    screen.flush()?;
    Ok(is_fine)
}

fn word(result: Verdict) -> &'static str {
    match result {
        Verdict::Passed => "passed",
        Verdict::Failed => "failed",
        Verdict::Skipped => "skipped",
    }
}

fn document(step: &Done) -> Value {
    json!({
        "step": step.name,
        "result": word(step.result),
        "milliseconds": step.took.map(ms),
        "seen": step.seen,
        "advice": step.advice,
    })
}

fn table(screen: &mut Screen, steps: &[Done], slow: &[String], is_fine: bool) -> std::io::Result<()> {
    let mut table = Table::new(&["", "STEP", "TIME", "WHAT"]);
    for step in steps {
        let (tone, mark) = match step.result {
            Verdict::Passed => (Tone::Good, "✓"),
            Verdict::Failed => (Tone::Bad, "✗"),
            Verdict::Skipped => (Tone::Dim, "-"),
        };
        let took = step.took.map(|took| format!("{:.0} ms", ms(took))).unwrap_or_default();
        table.row([Cell::toned(tone, mark), step.name.into(), took.into(), step.seen.as_str().into()]);
    }
    screen.table(&table)?;
    let advice = steps.iter().filter_map(|step| step.advice.map(|advice| format!("{}: {advice}", step.name)));
    let todo: Vec<String> = advice.chain(slow.iter().cloned()).collect();
    if !todo.is_empty() {
        screen.title("What to do")?;
        for line in todo {
            let line = screen.toned(Tone::Plain, &line);
            screen.line(&format!("  - {line}"))?;
        }
    }
    if is_fine {
        let line = screen.toned(Tone::Good, "The wallet works from end to end.");
        screen.line(&format!("\n{line}"))?;
    }
    Ok(())
}
