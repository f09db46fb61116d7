//! What became of a decision: codes, mails, reservations, failures; and of the policy.

use http::StatusCode;
use serde_json::{Value, json};

use super::World;
use crate::support::audit::assert_fits_the_schema;
use crate::support::backend::Mood;
use crate::support::sidecar::{changed, funded};

const FUND: &str = "/api/wallet/fund";
const VERIFY: &str = "/api/wallet/verify-otp";

/// The lines about one decision, without what differs from run to run.
fn story(lines: &[Value], id: &Value) -> Vec<(String, String)> {
    let told = lines.iter().filter(|line| line["decision_id"] == *id);
    told.map(|line| {
        let word = |field: &str| line[field].as_str().unwrap_or_default().to_owned();
        let result = if line["event"] == "decision" { word("reason") } else { word("result") };
        (word("event"), result)
    })
    .collect()
}

fn named(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(event, result)| ((*event).to_owned(), (*result).to_owned())).collect()
}

#[tokio::test]
async fn a_code_can_be_followed_from_its_request_to_its_end() {
    let world = World::start(&[]).await;
    let jane = world.user("jane");
    let (reference, code) = funded(&jane, &world.mailbox).await;
    assert_eq!(jane.verify(&reference, &code).await.status, 200);
    assert_eq!(jane.send("wallet_funding", "jane@example.com").await.status, 200);
    let settled = world.audit.awaited("settled", |_| true).await;
    let sent = world.audit.awaited("decision", |line| line["reason"] == "issued").await;
    world.audit.awaited("mail", |line| line["decision_id"] == sent["decision_id"]).await;
    let lines = world.audit.lines();
    let admitted = world.audit.awaited("decision", |line| line["reason"] == "admitted").await;
    let by_mail = [("decision", "admitted"), ("code", "issued"), ("mail", "accepted")];
    assert_eq!(story(&lines, &admitted["decision_id"]), named(&by_mail));
    assert_eq!(
        story(&lines, &settled["decision_id"]),
        named(&[("decision", "matched"), ("settled", "committed")])
    );
    assert_eq!(
        story(&lines, &sent["decision_id"]),
        named(&[("decision", "issued"), ("code", "issued"), ("mail", "accepted")])
    );
    // The issued code and the presented one belong to one challenge.
    let issued = world.audit.awaited("code", |line| line["decision_id"] == admitted["decision_id"]).await;
    let presented = world.audit.awaited("decision", |line| line["reason"] == "matched").await;
    assert_eq!(issued["reference"], presented["reference"]);
    assert_eq!(issued["expires_in"], json!(300));
    assert_fits_the_schema(&world.audit.text());
}

#[tokio::test]
async fn a_wallet_that_refuses_or_fails_is_told_after_the_decision() {
    let world = World::started(&[], |start| start.flag("--upstream-timeout", "300ms")).await;
    let jane = world.user("jane");
    world.backend.next(FUND, Mood::Answer(StatusCode::BAD_REQUEST, json!({ "own": true })));
    assert_eq!(jane.fund(5).await.status, 400);
    let refused = world.audit.awaited("code", |_| true).await;
    assert_eq!((&refused["result"], &refused["reason"]), (&json!("not_issued"), &json!("upstream_refused")));
    let line = world.sidecar.lines().into_iter().find(|line| line.contains("OTP not sent"));
    assert_eq!(line, None, "the wallet's own refusal is no fault");
    world.backend.next(FUND, Mood::Answer(StatusCode::OK, json!({ "no": "reference" })));
    assert_eq!(jane.fund(5).await.status, 200);
    let lost = world.audit.awaited("code", |line| line["reason"] == "no_reference").await;
    assert_eq!(lost["result"], "not_issued");
    let (reference, code) = funded(&jane, &world.mailbox).await;
    world.backend.next(VERIFY, Mood::Hang);
    let answer = jane.verify(&reference, &code).await;
    assert_eq!(answer.status, 504);
    let id = &answer.json()["decisionId"];
    let failed = world.audit.awaited("failed", |line| line["decision_id"] == *id).await;
    assert_eq!(failed["reason"], "upstream_timeout");
    assert_eq!(
        story(&world.audit.lines(), id),
        named(&[("decision", "matched"), ("settled", "unknown"), ("failed", "")])
    );
    assert_fits_the_schema(&world.audit.text());
}

#[tokio::test]
async fn a_trace_is_named_in_each_line_of_its_request() {
    let world = World::start(&[]).await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let header = format!("00-{trace}-00f067aa0ba902b7-01");
    let target = "/api/wallet/otp/status?purpose=wallet_funding";
    let headers = [("traceparent", header.as_str())];
    world.user("jane").call(http::Method::GET, target, &headers, bytes::Bytes::new()).await;
    let line = world.audit.awaited("decision", |_| true).await;
    assert_eq!(line["trace_id"], trace);
}

#[tokio::test]
async fn reloads_are_told_with_the_policy_in_force() {
    let world = World::start(&[]).await;
    let first = world.audit.awaited("policy", |_| true).await;
    world.policies.write("default.yaml", &changed(&[("max: 10,", "max: 11,")]));
    let next = world.audit.awaited("policy", |line| line["policy"] != first["policy"]).await;
    assert_eq!(next["result"], "loaded");
    world.policies.write("default.yaml", "version: 1\nroutes: 5\n");
    let rejected = world.audit.awaited("policy", |line| line["result"] == "rejected").await;
    assert_eq!(rejected["policy"], next["policy"], "the last good one stays in force");
    assert_eq!(world.user("jane").status("wallet_funding").await.status, 200);
    let decided = world.audit.awaited("decision", |_| true).await;
    assert_eq!(decided["policy"], next["policy"]);
    assert_fits_the_schema(&world.audit.text());
}
