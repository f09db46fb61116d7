//! Failures and locks, from the outside.

use serde_json::json;

use crate::support::backend::Backend;
use crate::support::redis::RedisServer;
use crate::support::sidecar::{Folder, Sidecar, Start, mailbox, next_code, wrong};

#[tokio::test]
async fn the_third_wrong_code_locks_and_then_not_even_the_right_one_passes() {
    let backend = Backend::start().await;
    let (sidecar, mailbox) = Sidecar::with_mail(&backend).await;
    let jane = sidecar.client().as_user("jane");
    let reference = jane.fund(5_000).await.json()["transactionReference"].as_str().unwrap().to_owned();
    let code = next_code(&mailbox).await;
    for left in [2, 1] {
        let refused = jane.verify(&reference, &wrong(&code)).await;
        assert_eq!(refused.json()["attemptsRemaining"], left);
    }
    let locking = jane.verify(&reference, &wrong(&code)).await;
    assert_eq!(locking.word(), (423, "locked".to_owned()), "the very answer that locks is a 423");
    assert!(locking.json()["message"].as_str().unwrap().starts_with("Maximum OTP attempts exceeded."));
    let wait = locking.json()["retryAfter"].as_u64().unwrap();
    assert!((895..=900).contains(&wait), "{wait}");
    assert_eq!(locking.header("retry-after"), Some(wait.to_string().as_str()));
    assert!(locking.json()["lockedUntil"].as_str().unwrap().ends_with('Z'));

    for refused in [
        jane.verify(&reference, &code).await,
        jane.fund(5_000).await,
        jane.send("wallet_funding", "jane@example.com").await,
    ] {
        assert_eq!(refused.word(), (423, "locked".to_owned()));
    }
    assert_eq!(backend.seen_at("/api/wallet/fund").len(), 1, "a locked fund reached the backend");
    assert_eq!(backend.balance(), 0);
    let status = jane.status("wallet_funding").await.json();
    assert_eq!((&status["isLocked"], &status["attempts"]), (&json!(true), &json!(3)));
    assert_eq!(status["lockedUntil"], locking.json()["lockedUntil"], "a lock is not extended");

    let notice = mailbox.next_mail().await;
    assert!(notice.code().is_none(), "the notice of a lock carries a code");
    assert_eq!(notice.to, ["jane@example.com"]);
    assert_eq!(sidecar.metric("otp_account_locked_total{purpose=\"wallet_funding\"}").await, 1.0);
    assert_eq!(sidecar.metric("otp_locked_accounts{purpose=\"wallet_funding\"}").await, 1.0);
}

#[tokio::test]
async fn a_lock_is_of_one_subject_and_one_purpose() {
    let backend = Backend::start().await;
    let (sidecar, mailbox) = Sidecar::with_mail(&backend).await;
    let jane = sidecar.client().as_user("jane");
    let reference = jane.fund(5_000).await.json()["transactionReference"].as_str().unwrap().to_owned();
    let code = next_code(&mailbox).await;
    for _ in 0..3 {
        jane.verify(&reference, &wrong(&code)).await;
    }
    assert_eq!(jane.send("wallet_deduction", "jane@example.com").await.status, 200);
    assert_eq!(sidecar.client().as_user("john").fund(5_000).await.status, 200);
}

#[tokio::test]
async fn a_new_code_does_not_reset_the_failure_count() {
    let backend = Backend::start().await;
    let (sidecar, mailbox) = Sidecar::with_mail(&backend).await;
    let jane = sidecar.client().as_user("jane");
    let mut last = 0;
    for attempt in 0..3 {
        let reference = match attempt {
            1 => jane.send("wallet_funding", "jane@example.com").await.json()["transactionReference"].clone(),
            _ => jane.fund(5_000).await.json()["transactionReference"].clone(),
        };
        let code = next_code(&mailbox).await;
        last = jane.verify(reference.as_str().unwrap(), &wrong(&code)).await.status.as_u16();
    }
    assert_eq!(last, 423);
}

