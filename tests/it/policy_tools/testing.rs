//! `policy test`.

use serde_json::Value;

use super::{DATA, assert_golden};
use crate::support::program::run;
use crate::support::sidecar::{Folder, changed};

fn data(name: &str) -> String {
    format!("{DATA}/{name}")
}

#[test]
fn the_shipped_policies_pass_their_tests() {
    let ended = run(&["policy", "test"]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{}", ended.out);
    assert!(ended.out.trim_end().ends_with("steps: ok"), "{}", ended.out);
    assert_eq!(run(&["policy", "test", "policies"]).out, ended.out);
}

#[test]
fn every_limit_of_the_shipped_policy_has_a_test_in_which_it_refuses() {
    let policy = changed(&[]);
    let limits = policy.split("\nlimits:").nth(1).unwrap().split("\n\n").next().unwrap();
    let names: Vec<&str> = limits
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split_once(':'))
        .map(|(name, _)| name)
        .filter(|name| !name.starts_with('#'))
        .collect();
    assert!(names.len() >= 7, "{names:?}");
    let folder = std::fs::read_dir("policies/tests").unwrap();
    let tests: String = folder.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    // Each funding also counts as a code that is sent, of which there are fewer.
    for name in names.into_iter().filter(|name| *name != "fund") {
        assert!(tests.contains(&format!("rule: limits.{name}")), "no test lets `{name}` refuse");
    }
}

#[test]
fn a_number_that_is_changed_fails_the_tests_of_it() {
    let folder = Folder::with_shipped(&[("send-burst:   { max: 3,", "send-burst:   { max: 4,")]);
    let tests = folder.path().join("tests");
    std::fs::create_dir(&tests).unwrap();
    std::fs::copy("policies/tests/sending.yaml", tests.join("sending.yaml")).unwrap();
    let ended = run(&["policy", "test", folder.path().to_str().unwrap()]);
    assert_eq!(ended.code, 1);
    assert!(ended.out.contains("FAILED  three codes a minute, and the fourth is refused"), "{}", ended.out);
}

#[test]
fn a_failure_says_where_what_and_what_was_before() {
    let ended = run(&["policy", "test", &data("failing.yaml")]);
    assert_eq!((ended.code, ended.err.as_str()), (1, ""));
    assert_golden("failing.txt", &ended.out);
}

#[test]
fn results_are_there_for_programs() {
    let ended = run(&["policy", "test", &data("failing.yaml"), "--json"]);
    assert_eq!(ended.code, 1);
    assert_golden("failing.json", &ended.out);
    let document: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!((&document["tests"], &document["failed"]), (&Value::from(4), &Value::from(3)));
}

#[test]
fn results_are_there_for_build_servers() {
    let folder = Folder::new();
    let file = folder.path().join("junit.xml");
    let ended = run(&["policy", "test", &data("failing.yaml"), "--junit", file.to_str().unwrap()]);
    assert_eq!(ended.code, 1);
    assert_golden("failing.junit.xml", &std::fs::read_to_string(file).unwrap());
    let nowhere = run(&["policy", "test", &data("failing.yaml"), "--junit", "/nowhere/junit.xml"]);
    assert_eq!(nowhere.code, 2);
    assert!(nowhere.err.starts_with("error: /nowhere/junit.xml cannot be written"), "{}", nowhere.err);
}

#[test]
fn a_filter_picks_tests_by_their_names() {
    let ended = run(&["policy", "test", &data("failing.yaml"), "--filter", "as it should"]);
    assert_eq!(ended.code, 0, "{}", ended.out);
    assert!(ended.out.ends_with("1 test, 1 step: ok\n"), "{}", ended.out);
    let none = run(&["policy", "test", "--filter", "no such name"]);
    assert_eq!((none.code, none.err.as_str()), (2, "error: no test has `no such name` in its name\n"));
}

#[test]
fn a_file_that_cannot_be_read_says_everything_that_is_wrong_with_it() {
    let ended = run(&["policy", "test", &data("broken.yaml")]);
    assert_eq!((ended.code, ended.out.as_str()), (2, ""));
    assert_golden("broken.txt", &ended.err);
}

#[test]
fn what_is_not_there_is_named() {
    for (path, expected) in [
        ("nowhere.yaml", "error: nowhere.yaml cannot be read: name a file of tests, or a folder of them"),
        ("src", "error: src has no file of tests that ends in .yaml or .yml"),
        (
            &data("no-policy.yaml"),
            "error: the policy of tests/data/cli/policy-changes/no-policy.yaml cannot be used",
        ),
    ] {
        let ended = run(&["policy", "test", path]);
        assert_eq!((ended.code, ended.out.as_str()), (2, ""));
        assert!(ended.err.starts_with(expected), "{}", ended.err);
    }
}
