//! The JSON Schema of policy files says what the language says.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::root;
use crate::support::program::run;
use crate::support::smtp::python;

const SCHEMA: &str = "policies/policy.schema.json";

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

#[test]
fn the_schema_that_is_printed_is_the_one_in_the_repository() {
    let ended = run(&["policy", "schema"]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    assert_eq!(ended.out, read(SCHEMA));
}

/// The names in every list of known fields, each list as a set.
fn mappings_of_the_language() -> BTreeSet<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for part in ["mod", "budget", "identity", "limits", "purposes", "routes"] {
        let source = read(&format!("src/policy/document/{part}.rs"));
        for rest in source.split("&[").skip(1) {
            let Some((list, _)) = rest.split_once(']') else { continue };
            if list.trim_start().starts_with('"') {
                found.insert(list.split('"').skip(1).step_by(2).map(str::to_owned).collect());
            }
        }
    }
    found
}

/// The same of every mapping in the schema that takes no other fields.
fn mappings_of_the_schema(schema: &Value, found: &mut BTreeSet<BTreeSet<String>>) {
    if schema["additionalProperties"] == false {
        found.insert(schema["properties"].as_object().unwrap().keys().cloned().collect());
    }
    let fields = schema.as_object().into_iter().flat_map(|fields| fields.values());
    fields
        .chain(schema.as_array().into_iter().flatten())
        .for_each(|part| mappings_of_the_schema(part, found));
}

#[test]
fn every_field_of_the_language_is_in_the_schema_and_no_other() {
    let mut found = BTreeSet::new();
    mappings_of_the_schema(&serde_json::from_str(&read(SCHEMA)).unwrap(), &mut found);
    assert!(found.len() > 15, "{found:?}");
    assert_eq!(found, mappings_of_the_language());
}

/// Every place of the schema that has a property, by the property's name.
fn properties<'s>(schema: &'s Value, found: &mut BTreeMap<String, Vec<&'s Value>>) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        // `false` says that a route with one action has no other.
        if property.is_object() {
            found.entry(name.clone()).or_default().push(property);
        }
    }
    let fields = schema.as_object().into_iter().flat_map(|fields| fields.values());
    fields.chain(schema.as_array().into_iter().flatten()).for_each(|part| properties(part, found));
}

#[test]
fn every_field_is_described_and_its_default_is_that_of_the_reference() {
    let schema: Value = serde_json::from_str(&read(SCHEMA)).unwrap();
    let mut found = BTreeMap::new();
    properties(&schema, &mut found);
    let reference = read("docs/policy.md");
    for (name, places) in found {
        for place in places {
            let described = place["description"].is_string() || place["$ref"].is_string();
            assert!(described, "{name}: {place}");
            let Some(default) = place.get("default").map(|d| d.as_str().map_or(d.to_string(), str::to_owned))
            else {
                continue;
            };
            let default = default.replace(['"'], "");
            let mut rows = reference.lines().filter(|row| {
                let field = row.split('`').nth(1).unwrap_or_default();
                row.starts_with("| `") && (field == name || field.ends_with(&format!(".{name}")))
            });
            let tells =
                |row: &str| row.split('|').nth(3).is_some_and(|cell| cell.replace('`', "").trim() == default);
            assert!(rows.any(tells), "docs/policy.md gives another default of `{name}` than {default}");
        }
    }
}

/// What is wrong with each file, by the schema.
fn check(files: &[PathBuf]) -> BTreeMap<String, Vec<String>> {
    let said = Command::new(python())
        .arg(root().join("tests/policies/check.py"))
        .arg(root().join(SCHEMA))
        .args(files)
        .output()
        .unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    serde_json::from_slice(&said.stdout).unwrap()
}

fn files(folder: &str, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.ends_with(".yaml") && wanted(name)
    });
    assert!(!files.is_empty(), "{folder}");
    files
}

#[test]
fn policies_that_load_fit_the_schema() {
    let mut good = Vec::new();
    for folder in ["policies", "tests/data/policies/good", "tests/data/policies/good/folder"] {
        good.extend(files(folder, |_| true));
    }
    good.extend(files("tests/data/policies/bad", |name| name.starts_with('W')));
    for (path, problems) in check(&good) {
        assert!(problems.is_empty(), "{path}: {problems:?}");
    }
}

#[test]
fn policies_of_another_shape_do_not_fit_it() {
    // What one file alone shows: fields, kinds of values, their forms and ranges.
    let shape = [
        "P0006",
        "P0101",
        "P0104",
        "P02",
        "P0102-missing-field",
        "P0103-wrong-shape",
        "P0307",
        "P0401",
        "P0404",
        "P0406",
        "P0602",
        "P0604",
        "P0605",
    ];
    let bad = files("tests/data/policies/bad", |name| shape.iter().any(|start| name.starts_with(start)));
    assert!(bad.len() > 25, "{bad:?}");
    for (path, problems) in check(&bad) {
        assert!(!problems.is_empty(), "{path} fits the schema");
    }
}