#[tokio::test]
async fn to_a_route_for_one_purpose_a_challenge_of_another_does_not_exist() {
    let (backend, mailbox) = (Backend::start().await, mailbox().await);
    let line = "      reference: request.body.transaction_reference";
    let policies = Folder::with_shipped(&[(line, &format!("{line}\n      purposes: [wallet_funding]"))]);
    let redis = RedisServer::start();
    let start = || Start::before(&backend.url()).mail(&mailbox).policies(policies.path());
    for start in [start(), start().redis(&redis).env("OTP_SIDECAR_STORE_DEADLINE", "5s")] {
        let sidecar = start.ready();
        let jane = sidecar.client().as_user("jane");
        let sent = jane.send("wallet_deduction", "jane@example.com").await.json();
        let reference = sent["transactionReference"].as_str().unwrap().to_owned();
        let code = next_code(&mailbox).await;
        for code in [&wrong(&code), &code, &wrong(&code), &wrong(&code)] {
            let refused = jane.verify(&reference, code).await;
            assert_eq!(refused.word(), (400, "otp_not_found".to_owned()));
        }
        let status = jane.status("wallet_deduction").await.json();
        assert_eq!((&status["attempts"], &status["isLocked"]), (&json!(0), &json!(false)));

        let before = backend.balance();
        let reference = jane.fund(5_000).await.json()["transactionReference"].as_str().unwrap().to_owned();
        assert_eq!(jane.verify(&reference, &next_code(&mailbox).await).await.status, 200);
        assert_eq!(backend.balance(), before + 5_000);
    }
}

#[tokio::test]
async fn a_success_forgives_earlier_failures() {
    let backend = Backend::start().await;
    let (sidecar, mailbox) = Sidecar::with_mail(&backend).await;
    let jane = sidecar.client().as_user("jane");
    for _ in 0..2 {
        let reference = jane.fund(5_000).await.json()["transactionReference"].as_str().unwrap().to_owned();
        let code = next_code(&mailbox).await;
        for left in [2, 1] {
            assert_eq!(jane.verify(&reference, &wrong(&code)).await.json()["attemptsRemaining"], left);
        }
        assert_eq!(jane.verify(&reference, &code).await.status, 200);
    }
}

#[tokio::test]
async fn what_cannot_be_a_code_is_refused_without_being_counted() {
    let backend = Backend::start().await;
    let mailbox = mailbox().await;
    let policies = Folder::with_shipped(&[("max: 10, per: 15m", "max: 100, per: 15m")]);
    let sidecar = Start::before(&backend.url()).mail(&mailbox).policies(policies.path()).ready();
    let jane = sidecar.client().as_user("jane");
    let reference = jane.fund(5_000).await.json()["transactionReference"].as_str().unwrap().to_owned();
    next_code(&mailbox).await;
    for otp in [
        json!(""),
        json!("12345"),
        json!("1234567"),
        json!("abcdef"),
        json!(null),
        json!({}),
        json!(-1),
        json!(1.5),
    ] {
        let body = json!({ "otp": otp, "transaction_reference": reference });
        let refused = jane.post("/api/wallet/verify-otp", &body).await;
        assert_eq!(refused.word(), (400, "invalid_request".to_owned()), "{otp}");
    }
    assert_eq!(jane.status("wallet_funding").await.json()["attempts"], 0);
}

#[tokio::test]
async fn at_disable_after_the_purpose_is_disabled_and_says_so() {
    let backend = Backend::start().await;
    let mailbox = mailbox().await;
    let policies = Folder::with_shipped(&[("disable_after: 100", "disable_after: 2")]);
    let sidecar = Start::before(&backend.url()).mail(&mailbox).policies(policies.path()).ready();
    let jane = sidecar.client().as_user("jane");
    let reference = jane.fund(5_000).await.json()["transactionReference"].as_str().unwrap().to_owned();
    let code = next_code(&mailbox).await;
    jane.verify(&reference, &wrong(&code)).await;
    let disabled = jane.verify(&reference, &wrong(&code)).await;
    assert_eq!(disabled.word(), (423, "disabled".to_owned()));
    assert_eq!(disabled.header("retry-after"), None);
    assert_eq!(jane.fund(5_000).await.word(), (423, "disabled".to_owned()));
}
