//! The main job: a wallet cannot be funded without a code.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::backend::{Backend, Mood};
use crate::support::sidecar::{Folder, Sidecar, Start, next_code, wrong};

const FUND: &str = "/api/wallet/fund";
const VERIFY: &str = "/api/wallet/verify-otp";

#[tokio::test]
async fn a_wallet_is_funded_with_the_mailed_code_and_only_once() {
    let backend = Backend::start().await;
    let (sidecar, mailbox) = Sidecar::with_mail(&backend).await;
    let jane = sidecar.client().as_user("jane");

    let funded = jane.fund(5_000).await;
    assert_eq!(funded.status, 200, "{}", funded.text());
    let said = funded.json();
    assert_eq!(said["otpSent"], true);
    assert_eq!(said["otpExpiresIn"], 300);
    assert_eq!(said["nextStep"], "otp_verification");
    let reference = said["transactionReference"].as_str().unwrap().to_owned();
    let code = next_code(&mailbox).await;

    let refused = jane.verify(&reference, &wrong(&code)).await;
    assert_eq!(refused.word(), (400, "otp_invalid".to_owned()));
    assert_eq!(refused.json()["attemptsRemaining"], 2);
    assert_eq!(refused.json()["details"], "Invalid OTP. 2 attempts remaining.");
    assert!(backend.seen_at(VERIFY).is_empty(), "a wrong code reached the backend");

    let verified = jane.verify(&reference, &code).await;
    assert_eq!((verified.status, &verified.json()["newBalance"]), (StatusCode::OK, &json!(5_000)));
    assert_eq!(jane.verify(&reference, &code).await.word(), (400, "otp_used".to_owned()));
    assert_eq!(backend.seen_at(VERIFY).len(), 1);
    assert_eq!(backend.balance(), 5_000);
}

#[tokio::test]
async fn a_resend_keeps_the_reference_of_the_fund_and_both_codes_are_good() {
    let backend = Backend::start().await;
    let (sidecar, mailbox) = Sidecar::with_mail(&backend).await;
    let client = sidecar.client();
    for (user, which) in [("first", 0), ("second", 1)] {
        let user_client = client.as_user(user);
        let reference = user_client.fund(5_000).await.json()["transactionReference"].clone();
        let mut codes = vec![next_code(&mailbox).await];
        let sent = user_client.send("wallet_funding", &format!("{user}@EXAMPLE.com")).await;
        assert_eq!(sent.status, 200, "{}", sent.text());
        assert_eq!(sent.json()["transactionReference"], reference);
        assert_eq!(sent.json()["otpId"], reference);
        codes.push(next_code(&mailbox).await);
        let verified = user_client.verify(reference.as_str().unwrap(), &codes[which]).await;
        assert_eq!(verified.status, 200, "code {which}: {}", verified.text());
    }
}

#[tokio::test]
async fn a_send_with_nothing_pending_mints_a_reference_of_its_own() {
    let backend = Backend::start().await;
    let (sidecar, mailbox) = Sidecar::with_mail(&backend).await;
    let jane = sidecar.client().as_user("jane");
    let sent = jane.send("wallet_deduction", "jane@example.com").await.json();
    let reference = sent["transactionReference"].as_str().unwrap();
    assert!(reference.starts_with("OTP-"), "{reference}");
    assert!(backend.seen().is_empty(), "the backend was asked to send");
    let code = next_code(&mailbox).await;
    assert_eq!(jane.verify(reference, &code).await.status, 200);
}

#[tokio::test]
async fn a_newer_fund_supersedes_the_older_one() {
    let backend = Backend::start().await;
    let (sidecar, mailbox) = Sidecar::with_mail(&backend).await;
    let jane = sidecar.client().as_user("jane");
    let older = jane.fund(5_000).await.json()["transactionReference"].clone();
    let code = next_code(&mailbox).await;
    jane.fund(6_000).await;
    let refused = jane.verify(older.as_str().unwrap(), &code).await;
    assert_eq!(refused.word(), (400, "otp_not_found".to_owned()));
    assert!(refused.json()["details"].as_str().unwrap().contains("newer"), "{}", refused.text());
}

#[tokio::test]
async fn somebody_elses_code_does_not_exist_for_another_caller() {
    let backend = Backend::start().await;
    let (sidecar, mailbox) = Sidecar::with_mail(&backend).await;
    let reference = sidecar.client().as_user("jane").fund(5_000).await.json()["transactionReference"].clone();
    let code = next_code(&mailbox).await;
    let mallory = sidecar.client().as_user("mallory");
    for _ in 0..5 {
        let refused = mallory.verify(reference.as_str().unwrap(), &code).await;
        assert_eq!(refused.word(), (400, "otp_not_found".to_owned()), "it counts nothing either");
    }
}

#[tokio::test]
async fn an_upstream_that_refuses_is_passed_on_untouched_and_no_code_is_made() {
    let backend = Backend::start().await;
    let (sidecar, _mailbox) = Sidecar::with_mail(&backend).await;
    let jane = sidecar.client().as_user("jane");
    let body = json!({ "message": "amount too small", "transactionReference": "FUND-99999" });
    backend.next(FUND, Mood::Answer(StatusCode::UNPROCESSABLE_ENTITY, body.clone()));
    let refused = jane.fund(1).await;
    assert_eq!((refused.status, refused.json()), (StatusCode::UNPROCESSABLE_ENTITY, body));
    assert_eq!(jane.status("wallet_funding").await.json()["exists"], false);
}

