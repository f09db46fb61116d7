//! Rate limits from the outside: what they count, whom they refuse, and what the refused one reads.

use http::Method;
use otp_sidecar::lab::mailbox::Mailbox;

use crate::support::backend::Backend;
use crate::support::client::{Answer, Client};
use crate::support::sidecar::{Folder, PATIENCE, Sidecar, Start, funded, mailbox, next_code, wrong};
use crate::support::wait::until;

const FUND: &str = "/api/wallet/fund";
const STATUS: &str = "status:       { max: 10, per: 1m,  by: [subject] }";
const SEND_IP: &str = "send-ip:      { max: 60, per: 1m,  by: [client_ip] }";

struct World {
    backend: Backend,
    mailbox: Mailbox,
    sidecar: Sidecar,
    _policies: Folder,
}

impl World {
    async fn with(changes: &[(&str, &str)]) -> Self {
        let (backend, mailbox) = (Backend::start().await, mailbox().await);
        let policies = Folder::with_shipped(changes);
        let sidecar = Start::before(&backend.url()).mail(&mailbox).policies(policies.path()).ready();
        Self { backend, mailbox, sidecar, _policies: policies }
    }

    fn user(&self, name: &str) -> Client {
        self.sidecar.client().as_user(name)
    }
}

/// Checks everything that a refusal by a limit says; how many seconds to wait.
fn checked_refusal(answer: &Answer, max: u64) -> u64 {
    assert_eq!(answer.word(), (429, "rate_limited".to_owned()), "{}", answer.text());
    let said = answer.json();
    assert!(said["message"].as_str().unwrap().starts_with("Too many requests."));
    let wait = said["retryAfter"].as_u64().unwrap();
    assert_eq!(answer.header("retry-after"), Some(wait.to_string().as_str()));
    assert_eq!(answer.header("x-ratelimit-limit"), Some(max.to_string().as_str()));
    assert_eq!(answer.header("x-ratelimit-remaining"), Some("0"));
    let reset = said["resetTime"].as_str().unwrap();
    assert_eq!(answer.header("x-ratelimit-reset"), Some(reset));
    assert!(reset.len() == 24 && reset.ends_with('Z') && &reset[10..11] == "T", "{reset}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(said["decisionId"].as_str().unwrap().len(), 32);
    wait
}

#[tokio::test]
async fn whoever_is_over_a_limit_reads_when_there_is_room_again() {
    let world = World::with(&[(STATUS, "status: { max: 2, per: 1m, by: [subject] }")]).await;
    let jane = world.user("jane");
    for _ in 0..2 {
        assert_eq!(jane.status("wallet_funding").await.status, 200);
    }
    let wait = checked_refusal(&jane.status("wallet_funding").await, 2);
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(world.user("john").status("wallet_funding").await.status, 200, "counted by subject");
    assert_eq!(world.sidecar.metric("otp_rate_limit_hits_total{limit=\"status\"}").await, 1.0);
    assert!(world.sidecar.logged("rate limit hit").await.contains("\"limit\":\"status\""));
}

#[tokio::test]
async fn of_several_windows_the_full_one_refuses_and_the_others_do_not_count_then() {
    let minute = "status: { max: 3, per: 1m, by: [subject] }\n  slow: { max: 2, per: 1h, by: [subject] }";
    let send = "    limits: [send-ip]";
    let changes = [
        (STATUS, minute),
        ("    limits: [status]", "    limits: [status, slow]"),
        (send, "    limits: [send-ip, status]"),
    ];
    let world = World::with(&changes).await;
    let jane = world.user("jane");
    for _ in 0..2 {
        assert_eq!(jane.status("wallet_funding").await.status, 200);
    }
    for _ in 0..3 {
        let wait = checked_refusal(&jane.status("wallet_funding").await, 2);
        assert!(wait > 3_500, "{wait}");
    }
    // One of three is left in the minute: refused requests took none.
    assert_eq!(jane.send("wallet_funding", "jane@example.com").await.status, 200);
    checked_refusal(&jane.send("wallet_funding", "jane@example.com").await, 3);
}

async fn send_from(world: &World, user: &str, forwarded: &str) -> Answer {
    let body = format!("{{\"purpose\":\"wallet_funding\",\"email\":\"{user}@example.com\"}}");
    let headers = [("content-type", "application/json"), ("x-forwarded-for", forwarded)];
    world.user(user).call(Method::POST, "/api/wallet/otp/send", &headers, body.into()).await
}

#[tokio::test]
async fn without_trusted_proxies_nobody_escapes_a_limit_by_naming_another_address() {
    let world = World::with(&[(SEND_IP, "send-ip: { max: 2, per: 1m, by: [client_ip] }")]).await;
    assert_eq!(send_from(&world, "a", "203.0.113.1").await.status, 200);
    assert_eq!(send_from(&world, "b", "203.0.113.2").await.status, 200);
    checked_refusal(&send_from(&world, "c", "203.0.113.3").await, 2);
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_client_has_its_own_count() {
    let proxies = ("  limits: [unauthorized]", "  trusted_proxies: [127.0.0.0/8]\n  limits: [unauthorized]");
    let world = World::with(&[(SEND_IP, "send-ip: { max: 2, per: 1m, by: [client_ip] }"), proxies]).await;
    assert_eq!(send_from(&world, "a", "203.0.113.1").await.status, 200);
    assert_eq!(send_from(&world, "b", "198.51.100.9, 203.0.113.1").await.status, 200);
    checked_refusal(&send_from(&world, "c", "192.0.2.77, 203.0.113.1").await, 2);
    assert_eq!(send_from(&world, "d", "203.0.113.2").await.status, 200);
    // IPv6 counts by /64.
    assert_eq!(send_from(&world, "e", "2001:db8:1:1::1").await.status, 200);
    assert_eq!(send_from(&world, "f", "2001:db8:1:1::2").await.status, 200);
    checked_refusal(&send_from(&world, "g", "2001:db8:1:1:ffff::3").await, 2);
    assert_eq!(send_from(&world, "h", "2001:db8:1:2::1").await.status, 200);
}

#[tokio::test]
async fn a_limit_for_everyone_is_one_count_for_all() {
    let world = World::with(&[(STATUS, "status: { max: 3, per: 1m }")]).await;
    for user in ["a", "b", "c"] {
        assert_eq!(world.user(user).status("wallet_funding").await.status, 200);
    }
    checked_refusal(&world.user("d").status("wallet_funding").await, 3);
}

#[tokio::test]
async fn a_limit_on_failures_counts_wrong_codes_only() {
    let verify = "verify:       { max: 10, per: 15m, by: [subject] }";
    let changes = [
        (verify, "verify: { max: 2, per: 15m, by: [subject], count: failures }"),
        ("lockout:  { after: 3,", "lockout:  { after: 50,"),
    ];
    let world = World::with(&changes).await;
    let jane = world.user("jane");
    let (reference, code) = funded(&jane, &world.mailbox).await;
    for _ in 0..5 {
        assert_eq!(jane.verify("FUND-unknown", &code).await.word(), (400, "otp_not_found".to_owned()));
    }
    for _ in 0..2 {
        assert_eq!(jane.verify(&reference, &wrong(&code)).await.word(), (400, "otp_invalid".to_owned()));
    }
    checked_refusal(&jane.verify(&reference, &code).await, 2);
    assert!(world.backend.seen_at("/api/wallet/verify-otp").is_empty());
}

#[tokio::test]
async fn a_resend_comes_too_soon_within_the_cooldown() {
    let lockout = "    lockout:  { after: 3,";
    let world = World::with(&[(lockout, &format!("    resend: {{ cooldown: 30s }}\n{lockout}"))]).await;
    let jane = world.user("jane");
    assert_eq!(jane.send("wallet_funding", "jane@example.com").await.status, 200);
    next_code(&world.mailbox).await;
    let wait = checked_refusal(&jane.send("wallet_funding", "jane@example.com").await, 1);
    assert!((1..=30).contains(&wait), "{wait}");
    assert_eq!(world.sidecar.metric("otp_rate_limit_hits_total{limit=\"resend-cooldown\"}").await, 1.0);
}

#[tokio::test]
async fn a_flood_of_bad_tokens_turns_into_429_and_a_good_one_still_passes() {
    let world = World::with(&[]).await;
    let stranger = world.sidecar.client().with_token("not.a.token");
    for _ in 0..30 {
        assert_eq!(stranger.fund(5_000).await.word(), (401, "unauthorized".to_owned()));
    }
    checked_refusal(&stranger.fund(5_000).await, 30);
    checked_refusal(&world.sidecar.client().status("wallet_funding").await, 30);
    assert_eq!(world.user("jane").fund(5_000).await.status, 200);
    assert_eq!(world.backend.seen_at(FUND).len(), 1);
}

#[tokio::test]
async fn a_refused_fund_never_reaches_the_backend_and_sends_nothing() {
    let world = World::with(&[("fund:         { max: 10,", "fund:         { max: 1,")]).await;
    let jane = world.user("jane");
    funded(&jane, &world.mailbox).await;
    for _ in 0..3 {
        checked_refusal(&jane.fund(5_000).await, 1);
    }
    assert_eq!(world.backend.seen_at(FUND).len(), 1);
    let sent = "otp_send_total{channel=\"email\",purpose=\"wallet_funding\"}";
    assert_eq!(world.sidecar.metric(sent).await, 1.0);
}

#[tokio::test]
async fn what_a_lock_refuses_is_not_counted_by_limits_of_the_subject() {
    let changes = [
        ("fund:         { max: 10, per: 1m", "fund:         { max: 2, per: 1h"),
        ("lockout:  { after: 3, for: 15m", "lockout:  { after: 3, for: 2s"),
    ];
    let world = World::with(&changes).await;
    let jane = world.user("jane");
    let (reference, code) = funded(&jane, &world.mailbox).await;
    for _ in 0..3 {
        jane.verify(&reference, &wrong(&code)).await;
    }
    for _ in 0..5 {
        assert_eq!(jane.fund(5_000).await.word(), (423, "locked".to_owned()));
    }
    until("the lock ends", PATIENCE, async || jane.fund(5_000).await.status != 423).await;
    assert_eq!(world.backend.seen_at(FUND).len(), 2, "the second of two is still there");
    checked_refusal(&jane.fund(5_000).await, 2);
}

#[tokio::test]
async fn a_route_with_limits_alone_passes_bodies_untouched_until_it_is_full() {
    let route = "routes:\n  - { name: echo, match: { methods: [POST], path: /echo }, limits: [echo] }\n";
    let changes = [
        ("routes:\n", route),
        (STATUS, &*format!("{STATUS}\n  echo: {{ max: 2, per: 1m, by: [client_ip] }}")),
    ];
    let world = World::with(&changes).await;
    let client = world.sidecar.client();
    let echo = || client.call(Method::POST, "/echo", &[], "not json, and no token".into());
    for _ in 0..2 {
        assert_eq!(echo().await.text(), "not json, and no token");
    }
    checked_refusal(&echo().await, 2);
}
