//! What commands print: text for people, or one JSON document for programs.
//!
//! The result goes to standard output; progress and remarks go to standard error. What others wrote, such
//! as the subject of a token, is never sent to a terminal as it is: it could hold control characters.

mod progress;
mod table;

use std::io::{self, IsTerminal as _, Write};

use clap::{Args, ValueEnum};
use serde::Serialize;

pub(super) use progress::Progress;
pub(super) use table::{Cell, Table};

/// How a command answers.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct OutputFlags {
    /// Print one JSON document instead of text.
    #[arg(long)]
    pub(super) json: bool,

    /// When to use colours. Never with the NO_COLOR variable set.
    #[arg(long, value_enum, default_value_t = When::Auto, value_name = "WHEN")]
    pub(super) color: When,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum When {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What a piece of text is to the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// As it is.
    Plain,
    /// A title.
    Bold,
    /// Beside the point.
    Dim,
    /// As it should be.
    Good,
    /// Worth a look.
    Warn,
    /// Wrong.
    Bad,
}

impl Tone {
    /// The SGR parameter of ECMA-48.
    fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Bold => Some("1"),
            Self::Dim => Some("2"),
            Self::Good => Some("32"),
            Self::Warn => Some("33"),
            Self::Bad => Some("31"),
        }
    }
}

/// Where a command prints.
pub(super) struct Screen {
    out: Box<dyn Write + Send>,
    is_json: bool,
    has_colour: bool,
}

impl Screen {
    /// Standard output.
    pub(super) fn new(flags: OutputFlags) -> Self {
        let has_colour = match flags.color {
            When::Always => true,
            When::Never => false,
            When::Auto => io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        };
        let out = Box::new(io::BufWriter::new(io::stdout()));
        Self { out, is_json: flags.json, has_colour: has_colour && !flags.json }
    }

    /// A file, without colours.
    pub(super) fn file(file: std::fs::File) -> Self {
        Self { out: Box::new(io::BufWriter::new(file)), is_json: false, has_colour: false }
    }

    /// Whether one JSON document is wanted.
    pub(super) fn is_json(&self) -> bool {
        self.is_json
    }

    /// The text in a tone, with control characters made visible.
    pub(super) fn toned(&self, tone: Tone, text: &str) -> String {
        toned(self.has_colour, tone, &visible(text))
    }

    /// A line as it is: what others wrote must have gone through [`visible`] or [`Screen::toned`].
    pub(super) fn line(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.out, "{line}")
    }

    /// A title, after an empty line.
    pub(super) fn title(&mut self, title: &str) -> io::Result<()> {
        let title = self.toned(Tone::Bold, title);
        writeln!(self.out, "\n{title}")
    }

    /// A table; nothing when it has no rows.
    pub(super) fn table(&mut self, table: &Table) -> io::Result<()> {
        let lines = table.lines(self.has_colour);
        lines.iter().try_for_each(|line| self.line(line))
    }

    /// The one JSON document.
    pub(super) fn json(&mut self, document: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut self.out, document)?;
        writeln!(self.out)
    }

    /// Hands everything on. Without it an error while writing would be lost.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn toned(has_colour: bool, tone: Tone, text: &str) -> String {
    match tone.code() {
        Some(code) if has_colour => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        _ => text.to_owned(),
    }
}

/// The text with control characters and what changes the direction of writing as escapes.
pub(super) fn visible(text: &str) -> String {
    let is_hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(is_hidden) {
        return text.to_owned();
    }
    text.chars().map(|c| if is_hidden(c) { c.escape_unicode().to_string() } else { c.to_string() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_cannot_steer_a_terminal() {
        assert_eq!(visible("\u{1b}[2Jada\r\n"), "\\u{1b}[2Jada\\u{d}\\u{a}");
        assert_eq!(visible("ada\u{202e}gro.elpmaxe"), "ada\\u{202e}gro.elpmaxe");
        assert_eq!(visible("Ærøskøbing ✓"), "Ærøskøbing ✓");
    }

    #[test]
    fn tones_show_only_where_there_is_colour() {
        assert_eq!(toned(false, Tone::Bad, "no"), "no");
        assert_eq!(toned(true, Tone::Bad, "no"), "\u{1b}[31mno\u{1b}[0m");
        assert_eq!(toned(true, Tone::Plain, "as it is"), "as it is");
    }
}
