//! What dashboards must keep to: the rules of Grafana's dashboard linter, by its names, and our own.
//!
//! The linter is a Go program that not every machine can install; its rules are few, so they are held here. Each
//! rule takes a dashboard and says what is wrong.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::promql::{Selector, selectors};
use super::shipped::{Target, alerts, all, list, panels, query_variables, read, targets, text};

pub type Rule = fn(&Value) -> Vec<String>;

/// The linter's rules. Whether a query is valid (`target-promql-rule`) Prometheus itself says, in `queries.rs`.
pub const LINTER: &[(&str, Rule)] = &[
    ("template-datasource-rule", template_datasource),
    ("template-job-rule", |dashboard| template(dashboard, "job")),
    ("template-instance-rule", |dashboard| template(dashboard, "instance")),
    ("template-label-promql-rule", template_label),
    ("template-on-time-change-reload-rule", template_reload),
    ("panel-datasource-rule", panel_datasource),
    ("panel-title-description-rule", panel_title_description),
    ("panel-units-rule", panel_units),
    ("panel-no-targets-rule", panel_no_targets),
    ("target-rate-interval-rule", target_rate_interval),
    ("target-job-rule", |dashboard| target_matcher(dashboard, "target-job-rule", "job")),
    ("target-instance-rule", |dashboard| target_matcher(dashboard, "target-instance-rule", "instance")),
    ("target-counter-agg-rule", target_counter_agg),
    ("target-histogram-rule", target_histogram),
    ("uneditable-dashboard-rule", uneditable),
];

/// What we ask for beside them.
pub const OURS: &[(&str, Rule)] = &[
    ("every query is about a namespace", |dashboard| target_matcher(dashboard, "namespace", "namespace")),
    ("shared gauges are aggregated with max over replicas", shared_gauges),
    ("metrics exist", metrics_exist),
    ("series in a graph have a legend", legends),
    ("panels do not overlap and have a number of their own", layout),
    ("links lead somewhere", links),
];

/// Those units of Grafana that we use.
const UNITS: [&str; 6] = ["short", "percentunit", "s", "reqps", "ops", "bytes"];

fn variable<'a>(dashboard: &'a Value, name: &str) -> &'a Value {
    list(&dashboard["templating"]["list"]).find(|variable| variable["name"] == name).unwrap_or(&Value::Null)
}

fn wrong(is_wrong: bool, what: impl Into<String>) -> Vec<String> {
    if is_wrong { vec![what.into()] } else { Vec::new() }
}

fn template_datasource(dashboard: &Value) -> Vec<String> {
    let sources: Vec<&Value> =
        list(&dashboard["templating"]["list"]).filter(|variable| variable["type"] == "datasource").collect();
    let is_right = |source: &Value| {
        source["name"] == "datasource" && source["label"] == "Data source" && source["query"] == "prometheus"
    };
    wrong(!matches!(sources.as_slice(), [only] if is_right(only)), "no variable for one Prometheus")
}

fn template(dashboard: &Value, name: &str) -> Vec<String> {
    let found = variable(dashboard, name);
    let label = format!("{}{}", name[..1].to_uppercase(), &name[1..]);
    let is_right = found["type"] == "query"
        && found["datasource"]["uid"] == "${datasource}"
        && found["label"] == label
        && found["multi"] == true
        && found["allValue"] == ".+";
    wrong(!is_right, format!("the variable {name} is not as it should be: {found}"))
}

fn template_label(dashboard: &Value) -> Vec<String> {
    let is_wrong = |variable: &&Value| {
        let inner =
            text(&variable["query"]).strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'));
        let series = inner.and_then(|inner| inner.rsplit_once(", ")).map(|(series, _)| selectors(series));
        !matches!(series, Some(Ok(found)) if found.len() == 1)
    };
    query_variables(dashboard).filter(is_wrong).map(|variable| variable["query"].to_string()).collect()
}

fn template_reload(dashboard: &Value) -> Vec<String> {
    let stale = query_variables(dashboard).filter(|variable| variable["refresh"] != 2);
    stale.map(|variable| format!("{} does not follow the time range", variable["name"])).collect()
}

