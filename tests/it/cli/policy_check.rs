//! `policy check` and `policy show`.

use serde_json::Value;

use super::{assert_golden, root, run, run_with};

const FOLDER: &str = "tests/data/cli/policy";

fn path(name: &str) -> String {
    format!("{FOLDER}/{name}.yaml")
}

#[test]
fn a_check_says_what_is_wrong_and_how_likely_a_guess_is() {
    for (name, code) in [("within", 0), ("over", 1), ("standards", 1), ("broken", 1), ("unwise", 0)] {
        let ended = run(&["policy", "check", &path(name)]);
        assert_eq!((ended.code, ended.err.as_str()), (code, ""), "{name}: {}", ended.out);
        assert_golden(&format!("policy/{name}.check.txt"), &ended.out);
    }
}

#[test]
fn the_set_that_serve_would_take_from_the_environment_is_checked() {
    for verb in ["check", "show"] {
        let ended =
            run_with(&["policy", verb], &[("OTP_SIDECAR_POLICIES", "tests/data/cli/policy/within.yaml")]);
        assert_eq!(ended.code, 0, "{}", ended.err);
        assert_eq!(ended.out, run(&["policy", verb, &path("within")]).out);
        let typed = run_with(
            &["policy", verb, &path("within")],
            &[("OTP_SIDECAR_POLICIES", "/nowhere-of-these-tests")],
        );
        assert_eq!(typed.out, ended.out, "what is typed counts");
    }
}

#[test]
fn warnings_are_findings_only_when_asked_for() {
    assert_eq!(run(&["policy", "check", &path("unwise"), "--strict"]).code, 1);
    assert_eq!(run(&["policy", "check", &path("within"), "--strict"]).code, 0);
}

#[test]
fn the_budget_can_be_set_for_one_check() {
    assert_eq!(run(&["policy", "check", &path("over"), "--budget", "5%"]).code, 0);
    assert_eq!(run(&["policy", "check", &path("within"), "--budget", "0.0001%"]).code, 1);
    let nonsense = run(&["policy", "check", &path("within"), "--budget", "5"]);
    assert_eq!((nonsense.code, nonsense.out.as_str()), (2, ""));
    assert!(nonsense.err.contains("write a number and %"), "{}", nonsense.err);
}

#[test]
fn programs_get_one_document() {
    for (name, usable, findings) in [("within", true, 0), ("over", true, 1), ("broken", false, 3)] {
        let ended = run(&["policy", "check", &path(name), "--json", "--sprayed", "5"]);
        let document: Value = serde_json::from_str(&ended.out).unwrap();
        assert_eq!(
            (&document["usable"], &document["findings"]),
            (&usable.into(), &findings.into()),
            "{name}"
        );
        assert_eq!(document["budget"].is_object(), usable, "{name}");
        assert_eq!(ended.code, i32::from(findings > 0));
    }
    let ended = run(&["policy", "check", &path("over"), "--json", "--sprayed", "5"]);
    let budget = &serde_json::from_str::<Value>(&ended.out).unwrap()["budget"];
    assert_eq!((&budget["exceeded"], &budget["sprayed"]), (&true.into(), &5.into()));
    let year = &budget["purposes"][0]["ownerActive"]["year"];
    assert_eq!((&year["guesses"], &year["boundBy"]), (&11_449.into(), &"lockout".into()));
}

#[test]
fn a_missing_key_is_a_note_unless_it_is_required() {
    let absent = run(&["policy", "check", &path("within")]);
    assert!(absent.out.contains("`JWT_SECRET` is not set here"), "{}", absent.out);
    let required = run(&["policy", "check", &path("within"), "--require-keys"]);
    assert!(required.code == 1 && required.out.contains("error[P0405]"), "{}", required.out);
    let secret = "a secret of more than thirty-two bytes";
    let arguments = ["policy", "check", &path("within"), "--require-keys"];
    let present = run_with(&arguments, &[("JWT_SECRET", secret)]);
    assert!(present.code == 0 && !present.out.contains("JWT_SECRET"), "{}", present.out);
    // What is there is looked at.
    let short = run_with(&arguments, &[("JWT_SECRET", "short")]);
    assert!(short.out.contains("warning[W0401]"), "{}", short.out);
}

#[test]
fn what_cannot_be_read_ends_in_two_with_the_reason() {
    let text = root().join("target/it-not-text.yaml");
    std::fs::create_dir_all(text.parent().unwrap()).unwrap();
    std::fs::write(&text, [b'a', 0xff]).unwrap();
    for (path, reason) in [
        ("tests/data/cli/nothing", "tests/data/cli/nothing does not exist"),
        ("src", "src has no file that ends in .yaml or .yml"),
        (text.to_str().unwrap(), "is not text in UTF-8"),
    ] {
        for verb in ["check", "show"] {
            let ended = run(&["policy", verb, path]);
            assert_eq!((ended.code, ended.out.as_str()), (2, ""), "{verb} {path}");
            assert!(ended.err.starts_with("error: ") && ended.err.contains(reason), "{}", ended.err);
        }
    }
    assert_eq!(run(&["policy", "check", "--sprayed", "0"]).code, 2);
    assert_eq!(run(&["policy"]).code, 2);
}

#[test]
fn a_set_is_shown_as_it_is_understood() {
    let ended = run(&["policy", "show", &path("within")]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    assert_golden("policy/within.show.txt", &ended.out);
    let json = run(&["policy", "show", "tests/data/policies/good/everything.yaml", "--json"]);
    serde_json::from_str::<Value>(&json.out).unwrap();
    assert_golden("policy/everything.show.json", &json.out);
    let broken = run(&["policy", "show", &path("broken")]);
    assert!(broken.code == 2 && broken.err.contains("`otp-sidecar policy check` explains"), "{}", broken.err);
}

#[test]
fn no_secret_is_ever_shown() {
    let secret = "a secret of more than thirty-two bytes";
    for verb in ["check", "show"] {
        for json in [&[][..], &["--json"]] {
            let path = path("within");
            let arguments = [&["policy", verb, &path], json].concat();
            let ended = run_with(&arguments, &[("JWT_SECRET", secret)]);
            assert!(!ended.out.contains(secret) && !ended.err.contains(secret), "{arguments:?}");
        }
    }
}

#[test]
fn the_policy_that_is_shipped_is_within_its_budget_and_breaks_no_rule() {
    let ended = run(&["policy", "check", "policies", "--json"]);
    assert_eq!(ended.code, 0, "{}", ended.out);
    let document: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(document["usable"], true);
    let standards = document["standards"].as_array().unwrap();
    assert!(
        !standards.is_empty() && standards.iter().all(|verdict| verdict["kept"] == true),
        "{}",
        ended.out
    );
}
