//! The admin listener's calls about people: what they show, what they change, and what they refuse.

use std::path::Path;

use bytes::Bytes;
use http::Method;
use otp_sidecar::lab::mailbox::Mailbox;
use serde_json::{Value, json};

use crate::support::audit::AuditFile;
use crate::support::backend::Backend;
use crate::support::client::{Answer, Client};
use crate::support::redis::RedisServer;
use crate::support::sidecar::{Folder, PATIENCE, Sidecar, Start, funded, mailbox, next_code, wrong};
use crate::support::wait::until;

const TOKEN: &str = "the-admin-token-of-these-tests";

/// A sidecar with an admin token, its mailbox, and somebody who may ask.
struct World {
    sidecar: Sidecar,
    mailbox: Mailbox,
    operator: Client,
    folder: Folder,
    _backend: Backend,
}

impl World {
    async fn with(changes: &[(&str, &str)], more: impl Fn(Start, &Path) -> Start) -> Self {
        let (backend, mailbox, folder) =
            (Backend::start().await, mailbox().await, Folder::with_shipped(changes));
        folder.write("admin-token", TOKEN);
        let start = Start::before(&backend.url()).mail(&mailbox).policies(folder.path());
        let start = start.flag("--admin-token-file", folder.path().join("admin-token"));
        let sidecar = more(start, folder.path()).ready();
        let operator = sidecar.operator().with_token(TOKEN);
        Self { sidecar, mailbox, operator, folder, _backend: backend }
    }

    async fn start() -> Self {
        Self::with(&[], |start, _| start).await
    }

    fn user(&self, name: &str) -> Client {
        self.sidecar.client().as_user(name)
    }

    /// Locks somebody: the reference and the right code.
    async fn lock(&self, name: &str) -> (String, String) {
        let user = self.user(name);
        let (reference, code) = funded(&user, &self.mailbox).await;
        for _ in 0..3 {
            user.verify(&reference, &wrong(&code)).await;
        }
        assert_eq!(user.verify(&reference, &code).await.status, 423);
        // The mail that tells of the lock.
        self.mailbox.next_mail().await;
        (reference, code)
    }

    async fn get(&self, target: &str) -> Value {
        let answer = self.operator.get(target).await;
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        answer.json()
    }

    async fn post(&self, target: &str, body: Value) -> Value {
        let answer = self.change(target, body).await;
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        answer.json()
    }

    async fn change(&self, target: &str, mut body: Value) -> Answer {
        body["by"] = json!("ada");
        body["reason"] = json!("ticket 4711 of jane@example.com");
        self.operator.post(target, &body).await
    }

    /// What is said about a code.
    async fn verdict(&self, body: Value) -> String {
        self.post("/-/explain/code", body).await["verdict"].as_str().unwrap().to_owned()
    }
}

const READS: &[&str] = &[
    "/-/locks",
    "/-/accounts?subject=jane",
    "/-/challenges",
    "/-/limits",
    "/-/limits/usage?subject=jane",
    "/-/operations",
    "/-/counts?from=2026-11-01&to=2026-11-02",
    "/-/inventory",
];

const CHANGES: &[&str] =
    &["/-/locks/clear", "/-/challenges/revoke", "/-/limits/reset", "/-/explain/code", "/-/cleanup"];

#[tokio::test]
async fn without_the_admin_token_nothing_is_told_or_changed() {
    let backend = Backend::start().await;
    let tokenless = Start::before(&backend.url()).ready();
    let world = World::start().await;
    let strangers = [
        tokenless.operator().with_token(TOKEN),
        world.sidecar.operator(),
        world.sidecar.operator().with_token("x"),
    ];
    for stranger in &strangers {
        for read in READS {
            assert_eq!(stranger.get(read).await.word(), (401, "unauthorized".to_owned()), "{read}");
        }
        for change in CHANGES {
            let answer = stranger.post(change, &json!({ "subject": "jane" })).await;
            assert_eq!(answer.word(), (401, "unauthorized".to_owned()), "{change}");
        }
    }
    for read in READS {
        world.get(read).await;
    }
}

