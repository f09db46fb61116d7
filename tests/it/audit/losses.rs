//! A destination that takes nothing: no request waits, and what is lost is counted and told.

use std::io::{BufRead as _, BufReader};

use serde_json::Value;

use super::World;
use crate::support::audit::AuditFile;
use crate::support::backend::Backend;
use crate::support::sidecar::{Folder, PATIENCE, Sidecar, Start};
use crate::support::wait::until;

const DROPPED: &str = "otp_sidecar_audit_lines_total{result=\"dropped\"}";
const WRITTEN: &str = "otp_sidecar_audit_lines_total{result=\"written\"}";

/// Asks until lines are lost; how often.
async fn ask_until_lines_are_lost(sidecar: &Sidecar, before: f64) -> usize {
    let client = sidecar.client();
    let mut asked = 0;
    until("lines are lost", PATIENCE, async || {
        for _ in 0..50 {
            // 401, and 429 from a flood of them.
            assert!(client.status("wallet_funding").await.status.is_client_error());
            asked += 1;
        }
        sidecar.metric(DROPPED).await > before
    })
    .await;
    asked
}

fn lost_in(lines: &[Value]) -> u64 {
    lines.iter().filter_map(|line| line["lost"].as_u64()).sum()
}

#[tokio::test]
async fn a_full_disk_stalls_no_request_and_what_was_lost_is_told_when_there_is_room() {
    let (backend, folder) = (Backend::start().await, Folder::new());
    let audit = AuditFile::in_folder(folder.path());
    // A disk without room, which can be taken away.
    std::os::unix::fs::symlink("/dev/full", &audit.0).unwrap();
    let sidecar = Start::before(&backend.url()).flag("--audit", &audit.0).flag("--audit-queue", "16").ready();
    let asked = ask_until_lines_are_lost(&sidecar, 0.0).await;
    sidecar.logged("audit lines cannot be written").await;
    sidecar.logged("audit lines are being lost").await;
    std::fs::remove_file(&audit.0).unwrap();
    sidecar.logged("audit lines are written again").await;
    // The next line that finds room says how many are missing before it.
    let mut more = 0;
    until("a line tells of the loss", PATIENCE, async || {
        sidecar.client().status("wallet_funding").await;
        more += 1;
        lost_in(&audit.lines()) > 0
    })
    .await;
    let all = async || audit.events("decision").len() as u64 + lost_in(&audit.lines()) == asked as u64 + more;
    until("lines and losses add up", PATIENCE, all).await;
    let lines = audit.lines();
    let lost = lost_in(&lines);
    assert_eq!(sidecar.metric(DROPPED).await, lost as f64);
    until("all are counted", PATIENCE, async || sidecar.metric(WRITTEN).await == lines.len() as f64).await;
    let told = sidecar.lines().iter().filter(|line| line.contains("audit lines are being lost")).count();
    assert_eq!(told, 1, "it is told once");
}

#[tokio::test]
async fn a_reader_of_standard_output_that_stops_reading_stalls_no_request() {
    let backend = Backend::start().await;
    let (reader, writer) = std::io::pipe().unwrap();
    let sidecar = Start::before(&backend.url())
        .stdout(writer)
        .flag("--audit", "stdout")
        .flag("--audit-queue", "16")
        .ready();
    let asked = ask_until_lines_are_lost(&sidecar, 0.0).await;
    let reading = std::thread::spawn(move || {
        let lines = BufReader::new(reader).lines().map_while(Result::ok);
        lines.map(|line| serde_json::from_str(&line).unwrap()).collect::<Vec<Value>>()
    });
    let dropped = sidecar.metric(DROPPED).await;
    sidecar.signal("-TERM");
    let (status, _) = sidecar.ended().await;
    assert!(status.success());
    let lines = tokio::task::spawn_blocking(|| reading.join().unwrap()).await.unwrap();
    let decisions = lines.iter().filter(|line| line["event"] == "decision").count();
    assert_eq!(decisions as u64 + lost_in(&lines), asked as u64);
    assert_eq!(lost_in(&lines) as f64, dropped);
    assert_eq!(lines.last().unwrap()["result"], "stopped");
}

#[tokio::test]
async fn a_stop_ends_in_time_although_nobody_reads_standard_output() {
    let backend = Backend::start().await;
    let (reader, writer) = std::io::pipe().unwrap();
    let sidecar = Start::before(&backend.url())
        .stdout(writer)
        .flag("--audit", "stdout")
        .flag("--audit-queue", "16")
        .ready();
    ask_until_lines_are_lost(&sidecar, 0.0).await;
    sidecar.signal("-TERM");
    let (status, lines) = sidecar.ended().await;
    assert!(status.success());
    assert!(lines.iter().any(|line| line.contains("not all audit lines")), "{lines:#?}");
    drop(reader);
}

#[tokio::test]
async fn the_counters_of_lines_exist_from_the_start() {
    let world = World::start(&[]).await;
    assert_eq!(world.sidecar.metric(DROPPED).await, 0.0);
    until("the first lines are written", PATIENCE, async || world.sidecar.metric(WRITTEN).await >= 2.0).await;
    let without = Start::before(&world.backend.url()).ready();
    assert_eq!(without.metric(WRITTEN).await + without.metric(DROPPED).await, 0.0);
}
