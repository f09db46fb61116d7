//! What a replay found, for people and for programs.

use std::io;

use serde_json::{Value, json};

use super::log::Read;
use crate::cli::output::{Cell, Screen, Table, Tone};
use crate::domain::time::Timestamp;
use crate::policy::replay::{Report, Tallied};
use crate::policy::snapshot::PolicySnapshot;

/// How wide the longest bar of the histogram is.
const BAR: u64 = 30;
/// More hours than this are shown as days.
const HOURS: usize = 72;

/// Prints it.
pub(super) fn show(
    report: &Report,
    read: &Read,
    top: usize,
    was: Option<&PolicySnapshot>,
    screen: &mut Screen,
) -> io::Result<()> {
    let all = report.all;
    let span = match (report.first, report.last) {
        (Some(first), Some(last)) => format!(" from {} to {}", first.to_iso8601(), last.to_iso8601()),
        _ => String::new(),
    };
    screen.line(&format!("{} decisions{span}", all.decisions))?;
    if read.broken + read.unknown > 0 {
        let skipped = format!(
            "{} lines skipped: {} broken, {} unknown",
            read.broken + read.unknown,
            read.broken,
            read.unknown
        );
        let skipped = screen.toned(Tone::Dim, &skipped);
        screen.line(&skipped)?;
    }
    other_policies(report, was, screen)?;
    let mut table = Table::new(&["", "DECISIONS", "SHARE"]);
    for (what, count, tone) in [
        ("the same", all.decisions - all.different() - all.unknown, Tone::Plain),
        ("newly refused", all.refused, Tone::Bad),
        ("newly let through", all.allowed, Tone::Warn),
        ("refused otherwise", all.otherwise, Tone::Plain),
        ("unknown", all.unknown, Tone::Dim),
    ] {
        table.row([Cell::toned(tone, what), Cell::number(count), share(count, all.decisions).into()]);
    }
    screen.line("")?;
    screen.table(&table)?;
    screen.line(&format!("\nlocks: {} then, {} now", report.locks_then, report.locks_now))?;
    by_rule(report, screen)?;
    by_route(report, screen)?;
    by_subject(report, top, screen)?;
    over_time(report, screen)?;
    doubts(report, screen)
}

fn other_policies(report: &Report, was: Option<&PolicySnapshot>, screen: &mut Screen) -> io::Result<()> {
    let Some(was) = was else { return Ok(()) };
    let others: u64 = report
        .policies
        .iter()
        .filter(|(hash, _)| ***hash != *was.hash.as_str())
        .map(|(_, count)| count)
        .sum();
    if others == 0 {
        return Ok(());
    }
    let remark = format!("{others} of them were made by another policy than --policy-was");
    let remark = screen.toned(Tone::Warn, &remark);
    screen.line(&remark)
}

fn by_rule(report: &Report, screen: &mut Screen) -> io::Result<()> {
    if report.changes.is_empty() {
        return Ok(());
    }
    screen.title("By rule")?;
    let mut table = Table::new(&["THEN", "NOW", "DECISIONS"]);
    let mut changes: Vec<_> = report.changes.iter().collect();
    changes.sort_by(|(a, x), (b, y)| y.cmp(x).then_with(|| a.cmp(b)));
    for ((then, now), count) in changes {
        table.row([(&**then).into(), (&**now).into(), Cell::number(count)]);
    }
    screen.table(&table)
}

fn by_route(report: &Report, screen: &mut Screen) -> io::Result<()> {
    if report.routes.is_empty() {
        return Ok(());
    }
    screen.title("By route")?;
    let mut table = Table::new(&["ROUTE", "DECISIONS", "REFUSED", "LET THROUGH", "OTHERWISE", "UNKNOWN"]);
    for (route, tallied) in &report.routes {
        table.row(row(route, *tallied));
    }
    screen.table(&table)
}

fn row(name: &str, tallied: Tallied) -> [Cell; 6] {
    let Tallied { decisions, refused, allowed, otherwise, unknown } = tallied;
    [
        name.into(),
        Cell::number(decisions),
        Cell::number(refused),
        Cell::number(allowed),
        Cell::number(otherwise),
        Cell::number(unknown),
    ]
}

fn by_subject(report: &Report, top: usize, screen: &mut Screen) -> io::Result<()> {
    let subjects = report.top(top);
    if subjects.is_empty() {
        return Ok(());
    }
    screen.title(&format!("By subject: {} of {}", subjects.len(), report.subjects.len()))?;
    let mut table = Table::new(&["SUBJECT", "REFUSED", "LET THROUGH", "OTHERWISE"]);
    for (subject, tallied) in subjects {
        table.row([
            subject.as_str().into(),
            Cell::number(tallied.refused),
            Cell::number(tallied.allowed),
            Cell::number(tallied.otherwise),
        ]);
    }
    screen.table(&table)
}

