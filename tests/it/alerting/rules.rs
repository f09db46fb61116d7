//! The rules, by Prometheus's own tool, and what each alert must have.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use super::shipped::{
    AlertTest, Rule, TestFile, alerts, known_series, parse, rule_files, rules, series_in, test_files,
};
use crate::support::prometheus::program;

/// Where the pages of the alerts are found by whoever is woken. docs/alerts.md says how to change it.
pub const RUNBOOKS: &str = "https://github.com/otp-sidecar/otp-sidecar/blob/main/docs/runbooks/";

const DASHBOARDS: [&str; 4] =
    ["otp-sidecar-overview", "otp-sidecar-verification", "otp-sidecar-delivery", "otp-sidecar-state"];

fn promtool(arguments: &[&str], files: &[PathBuf]) -> Child {
    let mut command = Command::new(program("promtool"));
    command.args(arguments).args(files).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("promtool must be installed; `make test` does it")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn promtool_finds_nothing_wrong_with_the_rules() {
    let checked = promtool(&["check", "rules", "--lint=all", "--lint-fatal"], &rule_files());
    let output = checked.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn every_rule_test_passes() {
    let files = test_files();
    let running: Vec<_> =
        files.iter().map(|file| promtool(&["test", "rules"], std::slice::from_ref(file))).collect();
    let failed = running.into_iter().map(|child| child.wait_with_output().unwrap());
    let failed: Vec<_> =
        failed.filter(|output| !output.status.success()).map(|output| said(&output)).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// What the tests of one alert show.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
struct Shown {
    fires: bool,
    stays_quiet: bool,
    resolves: bool,
}

#[test]
fn every_alert_has_a_test_in_which_it_fires_one_in_which_it_resolves_and_one_in_which_it_stays_quiet() {
    let mut shown: BTreeMap<String, Shown> =
        alerts().into_keys().map(|name| (name, Shown::default())).collect();
    for file in test_files() {
        for case in parse::<TestFile>(&file).tests {
            for (name, shown) in &mut shown {
                let looks: Vec<_> =
                    case.alert_rule_test.iter().filter(|test| test.alertname == *name).collect();
                look(&looks, shown);
            }
        }
    }
    // Nothing that is repaired lets it resolve within one run of promtool: other files are loaded.
    let with_other_rules = ["OTPRulesIncomplete"];
    let complete = Shown { fires: true, stays_quiet: true, resolves: true };
    let lacking: Vec<_> = shown
        .iter()
        .filter(|(name, shown)| {
            let resolves = shown.resolves || with_other_rules.contains(&name.as_str());
            Shown { resolves, ..**shown } != complete
        })
        .collect();
    assert!(lacking.is_empty(), "{lacking:?}");
}

fn look(looks: &[&AlertTest], shown: &mut Shown) {
    let fired_at =
        looks.iter().filter(|look| !look.exp_alerts.is_empty()).map(|look| minutes(&look.eval_time));
    match fired_at.min() {
        None => shown.stays_quiet |= !looks.is_empty(),
        Some(fired_at) => {
            shown.fires = true;
            shown.resolves |=
                looks.iter().any(|look| look.exp_alerts.is_empty() && minutes(&look.eval_time) > fired_at);
        }
    }
}

/// A time as promtool reads it, such as `1h30m`.
fn minutes(text: &str) -> u64 {
    let mut sum = 0;
    let mut number = 0;
    for c in text.chars() {
        match c.to_digit(10) {
            Some(digit) => number = number * 10 + u64::from(digit),
            None => {
                sum += number
                    * match c {
                        'm' => 1,
                        'h' => 60,
                        'd' => 1_440,
                        _ => panic!("{text}"),
                    };
                number = 0;
            }
        }
    }
    sum
}

#[test]
fn every_alert_says_what_happened_where_to_look_and_how_urgent_it_is() {
    let alerts = alerts();
    assert!(alerts.len() > 20, "{alerts:?}");
    for (name, rule) in alerts {
        let annotation = |key: &str| rule.annotations.get(key).map(String::as_str).unwrap_or_default();
        assert!(annotation("summary").len() > 20 && annotation("description").len() > 60, "{name}");
        assert_eq!(annotation("runbook_url"), format!("{RUNBOOKS}{name}.md"));
        let dashboard = annotation("dashboard").strip_prefix("/d/").unwrap_or_default();
        assert!(DASHBOARDS.contains(&dashboard), "{name}: {dashboard:?}");
        assert!(["page", "ticket"].contains(&rule.labels["severity"].as_str()), "{name}");
        assert_eq!(rule.labels["component"], "otp-sidecar", "{name}");
    }
}

/// Two replicas of which neither is above a threshold must fire together, and what an alert says must
/// not change when a replica is replaced.
#[test]
fn alerts_look_at_all_replicas_of_a_job_together() {
    for (name, rule) in alerts() {
        let by_job = rule.expr.contains("by (namespace, job") || rule.expr.contains("otp:objective_burn:");
        let about_all = ["OTPSidecarAbsent", "OTPRulesIncomplete"].contains(&name.as_str());
        assert!(by_job || about_all, "{name}: {}", rule.expr);
        assert!(!rule.expr.contains("instance"), "{name}: {}", rule.expr);
    }
}

#[test]
fn rules_name_only_series_that_exist() {
    let known = known_series();
    for rule in rules() {
        // `{__name__=~"otp:threshold:.+"}` names all thresholds.
        let named = series_in(&rule.expr).into_iter().filter(|name| name != "otp:threshold");
        let unknown: Vec<_> = named.filter(|name| !known.contains(name)).collect();
        assert!(unknown.is_empty(), "{unknown:?} in {}", rule.expr);
    }
}

/// So that there is one place for numbers: what is compared with a number is a threshold, but for
/// comparisons with "none at all".
#[test]
fn every_threshold_is_used_and_no_other_number_is_compared_with() {
    let thresholds: Vec<_> = rules().into_iter().filter(is_threshold).collect();
    let alerts = alerts();
    let slo =
        rules().into_iter().filter(|rule| !is_threshold(rule)).map(|rule| rule.expr).collect::<String>();
    for threshold in &thresholds {
        let name = threshold.record.clone().unwrap();
        assert!(slo.contains(&name), "{name} is not used");
        assert!(threshold.expr.starts_with("vector("), "{name}");
    }
    let wanted = alerts["OTPRulesIncomplete"].expr.rsplit(' ').next().unwrap().trim();
    assert_eq!(wanted, thresholds.len().to_string(), "OTPRulesIncomplete counts the thresholds");
    let compared = regex::Regex::new(r"(?:>=|<=|==|!=|>|<)\s*([0-9.]+)").unwrap();
    for (name, rule) in alerts.iter().filter(|(name, _)| *name != "OTPRulesIncomplete") {
        let numbers = compared.captures_iter(&rule.expr).map(|found| found[1].to_owned());
        let numbers: Vec<_> = numbers.filter(|number| !["0", "1"].contains(&number.as_str())).collect();
        assert!(numbers.is_empty(), "{name} compares with {numbers:?}");
    }
}

fn is_threshold(rule: &Rule) -> bool {
    rule.record.as_ref().is_some_and(|name| name.starts_with("otp:threshold:"))
}
