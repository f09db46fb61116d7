//! In which form people are shown.

use serde_json::Value;

use super::World;
use crate::support::client::token;
use crate::support::sidecar::Start;

async fn told(world: &World, subject: &str) -> Value {
    let client = world.sidecar.client().with_token(token(subject, "jane.doe@example.com"));
    assert_eq!(client.status("wallet_funding").await.status, 200);
    world.audit.awaited("decision", |line| line["reason"] == "told").await
}

#[tokio::test]
async fn a_subject_has_the_same_pseudonym_on_all_replicas_with_the_same_keys() {
    let hashed = [("cors:", "audit: { subject: hash }\ncors:")];
    let other_keys =
        |start: Start| start.env("OTP_SIDECAR_CODE_KEYS", "t1:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=");
    let (one, two) = (World::start(&hashed).await, World::start(&hashed).await);
    let other = World::started(&hashed, other_keys).await;
    let [one, two, other] = [told(&one, "jane").await, told(&two, "jane").await, told(&other, "jane").await];
    let subject = one["subject"].as_str().unwrap();
    assert!(subject.starts_with('#') && !subject.contains("jane"), "{subject}");
    assert_eq!(one["subject"], two["subject"]);
    assert_eq!(one["client"], two["client"]);
    assert_ne!(one["subject"], other["subject"]);
    assert_ne!(one["client"], other["client"]);
}

#[tokio::test]
async fn a_subject_that_is_an_address_is_grouped_but_not_shown() {
    let (jane, john) = (World::start(&[]).await, World::start(&[]).await);
    let (jane, john) = (told(&jane, "jane@example.com").await, told(&john, "john@example.com").await);
    let [jane, john] = [&jane, &john].map(|line| line["subject"].as_str().unwrap());
    assert!(jane.starts_with("j***@example.com#") && john.starts_with("j***@example.com#"));
    assert_ne!(jane, john);
}

#[tokio::test]
async fn the_log_groups_people_as_the_audit_log_does() {
    let world = World::start(&[("status:       { max: 10,", "status:       { max: 1,")]).await;
    let line = told(&world, "jane@example.com").await;
    let client = world.sidecar.client().with_token(token("jane@example.com", "jane@example.com"));
    assert_eq!(client.status("wallet_funding").await.status, 429);
    let logged: Value = serde_json::from_str(&world.sidecar.logged("rate limit hit").await).unwrap();
    assert_eq!(logged["userId"], line["subject"]);
}

#[tokio::test]
async fn a_client_address_is_shown_as_the_policy_says() {
    for (form, expected) in [("full", "127.0.0.1"), ("masked", "127.0.0.0/24")] {
        let audit = format!("audit: {{ client_address: {form} }}\ncors:");
        let world = World::start(&[("cors:", &audit)]).await;
        assert_eq!(told(&world, "jane").await["client"], expected);
    }
    let line = told(&World::start(&[]).await, "jane").await;
    let hashed = line["client"].as_str().unwrap();
    assert!(hashed.starts_with('#') && hashed.len() == 17, "{hashed}");
}

#[test]
fn a_wrong_form_is_refused_with_its_place() {
    let text =
        crate::support::sidecar::changed(&[("cors:", "audit: { subject: masked, adress: full }\ncors:")]);
    let folder = crate::support::sidecar::Folder::new();
    folder.write("default.yaml", &text);
    let (code, said) = Start::before("http://127.0.0.1:1").policies(folder.path()).refused();
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("masked") && said.contains("plain") && said.contains("adress"), "{said}");
    let line = text.lines().position(|line| line.starts_with("audit:")).unwrap() + 1;
    assert!(said.contains(&format!("default.yaml:{line}:")), "{said}");
}
