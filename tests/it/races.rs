//! Many at once, through one sidecar with state in memory and through two on one Redis: each code
//! passes once, each failure counts, each limit holds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use http::StatusCode;
use otp_sidecar::lab::mailbox::Mailbox;
use serde_json::json;
use tokio::sync::Barrier;

use crate::support::backend::{Backend, Mood};
use crate::support::client::{Answer, Client};
use crate::support::redis::RedisServer;
use crate::support::sidecar::{Folder, Sidecar, Start, funded, mailbox, next_code, wrong};

const VERIFY: &str = "/api/wallet/verify-otp";

/// How many clients there are. Each opens as many connections as it has calls under way.
const CONNECTIONS: usize = 100;

/// Sidecars that share their state.
struct World {
    backend: Backend,
    mailbox: Mailbox,
    sidecars: Vec<Sidecar>,
    _policies: Folder,
    _redis: Option<RedisServer>,
}

impl World {
    async fn start(redis: Option<RedisServer>, changes: &[(&str, &str)]) -> Self {
        let (backend, mailbox) = (Backend::start().await, mailbox().await);
        let policies = Folder::with_shipped(changes);
        let one = || {
            let start = Start::before(&backend.url()).mail(&mailbox).policies(policies.path());
            // A thousand callers on two cores are slow; here that must not look like a dead store.
            let start = start.env("OTP_SIDECAR_STORE_DEADLINE", "30s");
            match &redis {
                Some(redis) => start.redis(redis).ready(),
                None => start.ready(),
            }
        };
        let sidecars = (0..if redis.is_some() { 2 } else { 1 }).map(|_| one()).collect();
        Self { backend, mailbox, sidecars, _policies: policies, _redis: redis }
    }

    fn jane(&self) -> Client {
        self.sidecars[0].client().as_user("jane")
    }

    /// Makes so many calls as Jane, at once and spread over the sidecars; all answers.
    async fn at_once<F>(&self, times: usize, call: impl Fn(Client, usize) -> F) -> Vec<Answer>
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        let clients: Vec<Client> = (0..CONNECTIONS)
            .map(|number| self.sidecars[number % self.sidecars.len()].client().as_user("jane"))
            .collect();
        let barrier = Arc::new(Barrier::new(times));
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..times {
            let (barrier, call) = (Arc::clone(&barrier), call(clients[number % CONNECTIONS].clone(), number));
            tasks.spawn(async move {
                barrier.wait().await;
                call.await
            });
        }
        tasks.join_all().await
    }

    /// The sum of a series over all sidecars.
    async fn sum(&self, series: &str) -> f64 {
        let mut sum = 0.0;
        for sidecar in &self.sidecars {
            sum += sidecar.metric(series).await;
        }
        sum
    }
}

/// How often each word came.
fn counted(answers: &[Answer]) -> BTreeMap<(u16, String), usize> {
    let mut counts = BTreeMap::new();
    for answer in answers {
        *counts.entry(answer.word()).or_insert(0) += 1;
    }
    counts
}

fn expected<const N: usize>(counts: [(u16, &str, usize); N]) -> BTreeMap<(u16, String), usize> {
    counts.into_iter().map(|(status, word, count)| ((status, word.to_owned()), count)).collect()
}

const MANY_TRIES: (&str, &str) = ("verify:       { max: 10,", "verify:       { max: 100000,");

async fn one_right_code(redis: Option<RedisServer>) {
    let world = World::start(redis, &[MANY_TRIES]).await;
    let (reference, code) = funded(&world.jane(), &world.mailbox).await;
    let call = |client: Client, _| {
        let (reference, code) = (reference.clone(), code.clone());
        async move { client.verify(&reference, &code).await }
    };
    let answers = world.at_once(1_000, call).await;
    assert_eq!(counted(&answers), expected([(200, "", 1), (400, "otp_used", 999)]));
    assert_eq!(world.backend.seen_at(VERIFY).len(), 1);
    assert_eq!(world.backend.balance(), 5_000);
}

#[tokio::test]
async fn of_a_thousand_verifies_of_one_right_code_through_two_sidecars_one_passes() {
    one_right_code(Some(RedisServer::start())).await;
}

