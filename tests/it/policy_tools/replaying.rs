//! `policy replay`.

use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::{DATA, assert_golden, run, run_with};
use crate::support::audit::AuditFile;
use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::random::Random;
use crate::support::sidecar::{Folder, PATIENCE, Start, mailbox, next_code};
use crate::support::wait::until;

const LOG: &str = "tests/data/cli/policy-changes/audit.jsonl";

fn replay(logs: &[&str], policy: &str, more: &[&str]) -> (i32, Value) {
    let mut arguments = vec!["policy", "replay", "--json", "--policy", policy];
    arguments.extend(logs.iter().flat_map(|log| ["--log", *log]));
    arguments.extend(more);
    let ended = run(&arguments);
    (ended.code, serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("{}{}", ended.out, ended.err)))
}

/// Somebody who asks, guesses and looks, in no order.
async fn live(client: Client, number: u64, deeds: usize) {
    let mut random = Random::new(number);
    let email = format!("u{number}@example.com");
    let mut reference = "nothing-here".to_owned();
    for _ in 0..deeds {
        match random.below(8) {
            0..2 => {
                let answer = client.fund(5).await.json();
                reference = answer["transactionReference"].as_str().map_or(reference, str::to_owned);
            }
            2 => drop(client.send("wallet_funding", &email).await),
            3..6 => drop(client.verify(&reference, "000000").await),
            6 => drop(client.status("wallet_funding").await),
            _ => drop(client.with_token("nonsense").status("wallet_funding").await),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_made_under_load_tells_of_no_difference_under_its_own_policy() {
    let (backend, mailbox, folder) = (Backend::start().await, mailbox().await, Folder::new());
    let audit = AuditFile::in_folder(folder.path());
    let sidecar = Start::before(&backend.url())
        .mail(&mailbox)
        .flag("--audit", &audit.0)
        .flag("--audit-max-size", "64KiB")
        .ready();
    // One who has the code, before all others' mails.
    let jane = sidecar.client().as_user("jane");
    let reference = jane.fund(5).await.json()["transactionReference"].as_str().unwrap().to_owned();
    assert_eq!(jane.verify(&reference, &next_code(&mailbox).await).await.status, 200);
    let people = (0..8).map(|number| {
        let client = sidecar.client().as_user(&format!("u{number}"));
        tokio::spawn(live(client, number, 60))
    });
    for person in people.collect::<Vec<_>>() {
        person.await.unwrap();
    }
    let decisions = 8 * 60 + 2;
    until("all lines are there", PATIENCE, async || audit.events("decision").len() == decisions).await;
    sidecar.signal("-TERM");
    sidecar.ended().await;

    let mut files = audit.rotated();
    for file in &mut files {
        if !file.exists() {
            *file = format!("{}.gz", file.display()).into();
        }
    }
    files.push(audit.0.clone());
    assert!(files.len() > 2, "nothing was rotated");
    let logs: Vec<&str> = files.iter().map(|file| file.to_str().unwrap()).collect();
    for was in [&[][..], &["--policy-was", "policies"][..]] {
        let (code, found) = replay(&logs, "policies", was);
        assert_eq!(
            (code, &found["decisions"]["all"], &found["same"]),
            (0, &json!(decisions), &json!(decisions)),
            "{found:#}"
        );
        assert_eq!(found["lines"]["broken"], 0);
        assert_eq!(found["locks"]["then"], found["locks"]["now"]);
    }
    let limit = "send-burst:   { max: 3,";
    let stricter = Folder::with_shipped(&[(limit, "send-burst:   { max: 2,")]);
    let (code, found) = replay(&logs, stricter.path().to_str().unwrap(), &["--policy-was", "policies"]);
    // Exactly those who had a third code in one minute would not have had it.
    let is_third = |line: &Value| {
        let limits = line["limits"].as_array().into_iter().flatten();
        let third = |limit: &Value| limit["limit"] == "send-burst" && limit["after"] == 3;
        line["outcome"] == "allowed" && limits.into_iter().any(third)
    };
    let third = audit.events("decision").into_iter().filter(|line| is_third(line)).count();
    assert!(third > 0);
    assert_eq!(code, 1, "{found:#}");
    let by_rule = found["byRule"].as_array().unwrap();
    let flips = by_rule.iter().find(|row| row["then"] == "allowed").unwrap();
    assert_eq!(
        (&flips["now"], &flips["decisions"]),
        (&json!("limits.send-burst"), &json!(third)),
        "{found:#}"
    );
    assert_eq!(found["decisions"]["letThrough"], 0);
}

#[test]
fn the_report_says_by_rule_by_subject_and_over_time_what_would_be_different() {
    let folder = stricter();
    let ended = run(&["policy", "replay", "--log", LOG, "--policy", folder.path().to_str().unwrap()]);
    assert_eq!((ended.code, ended.err.as_str()), (1, ""));
    assert_golden("replay.txt", &ended.out);
    let (code, mut document) = replay(&[LOG], folder.path().to_str().unwrap(), &["--top", "1"]);
    assert_eq!(code, 1);
    assert_eq!(document["policy"].take().as_str().unwrap().len(), 16);
    assert_golden("replay.json", &format!("{document:#}\n"));
}

/// Fewer codes, and a lock that comes sooner.
fn stricter() -> Folder {
    Folder::with_shipped(&[
        ("send-burst:   { max: 3,", "send-burst:   { max: 2,"),
        ("lockout:  { after: 3, for: 15m,", "lockout:  { after: 2, for: 15m,"),
    ])
}

#[test]
fn only_what_is_asked_for_is_reported() {
    let policy = stricter();
    let policy = policy.path().to_str().unwrap();
    let all = replay(&[LOG], policy, &[]).1;
    let late = replay(&[LOG], policy, &["--from", "2026-01-17T11:00:00Z"]).1;
    let early = replay(&[LOG], policy, &["--to", "2026-01-17T11:00:00Z"]).1;
    let count = |found: &Value| found["decisions"]["all"].as_u64().unwrap();
    assert!(count(&late) > 0 && count(&early) > 0);
    assert_eq!(count(&late) + count(&early), count(&all));
    let (code, nothing) = replay(&[LOG], policy, &["--since", "1h"]);
    assert_eq!((code, count(&nothing)), (0, 0));
}

#[test]
fn archives_pipes_and_logs_in_any_order_are_the_same_log() {
    let folder = Folder::new();
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(LOG)).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let (first, second) = lines.split_at(lines.len() / 2);
    let mut archive = GzEncoder::new(Vec::new(), Compression::fast());
    archive.write_all((first.join("\n") + "\n").as_bytes()).unwrap();
    let archive = archive.finish().unwrap();
    let (packed, plain) = (folder.path().join("audit.jsonl.old.gz"), folder.path().join("audit.jsonl"));
    std::fs::write(&packed, &archive).unwrap();
    std::fs::write(&plain, second.join("\n") + "\n").unwrap();
    let policy = stricter();
    let policy = policy.path().to_str().unwrap();
    let whole = replay(&[LOG], policy, &[]);
    let (packed, plain) = (packed.to_str().unwrap(), plain.to_str().unwrap());
    assert_eq!(replay(&[plain, packed], policy, &[]), whole);
    let piped = run_with(&["policy", "replay", "--json", "--policy", policy, "--log", "-"], text.as_bytes());
    assert_eq!((piped.code, serde_json::from_str::<Value>(&piped.out).unwrap()), whole);
    // An archive that was cut off counts as far as it goes.
    std::fs::write(folder.path().join("cut.gz"), &archive[..archive.len() / 2]).unwrap();
    let cut = replay(&[folder.path().join("cut.gz").to_str().unwrap()], policy, &[]).1;
    assert_eq!(cut["lines"]["broken"], 1, "{cut:#}");
}

#[test]
fn what_is_no_line_is_counted_and_passed_over() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(LOG)).unwrap();
    let clean = replay(&[LOG], "policies", &[]).1;
    let half = &text[..text.find('\n').unwrap() / 2];
    let long = "x".repeat(200_000);
    let noise = format!(
        "{half}\n{text}\nnoise\n{long}\n{{\"v\":1,\"event\":\"operator\",\"time\":\"2026-01-17T10:00:00.000Z\"}}\n{half}"
    );
    let ended =
        run_with(&["policy", "replay", "--json", "--policy", "policies", "--log", "-"], noise.as_bytes());
    let mut found: Value = serde_json::from_str(&ended.out).unwrap();
    let lines = found["lines"].take();
    assert_eq!((&lines["broken"], &lines["unknown"]), (&json!(4), &json!(1)));
    assert_eq!(found["decisions"], clean["decisions"]);
    assert_eq!(found["same"], clean["same"]);
}

#[test]
fn a_log_that_is_none_and_files_that_are_not_there_are_told() {
    let cases: [(&[&str], &str); 5] = [
        (&["--log", "README.md", "--policy", "policies"], "error: the log holds no audit line"),
        (&["--log", "/dev/null", "--policy", "policies"], "error: the log holds no audit line"),
        (
            &["--log", "nowhere.jsonl", "--policy", "policies"],
            "error: the log cannot be read: cannot read nowhere.jsonl",
        ),
        (&["--log", LOG, "--policy", "nowhere"], "error: nowhere cannot be used"),
        (
            &["--log", LOG, "--policy", "policies", "--from", "today"],
            "error: invalid value 'today' for '--from <TIME>'",
        ),
    ];
    for (arguments, expected) in cases {
        let ended = run(&[&["policy", "replay"][..], arguments].concat());
        assert_eq!((ended.code, ended.out.as_str()), (2, ""), "{arguments:?}");
        assert!(ended.err.starts_with(expected), "{}", ended.err);
    }
    assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(DATA).is_dir());
}
