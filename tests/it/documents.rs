//! The reference pages say what the code does: no word, metric or link more, and none less.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every longest run of `allowed` characters that starts with `prefix`.
fn words(text: &str, prefix: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_lowercase() || c == '_';
    let runs = text.split(|c| !is_part(c)).filter(|run| run.starts_with(prefix));
    runs.map(str::to_owned).collect()
}

/// What stands in the first column of a table, between backticks.
fn first_column(page: &str) -> BTreeSet<String> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let cells = rows.filter_map(|row| row.split_once(" |")).map(|(cell, _)| cell);
    cells.flat_map(|cell| words(cell, "otp_")).collect()
}

#[test]
fn the_page_of_metrics_has_every_family_and_no_other() {
    let source = read("src/telemetry/metrics.rs");
    let families: BTreeSet<String> = source
        .split('"')
        .skip(1)
        .step_by(2)
        .filter(|literal| literal.starts_with("otp_"))
        .map(str::to_owned)
        .collect();
    assert!(families.len() > 20, "the families were not found: {families:?}");
    assert_eq!(first_column(&read("docs/metrics.md")), families);
}

/// Every name under `properties`, wherever it stands in a JSON Schema.
fn properties(schema: &serde_json::Value, found: &mut BTreeSet<String>) {
    if let Some(own) = schema["properties"].as_object() {
        found.extend(own.keys().cloned());
    }
    let inner = schema.as_object().into_iter().flat_map(|fields| fields.values());
    inner.chain(schema.as_array().into_iter().flatten()).for_each(|part| properties(part, found));
}

