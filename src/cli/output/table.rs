//! Tables of text: columns as wide as their widest cell, two spaces between them.

use super::{Tone, toned, visible};

/// One field of a table.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Cell {
    text: String,
    tone: Tone,
    is_number: bool,
}

impl Cell {
    /// Text in a tone.
    pub(in crate::cli) fn toned(tone: Tone, text: impl AsRef<str>) -> Self {
        Self { text: visible(text.as_ref()), tone, is_number: false }
    }

    /// A number, which is aligned to the right.
    pub(in crate::cli) fn number(number: impl ToString) -> Self {
        Self { text: number.to_string(), tone: Tone::Plain, is_number: true }
    }

    /// As many columns of a terminal as it takes, for texts without wide characters.
    fn width(&self) -> usize {
        self.text.chars().count()
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::toned(Tone::Plain, text)
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::toned(Tone::Plain, text)
    }
}

/// Rows under a head.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Table {
    head: Vec<Cell>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table with these columns.
    pub(in crate::cli) fn new(head: &[&str]) -> Self {
        Self { head: head.iter().map(|title| Cell::toned(Tone::Bold, title)).collect(), rows: Vec::new() }
    }

    /// Adds a row. Cells beyond the head are not shown, missing ones are empty.
    pub(in crate::cli) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Whether it has no rows.
    pub(in crate::cli) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lines of it; none without rows.
    pub(super) fn lines(&self, has_colour: bool) -> Vec<String> {
        if self.is_empty() {
            return Vec::new();
        }
        let widths: Vec<usize> = (0..self.head.len())
            .map(|column| {
                let cells = std::iter::once(&self.head).chain(&self.rows);
                cells.filter_map(|row| row.get(column)).map(Cell::width).max().unwrap_or_default()
            })
            .collect();
        let is_numeric = |column: usize| {
            let mut cells = self.rows.iter().filter_map(|row| row.get(column)).peekable();
            cells.peek().is_some() && cells.all(|cell| cell.is_number)
        };
        let right: Vec<bool> = (0..self.head.len()).map(is_numeric).collect();
        std::iter::once(&self.head)
            .chain(&self.rows)
            .map(|row| line(row, &widths, &right, has_colour))
            .collect()
    }
}

fn line(row: &[Cell], widths: &[usize], right: &[bool], has_colour: bool) -> String {
    let mut line = String::new();
    for (column, (width, right)) in widths.iter().zip(right).enumerate() {
        let (text, room) = match row.get(column) {
            Some(cell) => (toned(has_colour, cell.tone, &cell.text), width.saturating_sub(cell.width())),
            None => (String::new(), *width),
        };
        if column > 0 {
            line.push_str("  ");
        }
        let room = " ".repeat(room);
        line.push_str(&if *right { room + &text } else { text + &room });
    }
    line.truncate(line.trim_end().len());
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_numbers_stand_to_the_right() {
        let mut table = Table::new(&["SUBJECT", "LOCKS"]);
        table.row(["ada".into(), Cell::number(7)]);
        table.row(["somebody else".into(), Cell::number(12)]);
        table.row(["short".into()]);
        assert_eq!(
            table.lines(false),
            ["SUBJECT        LOCKS", "ada                7", "somebody else     12", "short"]
        );
    }

    #[test]
    fn colours_do_not_move_columns_and_an_empty_table_is_nothing() {
        let mut table = Table::new(&["A", "B"]);
        assert!(table.lines(true).is_empty());
        table.row([Cell::toned(Tone::Bad, "x"), "y".into()]);
        assert_eq!(table.lines(true)[1], "\u{1b}[31mx\u{1b}[0m  y");
    }
}
