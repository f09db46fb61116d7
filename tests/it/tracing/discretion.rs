//! Nothing that a collector gets holds a code, a token, an address, or what a client wrote.

use bytes::Bytes;
use http::Method;
use serde_json::json;

use super::collector::Collector;
use super::traced;
use crate::support::backend::{Backend, Mood};
use crate::support::client::token;
use crate::support::sidecar::{funded, mailbox, wrong};

const RECIPIENT: &str = "jane.doe@customer.example";
const VERIFY: &str = "/api/wallet/verify-otp";

#[tokio::test]
async fn neither_codes_nor_tokens_nor_addresses_nor_what_clients_write_is_exported() {
    let (backend, collector, mailbox) = (Backend::start().await, Collector::start().await, mailbox().await);
    let sidecar = traced(&backend, &collector)
        .mail(&mailbox)
        .env("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20hunter2-of-collector")
        .env("OTP_SIDECAR_UPSTREAM_TIMEOUT", "500ms")
        .ready();
    let bearer = token("jane-the-subject", RECIPIENT);
    let client = sidecar.client().with_token(bearer.clone());
    let (reference, code) = funded(&client, &mailbox).await;

    let written = format!("hunter2-{code}-{RECIPIENT}");
    let state = format!("vendor={}", written.replace('@', "_"));
    let headers = [
        ("x-note", written.as_str()),
        ("user-agent", &written),
        ("tracestate", &state),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ("x-forwarded-for", "198.51.100.77"),
        ("x-forwarded-proto", "hunter2-proto"),
        ("baggage", &state),
    ];
    let body =
        Bytes::from(json!({ "otp": code, "transaction_reference": reference, "note": written }).to_string());
    for target in [
        format!("/people/{RECIPIENT}?code={code}&token={bearer}"),
        format!("{VERIFY}?otp={code}"),
        format!("/api/wallet/%76erify-otp?otp={code}"),
        format!("/api/wallet/otp/status?purpose={code}"),
        format!("http://hunter2-host/{code}"),
    ] {
        for method in [Method::GET, Method::POST, Method::from_bytes(b"HUNTER2-METHOD").unwrap()] {
            let target = target.strip_prefix("http://hunter2-host").unwrap_or(&target);
            client.call(method, target, &headers, body.clone()).await;
        }
    }
    let host = [("host", "hunter2-host.example"), headers[0]];
    client.call(Method::GET, "/any", &host, Bytes::new()).await;
    client.verify(&reference, &wrong(&code)).await;
    backend.next(VERIFY, Mood::Hang);
    assert_eq!(client.verify(&reference, &code).await.status, 504);
    for _ in 0..4 {
        client.verify("hunter2-reference", &code).await;
    }
    client.send("wallet_funding", RECIPIENT).await;
    sidecar.client().with_token("hunter2-bad-token").fund(5).await;

    sidecar.signal("-TERM");
    assert!(sidecar.ended().await.0.success());
    let spans = collector.spans();
    assert!(spans.len() > 40, "{}", spans.len());
    assert!(spans.iter().any(|span| span.get("error.type") == Some("timeout")));
    let told = |reason| spans.iter().filter(|span| span.get("otp_sidecar.reason") == Some(reason)).count();
    assert_eq!(
        (told("upstream_timeout"), told("outcome_unknown")),
        (1, 0),
        "of two reasons the last is shown"
    );
    let signature = bearer.rsplit('.').next().unwrap();
    let secrets =
        ["hunter2", "jane", "customer.example", "198.51.100.77", "127.0.0.1:", reference.as_str(), signature];
    for post in collector.posts() {
        assert_eq!(post.headers["authorization"], "Bearer hunter2-of-collector");
        let sent = String::from_utf8_lossy(&post.body);
        for secret in secrets {
            assert!(!sent.contains(secret), "{secret} is exported: {sent}");
        }
    }
    // A code is six digits, which an id may hold by chance: it is searched for where there are words.
    for span in &spans {
        let words = format!("{} {:?}", span.name, span.attributes);
        assert!(!words.contains(&code), "the code is exported: {words}");
    }
    for value in spans.iter().flat_map(|span| span.attributes.values()) {
        assert!(!value.contains('@') && !value.contains('?'), "{value}");
    }
}
