//! A report for a terminal.

use std::io;

use super::section::{Kind, about, sections, title};
use crate::cli::finding;
use crate::cli::output::{Cell, Screen, Table, Tone};
use crate::domain::report::Report;

/// Prints it.
pub(super) fn print(screen: &mut Screen, report: &Report) -> io::Result<()> {
    let heading = screen.toned(Tone::Bold, &title(report));
    screen.line(&heading)?;
    for sentence in about(report) {
        let sentence = screen.toned(Tone::Dim, &sentence);
        screen.line(&sentence)?;
    }
    screen.title("Findings")?;
    finding::print(screen, &report.findings)?;
    // Long lists of little use on a terminal are in the other formats.
    let is_shown = |kind: Kind| !matches!(kind, Kind::Hours | Kind::Verification | Kind::Delivery);
    for section in sections(report).into_iter().filter(|section| is_shown(section.kind)) {
        screen.title(section.title)?;
        let mut table = Table::new(&section.head);
        for row in section.rows {
            let mut cells = row.into_iter();
            let name = cells.next().map(Cell::from);
            table.row(name.into_iter().chain(cells.map(Cell::number)));
        }
        screen.table(&table)?;
        if !section.note.is_empty() {
            let note = screen.toned(Tone::Dim, section.note);
            screen.line(&note)?;
        }
    }
    Ok(())
}
