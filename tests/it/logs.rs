//! Lines of the log: those of the operations guide, and those that a flood must not fill it with.

use serde_json::Value;

use crate::support::backend::Backend;
use crate::support::sidecar::{PATIENCE, Sidecar, Start, funded, wrong};
use crate::support::wait::until;

/// The lines with this message.
fn said(sidecar: &Sidecar, message: &str) -> Vec<Value> {
    let lines = sidecar.lines();
    let parsed = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    parsed.filter(|line| line["message"] == message).collect()
}

fn assert_has(line: &Value, level: &str, fields: &[&str]) {
    assert_eq!(line["level"], level, "{line:#}");
    for field in fields {
        assert!(!line[field].is_null(), "no {field} in {line:#}");
    }
}

#[tokio::test]
async fn the_events_of_the_guide_have_its_levels_and_fields() {
    let backend = Backend::start().await;
    let (sidecar, mailbox) = Sidecar::with_mail(&backend).await;
    let client = sidecar.client().as_user("jane");
    let (reference, code) = funded(&client, &mailbox).await;
    for _ in 0..3 {
        client.verify(&reference, &wrong(&code)).await;
    }
    sidecar.logged("OTP account locked").await;
    let sent = &said(&sidecar, "OTP sent")[0];
    assert_has(sent, "INFO", &["userId", "purpose", "email", "timestamp", "expiresIn"]);
    assert_eq!((&sent["userId"], &sent["expiresIn"]), (&Value::from("jane"), &Value::from(300)));
    assert_eq!(sent["email"], "j***@example.com");
    let failed = said(&sidecar, "OTP verification failed");
    let attempts: Vec<_> = failed.iter().map(|line| line["attempt"].as_u64().unwrap()).collect();
    assert_eq!(attempts, [1, 2, 3]);
    assert_has(&failed[0], "WARN", &["userId", "attempt", "reason", "timestamp"]);
    let locked = &said(&sidecar, "OTP account locked")[0];
    assert_has(locked, "ERROR", &["userId", "locked_until", "attempts", "timestamp"]);
    assert_eq!(locked["attempts"], 3);
}

#[tokio::test]
async fn a_flood_of_refusals_is_a_few_lines_that_leave_none_out() {
    let backend = Backend::start().await;
    let sidecar = Start::before(&backend.url()).ready();
    let client = sidecar.client().as_user("jane");
    let mut refused: u64 = 0;
    for _ in 0..210 {
        refused += u64::from(client.status("wallet_funding").await.status == 429);
    }
    let hits =
        || said(&sidecar, "rate limit hit").iter().map(|line| line["hits"].as_u64().unwrap()).sum::<u64>();
    until("the rest is told", PATIENCE, async || hits() == refused).await;
    let lines = said(&sidecar, "rate limit hit").len();
    assert!(refused >= 200 && lines <= 10, "{lines} lines for {refused} refusals");
    assert_eq!(sidecar.metric("otp_rate_limit_hits_total{limit=\"status\"}").await, refused as f64);
}

#[tokio::test]
async fn whoever_hammers_a_lock_does_not_fill_the_log() {
    let backend = Backend::start().await;
    let (sidecar, mailbox) = Sidecar::with_mail(&backend).await;
    let client = sidecar.client().as_user("jane");
    let (reference, code) = funded(&client, &mailbox).await;
    for _ in 0..103 {
        client.verify(&reference, &wrong(&code)).await;
    }
    let locked = || -> Vec<Value> {
        let failed = said(&sidecar, "OTP verification failed");
        failed.into_iter().filter(|line| line["reason"] == "locked").collect()
    };
    let hits = || locked().iter().map(|line| line["hits"].as_u64().unwrap_or(1)).sum::<u64>();
    until("the rest is told", PATIENCE, async || hits() == 100).await;
    assert!(locked().len() <= 8, "{:#?}", locked());
    let series = "otp_verify_failures_total{purpose=\"wallet_funding\",reason=\"locked\"}";
    assert_eq!(sidecar.metric(series).await, 100.0);
}

#[tokio::test]
async fn whoever_asks_for_codes_to_another_address_does_not_fill_the_log() {
    let backend = Backend::start().await;
    let sidecar = Start::before(&backend.url()).ready();
    let client = sidecar.client().as_user("jane");
    for _ in 0..50 {
        assert_eq!(client.send("wallet_funding", "other@example.com").await.status, 403);
    }
    let told = || said(&sidecar, "a code was asked for to another address");
    let hits = || told().iter().map(|line| line["hits"].as_u64().unwrap_or(1)).sum::<u64>();
    until("the rest is told", PATIENCE, async || hits() == 50).await;
    assert!(told().len() <= 8, "{:#?}", told());
}

#[tokio::test]
async fn an_outage_is_told_in_a_few_lines_that_leave_none_out() {
    let backend = Backend::start().await;
    let sidecar = Start::before(&backend.url()).env("OTP_SIDECAR_STATE", "redis://127.0.0.1:1/").ready();
    let client = sidecar.client().as_user("jane");
    for _ in 0..50 {
        assert_eq!(client.fund(5_000).await.status, 503);
    }
    for message in ["the store failed", "request failed"] {
        let told = || said(&sidecar, message);
        let hits = || told().iter().map(|line| line["hits"].as_u64().unwrap_or(1)).sum::<u64>();
        until("the rest is told", PATIENCE, async || hits() >= 50).await;
        assert!(told().len() <= 12, "{:#?}", told());
    }
}

#[tokio::test]
async fn nobody_waits_for_whoever_does_not_read_the_log() {
    let sidecar = Start::before("http://127.0.0.1:1").env("RUST_LOG", "info,otp_sidecar=debug").ready();
    sidecar.reads_log(false);
    let client = sidecar.client();
    // Each leaves a line of some 200 bytes; a pipe holds 64 KiB.
    let ask = async {
        for _ in 0..1_000 {
            assert!(client.status("wallet_funding").await.status.is_client_error());
        }
    };
    tokio::time::timeout(PATIENCE, ask).await.expect("requests are answered");
    sidecar.reads_log(true);
    until("all is told", PATIENCE, async || said(&sidecar, "decided").len() == 1_000).await;
}

#[tokio::test]
async fn a_level_that_is_not_understood_is_told_and_does_not_silence_the_log() {
    let backend = Backend::start().await;
    for wrong in ["debgu", "info,otp_sidecar=loud"] {
        let sidecar = Start::before(&backend.url()).env("RUST_LOG", wrong).ready();
        sidecar.logged("RUST_LOG is not understood").await;
    }
}

#[tokio::test]
async fn a_stop_tells_what_was_held_back() {
    let backend = Backend::start().await;
    let sidecar = Start::before(&backend.url()).ready();
    let client = sidecar.client().as_user("jane");
    for _ in 0..20 {
        client.status("wallet_funding").await;
    }
    sidecar.signal("-TERM");
    let (_, lines) = sidecar.ended().await;
    let told: u64 = lines
        .iter()
        .filter(|line| line.contains("rate limit hit"))
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["hits"].as_u64().unwrap())
        .sum();
    assert_eq!(told, 10);
}
