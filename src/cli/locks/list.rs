//! `otp-sidecar locks list`.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::client::{Client, PageFlags, Pages, wait_for};
use crate::cli::document::{flag, number, text};
use crate::cli::ending::Ending;
use crate::cli::moment;
use crate::cli::output::{Cell, OutputFlags, Screen, Table, Tone};
use crate::config::access::AccessFlags;
use crate::domain::time::Timestamp;

pub(super) const EXAMPLES: &str = "\
Examples:
  otp-sidecar locks list --admin-token-file /etc/otp/admin-token
  otp-sidecar locks list --purpose wallet_funding --json | jq -r '.locks[].subject'
  otp-sidecar locks list --state-file /etc/otp/state --policies /etc/otp/policies";

/// Flags of `otp-sidecar locks list`.
#[derive(Debug, Args)]
pub(super) struct ListFlags {
    /// Only this purpose.
    #[arg(long, value_name = "NAME")]
    purpose: Option<String>,
    #[command(flatten)]
    page: PageFlags,
    #[command(flatten)]
    output: OutputFlags,
    #[command(flatten)]
    access: AccessFlags,
}

/// Lists who is locked.
pub(super) fn run(flags: ListFlags) -> anyhow::Result<Ending> {
    let ListFlags { purpose, page, output, access } = flags;
    let query: Vec<(&str, &str)> = purpose.iter().map(|purpose| ("purpose", purpose.as_str())).collect();
    let pages = wait_for(async {
        let client = Client::reach(access).await?;
        client.pages("/-/locks", &query, "locks", page.limit).await
    })?;
    let mut screen = Screen::new(output);
    if screen.is_json() {
        screen
            .json(&json!({ "at": pages.rest.get("at"), "locks": pages.entries, "more": pages.has_more }))?;
    } else {
        print(&mut screen, &pages)?;
    }
    screen.flush()?;
    Ok(Ending::Fine)
}

fn print(screen: &mut Screen, pages: &Pages) -> std::io::Result<()> {
    if pages.entries.is_empty() {
        return screen.line("Nobody is locked.");
    }
    let now = moment::of(&pages.rest, "at").unwrap_or_default();
    let mut table =
        Table::new(&["SUBJECT", "PURPOSE", "LOCKED UNTIL (UTC)", "FAILURES IN A ROW", "LOCKS IN A ROW"]);
    for lock in &pages.entries {
        table.row([
            Cell::from(text(lock, "subject")),
            Cell::from(text(lock, "purpose")),
            until(lock, now),
            Cell::number(number(lock, "consecutiveFailures")),
            Cell::number(number(lock, "locksInARow")),
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

/// Until when somebody is locked.
pub(super) fn until(account: &Value, now: Timestamp) -> Cell {
    if flag(account, "disabled") {
        return Cell::toned(Tone::Bad, "disabled until cleared");
    }
    match moment::of(account, "lockedUntil") {
        Some(until) => Cell::toned(Tone::Warn, moment::beside(until, now)),
        None => Cell::from("not locked"),
    }
}
