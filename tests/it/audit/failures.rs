//! Failures on the way: of keys, of the wallet, of texts. Each has its line and its reason.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde_json::{Value, json};

use super::World;
use crate::support::audit::assert_fits_the_schema;
use crate::support::backend::{Backend, Mood};
use crate::support::client::Answer;
use crate::support::sidecar::{Folder, funded, shipped_policies};

const FUND: &str = "/api/wallet/fund";

impl World {
    /// The line of a request that was let through, and of what it met afterwards.
    async fn end_of(&self, answer: &Answer, event: &str) -> (Value, Value) {
        let body = answer.json();
        let id = body["decisionId"].as_str().unwrap_or_else(|| panic!("{}", answer.text()));
        let end = self.audit.awaited(event, |line| line["decision_id"] == id).await;
        (self.audit.decision(id).await, end)
    }

    /// Funds, while no code can be made: why not.
    async fn not_issued(&self, reason: &str) -> Value {
        let answer = self.user("jane").fund(13).await;
        assert_eq!(answer.status, 200, "the wallet agreed: {}", answer.text());
        assert_eq!(answer.json()["otpSent"], json!(false), "{}", answer.text());
        self.audit.awaited("code", |line| line["reason"] == reason).await
    }
}

fn assert_not_issued(line: &Value) {
    for (field, value) in
        [("result", "not_issued"), ("purpose", "wallet_funding"), ("subject", "jane"), ("route", "fund")]
    {
        assert_eq!(line[field], value, "{line:#}");
    }
    assert!(line["reference"].is_null() && line["expires_in"].is_null(), "{line:#}");
}

/// A token that only a key can judge.
fn unjudged() -> String {
    let parts = [json!({ "alg": "EdDSA", "kid": "one" }).to_string(), json!({ "id": "jane" }).to_string()];
    let [head, claims] = parts.map(|part| URL_SAFE_NO_PAD.encode(part));
    format!("{head}.{claims}.{}", URL_SAFE_NO_PAD.encode([7; 64]))
}

#[tokio::test]
async fn a_key_set_that_is_not_there_is_told_as_a_failure() {
    let gone = Backend::start().await.url();
    let keys = format!("key: {{ jwks_url: {gone}/keys }}");
    let changes = [("algorithms: [HS256]", "algorithms: [EdDSA]"), ("key: { env: JWT_SECRET }", &keys)];
    let world = World::start(&changes).await;
    let answer = world.sidecar.client().with_token(unjudged()).fund(5).await;
    assert_eq!(answer.word(), (503, "identity_unavailable".to_owned()));
    let line = world.audit.decision(answer.json()["decisionId"].as_str().unwrap()).await;
    assert_eq!(line["outcome"], "failed");
    assert_eq!(line["reason"], "identity_unavailable");
    assert_eq!((&line["action"], &line["rule"]), (&json!("issue"), &Value::Null));
    assert_eq!(line["subject"], Value::Null, "nobody knows who it was");
    assert_fits_the_schema(&world.audit.text());
}

#[tokio::test]
async fn a_wallet_that_is_gone_is_told_after_the_decision() {
    let mut world = World::start(&[]).await;
    let jane = world.user("jane");
    let (reference, code) = funded(&jane, &world.mailbox).await;
    world.backend = Backend::start().await; // the one before is gone
    let funding = jane.fund(5).await;
    assert_eq!(funding.status, 502);
    let (decision, failed) = world.end_of(&funding, "failed").await;
    assert_eq!((&decision["outcome"], &decision["reason"]), (&json!("allowed"), &json!("admitted")));
    assert_eq!(failed["reason"], "upstream_unavailable");

    let verifying = jane.verify(&reference, &code).await;
    assert_eq!(verifying.status, 502);
    let (decision, failed) = world.end_of(&verifying, "failed").await;
    assert_eq!((&decision["outcome"], &decision["reason"]), (&json!("allowed"), &json!("matched")));
    assert_eq!((&failed["reason"], &failed["route"]), (&json!("upstream_unavailable"), &json!("verify")));
    let (_, settled) = world.end_of(&verifying, "settled").await;
    assert_eq!(settled["result"], "released", "the wallet saw nothing, so the code may be tried again");
    assert_fits_the_schema(&world.audit.text());
}

#[tokio::test]
async fn a_wallet_that_names_a_used_reference_again_is_told() {
    let world = World::start(&[]).await;
    let jane = world.user("jane");
    let (reference, code) = funded(&jane, &world.mailbox).await;
    assert_eq!(jane.verify(&reference, &code).await.status, 200);
    let again = json!({ "success": true, "transactionReference": reference });
    world.backend.next(FUND, Mood::Answer(StatusCode::OK, again));
    assert_not_issued(&world.not_issued("reference_spent").await);
    assert_fits_the_schema(&world.audit.text());
}

#[tokio::test]
async fn a_text_that_fails_for_one_amount_is_told() {
    let policies = Folder::with_shipped(&[]);
    std::fs::create_dir(policies.path().join("templates")).unwrap();
    let text = std::fs::read_to_string(shipped_policies().join("templates/wallet_funding.txt")).unwrap();
    // Nothing that is tried at load finds this out.
    let unlucky = "{% if amount and amount == \"13\" %}{% else %}{{ code }}{% endif %}\n";
    let text = text.replace("{{ code }}\n", unlucky);
    assert!(text.contains(unlucky));
    policies.write("templates/wallet_funding.txt", &text);
    let world = World::started(&[], |start| start.policies(policies.path())).await;
    assert_not_issued(&world.not_issued("template_failed").await);
    assert_eq!(world.user("jane").fund(14).await.json()["otpSent"], json!(true), "the next one is well");
    assert_fits_the_schema(&world.audit.text());
}
