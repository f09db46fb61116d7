//! `otp-sidecar policy show`.

mod document;
mod tables;
mod words;

use anyhow::bail;
use clap::Args;

use super::Ending;
use super::source::{LoadedSet, SetFlags, load};
use crate::cli::output::{OutputFlags, Screen};
use crate::policy::compile::Compiled;
use crate::policy::snapshot::PolicySnapshot;

pub(super) const EXAMPLES: &str = "\
Examples:
  otp-sidecar policy show
  otp-sidecar policy show deploy/policies --json | jq '.routes[] | {name, limits}'";

/// What to show.
#[derive(Debug, Args)]
pub(in crate::cli) struct ShowFlags {
    #[command(flatten)]
    set: SetFlags,

    #[command(flatten)]
    output: OutputFlags,
}

/// Shows a set.
pub(super) fn run(flags: &ShowFlags) -> anyhow::Result<Ending> {
    let LoadedSet { compiled, .. } = load(&flags.set)?;
    let Compiled { snapshot, .. } = match compiled {
        Ok(compiled) => compiled,
        Err(errors) => bail!(
            "the policies in {} cannot be used; `otp-sidecar policy check` explains: {}",
            flags.set.path.display(),
            errors.summary()
        ),
    };
    let mut screen = Screen::new(flags.output);
    if screen.is_json() {
        screen.json(&document::to_json(&snapshot))?;
    } else {
        print(&snapshot, &mut screen)?;
    }
    screen.flush()?;
    Ok(Ending::Fine)
}

fn print(set: &PolicySnapshot, screen: &mut Screen) -> anyhow::Result<()> {
    screen.line(&format!("hash {}", set.hash))?;
    screen.title("Routes")?;
    screen.table(&tables::routes(set))?;
    if !set.purposes.is_empty() {
        screen.title("Purposes")?;
        screen.table(&tables::purposes(set))?;
    }
    if !set.limits.is_empty() {
        screen.title("Limits")?;
        screen.table(&tables::limits(set))?;
    }
    screen.title("Who is calling, and who may see")?;
    screen.table(&tables::around(set))?;
    Ok(())
}
