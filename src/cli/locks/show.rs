//! `otp-sidecar locks show`: everything live about one person.

use clap::Args;
use serde_json::Value;

use super::list::until;
use crate::cli::argument;
use crate::cli::client::{Client, wait_for};
use crate::cli::document::{flag, list, number, text};
use crate::cli::ending::Ending;
use crate::cli::moment;
use crate::cli::output::{Cell, OutputFlags, Screen, Table, Tone};
use crate::config::access::AccessFlags;
use crate::domain::time::Timestamp;

pub(super) const EXAMPLES: &str = "\
Examples:
  otp-sidecar locks show --subject 65f1c0ffee --admin-token-file /etc/otp/admin-token
  otp-sidecar locks show --subject 65f1c0ffee --json";

/// Flags of `otp-sidecar locks show`.
#[derive(Debug, Args)]
pub(super) struct ShowFlags {
    /// The person: the claim of the token that the policy takes for the subject.
    #[arg(long, value_name = "SUBJECT", value_parser = argument::subject)]
    subject: String,
    #[command(flatten)]
    output: OutputFlags,
    #[command(flatten)]
    access: AccessFlags,
}

/// Shows one person.
pub(super) fn run(flags: ShowFlags) -> anyhow::Result<Ending> {
    let ShowFlags { subject, output, access } = flags;
    let account = wait_for(async {
        let client = Client::reach(access).await?;
        client.get("/-/accounts", &[("subject", &subject)]).await
    })?;
    let mut screen = Screen::new(output);
    if screen.is_json() {
        screen.json(&account)?;
    } else {
        print(&mut screen, &account)?;
    }
    screen.flush()?;
    Ok(Ending::Fine)
}

/// What is live about one person, as `GET /-/accounts` tells it.
pub(in crate::cli) fn print(screen: &mut Screen, account: &Value) -> std::io::Result<()> {
    let now = moment::of(account, "at").unwrap_or_default();
    let title = screen.toned(Tone::Bold, text(account, "subject"));
    screen.line(&title)?;
    print_purposes(screen, account, now)?;
    print_codes(screen, account, now)?;
    print_limits(screen, account, now)?;
    print_operations(screen, account)
}

fn print_purposes(screen: &mut Screen, account: &Value, now: Timestamp) -> std::io::Result<()> {
    screen.title("Failures and locks")?;
    let mut table = Table::new(&["PURPOSE", "LOCKED UNTIL (UTC)", "FAILURES", "IN A ROW", "LOCKS IN A ROW"]);
    for purpose in list(account, "purposes") {
        table.row([
            Cell::from(text(purpose, "purpose")),
            until(purpose, now),
            Cell::number(number(purpose, "failures")),
            Cell::number(number(purpose, "consecutiveFailures")),
            Cell::number(number(purpose, "locksInARow")),
        ]);
    }
    screen.table(&table)
}

fn print_codes(screen: &mut Screen, account: &Value, now: Timestamp) -> std::io::Result<()> {
    screen.title("Codes")?;
    let mut table = Table::new(&["PURPOSE", "REFERENCE", "STATE", "ISSUED (UTC)", "EXPIRES (UTC)", "KEY"]);
    let challenges = list(account, "purposes").iter().filter_map(|purpose| purpose.get("challenge"));
    for challenge in challenges.filter(|challenge| challenge.is_object()) {
        add_codes(&mut table, challenge, now);
    }
    if table.is_empty() {
        return screen.line("None is pending.");
    }
    screen.table(&table)
}

/// One row for each code of a challenge.
pub(in crate::cli) fn add_codes(table: &mut Table, challenge: &Value, now: Timestamp) {
    for code in list(challenge, "codes") {
        let at = |name| moment::of(code, name).unwrap_or_default();
        let expires = moment::beside(at("expiresAt"), now);
        let state = match (text(challenge, "phase"), flag(code, "expired")) {
            ("live", true) => Cell::toned(Tone::Dim, "expired"),
            ("live", false) => Cell::toned(Tone::Good, "live"),
            (other, _) => Cell::toned(Tone::Warn, other),
        };
        table.row([
            Cell::from(text(challenge, "purpose")),
            Cell::from(text(challenge, "reference")),
            state,
            Cell::from(moment::shown(at("issuedAt"))),
            Cell::from(expires),
            Cell::from(text(code, "key")),
        ]);
    }
}

fn print_limits(screen: &mut Screen, account: &Value, now: Timestamp) -> std::io::Result<()> {
    screen.title("Limits by person")?;
    let mut table = Table::new(&["LIMIT", "PURPOSE", "USED", "OF", "PER", "ROOM AGAIN (UTC)"]);
    list(account, "limits").iter().for_each(|limit| add_limit(&mut table, limit, now));
    screen.table(&table)
}

/// One row for how full a limit is.
pub(in crate::cli) fn add_limit(table: &mut Table, limit: &Value, now: Timestamp) {
    let per = limit.get("perSeconds").and_then(Value::as_f64).unwrap_or_default();
    let room = match moment::of(limit, "opensAt") {
        Some(opens) => Cell::toned(Tone::Warn, moment::beside(opens, now)),
        None => Cell::toned(Tone::Good, "now"),
    };
    table.row([
        Cell::from(text(limit, "limit")),
        Cell::from(text(limit, "purpose")),
        Cell::number(number(limit, "used")),
        Cell::number(number(limit, "max")),
        Cell::from(moment::lasting(std::time::Duration::from_secs_f64(per.max(0.0)))),
        room,
    ]);
}

fn print_operations(screen: &mut Screen, account: &Value) -> std::io::Result<()> {
    let operations = list(account, "operations");
    if operations.is_empty() {
        return Ok(());
    }
    screen.title("What operators did")?;
    let mut table = Table::new(&["AT (UTC)", "WHAT", "ABOUT", "CHANGED", "BY", "REASON"]);
    for operation in operations {
        let about = ["purpose", "limit"].map(|name| text(operation, name));
        table.row([
            Cell::from(moment::of(operation, "at").map(moment::shown).unwrap_or_default()),
            Cell::from(text(operation, "operation")),
            Cell::from(about.join(" ").trim()),
            Cell::from(if flag(operation, "changed") { "yes" } else { "no" }),
            Cell::from(text(operation, "by")),
            Cell::from(text(operation, "reason")),
        ]);
    }
    screen.table(&table)
}
