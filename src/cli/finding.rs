//! How findings are printed.

use std::io;

use serde_json::{Value, json};

use super::output::{Screen, Tone};
use crate::domain::finding::{Finding, Weight};

/// For people: what, what to do, and where to read on.
pub(super) fn print(screen: &mut Screen, findings: &[Finding]) -> io::Result<()> {
    if findings.is_empty() {
        let fine = screen.toned(Tone::Good, "ok");
        return screen.line(&format!("{fine}  Nothing that somebody should look at."));
    }
    for finding in findings {
        let tone = match finding.weight {
            Weight::Problem => Tone::Bad,
            Weight::Remark => Tone::Dim,
        };
        let word = screen.toned(tone, finding.weight.as_str());
        let message = screen.toned(Tone::Plain, &finding.message);
        screen.line(&format!("{word}  {message}"))?;
        let page = finding.runbook.map(|page| format!(" See {}.", path(page))).unwrap_or_default();
        let advice = screen.toned(Tone::Dim, &format!("         {}{page}", finding.advice));
        screen.line(&advice)?;
    }
    Ok(())
}

/// For programs.
pub(super) fn document(findings: &[Finding]) -> Value {
    let one = |finding: &Finding| {
        json!({
            "finding": finding.word,
            "weight": finding.weight.as_str(),
            "message": finding.message,
            "advice": finding.advice,
            "runbook": finding.runbook.map(path),
        })
    };
    findings.iter().map(one).collect()
}

/// Where a page of the runbooks is in the repository.
pub(super) fn path(page: &str) -> String {
    format!("docs/runbooks/{page}.md")
}