fn panel_datasource(dashboard: &Value) -> Vec<String> {
    let is_ours = |of: &Value| of["datasource"]["uid"] == "${datasource}";
    let other = panels(dashboard).filter(|panel| !is_ours(panel) || !list(&panel["targets"]).all(is_ours));
    other.map(|panel| format!("{} has a data source of its own", panel["title"])).collect()
}

fn panel_title_description(dashboard: &Value) -> Vec<String> {
    let mute = |panel: &&Value| text(&panel["title"]).is_empty() || text(&panel["description"]).is_empty();
    panels(dashboard).filter(mute).map(|panel| format!("{} says too little", panel["title"])).collect()
}

fn panel_units(dashboard: &Value) -> Vec<String> {
    let unit = |panel: &Value| text(&panel["fieldConfig"]["defaults"]["unit"]).to_owned();
    let without = panels(dashboard).filter(|panel| !UNITS.contains(&unit(panel).as_str()));
    without.map(|panel| format!("{} has the unit {:?}", panel["title"], unit(panel))).collect()
}

fn panel_no_targets(dashboard: &Value) -> Vec<String> {
    let idle =
        panels(dashboard).filter(|panel| list(&panel["targets"]).all(|one| text(&one["expr"]).is_empty()));
    idle.map(|panel| format!("{} asks nothing", panel["title"])).collect()
}

/// Looks at each selector of each query.
fn each_selector(dashboard: &Value, is_wrong: impl Fn(&Target, &Selector) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for target in targets(dashboard) {
        match selectors(target.expr()) {
            Err(error) => found.push(format!("{}: {error}", target.name(dashboard))),
            Ok(all) => {
                found.extend(all.iter().filter(|selector| is_wrong(&target, selector)).map(|selector| {
                    format!("{}: {} in {}", target.name(dashboard), selector.metric, target.expr())
                }))
            }
        }
    }
    found
}

fn target_rate_interval(dashboard: &Value) -> Vec<String> {
    each_selector(dashboard, |_, selector| {
        ["rate", "irate"].contains(&selector.parent())
            && selector.range.as_deref() != Some("$__rate_interval")
    })
}

fn target_matcher(dashboard: &Value, rule: &str, label: &str) -> Vec<String> {
    let excluded = Exclusions::read();
    let variable = format!("${label}");
    each_selector(dashboard, |target, selector| {
        !selector.has(label, "=~", &variable) && !excluded.has(rule, dashboard, target.panel)
    })
}

fn is_counter(metric: &str) -> bool {
    ["_total", "_count", "_sum", "_bucket"].iter().any(|ending| metric.ends_with(ending))
}

fn target_counter_agg(dashboard: &Value) -> Vec<String> {
    each_selector(dashboard, |_, selector| {
        let rated = ["rate", "irate", "increase"].contains(&selector.parent()) && selector.range.is_some();
        is_counter(&selector.metric) != rated
    })
}

/// A bucket counts for itself when `le` names it, and otherwise only in a quantile that still sees `le`.
fn target_histogram(dashboard: &Value) -> Vec<String> {
    each_selector(dashboard, |_, selector| {
        let picked = selector.matchers.iter().any(|(label, _, _)| label == "le");
        let in_quantile = selector.frames.iter().any(|frame| frame.name == "histogram_quantile");
        let keeps = |name: &str| ["sum", "max"].contains(&name);
        let loses_le =
            selector.frames.iter().any(|frame| keeps(&frame.name) && !frame.by.contains(&"le".into()));
        selector.metric.ends_with("_bucket") && !picked && (!in_quantile || loses_le)
    })
}

fn uneditable(dashboard: &Value) -> Vec<String> {
    wrong(dashboard["editable"] != false, "it can be edited in place")
}

/// The rows of the tables of docs/metrics.md: the name of a metric and its type.
fn documented() -> BTreeMap<String, String> {
    let page = read("docs/metrics.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `otp_"));
    let cells = rows.map(|row| row.split('|').map(str::trim).collect::<Vec<_>>());
    cells.map(|cells| (format!("otp_{}", cells[0].trim_end_matches('`')), cells[1].to_owned())).collect()
}

fn shared_gauges(dashboard: &Value) -> Vec<String> {
    let shared: BTreeSet<String> =
        documented().into_iter().filter(|(_, kind)| kind.contains("shared")).map(|(name, _)| name).collect();
    each_selector(dashboard, |_, selector| {
        let installation = ["namespace".to_owned(), "job".to_owned()];
        let by_max = selector.frames.last().is_some_and(|frame| {
            frame.name == "max" && installation.iter().all(|label| frame.by.contains(label))
        });
        shared.contains(&selector.metric) && !by_max
    })
}

