//! A browser front end on another origin: its preflights, and the answers it may read.

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::json;

use crate::support::backend::{Backend, Mood};
use crate::support::client::{Answer, Client, token};
use crate::support::redis::RedisServer;
use crate::support::sidecar::{Folder, Start, mailbox, next_code, wrong};

const SHOP: &str = "https://shop.example";
const ANY: &str = "cors: { allow_origins: [\"*\"] }";
const PROTECTED: [(&str, &str); 5] = [
    ("POST", "/api/wallet/fund"),
    ("POST", "/api/wallet/verify-otp"),
    ("POST", "/api/wallet/otp/verify"),
    ("POST", "/api/wallet/otp/send"),
    ("GET", "/api/wallet/otp/status"),
];

/// What a browser sends along with a call from a page of the shop.
fn from_shop(authorization: &str) -> Vec<(&'static str, &str)> {
    vec![
        ("origin", SHOP),
        ("referer", "https://shop.example/"),
        ("sec-fetch-dest", "empty"),
        ("sec-fetch-mode", "cors"),
        ("sec-fetch-site", "cross-site"),
        ("accept", "*/*"),
        ("accept-encoding", "gzip, deflate, br, zstd"),
        ("accept-language", "en-GB,en;q=0.9"),
        ("content-type", "application/json"),
        ("authorization", authorization),
    ]
}

async fn call(
    client: &Client,
    method: Method,
    target: &str,
    token: &str,
    body: &serde_json::Value,
) -> Answer {
    let authorization = format!("Bearer {token}");
    let body = if method == Method::POST { Bytes::from(body.to_string()) } else { Bytes::new() };
    client.call(method, target, &from_shop(&authorization), body).await
}

#[tokio::test]
async fn a_preflight_of_a_protected_path_is_the_backends_to_answer() {
    let backend = Backend::start().await;
    let sidecar = Start::before(&backend.url()).ready();
    for (method, path) in PROTECTED {
        backend.next(path, Mood::Text(StatusCode::NO_CONTENT, "text/plain", String::new()));
        let headers = [
            ("origin", SHOP),
            ("access-control-request-method", method),
            ("access-control-request-headers", "authorization,content-type"),
            ("sec-fetch-mode", "cors"),
        ];
        let answer = sidecar.client().call(Method::OPTIONS, path, &headers, Bytes::new()).await;
        assert_eq!(answer.status, 204, "{path}: {}", answer.text());
        let seen = backend.seen_at(path);
        assert_eq!((seen.len(), &seen[0].method), (1, &Method::OPTIONS), "{path}");
        assert_eq!(seen[0].headers["access-control-request-headers"], "authorization,content-type");
        // Without what makes it a preflight it is a method like any other.
        let plain = sidecar.client().call(Method::OPTIONS, path, &[("origin", SHOP)], Bytes::new()).await;
        assert_eq!(plain.word(), (405, "method_not_allowed".to_owned()));
        assert_eq!(backend.seen_at(path).len(), 1, "{path}");
    }
}

/// One answer of the sidecar's own for each way it can turn out, as a page of the shop gets them.
async fn own_answers(cors: &str) -> Vec<Answer> {
    let (backend, mailbox, mut redis) = (Backend::start().await, mailbox().await, RedisServer::start());
    let policies = Folder::with_shipped(&[
        (ANY, cors),
        ("status:       { max: 10,", "status:       { max: 1,"),
        ("unauthorized: { max: 30,", "unauthorized: { max: 1,"),
    ]);
    let start = Start::before(&backend.url()).mail(&mailbox).policies(policies.path()).redis(&redis);
    let sidecar = start.env("OTP_SIDECAR_STORE_DEADLINE", "2s").ready();
    let (client, jane) = (sidecar.client(), token("jane", "jane@example.com"));
    let status = "/api/wallet/otp/status?purpose=wallet_funding";
    let (send, verify) = ("/api/wallet/otp/send", "/api/wallet/verify-otp");
    let nothing = json!({});
    let asked = json!({ "purpose": "wallet_funding", "email": "jane@example.com" });
    let elsewhere = json!({ "purpose": "wallet_funding", "email": "mallory@example.com" });
    let post = async |path, token: &str, body| call(&client, Method::POST, path, token, body).await;
    let get = async |path, token: &str| call(&client, Method::GET, path, token, &nothing).await;

    let mut answers = vec![(200, post(send, &jane, &asked).await)];
    let reference = answers[0].1.json()["transactionReference"].clone();
    let code = next_code(&mailbox).await;
    let guess = json!({ "otp": wrong(&code), "transaction_reference": reference });
    answers.push((200, get(status, &jane).await));
    answers.push((429, get(status, &jane).await));
    answers.push((400, post(send, &jane, &nothing).await));
    answers.push((400, get("/api/wallet/otp/%73tatus?purpose=wallet_funding", &jane).await));
    answers.push((401, get(status, "garbage").await));
    answers.push((429, get(status, "garbage").await));
    answers.push((403, post(send, &jane, &elsewhere).await));
    answers.push((405, get(send, &jane).await));
    for status in [400, 400, 423] {
        answers.push((status, post(verify, &jane, &guess).await));
    }
    redis.kill();
    answers.push((503, post(send, &jane, &asked).await));
    drop(backend);
    answers.push((502, get("/api/wallet/balance", &jane).await));
    for (status, answer) in &answers {
        assert_eq!(answer.status.as_u16(), *status, "{}", answer.text());
    }
    answers.into_iter().map(|(_, answer)| answer).collect()
}