#[tokio::test]
async fn an_answer_without_a_readable_reference_passes_with_a_warning_and_opens_nothing() {
    let backend = Backend::start().await;
    let policies = Folder::with_shipped(&[("send-burst:   { max: 3", "send-burst:   { max: 10")]);
    let sidecar = Start::before(&backend.url()).policies(policies.path()).ready();
    let jane = sidecar.client().as_user("jane");
    for answer in [
        json!({ "success": true }),
        json!({ "transactionReference": "a b" }),
        json!({ "transactionReference": 5 }),
    ] {
        backend.next(FUND, Mood::Answer(StatusCode::OK, answer));
        let funded = jane.fund(5_000).await;
        assert_eq!((funded.status, &funded.json()["otpSent"]), (StatusCode::OK, &Value::Bool(false)));
        assert!(funded.json()["warning"].is_string());
    }
    backend.next(FUND, Mood::Text(StatusCode::OK, "text/html", "<p>ok</p>".to_owned()));
    assert_eq!(jane.fund(5_000).await.text(), "<p>ok</p>");
    assert_eq!(jane.status("wallet_funding").await.json()["exists"], false);
    let decided = "otp_sidecar_decisions_total{mode=\"enforce\",outcome=\"incomplete\",reason=\"no_reference\",route=\"fund\"}";
    assert_eq!(sidecar.metric(decided).await, 4.0);
}

#[tokio::test]
async fn a_code_may_come_as_a_number_and_a_body_as_a_form() {
    let backend = Backend::start().await;
    let (sidecar, mailbox) = Sidecar::with_mail(&backend).await;
    let jane = sidecar.client().as_user("jane");

    let reference = jane.fund(5_000).await.json()["transactionReference"].clone();
    let number: u64 = next_code(&mailbox).await.parse().unwrap();
    let body = json!({ "otp": number, "transaction_reference": reference });
    assert_eq!(jane.post("/api/wallet/otp/verify", &body).await.status, 200);

    let form = [("content-type", "application/x-www-form-urlencoded")];
    let funded = jane.call(Method::POST, FUND, &form, "amount=5000&email=x%40example.com".into()).await;
    let reference = funded.json()["transactionReference"].as_str().unwrap().to_owned();
    let code = next_code(&mailbox).await;
    let body = format!("otp={code}&transaction_reference={reference}");
    assert_eq!(jane.call(Method::POST, VERIFY, &form, body.into()).await.status, 200);
    let seen = backend.seen_at(FUND).pop().unwrap();
    assert_eq!(seen.headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(seen.body, "amount=5000&email=x%40example.com");
}

#[tokio::test]
async fn the_mail_says_what_the_code_is_for_and_carries_it_alone_on_a_line() {
    let backend = Backend::start().await;
    let (sidecar, mailbox) = Sidecar::with_mail(&backend).await;
    sidecar.client().as_user("jane").fund(1_234_500).await;
    let mail = mailbox.next_mail().await;
    let code = mail.code().unwrap();
    assert_eq!(mail.to, ["jane@example.com"]);
    assert!(mail.text.lines().any(|line| line.trim() == code), "{}", mail.text);
    assert!(mail.text.contains("1,234,500") && mail.text.contains("5 minutes"), "{}", mail.text);
    assert!(!mail.subject.contains(code));
    assert!(!mail.text.contains("http"), "a mail must not carry links: {}", mail.text);
}

#[tokio::test]
async fn a_code_is_sent_only_to_the_address_of_the_token() {
    let backend = Backend::start().await;
    let (sidecar, mailbox) = Sidecar::with_mail(&backend).await;
    let jane = sidecar.client().as_user("jane");
    let refused = jane.send("wallet_funding", "mallory@example.com").await;
    assert_eq!(refused.word(), (403, "recipient_mismatch".to_owned()));
    assert_eq!(jane.post("/api/wallet/otp/send", &json!({ "purpose": "wallet_funding" })).await.status, 400);
    // The body's address is ignored where the policy does not name it.
    jane.fund(5_000).await;
    assert_eq!(mailbox.next_mail().await.to, ["jane@example.com"]);
}

#[tokio::test]
async fn status_follows_the_life_of_a_code() {
    let backend = Backend::start().await;
    let (sidecar, mailbox) = Sidecar::with_mail(&backend).await;
    let jane = sidecar.client().as_user("jane");
    let nothing = jane.status("wallet_funding").await.json();
    assert_eq!(
        (&nothing["exists"], &nothing["attempts"], &nothing["maxAttempts"]),
        (&json!(false), &json!(0), &json!(3))
    );

    let reference = jane.fund(5_000).await.json()["transactionReference"].clone();
    let code = next_code(&mailbox).await;
    jane.verify(reference.as_str().unwrap(), &wrong(&code)).await;
    let pending = jane.status("wallet_funding").await.json();
    assert_eq!(
        (&pending["exists"], &pending["isValid"], &pending["attempts"]),
        (&json!(true), &json!(true), &json!(1))
    );
    assert!((1..=300).contains(&pending["expiresIn"].as_u64().unwrap()));

    jane.verify(reference.as_str().unwrap(), &code).await;
    let done = jane.status("wallet_funding").await.json();
    assert_eq!((&done["exists"], &done["attempts"]), (&json!(false), &json!(0)));
    for target in ["/api/wallet/otp/status", "/api/wallet/otp/status?purpose=nonsense"] {
        assert_eq!(jane.get(target).await.word(), (400, "invalid_request".to_owned()));
    }
}
