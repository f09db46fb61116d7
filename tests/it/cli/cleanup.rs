//! `otp-sidecar cleanup`.

use serde_json::Value;

use super::deployment::{Deployment, plant};
use crate::support::program::Program;

const PENDING: &str = "{otp:03}:pending:wallet_funding";

fn keys(inventory: &Value, kind: &str) -> u64 {
    let held = inventory["held"].as_array().unwrap();
    held.iter().find(|held| held["kind"] == kind).unwrap()["keys"].as_u64().unwrap()
}

#[tokio::test]
async fn what_expiry_cannot_remove_is_removed_and_who_wanted_it_is_remembered() {
    let deployment = Deployment::new().await;
    let sidecar = deployment.start().ready();
    // Long over, on a list that itself lives on.
    plant(&deployment.redis, PENDING, "1000", 3);
    let dry = deployment.asks(&sidecar, &["cleanup", "--dry-run", "--json"]).await;
    assert_eq!(dry.code, 0, "{dry:#?}");
    assert!(dry.json()["done"].is_null() && dry.json()["after"].is_null());
    assert_eq!(deployment.redis.ask::<u32>(&["ZCARD", PENDING]), 3);

    let arguments = ["cleanup", "--reason", "ticket 7", "--by", "ada"];
    let ran = deployment.asks(&sidecar, &[&arguments[..], &["--json"]].concat()).await;
    assert_eq!(ran.code, 0, "{ran:#?}");
    let document = ran.json();
    assert_eq!(document["done"]["pendingRemoved"], 3, "{document:#}");
    assert_eq!(document["done"]["changed"], true);
    assert_eq!((keys(&document["before"], "pending"), keys(&document["after"], "pending")), (1, 0));
    assert_eq!(deployment.redis.ask::<u32>(&["ZCARD", PENDING]), 0);

    let again = deployment.asks(&sidecar, &arguments).await;
    assert_eq!(again.code, 0);
    assert!(again.out.contains("There was nothing else to remove."), "{}", again.out);
    assert!(again.out.contains("Expiry has removed "), "{}", again.out);
    let log = sidecar.lines().join("\n");
    assert!(log.contains("ticket 7") && log.contains("ada"), "{log}");
}

#[tokio::test]
async fn people_and_locks_that_are_not_over_stay_also_without_a_sidecar() {
    let deployment = Deployment::new().await;
    plant(&deployment.redis, PENDING, super::deployment::FAR, 2);
    plant(&deployment.redis, "{otp:03}:locked:wallet_funding", "1000", 1);
    let ran = deployment.asks_state(&["cleanup", "--reason", "evening"]).await;
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert!(ran.out.contains("people on the list of locks whose time was over: 1"), "{}", ran.out);
    assert_eq!(deployment.redis.ask::<u32>(&["ZCARD", PENDING]), 2);
}

#[test]
fn a_cleanup_without_a_reason_is_refused() {
    let ran = Program::new(&["cleanup"]).run();
    ran.assert_refused("--reason <TEXT>");
}