fn check_readable(answers: &[Answer], origin: &str) {
    for answer in answers {
        let context = format!("{} {}", answer.status, answer.text());
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin), "{context}");
        let exposed = answer.header("access-control-expose-headers").unwrap().to_ascii_lowercase();
        for name in ["retry-after", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"] {
            assert!(exposed.contains(name), "{name} is not exposed: {context}");
        }
        assert_eq!(answer.headers.get_all("access-control-allow-origin").iter().count(), 1);
    }
}

#[tokio::test]
async fn any_page_may_read_every_own_answer_where_the_policy_allows_all_origins() {
    check_readable(&own_answers(ANY).await, "*");
}

#[tokio::test]
async fn a_listed_origin_may_read_every_own_answer_and_caches_keep_origins_apart() {
    let answers =
        own_answers("cors: { allow_origins: [\"https://shop.example\", \"https://b.example\"] }").await;
    check_readable(&answers, SHOP);
    assert!(answers.iter().all(|answer| answer.header("vary") == Some("Origin")));
}

#[tokio::test]
async fn an_origin_that_is_not_listed_may_read_no_own_answer() {
    for cors in ["cors: { allow_origins: [\"https://other.example\"] }", ""] {
        for answer in own_answers(cors).await {
            assert_eq!(answer.header("access-control-allow-origin"), None, "{}", answer.text());
            assert_eq!(answer.header("access-control-expose-headers"), None);
        }
    }
}

#[tokio::test]
async fn a_refused_method_is_told_which_there_are_and_head_counts_as_get() {
    let backend = Backend::start().await;
    let policies = Folder::with_shipped(&[("status:       { max: 10,", "status:       { max: 2,")]);
    let sidecar = Start::before(&backend.url()).policies(policies.path()).ready();
    let jane = sidecar.client().as_user("jane");
    for (allowed, path) in PROTECTED {
        let refused = jane.call(Method::DELETE, path, &[], Bytes::new()).await;
        assert_eq!(refused.word(), (405, "method_not_allowed".to_owned()), "{path}");
        let allow = refused.header("allow").unwrap();
        assert!(allow.split(", ").any(|method| method == allowed), "{path}: {allow}");
        assert_eq!(allow.contains("HEAD"), allowed == "GET", "{path}: {allow}");
    }
    let status = "/api/wallet/otp/status?purpose=wallet_funding";
    assert_eq!(jane.get(status).await.status, 200);
    let head = jane.call(Method::HEAD, status, &[], Bytes::new()).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert_eq!(jane.call(Method::HEAD, status, &[], Bytes::new()).await.status, 429, "it counted");
    assert!(backend.seen().is_empty());
}

#[tokio::test]
async fn where_the_policy_says_so_other_methods_are_forwarded() {
    let backend = Backend::start().await;
    let fund = "match: { methods: [POST], path: /api/wallet/fund }";
    let forward = "match: { methods: [POST], path: /api/wallet/fund, other_methods: forward }";
    let policies = Folder::with_shipped(&[(fund, forward)]);
    let sidecar = Start::before(&backend.url()).policies(policies.path()).ready();
    for method in [Method::GET, Method::DELETE, Method::OPTIONS] {
        let answer = sidecar.client().call(method, "/api/wallet/fund", &[], Bytes::new()).await;
        assert_eq!(answer.json(), json!({ "message": "not found" }), "the backend's own answer");
    }
    assert_eq!(backend.seen_at("/api/wallet/fund").len(), 3);
    assert_eq!(sidecar.client().fund(5_000).await.status, 401, "POST is still protected");
    assert_eq!(backend.seen_at("/api/wallet/fund").len(), 3);
}
