//! Without a log: those who are locked now, by how often they failed in a row.

use serde_json::{Value, json};

use super::TopFlags;
use crate::cli::client::{Client, wait_for};
use crate::cli::document::{flag, number, text};
use crate::cli::ending::Ending;
use crate::cli::locks::list::until;
use crate::cli::moment;
use crate::cli::output::{Cell, Screen, Table, Tone};

/// The most people that are looked at.
const LOOKED_AT: u32 = 100_000;

const HINT: &str = "Only those who are locked right now. With --log AUDIT: how often in the last 30 days, from which \
                    addresses, at what hours, and whether somebody sprays, mail is slow or people mistype.";

/// Ranks those who are locked now.
pub(super) fn run(flags: TopFlags) -> anyhow::Result<Ending> {
    let TopFlags { purpose, limit, output, access, .. } = flags;
    let query: Vec<(&str, &str)> = purpose.iter().map(|purpose| ("purpose", purpose.as_str())).collect();
    let pages = wait_for(async {
        let client = Client::reach(access).await?;
        client.pages("/-/locks", &query, "locks", LOOKED_AT).await
    })?;
    let now = moment::of(&pages.rest, "at").unwrap_or_default();
    let mut people = pages.entries;
    let locked = people.len();
    let rank = |lock: &Value| {
        (flag(lock, "disabled"), number(lock, "consecutiveFailures"), number(lock, "locksInARow"))
    };
    people.sort_by(|a, b| rank(b).cmp(&rank(a)).then_with(|| text(a, "subject").cmp(text(b, "subject"))));
    people.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let mut screen = Screen::new(output);
    if screen.is_json() {
        screen.json(
            &json!({ "at": pages.rest.get("at"), "lockedNow": locked, "people": people, "remark": HINT }),
        )?;
    } else {
        let mut table =
            Table::new(&["SUBJECT", "PURPOSE", "FAILURES IN A ROW", "LOCKS IN A ROW", "LOCKED UNTIL (UTC)"]);
        for lock in &people {
            table.row([
                Cell::from(text(lock, "subject")),
                Cell::from(text(lock, "purpose")),
                Cell::number(number(lock, "consecutiveFailures")),
                Cell::number(number(lock, "locksInARow")),
                until(lock, now),
            ]);
        }
        if table.is_empty() {
            screen.line("Nobody is locked.")?;
        }
        screen.table(&table)?;
        let hint = screen.toned(Tone::Dim, HINT);
        screen.line(&hint)?;
    }
    screen.flush()?;
    Ok(Ending::Fine)
}
