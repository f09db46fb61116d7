//! `otp-sidecar limits reset`.

use clap::Args;
use serde_json::{Value, json};

use super::WhoseFlags;
use crate::cli::change::ChangeFlags;
use crate::cli::document::{list, number, text};
use crate::cli::ending::Ending;
use crate::cli::output::{Cell, Screen, Table};

pub(super) const EXAMPLES: &str = "\
Examples:
  otp-sidecar limits reset --subject 65f1c0ffee --reason 'ticket 4711: test account'
  otp-sidecar limits reset --subject 65f1c0ffee --limit send-hour --reason 'ticket 4711'
  otp-sidecar limits reset --client 192.0.2.7 --reason 'office network behind one address'
  otp-sidecar limits reset --everyone --limit all-sends --reason 'after the load test'

What is counted for one address together with a person is reset with both: --subject and --client.";

/// Flags of `otp-sidecar limits reset`.
#[derive(Debug, Args)]
pub(super) struct ResetFlags {
    #[command(flatten)]
    whose: WhoseFlags,
    #[command(flatten)]
    change: ChangeFlags,
}

/// Empties limits, and shows what they had counted.
pub(super) fn run(flags: ResetFlags) -> anyhow::Result<Ending> {
    let ResetFlags { whose, change } = flags;
    anyhow::ensure!(
        whose.is_someone(),
        "whose counts are to be forgotten? Give --subject, --client, both, or --everyone"
    );
    let mut request = json!({});
    for (name, value) in whose.fields() {
        request[name] = Value::from(value);
    }
    if whose.everyone {
        request["everyone"] = Value::from(true);
    }
    change.ask("/-/limits/reset", request, print)?;
    Ok(Ending::Fine)
}

fn print(screen: &mut Screen, done: &Value) -> std::io::Result<()> {
    let reset = list(done, "reset");
    if reset.is_empty() {
        return screen.line("The policy in force has no limit that counts by that. Nothing was changed.");
    }
    let mut table = Table::new(&["LIMIT", "PURPOSE", "BEFORE", "AFTER", "OF"]);
    for limit in reset {
        table.row([
            Cell::from(text(limit, "limit")),
            Cell::from(text(limit, "purpose")),
            Cell::number(number(limit, "forgotten")),
            Cell::number(0),
            Cell::number(number(limit, "max")),
        ]);
    }
    screen.table(&table)
}
