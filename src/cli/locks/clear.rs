//! `otp-sidecar locks clear`.

use clap::Args;
use serde_json::{Value, json};

use super::list::until;
use crate::cli::argument;
use crate::cli::change::ChangeFlags;
use crate::cli::client::{Client, wait_for};
use crate::cli::document::{flag, list, number, text};
use crate::cli::ending::Ending;
use crate::cli::moment;
use crate::cli::output::{Cell, OutputFlags, Screen, Table, Tone};
use crate::config::access::AccessFlags;

pub(super) const EXAMPLES: &str = "\
Examples:
  otp-sidecar locks clear --subject 65f1c0ffee --reason 'ticket 4711: called in, identity checked'
  otp-sidecar locks clear --subject 65f1c0ffee --purpose wallet_funding --reason 'load test' --by 'on-call'";

/// Flags of `otp-sidecar locks clear`.
#[derive(Debug, Args)]
pub(super) struct ClearFlags {
    /// The person: the claim of the token that the policy takes for the subject.
    #[arg(long, value_name = "SUBJECT", value_parser = argument::subject)]
    subject: String,
    /// Only this purpose; without it, all of them.
    #[arg(long, value_name = "NAME")]
    purpose: Option<String>,
    #[command(flatten)]
    change: ChangeFlags,
    #[command(flatten)]
    output: OutputFlags,
    #[command(flatten)]
    access: AccessFlags,
}

/// Clears locks, and shows what there was.
pub(super) fn run(flags: ClearFlags) -> anyhow::Result<Ending> {
    let ClearFlags { subject, purpose, change, output, access } = flags;
    let mut request = json!({ "subject": subject });
    if let Some(purpose) = purpose {
        request["purpose"] = Value::from(purpose);
    }
    change.add_to(&mut request);
    let done = wait_for(async {
        let client = Client::reach(access).await?;
        client.post("/-/locks/clear", &request).await
    })?;
    let mut screen = Screen::new(output);
    if screen.is_json() {
        screen.json(&done)?;
    } else {
        print(&mut screen, &done)?;
    }
    screen.flush()?;
    Ok(Ending::Fine)
}

fn print(screen: &mut Screen, done: &Value) -> std::io::Result<()> {
    let subject = screen.toned(Tone::Bold, text(done, "subject"));
    let cleared = list(done, "cleared");
    if !cleared.iter().any(|purpose| flag(purpose, "changed")) {
        return screen.line(&format!("{subject}: there was nothing to clear. Nothing was changed."));
    }
    let now = moment::of(done, "at").unwrap_or_default();
    screen.line(&format!("{subject}: cleared."))?;
    let mut table = Table::new(&["PURPOSE", "WHAT", "BEFORE", "AFTER"]);
    for purpose in cleared {
        let (name, before) = (text(purpose, "purpose"), purpose.get("before").cloned().unwrap_or_default());
        table.row([Cell::from(name), Cell::from("lock"), until(&before, now), Cell::from("not locked")]);
        for (what, field) in [
            ("failures", "failures"),
            ("failures in a row", "consecutiveFailures"),
            ("locks in a row", "locksInARow"),
        ] {
            let before = number(&before, field).to_string();
            table.row([Cell::from(name), Cell::from(what), Cell::from(before), Cell::from("0")]);
        }
        for limit in list(purpose, "forgiven") {
            let what = format!("limit {}", text(limit, "limit"));
            let before = number(limit, "events").to_string();
            table.row([Cell::from(name), Cell::from(what), Cell::from(before), Cell::from("0")]);
        }
    }
    screen.table(&table)
}
