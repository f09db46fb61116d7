//! `locks top --log`: who, how often, from where, and in what pattern.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::{assert_golden, run};
use crate::support::sidecar::Folder;

/// One decision, some minutes before now.
fn line(minutes_ago: u64, subject: &str, client: &str, fields: Value) -> String {
    use otp_sidecar::app::host::SystemClock;
    use otp_sidecar::domain::time::Clock as _;
    let at = SystemClock.now().minus(std::time::Duration::from_secs(minutes_ago * 60));
    let mut line = json!({
        "v": 1, "event": "decision", "time": at.to_iso8601(), "decision_id": "0".repeat(32), "route": "verify",
        "action": "verify", "subject": subject, "client": client, "purpose": "wallet_funding",
    });
    for (name, value) in fields.as_object().unwrap() {
        line[name] = value.clone();
    }
    line.to_string() + "\n"
}

fn wrong() -> Value {
    json!({ "code": "wrong", "reason": "invalid", "outcome": "refused", "lock": { "before": null, "after": null } })
}

fn lock() -> Value {
    let lock = json!({ "before": null, "after": "2026-11-22T15:22:00.000Z" });
    json!({ "code": "wrong", "reason": "invalid", "outcome": "refused", "lock": lock })
}

/// One address that tries six people, one who mistypes, one whose codes expire; half a line at the end.
fn written() -> Folder {
    let folder = Folder::new();
    let mut text = String::new();
    for person in 0..6 {
        text += &line(300, &format!("victim-{person}"), "#1111111111111111", lock());
    }
    for minutes in [200, 190] {
        text += &line(minutes, "clumsy", "#2222222222222222", wrong());
    }
    text += &line(180, "clumsy", "#2222222222222222", lock());
    text += &line(30, "clumsy", "#2222222222222222", lock());
    text += &line(29, "clumsy", "#2222222222222222", json!({ "reason": "locked", "outcome": "refused" }));
    text += &line(100, "late", "#3333333333333333", json!({ "reason": "expired", "outcome": "refused" }));
    text += &line(98, "late", "#3333333333333333", lock());
    text += &line(60 * 24 * 40, "long-ago", "#4444444444444444", lock());
    text += r#"{"v":1,"event":"decision","time":"2026-11-2"#;
    folder.write("audit.jsonl", &text);
    folder
}

/// Without the bars: at which hour a test runs is nobody's business.
fn without_hours(out: &str) -> String {
    out.lines().filter(|line| !line.contains('█')).map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_log_tells_who_how_often_from_where_and_in_what_pattern() {
    let folder = written();
    let log = folder.path().join("audit.jsonl").display().to_string();
    let top = run(&["locks", "top", "--log", &log], &[], "");
    assert_eq!(top.code, 0, "{}", top.err);
    assert_golden("locks_top.txt", &without_hours(&top.out));
    assert!(top.err.contains("1 lines that are no audit lines"), "{}", top.err);
    let found = run(&["locks", "top", "--log", &log, "--json", "--limit", "1"], &[], "").json();
    assert_eq!((&found["locks"], &found["peopleLocked"]), (&json!(9), &json!(8)));
    assert_eq!(found["people"].as_array().unwrap().len(), 1);
    assert_eq!(found["people"][0]["subject"], "clumsy");
    assert_eq!((&found["clients"][0]["people"], &found["clients"][0]["sprays"]), (&json!(6), &json!(true)));
    let longer = run(&["locks", "top", "--log", &log, "--json", "--since", "60d"], &[], "").json();
    assert_eq!(longer["peopleLocked"], 9);
}

#[test]
fn a_log_may_come_through_a_pipe_and_replicas_have_one_each() {
    let folder = written();
    let path = folder.path().join("audit.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    let piped = run(&["locks", "top", "--log", "-", "--json"], &[], &text).json();
    assert_eq!(piped["peopleLocked"], 8);
    let path = path.display().to_string();
    let both = run(&["locks", "top", "--log", &path, "--log", "-", "--json"], &[], &text).json();
    assert_eq!((&both["locks"], &both["peopleLocked"]), (&json!(18), &json!(8)));
}

#[test]
fn rotated_and_compressed_files_belong_to_the_log() {
    let folder = Folder::new();
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(line(90, "first", "#1111111111111111", lock()).as_bytes()).unwrap();
    let packed = packer.finish().unwrap();
    std::fs::write(folder.path().join("audit.jsonl.20261122T150700123Z.gz"), packed).unwrap();
    let plain = |name: &str, who: &str| folder.write(name, &line(60, who, "#1111111111111111", lock()));
    plain("audit.jsonl.20261122T160700123Z", "second");
    plain("audit.jsonl", "third");
    plain("audit.jsonl.old", "no part of it");
    let log = folder.path().join("audit.jsonl").display().to_string();
    let found = run(&["locks", "top", "--log", &log, "--json"], &[], "").json();
    assert_eq!((&found["peopleLocked"], &found["log"]["files"]), (&json!(3), &json!(3)), "{found}");
}

#[test]
fn only_the_purpose_that_is_wanted_counts() {
    let folder = written();
    let log = folder.path().join("audit.jsonl").display().to_string();
    let other = run(&["locks", "top", "--log", &log, "--purpose", "wallet_deduction"], &[], "");
    assert!(other.code == 0 && other.out.contains("Nobody was locked in the last 30d."), "{}", other.out);
}
