//! `otp-sidecar man`: a manual page for the program and one for each command.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use super::ending::Ending;

pub(super) const EXAMPLES: &str = "\
Examples:
  otp-sidecar man --out /usr/local/share/man/man1
  otp-sidecar man | man -l -";

/// Flags of `otp-sidecar man`.
#[derive(Debug, Args)]
pub(super) struct ManFlags {
    /// Write one page for each command into this folder, which is made when it is missing. Without it, the
    /// page of the program is printed.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Prints or writes the pages.
pub(super) fn run(flags: &ManFlags, command: clap::Command) -> anyhow::Result<Ending> {
    let mut command = command.disable_help_subcommand(true);
    // Gives every command its whole name, such as `otp-sidecar-mail-test`.
    command.build();
    match &flags.out {
        Some(folder) => {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
            write_all(&command, folder)?;
        }
        None => {
            let mut out = std::io::stdout().lock();
            out.write_all(&page(&command)?)?;
            out.flush()?;
        }
    }
    Ok(Ending::Fine)
}

fn write_all(command: &clap::Command, folder: &Path) -> anyhow::Result<()> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let path = folder.join(format!("{name}.1"));
    std::fs::write(&path, page(command)?).with_context(|| format!("cannot write {}", path.display()))?;
    let shown = command.get_subcommands().filter(|command| !command.is_hide_set());
    shown.into_iter().try_for_each(|command| write_all(command, folder))
}

fn page(command: &clap::Command) -> anyhow::Result<Vec<u8>> {
    let examples = command.get_after_help().map(ToString::to_string);
    let version = concat!("otp-sidecar ", env!("CARGO_PKG_VERSION"));
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone().after_help(None::<&str>)).source(version).render(&mut page)?;
    let mut page = String::from_utf8_lossy(&page).into_owned();
    page.push_str(&environment(command));
    if let Some(text) = examples {
        page.push_str(".SH EXAMPLES\n.nf\n");
        let text = text.strip_prefix("Examples:\n").unwrap_or(&text);
        text.lines().for_each(|line| page.push_str(&format!("{}\n", as_it_is(line))));
        page.push_str(".fi\n");
    }
    Ok(ascii(&page).into_bytes())
}

/// The variables that stand for flags; empty when there are none.
fn environment(command: &clap::Command) -> String {
    let named =
        command.get_arguments().filter_map(|flag| Some((flag.get_env()?.to_str()?, flag.get_long()?)));
    let entries: String = named
        .map(|(variable, flag)| {
            format!(".TP\n\\fB{}\\fR\nthe same as \\-\\-{}\n", as_it_is(variable), as_it_is(flag))
        })
        .collect();
    if entries.is_empty() { entries } else { format!(".SH ENVIRONMENT\n{entries}") }
}

/// A line that roff prints as it is: no escapes, no requests, and hyphens that can be copied.
fn as_it_is(line: &str) -> String {
    let line = line.replace('\\', "\\e").replace('-', "\\-");
    if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line }
}

/// Characters outside ASCII as escapes: not every roff reads UTF-8.
fn ascii(page: &str) -> String {
    page.chars()
        .map(|c| if c.is_ascii() { c.to_string() } else { format!("\\[u{:04X}]", u32::from(c)) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_an_example_is_never_a_request() {
        for (line, expected) in
            [("  --out \\", "  \\-\\-out \\e"), (".so x", "\\&.so x"), ("'x", "\\&'x"), ("plain", "plain")]
        {
            assert_eq!(as_it_is(line), expected);
        }
    }

    #[test]
    fn characters_outside_ascii_are_escapes() {
        assert_eq!(ascii("a…b"), "a\\[u2026]b");
    }
}
