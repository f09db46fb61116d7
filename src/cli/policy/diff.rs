//! `otp-sidecar policy diff`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use serde_json::{Value, json};

use super::Ending;
use crate::cli::output::{Cell, OutputFlags, Screen, Table, Tone};
use crate::cli::without_secrets;
use crate::policy::difference::{Difference, Effect, differences};
use crate::policy::snapshot::PolicySnapshot;

pub(super) const EXAMPLES: &str = "\
Examples:
  otp-sidecar policy diff policies/ /tmp/new-policies/
  git worktree add /tmp/main main && otp-sidecar policy diff /tmp/main/policies policies --json

The exit code is 0 when both do the same, 1 when they differ, 2 when one cannot be read.";

/// Flags of `policy diff`.
#[derive(Debug, Args)]
pub(in crate::cli) struct DiffFlags {
    /// The policies as they are: a file or a folder.
    #[arg(value_name = "WAS")]
    was: PathBuf,

    /// The policies as they would be.
    #[arg(value_name = "NOW")]
    now: PathBuf,

    #[command(flatten)]
    output: OutputFlags,
}

/// Prints what differs.
pub(super) fn run(flags: &DiffFlags) -> anyhow::Result<Ending> {
    let (was, now) = (load(&flags.was)?, load(&flags.now)?);
    let found = differences(&was, &now);
    let mut screen = Screen::new(flags.output);
    if screen.is_json() {
        screen.json(&json!({
            "was": was.hash.as_str(),
            "now": now.hash.as_str(),
            "differences": found.iter().map(to_json).collect::<Vec<_>>(),
        }))?;
    } else {
        show(&found, &mut screen)?;
    }
    screen.flush()?;
    Ok(Ending::of(!found.is_empty()))
}

/// The policies at a path; their secrets need not be here.
pub(super) fn load(path: &Path) -> anyhow::Result<Arc<PolicySnapshot>> {
    let loaded = without_secrets::load(path);
    loaded.map(Arc::new).with_context(|| format!("{} cannot be used", path.display()))
}

fn show(found: &[Difference], screen: &mut Screen) -> std::io::Result<()> {
    if found.is_empty() {
        return screen.line("Both policies do the same.");
    }
    let mut table = Table::new(&["WHERE", "WAS", "NOW", "EFFECT"]);
    for difference in found {
        table.row([
            difference.path.as_str().into(),
            shown(difference.was.as_deref()),
            shown(difference.now.as_deref()),
            Cell::toned(tone(difference.effect), difference.effect.as_str()),
        ]);
    }
    screen.table(&table)?;
    let count = |effect| found.iter().filter(|difference| difference.effect == effect).count();
    screen.line(&format!(
        "\n{} stricter, {} looser, {} changed",
        count(Effect::Stricter),
        count(Effect::Looser),
        count(Effect::Other)
    ))
}

fn shown(value: Option<&str>) -> Cell {
    value.map_or_else(|| Cell::toned(Tone::Dim, "-"), Cell::from)
}

fn tone(effect: Effect) -> Tone {
    match effect {
        Effect::Stricter => Tone::Good,
        Effect::Looser => Tone::Warn,
        Effect::Other => Tone::Plain,
    }
}

fn to_json(difference: &Difference) -> Value {
    json!({
        "path": difference.path,
        "was": difference.was,
        "now": difference.now,
        "effect": difference.effect.as_str(),
    })
}
