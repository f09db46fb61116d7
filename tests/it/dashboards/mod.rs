//! The dashboards: as the code generates them, by the rules of the public linter, with data in every panel.
//!
//! Everything here reads the JSON that people import. It is written in Rust, since the last of these tests needs
//! the same real sidecars, Redis, relay and Prometheus as the others.

mod promql;
mod queries;
mod rules;
mod seeded;
mod shipped;
mod traffic;

use std::collections::BTreeSet;

use rules::{Exclusions, LINTER, OURS, Rule};
use shipped::{FILES, alerts, all, generator, list, panels, text};

fn check(rules: &[(&str, Rule)]) {
    let mut violations = Vec::new();
    for (file, dashboard) in FILES.iter().zip(all()) {
        for (name, rule) in rules {
            violations.extend(rule(&dashboard).iter().map(|found| format!("{file}: {name}: {found}")));
        }
    }
    assert!(violations.is_empty(), "\n  {}\n", violations.join("\n  "));
}

#[test]
fn the_files_are_what_the_generator_writes() {
    let (is_same, said) = generator("--check");
    assert!(is_same, "{said}");
}

#[test]
fn the_rules_of_the_public_linter_hold() {
    check(LINTER);
}

#[test]
fn our_own_rules_hold() {
    check(OURS);
}

#[test]
fn whatever_is_excluded_from_a_rule_exists() {
    let existing: BTreeSet<(String, String)> = all()
        .iter()
        .flat_map(|dashboard| {
            panels(dashboard).map(|panel| (text(&dashboard["title"]).into(), text(&panel["title"]).into()))
        })
        .collect();
    let excluded = Exclusions::read().entries();
    assert!(excluded.is_subset(&existing), "{:?}", excluded.difference(&existing));
}

/// What the guide lists under "Key Metrics to Monitor".
const GUIDE: [&str; 8] = [
    "otp_generation_rate",
    "otp_verification_success_rate",
    "otp_verification_failure_rate",
    "email_send_success_rate",
    "email_delivery_latency",
    "account_lockout_frequency",
    "average_verification_time",
    "rate_limit_hits",
];

#[test]
fn each_key_metric_of_the_guide_has_a_panel_that_says_so() {
    let dashboards = all();
    let descriptions: Vec<&str> =
        dashboards.iter().flat_map(panels).map(|panel| text(&panel["description"])).collect();
    for name in GUIDE {
        let named = |text: &&&str| text.split_once("Guide: ").is_some_and(|(_, names)| names.contains(name));
        assert!(descriptions.iter().any(|text| named(&text)), "{name}");
    }
}

#[test]
fn the_dashboard_that_an_alert_names_has_a_panel_with_its_runbook() {
    let dashboards = all();
    let alerts = alerts();
    assert!(alerts.len() > 15, "the alerts were not found: {alerts:?}");
    for (alert, path, runbook) in alerts {
        let named = dashboards.iter().find(|dashboard| path == format!("/d/{}", text(&dashboard["uid"])));
        let named = named.unwrap_or_else(|| panic!("{alert} leads to {path}"));
        let mut links = panels(named).flat_map(|panel| list(&panel["links"]));
        assert!(links.any(|link| link["url"] == runbook), "no panel of {path} is about {alert}");
    }
}
