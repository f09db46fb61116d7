//! With a log: how often in a span of time, from where, and in what pattern.

use std::io::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use super::TopFlags;
use crate::app::host::SystemClock;
use crate::cli::ending::Ending;
use crate::cli::explain::log;
use crate::cli::moment;
use crate::cli::output::{Cell, Screen, Table, Tone, visible};
use crate::config::duration;
use crate::domain::pattern::{Happening, Pattern, Patterns, Person, SPRAYED, Seen};
use crate::domain::time::{Clock as _, Timestamp};
use crate::telemetry::audit::reader::{AuditLine, ReadReport};

/// How many addresses are listed.
const SOURCES: usize = 10;

/// Ranks those whom the log tells of.
pub(super) fn run(flags: TopFlags) -> anyhow::Result<Ending> {
    let span = since(&flags.since).map_err(|problem| anyhow::anyhow!("--since: {problem}"))?;
    let from = SystemClock.now().minus(span);
    let mut seen: Vec<(Timestamp, AuditLine)> = Vec::new();
    let report = log::read(&flags.log, |line| {
        let is_about = flags.purpose.is_none() || line.purpose == flags.purpose;
        if let Some(at) = line.at().filter(|at| *at >= from && is_about)
            && what(&line).is_some()
        {
            seen.push((at, line));
        }
    })?;
    // Replicas have logs of their own, and each is in order only by itself.
    seen.sort_by_key(|(at, _)| *at);
    let mut patterns = Patterns::default();
    for (at, line) in &seen {
        if let (Some(who), Some(what)) = (line.subject.as_deref(), what(line)) {
            patterns.add(&Seen { at: *at, who, from: line.client.as_deref(), what });
        }
    }
    let mut screen = Screen::new(flags.output);
    let limit = usize::try_from(flags.limit).unwrap_or(usize::MAX);
    if screen.is_json() {
        screen.json(&to_json(&patterns, limit, from, &report))?;
    } else {
        print(&mut screen, &patterns, limit, span)?;
    }
    screen.flush()?;
    if let Some(remark) = log::remark(&report) {
        // Nobody can be told when standard error is closed.
        let _closed = writeln!(std::io::stderr(), "{}", visible(&remark));
    }
    Ok(Ending::Fine)
}

/// A time to look back, in days too.
fn since(text: &str) -> Result<Duration, String> {
    let Some(days) = text.strip_suffix('d') else { return duration::duration(text) };
    let days: u64 = days.parse().map_err(|_| format!("`{text}` is no time: write 24h or 30d"))?;
    let seconds = days.checked_mul(86_400).filter(|seconds| *seconds > 0);
    seconds.map(Duration::from_secs).ok_or_else(|| format!("`{text}` is out of range"))
}

/// What a line tells of a person, if it is about codes.
fn what(line: &AuditLine) -> Option<Happening> {
    if line.event != "decision" {
        return None;
    }
    match (line.action.as_deref(), line.reason.as_deref(), line.code.as_deref()) {
        (_, _, Some("wrong")) => Some(Happening::Wrong { locked: line.locks() }),
        (_, _, Some(_)) => Some(Happening::Right),
        (Some("send"), Some("issued"), _) => Some(Happening::Resent),
        (Some("verify"), Some("expired"), _) => Some(Happening::Expired),
        (_, Some("locked" | "disabled"), _) => Some(Happening::Refused),
        _ => None,
    }
}

fn to_json(patterns: &Patterns, limit: usize, from: Timestamp, report: &ReadReport) -> Value {
    let person = |(who, person): &(&str, &Person)| {
        json!({
            "subject": who,
            "locks": person.locks,
            "wrongCodes": person.wrong,
            "rightCodes": person.right,
            "expiredCodes": person.expired,
            "refusedWhileLocked": person.refused,
            "lastLock": person.last_lock.map(Timestamp::to_iso8601),
            "clients": person.from,
            "patterns": words(&patterns.of(person)),
        })
    };
    let sources = patterns.sources().into_iter().take(SOURCES).map(|(from, source)| {
        json!({
            "client": from,
            "people": source.people,
            "wrongCodes": source.wrong,
            "locks": source.locks,
            "sprays": source.people >= SPRAYED,
        })
    });
    json!({
        "since": from.to_iso8601(),
        "locks": patterns.locks(),
        "peopleLocked": patterns.people().len(),
        "people": patterns.people().iter().take(limit).map(person).collect::<Vec<_>>(),
        "clients": sources.collect::<Vec<_>>(),
        "locksInHour": patterns.locks_in_hour(),
        "log": log::to_json(report),
    })
}

fn words(patterns: &[Pattern]) -> Vec<&'static str> {
    patterns.iter().map(|pattern| pattern.as_str()).collect()
}

fn print(screen: &mut Screen, patterns: &Patterns, limit: usize, span: Duration) -> std::io::Result<()> {
    let people = patterns.people();
    if people.is_empty() {
        return screen.line(&format!("Nobody was locked in the last {}.", moment::lasting(span)));
    }
    screen.line(&format!(
        "{} locks of {} people in the last {}.",
        patterns.locks(),
        people.len(),
        moment::lasting(span)
    ))?;
    screen.title("Who")?;
    let mut table =
        Table::new(&["SUBJECT", "LOCKS", "WRONG", "RIGHT", "ADDRESSES", "LAST LOCK (UTC)", "PATTERN"]);
    for (who, person) in people.iter().take(limit) {
        let found = patterns.of(person);
        let told: Vec<&str> = found.iter().map(|pattern| shown(*pattern)).collect();
        table.row([
            Cell::from(*who),
            Cell::number(person.locks),
            Cell::number(person.wrong),
            Cell::number(person.right),
            Cell::number(person.from.len()),
            Cell::from(person.last_lock.map(moment::shown).unwrap_or_default()),
            Cell::toned(tone(&found), told.join(", ")),
        ]);
    }
    screen.table(&table)?;
    print_sources(screen, patterns)?;
    print_hours(screen, patterns)?;
    advise(screen, patterns)
}

