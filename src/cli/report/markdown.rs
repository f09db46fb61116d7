//! A report in Markdown, for wikis and tickets.

use super::section::{about, sections, title};
use crate::cli::finding::path;
use crate::domain::report::Report;

/// The page.
pub(super) fn page(report: &Report) -> String {
    let mut page = format!("# {}\n\n{}\n\n## Findings\n\n", title(report), escaped(&about(report).join(" ")));
    if report.findings.is_empty() {
        page.push_str("Nothing that somebody should look at.\n");
    }
    for finding in &report.findings {
        let runbook = finding.runbook.map(|page| format!(" See `{}`.", path(page))).unwrap_or_default();
        let (weight, message) = (finding.weight.as_str(), escaped(&finding.message));
        page.push_str(&format!("- **{weight}**: {message} {}{runbook}\n", escaped(finding.advice)));
    }
    for section in sections(report) {
        page.push_str(&format!("\n## {}\n\n", section.title));
        page.push_str(&row(section.head.iter().map(|cell| escaped(cell))));
        let rules = (0..section.head.len()).map(|column| if column == 0 { "---" } else { "---:" });
        page.push_str(&row(rules.map(str::to_owned)));
        for cells in &section.rows {
            page.push_str(&row(cells.iter().map(|cell| escaped(cell))));
        }
        if !section.note.is_empty() {
            page.push_str(&format!("\n{}\n", section.note));
        }
    }
    page
}

fn row(cells: impl Iterator<Item = String>) -> String {
    format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
}

/// Names of policies have underscores, which Markdown may take for emphasis.
fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, c| {
        if matches!(c, '\\' | '|' | '_' | '*' | '`' | '<' | '[') {
            escaped.push('\\');
        }
        escaped.push(c);
        escaped
    })
}