fn metrics_exist(dashboard: &Value) -> Vec<String> {
    let known = documented();
    each_selector(dashboard, |_, selector| {
        let family =
            ["_bucket", "_sum", "_count"].iter().find_map(|ending| selector.metric.strip_suffix(ending));
        let is_known = known.contains_key(&selector.metric)
            || family.and_then(|family| known.get(family)).is_some_and(|kind| kind.starts_with("histogram"));
        let of_prometheus = ["up", "ALERTS"].contains(&selector.metric.as_str())
            || selector.metric.starts_with("process_")
            || selector.metric.starts_with("otp:");
        !is_known && !of_prometheus
    })
}

fn legends(dashboard: &Value) -> Vec<String> {
    let nameless = targets(dashboard).filter(|target| {
        target.panel["type"] == "timeseries" && ["", "__auto"].contains(&text(&target.target["legendFormat"]))
    });
    nameless.map(|target| target.name(dashboard)).collect()
}

fn layout(dashboard: &Value) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let mut numbers = BTreeSet::new();
    let mut found = Vec::new();
    for panel in list(&dashboard["panels"]) {
        let [x, y, w, h] =
            ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap_or_default());
        let cells = (x..x + w).flat_map(|column| (y..y + h).map(move |line| (column, line)));
        let fits = w > 0 && h > 0 && x + w <= 24;
        // All cells are taken, also those after the first that was.
        let free = cells.map(|cell| taken.insert(cell)).fold(true, |all, free| all & free);
        if !fits || !free || !numbers.insert(panel["id"].to_string()) {
            found.push(panel["title"].to_string());
        }
    }
    found
}

/// Links lead to a dashboard, to the runbook of an alert (whose page the tests of the alerts look for), or to all.
fn links(dashboard: &Value) -> Vec<String> {
    let known: Vec<String> = all().iter().map(|other| format!("/d/{}", text(&other["uid"]))).collect();
    let runbooks: Vec<String> = alerts().into_iter().map(|(_, _, runbook)| runbook).collect();
    let leads_somewhere = |url: &str| {
        let is_folder =
            runbooks.iter().any(|page| page.rsplit_once('/').is_some_and(|(folder, _)| folder == url));
        let path = url.split('?').next().unwrap_or_default();
        is_folder || runbooks.iter().any(|page| page == url) || known.iter().any(|page| page == path)
    };
    let of_panels = panels(dashboard).flat_map(|panel| list(&panel["links"]));
    let all = list(&dashboard["links"]).chain(of_panels).map(|link| text(&link["url"]));
    all.filter(|url| !leads_somewhere(url)).map(str::to_owned).collect()
}

/// `dashboards/.lint`, which the linter reads too.
#[derive(Debug, serde::Deserialize)]
pub struct Exclusions {
    exclusions: BTreeMap<String, Exclusion>,
}

#[derive(Debug, serde::Deserialize)]
struct Exclusion {
    reason: String,
    entries: Vec<Entry>,
}

#[derive(Debug, serde::Deserialize)]
struct Entry {
    dashboard: String,
    panel: String,
}

impl Exclusions {
    pub fn read() -> Self {
        let read: Self = serde_yaml::from_str(&read("dashboards/.lint")).unwrap();
        assert!(
            read.exclusions.values().all(|one| !one.reason.trim().is_empty()),
            "an exclusion has a reason"
        );
        read
    }

    fn has(&self, rule: &str, dashboard: &Value, panel: &Value) -> bool {
        let is_it = |entry: &Entry| dashboard["title"] == entry.dashboard && panel["title"] == entry.panel;
        // Our own rule about namespaces excludes what has no job either.
        let name = if rule == "namespace" { "target-job-rule" } else { rule };
        self.exclusions.get(name).is_some_and(|one| one.entries.iter().any(is_it))
    }

    /// The titles of dashboard and panel of every entry.
    pub fn entries(&self) -> BTreeSet<(String, String)> {
        let entries = self.exclusions.values().flat_map(|one| &one.entries);
        entries.map(|entry| (entry.dashboard.clone(), entry.panel.clone())).collect()
    }
}
