//! `otp-sidecar challenges list`.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::argument;
use crate::cli::client::{Client, PageFlags, Pages, wait_for};
use crate::cli::document::{flag, list, text};
use crate::cli::ending::Ending;
use crate::cli::moment;
use crate::cli::output::{Cell, OutputFlags, Screen, Table, Tone};
use crate::config::access::AccessFlags;

pub(super) const EXAMPLES: &str = "\
Examples:
  otp-sidecar challenges list --admin-token-file /etc/otp/admin-token
  otp-sidecar challenges list --subject 65f1c0ffee
  otp-sidecar challenges list --purpose wallet_funding --limit 1000 --json | jq '.challenges | length'";

/// Flags of `otp-sidecar challenges list`.
#[derive(Debug, Args)]
pub(super) struct ListFlags {
    /// Only this purpose.
    #[arg(long, value_name = "NAME")]
    purpose: Option<String>,
    /// Only this person, with expired codes that are still remembered.
    #[arg(long, value_name = "SUBJECT", value_parser = argument::subject)]
    subject: Option<String>,
    #[command(flatten)]
    page: PageFlags,
    #[command(flatten)]
    output: OutputFlags,
    #[command(flatten)]
    access: AccessFlags,
}

/// Lists pending codes.
pub(super) fn run(flags: ListFlags) -> anyhow::Result<Ending> {
    let ListFlags { purpose, subject, page, output, access } = flags;
    let filters = [("purpose", purpose.as_deref()), ("subject", subject.as_deref())];
    let query: Vec<_> = filters.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let pages = wait_for(async {
        let client = Client::reach(access).await?;
        client.pages("/-/challenges", &query, "challenges", page.limit).await
    })?;
    let mut screen = Screen::new(output);
    if screen.is_json() {
        let (at, more) = (pages.rest.get("at"), pages.has_more);
        screen.json(&json!({ "at": at, "challenges": pages.entries, "more": more }))?;
    } else {
        print(&mut screen, &pages)?;
    }
    screen.flush()?;
    Ok(Ending::Fine)
}

fn print(screen: &mut Screen, pages: &Pages) -> std::io::Result<()> {
    if pages.entries.is_empty() {
        return screen.line("No code is pending.");
    }
    let now = moment::of(&pages.rest, "at").unwrap_or_default();
    let mut table = Table::new(&["SUBJECT", "PURPOSE", "REFERENCE", "STATE", "CODES", "EXPIRES (UTC)"]);
    for challenge in &pages.entries {
        let expires = moment::of(challenge, "expiresAt").map(|at| moment::beside(at, now));
        table.row([
            Cell::from(text(challenge, "subject")),
            Cell::from(text(challenge, "purpose")),
            Cell::from(text(challenge, "reference")),
            state(challenge),
            Cell::number(list(challenge, "codes").iter().filter(|code| !flag(code, "expired")).count()),
            Cell::from(expires.unwrap_or_default()),
        ]);
    }
    screen.table(&table)?;
    if pages.has_more {
        let remark = format!("There are more: these are {} (--limit).", pages.entries.len());
        let remark = screen.toned(Tone::Dim, &remark);
        screen.line(&remark)?;
    }
    Ok(())
}

/// Whether a right code would pass now.
fn state(challenge: &Value) -> Cell {
    let is_live = list(challenge, "codes").iter().any(|code| !flag(code, "expired"));
    match (text(challenge, "phase"), is_live) {
        ("live", true) => Cell::toned(Tone::Good, "live"),
        ("live", false) => Cell::toned(Tone::Dim, "expired"),
        (other, _) => Cell::toned(Tone::Warn, other),
    }
}
