//! The page of each alert: what a tired person finds there, and that its commands are right.

use std::collections::BTreeSet;
use std::time::Duration;

use super::shipped::{alerts, blocks, known_series, queries, read, root, series_in};
use crate::support::backend::Backend;
use crate::support::prometheus::Scraping;
use crate::support::sidecar::Sidecar;

fn page(alert: &str) -> String {
    read(&root().join(format!("docs/runbooks/{alert}.md")))
}

#[test]
fn every_alert_has_a_page_and_every_page_an_alert() {
    let entries = std::fs::read_dir(root().join("docs/runbooks")).unwrap();
    let pages: BTreeSet<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let alerts: BTreeSet<_> = alerts().into_keys().map(|name| format!("{name}.md")).collect();
    assert_eq!(pages, alerts);
}

#[test]
fn every_page_says_what_it_means_whom_it_hurts_how_to_find_out_and_what_to_do() {
    for name in alerts().into_keys() {
        let page = page(&name);
        assert!(page.starts_with(&format!("# {name}\n")), "{name}");
        let headings: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        assert_eq!(headings, ["Meaning", "Impact", "Diagnosis", "Mitigation"], "{name}");
        assert!(!blocks(&page, "promql").is_empty(), "{name} has no query");
        assert!(!blocks(&page, "bash").is_empty(), "{name} has no command");
    }
}

#[test]
fn pages_name_only_series_that_exist() {
    let known = known_series();
    let families: BTreeSet<_> = series_in(&read(&root().join("docs/metrics.md")));
    let mut pages: Vec<_> = alerts().into_keys().map(|name| (page(&name), name)).collect();
    pages.push((read(&root().join("docs/alerts.md")), "docs/alerts.md".to_owned()));
    for (page, name) in pages {
        let named = series_in(&page).into_iter().filter(|series| series != "otp:threshold");
        let unknown: Vec<_> =
            named.filter(|series| !known.contains(series) && !families.contains(series)).collect();
        assert!(unknown.is_empty(), "{name} names {unknown:?}");
    }
}

#[test]
fn the_page_of_alerts_lists_every_alert_and_every_threshold() {
    let page = read(&root().join("docs/alerts.md"));
    for (name, rule) in alerts() {
        let row = format!("| [`{name}`](runbooks/{name}.md) | {} |", rule.labels["severity"]);
        assert!(page.contains(&row), "no row {row}");
    }
    for rule in super::shipped::rules() {
        if let Some(name) =
            rule.record.and_then(|name| name.strip_prefix("otp:threshold:").map(str::to_owned))
        {
            assert!(page.contains(&format!("`{name}")), "no threshold {name}");
        }
    }
}

/// A query that Prometheus does not understand helps nobody at night.
#[tokio::test]
async fn a_real_prometheus_understands_every_query_of_every_page() {
    let backend = Backend::start().await;
    let (sidecar, _mailbox) = Sidecar::with_mail(&backend).await;
    let prometheus = Scraping::every(Duration::from_millis(200))
        .target("wallets", "otp-system", "a", sidecar.admin)
        .rules(root().join("alerts/*.rules.yaml"))
        .start()
        .await;
    let mut asked = 0;
    for page in alerts().into_keys().map(|name| page(&name)).chain([read(&root().join("docs/metrics.md"))]) {
        for query in blocks(&page, "promql").iter().flat_map(|block| queries(block)) {
            prometheus.query(&query).await;
            asked += 1;
        }
    }
    assert!(asked > 40, "only {asked} queries were found");
}
