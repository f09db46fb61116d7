//! The rules. Each takes the sources and names what breaks it.

use std::collections::BTreeSet;

use super::source::{Map, Source};

/// Every module in dependency order, and the modules it may name.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("policy", &["domain"]),
    ("telemetry", &["domain"]),
    ("identity", &["domain", "policy", "telemetry"]),
    ("store", &["domain", "telemetry"]),
    ("delivery", &["domain", "telemetry", "store"]),
    ("proxy", &["domain", "policy", "telemetry"]),
    ("enforce", &["domain", "policy", "telemetry", "identity", "store", "proxy"]),
    ("reload", &["domain", "policy", "telemetry", "enforce"]),
    ("server", &["domain", "telemetry", "store", "delivery", "proxy", "enforce", "reload"]),
    ("config", &["domain", "policy", "telemetry", "identity", "store", "delivery", "proxy", "server"]),
    (
        "app",
        &[
            "domain",
            "policy",
            "telemetry",
            "identity",
            "store",
            "delivery",
            "proxy",
            "enforce",
            "reload",
            "server",
            "config",
        ],
    ),
    ("lab", &["domain"]),
    ("cli", &["domain", "policy", "telemetry", "store", "delivery", "reload", "config", "app", "lab"]),
];

/// What a module must not contain, beside what it must not name.
const FORBIDDEN: &[(&str, &[&str])] = &[
    ("domain", EFFECTS),
    ("domain", &["serde", "http", "async"]),
    ("policy", EFFECTS),
    ("policy", &["prometheus", "async"]),
    ("store", &["http", "hyper"]),
    ("delivery", &["minijinja", "hyper"]),
    ("proxy", &["redis", "jsonwebtoken"]),
    ("lab", &["redis", "lettre"]),
];

const EFFECTS: &[&str] = &[
    "tokio",
    "hyper",
    "std::fs",
    "std::env",
    "std::net::TcpStream",
    "std::process",
    "std::thread",
    "SystemTime",
    "Instant::now",
    "tracing",
    "rand",
    "println",
    "eprintln",
    "dbg",
];

const BANNED_NAMES: &[&str] = &["manager", "helper", "helpers", "util", "utils", "common", "misc"];

const LONGEST: usize = 500;

/// A module names only those that stand before it in the table.
pub fn imports(sources: &[Source]) -> Vec<String> {
    let mut violations = Vec::new();
    for source in sources.iter().filter(|source| !source.is_test() && source.path != "lib.rs") {
        // The program starts the command line, which starts everything else.
        let allowed = match source.module() {
            "main" => Some(&["cli"][..]),
            module => MAY_NAME.iter().find(|(name, _)| *name == module).map(|(_, allowed)| *allowed),
        };
        let Some(allowed) = allowed else {
            violations.push(format!("{}: the module is not in the table of dependencies", source.path));
            continue;
        };
        for named in modules_named_by(source) {
            if !allowed.contains(&named.as_str()) {
                violations.push(format!("{} names `{named}`", source.path));
            }
        }
    }
    violations
}

/// The other top-level modules that a file names, through `crate::` or through `super::` from the top.
fn modules_named_by(source: &Source) -> BTreeSet<String> {
    let is_top = source.module_path().len() == 1;
    let mut named = BTreeSet::new();
    for path in source.named_paths() {
        let [root, first, ..] = path.as_slice() else { continue };
        let from_root = root == "crate" || root == "otp_sidecar" || (root == "super" && is_top);
        if from_root && first != source.module() && is_module(first) {
            named.insert(first.clone());
        }
    }
    named
}

fn is_module(name: &str) -> bool {
    MAY_NAME.iter().any(|(module, _)| *module == name)
}

/// Pure modules have no effects, and others not those that are someone else's business.
pub fn forbidden_words(sources: &[Source]) -> Vec<String> {
    let mut violations = Vec::new();
    for source in sources.iter().filter(|source| !source.is_test()) {
        let lists = FORBIDDEN.iter().filter(|(module, _)| *module == source.module());
        for word in lists.flat_map(|(_, words)| *words) {
            for (number, line) in source.code.lines().enumerate() {
                if contains_word(line, word) {
                    violations.push(format!("{}:{} contains `{word}`", source.path, number + 1));
                }
            }
        }
    }
    violations
}

