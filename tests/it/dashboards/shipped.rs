//! The dashboards as people import them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::smtp::python;

/// The files of `dashboards/`.
pub const FILES: [&str; 4] =
    ["overview.json", "verification-and-abuse.json", "delivery.json", "sidecar-and-state.json"];

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All of them, in the order of [`FILES`].
pub fn all() -> Vec<Value> {
    let parse = |file| serde_json::from_str(&read(Path::new("dashboards").join(file))).unwrap();
    FILES.iter().map(parse).collect()
}

/// What the generator prints, and whether it was content.
pub fn generator(argument: &str) -> (bool, String) {
    let program = root().join("dashboards/src/generate.py");
    let output = Command::new(python()).arg(program).arg(argument).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// A text; the empty one where there is none.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The elements of a list; none where there is no list.
pub fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The panels of a dashboard, without the headings.
pub fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    list(&dashboard["panels"]).filter(|panel| panel["type"] != "row")
}

/// The variables that are queries.
pub fn query_variables(dashboard: &Value) -> impl Iterator<Item = &Value> {
    list(&dashboard["templating"]["list"]).filter(|variable| variable["type"] == "query")
}

/// The annotations that are queries.
pub fn annotations(dashboard: &Value) -> impl Iterator<Item = &Value> {
    list(&dashboard["annotations"]["list"]).filter(|annotation| annotation["builtIn"] != 1)
}

/// One query of a panel.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    pub panel: &'a Value,
    pub target: &'a Value,
}

impl<'a> Target<'a> {
    pub fn expr(&self) -> &'a str {
        text(&self.target["expr"])
    }

    /// How messages and the generator name it.
    pub fn name(&self, dashboard: &Value) -> String {
        let parts = [&dashboard["uid"], &self.panel["title"], &self.target["refId"]];
        parts.map(text).join("/")
    }
}

/// Every query of every panel.
pub fn targets(dashboard: &Value) -> impl Iterator<Item = Target<'_>> {
    panels(dashboard).flat_map(|panel| list(&panel["targets"]).map(move |target| Target { panel, target }))
}

/// As much of a rule file as says where an alert leads.
#[derive(serde::Deserialize)]
struct RuleFile {
    groups: Vec<Group>,
}

#[derive(serde::Deserialize)]
struct Group {
    rules: Vec<AlertRule>,
}

#[derive(serde::Deserialize)]
struct AlertRule {
    alert: Option<String>,
    annotations: Option<BTreeMap<String, String>>,
}

/// Every alert, with the dashboard and the runbook that its annotations name.
pub fn alerts() -> Vec<(String, String, String)> {
    let files = std::fs::read_dir(root().join("alerts")).unwrap().map(|entry| entry.unwrap().path());
    let rules = files
        .filter(|path| path.to_string_lossy().ends_with(".rules.yaml"))
        .flat_map(|path| serde_yaml::from_str::<RuleFile>(&read(path)).unwrap().groups)
        .flat_map(|group| group.rules);
    let told = rules.filter_map(|rule| Some((rule.alert?, rule.annotations?)));
    told.map(|(alert, told)| (alert, told["dashboard"].clone(), told["runbook_url"].clone())).collect()
}
