//! What the running sidecar answers over HTTP, `policy test` expects: one story is told to both.

use bytes::Bytes;
use http::{Method, StatusCode};
use otp_sidecar::lab::mailbox::Mailbox;
use serde_json::{Map, Value, json};

use crate::support::backend::{Backend, Mood};
use crate::support::client::{Answer, Client};
use crate::support::program::run;
use crate::support::sidecar::{Folder, Sidecar, next_code, shipped_policies, wrong};

const FUND: &str = "/api/wallet/fund";
const SEND: &str = "/api/wallet/otp/send";
const STATUS: &str = "/api/wallet/otp/status?purpose=wallet_funding";
const VERIFY: &str = "/api/wallet/verify-otp";

/// What depends on the moment, or on chance.
const FLEETING: [&str; 8] = [
    "decisionId",
    "resetTime",
    "lockedUntil",
    "retryAfter",
    "expiresAt",
    "expiresIn",
    "otpId",
    "transactionReference",
];
const HEADERS: [&str; 8] = [
    "allow",
    "www-authenticate",
    "content-type",
    "cache-control",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "access-control-allow-origin",
    "access-control-expose-headers",
];

/// A story: told to the sidecar as it goes on, and written down as a test with what the sidecar answered.
struct Story {
    backend: Backend,
    mailbox: Mailbox,
    sidecar: Sidecar,
    steps: Vec<Value>,
}

impl Story {
    async fn begin() -> Self {
        let backend = Backend::start().await;
        let (sidecar, mailbox) = Sidecar::with_mail(&backend).await;
        Self { backend, mailbox, sidecar, steps: Vec::new() }
    }

    fn client(&self, who: &str) -> Client {
        if who == "anonymous" { self.sidecar.client() } else { self.sidecar.client().as_user(who) }
    }

    /// One request of somebody, and what it comes to. `wallet` is what the wallet answers if it is asked.
    async fn ask(
        &mut self,
        who: &str,
        method: &str,
        path: &str,
        body: Value,
        wallet: Option<(u16, Value)>,
    ) -> Answer {
        self.step(who, method, path, body, None, wallet).await
    }

    async fn step(
        &mut self,
        who: &str,
        method: &str,
        path: &str,
        body: Value,
        code: Option<(&str, &str)>,
        wallet: Option<(u16, Value)>,
    ) -> Answer {
        let before = self.backend.seen().len();
        if let Some((status, answer)) = &wallet {
            let status = StatusCode::from_u16(*status).unwrap();
            self.backend.next(path.split('?').next().unwrap(), Mood::Answer(status, answer.clone()));
        }
        let mut sent = body.clone();
        if let Some((presented, reference)) = code {
            sent = json!({ "otp": presented, "transaction_reference": reference });
        }
        let (bytes, kind) = match &sent {
            Value::Null => (String::new(), None),
            Value::String(text) => (text.clone(), Some("text/plain")),
            other => (other.to_string(), Some("application/json")),
        };
        let headers: Vec<(&str, &str)> = [("origin", "https://shop.example")]
            .into_iter()
            .chain(kind.map(|kind| ("content-type", kind)))
            .collect();
        let method_named = Method::from_bytes(method.as_bytes()).unwrap();
        let answer = self.client(who).call(method_named, path, &headers, Bytes::from(bytes)).await;
        let asked = self.backend.seen().len() > before;
        let headers: Map<String, Value> =
            headers.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
        let mut request = json!({ "method": method, "path": path, "headers": headers });
        if who == "anonymous" {
            request["claims"] = json!("anonymous");
        } else {
            request["claims"] = json!({ "id": who, "email": format!("{who}@example.com") });
        }
        if !sent.is_null() {
            request["body"] = sent;
        }
        let mut step = json!({ "at": "+0s", "request": request, "expect": expected(&answer, asked) });
        if let Some((status, body)) = wallet {
            step["upstream"] = json!({ "status": status, "body": body });
        }
        self.steps.push(step);
        answer
    }

    /// The same with a code, which the test presents by its kind: the code of the test is another one.
    async fn verify(&mut self, who: &str, kind: &str, presented: &str, reference: &str) -> Answer {
        let wallet = (kind == "right").then(|| (200, json!({ "success": true, "balance": 17 })));
        let answer = self.step(who, "POST", VERIFY, Value::Null, Some((presented, reference)), wallet).await;
        let step = self.steps.last_mut().unwrap();
        let request = step["request"].as_object_mut().unwrap();
        request.remove("body");
        request.insert("code".to_owned(), json!(kind));
        request.insert("reference".to_owned(), json!(reference));
        answer
    }

    async fn fund(&mut self, who: &str, reference: &str) -> String {
        let body = json!({ "amount": 5000, "email": "ignored@example.com" });
        let wallet = json!({ "success": true, "transactionReference": reference });
        let answer = self.ask(who, "POST", FUND, body, Some((200, wallet))).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        next_code(&self.mailbox).await
    }

