//! `policy diff`.

use super::assert_golden;
use crate::support::program::run;
use crate::support::sidecar::Folder;

/// The shipped policy, and one that differs from it in many ways.
fn two() -> (Folder, Folder) {
    let was = Folder::with_shipped(&[]);
    let now = Folder::with_shipped(&[
        ("{ max: 10, per: 15m, by: [subject] }   #", "{ max: 5, per: 15m, by: [everyone] }   #"),
        (
            "unauthorized: { max: 30, per: 1m,  by: [client_ip] }",
            "unauthorized: { max: 30, per: 2m,  by: [client_ip] }",
        ),
        ("limits: [send-ip]", "limits: []"),
        (
            "send-ip:      { max: 60, per: 1m,  by: [client_ip] }",
            "everyone:     { max: 900, per: 1s, by: [everyone] }",
        ),
        (
            "{ after: 3, for: 15m, escalate: 2, at_most: 24h, disable_after: 100 }",
            "{ after: 5, for: 1h, escalate: 1, at_most: 12h, disable_after: 50 }",
        ),
        ("{ digits: 6, ttl: 5m, live: 2 }", "{ digits: 8, ttl: 10m, live: 1 }"),
        ("limits:   [send-burst, send-hour]", "limits:   [send-hour]"),
        ("bind: { amount: request.body.amount }", "bind: {}"),
        ("path: [/api/wallet/verify-otp, /api/wallet/otp/verify]", "path: /api/wallet/verify-otp"),
        ("cors: { allow_origins: [\"*\"] }", "cors: { allow_origins: [\"https://shop.example\"] }"),
        (
            "name: status\n    match: { methods: [GET], path: /api/wallet/otp/status }",
            "name: state\n    match: { methods: [GET], path: /api/wallet/otp/status }",
        ),
        ("  # trusted_proxies: [10.0.0.0/8]", "  trusted_proxies: [10.0.0.0/8]"),
    ]);
    (was, now)
}

fn paths<'a>(was: &'a Folder, now: &'a Folder) -> (&'a str, &'a str) {
    (was.path().to_str().unwrap(), now.path().to_str().unwrap())
}

#[test]
fn a_policy_does_not_differ_from_itself() {
    let ended = run(&["policy", "diff", "policies", "./policies/"]);
    assert_eq!((ended.code, ended.out.as_str(), ended.err.as_str()), (0, "Both policies do the same.\n", ""));
}

#[test]
fn what_differs_is_said_in_terms_of_the_policy() {
    let (was, now) = two();
    let (was, now) = paths(&was, &now);
    let ended = run(&["policy", "diff", was, now]);
    assert_eq!((ended.code, ended.err.as_str()), (1, ""));
    assert_golden("diff.txt", &ended.out);
    let reversed = run(&["policy", "diff", now, was]);
    let count = |text: &str, word: &str| text.lines().filter(|line| line.ends_with(word)).count();
    assert_eq!(count(&ended.out, " stricter"), count(&reversed.out, " looser"));
    assert_eq!(count(&ended.out, " looser"), count(&reversed.out, " stricter"));
}

#[test]
fn differences_are_there_for_programs() {
    let (was, now) = two();
    let (was, now) = paths(&was, &now);
    let ended = run(&["policy", "diff", was, now, "--json"]);
    let mut document: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    for hash in ["was", "now"] {
        assert_eq!(document[hash].take().as_str().unwrap().len(), 16);
    }
    assert_golden("diff.json", &format!("{document:#}\n"));
}

#[test]
fn a_policy_that_cannot_be_read_is_named() {
    let ended = run(&["policy", "diff", "policies", "nowhere"]);
    assert_eq!((ended.code, ended.out.as_str()), (2, ""));
    assert!(ended.err.starts_with("error: nowhere cannot be used: nowhere does not exist"), "{}", ended.err);
}
