//! The sample wallet over HTTP, and the walk where nothing guards it.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::mailbox::{self, Mailbox};
use super::walk::{self, Walk, WalkError};
use super::wallet::{self, WalletHandle, WalletSettings};
use crate::domain::code::Entropy;
use crate::domain::time::{ManualClock, Timestamp};

struct Fixed;

impl Entropy for Fixed {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(7);
    }
}

/// The middle of this century: the library that checks tokens reads the host's clock.
const LATER: Timestamp = Timestamp::from_millis(2_500_000_000_000);

async fn wallet() -> WalletHandle {
    let settings = WalletSettings {
        jwt_secret: b"a secret of the tests".to_vec(),
        clock: Arc::new(ManualClock::at(LATER)),
        entropy: Arc::new(Fixed),
    };
    wallet::start(TcpListener::bind("127.0.0.1:0").await.unwrap(), settings).unwrap()
}

async fn mailbox() -> Mailbox {
    mailbox::start(TcpListener::bind("127.0.0.1:0").await.unwrap()).unwrap()
}

async fn send(
    wallet: &WalletHandle,
    line: &str,
    token: &str,
    content_type: &str,
    body: &str,
) -> (u16, Value) {
    let (method, path) = line.split_once(' ').unwrap();
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "wallet")
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", content_type)
        .body(Full::new(Bytes::from(body.to_owned())))
        .unwrap();
    let (status, _, body) = walk::exchange("test", wallet.addr(), request).await.unwrap();
    (status.as_u16(), body)
}

async fn post(wallet: &WalletHandle, path: &str, token: &str, body: Value) -> (u16, Value) {
    send(wallet, &format!("POST {path}"), token, "application/json", &body.to_string()).await
}

async fn signed_in(wallet: &WalletHandle) -> String {
    let account = json!({ "email": "ada@example.com", "password": "secret" });
    assert_eq!(post(wallet, "/user/register", "", account.clone()).await.0, 201);
    let (_, answer) = post(wallet, "/user/login", "", account).await;
    answer["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_wallet_funds_in_two_steps_and_takes_forms_and_numeric_texts() {
    let wallet = wallet().await;
    let token = signed_in(&wallet).await;
    let form = "application/x-www-form-urlencoded";
    let (status, answer) = send(&wallet, "POST /API/Wallet/fund/", &token, form, "amount=5000").await;
    assert_eq!(status, 200, "{answer}");
    let verify = json!({ "otp": 1, "transaction_reference": answer["transactionReference"] });
    let (status, answer) = post(&wallet, "/api/wallet/otp/verify", &token, verify.clone()).await;
    assert_eq!((status, &answer["newBalance"]), (200, &json!(5_000)));
    assert_eq!(post(&wallet, "/api/wallet/verify-otp", &token, verify).await.0, 409);
    let (_, answer) = post(&wallet, "/api/wallet/deduct", &token, json!({ "amount": "1000" })).await;
    assert_eq!(answer["newBalance"], json!(4_000));
    let (_, answer) = send(&wallet, "GET /api/wallet/transactions", &token, form, "").await;
    assert_eq!(answer["transactions"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn the_wallet_answers_nobody_without_a_token_of_its_own() {
    let wallet = wallet().await;
    let token = signed_in(&wallet).await;
    let mut forged = token.clone();
    forged.replace_range(..36, "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.");
    for token in ["", "x.y.z", &token[..token.len() - 1], &forged] {
        let (status, _) = post(&wallet, "/api/wallet/fund", token, json!({ "amount": 5_000 })).await;
        assert_eq!(status, 401, "{token}");
    }
}

#[tokio::test]
async fn the_wallet_takes_nothing_but_objects_and_forms() {
    let wallet = wallet().await;
    for body in ["[]", "{", "1", "{\"a\":1} x"] {
        let (status, _) = send(&wallet, "POST /user/login", "", "application/json", body).await;
        assert_eq!(status, 400, "{body}");
    }
}

#[tokio::test]
async fn the_walk_fails_where_no_sidecar_stands_before_the_wallet() {
    let (wallet, mailbox) = (wallet().await, mailbox().await);
    let walk = Walk {
        sidecar: wallet.addr(),
        mailbox: &mailbox,
        email: "ada@example.com",
        password: "secret",
        colour: false,
    };
    let mut out = Vec::new();
    let Err(WalkError::Unexpected { step, expected, .. }) = walk::run(walk, &mut out).await else {
        panic!("the walk did not notice");
    };
    assert_eq!((step, expected.as_str()), ("Ask for money", "otpSent: true"));
    let out = String::from_utf8(out).unwrap();
    assert!(out.contains("--> POST /api/wallet/fund") && out.contains(&StatusCode::OK.to_string()), "{out}");
}