#[tokio::test]
async fn of_a_thousand_verifies_of_one_right_code_through_one_sidecar_one_passes() {
    one_right_code(None).await;
}

async fn many_wrong_codes(redis: Option<RedisServer>) {
    let world = World::start(redis, &[MANY_TRIES]).await;
    let (reference, code) = funded(&world.jane(), &world.mailbox).await;
    let guess = wrong(&code);
    let call = |client: Client, _| {
        let (reference, guess) = (reference.clone(), guess.clone());
        async move { client.verify(&reference, &guess).await }
    };
    let answers = world.at_once(1_000, call).await;
    assert_eq!(counted(&answers), expected([(400, "otp_invalid", 2), (423, "locked", 998)]));
    let invalid = "otp_verify_failures_total{purpose=\"wallet_funding\",reason=\"invalid\"}";
    assert_eq!(world.sum(invalid).await, 3.0);
    assert_eq!(world.sum("otp_account_locked_total{purpose=\"wallet_funding\"}").await, 1.0);
    assert_eq!(world.jane().status("wallet_funding").await.json()["attempts"], 3);
    assert!(world.backend.seen_at(VERIFY).is_empty());
    assert_eq!(world.jane().verify(&reference, &code).await.status, StatusCode::LOCKED);
}

#[tokio::test]
async fn of_a_thousand_wrong_codes_through_two_sidecars_three_count() {
    many_wrong_codes(Some(RedisServer::start())).await;
}

#[tokio::test]
async fn of_a_thousand_wrong_codes_through_one_sidecar_three_count() {
    many_wrong_codes(None).await;
}

async fn many_funds(redis: Option<RedisServer>) {
    let changes = [
        ("send-burst:   { max: 3,  per: 1m", "send-burst:   { max: 7,  per: 1h"),
        ("fund:         { max: 10, per: 1m", "fund:         { max: 10, per: 1h"),
    ];
    let world = World::start(redis, &changes).await;
    let answers = world.at_once(200, |client, _| async move { client.fund(5_000).await }).await;
    assert_eq!(counted(&answers), expected([(200, "", 7), (429, "rate_limited", 193)]));
    assert_eq!(world.backend.seen_at("/api/wallet/fund").len(), 7);
}

#[tokio::test]
async fn of_two_hundred_funds_at_once_through_two_sidecars_the_limit_passes() {
    many_funds(Some(RedisServer::start())).await;
}

#[tokio::test]
async fn of_two_hundred_funds_at_once_through_one_sidecar_the_limit_passes() {
    many_funds(None).await;
}

async fn many_sends(redis: Option<RedisServer>) {
    let reference = "      reference: request.body.transaction_reference";
    let changes = [
        MANY_TRIES,
        ("guesses:      { max: 12,", "guesses:      { max: 100000,"),
        ("send-burst:   { max: 3,", "send-burst:   { max: 1000,"),
        ("send-hour:    { max: 15,", "send-hour:    { max: 1000,"),
        ("lockout:  { after: 3,", "lockout:  { after: 100,"),
        // So that a right code can be tried without being used up.
        (reference, &format!("{reference}\n      retryable: [503]")),
    ];
    let world = World::start(redis, &changes).await;
    let (reference, code) = funded(&world.jane(), &world.mailbox).await;
    let call = |client: Client, _| async move { client.send("wallet_funding", "jane@example.com").await };
    let answers = world.at_once(30, call).await;
    for answer in &answers {
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["transactionReference"]),
            (200, &json!(reference))
        );
    }
    let mut codes = BTreeSet::from([code]);
    for _ in 0..30 {
        codes.insert(next_code(&world.mailbox).await);
    }
    let mut live = 0;
    for code in &codes {
        world.backend.next(VERIFY, Mood::Answer(StatusCode::SERVICE_UNAVAILABLE, json!({})));
        live += usize::from(world.jane().verify(&reference, code).await.json() == json!({}));
    }
    assert_eq!(live, 2, "of {} codes", codes.len());
}

#[tokio::test]
async fn thirty_sends_at_once_through_two_sidecars_leave_two_live_codes() {
    many_sends(Some(RedisServer::start())).await;
}

#[tokio::test]
async fn thirty_sends_at_once_through_one_sidecar_leave_two_live_codes() {
    many_sends(None).await;
}
