//! `otp-sidecar status`.

use super::deployment::{Deployment, FAR, findings, plant};
use crate::support::program::Program;
use crate::support::sidecar::{Folder, PATIENCE, changed};
use crate::support::wait::until;

const LOCKED: &str = "{otp:00}:locked:wallet_funding";
const PENDING: &str = "{otp:00}:pending:wallet_deduction";

#[tokio::test]
async fn a_deployment_that_is_well_is_told_in_one_screen() {
    let deployment = Deployment::new().await;
    let sidecar = deployment.start().ready();
    sidecar.client().as_user("jane").fund(5_000).await;
    until("a mail has left", PATIENCE, async || {
        let told = deployment.asks(&sidecar, &["status", "--json"]).await.json();
        told["email"]["status"] == "up" && told["outbox"]["messages"] == 0
    })
    .await;
    let ran = deployment.asks(&sidecar, &["status"]).await;
    assert_eq!(ran.code, 0, "{ran:#?}");
    for part in [
        concat!("sidecar   ", env!("CARGO_PKG_VERSION")),
        "policy    ",
        " routes, ok, last read ",
        "code keys t1.",
        "e-mail    up since ",
        "messages  0 waiting",
        "state     redis ",
        "when it is full: noeviction",
        "on disk   appendonly no, snapshots never",
        "errors    none since ",
        "in all replicas",
        "challenge ",
        "A restart of Redis forgets locks",
    ] {
        assert!(ran.out.contains(part), "{part:?} is not in\n{}", ran.out);
    }
    assert!(!ran.out.contains("jane"));
    let document = deployment.asks(&sidecar, &["status", "--json"]).await.json();
    assert_eq!(document["people"][1]["pending"], 1, "{document:#}");
    assert_eq!(document["policy"]["lastReload"]["result"], "ok");
    assert_eq!(document["recentErrors"]["total"], 0);
    assert_eq!(document["inventory"]["server"]["eviction"], "noeviction");
    assert_eq!(document["unknown"], serde_json::json!([]));
}

#[tokio::test]
async fn many_locked_and_pending_people_are_found_beyond_the_guides_thresholds_only() {
    let deployment = Deployment::new().await;
    let sidecar = deployment.start().ready();
    plant(&deployment.redis, LOCKED, FAR, 100);
    plant(&deployment.redis, PENDING, FAR, 1_000);
    let ran = deployment.asks(&sidecar, &["status", "--json"]).await;
    assert_eq!(ran.code, 0, "{ran:#?}");
    plant(&deployment.redis, "{otp:01}:locked:wallet_deduction", FAR, 1);
    plant(&deployment.redis, "{otp:02}:pending:wallet_funding", FAR, 1);
    let ran = deployment.asks(&sidecar, &["status", "--json"]).await;
    assert_eq!(ran.code, 1);
    assert_eq!(findings(&ran)[..2], ["many_locked", "many_pending"]);
    let text = deployment.asks(&sidecar, &["status"]).await;
    assert!(
        text.out.contains("problem  101 accounts are locked; more than 100 are too many."),
        "{}",
        text.out
    );
    assert!(text.out.contains("See docs/runbooks/OTPLockSpike.md."), "{}", text.out);
    // The state alone knows the same, and says what it does not know.
    until("the sidecar has written counts", PATIENCE, async || {
        !findings(&deployment.asks_state(&["status", "--json"]).await).contains(&"nobody_counts".to_owned())
    })
    .await;
    let ran = deployment.asks_state(&["status", "--json"]).await;
    assert_eq!(
        (ran.code, &findings(&ran)[..2]),
        (1, &["many_locked".to_owned(), "many_pending".to_owned()][..])
    );
    assert!(ran.json()["unknown"][0].as_str().unwrap().contains("only a sidecar knows"));
    assert!(ran.json()["email"].is_null());
}

#[tokio::test]
async fn a_state_that_nobody_writes_counts_to_is_told() {
    let deployment = Deployment::new().await;
    let ran = deployment.asks_state(&["status", "--json"]).await;
    assert_eq!((ran.code, &findings(&ran)[0]), (1, &"nobody_counts".to_owned()));
}

