//! Every alert, for real: sidecars with their Redis, relay and wallet, a Prometheus with the shipped
//! rules (times shortened), and two Alertmanagers, one with the shipped example. Each scene breaks
//! something, sees the alerts arrive at a webhook, repairs it and sees them resolve. All scenes play at
//! the same time, each in a namespace of its own.

mod audit;
mod delivery;
mod guessing;
mod inbox;
mod policies;
mod stage;
mod state;
mod wallet;

use std::collections::BTreeSet;

use stage::Stage;

use super::rules::RUNBOOKS;
use super::shipped::{alerts, root};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_alert_arrives_when_something_breaks_and_resolves_after_the_repair() {
    let stage = Stage::build().await;
    let mut relay = delivery::Relay::start().await;
    let guessing = guessing::Guessing::start().await;
    let hammering = guessing::Hammering::start().await;
    let mut store = state::DeadStore::start().await;
    let slow = state::SlowStore::start().await;
    let keys = state::TwoKeys::start().await;
    let policies = policies::TwoFolders::start().await;
    let mut wallet = wallet::Wallet::start().await;
    let disk = audit::FullDisk::start().await;
    let mut down = wallet::Down::start().await;

    let mut sidecars = Vec::new();
    sidecars.extend(relay.sidecars.iter().map(|sidecar| ("relay", sidecar)));
    sidecars.push(("guessing", &guessing.sidecar));
    sidecars.push(("hammering", &hammering.sidecar));
    sidecars.extend(store.sidecars.iter().map(|sidecar| ("store", sidecar)));
    sidecars.push(("slow", &slow.sidecar));
    sidecars.extend(keys.sidecars.iter().map(|sidecar| ("keys", sidecar)));
    sidecars.extend(policies.sidecars.iter().map(|sidecar| ("policies", sidecar)));
    sidecars.push(("wallet", &wallet.sidecar));
    sidecars.push(("audit", &disk.sidecar));
    sidecars.push(("down", down.sidecar.as_ref().unwrap()));
    let prometheus = stage.prometheus(&sidecars).await;

    tokio::join!(
        relay.play(&stage),
        guessing.play(&stage),
        hammering.play(&stage),
        store.play(&stage),
        slow.play(&stage),
        keys.play(&stage),
        policies.play(&stage),
        wallet.play(&stage),
        disk.play(&stage),
        down.play(&stage),
        wallet::nothing_to_scrape(&stage),
    );

    let shipped: BTreeSet<_> = alerts().into_keys().collect();
    assert_eq!(stage.inbox.names("everything"), shipped);
    for alert in stage.inbox.alerts() {
        let annotation = |name: &str| alert["annotations"][name].as_str().unwrap().to_owned();
        let page = annotation("runbook_url").strip_prefix(RUNBOOKS).unwrap().to_owned();
        assert!(root().join("docs/runbooks").join(&page).exists(), "{page}");
        for text in [annotation("summary"), annotation("description")] {
            assert!(!text.contains("<no value>") && !text.contains("{{"), "{text}");
        }
    }
    for rule in prometheus.loaded_rules().await {
        assert_eq!(rule["health"], "ok", "{rule}");
    }
}
