//! The file: rotated, compressed, reopened, and readable after a crash.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;

use super::World;
use crate::support::audit::{AuditFile, assert_fits_the_schema};
use crate::support::sidecar::{Folder, PATIENCE, Start};
use crate::support::wait::until;

/// Asks many times at once; the ids of the decisions, each of which is in an answer.
async fn decisions(world: &World, number: usize) -> BTreeSet<String> {
    let client = world.sidecar.client();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let client = client.clone();
        tasks.spawn(async move {
            let mut ids = Vec::new();
            for _ in 0..number / 8 {
                let answer = client.status("wallet_funding").await.json();
                ids.push(answer["decisionId"].as_str().unwrap().to_owned());
            }
            ids
        });
    }
    tasks.join_all().await.into_iter().flatten().collect()
}

#[tokio::test]
async fn rotation_under_load_loses_no_line_and_repeats_none() {
    let small = |start: Start| start.flag("--audit-max-size", "64KiB").flag("--audit-keep", "1000");
    let world = World::started(&[], small).await;
    let asked = decisions(&world, 2_400).await;
    assert_eq!(asked.len(), 2_400);
    world.sidecar.signal("-TERM");
    let audit = world.audit.clone();
    let (status, _) = world.sidecar.ended().await;
    assert!(status.success());
    assert!(audit.rotated().len() > 5, "{:?}", audit.rotated());
    let text = audit.text();
    let lines = audit.lines();
    assert_eq!(lines.len(), text.lines().count(), "a line is broken");
    let told: Vec<&str> = lines.iter().filter_map(|line| line["decision_id"].as_str()).collect();
    assert_eq!(told.len(), asked.len());
    assert_eq!(told.into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), asked);
    assert!(lines.iter().all(|line| line["lost"].is_null()));
    assert_eq!(lines.last().unwrap()["result"], "stopped");
    assert_fits_the_schema(&text);
}

#[tokio::test]
async fn rotated_files_are_compressed_and_only_the_newest_are_kept() {
    let small = |start: Start| start.flag("--audit-max-size", "64KiB").flag("--audit-keep", "3");
    let world = World::started(&[], small).await;
    decisions(&world, 1_600).await;
    let settled = async || {
        let names = std::fs::read_dir(world.folder.path()).unwrap();
        let names: Vec<_> = names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.len() == 4 && names.iter().filter(|name| name.ends_with("Z.gz")).count() == 3
    };
    until("three compressed files are left", PATIENCE, settled).await;
    for entry in std::fs::read_dir(world.folder.path()).unwrap() {
        let mode = entry.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let lines = world.audit.lines();
    assert_eq!(lines.len(), world.audit.text().lines().count());
}

#[tokio::test]
async fn a_file_is_rotated_when_it_is_old() {
    let world = World::started(&[], |start| start.flag("--audit-max-age", "2s")).await;
    until("it is rotated", PATIENCE, async || !world.audit.rotated().is_empty()).await;
    assert_eq!(world.audit.lines()[0]["result"], "started");
}

#[tokio::test]
async fn a_kill_leaves_at_most_half_a_last_line_and_the_next_start_closes_it() {
    let world = World::start(&[]).await;
    let asked = decisions(&world, 400).await;
    world.audit.decision(asked.iter().next().unwrap()).await;
    let audit = world.audit.clone();
    world.sidecar.signal("-KILL");
    let (status, _) = world.sidecar.ended().await;
    assert!(!status.success());
    let text = audit.text();
    let whole = text.lines().filter(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()).count();
    assert!(whole + 1 >= text.lines().count() && whole > 100, "{whole} of {}", text.lines().count());
    // As a power cut would leave it.
    std::fs::write(&audit.0, text.clone() + "{\"v\":1,\"event\":\"deci").unwrap();
    let again = Start::before(&world.backend.url()).flag("--audit", &audit.0).ready();
    audit.awaited("process", |line| line["result"] == "started").await;
    drop(again);
    let after = audit.text();
    let broken =
        after.lines().filter(|line| serde_json::from_str::<serde_json::Value>(line).is_err()).count();
    assert_eq!(broken, 1, "the half line stands alone");
    assert_eq!(audit.events("process").len(), 2);
}

#[tokio::test]
async fn a_file_that_was_moved_away_is_opened_anew_at_sighup() {
    let world = World::start(&[]).await;
    let before = decisions(&world, 8).await;
    world.audit.decision(before.iter().next().unwrap()).await;
    until("all are there", PATIENCE, async || world.audit.events("decision").len() == 8).await;
    let moved = AuditFile(world.folder.path().join("moved"));
    std::fs::rename(&world.audit.0, &moved.0).unwrap();
    world.sidecar.signal("-HUP");
    until("the file is there again", PATIENCE, async || world.audit.0.exists()).await;
    let after = decisions(&world, 8).await;
    until("the new lines are there", PATIENCE, async || world.audit.events("decision").len() == 8).await;
    let ids = |file: &AuditFile| -> BTreeSet<String> {
        let lines = file.events("decision");
        lines.iter().map(|line| line["decision_id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!((ids(&moved), ids(&world.audit)), (before, after));
}

#[test]
fn a_file_that_cannot_be_written_is_refused_at_the_start_with_what_to_do() {
    let folder = Folder::new();
    folder.write("file", "");
    let inside = |name: &str| folder.path().join(name);
    for (path, advice) in [
        (inside("missing/audit.jsonl"), "create it"),
        (folder.path().to_owned(), "name a file in it"),
        (inside("file/audit.jsonl"), "there is no folder"),
    ] {
        let (code, said) = Start::before("http://127.0.0.1:1").flag("--audit", &path).refused();
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("--audit") && said.contains(advice), "{said}");
    }
    for (flag, value) in [
        ("--audit-max-size", "1KiB"),
        ("--audit-max-size", "much"),
        ("--audit-max-age", "1w"),
        ("--audit-queue", "0"),
    ] {
        let (code, said) = Start::before("http://127.0.0.1:1").flag(flag, value).refused();
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(flag), "{said}");
    }
}

#[tokio::test]
async fn two_sidecars_do_not_write_one_file() {
    let world = World::start(&[]).await;
    let second = Start::before("http://127.0.0.1:1").flag("--audit", &world.audit.0);
    let (code, said) = second.refused();
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("another process") && said.contains("a file of its own"), "{said}");
}
