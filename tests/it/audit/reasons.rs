//! Every reason for which a policy refuses has its line, with the rule and whom it is about.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use super::World;
use crate::support::audit::assert_fits_the_schema;
use crate::support::client::{Answer, Client};
use crate::support::redis::RedisServer;
use crate::support::sidecar::{PATIENCE, Start, funded, wrong};
use crate::support::wait::until;

const VERIFY: &str = "/api/wallet/verify-otp";
const ROOMY: [(&str, &str); 5] = [
    ("send-burst:   { max: 3,", "send-burst:   { max: 100,"),
    ("send-hour:    { max: 15,", "send-hour:    { max: 100,"),
    ("verify:       { max: 10,", "verify:       { max: 100,"),
    ("status:       { max: 10,", "status:       { max: 5000,"),
    ("ttl: 5m", "ttl: 10s"),
];

/// What a line must say.
struct Wanted {
    outcome: &'static str,
    reason: &'static str,
    action: &'static str,
    rule: Option<&'static str>,
    purpose: Option<&'static str>,
}

fn refused(reason: &'static str, action: &'static str, rule: Option<&'static str>) -> Wanted {
    Wanted { outcome: "refused", reason, action, rule, purpose: None }
}

impl Wanted {
    fn of(self, purpose: &'static str) -> Self {
        Self { purpose: Some(purpose), ..self }
    }
}

async fn assert_told(world: &World, answer: &Answer, wanted: &Wanted) {
    let body = answer.json();
    let id = body["decisionId"].as_str().unwrap_or_else(|| panic!("{}", answer.text()));
    let line = world.audit.decision(id).await;
    for (field, value) in [
        ("outcome", Some(wanted.outcome)),
        ("reason", Some(wanted.reason)),
        ("action", Some(wanted.action)),
        ("rule", wanted.rule),
        ("purpose", wanted.purpose),
        ("mode", Some("enforce")),
    ] {
        assert_eq!(line[field].as_str(), value, "{field} of {}: {line:#}", wanted.reason);
    }
    let loaded = world.audit.events("policy");
    assert_eq!(line["policy"], loaded[0]["policy"]);
    if line["action"] != "limit"
        && wanted.reason != "unauthorized"
        && wanted.rule.is_none_or(|rule| !rule.ends_with(".match"))
    {
        assert!(line["subject"].is_string(), "{line:#}");
    }
}