#[tokio::test]
async fn a_relay_that_is_down_is_found_with_what_to_do() {
    let deployment = Deployment::new().await;
    let sidecar = deployment.start().env("OTP_SIDECAR_SMTP", "smtp://127.0.0.1:1?tls=none").ready();
    sidecar.client().as_user("jane").fund(5_000).await;
    until("e-mail is down", PATIENCE, async || {
        findings(&deployment.asks(&sidecar, &["status", "--json"]).await).contains(&"email_down".to_owned())
    })
    .await;
    let ran = deployment.asks(&sidecar, &["status"]).await;
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("E-mail does not work (connect)"), "{}", ran.out);
    assert!(ran.out.contains("mail test --to ADDRESS") && ran.out.contains("OTPEmailServiceDown.md"));
    assert!(ran.out.contains("messages  1 waiting"), "{}", ran.out);
}

#[tokio::test]
async fn a_rejected_policy_and_a_store_that_may_evict_are_found() {
    let deployment = Deployment::new().await;
    let policies = Folder::with_shipped(&[]);
    let sidecar = deployment.start().policies(policies.path()).ready();
    deployment.redis.ask::<()>(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    policies.write("default.yaml", &changed(&[("max: 3,", "max: three,")]));
    until("everything is found", PATIENCE, async || {
        let found = findings(&deployment.asks(&sidecar, &["status", "--json"]).await);
        ["policy_rejected", "state_warning", "errors"].iter().all(|word| found.iter().any(|it| it == word))
    })
    .await;
    let ran = deployment.asks(&sidecar, &["status"]).await;
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("default.yaml") && ran.out.contains("policy_rejected since"), "{}", ran.out);
}

#[tokio::test]
async fn a_dead_redis_is_told_by_the_sidecar_and_stops_a_command_that_has_nothing_else() {
    let mut deployment = Deployment::new().await;
    let sidecar = deployment.start().ready();
    deployment.redis.kill();
    let ran = deployment.asks(&sidecar, &["status"]).await;
    assert_eq!(ran.code, 1, "{ran:#?}");
    assert!(
        ran.out.contains("state     does not answer (") && ran.out.contains("OTPStoreErrors.md"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("not known  What the state holds"), "{}", ran.out);
    for command in [&["status"][..], &["cleanup", "--dry-run"], &["report"]] {
        deployment.asks_state(command).await.assert_refused("the store");
    }
}

#[tokio::test]
async fn who_is_not_let_in_or_finds_nobody_is_told_what_to_do() {
    let deployment = Deployment::new().await;
    let sidecar = deployment.start().ready();
    let admin = format!("http://{}", sidecar.admin);
    for command in [&["status"][..], &["cleanup", "--dry-run"], &["report"]] {
        let wrong = Program::new(command).argument("--admin").argument(&admin);
        let wrong = wrong.argument("--admin-token-file").argument(&deployment.file("other-token"));
        wrong.finished().await.assert_refused("does not take this admin token");
        let without = Program::new(command).argument("--admin").argument(&admin);
        without.finished().await.assert_refused("--admin-token-file");
        let nobody = Program::new(command).argument("--admin").argument("http://127.0.0.1:1");
        nobody.finished().await.assert_refused("no sidecar answers at http://127.0.0.1:1");
    }
}

#[tokio::test]
async fn a_sidecar_with_its_state_in_memory_is_asked_too() {
    let deployment = Deployment::new().await;
    let sidecar = deployment.start().env("OTP_SIDECAR_STATE", "memory").ready();
    let ran = deployment.asks(&sidecar, &["status"]).await;
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert!(ran.out.contains("state     memory, "), "{}", ran.out);
    let cleaned = deployment.asks(&sidecar, &["cleanup", "--reason", "evening"]).await;
    assert_eq!(cleaned.code, 0, "{cleaned:#?}");
}
