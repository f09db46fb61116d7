//! What was counted before and after a decision.

use serde_json::{Value, json};

use super::World;
use crate::support::redis::RedisServer;
use crate::support::sidecar::{funded, wrong};

/// Wrong codes until the lock, and one more; then the lines of the four decisions.
async fn guesses(world: &World) -> Vec<Value> {
    let client = world.user("jane");
    let (reference, code) = funded(&client, &world.mailbox).await;
    let mut lines = Vec::new();
    for _ in 0..4 {
        let answer = client.verify(&reference, &wrong(&code)).await;
        let id = answer.json()["decisionId"].as_str().map(str::to_owned);
        let line = match id {
            Some(id) => world.audit.decision(&id).await,
            None => panic!("{}", answer.text()),
        };
        lines.push(line);
    }
    lines
}

async fn add_up(world: &World) {
    let lines = guesses(world).await;
    let failures: Vec<&Value> = lines.iter().map(|line| &line["failures"]).collect();
    // The third sets the lock, and the count begins anew.
    assert_eq!(
        failures,
        [
            &json!({ "before": 0, "after": 1 }),
            &json!({ "before": 1, "after": 2 }),
            &json!({ "before": 2, "after": 0 }),
            &json!({ "before": 0, "after": 0 }),
        ],
        "{lines:#?}"
    );
    let locks: Vec<(&Value, &Value)> =
        lines.iter().map(|line| (&line["lock"]["before"], &line["lock"]["after"])).collect();
    let end = &lines[2]["until"];
    assert!(end.is_string(), "{:#}", lines[2]);
    let none = &Value::Null;
    assert_eq!(locks, [(none, none), (none, none), (none, end), (end, end)]);
    for (number, line) in lines[..3].iter().enumerate() {
        let counted = json!([
            { "limit": "verify", "max": 10, "before": number, "after": number + 1 },
            { "limit": "guesses", "max": 12, "before": number, "after": number + 1 },
        ]);
        assert_eq!(line["limits"], counted);
        assert_eq!((&line["reason"], &line["code"]), (&json!("invalid"), &json!("wrong")));
    }
    // While locked no limit of the subject is looked at, and no code is compared.
    assert_eq!(
        lines[3]["limits"],
        json!([{ "limit": "verify", "max": 10 }, { "limit": "guesses", "max": 12 }])
    );
    assert_eq!((&lines[3]["reason"], &lines[3]["code"]), (&json!("locked"), none));
    let rules: Vec<&Value> = lines.iter().map(|line| &line["rule"]).collect();
    let lockout = json!("purposes.wallet_funding.lockout");
    assert_eq!(rules, [none, none, &lockout, &lockout]);
}

#[tokio::test]
async fn counts_add_up_over_wrong_codes_until_the_lock_in_memory() {
    add_up(&World::start(&[]).await).await;
}

#[tokio::test]
async fn counts_add_up_over_wrong_codes_until_the_lock_in_redis() {
    let redis = RedisServer::start();
    let patient =
        |start: crate::support::sidecar::Start| start.redis(&redis).env("OTP_SIDECAR_STORE_DEADLINE", "5s");
    add_up(&World::started(&[], patient).await).await;
}

#[tokio::test]
async fn a_right_code_forgives_the_failures_and_the_line_says_so() {
    let world = World::start(&[]).await;
    let client = world.user("jane");
    let (reference, code) = funded(&client, &world.mailbox).await;
    client.verify(&reference, &wrong(&code)).await;
    assert_eq!(client.verify(&reference, &code).await.status, 200);
    let line = world.audit.awaited("decision", |line| line["reason"] == "matched").await;
    assert_eq!(line["failures"], json!({ "before": 1, "after": 0 }));
    assert_eq!((&line["outcome"], &line["code"]), (&json!("allowed"), &json!("right")));
}

#[tokio::test]
async fn a_full_limit_is_told_with_its_numbers_and_its_end() {
    let world = World::start(&[]).await;
    let client = world.user("jane");
    let mut last = Value::Null;
    for _ in 0..11 {
        last = client.status("wallet_funding").await.json();
    }
    let line = world.audit.decision(last["decisionId"].as_str().unwrap()).await;
    assert_eq!(line["limits"], json!([{ "limit": "status", "max": 10, "before": 10, "after": 10 }]));
    assert_eq!((&line["rule"], &line["until"]), (&json!("limits.status"), &last["resetTime"]));
    let told = world.audit.events("decision");
    let counted: Vec<u64> = told.iter().filter_map(|line| line["limits"][0]["after"].as_u64()).collect();
    assert_eq!(counted, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10]);
}