#[tokio::test]
async fn a_cleared_lock_lets_the_person_in_and_is_told_everywhere() {
    let redis = RedisServer::start();
    let audit = |folder: &Path| AuditFile::in_folder(folder);
    let world = World::with(&[], |start, folder| start.redis(&redis).flag("--audit", &audit(folder).0)).await;
    let (reference, code) = world.lock("jane").await;
    let locks = world.get("/-/locks").await;
    assert_eq!(locks["locks"][0]["subject"], "jane", "{locks}");
    assert_eq!(locks["locks"][0]["consecutiveFailures"], 3);

    let cleared = world.post("/-/locks/clear", json!({ "subject": "jane" })).await;
    assert_eq!(cleared["cleared"][0]["purpose"], "wallet_funding", "{cleared}");
    assert_eq!(cleared["cleared"][0]["before"]["locked"], true);
    assert_eq!(cleared["cleared"].as_array().unwrap().len(), 1);
    assert_eq!(world.user("jane").verify(&reference, &code).await.status, 200);

    let records = world.get("/-/operations?subject=jane").await;
    let record = &records["operations"][0];
    assert_eq!(
        (&record["operation"], &record["by"], &record["changed"]),
        (&json!("clear"), &json!("ada"), &json!(true))
    );
    let line = world.sidecar.logged("\"message\":\"operation\"").await;
    assert!(line.contains("ticket 4711 of j***@example.com") && !line.contains("jane@"), "{line}");
    assert_eq!(world.sidecar.metric("otp_sidecar_operations_total{operation=\"clear\"}").await, 1.0);
    let file = audit(world.folder.path());
    let is_written = async || file.lines().iter().any(|line| line["event"] == "operation");
    until("the audit line is written", PATIENCE, is_written).await;
    let lines = file.lines();
    let told = lines.iter().find(|line| line["event"] == "operation").unwrap();
    assert_eq!((&told["operation"], &told["subject"]), (&json!("clear"), &json!("jane")));
    assert_eq!(told["note"], "ticket 4711 of j***@example.com");
    // Nobody is locked now, and a second clear finds nothing.
    assert_eq!(world.get("/-/locks").await["locks"], json!([]));
    let again = world.post("/-/locks/clear", json!({ "subject": "jane" })).await;
    assert_eq!(again["cleared"], json!([]));
}

#[tokio::test]
async fn a_cleared_lock_forgives_the_limits_on_failures_too() {
    let changes = [("guesses:      { max: 12, per: 1d,", "guesses:      { max: 3, per: 1h,")];
    let world = World::with(&changes, |start, _| start).await;
    let (reference, code) = world.lock("jane").await;
    let cleared =
        world.post("/-/locks/clear", json!({ "subject": "jane", "purpose": "wallet_funding" })).await;
    assert_eq!(cleared["cleared"][0]["forgiven"], json!([{ "limit": "guesses", "events": 3 }]));
    assert_eq!(world.user("jane").verify(&reference, &code).await.status, 200);
}

