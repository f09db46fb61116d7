//! The status for a terminal.

use std::io;

use serde_json::Value;

use super::gather::{Seen, moment, seconds};
use crate::cli::document::{list, number, text};
use crate::cli::finding;
use crate::cli::moment::{lasting, shown};
use crate::cli::output::{Cell, Screen, Table, Tone};
use crate::domain::finding::Finding;

/// Prints it.
pub(super) fn print(screen: &mut Screen, seen: &Seen, findings: &[Finding]) -> io::Result<()> {
    let asked = screen.toned(Tone::Dim, &format!("Asked: {}", seen.place));
    screen.line(&asked)?;
    for line in sidecar(seen).into_iter().chain(state(seen)).chain(errors(seen)) {
        let (name, value) = line;
        let name = screen.toned(Tone::Bold, &format!("{name:<10}"));
        let value = screen.toned(Tone::Plain, &value);
        screen.line(&format!("{name}{value}"))?;
    }
    people(screen, seen)?;
    held(screen, seen)?;
    for sentence in seen.unknown() {
        let sentence = screen.toned(Tone::Warn, &format!("not known  {sentence}"));
        screen.line("")?;
        screen.line(&sentence)?;
    }
    screen.title("Findings")?;
    finding::print(screen, findings)
}

type Line = (&'static str, String);

fn sidecar(seen: &Seen) -> Vec<Line> {
    let Some(health) = &seen.health else { return Vec::new() };
    let part = |name: &str| health.get(name).unwrap_or(&Value::Null);
    let (policy, email, outbox) = (part("policy"), part("email_service"), part("outbox"));
    let reload = policy.get("lastReload").unwrap_or(&Value::Null);
    let at = moment(policy, "lastReload", "at").map(|at| format!(", last read {} UTC", shown(at)));
    let stopping = if part("draining").as_bool() == Some(true) { ", stopping" } else { "" };
    let since = crate::cli::moment::of(email, "since").map(|since| format!(" since {} UTC", shown(since)));
    let last = crate::cli::moment::of(email, "lastErrorAt")
        .map(|at| format!(", last error {} on {} UTC", text(email, "lastError"), shown(at)));
    let oldest = outbox.get("oldestSeconds").and_then(seconds).filter(|oldest| !oldest.is_zero());
    let oldest = oldest.map(|oldest| format!(", the oldest for {}", lasting(oldest)));
    let prints: Vec<&str> = list(health, "codeKeyPrints").iter().filter_map(Value::as_str).collect();
    vec![
        ("sidecar", format!("{} ({}){stopping}", text(health, "version"), text(health, "commit"))),
        (
            "policy",
            format!(
                "{}, {} routes, {}{}",
                text(policy, "hash"),
                number(policy, "routes"),
                text(reload, "result"),
                at.unwrap_or_default()
            ),
        ),
        ("code keys", prints.join(", ")),
        (
            "e-mail",
            format!("{}{}{}", text(email, "status"), since.unwrap_or_default(), last.unwrap_or_default()),
        ),
        ("messages", format!("{} waiting{}", number(outbox, "messages"), oldest.unwrap_or_default())),
    ]
}

fn state(seen: &Seen) -> Vec<Line> {
    let Some(inventory) = &seen.inventory else {
        let state = seen.health.as_ref().and_then(|health| health.get("state")).unwrap_or(&Value::Null);
        return vec![("state", format!("does not answer ({})", text(state, "reason")))];
    };
    let latency = inventory.get("latencySeconds").and_then(seconds).unwrap_or_default();
    let latency = format!("{:.1} ms", latency.as_secs_f64() * 1_000.0);
    let server = inventory.get("server").filter(|server| server.is_object());
    let Some(server) = server else {
        return vec![("state", format!("{}, {latency}", text(inventory, "store")))];
    };
    let used = server.get("usedMemory").and_then(Value::as_u64).map_or("unknown".to_owned(), bytes);
    let most = match server.get("maxMemory").and_then(Value::as_u64) {
        Some(0) => " of as much as there is".to_owned(),
        Some(most) => format!(" of {}", bytes(most)),
        None => String::new(),
    };
    vec![
        (
            "state",
            format!(
                "{} {}, {latency}, {}",
                text(inventory, "store"),
                text(server, "version"),
                text(server, "role")
            ),
        ),
        ("memory", format!("{used}{most}, when it is full: {}", or_unknown(text(server, "eviction")))),
        ("on disk", persistence(server.get("persistence").unwrap_or(&Value::Null))),
        (
            "keys",
            format!(
                "{} expired and {} evicted since its start, of all its users",
                counter(server, "expiredKeys"),
                counter(server, "evictedKeys")
            ),
        ),
    ]
}

fn or_unknown(text: &str) -> &str {
    if text.is_empty() { "unknown" } else { text }
}

fn counter(server: &Value, name: &str) -> String {
    server.get(name).and_then(Value::as_u64).map_or("unknown".to_owned(), |number| number.to_string())
}

fn persistence(persistence: &Value) -> String {
    let word = |name: &str| match persistence.get(name).and_then(Value::as_bool) {
        Some(true) => "yes",
        Some(false) => "no",
        None => "unknown",
    };
    let save = match persistence.get("save").and_then(Value::as_str) {
        Some("") => "never".to_owned(),
        Some(save) => save.to_owned(),
        None => "unknown".to_owned(),
    };
    let last = crate::cli::moment::of(persistence, "rdbAt");
    let last = last.map(|at| format!(", the last on {} UTC", shown(at))).unwrap_or_default();
    format!("appendonly {}, snapshots {save}{last}", word("aof"))
}

fn errors(seen: &Seen) -> Vec<Line> {
    let Some(recent) = &seen.recent else { return Vec::new() };
    let told: Vec<String> = recent.errors.iter().map(|(word, times)| format!("{times} {word}")).collect();
    let told = if told.is_empty() { "none".to_owned() } else { told.join(", ") };
    let covers = "in all replicas of this state, as they wrote them every few seconds";
    vec![("errors", format!("{told} since {} UTC, {covers}", shown(recent.since)))]
}

fn people(screen: &mut Screen, seen: &Seen) -> io::Result<()> {
    let Some(census) = &seen.census else { return Ok(()) };
    screen.title("Codes and people now")?;
    let mut table = Table::new(&["PURPOSE", "PENDING CODES", "LOCKED ACCOUNTS"]);
    for purpose in list(census, "purposes") {
        table.row([
            Cell::from(text(purpose, "purpose")),
            Cell::number(number(purpose, "pending")),
            Cell::number(number(purpose, "locked")),
        ]);
    }
    screen.table(&table)
}

fn held(screen: &mut Screen, seen: &Seen) -> io::Result<()> {
    let Some(inventory) = &seen.inventory else { return Ok(()) };
    screen.title("What the state holds")?;
    let mut table = Table::new(&["KIND", "KEYS", "MEMORY"]);
    for kind in list(inventory, "held") {
        let size = kind.get("bytes").and_then(Value::as_u64).map_or("–".to_owned(), bytes);
        table.row([Cell::from(text(kind, "kind")), Cell::number(number(kind, "keys")), Cell::number(size)]);
    }
    screen.table(&table)?;
    if inventory.get("complete").and_then(Value::as_bool) == Some(false) {
        let remark = screen.toned(Tone::Dim, "Not every key was looked at: the numbers are too low.");
        screen.line(&remark)?;
    }
    Ok(())
}

/// `1.5 MiB`.
pub(in crate::cli) fn bytes(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = "B";
    for next in units {
        if value < 1_024.0 {
            break;
        }
        value /= 1_024.0;
        unit = next;
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn sizes_have_the_unit_that_fits() {
        for (size, text) in [(0, "0 B"), (1_023, "1023 B"), (1_536, "1.5 KiB"), (5 << 30, "5.0 GiB")] {
            assert_eq!(bytes(size), text);
        }
    }
}
