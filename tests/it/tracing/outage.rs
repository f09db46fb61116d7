//! A collector that is down, slow or in the way, and the end of the process.

use http::StatusCode;

use super::collector::{Collector, Mood};
use super::traced;
use crate::support::backend::Backend;
use crate::support::sidecar::{PATIENCE, Sidecar, Start, funded, mailbox};
use crate::support::wait::until;

const LOST: &str = "traces are lost: the collector does not take them";

async fn dropped(sidecar: &Sidecar, reason: &str) -> f64 {
    sidecar.metric(&format!("otp_sidecar_spans_dropped_total{{reason=\"{reason}\"}}")).await
}

fn told(lines: &[String]) -> usize {
    lines.iter().filter(|line| line.contains(LOST)).count()
}

#[tokio::test]
async fn a_collector_that_is_down_changes_nothing_for_clients_and_is_told_once() {
    let (backend, mailbox) = (Backend::start().await, mailbox().await);
    let sidecar = Start::before(&backend.url())
        .mail(&mailbox)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
        .env("OTEL_BSP_SCHEDULE_DELAY", "10")
        .ready();
    let jane = sidecar.client().as_user("jane");
    let (reference, code) = funded(&jane, &mailbox).await;
    assert_eq!(jane.verify(&reference, &code).await.status, 200);
    until("lost spans are counted", PATIENCE, async || dropped(&sidecar, "export_failed").await >= 6.0).await;
    assert_eq!(sidecar.metric("otp_sidecar_spans_exported_total").await, 0.0);
    let line = sidecar.logged(LOST).await;
    assert!(line.contains("Connection refused"), "{line}");
    // More is lost after the line, and not told again.
    let before = dropped(&sidecar, "export_failed").await;
    sidecar.client().get("/any").await;
    until("more is lost", PATIENCE, async || dropped(&sidecar, "export_failed").await > before).await;
    assert_eq!(told(&sidecar.lines()), 1);
}

#[tokio::test]
async fn a_collector_that_refuses_is_told_with_its_status() {
    let (backend, collector) = (Backend::start().await, Collector::start().await);
    collector.is(Mood::Answers(StatusCode::UNAUTHORIZED));
    let sidecar = traced(&backend, &collector).ready();
    sidecar.client().get("/any").await;
    let line = sidecar.logged(LOST).await;
    assert!(line.contains("401"), "{line}");
    until("both spans are lost", PATIENCE, async || dropped(&sidecar, "export_failed").await == 2.0).await;
    collector.is(Mood::Takes);
    sidecar.client().get("/any").await;
    collector.wait_for(2, "GET").await;
    until("it is counted", PATIENCE, async || {
        sidecar.metric("otp_sidecar_spans_exported_total").await == 2.0
    })
    .await;
}

#[tokio::test]
async fn a_short_outage_loses_nothing() {
    let (backend, collector) = (Backend::start().await, Collector::start().await);
    collector.is(Mood::Answers(StatusCode::SERVICE_UNAVAILABLE));
    let sidecar = traced(&backend, &collector).env("OTEL_BSP_SCHEDULE_DELAY", "1").ready();
    sidecar.client().get("/any").await;
    until("the collector has refused", PATIENCE, async || collector.asked() > 0).await;
    collector.is(Mood::Takes);
    collector.wait_for(2, "GET").await;
    assert_eq!(dropped(&sidecar, "export_failed").await, 0.0);
}

#[tokio::test]
async fn a_collector_that_hangs_fills_the_queue_and_delays_neither_requests_nor_the_end() {
    let (backend, collector, mailbox) = (Backend::start().await, Collector::start().await, mailbox().await);
    collector.is(Mood::Hangs);
    let sidecar = traced(&backend, &collector)
        .mail(&mailbox)
        .env("OTEL_BSP_MAX_QUEUE_SIZE", "8")
        .env("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4")
        .env("OTEL_EXPORTER_OTLP_TIMEOUT", "3600000")
        .env("OTEL_BSP_EXPORT_TIMEOUT", "3600000")
        .ready();
    let jane = sidecar.client().as_user("jane");
    let (reference, code) = funded(&jane, &mailbox).await;
    assert_eq!(jane.verify(&reference, &code).await.status, 200);
    for _ in 0..20 {
        assert_eq!(sidecar.client().get("/api/wallet/balance").await.status, 200);
    }
    assert!(dropped(&sidecar, "queue_full").await >= 32.0);
    sidecar.signal("-TERM");
    let (status, lines) = sidecar.ended().await;
    assert!(status.success(), "{lines:#?}");
}

#[tokio::test]
async fn what_waits_when_the_process_is_told_to_stop_is_sent_first() {
    let (backend, collector, mailbox) = (Backend::start().await, Collector::start().await, mailbox().await);
    let sidecar =
        traced(&backend, &collector).mail(&mailbox).env("OTEL_BSP_SCHEDULE_DELAY", "3600000").ready();
    funded(&sidecar.client().as_user("jane"), &mailbox).await;
    assert!(collector.posts().is_empty());
    sidecar.signal("-TERM");
    assert!(sidecar.ended().await.0.success());
    let names: Vec<String> = collector.spans().into_iter().map(|span| span.name).collect();
    for name in ["POST /api/wallet/fund", "decide", "admit", "POST", "issue", "deliver email"] {
        assert!(names.iter().any(|found| found == name), "{name}: {names:?}");
    }
}