fn over_time(report: &Report, screen: &mut Screen) -> io::Result<()> {
    if report.all.different() + report.all.unknown == 0 {
        return Ok(());
    }
    let by_day = report.hours.len() > HOURS;
    let mut slots: std::collections::BTreeMap<String, Tallied> = std::collections::BTreeMap::new();
    for (hour, tallied) in &report.hours {
        let begin = Timestamp::from_millis(hour * 3_600_000).to_iso8601();
        let (day, time) = begin.split_once('T').unwrap_or((&begin, ""));
        let name =
            if by_day { day.to_owned() } else { format!("{day} {}", time.get(..5).unwrap_or_default()) };
        let slot = slots.entry(name).or_default();
        slot.decisions += tallied.decisions;
        slot.refused += tallied.refused;
        slot.allowed += tallied.allowed;
        slot.otherwise += tallied.otherwise;
        slot.unknown += tallied.unknown;
    }
    screen.title(if by_day { "By day" } else { "By hour" })?;
    let most = slots.values().map(Tallied::different).max().unwrap_or_default().max(1);
    let mut table = Table::new(&["UTC", "DECISIONS", "REFUSED", "LET THROUGH", "OTHERWISE", "UNKNOWN", ""]);
    for (name, tallied) in &slots {
        let bar = "#".repeat(usize::try_from((tallied.different() * BAR).div_ceil(most)).unwrap_or_default());
        table.row(row(name, *tallied).into_iter().chain([bar.into()]));
    }
    screen.table(&table)
}

fn doubts(report: &Report, screen: &mut Screen) -> io::Result<()> {
    if report.doubts.is_empty() {
        return Ok(());
    }
    screen.title("Unknown, because")?;
    let mut table = Table::new(&["REASON", "DECISIONS"]);
    for (doubt, count) in &report.doubts {
        table.row([doubt.meaning().into(), Cell::number(count)]);
    }
    screen.table(&table)
}

fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "-".to_owned();
    }
    format!("{:.2} %", part as f64 * 100.0 / whole as f64)
}

/// The document for programs.
pub(super) fn json(
    report: &Report,
    read: &Read,
    top: usize,
    policy: &PolicySnapshot,
    was: Option<&PolicySnapshot>,
) -> Value {
    let all = report.all;
    json!({
        "policy": policy.hash.as_str(),
        "policyWas": was.map(|was| was.hash.as_str()),
        "from": report.first.map(Timestamp::to_iso8601),
        "to": report.last.map(Timestamp::to_iso8601),
        "lines": { "read": read.lines, "broken": read.broken, "unknown": read.unknown },
        "decisions": tallied(all),
        "same": all.decisions - all.different() - all.unknown,
        "locks": { "then": report.locks_then, "now": report.locks_now },
        "changedOutside": report.resets,
        "byRule": report.changes.iter().map(|((then, now), count)| {
            json!({ "then": &**then, "now": &**now, "decisions": count })
        }).collect::<Vec<_>>(),
        "byRoute": report.routes.iter().map(|(route, of)| named("route", route, *of)).collect::<Vec<_>>(),
        "bySubject": report.top(top).into_iter().map(|(subject, of)| named("subject", subject.as_str(), of))
            .collect::<Vec<_>>(),
        "subjects": report.subjects.len(),
        "byHour": report.hours.iter().map(|(hour, of)| {
            named("hour", &Timestamp::from_millis(hour * 3_600_000).to_iso8601(), *of)
        }).collect::<Vec<_>>(),
        "unknown": report.doubts.iter().map(|(doubt, count)| {
            json!({ "reason": doubt.as_str(), "decisions": count })
        }).collect::<Vec<_>>(),
        "policies": report.policies.iter().map(|(hash, count)| {
            json!({ "policy": &**hash, "decisions": count })
        }).collect::<Vec<_>>(),
    })
}

fn tallied(of: Tallied) -> Value {
    json!({
        "all": of.decisions,
        "refused": of.refused,
        "letThrough": of.allowed,
        "otherwise": of.otherwise,
        "unknown": of.unknown,
    })
}

fn named(key: &str, name: &str, of: Tallied) -> Value {
    let mut row = tallied(of);
    if let Some(fields) = row.as_object_mut() {
        fields.insert(key.to_owned(), Value::from(name));
    }
    row
}
