//! `explain`: a decision, a person, a code.

use serde_json::Value;

use super::{World, assert_golden, run};
use crate::support::audit::AuditFile;
use crate::support::sidecar::{CODE_KEYS, PATIENCE, funded, wrong};
use crate::support::wait::until;

/// The decision that set a lock, once it and the mail that tells of it are written.
async fn lock_decision(world: &World) -> Value {
    let file = AuditFile::in_folder(world.folder.path());
    let is_lock = |line: &Value| line["lock"]["before"].is_null() && line["lock"]["after"].is_string();
    let is_notice = |line: &Value| line["kind"] == "lock_notice";
    let is_written = async || file.lines().iter().any(is_lock) && file.lines().iter().any(is_notice);
    until("the lock is in the audit log", PATIENCE, is_written).await;
    file.lines().into_iter().find(is_lock).unwrap()
}

#[tokio::test]
async fn a_refusal_is_explained_from_the_log_and_the_live_state() {
    let world = World::start().await;
    world.lock("jane").await;
    let decision = lock_decision(&world).await;
    let (id, log) = (decision["decision_id"].as_str().unwrap(), world.path("audit.jsonl"));
    for ended in [world.admin(&["explain", id, "--log", &log]), world.direct(&["explain", id, "--log", &log])]
    {
        assert_eq!((ended.code, ended.err.as_str()), (0, ""));
        assert_golden("explain_decision.txt", &ended.out);
    }
    let explained = world.admin(&["explain", id, "--log", &log, "--json"]).json();
    assert_eq!(explained["decision"]["decision_id"], id);
    assert_eq!(explained["live"]["subject"], "jane");
    // The log alone says a lot: nobody needs to answer.
    let alone = run(&["explain", id, "--log", &log], &[("OTP_SIDECAR_ADMIN", "http://127.0.0.1:1")], "");
    assert!(alone.code == 0 && alone.out.contains("which set a lock"), "{}{}", alone.out, alone.err);
    assert!(alone.err.contains("how the person stands now is not known"), "{}", alone.err);
}

#[tokio::test]
async fn what_followed_a_decision_is_told_in_its_order() {
    let world = World::start().await;
    let jane = world.user("jane");
    let (reference, code) = funded(&jane, &world.mailbox).await;
    assert_eq!(jane.verify(&reference, &code).await.status, 200);
    let file = AuditFile::in_folder(world.folder.path());
    let settled = |line: &Value| line["event"] == "settled";
    let mailed = |line: &Value| line["event"] == "mail";
    let is_written = async || file.lines().iter().any(settled) && file.lines().iter().any(mailed);
    until("both are written", PATIENCE, is_written).await;
    let log = world.path("audit.jsonl");
    for (name, wanted) in
        [("explain_issue.txt", &mailed as &dyn Fn(&Value) -> bool), ("explain_verify.txt", &settled)]
    {
        let line = file.lines().into_iter().find(|line| wanted(line)).unwrap();
        let explained = world.admin(&["explain", line["decision_id"].as_str().unwrap(), "--log", &log]);
        assert_eq!((explained.code, explained.err.as_str()), (0, ""));
        assert_golden(name, &explained.out);
    }
}

#[tokio::test]
async fn a_person_is_found_in_the_log_under_a_pseudonym_when_the_keys_are_given() {
    let world = World::with(&[("cors:", "audit: { subject: hash }\n\ncors:")]).await;
    world.lock("jane").await;
    lock_decision(&world).await;
    let log = world.path("audit.jsonl");
    let found = world.direct(&["explain", "--subject", "jane", "--log", &log, "--json"]).json();
    assert!(found["decisions"].as_array().unwrap().len() >= 4, "{found}");
    let hidden = world.admin(&["explain", "--subject", "jane", "--log", &log, "--json"]).json();
    assert_eq!(hidden["decisions"].as_array().unwrap().len(), 0, "{hidden}");
    let other_first = format!("new:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=,{CODE_KEYS}");
    let arguments = ["explain", "--subject", "jane", "--log", &log, "--json", "--code-keys", &other_first];
    assert!(!world.admin(&arguments).json()["decisions"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn a_code_is_explained_both_ways_and_shown_nowhere() {
    let world = World::start().await;
    let (reference, code) = funded(&world.user("jane"), &world.mailbox).await;
    let arguments = ["explain", "--subject", "jane", "--reference", &reference, "--code-stdin"];
    for ended in
        [world.admin_reading(&arguments, &format!("{code}\n")), world.direct_reading(&arguments, &code)]
    {
        assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{}", ended.out);
        assert_golden("explain_code_right.txt", &ended.out);
    }
    let false_code = wrong(&code);
    for ended in [world.admin_reading(&arguments, &false_code), world.direct_reading(&arguments, &false_code)]
    {
        assert_eq!((ended.code, ended.err.as_str()), (1, ""), "{}", ended.out);
        assert_golden("explain_code_wrong.txt", &ended.out);
        assert!(!ended.out.contains(&false_code) && !ended.out.contains(&code));
    }
    let other_keys = ["--code-keys", "other:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="];
    let (url, policies) = (world.redis.url(), world.path(""));
    let way = ["--state", &url, "--policies", &policies];
    let ended = run(&[&arguments[..], &way, &other_keys, &["--json"]].concat(), &[], &code);
    assert_eq!((ended.code, ended.json()["verdict"].as_str()), (1, Some("unknown_key")));
    run(&[&arguments[..], &way].concat(), &[], &code).assert_refused("--code-keys-file");
}
