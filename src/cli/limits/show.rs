//! `otp-sidecar limits show`.

use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::WhoseFlags;
use crate::cli::client::{Client, wait_for};
use crate::cli::document::{list, number, text};
use crate::cli::ending::Ending;
use crate::cli::locks::show::add_limit;
use crate::cli::moment;
use crate::cli::output::{Cell, OutputFlags, Screen, Table};
use crate::config::access::AccessFlags;

pub(super) const EXAMPLES: &str = "\
Examples:
  otp-sidecar limits show --admin-token-file /etc/otp/admin-token
  otp-sidecar limits show --subject 65f1c0ffee
  otp-sidecar limits show --client 192.0.2.7
  otp-sidecar limits show --everyone";

/// Flags of `otp-sidecar limits show`.
#[derive(Debug, Args)]
pub(super) struct ShowFlags {
    #[command(flatten)]
    whose: WhoseFlags,
    #[command(flatten)]
    output: OutputFlags,
    #[command(flatten)]
    access: AccessFlags,
}

/// Shows limits.
pub(super) fn run(flags: ShowFlags) -> anyhow::Result<Ending> {
    let ShowFlags { whose, output, access } = flags;
    let is_someone = whose.is_someone();
    if !is_someone && !whose.fields().is_empty() {
        anyhow::bail!("whose counts? Give --subject, --client, both, or --everyone");
    }
    let mut query = whose.fields();
    if whose.everyone {
        query.push(("everyone", "true"));
    }
    let path = if is_someone { "/-/limits/usage" } else { "/-/limits" };
    let shown = wait_for(async {
        let client = Client::reach(access).await?;
        client.get(path, &query).await
    })?;
    let mut screen = Screen::new(output);
    if screen.is_json() {
        screen.json(&shown)?;
    } else if is_someone {
        print_usage(&mut screen, &shown)?;
    } else {
        print_rules(&mut screen, &shown)?;
    }
    screen.flush()?;
    Ok(Ending::Fine)
}

fn print_usage(screen: &mut Screen, usage: &Value) -> std::io::Result<()> {
    let limits = list(usage, "limits");
    if limits.is_empty() {
        return screen.line("The policy in force has no limit that counts by that.");
    }
    let now = moment::of(usage, "at").unwrap_or_default();
    let mut table = Table::new(&["LIMIT", "PURPOSE", "USED", "OF", "PER", "ROOM AGAIN (UTC)"]);
    limits.iter().for_each(|limit| add_limit(&mut table, limit, now));
    screen.table(&table)
}

fn print_rules(screen: &mut Screen, rules: &Value) -> std::io::Result<()> {
    let mut table = Table::new(&["LIMIT", "MAX", "PER", "BY", "COUNTS", "USED BY"]);
    let words = |limit: &Value, name: &str| {
        let words: Vec<&str> = list(limit, name).iter().filter_map(Value::as_str).collect();
        Cell::from(words.join(", "))
    };
    for limit in list(rules, "limits") {
        table.row([
            Cell::from(text(limit, "limit")),
            Cell::number(number(limit, "max")),
            Cell::from(lasting(limit, "perSeconds")),
            words(limit, "by"),
            Cell::from(text(limit, "count")),
            words(limit, "usedBy"),
        ]);
    }
    screen.table(&table)?;
    screen.title("Lockouts")?;
    let mut table = Table::new(&["PURPOSE", "AFTER", "FOR", "TIMES", "AT MOST", "DISABLED AFTER"]);
    for purpose in list(rules, "purposes") {
        let lockout = purpose.get("lockout").cloned().unwrap_or_default();
        table.row([
            Cell::from(text(purpose, "purpose")),
            Cell::number(number(&lockout, "after")),
            Cell::from(lasting(&lockout, "forSeconds")),
            Cell::number(number(&lockout, "escalate")),
            Cell::from(lasting(&lockout, "atMostSeconds")),
            Cell::number(number(&lockout, "disableAfter")),
        ]);
    }
    screen.table(&table)
}

fn lasting(document: &Value, name: &str) -> String {
    let seconds = document.get(name).and_then(Value::as_f64).unwrap_or_default();
    moment::lasting(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}
