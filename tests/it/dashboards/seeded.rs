//! Breaks each rule once on purpose: a rule that cannot fail keeps nothing.

use serde_json::{Value, json};

use super::rules::{LINTER, OURS};
use super::shipped::all;

type Fault = fn(&mut Value);

/// The first panel whose query contains this.
fn target<'a>(dashboard: &'a mut Value, part: &str) -> &'a mut Value {
    let panels = dashboard["panels"].as_array_mut().unwrap().iter_mut();
    let mut targets = panels.flat_map(|panel| panel["targets"].as_array_mut().into_iter().flatten());
    targets.find(|target| target["expr"].as_str().unwrap().contains(part)).unwrap()
}

fn replace(dashboard: &mut Value, from: &str, to: &str) {
    let target = target(dashboard, from);
    target["expr"] = json!(target["expr"].as_str().unwrap().replace(from, to));
}

fn variable<'a>(dashboard: &'a mut Value, name: &str) -> &'a mut Value {
    let mut variables = dashboard["templating"]["list"].as_array_mut().unwrap().iter_mut();
    variables.find(|variable| variable["name"] == name).unwrap()
}

/// The first panel that is no heading.
fn panel(dashboard: &mut Value) -> &mut Value {
    &mut dashboard["panels"][1]
}

const FAULTS: &[(&str, Fault)] = &[
    ("template-datasource-rule", |d| variable(d, "datasource")["label"] = json!("Source")),
    ("template-job-rule", |d| variable(d, "job")["multi"] = json!(false)),
    ("template-instance-rule", |d| variable(d, "instance")["allValue"] = json!("")),
    ("template-label-promql-rule", |d| variable(d, "job")["query"] = json!("label_values(x{a=\"b\", job)")),
    ("template-on-time-change-reload-rule", |d| variable(d, "purpose")["refresh"] = json!(1)),
    ("panel-datasource-rule", |d| panel(d)["targets"][0]["datasource"]["uid"] = json!("prometheus")),
    ("panel-title-description-rule", |d| panel(d)["description"] = json!("")),
    ("panel-units-rule", |d| panel(d)["fieldConfig"]["defaults"]["unit"] = json!("seconds")),
    ("panel-no-targets-rule", |d| panel(d)["targets"] = json!([])),
    ("target-rate-interval-rule", |d| replace(d, "$__rate_interval", "5m")),
    ("target-job-rule", |d| replace(d, "job=~\"$job\"", "job=\"$job\"")),
    ("target-instance-rule", |d| replace(d, ", instance=~\"$instance\"", "")),
    ("target-counter-agg-rule", |d| {
        target(d, "otp_send_total")["expr"] = json!("rate(sum(otp_send_total)[1m:])");
    }),
    ("target-histogram-rule", |d| replace(d, "sum by (le)", "sum by (route)")),
    ("uneditable-dashboard-rule", |d| d["editable"] = json!(true)),
    ("every query is about a namespace", |d| replace(d, "namespace=~\"$namespace\", ", "")),
    ("shared gauges are aggregated with max over replicas", |d| {
        target(d, "otp_send_total")["expr"] = json!("sum by (purpose) (otp_pending_codes)");
    }),
    ("metrics exist", |d| replace(d, "otp_send_total", "otp_sent_total")),
    ("series in a graph have a legend", |d| target(d, "otp_send_total")["legendFormat"] = json!("__auto")),
    ("panels do not overlap and have a number of their own", |d| {
        panel(d)["gridPos"]["w"] = json!(4);
    }),
    ("links lead somewhere", |d| d["links"][0]["url"] = json!("/d/otp-sidecar-nowhere")),
];

#[test]
fn every_rule_notices_what_it_forbids() {
    for (name, rule) in LINTER.iter().chain(OURS) {
        let mut dashboard = all().swap_remove(0);
        let before = rule(&dashboard);
        let (_, fault) = FAULTS.iter().find(|(known, _)| known == name).expect(name);
        fault(&mut dashboard);
        assert_ne!(rule(&dashboard), before, "{name} notices nothing");
    }
}
