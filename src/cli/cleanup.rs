//! `otp-sidecar cleanup`: what expiry did by itself, and the removal of what it cannot.

use clap::Args;
use serde_json::{Value, json};

use super::argument;
use super::change::ChangeFlags;
use super::client::{Client, wait_for};
use super::document::{flag, list, number, text};
use super::ending::Ending;
use super::output::{Cell, OutputFlags, Screen, Table, Tone};
use super::status::bytes;
use crate::config::access::AccessFlags;

pub(super) const EXAMPLES: &str = "\
Examples:
  otp-sidecar cleanup --dry-run
  otp-sidecar cleanup --reason 'evening, as every day'
  otp-sidecar cleanup --reason 'disk alert' --json | jq .after.held

Exit code: 0 if it is done or there was nothing to do, 1 if it did not come to the end, 2 if it could not run.";

/// How often a cleanup that did not come to the end is asked for again.
const MOST_ROUNDS: u32 = 10;

/// What is removed, with its field in the answer.
const REMOVED: [(&str, &str); 6] = [
    ("pendingRemoved", "people on the list of pending codes whose time was over"),
    ("lockedRemoved", "people on the list of locks whose time was over"),
    ("daysRemoved", "days of counts older than 400 days"),
    ("recordsRemoved", "records of operators older than 400 days"),
    ("expiriesSet", "keys without an end that got one"),
    ("expiredRemoved", "other entries whose time was over"),
];

/// Flags of `otp-sidecar cleanup`.
#[derive(Debug, Args)]
pub(super) struct CleanupFlags {
    /// Say what there is and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Why: one line, such as a ticket. It is kept with the cleanup; write no codes or addresses into it.
    #[arg(long, value_name = "TEXT", required_unless_present = "dry_run", value_parser = argument::note)]
    reason: Option<String>,
    /// Who [default: this system's user and host].
    #[arg(long, env = "OTP_SIDECAR_OPERATOR", value_name = "NAME", value_parser = argument::note)]
    by: Option<String>,
    #[command(flatten)]
    output: OutputFlags,
    #[command(flatten)]
    access: AccessFlags,
}

/// What was there, what was done, and what is left.
struct Done {
    before: Value,
    swept: Option<Value>,
    after: Option<Value>,
}

/// Cleans up.
pub(super) fn run(flags: CleanupFlags) -> anyhow::Result<Ending> {
    let CleanupFlags { dry_run, reason, by, output, access } = flags;
    let mut request = json!({});
    // Without a reason it is a dry run, and the request is not sent.
    ChangeFlags::new(reason.unwrap_or_default(), by).add_to(&mut request);
    let done = wait_for(async {
        let client = Client::reach(access).await?;
        let before = client.get("/-/inventory", &[]).await?;
        if dry_run {
            return Ok(Done { before, swept: None, after: None });
        }
        let swept = sweep(&client, &request).await?;
        let after = client.get("/-/inventory", &[]).await?;
        Ok(Done { before, swept: Some(swept), after: Some(after) })
    })?;
    let mut screen = Screen::new(output);
    if screen.is_json() {
        screen.json(&json!({ "before": done.before, "done": done.swept, "after": done.after }))?;
    } else {
        print(&mut screen, &done)?;
    }
    screen.flush()?;
    Ok(Ending::of(done.swept.is_some_and(|swept| !flag(&swept, "complete"))))
}

/// Asks until it came to the end, and adds up what was done.
async fn sweep(client: &Client, request: &Value) -> anyhow::Result<Value> {
    let mut all = client.post("/-/cleanup", request).await?;
    for _ in 1..MOST_ROUNDS {
        if flag(&all, "complete") {
            break;
        }
        let next = client.post("/-/cleanup", request).await?;
        for name in REMOVED.map(|(name, _)| name).into_iter().chain(["lookedAt"]) {
            all[name] = number(&all, name).saturating_add(number(&next, name)).into();
        }
        all["changed"] = (flag(&all, "changed") || flag(&next, "changed")).into();
        all["complete"] = flag(&next, "complete").into();
    }
    Ok(all)
}

fn print(screen: &mut Screen, done: &Done) -> std::io::Result<()> {
    expired(screen, done)?;
    match &done.swept {
        None => {
            let endless = number(&done.before, "withoutExpiry");
            screen.line(&format!("Dry run: nothing was changed. Keys without an end: {endless}."))?;
        }
        Some(swept) if flag(swept, "changed") => {
            screen.line("Removed what expiry cannot:")?;
            for (name, what) in REMOVED {
                let number = number(swept, name);
                if number > 0 {
                    screen.line(&format!("  {what}: {number}"))?;
                }
            }
        }
        Some(_) => screen.line("There was nothing else to remove.")?,
    }
    if done.swept.as_ref().is_some_and(|swept| !flag(swept, "complete")) {
        let remark = screen.toned(Tone::Warn, "It did not come to the end: run it again.");
        screen.line(&remark)?;
    }
    table(screen, done)
}

/// What expiry did by itself.
fn expired(screen: &mut Screen, done: &Done) -> std::io::Result<()> {
    let server = done.after.as_ref().unwrap_or(&done.before).get("server");
    let by_itself = server.and_then(|server| server.get("expiredKeys")).and_then(Value::as_u64);
    screen.line(&match by_itself {
        Some(keys) => {
            format!("Expiry has removed {keys} keys by itself since the start of Redis, of all its users.")
        }
        None if text(&done.before, "store") == "memory" => {
            "Memory is cleaned by the sidecar itself as it goes, and by this.".to_owned()
        }
        None => "Expiry removes keys by itself; Redis does not tell how many.".to_owned(),
    })
}

fn table(screen: &mut Screen, done: &Done) -> std::io::Result<()> {
    screen.title("What the state holds")?;
    let mut table = match done.after {
        Some(_) => Table::new(&["KIND", "BEFORE", "AFTER", "MEMORY AFTER"]),
        None => Table::new(&["KIND", "KEYS", "MEMORY"]),
    };
    let size = |kind: &Value| kind.get("bytes").and_then(Value::as_u64).map_or("–".to_owned(), bytes);
    for kind in list(&done.before, "held") {
        let name = text(kind, "kind");
        let mut cells = vec![Cell::from(name), Cell::number(number(kind, "keys"))];
        match &done.after {
            Some(after) => {
                let after = list(after, "held").iter().find(|after| text(after, "kind") == name);
                cells.push(Cell::number(after.map_or(0, |after| number(after, "keys"))));
                cells.push(Cell::number(after.map_or("–".to_owned(), size)));
            }
            None => cells.push(Cell::number(size(kind))),
        }
        table.row(cells);
    }
    screen.table(&table)
}
