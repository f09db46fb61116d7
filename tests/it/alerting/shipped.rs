//! What is in `alerts/`, as values.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// A file of rules.
#[derive(Debug, Deserialize)]
pub struct RuleFile {
    pub groups: Vec<Group>,
}

#[derive(Debug, Deserialize)]
pub struct Group {
    pub rules: Vec<Rule>,
}

/// A rule: it has either `alert` or `record`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Rule {
    pub alert: Option<String>,
    pub record: Option<String>,
    pub expr: String,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// A file of rule tests.
#[derive(Debug, Deserialize)]
pub struct TestFile {
    pub tests: Vec<TestCase>,
}

#[derive(Debug, Deserialize)]
pub struct TestCase {
    #[serde(default)]
    pub alert_rule_test: Vec<AlertTest>,
    #[serde(default)]
    pub promql_expr_test: Vec<ExpressionTest>,
}

#[derive(Debug, Deserialize)]
pub struct AlertTest {
    pub eval_time: String,
    pub alertname: String,
    pub exp_alerts: Vec<ExpectedAlert>,
}

#[derive(Debug, Deserialize)]
pub struct ExpectedAlert {}

#[derive(Debug, Deserialize)]
pub struct ExpressionTest {
    pub expr: String,
    pub exp_samples: Vec<ExpectedSample>,
}

#[derive(Debug, Deserialize)]
pub struct ExpectedSample {}

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub fn parse<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    serde_yaml::from_str(&read(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn ending_with(folder: &str, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.to_str().unwrap().ends_with(ending)).collect();
    files.sort();
    assert!(!files.is_empty(), "no {ending} in {folder}");
    files
}

/// Every shipped file of rules.
pub fn rule_files() -> Vec<PathBuf> {
    ending_with("alerts", ".rules.yaml")
}

/// Every file of rule tests.
pub fn test_files() -> Vec<PathBuf> {
    ending_with("alerts/tests", ".test.yaml")
}

/// Every rule of a file.
pub fn rules_in(path: &Path) -> Vec<Rule> {
    parse::<RuleFile>(path).groups.into_iter().flat_map(|group| group.rules).collect()
}

/// Every shipped rule.
pub fn rules() -> Vec<Rule> {
    rule_files().iter().flat_map(|path| rules_in(path)).collect()
}

/// Every shipped alert, by its name.
pub fn alerts() -> BTreeMap<String, Rule> {
    let alerts = rules().into_iter().filter_map(|rule| Some((rule.alert.clone()?, rule)));
    alerts.collect()
}

/// Every series that a query may name: those of the sidecar, and those that the rules record.
pub fn known_series() -> BTreeSet<String> {
    let page = read(&root().join("docs/metrics.md"));
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `otp_")?.split_once('|'));
    let mut known = BTreeSet::new();
    for (names, rest) in rows {
        // A cell may hold several names, each between backticks.
        for name in format!("`otp_{names}").split('`').filter(|name| name.starts_with("otp_")) {
            if rest.trim().starts_with("histogram") {
                known.extend(["_bucket", "_sum", "_count"].map(|part| format!("{name}{part}")));
            } else {
                known.insert(name.to_owned());
            }
        }
    }
    known.extend(rules().into_iter().filter_map(|rule| rule.record));
    known
}

/// Every series of this product that a text names.
pub fn series_in(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let words = text.split(|c| !is_part(c)).map(|word| word.trim_end_matches(':'));
    words.filter(|word| word.starts_with("otp_") || word.starts_with("otp:")).map(str::to_owned).collect()
}

/// The contents of the blocks of a page that are fenced as this language.
pub fn blocks(page: &str, language: &str) -> Vec<String> {
    let opened = format!("```{language}\n");
    let blocks = page.split(&opened).skip(1).filter_map(|rest| rest.split_once("\n```"));
    blocks.map(|(block, _)| block.to_owned()).collect()
}

/// The queries of a block: one for each paragraph, without comments.
pub fn queries(block: &str) -> Vec<String> {
    let is_code = |line: &&str| !line.trim_start().starts_with('#');
    let paragraphs = block.split("\n\n").map(|text| text.lines().filter(is_code).collect::<Vec<_>>());
    paragraphs.map(|lines| lines.join("\n")).filter(|query| !query.trim().is_empty()).collect()
}
