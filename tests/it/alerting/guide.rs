//! The queries and alerts of the operations guide, word for word: extracted from its text, tested by
//! promtool, and asked of a real Prometheus that scrapes two replicas of which one restarts.

use std::collections::BTreeSet;
use std::time::Duration;

use otp_sidecar::lab::mailbox::Mailbox;

use super::shipped::{Rule, TestFile, blocks, parse, queries, read, root, rules_in};
use crate::support::backend::Backend;
use crate::support::prometheus::{Prometheus, Scraping};
use crate::support::redis::RedisServer;
use crate::support::sidecar::{PATIENCE, Sidecar, Start, funded, mailbox, wrong};
use crate::support::wait::until;

fn text() -> String {
    read(&root().join("tests/data/guide/monitoring.md"))
}

fn queries_of_the_guide() -> Vec<String> {
    blocks(&text(), "promql").iter().flat_map(|block| queries(block)).collect()
}

fn alerts_of_the_guide() -> Vec<Rule> {
    serde_yaml::from_str(&blocks(&text(), "yaml").concat()).unwrap()
}

#[test]
fn every_query_and_alert_of_the_guide_is_tested_word_for_word() {
    let alerts = alerts_of_the_guide();
    assert_eq!((queries_of_the_guide().len(), alerts.len()), (5, 3));
    assert_eq!(rules_in(&root().join("alerts/tests/guide-words.rules.yaml")), alerts);

    let tests = parse::<TestFile>(&root().join("alerts/tests/guide-words.test.yaml")).tests;
    let with_answers = tests.iter().flat_map(|case| &case.promql_expr_test);
    let answered: BTreeSet<_> =
        with_answers.filter(|test| !test.exp_samples.is_empty()).map(|test| test.expr.clone()).collect();
    let wanted: BTreeSet<_> =
        queries_of_the_guide().into_iter().chain(alerts.iter().map(|alert| alert.expr.clone())).collect();
    assert_eq!(answered, wanted);
    let fired = tests.iter().flat_map(|case| &case.alert_rule_test);
    let fired: BTreeSet<_> =
        fired.filter(|test| !test.exp_alerts.is_empty()).map(|test| &test.alertname).collect();
    let wanted: BTreeSet<_> = alerts.iter().map(|alert| alert.alert.as_ref().unwrap()).collect();
    assert_eq!(fired, wanted);
}

/// An alert's expression without its comparison: it must have an answer also when all is well.
fn compared(alert: &Rule) -> String {
    alert.expr.rsplit_once(" > ").unwrap().0.to_owned()
}

/// Two replicas, and who watches them.
struct Watched {
    prometheus: Prometheus,
    mailbox: Mailbox,
    /// What must have an answer.
    asked: Vec<String>,
}

impl Watched {
    /// Uses both replicas until everything that is asked has an answer for each of them.
    async fn use_until_all_answer(&self, when: &str, replicas: [(&str, &Sidecar); 2]) {
        let mut users = 0;
        until(&format!("all answer {when}"), PATIENCE, async || {
            for (_, sidecar) in replicas {
                users += 1;
                let user = sidecar.client().as_user(&format!("user-{users}-{when}"));
                let (reference, code) = funded(&user, &self.mailbox).await;
                user.verify(&reference, &wrong(&code)).await;
                user.verify(&reference, &code).await;
            }
            self.all_answer(replicas.map(|(instance, _)| instance)).await
        })
        .await;
    }

    async fn all_answer(&self, instances: [&str; 2]) -> bool {
        for query in &self.asked {
            for instance in instances {
                let samples = self.prometheus.query(query).await;
                let mut of_it = samples.iter().filter(|sample| sample.labels["instance"] == instance);
                // Nothing that was counted can be negative, whoever restarts.
                if !of_it.any(|sample| sample.value.is_finite() && sample.value >= 0.0) {
                    return false;
                }
            }
        }
        true
    }

    async fn until(&self, what: &str, query: &str) {
        until(what, PATIENCE, async || !self.prometheus.query(query).await.is_empty()).await;
    }
}

#[tokio::test]
async fn every_query_and_alert_of_the_guide_answers_for_two_replicas_and_across_the_restart_of_one() {
    let (backend, redis, mailbox) = (Backend::start().await, RedisServer::start(), mailbox().await);
    let smtp = format!("smtp://{}?tls=none", mailbox.addr());
    let start = || Start::before(&backend.url()).redis(&redis).env("OTP_SIDECAR_SMTP", &smtp);
    let [a, b] = [start().ready(), start().ready()];
    let prometheus = Scraping::every(Duration::from_millis(250))
        .target("wallets", "otp-system", "a", a.admin)
        .target("wallets", "otp-system", "b", b.admin)
        .rules(root().join("alerts/recording.rules.yaml"))
        .rules(root().join("alerts/tests/guide-words.rules.yaml"))
        .start()
        .await;
    let alerts = alerts_of_the_guide();
    let asked = queries_of_the_guide().into_iter().chain(alerts.iter().map(compared)).collect();
    let watched = Watched { prometheus, mailbox, asked };
    watched.use_until_all_answer("before", [("a", &a), ("b", &b)]).await;

    let (listen, admin) = (b.traffic.to_string(), b.admin.to_string());
    drop(b);
    watched.until("b is missed", r#"up{instance="b"} == 0"#).await;
    let b = start().env("OTP_SIDECAR_LISTEN", listen).env("OTP_SIDECAR_ADMIN_LISTEN", admin).ready();
    let reset = r#"resets(otp_verify_total{instance="b", purpose="wallet_funding"}[5m]) > 0"#;
    watched.until("b begins anew", reset).await;
    watched.use_until_all_answer("afterwards", [("a", &a), ("b", &b)]).await;

    let loaded = watched.prometheus.loaded_rules().await;
    for alert in alerts {
        let rule = loaded.iter().find(|rule| rule["name"] == alert.alert.clone().unwrap()).unwrap();
        assert_eq!(rule["health"], "ok", "{rule}");
    }
}
