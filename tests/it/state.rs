//! State in Redis: what happens when it goes, hangs, forgets its scripts, and comes back; and what
//! sidecars share through it.

use std::time::{Duration, Instant};

use otp_sidecar::lab::mailbox::Mailbox;
use tokio::time::timeout;

use crate::support::backend::Backend;
use crate::support::client::{Answer, Client};
use crate::support::redis::RedisServer;
use crate::support::sidecar::{Folder, PATIENCE, Sidecar, Start, funded, mailbox, wrong};
use crate::support::traffic::Traffic;
use crate::support::wait::{RECOVERY, until, usual};

const OTHER_KEY: &str = "t2:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";
/// Another key under the usual name, as replicas have it when each made its own.
const NAMESAKE_KEY: &str = "t1:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";
const BOTH_KEYS: &str =
    "t2:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=,t1:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

/// The shipped policy with room for a test that asks often.
fn roomy() -> Folder {
    Folder::with_shipped(&[
        ("send-burst:   { max: 3,", "send-burst:   { max: 1000,"),
        ("send-hour:    { max: 15,", "send-hour:    { max: 1000,"),
        ("verify:       { max: 10,", "verify:       { max: 1000,"),
        ("fund:         { max: 10,", "fund:         { max: 1000,"),
        ("status:       { max: 10,", "status:       { max: 1000,"),
    ])
}

/// One sidecar with a patient deadline, so that a busy machine does not look like a dead Redis.
fn start(backend: &Backend, mailbox: &Mailbox, redis: &RedisServer) -> Start {
    Start::before(&backend.url()).mail(mailbox).redis(redis).env("OTP_SIDECAR_STORE_DEADLINE", "2s")
}

fn is_unavailable(answer: &Answer) -> bool {
    let seconds = answer.header("retry-after").and_then(|seconds| seconds.parse::<u64>().ok());
    answer.word() == (503, "state_unavailable".to_owned()) && seconds.is_some_and(|seconds| seconds >= 1)
}

#[tokio::test]
async fn a_killed_redis_closes_intercepted_routes_only_and_they_open_again_by_themselves() {
    let (backend, mailbox, mut redis) = (Backend::start().await, mailbox().await, RedisServer::start());
    let policies = roomy();
    let sidecar = start(&backend, &mailbox, &redis).policies(policies.path()).ready();
    let passing = Traffic::start(3, &format!("http://{}", sidecar.traffic), async |client, _| {
        assert_eq!(client.get("/api/wallet/balance").await.status, 200);
    });
    let (jane, operator) = (sidecar.client().as_user("jane"), sidecar.operator());
    let (reference, code) = funded(&jane, &mailbox).await;
    assert_eq!(operator.get("/readyz").await.status, 200);

    redis.kill();
    let before = backend.seen_at("/api/wallet/fund").len();
    for answer in [
        jane.fund(5_000).await,
        jane.send("wallet_funding", "jane@example.com").await,
        jane.verify(&reference, &code).await,
        jane.status("wallet_funding").await,
    ] {
        assert!(is_unavailable(&answer), "{:?} {}", answer.headers, answer.text());
    }
    assert_eq!(backend.seen_at("/api/wallet/fund").len(), before, "a refused fund reached the backend");
    assert_eq!(backend.balance(), 0);
    assert_eq!(operator.get("/readyz").await.status, 503);
    assert_eq!(operator.get("/livez").await.status, 200);
    let health = operator.get("/health").await;
    assert_eq!((health.status.as_u16(), &health.json()["status"]), (200, &"degraded".into()));
    assert_eq!(health.json()["state"]["status"], "down");

    redis.restart();
    until("intercepted routes work again", RECOVERY, async || jane.fund(5_000).await.status == 200).await;
    assert_eq!(operator.get("/readyz").await.status, 200);
    assert!(passing.end().await > 0);
}

/// How long a refusal takes.
async fn refusal(jane: &Client) -> Duration {
    let begun = Instant::now();
    assert!(is_unavailable(&jane.fund(5_000).await));
    begun.elapsed()
}