async fn post(client: &Client, target: &str, media_type: &str, body: String) -> Answer {
    client.call(Method::POST, target, &[("content-type", media_type)], Bytes::from(body)).await
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_told() {
    let world = World::start(&ROOMY).await;
    let jane = world.user("jane");
    let nobody = world.sidecar.client();
    let verify = |rule| move |reason| refused(reason, "verify", rule);
    let plain = verify(None);
    let cases = [
        (nobody.fund(5).await, refused("unauthorized", "issue", Some("identity.jwt")).of("wallet_funding")),
        (post(&jane, VERIFY, "text/plain", "x".to_owned()).await, plain("unsupported_media_type")),
        (post(&jane, VERIFY, "application/json", "{".to_owned()).await, plain("invalid_request")),
        (post(&jane, VERIFY, "application/json", " ".repeat(70_000)).await, plain("body_too_large")),
        (
            jane.get("/api/wallet/fund").await,
            refused("method_not_allowed", "issue", Some("routes.fund.match")).of("wallet_funding"),
        ),
        (
            jane.post("/api/wallet//fund", &json!({})).await,
            refused("ambiguous_path", "issue", Some("routes.fund.match")).of("wallet_funding"),
        ),
        (
            jane.send("wallet_funding", "mallory@example.com").await,
            refused("recipient_mismatch", "send", Some("routes.send.send.recipient")).of("wallet_funding"),
        ),
        (jane.status("nothing").await, refused("invalid_request", "status", None)),
        (jane.verify("FUND-NONE", "123456").await, plain("not_found")),
    ];
    for (answer, wanted) in &cases {
        assert_told(&world, answer, wanted).await;
    }
    let unauthorized =
        world.audit.events("decision").into_iter().find(|line| line["reason"] == "unauthorized");
    let counted = json!([{ "limit": "unauthorized", "max": 30, "before": 0, "after": 1 }]);
    assert_eq!(unauthorized.unwrap()["limits"], counted);
    assert_fits_the_schema(&world.audit.text());
}

#[tokio::test]
async fn what_is_wrong_with_a_code_is_told() {
    let redis = RedisServer::start();
    let on_redis = |start: Start| start.redis(&redis).env("OTP_SIDECAR_STORE_DEADLINE", "5s");
    let world = World::started(&ROOMY, on_redis).await;
    let replica = Start::before(&world.backend.url())
        .redis(&redis)
        .mail(&world.mailbox)
        .flag("--audit", world.folder.path().join("other.jsonl"))
        .env("OTP_SIDECAR_STORE_DEADLINE", "5s")
        .env("OTP_SIDECAR_CODE_KEYS", "t2:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=")
        .ready();
    let of_code = |reason, rule| refused(reason, "verify", rule).of("wallet_funding");

    let late = world.user("late");
    let (expiring, dying) = funded(&late, &world.mailbox).await;
    let jane = world.user("jane");
    let (older, old_code) = funded(&jane, &world.mailbox).await;
    let (reference, code) = funded(&jane, &world.mailbox).await;
    let superseded = jane.verify(&older, &old_code).await;
    assert_told(&world, &superseded, &of_code("superseded", None)).await;
    let invalid = jane.verify(&reference, &wrong(&code)).await;
    assert_told(&world, &invalid, &of_code("invalid", None)).await;
    assert_eq!(jane.verify(&reference, &code).await.status, 200);
    assert_told(&world, &jane.verify(&reference, &code).await, &of_code("used", None)).await;

    let (reference, code) = funded(&jane, &world.mailbox).await;
    let elsewhere = Client::new(format!("http://{}", replica.traffic)).as_user("jane");
    let unknown = elsewhere.verify(&reference, &code).await;
    let other = crate::support::audit::AuditFile(world.folder.path().join("other.jsonl"));
    let line = other.decision(unknown.json()["decisionId"].as_str().unwrap()).await;
    assert_eq!((&line["reason"], &line["purpose"]), (&json!("unknown_key"), &json!("wallet_funding")));

    let dead = async || late.status("wallet_funding").await.json()["isValid"] == Value::Bool(false);
    until("the code expires", PATIENCE, dead).await;
    let expired = late.verify(&expiring, &dying).await;
    assert_told(&world, &expired, &of_code("expired", Some("purposes.wallet_funding.code.ttl"))).await;

    // Attempts at one challenge have one pseudonym, which is not its handle.
    let tries: Vec<Value> =
        world.audit.events("decision").into_iter().filter(|line| line["action"] == "verify").collect();
    let of = |reason: &str| tries.iter().find(|line| line["reason"] == reason).unwrap()["reference"].clone();
    assert_eq!(of("invalid"), of("used"));
    assert_ne!(of("invalid"), of("superseded"));
    assert_fits_the_schema(&world.audit.text());
    assert!(!world.audit.text().contains("FUND-"), "a handle is shown");
}

#[tokio::test]
async fn limits_locks_and_cooldowns_are_told_by_their_place_in_the_policy() {
    let world = World::start(&[
        ("disable_after: 100", "disable_after: 1"),
        ("    channel:  email", "    resend:   { cooldown: 5m }\n    channel:  email"),
        ("fund:         { max: 10,", "fund:         { max: 2,"),
    ])
    .await;
    let jane = world.user("jane");
    let (reference, code) = funded(&jane, &world.mailbox).await;
    let wanted = |reason, action, rule| refused(reason, action, Some(rule)).of("wallet_funding");
    let soon = jane.send("wallet_funding", "jane@example.com").await;
    assert_told(&world, &soon, &wanted("rate_limited", "send", "purposes.wallet_funding.resend.cooldown"))
        .await;
    let last = jane.verify(&reference, &wrong(&code)).await;
    let rule = "purposes.wallet_funding.lockout.disable_after";
    assert_told(&world, &last, &wanted("invalid", "verify", rule)).await;
    assert_told(&world, &jane.verify(&reference, &code).await, &wanted("disabled", "verify", rule)).await;
    assert_told(&world, &jane.fund(5).await, &wanted("disabled", "issue", rule)).await;
    let line = world.audit.awaited("decision", |line| line["reason"] == "disabled").await;
    assert_eq!(line["lock"], json!({ "before": "disabled", "after": "disabled" }));

    let john = world.user("john");
    for _ in 0..2 {
        assert_eq!(john.fund(5).await.status, 200);
    }
    assert_told(&world, &john.fund(5).await, &wanted("rate_limited", "issue", "limits.fund")).await;
    assert_fits_the_schema(&world.audit.text());
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_told_as_a_failure() {
    let mut redis = RedisServer::start();
    let world = World::started(&[], |start| start.redis(&redis)).await;
    redis.kill();
    let answer = world.user("jane").status("wallet_funding").await;
    assert_eq!(answer.status, 503);
    let wanted = Wanted {
        outcome: "failed",
        reason: "state_unavailable",
        action: "status",
        rule: None,
        purpose: Some("wallet_funding"),
    };
    assert_told(&world, &answer, &wanted).await;
    assert_fits_the_schema(&world.audit.text());
}
