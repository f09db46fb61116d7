//! `otp-sidecar status`: the morning and the weekly checks in one screen.

mod gather;
mod json;
mod text;

use clap::Args;

pub(super) use text::bytes;

use super::client::{Client, wait_for};
use super::ending::Ending;
use super::output::{OutputFlags, Screen};
use crate::config::access::AccessFlags;
use crate::domain::checkup;
use crate::domain::finding::Finding;

pub(super) const EXAMPLES: &str = "\
Examples:
  otp-sidecar status --admin-token-file /etc/otp/admin-token
  otp-sidecar status --state-file /etc/otp/state --policies /etc/otp/policies
  otp-sidecar status --json | jq -r '.findings[] | .message'

Exit code: 0 if all is well, 1 if something needs a look, 2 if nobody could be asked.";

/// Flags of `otp-sidecar status`.
#[derive(Debug, Args)]
pub(super) struct StatusFlags {
    #[command(flatten)]
    output: OutputFlags,
    #[command(flatten)]
    access: AccessFlags,
}

/// Looks at everything, and says what needs a look.
pub(super) fn run(flags: StatusFlags) -> anyhow::Result<Ending> {
    let StatusFlags { output, access } = flags;
    let seen = wait_for(async {
        let client = Client::reach(access).await?;
        gather::gather(&client).await
    })?;
    let findings = checkup::findings(&seen.observed());
    let mut screen = Screen::new(output);
    if screen.is_json() {
        screen.json(&json::document(&seen, &findings))?;
    } else {
        text::print(&mut screen, &seen, &findings)?;
    }
    screen.flush()?;
    Ok(Ending::of(findings.iter().any(Finding::is_problem)))
}
