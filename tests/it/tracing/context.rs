//! Whose trace a request belongs to, what the upstream is told of it, and which are recorded.

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::Value;

use super::collector::Collector;
use super::traced;
use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::sidecar::{Sidecar, Start, funded, mailbox};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const UNSAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
/// `traceidratio` looks at the lower half.
const LOW: &str = "00-ffffffffffffffff0000000000000001-00f067aa0ba902b7-01";
const HIGH: &str = "00-0000000000000001ffffffffffffffff-00f067aa0ba902b7-01";

/// What the backend gets to see when a client says this.
async fn handed_on(backend: &Backend, sidecar: &Sidecar, headers: &[(&str, &str)]) -> HeaderMap {
    sidecar.client().call(Method::GET, "/any", headers, Bytes::new()).await;
    backend.seen().last().unwrap().headers.clone()
}

fn values<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
}

#[tokio::test]
async fn a_clients_trace_is_continued_and_the_upstream_belongs_to_the_call() {
    let (backend, collector) = (Backend::start().await, Collector::start().await);
    let sidecar = traced(&backend, &collector).ready();
    let sent = [("traceparent", SAMPLED), ("tracestate", "a=1,b=2"), ("connection", "traceparent")];
    let seen = handed_on(&backend, &sidecar, &sent).await;
    let spans = collector.wait_for(2, "GET").await;
    let server = spans.iter().find(|span| span.parent == "00f067aa0ba902b7").unwrap();
    let call = spans.iter().find(|span| span.parent == server.id).unwrap();
    assert_eq!((server.trace.as_str(), call.trace.as_str()), (TRACE, TRACE));
    assert_eq!(values(&seen, "traceparent"), [format!("00-{TRACE}-{}-01", call.id)]);
    assert_eq!(values(&seen, "tracestate"), ["a=1,b=2"]);
}

#[tokio::test]
async fn on_a_route_too_the_upstream_belongs_to_the_call() {
    let (backend, collector, mailbox) = (Backend::start().await, Collector::start().await, mailbox().await);
    let sidecar = traced(&backend, &collector).mail(&mailbox).ready();
    funded(&sidecar.client().as_user("jane"), &mailbox).await;
    let spans = collector.wait_for(1, "POST").await;
    let call = spans.iter().find(|span| span.name == "POST").unwrap();
    let seen = backend.seen_at("/api/wallet/fund").remove(0);
    assert_eq!(values(&seen.headers, "traceparent"), [format!("00-{}-{}-01", call.trace, call.id)]);
}