/// A busy machine may be late once, so it is the usual time that counts. A sidecar that waits twice, or
/// tries again, needs twice the deadline each time.
#[tokio::test]
async fn without_redis_intercepted_routes_answer_within_the_deadline() {
    let (backend, mailbox, mut redis) = (Backend::start().await, mailbox().await, RedisServer::start());
    let policies = roomy();
    let deadline = Duration::from_millis(400);
    let start = Start::before(&backend.url()).mail(&mailbox).redis(&redis).policies(policies.path());
    let sidecar = start.env("OTP_SIDECAR_STORE_DEADLINE", "400ms").ready();
    let jane = sidecar.client().as_user("jane");
    let works = async || jane.status("wallet_funding").await.status == 200;
    let (mut frozen, mut killed) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        until("it works", PATIENCE, works).await;
        redis.freeze();
        frozen.push(refusal(&jane).await);
        redis.thaw();
        until("it works again", PATIENCE, works).await;
        redis.kill();
        killed.push(refusal(&jane).await);
        redis.restart();
    }
    let limit = deadline * 3 / 2;
    assert!(usual(&frozen) >= deadline && usual(&frozen) <= limit, "frozen: {frozen:?}");
    assert!(usual(&killed) <= limit, "killed: {killed:?}");
    assert!(backend.seen().is_empty());
}

#[tokio::test]
async fn redis_forgetting_its_scripts_in_the_middle_of_traffic_is_not_noticed() {
    let (backend, mailbox, redis) = (Backend::start().await, mailbox().await, RedisServer::start());
    let policies = roomy();
    let sidecar = start(&backend, &mailbox, &redis).policies(policies.path()).ready();
    let calls = Traffic::start(4, &format!("http://{}", sidecar.traffic), async |client, number| {
        let answer = client.as_user(&format!("user{number}")).status("wallet_funding").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    });
    let jane = sidecar.client().as_user("jane");
    for _ in 0..20 {
        redis.ask::<()>(&["SCRIPT", "FLUSH"]);
        let (reference, code) = funded(&jane, &mailbox).await;
        redis.ask::<()>(&["SCRIPT", "FLUSH"]);
        assert_eq!(jane.verify(&reference, &code).await.status, 200);
    }
    assert!(calls.end().await > 0);
}

#[tokio::test]
async fn a_frozen_redis_is_not_waited_for_and_works_again_when_it_thaws() {
    let (backend, mailbox, redis) = (Backend::start().await, mailbox().await, RedisServer::start());
    let sidecar = Start::before(&backend.url()).mail(&mailbox).redis(&redis).ready();
    let jane = sidecar.client().as_user("jane");
    redis.freeze();
    for _ in 0..3 {
        let answer = jane.fund(5_000).await;
        assert!(is_unavailable(&answer), "{}", answer.text());
    }
    assert_eq!(jane.get("/api/wallet/balance").await.status, 200, "the rest still passes");
    assert_eq!(sidecar.operator().get("/readyz").await.status, 503);
    assert!(backend.seen_at("/api/wallet/fund").is_empty());
    redis.thaw();
    let john = sidecar.client().as_user("john");
    until("it works again", RECOVERY, async || john.status("wallet_funding").await.status == 200).await;
}

#[tokio::test]
async fn the_sidecar_starts_while_redis_is_down() {
    let (backend, mailbox, mut redis) = (Backend::start().await, mailbox().await, RedisServer::start());
    redis.kill();
    let sidecar = start(&backend, &mailbox, &redis).ready();
    sidecar.logged("the store does not answer yet").await;
    let jane = sidecar.client().as_user("jane");
    assert!(is_unavailable(&jane.fund(5_000).await));
    assert_eq!(jane.get("/api/wallet/balance").await.status, 200);
    assert_eq!(sidecar.operator().get("/readyz").await.status, 503);
    redis.restart();
    until("it works", RECOVERY, async || sidecar.operator().get("/readyz").await.status == 200).await;
    assert_eq!(jane.fund(5_000).await.json()["otpSent"], true);
}