#[tokio::test]
async fn long_lists_come_in_pages() {
    let redis = RedisServer::start();
    let world = World::with(&[], |start, _| start.redis(&redis)).await;
    for name in ["ann", "bob", "cid"] {
        world.lock(name).await;
    }
    let mut found = Vec::new();
    let mut target = "/-/locks?limit=1".to_owned();
    for _ in 0..100 {
        let page = world.get(&target).await;
        let entries = page["locks"].as_array().unwrap();
        assert!(entries.len() <= 1, "{page}");
        found.extend(entries.iter().map(|lock| lock["subject"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        target = format!("/-/locks?limit=1&cursor={cursor}");
    }
    found.sort();
    assert_eq!(found, ["ann", "bob", "cid"]);
}

#[tokio::test]
async fn a_revoked_challenge_takes_no_code_any_more() {
    let world = World::start().await;
    let jane = world.user("jane");
    let (reference, code) = funded(&jane, &world.mailbox).await;
    let listed = world.get("/-/challenges?subject=jane").await;
    assert_eq!(listed["challenges"][0]["reference"], reference.as_str(), "{listed}");
    assert!(!listed.to_string().contains(&code));
    let body = json!({ "subject": "jane", "reference": reference });
    assert_eq!(world.post("/-/challenges/revoke", body.clone()).await["result"], "revoked");
    assert_eq!(jane.verify(&reference, &code).await.word(), (400, "otp_not_found".to_owned()));
    assert_eq!(world.post("/-/challenges/revoke", body).await["result"], "nothing");
    let other = json!({ "subject": "bob", "purpose": "wallet_funding" });
    assert_eq!(world.post("/-/challenges/revoke", other).await["result"], "nothing");
}

#[tokio::test]
async fn a_reset_limit_has_room_again_for_its_owner_only() {
    let world = World::start().await;
    for name in ["jane", "bob"] {
        for _ in 0..3 {
            funded(&world.user(name), &world.mailbox).await;
        }
        assert_eq!(world.user(name).fund(5_000).await.status, 429);
    }
    let usage = world.get("/-/limits/usage?subject=jane&name=send-burst").await;
    assert_eq!((&usage["limits"][0]["used"], &usage["limits"][0]["full"]), (&json!(3), &json!(true)));
    let reset = world.post("/-/limits/reset", json!({ "subject": "jane", "name": "send-burst" })).await;
    assert_eq!(reset["reset"][0]["forgotten"], 3, "{reset}");
    assert_eq!(world.user("jane").fund(5_000).await.status, 200);
    assert_eq!(world.user("bob").fund(5_000).await.status, 429);
    let address = world.post("/-/limits/reset", json!({ "client": "127.0.0.1" })).await;
    let names: Vec<&str> =
        address["reset"].as_array().unwrap().iter().map(|limit| limit["limit"].as_str().unwrap()).collect();
    assert_eq!(names, ["send-ip", "unauthorized"]);
}

#[tokio::test]
async fn a_code_is_explained_without_counting_or_using_it() {
    let world = World::start().await;
    let jane = world.user("jane");
    let (old, first) = funded(&jane, &world.mailbox).await;
    let (reference, code) = funded(&jane, &world.mailbox).await;
    let ask =
        |reference: &str, code: &str| json!({ "subject": "jane", "reference": reference, "code": code });
    assert_eq!(world.verdict(ask(&reference, &code)).await, "right");
    assert_eq!(world.verdict(ask(&reference, &wrong(&code))).await, "wrong");
    assert_eq!(world.verdict(ask(&old, &first)).await, "superseded");
    assert_eq!(world.verdict(ask("FUND-none", &code)).await, "other_reference");
    assert_eq!(world.verdict(ask(&reference, &format!("{code}1"))).await, "digits");
    assert_eq!(world.verdict(json!({ "subject": "bob", "code": code })).await, "no_challenge");
    let status = jane.status("wallet_funding").await.json();
    assert_eq!(status["attempts"], 0, "{status}");
    assert_eq!(jane.verify(&reference, &code).await.status, 200);
    assert_eq!(world.verdict(ask(&reference, &code)).await, "used");
    assert_eq!(world.sidecar.metric("otp_sidecar_operations_total{operation=\"examine\"}").await, 7.0);
    let everything = world.sidecar.lines().join("\n");
    assert!(!everything.contains(&format!("\"{code}\"")), "{everything}");
}

#[tokio::test]
async fn a_code_that_lost_its_zeros_is_told_as_that() {
    let world = World::start().await;
    let jane = world.user("jane");
    // One code in ten begins with a zero.
    let (reference, code) = loop {
        let (reference, code) = funded(&jane, &world.mailbox).await;
        if code.starts_with('0') {
            break (reference, code);
        }
        world.post("/-/limits/reset", json!({ "subject": "jane" })).await;
    };
    let cut = code.trim_start_matches('0');
    let body = json!({ "subject": "jane", "reference": reference, "code": cut });
    assert_eq!(world.verdict(body).await, "shortened");
}

#[tokio::test]
async fn more_than_ten_codes_a_minute_are_not_compared_for_one_person() {
    let world = World::start().await;
    let body = |subject: &str| json!({ "subject": subject, "code": "123456" });
    for _ in 0..10 {
        world.post("/-/explain/code", body("jane")).await;
    }
    let refused = world.change("/-/explain/code", body("jane")).await;
    assert_eq!(refused.word(), (429, "rate_limited".to_owned()));
    assert!(refused.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    world.post("/-/explain/code", body("bob")).await;
}

#[tokio::test]
async fn a_change_is_told_also_when_whoever_asked_hangs_up() {
    let redis = RedisServer::start();
    let world = World::with(&[], |start, _| start.redis(&redis)).await;
    let body = r#"{"subject":"jane","purpose":"wallet_funding","by":"ada","reason":"hung up"}"#;
    let request = format!(
        "POST /-/locks/clear HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    for _ in 0..20 {
        let mut line = std::net::TcpStream::connect(world.sidecar.admin).unwrap();
        std::io::Write::write_all(&mut line, request.as_bytes()).unwrap();
    }
    let all_are_told = async || {
        let told = world.sidecar.metric("otp_sidecar_operations_total{operation=\"clear\"}").await;
        let kept = world.get("/-/operations?subject=jane&limit=100").await;
        told > 0.0 && told as usize == kept["operations"].as_array().unwrap().len()
    };
    until("each record of the store is told", PATIENCE, all_are_told).await;
}

#[tokio::test]
async fn a_change_of_which_the_store_tells_nothing_is_told_as_unknown() {
    let redis = RedisServer::start();
    let audit = |folder: &Path| AuditFile::in_folder(folder);
    let world = World::with(&[], |start, folder| start.redis(&redis).flag("--audit", &audit(folder).0)).await;
    let file = audit(world.folder.path());
    world.lock("jane").await;
    let asked = [
        ("/-/locks/clear", "clear", json!({ "subject": "jane", "purpose": "wallet_funding" })),
        ("/-/challenges/revoke", "revoke", json!({ "subject": "jane", "reference": "FUND-1" })),
        ("/-/limits/reset", "reset", json!({ "subject": "jane", "name": "fund" })),
        ("/-/cleanup", "sweep", json!({})),
    ];
    redis.freeze();
    for (target, operation, body) in &asked {
        let answer = world.change(target, body.clone()).await;
        assert_eq!(answer.word(), (503, "state_unavailable".to_owned()), "{target}");
        let message = answer.text();
        assert!(message.contains("may have been made") && message.contains("look with"), "{message}");
        let of_it = |line: &&Value| line["event"] == "operation" && line["operation"] == *operation;
        let is_written = async || file.lines().iter().any(|line| of_it(&line));
        until("the audit line is written", PATIENCE, is_written).await;
        let lines = file.lines();
        let told = lines.iter().find(of_it).unwrap();
        assert_eq!((&told["result"], &told["by"]), (&json!("unknown"), &json!("ada")), "{told}");
        assert_eq!(told["note"], "ticket 4711 of j***@example.com");
        assert_eq!(told.get("subject"), body.get("subject"), "{told}");
        assert_eq!(told.get("purpose"), body.get("purpose"), "{told}");
        assert_eq!(told.get("limit"), body.get("name"), "{told}");
    }
    // What the store was asked is done when it goes on, and the trail has it.
    redis.thaw();
    let is_back = async || world.sidecar.operator().get("/readyz").await.status == 200;
    until("the store is back", PATIENCE, is_back).await;
    assert_eq!(world.sidecar.metric("otp_sidecar_operations_total{operation=\"clear\"}").await, 1.0);
    let line = world.sidecar.logged("\"operation\":\"clear\"").await;
    assert!(line.contains("\"result\":\"unknown\"") && line.contains("\"userId\":\"jane\""), "{line}");
}

#[tokio::test]
async fn a_change_that_was_surely_not_made_is_told_to_nobody_but_the_one_who_asked() {
    let mut redis = RedisServer::start();
    let world = World::with(&[], |start, _| start.redis(&redis)).await;
    world.get("/-/locks").await;
    redis.kill();
    let read = world.operator.get("/-/locks").await;
    assert_eq!(read.word(), (503, "state_unavailable".to_owned()));
    assert!(!read.text().contains("may have been made"));
    let body = json!({ "subject": "jane", "purpose": "wallet_funding" });
    let is_unreachable =
        async || world.change("/-/locks/clear", body.clone()).await.text().contains("not reachable");
    until("the sidecar knows that Redis is gone", PATIENCE, is_unreachable).await;
    let before = world.sidecar.metric("otp_sidecar_operations_total{operation=\"clear\"}").await;
    let answer = world.change("/-/locks/clear", body.clone()).await;
    assert_eq!(answer.word(), (503, "state_unavailable".to_owned()));
    let answer = answer.text();
    assert!(answer.contains("not reachable") && !answer.contains("may have been made"), "{answer}");
    let after = world.sidecar.metric("otp_sidecar_operations_total{operation=\"clear\"}").await;
    assert!((after - before).abs() < f64::EPSILON, "{before} {after}");
}

#[tokio::test]
async fn what_is_not_understood_is_refused_with_the_word_to_use_and_changes_nothing() {
    let world = World::start().await;
    let (_, _code) = world.lock("jane").await;
    for (target, word) in [
        ("/-/locks?purposes=wallet_funding", "expected one of `purpose`, `cursor`, `limit`"),
        ("/-/locks?purpose=wallet", "wallet_deduction, wallet_funding"),
        ("/-/locks?limit=5000", "1 to 1000"),
        ("/-/locks?cursor=zz", "cursor"),
        ("/-/accounts", "subject"),
        ("/-/limits/usage", "`subject`, `client`, both, or `everyone`"),
        ("/-/limits/usage?client=here", "IP address"),
        ("/-/limits/usage?subject=jane&name=send-ip", "counts by client_ip"),
        ("/-/limits/usage?subject=jane&name=nope", "the policy has fund, guesses, send-burst"),
        ("/-/counts?from=2026-11-02&to=2026-11-01", "after"),
        ("/-/counts?from=2026-13-02&to=2026-11-01", "2026-11-22"),
        ("/-/challenges?subject=jane&cursor=00", "cursor"),
    ] {
        let refused = world.operator.get(target).await;
        assert_eq!(refused.word(), (400, "invalid_request".to_owned()), "{target}");
        assert!(refused.text().contains(word), "{target}: {}", refused.text());
    }
    for (target, body, word) in [
        ("/-/locks/clear", json!({ "subject": "jane" }), "reason"),
        ("/-/locks/clear", json!({ "subject": "jane", "reason": " ", "by": "x" }), "one line"),
        (
            "/-/locks/clear",
            json!({ "subject": "jane", "purpos": "x", "reason": "x", "by": "x" }),
            "`purpose`",
        ),
        ("/-/locks/clear", json!({ "subject": "", "reason": "x", "by": "x" }), "1 to 256"),
        ("/-/challenges/revoke", json!({ "subject": "jane", "reason": "x", "by": "x" }), "either"),
        ("/-/limits/reset", json!({ "everyone": false, "reason": "x", "by": "x" }), "everyone"),
        (
            "/-/explain/code",
            json!({ "subject": "jane", "code": 123_456, "reason": "x", "by": "x" }),
            "as a text",
        ),
        ("/-/cleanup", json!(["x", "y"]), "JSON object"),
    ] {
        let refused = world.operator.post(target, &body).await;
        assert_eq!(refused.word(), (400, "invalid_request".to_owned()), "{target} {body}");
        assert!(refused.text().contains(word), "{target}: {}", refused.text());
    }
    assert_eq!(world.get("/-/locks").await["locks"].as_array().unwrap().len(), 1);
    assert_eq!(world.get("/-/operations").await["operations"], json!([]));
}

#[tokio::test]
async fn other_methods_types_and_sizes_are_refused_by_their_own_status() {
    let world = World::start().await;
    let call = async |method: Method, target: &str, content_type: &str, body: Bytes| {
        world.operator.call(method, target, &[("content-type", content_type)], body).await
    };
    let json_type = "application/json";
    let wrong = call(Method::POST, "/-/locks", json_type, Bytes::new()).await;
    assert_eq!((wrong.status.as_u16(), wrong.header("allow")), (405, Some("GET, HEAD")));
    let wrong = call(Method::GET, "/-/locks/clear", json_type, Bytes::new()).await;
    assert_eq!((wrong.status.as_u16(), wrong.header("allow")), (405, Some("POST")));
    let form = call(Method::POST, "/-/locks/clear", "text/plain", Bytes::from_static(b"{}")).await;
    assert_eq!(form.word(), (415, "unsupported_media_type".to_owned()));
    let long = Bytes::from(vec![b' '; 65 * 1024]);
    let long = call(Method::POST, "/-/locks/clear", json_type, long).await;
    assert_eq!(long.word(), (413, "body_too_large".to_owned()));
    assert_eq!(world.operator.get("/-/nothing").await.word(), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn a_locked_person_is_told_with_the_code_that_would_be_right() {
    let world = World::start().await;
    let (reference, code) = world.lock("jane").await;
    let body = json!({ "subject": "jane", "reference": reference, "code": code });
    let answer = world.post("/-/explain/code", body).await;
    assert_eq!((&answer["verdict"], &answer["wouldPass"]), (&json!("right"), &json!(false)), "{answer}");
    assert_eq!(answer["account"]["locked"], true);
    let sent = world.user("bob").send("wallet_deduction", "bob@example.com").await;
    assert_eq!(sent.status, 200, "{}", sent.text());
    let other = next_code(&world.mailbox).await;
    assert_eq!(
        world.verdict(json!({ "subject": "bob", "purpose": "wallet_deduction", "code": other })).await,
        "right"
    );
}
