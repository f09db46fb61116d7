//! Prometheus, two Alertmanagers and their receivers, and waiting for what they tell.

use std::time::Duration;

use serde_json::{Value, json};

use super::inbox::Inbox;
use crate::alerting::rendered::rendered_rules;
use crate::alerting::shipped::{parse, root};
use crate::support::prometheus::{Alertmanager, Prometheus, Scraping};
use crate::support::sidecar::{Folder, Sidecar};
use crate::support::wait::until;

/// How often everything is scraped and every rule evaluated.
pub const TICK: Duration = Duration::from_millis(500);

/// The job that the shipped rules take for sidecars.
pub const JOB: &str = "otp-system";

/// The receiver that hears of every alert.
const EVERYTHING: &str = "everything";

/// How long an alert may take on a busy machine.
const ARRIVES_WITHIN: Duration = Duration::from_secs(150);

/// What all scenes play before.
pub struct Stage {
    pub inbox: Inbox,
    pub rules: Folder,
    pub everything: Alertmanager,
    pub example: Alertmanager,
}

impl Stage {
    pub async fn build() -> Self {
        let inbox = Inbox::start().await;
        let everything = Alertmanager::start(&everything(&inbox).to_string());
        let example = Alertmanager::start(&example(&inbox).to_string());
        Self { inbox, rules: rendered_rules(), everything, example }
    }

    /// A Prometheus for these sidecars, each with its namespace.
    pub async fn prometheus(&self, sidecars: &[(&str, &Sidecar)]) -> Prometheus {
        let mut scraping = Scraping::every(TICK)
            .rules(self.rules.path().join("*.yaml"))
            .alerting(self.everything.addr())
            .alerting(self.example.addr());
        for (number, (namespace, sidecar)) in sidecars.iter().enumerate() {
            scraping = scraping.target(namespace, JOB, &format!("replica-{number}"), sidecar.admin);
        }
        scraping.start().await
    }

    /// Does something again and again until all of these alerts have arrived.
    pub async fn provoke(&self, namespace: &str, alerts: &[&str], mut act: impl AsyncFnMut()) {
        let arrived = || alerts.iter().all(|alert| self.inbox.fires(EVERYTHING, namespace, alert));
        until(&format!("{alerts:?} of {namespace} fire"), ARRIVES_WITHIN, async || {
            if !arrived() {
                act().await;
            }
            arrived()
        })
        .await;
    }

    /// Waits until all of these alerts have arrived.
    pub async fn fires(&self, namespace: &str, alerts: &[&str]) {
        self.provoke(namespace, alerts, async || {}).await;
    }

    /// Waits until all of these alerts are told to be over.
    pub async fn resolves(&self, namespace: &str, alerts: &[&str]) {
        until(&format!("{alerts:?} of {namespace} resolve"), ARRIVES_WITHIN, async || {
            alerts.iter().all(|alert| self.inbox.is_over(EVERYTHING, namespace, alert))
        })
        .await;
    }

    /// Waits until the example configuration holds this alert back because of another.
    pub async fn is_silenced(&self, namespace: &str, alert: &str) {
        until(&format!("{alert} of {namespace} is silenced"), ARRIVES_WITHIN, async || {
            self.example.alerts().await.iter().any(|one| {
                one["labels"]["alertname"] == alert
                    && one["labels"]["namespace"] == namespace
                    && one["status"]["inhibitedBy"].as_array().is_some_and(|by| !by.is_empty())
            })
        })
        .await;
    }

    /// Waits until the example configuration has told this receiver of an alert.
    pub async fn reaches(&self, receiver: &str, namespace: &str, alert: &str) {
        until(&format!("{receiver} hears of {alert} of {namespace}"), ARRIVES_WITHIN, async || {
            self.inbox.fires(receiver, namespace, alert)
        })
        .await;
    }
}

/// Tells of every alert at once.
fn everything(inbox: &Inbox) -> Value {
    let at_once = json!({
        "receiver": EVERYTHING, "group_by": ["..."],
        "group_wait": "0s", "group_interval": "1s", "repeat_interval": "1h",
    });
    let webhook = json!({ "url": inbox.url(EVERYTHING), "send_resolved": true });
    json!({ "route": at_once, "receivers": [{ "name": EVERYTHING, "webhook_configs": [webhook] }] })
}

/// The shipped example, but for its receivers, its waiting times, and when it mutes.
fn example(inbox: &Inbox) -> Value {
    let mut config: Value = parse(&root().join("alerts/alertmanager.example.yaml"));
    for receiver in config["receivers"].as_array_mut().unwrap() {
        let name = receiver["name"].as_str().unwrap().to_owned();
        *receiver = json!({ "name": name, "webhook_configs": [{ "url": inbox.url(&name) }] });
    }
    hurry(&mut config["route"]);
    config
}

fn hurry(route: &mut Value) {
    let route = route.as_object_mut().unwrap();
    route.insert("group_wait".to_owned(), json!("1s"));
    route.insert("group_interval".to_owned(), json!("1s"));
    route.remove("mute_time_intervals");
    for child in route.get_mut("routes").and_then(Value::as_array_mut).into_iter().flatten() {
        hurry(child);
    }
}
