//! `otp-sidecar explain --subject`: how a person stands now, and the last decisions about them.

use std::collections::VecDeque;
use std::io::Write as _;

use serde_json::{Value, json};

use super::decision::tone;
use super::{ExplainFlags, live, log, names};
use crate::cli::ending::Ending;
use crate::cli::locks::show;
use crate::cli::moment;
use crate::cli::output::{Cell, Screen, Table, visible};
use crate::domain::subject::Subject;
use crate::telemetry::audit::reader::{AuditLine, ReadReport};

/// Explains how a person stands.
pub(super) fn run(flags: ExplainFlags) -> anyhow::Result<Ending> {
    let subject = flags.subject.clone().unwrap_or_default();
    let subject = Subject::parse(&subject).map_err(|problem| anyhow::anyhow!("--subject {problem}"))?;
    let logged = match flags.log.is_empty() {
        true => None,
        false => Some(decisions(&flags, &subject)?),
    };
    let (live, problem) = match live(flags.access, subject.as_str()) {
        Ok(live) => (live, None),
        Err(problem) if logged.is_some() => (Value::Null, Some(format!("{problem:#}"))),
        Err(problem) => return Err(problem),
    };
    let mut screen = Screen::new(flags.output);
    if screen.is_json() {
        let (decisions, report) =
            logged.as_ref().map_or((None, None), |(lines, report)| (Some(lines), Some(report)));
        screen.json(&json!({
            "subject": subject.as_str(),
            "live": live,
            "liveProblem": problem,
            "decisions": decisions,
            "log": report.map(log::to_json),
        }))?;
    } else {
        if live.is_object() {
            show::print(&mut screen, &live)?;
        }
        if let Some((lines, _)) = &logged {
            print(&mut screen, lines)?;
        }
    }
    screen.flush()?;
    let remarks = [problem, logged.and_then(|(_, report)| log::remark(&report))];
    for remark in remarks.into_iter().flatten() {
        // Nobody can be told when standard error is closed.
        let _closed = writeln!(std::io::stderr(), "{}", visible(&remark));
    }
    Ok(Ending::Fine)
}

/// The last decisions about this person, oldest first.
fn decisions(flags: &ExplainFlags, subject: &Subject) -> anyhow::Result<(VecDeque<AuditLine>, ReadReport)> {
    let keys = flags.access.code_keys().map_err(anyhow::Error::msg)?;
    let forms = names::of(subject, &names::pseudonyms(keys));
    anyhow::ensure!(
        !forms.is_empty(),
        "the log hides what looks like an address behind a pseudonym: give the code keys too (--code-keys-file)"
    );
    let mut last = VecDeque::new();
    let report = log::read(&flags.log, |line| {
        let is_theirs = line.subject.as_deref().is_some_and(|form| forms.contains(form));
        if is_theirs && (line.event == "decision" || line.event == "operation") {
            last.push_back(line);
            if last.len() > flags.last {
                last.pop_front();
            }
        }
    })?;
    Ok((last, report))
}

fn print(screen: &mut Screen, lines: &VecDeque<AuditLine>) -> std::io::Result<()> {
    screen.title("Last decisions in the log")?;
    if lines.is_empty() {
        return screen
            .line("None. With `audit.subject: hash` in the policy, give the code keys (--code-keys-file).");
    }
    let mut table =
        Table::new(&["AT (UTC)", "ROUTE", "OUTCOME", "REASON", "PURPOSE", "FAILURES", "DECISION"]);
    for line in lines {
        let text = |text: &Option<String>| Cell::from(text.clone().unwrap_or_default());
        let failures = line.failures.as_ref().map(|of| match of.before == of.after {
            true => of.before.to_string(),
            false => format!("{} → {}", of.before, of.after),
        });
        let outcome = line.outcome.as_deref().unwrap_or("operation");
        table.row([
            Cell::from(line.at().map(moment::shown).unwrap_or_default()),
            text(&line.route),
            Cell::toned(tone(outcome), outcome),
            text(if line.event == "operation" { &line.operation } else { &line.reason }),
            text(&line.purpose),
            Cell::from(failures.unwrap_or_default()),
            text(&line.decision_id),
        ]);
    }
    screen.table(&table)
}