    /// Runs the story as a test of the shipped policy.
    fn end(self) {
        let folder = Folder::new();
        let tests = json!({
            "version": 1,
            "policy": shipped_policies(),
            "tests": [{ "name": "the story", "client": "127.0.0.1", "steps": self.steps }],
        });
        folder.write("story.yaml", &tests.to_string());
        let ended = run(&["policy", "test", folder.path().join("story.yaml").to_str().unwrap()]);
        assert_eq!(ended.code, 0, "{}{}", ended.out, ended.err);
    }
}

fn expected(answer: &Answer, asked: bool) -> Value {
    let status = answer.status.as_u16();
    let mut body = Map::new();
    if let Value::Object(fields) = answer.json() {
        for (name, value) in fields.into_iter().filter(|(name, _)| !FLEETING.contains(&name.as_str())) {
            // A mapping without entries would expect nothing, and of those that lock the seconds are fleeting.
            if !(name == "details" && matches!(status, 423 | 429)) {
                body.insert(name, value);
            }
        }
    }
    let headers: Map<String, Value> = HEADERS
        .iter()
        .filter(|name| answer.headers.contains_key(**name) || status >= 400)
        .map(|name| ((*name).to_owned(), json!(answer.header(name).unwrap_or("none"))))
        .collect();
    let mut expected = json!({ "status": status, "upstream": if asked { "asked" } else { "not asked" } });
    if !body.is_empty() {
        expected["body"] = Value::Object(body);
    }
    // What passes has headers of the wallet's own.
    if status >= 400 && !asked {
        expected["headers"] = Value::Object(headers);
    }
    expected
}

#[tokio::test]
async fn the_tests_of_policies_expect_what_the_running_sidecar_answers() {
    let mut story = Story::begin().await;
    story.ask("jane", "GET", STATUS, Value::Null, None).await;
    let code = story.fund("jane", "FUND-0001").await;
    story.ask("jane", "GET", STATUS, Value::Null, None).await;
    story.verify("jane", "wrong", &wrong(&code), "FUND-0001").await;
    story.ask("jane", "GET", STATUS, Value::Null, None).await;
    story.verify("john", "wrong", &code, "FUND-0001").await;
    story.verify("jane", "right", &code, "FUND-0001").await;
    story.verify("jane", "right", &code, "FUND-0001").await;
    story.steps.last_mut().unwrap().as_object_mut().unwrap().remove("upstream");
    story.ask("jane", "POST", FUND, json!({ "amount": 1 }), Some((422, json!({ "message": "no" })))).await;
    let older = story.fund("mary", "FUND-0002").await;
    let _newer = story.fund("mary", "FUND-0003").await;
    story.verify("mary", "previous", &older, "FUND-0002").await;
    let send = json!({ "purpose": "wallet_funding", "email": "mary@example.com" });
    for expected in [200, 429] {
        let answer = story.ask("mary", "POST", SEND, send.clone(), None).await;
        assert_eq!(answer.status, expected, "{}", answer.text());
    }
    for expected in [400, 400, 423, 423] {
        let answer = story.verify("mary", "wrong", "000000", "FUND-0003").await;
        assert_eq!(answer.status, expected, "{}", answer.text());
    }
    story.ask("mary", "GET", STATUS, Value::Null, None).await;
    story.ask("mary", "POST", SEND, send, None).await;
    story.end();
}

#[tokio::test]
async fn what_is_refused_for_its_form_is_refused_alike() {
    let mut story = Story::begin().await;
    for (method, path, body) in [
        ("PUT", FUND, json!({ "amount": 1 })),
        ("OPTIONS", FUND, Value::Null),
        ("POST", "/api/wallet//fund", json!({ "amount": 1 })),
        ("POST", "/api/wallet/%66und", json!({ "amount": 1 })),
        ("POST", FUND, json!("amount=1")),
        ("POST", FUND, json!({ "amount": [1] })),
        ("POST", FUND, json!({ "amount": 1, "Amount": 2 })),
        ("POST", VERIFY, json!({ "otp": "123456" })),
        ("POST", VERIFY, json!({ "otp": "12", "transaction_reference": "FUND-0001" })),
        ("POST", VERIFY, json!({ "otp": 123456, "transaction_reference": "no" })),
        ("POST", VERIFY, json!({ "otp": 123456, "transaction_reference": "FUND-0001" })),
        ("POST", SEND, json!({ "purpose": "invalid", "email": "jane@example.com" })),
        ("POST", SEND, json!({ "purpose": "wallet_funding", "email": "john@example.com" })),
        ("POST", SEND, Value::Null),
        ("GET", "/api/wallet/otp/status", Value::Null),
        ("GET", "/api/wallet/otp/status?purpose=a&purpose=b", Value::Null),
        ("HEAD", STATUS, Value::Null),
        ("POST", STATUS, json!({})),
    ] {
        story.ask("jane", method, path, body.clone(), None).await;
        story.ask("anonymous", method, path, body, None).await;
    }
    for _ in 0..20 {
        story.ask("anonymous", "GET", STATUS, Value::Null, None).await;
    }
    story.end();
}