fn shown(pattern: Pattern) -> &'static str {
    match pattern {
        Pattern::Sprayed => "sprayed: an address of theirs tries many people",
        Pattern::ManyAddresses => "from many addresses",
        Pattern::Burst => "faster than typing",
        Pattern::AfterResend => "after a resend",
        Pattern::AfterExpiry => "after an expired code",
        Pattern::Mistyped => "mistyped",
    }
}

fn tone(patterns: &[Pattern]) -> Tone {
    match patterns.first() {
        Some(Pattern::Sprayed | Pattern::ManyAddresses | Pattern::Burst) => Tone::Bad,
        Some(Pattern::AfterResend | Pattern::AfterExpiry) => Tone::Warn,
        _ => Tone::Plain,
    }
}

fn print_sources(screen: &mut Screen, patterns: &Patterns) -> std::io::Result<()> {
    let mut table = Table::new(&["ADDRESS", "PEOPLE", "WRONG", "LOCKS", ""]);
    for (from, source) in patterns.sources().into_iter().take(SOURCES) {
        let remark = if source.people >= SPRAYED { "sprays" } else { "" };
        table.row([
            Cell::from(from),
            Cell::number(source.people),
            Cell::number(source.wrong),
            Cell::number(source.locks),
            Cell::toned(Tone::Bad, remark),
        ]);
    }
    if table.is_empty() {
        return Ok(());
    }
    screen.title("From where wrong codes came")?;
    screen.table(&table)
}

/// One bar for each hour of the day in which a lock began.
fn print_hours(screen: &mut Screen, patterns: &Patterns) -> std::io::Result<()> {
    const WIDEST: u64 = 40;
    let hours = patterns.locks_in_hour();
    let most = hours.iter().copied().max().unwrap_or_default().max(1);
    screen.title("Locks by hour of the day (UTC)")?;
    for (hour, locks) in hours.iter().enumerate().filter(|(_, locks)| **locks > 0) {
        let bar = "█".repeat(usize::try_from((locks * WIDEST).div_ceil(most)).unwrap_or_default());
        screen.line(&format!("{hour:02}:00  {bar} {locks}"))?;
    }
    Ok(())
}

/// What the most frequent pattern asks for.
fn advise(screen: &mut Screen, patterns: &Patterns) -> std::io::Result<()> {
    let people = patterns.people();
    let with = |pattern| people.iter().filter(|(_, person)| patterns.of(person).contains(&pattern)).count();
    let advice = [
        (
            Pattern::Sprayed,
            "Somebody sprays: block these addresses at the ingress, and lower a limit by client_ip on the verify route.",
        ),
        (
            Pattern::ManyAddresses,
            "Accounts are attacked from many addresses: leave the locks alone and tell these people by another way.",
        ),
        (Pattern::Burst, "Codes come faster than anybody types: a script, or a front end that sends twice."),
        (
            Pattern::AfterResend,
            "People type the code of the mail before: raise code.live, or set resend.cooldown.",
        ),
        (
            Pattern::AfterExpiry,
            "Codes expire before people use them: look at mail delivery, or raise code.ttl (at most 10m).",
        ),
        (Pattern::Mistyped, "People mistype: lockout.after may be raised, at most to 5."),
    ];
    let worth = |pattern: Pattern| {
        with(pattern) > 0 && (with(pattern) * 3 >= people.len() || pattern == Pattern::Sprayed)
    };
    screen.title("What to do")?;
    for (pattern, text) in advice.into_iter().filter(|(pattern, _)| worth(*pattern)) {
        screen.line(&format!("{} of {} people: {text}", with(pattern), people.len()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_look_back_may_be_in_days() {
        assert_eq!(since("30d"), Ok(Duration::from_secs(30 * 86_400)));
        assert_eq!(since("24h"), Ok(Duration::from_secs(86_400)));
        for bad in ["d", "0d", "-1d", "30", "99999999999999999999d", "18446744073709551615d"] {
            assert!(since(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn decisions_are_told_by_what_they_mean_for_a_lock() {
        let line = |fields: &str| {
            let text = format!(r#"{{"v":1,"event":"decision","time":"2026-11-22T15:07:00.000Z",{fields}}}"#);
            what(&serde_json::from_str(&text).unwrap())
        };
        let lock = r#""code":"wrong","lock":{"before":null,"after":"2026-11-22T15:22:00.000Z"}"#;
        assert_eq!(line(lock), Some(Happening::Wrong { locked: true }));
        assert_eq!(line(r#""code":"wrong""#), Some(Happening::Wrong { locked: false }));
        assert_eq!(line(r#""code":"right""#), Some(Happening::Right));
        assert_eq!(line(r#""action":"send","reason":"issued""#), Some(Happening::Resent));
        assert_eq!(line(r#""action":"verify","reason":"expired""#), Some(Happening::Expired));
        assert_eq!(line(r#""action":"fund","reason":"locked""#), Some(Happening::Refused));
        assert_eq!(line(r#""action":"fund","reason":"admitted""#), None);
    }
}
