//! Failures on the way. Each has its line and its reason.

use http::StatusCode;
use serde_json::{Value, json};

use super::World;
use crate::support::audit::assert_fits_the_schema;
use crate::support::backend::{Backend, Mood};
use crate::support::client::Answer;
use crate::support::sidecar::funded;

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
