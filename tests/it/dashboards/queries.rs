//! Every query of every dashboard, asked of a real Prometheus that scrapes two real sidecars.
//!
//! `make pictures` runs this test too, for longer, and draws what it writes to `OTP_DASHBOARD_DATA`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::shipped::{all, annotations, generator, query_variables, targets, text};
use super::traffic::Scene;
use crate::support::prometheus::Series;

/// How many scrapes the traffic lasts, unless `OTP_DASHBOARD_SCRAPES` says otherwise.
const SCRAPES: usize = 18;

/// The variables, with everything chosen. Grafana's own interval follows from scraping each second.
const VARIABLES: [(&str, &str); 5] = [
    ("$__rate_interval", "10s"),
    ("$namespace", ".*"),
    ("$job", ".+"),
    ("$instance", ".+"),
    ("$purpose", ".+"),
];

fn substituted(query: &str) -> String {
    let replaced = VARIABLES.iter().fold(query.to_owned(), |query, (from, to)| query.replace(from, to));
    assert!(!replaced.contains('$'), "an unknown variable in {query}");
    replaced
}

/// Whether there is anything to see: a finite number that is not 0.
fn has_data(series: &[Series]) -> bool {
    series.iter().flat_map(|one| &one.points).any(|(_, value)| value.is_finite() && *value != 0.0)
}

struct Asking {
    scene: Scene,
    from: f64,
    to: f64,
    quiet: BTreeMap<String, String>,
    silent: Vec<String>,
}

impl Asking {
    async fn ask(&mut self, name: &str, query: &str) -> Vec<Series> {
        let query = substituted(query);
        let answer =
            self.scene.prometheus.query_range(&query, self.from, self.to, Duration::from_secs(1)).await;
        if !has_data(&answer) && !self.quiet.contains_key(name) {
            self.silent.push(format!("{name}: {query}"));
        }
        answer
    }

    /// The answers to all queries of a dashboard, by panel.
    async fn dashboard(&mut self, dashboard: &Value) -> Value {
        let mut panels: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for target in targets(dashboard) {
            let name = target.name(dashboard);
            let mut answer = self.ask(&name, target.expr()).await;
            if target.target["instant"] == true {
                answer = self.at_the_end(&name, target.expr()).await;
            }
            let told = json!({ "refId": target.target["refId"], "series": told(&answer) });
            panels.entry(target.panel["id"].to_string()).or_default().push(told);
        }
        for variable in query_variables(dashboard) {
            let query = text(&variable["query"]).trim_start_matches("label_values(").trim_end_matches(')');
            let (series, label) = query.rsplit_once(", ").unwrap();
            let name = format!("{}/variable/{label}", text(&dashboard["uid"]));
            self.ask(&name, &format!("group by ({label}) ({series})")).await;
        }
        let mut marks = Vec::new();
        for annotation in annotations(dashboard) {
            let name = format!("{}/annotation/{}", text(&dashboard["uid"]), text(&annotation["name"]));
            let answer = self.ask(&name, text(&annotation["target"]["expr"])).await;
            marks.push(json!({ "name": annotation["name"], "series": told(&answer) }));
        }
        json!({ "uid": dashboard["uid"], "panels": panels, "annotations": marks })
    }

    /// The answer at the end of the range alone, which is what panels with one number show.
    async fn at_the_end(&mut self, name: &str, query: &str) -> Vec<Series> {
        let query = substituted(query);
        let step = Duration::from_secs(1);
        let answer = self.scene.prometheus.query_range(&query, self.to, self.to, step).await;
        let says_something = answer.iter().flat_map(|one| &one.points).any(|(_, value)| value.is_finite());
        if !says_something && !self.quiet.contains_key(name) {
            self.silent.push(format!("{name} at the end: {query}"));
        }
        answer
    }
}

/// Series as JSON, in which what is not finite is null.
fn told(series: &[Series]) -> Vec<Value> {
    let one = |series: &Series| json!({ "labels": series.labels, "points": series.points });
    series.iter().map(one).collect()
}

async fn now(scene: &Scene) -> f64 {
    scene.prometheus.value("time()").await.unwrap()
}

#[tokio::test]
async fn every_query_of_every_dashboard_has_data_or_a_reason_for_none() {
    let scene = Scene::start().await;
    let from = now(&scene).await.floor();
    let scrapes = std::env::var("OTP_DASHBOARD_SCRAPES").ok().and_then(|text| text.parse().ok());
    scene.live(scrapes.unwrap_or(SCRAPES)).await;
    scene.next_scrape().await;
    let to = now(&scene).await.floor();
    let quiet = serde_json::from_str(&generator("--quiet-queries").1).unwrap();
    let mut asking = Asking { scene, from, to, quiet, silent: Vec::new() };
    let mut answers = Vec::new();
    for dashboard in all() {
        answers.push(asking.dashboard(&dashboard).await);
    }
    if let Some(path) = std::env::var_os("OTP_DASHBOARD_DATA") {
        let data = json!({ "from": from, "to": to, "dashboards": answers });
        std::fs::write(path, data.to_string()).unwrap();
    }
    assert!(asking.silent.is_empty(), "no data, and no reason for that:\n  {}\n", asking.silent.join("\n  "));
}