#[test]
fn the_page_of_the_audit_log_explains_every_field_of_its_schema() {
    let schema = serde_json::from_str(&read("docs/audit.schema.json")).unwrap();
    let mut fields = BTreeSet::new();
    properties(&schema, &mut fields);
    assert!(fields.len() > 25, "the fields were not found: {fields:?}");
    let page = read("docs/audit.md");
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let explained: BTreeSet<&str> = rows.flat_map(|row| row.split('`').skip(1).step_by(2)).collect();
    let missing: Vec<&String> = fields.iter().filter(|name| !explained.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_page_of_the_audit_log_has_every_reason() {
    let page = read("docs/audit.md");
    for reason in otp_sidecar::domain::reason::Reason::ALL {
        // These tell how a request that was let through ended, which the audit log tells as events.
        if ["verified", "released", "outcome_unknown"].contains(&reason.as_str()) {
            continue;
        }
        assert!(page.contains(&format!("`{}`", reason.as_str())), "{}", reason.as_str());
    }
}

/// The field names that a part of the policy reader lists, in brackets after `&[`.
fn fields_in(source: &str) -> BTreeSet<String> {
    let lists = source.split("&[\"").skip(1).filter_map(|rest| rest.split_once(']')).map(|(list, _)| list);
    let names = lists.flat_map(|list| list.split(',').map(|name| name.trim().trim_matches('"').to_owned()));
    names.filter(|name| !name.is_empty()).collect()
}

#[test]
fn the_policy_reference_has_every_field() {
    let page = read("docs/policy.md");
    let explained: BTreeSet<&str> = page
        .split('`')
        .skip(1)
        .step_by(2)
        .flat_map(|code| code.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'))
        .collect();
    for part in ["mod", "budget", "identity", "limits", "purposes", "routes"] {
        let fields = fields_in(&read(&format!("src/policy/document/{part}.rs")));
        assert!(!fields.is_empty(), "no fields were found in {part}.rs");
        let missing: Vec<&String> = fields.iter().filter(|name| !explained.contains(name.as_str())).collect();
        assert!(missing.is_empty(), "{part}.rs: {missing:?}");
    }
}

/// Status and word of every refusal, as the code writes them.
fn refusals_in_code() -> BTreeSet<(u16, String)> {
    let source = read("src/policy/wire.rs");
    let found = source.split("S::").skip(1).filter_map(|rest| {
        let (status, rest) = rest.split_once(", \"")?;
        let (word, _) = rest.split_once('"')?;
        Some((code(status)?, word.to_owned()))
    });
    found.collect()
}

fn code(name: &str) -> Option<u16> {
    let known = [
        ("BAD_REQUEST", 400),
        ("UNAUTHORIZED", 401),
        ("FORBIDDEN", 403),
        ("METHOD_NOT_ALLOWED", 405),
        ("PAYLOAD_TOO_LARGE", 413),
        ("UNSUPPORTED_MEDIA_TYPE", 415),
        ("LOCKED", 423),
        ("TOO_MANY_REQUESTS", 429),
        ("INTERNAL_SERVER_ERROR", 500),
        ("BAD_GATEWAY", 502),
        ("SERVICE_UNAVAILABLE", 503),
        ("GATEWAY_TIMEOUT", 504),
    ];
    known.iter().find(|(known, _)| *known == name.trim()).map(|(_, code)| *code)
}

#[test]
fn the_page_of_errors_has_every_word_with_its_status_and_no_other() {
    let page = read("docs/errors.md");
    let listed: BTreeSet<(u16, String)> = page
        .lines()
        .filter_map(|line| {
            let (status, rest) = line.strip_prefix("| ")?.split_once(" | [`")?;
            Some((status.parse().ok()?, rest.split_once('`')?.0.to_owned()))
        })
        .collect();
    assert!(listed.len() > 15, "the table was not found: {listed:?}");
    assert_eq!(listed, refusals_in_code());
    for (_, word) in &listed {
        assert!(page.contains(&format!("### `{word}`\n")), "{word} is listed but not explained");
    }
}

#[test]
fn the_description_of_the_api_names_every_word() {
    let page = read("docs/api.yaml");
    for (status, word) in refusals_in_code() {
        let named =
            [format!("const: {word} "), format!("{word},"), format!("{word}]"), format!("const: {word}}}")];
        assert!(named.iter().any(|form| page.contains(form)), "{status} {word}");
    }
}

#[test]
fn links_between_pages_lead_somewhere() {
    let mut pages: Vec<String> = pages_in("docs");
    pages.extend(pages_in("."));
    pages.extend(["examples/express-wallet/README.md", "helm/otp-sidecar/README.md"].map(str::to_owned));
    assert!(pages.len() > 60, "some pages were not found: {pages:?}");
    let mut dead = Vec::new();
    for page in &pages {
        let text = read(page);
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.starts_with("http")) {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let folder = Path::new(page).parent().unwrap_or(Path::new(""));
            let path = if file.is_empty() { PathBuf::from(page) } else { folder.join(file) };
            let path = root().join(&path);
            // Folders and pictures are no texts.
            let found = if anchor.is_empty() {
                path.exists()
            } else {
                fs::read_to_string(path).is_ok_and(|text| has_anchor(&text, anchor))
            };
            if !found {
                dead.push(format!("{page} → {target}"));
            }
        }
    }
    assert!(dead.is_empty(), "{dead:?}");
}

/// The pages in a folder; those in folders below it too, but for the root of the repository.
fn pages_in(folder: &str) -> Vec<String> {
    let mut pages = Vec::new();
    for entry in fs::read_dir(root().join(folder)).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{folder}/{}", entry.file_name().display());
        if entry.file_type().unwrap().is_dir() && folder != "." {
            pages.extend(pages_in(&path));
        } else if path.ends_with(".md") {
            pages.push(path);
        }
    }
    pages
}

/// Whether a heading has this anchor, as GitHub makes them.
fn has_anchor(page: &str, anchor: &str) -> bool {
    let slug = |heading: &str| -> String {
        let kept = heading.to_lowercase().replace(' ', "-");
        kept.chars().filter(|c| c.is_alphanumeric() || *c == '-' || *c == '_').collect()
    };
    let mut headings = page.lines().filter(|line| line.starts_with('#'));
    headings.any(|line| slug(line.trim_start_matches('#').trim()) == anchor)
}
