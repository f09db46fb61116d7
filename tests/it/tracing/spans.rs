//! Which spans a request has, and what they say.

use http::{Method, StatusCode};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::json;

use super::collector::{Collector, Seen};
use super::traced;
use crate::support::backend::{Backend, Mood};
use crate::support::redis::RedisServer;
use crate::support::sidecar::{PATIENCE, funded, mailbox, wrong};
use crate::support::wait::until;

const FUND: &str = "POST /api/wallet/fund";
const VERIFY: &str = "POST /api/wallet/verify-otp";

fn named<'a>(spans: &'a [Seen], name: &str) -> &'a Seen {
    let found: Vec<&Seen> = spans.iter().filter(|span| span.name == name).collect();
    assert_eq!(found.len(), 1, "{name}: {spans:#?}");
    found[0]
}

/// Asserts that these are all, each with its parent by name.
fn assert_tree(spans: &[Seen], expected: &[(&str, &str)]) {
    let name_of = |id: &str| spans.iter().find(|span| span.id == id).map_or("", |span| span.name.as_str());
    let mut found: Vec<(&str, &str)> =
        spans.iter().map(|span| (span.name.as_str(), name_of(&span.parent))).collect();
    let mut expected = expected.to_vec();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected, "{spans:#?}");
    assert!(spans.iter().all(|span| span.trace == spans[0].trace), "{spans:#?}");
    assert!(spans.iter().all(|span| span.begin <= span.end), "{spans:#?}");
}

#[tokio::test]
async fn a_fund_request_is_one_trace_down_to_the_mail_that_is_linked_to_it() {
    let (backend, collector, redis) =
        (Backend::start().await, Collector::start().await, RedisServer::start());
    let mailbox = mailbox().await;
    let sidecar = traced(&backend, &collector).mail(&mailbox).redis(&redis).ready();
    funded(&sidecar.client().as_user("jane"), &mailbox).await;
    collector.wait_for(1, FUND).await;
    let spans = collector.wait_for(1, "deliver email").await;

    let expected = [
        (FUND, ""),
        ("decide", FUND),
        ("admit", "decide"),
        ("POST", FUND),
        ("issue", FUND),
        ("deliver email", FUND),
    ];
    assert_tree(&spans, &expected);

    let server = named(&spans, FUND);
    assert_eq!((server.kind, server.parent.as_str(), server.is_error), (SpanKind::Server, "", false));
    let said = [
        ("http.request.method", "POST"),
        ("url.scheme", "http"),
        ("url.path", "/api/wallet/fund"),
        ("http.route", "/api/wallet/fund"),
        ("http.response.status_code", "200"),
        ("network.protocol.version", "1.1"),
        ("otp_sidecar.route", "fund"),
        ("otp_sidecar.outcome", "allowed"),
        ("otp_sidecar.reason", "issued"),
    ];
    for (name, value) in said {
        assert_eq!(server.get(name), Some(value), "{name}: {server:#?}");
    }
    assert_eq!(server.get("otp_sidecar.decision_id").map(str::len), Some(32));
    assert_eq!(server.attributes.len(), said.len() + 1, "{server:#?}");

    let decision = named(&spans, "decide");
    assert_eq!((decision.kind, decision.get("otp_sidecar.outcome")), (SpanKind::Internal, Some("allowed")));

    let call = named(&spans, "POST");
    assert_eq!(call.kind, SpanKind::Client);
    assert_eq!(call.get("server.address"), Some("127.0.0.1"));
    assert_eq!(call.get("server.port"), Some(backend.addr().port().to_string().as_str()));
    assert_eq!(call.get("http.response.status_code"), Some("200"));

    for op in ["admit", "issue"] {
        let stored = named(&spans, op);
        assert_eq!(stored.kind, SpanKind::Client);
        assert_eq!(
            (stored.get("db.system.name"), stored.get("db.operation.name")),
            (Some("redis"), Some(op))
        );
    }

    let delivery = named(&spans, "deliver email");
    assert_eq!(delivery.links, [(server.trace.clone(), server.id.clone())]);
    assert_eq!((delivery.kind, delivery.is_error), (SpanKind::Client, false));
    let said = ["otp_sidecar.purpose", "otp_sidecar.message.kind", "otp_sidecar.attempt"];
    assert_eq!(said.map(|name| delivery.get(name).unwrap()), ["wallet_funding", "code", "1"]);
}

#[tokio::test]
async fn a_verification_is_decided_forwarded_and_settled_in_one_trace() {
    let (backend, collector) = (Backend::start().await, Collector::start().await);
    let mailbox = mailbox().await;
    let sidecar = traced(&backend, &collector).mail(&mailbox).ready();
    let jane = sidecar.client().as_user("jane");
    let (reference, code) = funded(&jane, &mailbox).await;
    let refused = jane.verify(&reference, &wrong(&code)).await;
    assert_eq!(refused.status, 400);
    assert_eq!(jane.verify(&reference, &code).await.status, 200);
    let spans = collector.wait_for(2, VERIFY).await;

    let roots: Vec<&Seen> = spans.iter().filter(|span| span.name == VERIFY).collect();
    let of = |root: &Seen| -> Vec<Seen> {
        spans.iter().filter(|span| span.trace == root.trace).cloned().collect()
    };
    let (no, yes) = (of(roots[0]), of(roots[1]));
    assert_tree(&no, &[(VERIFY, ""), ("decide", VERIFY), ("verify", "decide")]);
    let server = named(&no, VERIFY);
    assert_eq!(server.get("otp_sidecar.reason"), Some("invalid"));
    assert_eq!(server.get("otp_sidecar.decision_id"), refused.json()["decisionId"].as_str());
    assert_eq!(named(&no, "decide").get("otp_sidecar.outcome"), Some("refused"));
    assert!(no.iter().all(|span| !span.is_error), "a wrong code is no error of the server: {no:#?}");

    let expected =
        [(VERIFY, ""), ("decide", VERIFY), ("verify", "decide"), ("POST", VERIFY), ("settle", VERIFY)];
    assert_tree(&yes, &expected);
    assert_eq!(named(&yes, VERIFY).get("otp_sidecar.reason"), Some("verified"));
    assert_eq!(named(&yes, "settle").get("db.system.name"), Some("memory"));
}

