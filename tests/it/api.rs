//! `docs/api.yaml` against the running binary, and the checks of the operations guide.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use otp_sidecar::app::host::{OsEntropy, SystemClock};
use otp_sidecar::lab::wallet::{self, WalletHandle, WalletSettings};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::support::backend::Backend;
use crate::support::client::{Client, JWT_SECRET};
use crate::support::sidecar::{Folder, Sidecar, Start, mailbox};

const ADMIN_TOKEN: &str = "the-admin-token-of-these-tests";

/// The sample wallet, which refuses what wallets of its kind refuse.
async fn wallet() -> WalletHandle {
    let settings = WalletSettings {
        jwt_secret: JWT_SECRET.as_bytes().to_vec(),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(OsEntropy),
    };
    wallet::start(TcpListener::bind("127.0.0.1:0").await.unwrap(), settings).unwrap()
}

/// The shipped policy with limits that a thousand requests do not reach.
fn roomy() -> Folder {
    let folder = Folder::with_shipped(&[
        ("max: 3,", "max: 100000,"),
        ("max: 15,", "max: 100000,"),
        ("max: 60,", "max: 100000,"),
        ("max: 10,", "max: 100000,"),
        ("max: 30,", "max: 100000,"),
        ("after: 3,", "after: 100,"),
    ]);
    folder.write("admin-token", ADMIN_TOKEN);
    folder
}

async fn registered(client: &Client) -> String {
    let account = json!({ "email": "jane@example.com", "password": "correct horse battery" });
    assert_eq!(client.post("/user/register", &account).await.status, 201);
    client.post("/user/login", &account).await.json()["token"].as_str().unwrap().to_owned()
}

/// Lets schemathesis look for an answer that the page does not describe. `API_EXAMPLES` and `TEST_SEED`
/// make it look harder, or elsewhere.
async fn check_page(url: &str, token: &str, more: &[&str]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = root.join("tests/.venv/bin/schemathesis");
    let program = if own.exists() { own } else { "schemathesis".into() };
    let scratch = Folder::new();
    let output = Command::new(program)
        .current_dir(scratch.path())
        .arg("--config-file")
        .arg(root.join("tests/schemathesis.toml"))
        .arg("run")
        .arg(root.join("docs/api.yaml"))
        .args(["--url", url, "-H", &format!("Authorization: Bearer {token}")])
        .args(["--max-examples", &set_or("API_EXAMPLES", "25"), "--seed", &set_or("TEST_SEED", "1")])
        .args(["--warnings", "off", "--no-color"])
        .args(more)
        .output()
        .await
        .expect("schemathesis must be installed; `make test` does it");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn every_answer_of_the_traffic_listener_is_as_the_page_says() {
    let (wallet, mailbox, policies) = (wallet().await, mailbox().await, roomy());
    let start = Start::before(&format!("http://{}", wallet.addr())).mail(&mailbox);
    let sidecar = start.policies(policies.path()).ready();
    let token = registered(&sidecar.client()).await;
    check_page(&format!("http://{}", sidecar.traffic), &token, &["--include-path-regex", "^/api/"]).await;
}

#[tokio::test]
async fn every_answer_of_the_admin_listener_is_as_the_page_says() {
    let (backend, policies) = (Backend::start().await, roomy());
    let token = policies.path().join("admin-token");
    let start = Start::before(&backend.url()).policies(policies.path());
    let sidecar = start.flag("--admin-token-file", token).ready();
    let more = ["--exclude-path-regex", "^/api/", "--phases", "examples,coverage,fuzzing"];
    check_page(&format!("http://{}", sidecar.admin), ADMIN_TOKEN, &more).await;
}

fn set_or(variable: &str, otherwise: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| otherwise.to_owned())
}

/// What `curl -d` sends when nobody names a content type.
async fn curl(client: &Client, path: &str, body: &'static str) -> String {
    let form = [("content-type", "application/x-www-form-urlencoded")];
    client.call(Method::POST, path, &form, Bytes::from_static(body.as_bytes())).await.text()
}

#[tokio::test]
async fn the_guides_security_audit_finds_what_it_looks_for() {
    let backend = Backend::start().await;
    let (sidecar, _mailbox) = Sidecar::with_mail(&backend).await;
    let client = sidecar.client();
    let finds = |text: &str, word: &str| text.to_lowercase().contains(&word.to_lowercase());

    let without_token = client.get("/api/wallet/otp/status?purpose=wallet_funding").await.text();
    assert!(finds(&without_token, "unauthorized"), "{without_token}");

    // Fake tokens are refused at once, and a flood of them is told to stop.
    let fake = client.with_token("FAKE");
    for _ in 0..5 {
        let refused = curl(&fake, "/api/wallet/otp/send", "{}").await;
        assert!(finds(&refused, "unauthorized") || finds(&refused, "Too many requests"), "{refused}");
    }
    let mut answers = Vec::new();
    for _ in 0..30 {
        answers.push(curl(&fake, "/api/wallet/otp/send", "{}").await);
    }
    assert!(answers.iter().any(|answer| finds(answer, "Too many requests")));
    // Real ones get three codes a minute.
    let jane = client.as_user("jane");
    for wanted in [200, 200, 200, 429] {
        let sent = jane.send("wallet_funding", "jane@example.com").await;
        assert_eq!(sent.status.as_u16(), wanted);
        assert_eq!(finds(&sent.text(), "Too many requests"), wanted == 429);
    }

    let body = r#"{"purpose":"invalid","email":"test"}"#;
    let invalid = curl(&jane, "/api/wallet/otp/send", body).await;
    assert!(finds(&invalid, "invalid"), "{invalid}");
    let health = sidecar.operator().get("/health").await.json();
    assert!(health["email_service"].is_object(), "the morning check reads it");
    assert!(backend.seen().is_empty());
}
