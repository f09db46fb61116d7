//! `audit`: a safe deployment passes, and every check is seen to fail at an unsafe one.

mod safe;
mod unsafe_targets;

use serde_json::Value;

use crate::support::program::{Program, Ran};

fn audit(target: &str, more: &[&str]) -> Program {
    Program::new(&[&["audit", "--target", target][..], more].concat())
}

/// The checks of a run, as group, name, result and what was seen.
fn checks(ran: &Ran) -> Vec<(String, String, String, String)> {
    let report = ran.json();
    let word = |check: &Value, name: &str| check[name].as_str().unwrap_or_default().to_owned();
    let checks = report["checks"].as_array().unwrap();
    checks
        .iter()
        .map(|check| (word(check, "group"), word(check, "check"), word(check, "result"), word(check, "seen")))
        .collect()
}

/// Asserts that a check of this name failed, and that what was seen has this word.
fn assert_fails(ran: &Ran, name: &str, word: &str) {
    assert_eq!(ran.code, 1, "{ran:#?}");
    let all = checks(ran);
    let found =
        all.iter().find(|(_, check, ..)| check.contains(name)).unwrap_or_else(|| panic!("{name}: {all:#?}"));
    assert!(found.2 == "fail" && found.3.contains(word), "{found:?}");
}

/// The names of the checks with this result.
fn named(ran: &Ran, result: &str) -> Vec<String> {
    checks(ran).into_iter().filter(|check| check.2 == result).map(|check| check.1).collect()
}