#[tokio::test]
async fn a_passed_request_has_its_own_span_and_that_of_the_call_and_neither_says_which_path() {
    let (backend, collector) = (Backend::start().await, Collector::start().await);
    let sidecar = traced(&backend, &collector).ready();
    let client = sidecar.client();
    assert_eq!(client.get("/api/wallet/balance?of=jane").await.status, 200);
    let spans = collector.wait_for(2, "GET").await;
    let server = spans.iter().find(|span| span.kind == SpanKind::Server).unwrap();
    let call = spans.iter().find(|span| span.kind == SpanKind::Client).unwrap();
    assert_eq!((spans.len(), &call.parent, &call.trace), (2, &server.id, &server.trace));
    let names: Vec<&str> = server.attributes.keys().map(String::as_str).collect();
    let expected =
        ["http.request.method", "http.response.status_code", "network.protocol.version", "url.scheme"];
    assert_eq!(names, expected);
    assert!(!format!("{spans:?}").contains("balance"));

    let method = Method::from_bytes(b"BREW").unwrap();
    client.call(method, "/api/wallet/balance", &[], bytes::Bytes::new()).await;
    let spans = collector.wait_for(2, "HTTP").await;
    let brewed: Vec<&Seen> = spans.iter().filter(|span| span.name == "HTTP").collect();
    assert!(brewed.iter().all(|span| span.get("http.request.method") == Some("_OTHER")), "{brewed:#?}");
    assert!(!format!("{spans:?}").contains("BREW"));
}

#[tokio::test]
async fn an_answer_below_500_is_no_error_of_the_server_but_of_the_call() {
    let (backend, collector) = (Backend::start().await, Collector::start().await);
    let sidecar = traced(&backend, &collector).ready();
    backend.next("/here", Mood::Answer(StatusCode::NOT_FOUND, json!({})));
    assert_eq!(sidecar.client().get("/here").await.status, 404);
    let spans = collector.wait_for(2, "GET").await;
    let of = |spans: &[Seen], kind| spans.iter().find(|span| span.kind == kind).unwrap().clone();
    let (server, call) = (of(&spans, SpanKind::Server), of(&spans, SpanKind::Client));
    assert_eq!((server.is_error, server.get("error.type")), (false, None));
    assert_eq!((call.is_error, call.get("error.type")), (true, Some("404")));

    drop(backend);
    let answer = sidecar.client().call(Method::POST, "/there", &[], bytes::Bytes::new()).await;
    assert_eq!(answer.status, 502);
    let spans = collector.wait_for(2, "POST").await;
    let spans: Vec<Seen> = spans.into_iter().filter(|span| span.name == "POST").collect();
    let (server, call) = (of(&spans, SpanKind::Server), of(&spans, SpanKind::Client));
    assert_eq!((server.is_error, server.get("error.type")), (true, Some("502")));
    assert_eq!((call.is_error, call.get("error.type")), (true, Some("unavailable")));
    assert_eq!(call.get("http.response.status_code"), None);
}

#[tokio::test]
async fn a_relay_that_refuses_leaves_a_span_for_each_attempt() {
    let (backend, collector) = (Backend::start().await, Collector::start().await);
    // Nobody listens at the relay's address.
    let sidecar = traced(&backend, &collector).ready();
    assert_eq!(sidecar.client().as_user("jane").fund(5).await.status, 200);
    let spans = collector.wait_for(2, "deliver email").await;
    let attempts: Vec<&Seen> = spans.iter().filter(|span| span.name == "deliver email").collect();
    for (number, attempt) in attempts.iter().enumerate() {
        assert_eq!(attempt.get("otp_sidecar.attempt"), Some((number + 1).to_string().as_str()));
        assert_eq!((attempt.is_error, attempt.get("error.type")), (true, Some("connect")));
    }
    assert_eq!(attempts[0].links, attempts[1].links);
}

#[tokio::test]
async fn a_client_that_hangs_up_leaves_a_span_that_says_so() {
    let (backend, collector) = (Backend::start().await, Collector::start().await);
    let sidecar = traced(&backend, &collector).ready();
    let _gate = backend.hold("/slow");
    let client = sidecar.client();
    let call = tokio::spawn(async move { client.get("/slow").await });
    backend.wait_for(1).await;
    call.abort();
    let _aborted = call.await;
    let is_there = || collector.spans().iter().any(|span| span.get("error.type") == Some("abandoned"));
    until("the span of the abandoned request", PATIENCE, async || is_there()).await;
}