#[tokio::test]
async fn a_right_code_whose_check_took_too_long_is_not_lost() {
    let (backend, mailbox, redis) = (Backend::start().await, mailbox().await, RedisServer::start());
    let policies = roomy();
    let start = Start::before(&backend.url()).mail(&mailbox).redis(&redis);
    let sidecar = start.policies(policies.path()).ready();
    let jane = sidecar.client().as_user("jane");
    let (reference, code) = funded(&jane, &mailbox).await;
    // From here on Redis knows the script: what it is sent now it will do, however late.
    assert_eq!(jane.verify("FUND-unknown", &code).await.word(), (400, "otp_not_found".to_owned()));
    redis.freeze();
    let refused = jane.verify(&reference, &code).await;
    assert!(is_unavailable(&refused), "{}", refused.text());
    redis.thaw();
    until("the code is good again", PATIENCE, async || jane.verify(&reference, &code).await.status == 200)
        .await;
    assert_eq!(backend.seen_at("/api/wallet/verify-otp").len(), 1);
}

#[tokio::test]
async fn a_crash_of_the_sidecar_forgives_and_forgets_nothing() {
    let (backend, mailbox, redis) = (Backend::start().await, mailbox().await, RedisServer::start());
    let sidecar = start(&backend, &mailbox, &redis).ready();
    let client = sidecar.client();
    let (reference, code) = funded(&client.as_user("jane"), &mailbox).await;
    client.as_user("jane").verify(&reference, &wrong(&code)).await;
    let (john_reference, john_code) = funded(&client.as_user("john"), &mailbox).await;
    for _ in 0..3 {
        client.as_user("john").verify(&john_reference, &wrong(&john_code)).await;
    }
    timeout(PATIENCE, mailbox.next_mail()).await.expect("the notice of the lock");
    for _ in 0..3 {
        funded(&client.as_user("often"), &mailbox).await;
    }
    drop(sidecar); // SIGKILL

    let sidecar = start(&backend, &mailbox, &redis).ready();
    let client = sidecar.client();
    assert_eq!(client.as_user("often").fund(5_000).await.word(), (429, "rate_limited".to_owned()));
    let john = client.as_user("john").verify(&john_reference, &john_code).await;
    assert_eq!(john.word(), (423, "locked".to_owned()));
    assert_eq!(client.as_user("jane").status("wallet_funding").await.json()["attempts"], 1);
    assert_eq!(client.as_user("jane").verify(&reference, &code).await.status, 200);
}

#[tokio::test]
async fn a_code_under_a_key_that_a_replica_does_not_have_is_told_apart_and_counts_nothing() {
    let (backend, mailbox, redis) = (Backend::start().await, mailbox().await, RedisServer::start());
    let one = start(&backend, &mailbox, &redis).ready();
    for key in [OTHER_KEY, NAMESAKE_KEY] {
        let other = start(&backend, &mailbox, &redis).env("OTP_SIDECAR_CODE_KEYS", key).ready();
        let (reference, code) = funded(&one.client().as_user("jane"), &mailbox).await;
        let prints = async |of: &Sidecar| of.operator().get("/health").await.json()["codeKeyPrints"].clone();
        assert_ne!(prints(&one).await, prints(&other).await);

        let refused = other.client().as_user("jane").verify(&reference, &code).await;
        assert_eq!(refused.word(), (400, "otp_not_found".to_owned()));
        let series = "otp_verify_failures_total{purpose=\"wallet_funding\",reason=\"unknown_key\"}";
        assert_eq!(other.metric(series).await, 1.0);
        let jane = one.client().as_user("jane");
        assert_eq!(jane.status("wallet_funding").await.json()["attempts"], 0);
        assert_eq!(jane.verify(&reference, &code).await.status, 200);
    }
}

#[tokio::test]
async fn a_code_under_the_older_of_two_keys_still_verifies() {
    let (backend, mailbox, redis) = (Backend::start().await, mailbox().await, RedisServer::start());
    let before: Sidecar = start(&backend, &mailbox, &redis).ready();
    let (reference, code) = funded(&before.client().as_user("jane"), &mailbox).await;
    drop(before);
    let after = start(&backend, &mailbox, &redis).env("OTP_SIDECAR_CODE_KEYS", BOTH_KEYS).ready();
    assert_eq!(after.operator().get("/health").await.json()["codeKeys"], serde_json::json!(["t2", "t1"]));
    assert_eq!(after.client().as_user("jane").verify(&reference, &code).await.status, 200);
    // What the new key signs, the new key verifies.
    let (reference, code) = funded(&after.client().as_user("jane"), &mailbox).await;
    assert_eq!(after.client().as_user("jane").verify(&reference, &code).await.status, 200);
}
