//! The example configuration of Alertmanager, by Alertmanager's own tool.

use std::process::Command;

use regex::Regex;
use serde_json::Value;

use super::shipped::{alerts, parse, root};
use crate::support::prometheus::program;

const EXAMPLE: &str = "alerts/alertmanager.example.yaml";

fn amtool(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(program("amtool"))
        .args(arguments)
        .current_dir(root())
        .output()
        .expect("amtool must be installed; `make test` does it");
    (output.status.success(), String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[test]
fn amtool_finds_nothing_wrong_with_the_example() {
    let (succeeded, said) = amtool(&["check-config", EXAMPLE]);
    assert!(succeeded && said.contains("SUCCESS"), "{said}");
}

#[test]
fn pages_wake_somebody_tickets_wait_and_what_is_not_ours_goes_elsewhere() {
    for (name, rule) in alerts() {
        let receiver = if rule.labels["severity"] == "page" { "otp-pages" } else { "otp-tickets" };
        let labels = rule.labels.iter().map(|(name, value)| format!("{name}={value}"));
        let labels: Vec<_> =
            labels.chain([format!("alertname={name}"), "job=otp-system".to_owned()]).collect();
        let config = format!("--config.file={EXAMPLE}");
        let verify = format!("--verify.receivers={receiver}");
        let mut arguments = vec!["config", "routes", "test", &config, &verify];
        arguments.extend(labels.iter().map(String::as_str));
        let (succeeded, said) = amtool(&arguments);
        assert!(succeeded && said == receiver, "{name}: {said}");
    }
    let config = format!("--config.file={EXAMPLE}");
    let (_, said) = amtool(&["config", "routes", "test", &config, "severity=page", "alertname=NodeDown"]);
    assert_eq!(said, "everything-else");
}

/// Whether some alert has a name like this.
fn is_an_alert(pattern: &str) -> bool {
    let pattern = Regex::new(&format!("^(?:{pattern})$")).unwrap();
    alerts().keys().any(|name| pattern.is_match(name))
}

#[test]
fn only_alerts_that_exist_silence_others_and_are_silenced_and_only_tickets_are_muted() {
    let config: Value = parse(&root().join(EXAMPLE));
    let rules = config["inhibit_rules"].as_array().unwrap();
    assert!(rules.len() > 5);
    let named = Regex::new(r#"alertname\s*=(~?)\s*"([^"]+)""#).unwrap();
    for rule in rules {
        assert!(rule["equal"].as_array().is_some_and(|labels| labels.len() > 1), "{rule}");
        for side in ["source_matchers", "target_matchers"] {
            let text = rule[side].to_string().replace("\\\"", "\"");
            let found = named.captures(&text).unwrap_or_else(|| panic!("{side} of {rule} names no alert"));
            for part in found[2].split('|') {
                assert!(is_an_alert(part), "{part} is no alert");
            }
        }
    }
    let routes = config["route"]["routes"][0]["routes"].as_array().unwrap();
    let muted = routes.iter().filter(|route| !route["mute_time_intervals"].is_null());
    let muted: Vec<_> = muted.map(|route| route["matchers"].to_string()).collect();
    assert_eq!(muted.len(), 1);
    assert!(muted[0].contains("ticket"), "{muted:?}");
}