fn contains_word(line: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

/// Whoever opens a file can hold it in mind.
pub fn length(sources: &[Source]) -> Vec<String> {
    let lines = |source: &Source| source.text.lines().count();
    let long = sources.iter().filter(|source| lines(source) > LONGEST);
    long.map(|source| format!("{} has {} lines", source.path, lines(source))).collect()
}

/// A name says what a module owns, and its first line says it in a sentence.
pub fn names(sources: &[Source]) -> Vec<String> {
    let mut violations = Vec::new();
    for source in sources {
        for part in source.module_path() {
            if part.split('_').any(|word| BANNED_NAMES.contains(&word)) {
                violations.push(format!("{}: `{part}` says nothing about what it owns", source.path));
            }
        }
        if source.path != "main.rs" && !source.is_test() && !source.text.starts_with("//!") {
            violations.push(format!("{} does not open with what it owns", source.path));
        }
    }
    violations
}

/// A file that needs its grandparent stands in the wrong place.
pub fn grandparents(sources: &[Source]) -> Vec<String> {
    let reaching = sources.iter().filter(|source| {
        source.named_paths().iter().any(|path| path.windows(2).any(|pair| pair == ["super", "super"]))
    });
    reaching.map(|source| format!("{} reaches two levels up: name it from `crate`", source.path)).collect()
}

/// The crate root is a list of modules, in the order of the table, and nothing else.
pub fn root(sources: &[Source]) -> Vec<String> {
    let Some(root) = sources.iter().find(|source| source.path == "lib.rs") else {
        return vec!["there is no lib.rs".to_owned()];
    };
    let mut violations = Vec::new();
    let mut last = 0;
    for line in root.code.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let module = line.strip_prefix("pub mod ").and_then(|rest| rest.strip_suffix(';'));
        match module.map(|name| (name, MAY_NAME.iter().position(|(module, _)| *module == name))) {
            None => violations.push(format!("lib.rs has more than modules: `{line}`")),
            Some((name, None)) => violations.push(format!("lib.rs: `{name}` is not in the table")),
            Some((name, Some(rank))) if rank < last => {
                violations.push(format!("lib.rs: `{name}` comes too late"))
            }
            Some((_, Some(rank))) => last = rank,
        }
    }
    violations
}

/// Every file is on the map, by its own path or by its folder's, and the map shows nothing else.
pub fn map(sources: &[Source], map: &Map) -> Vec<String> {
    let is_shown = |path: &str| map.0.iter().any(|entry| path == entry || is_below(path, entry));
    let exists =
        |entry: &String| sources.iter().any(|source| source.path == *entry || is_below(&source.path, entry));
    let inner = sources.iter().filter(|source| !source.is_test());
    let missing = inner.filter(|source| !is_shown(&source.path));
    let gone = map.0.iter().filter(|entry| !exists(entry));
    let missing = missing.map(|source| format!("{} is not on the map", source.path));
    missing.chain(gone.map(|entry| format!("the map shows {entry}, which is not there"))).collect()
}

/// A folder shows its `mod.rs`; a folder two levels down shows all that is in it.
fn is_below(path: &str, entry: &str) -> bool {
    let Some(inside) = path.strip_prefix(entry).filter(|_| entry.ends_with('/')) else {
        return false;
    };
    inside == "mod.rs" || entry.matches('/').count() > 1
}

/// The table itself: a module may only name those before it.
pub fn table() -> Vec<String> {
    let rank = |name: &str| MAY_NAME.iter().position(|(module, _)| *module == name);
    let pairs = MAY_NAME.iter().flat_map(|(module, allowed)| allowed.iter().map(move |name| (module, name)));
    let wrong = pairs.filter(|(module, name)| rank(name).is_none() || rank(name) >= rank(module));
    wrong.map(|(module, name)| format!("the table lets `{module}` name `{name}`")).collect()
}