#[tokio::test]
async fn a_clients_decision_not_to_record_stands_and_its_context_passes_unchanged() {
    let (backend, collector, mailbox) = (Backend::start().await, Collector::start().await, mailbox().await);
    let sidecar = traced(&backend, &collector).mail(&mailbox).ready();
    let sent = [("traceparent", UNSAMPLED), ("tracestate", "a=1")];
    let seen = handed_on(&backend, &sidecar, &sent).await;
    assert_eq!((values(&seen, "traceparent"), values(&seen, "tracestate")), (vec![UNSAMPLED], vec!["a=1"]));
    let jane = sidecar.client().as_user("jane");
    let body = Bytes::from_static(b"{\"amount\":5}");
    let headers = [("traceparent", UNSAMPLED), ("content-type", "application/json")];
    let answer = jane.call(Method::POST, "/api/wallet/fund", &headers, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    sidecar.logged("mail accepted").await;

    // What comes after is exported, so what came before would have been too.
    handed_on(&backend, &sidecar, &[("traceparent", &SAMPLED.replace("4bf9", "5bf9"))]).await;
    let spans = collector.wait_for(2, "GET").await;
    assert!(spans.iter().all(|span| span.trace.starts_with("5bf9")), "{spans:#?}");
}

#[tokio::test]
async fn that_a_new_trace_is_not_recorded_is_said_to_the_upstream() {
    let (backend, collector) = (Backend::start().await, Collector::start().await);
    let sidecar = traced(&backend, &collector)
        .env("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
        .env("OTEL_TRACES_SAMPLER_ARG", "0")
        .ready();
    for sent in [&[][..], &[("traceparent", "nonsense"), ("tracestate", "a=1")]] {
        let seen = handed_on(&backend, &sidecar, sent).await;
        let [told] = values(&seen, "traceparent")[..] else { panic!("{seen:?}") };
        assert!(told.starts_with("00-") && told.ends_with("-00") && told.len() == 55, "{told}");
        assert!(!seen.contains_key("tracestate"), "it belongs to a trace that nobody can name: {seen:?}");
    }
    // A client that records is still followed.
    handed_on(&backend, &sidecar, &[("traceparent", SAMPLED)]).await;
    let spans = collector.wait_for(2, "GET").await;
    assert!(spans.iter().all(|span| span.trace == TRACE), "{spans:#?}");
}

#[tokio::test]
async fn a_ratio_without_parents_decides_by_the_trace_alone() {
    let (backend, collector) = (Backend::start().await, Collector::start().await);
    let sidecar = traced(&backend, &collector)
        .env("OTEL_TRACES_SAMPLER", "traceidratio")
        .env("OTEL_TRACES_SAMPLER_ARG", "0.5")
        .ready();
    let seen = handed_on(&backend, &sidecar, &[("traceparent", HIGH)]).await;
    assert_eq!(values(&seen, "traceparent"), [HIGH]);
    handed_on(&backend, &sidecar, &[("traceparent", &LOW.replace("-01", "-00"))]).await;
    let spans = collector.wait_for(2, "GET").await;
    assert!(spans.iter().all(|span| span.trace.ends_with("0001")), "{spans:#?}");
}

#[tokio::test]
async fn without_an_endpoint_or_when_disabled_nothing_is_touched_and_nobody_called() {
    let (backend, collector) = (Backend::start().await, Collector::start().await);
    let off = [
        Start::before(&backend.url()),
        traced(&backend, &collector).env("OTEL_SDK_DISABLED", "true"),
        traced(&backend, &collector).env("OTEL_TRACES_EXPORTER", "none"),
        Start::before(&backend.url()).env("OTEL_EXPORTER_OTLP_ENDPOINT", " "),
    ];
    for start in off {
        let sidecar = start.ready();
        for sent in [SAMPLED, UNSAMPLED, "nonsense"] {
            let seen = handed_on(&backend, &sidecar, &[("traceparent", sent), ("tracestate", "a=1")]).await;
            assert_eq!(
                (values(&seen, "traceparent"), values(&seen, "tracestate")),
                (vec![sent], vec!["a=1"])
            );
        }
        assert!(!handed_on(&backend, &sidecar, &[]).await.contains_key("traceparent"));
        sidecar.signal("-TERM");
        assert!(sidecar.ended().await.0.success());
    }
    assert!(collector.posts().is_empty());
}

/// Every line about the one request that was made.
async fn lines_about(client: &Client, sidecar: &Sidecar, headers: &[(&str, &str)]) -> Vec<Value> {
    let body = Bytes::from_static(b"{\"amount\":5}");
    let headers = [headers, &[("content-type", "application/json")]].concat();
    assert_eq!(client.call(Method::POST, "/api/wallet/fund", &headers, body).await.status, 200);
    sidecar.logged("mail accepted").await;
    let lines = sidecar.lines().into_iter().map(|line| serde_json::from_str::<Value>(&line).unwrap());
    lines.filter(|line| line.get("decision_id").is_some()).collect()
}

#[tokio::test]
async fn log_lines_carry_the_ids_of_the_trace_and_of_the_span() {
    let (backend, collector, mailbox) = (Backend::start().await, Collector::start().await, mailbox().await);
    let sidecar = traced(&backend, &collector).mail(&mailbox).env("RUST_LOG", "debug").ready();
    let lines = lines_about(&sidecar.client().as_user("jane"), &sidecar, &[]).await;
    let spans = collector.wait_for(1, "deliver email").await;
    let id_of = |name: &str| spans.iter().find(|span| span.name == name).map(|span| span.id.clone()).unwrap();
    let (server, delivery) = (id_of("POST /api/wallet/fund"), id_of("deliver email"));
    for message in ["OTP sent", "decided", "mail accepted"] {
        let line = lines.iter().find(|line| line["message"] == message).unwrap();
        let span = if message == "mail accepted" { &delivery } else { &server };
        assert_eq!(line["trace_id"], *spans[0].trace, "{line}");
        assert_eq!(line["span_id"], **span, "{line}");
    }
}

#[tokio::test]
async fn with_tracing_off_log_lines_carry_the_ids_that_the_client_sent() {
    let (backend, mailbox) = (Backend::start().await, mailbox().await);
    let sidecar = Start::before(&backend.url()).mail(&mailbox).ready();
    let client = sidecar.client().as_user("jane");
    for line in lines_about(&client, &sidecar, &[("traceparent", SAMPLED)]).await {
        assert_eq!(
            (line["trace_id"].as_str(), line["span_id"].as_str()),
            (Some(TRACE), Some("00f067aa0ba902b7"))
        );
    }
}
