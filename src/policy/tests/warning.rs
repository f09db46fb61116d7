//! What is unwise in a policy, and what is so little different from it that nothing is said.

use crate::policy::compile::compile;
use crate::policy::diagnostic::Code;
use crate::policy::source::SourceFile;

use super::files::World;

/// A set in which every purpose, limit and rule is of use.
const WISE: &str = "\
version: 1
identity: { trusted_proxies: [10.0.0.0/8], jwt: { algorithms: [ES256], claims: { subject: id, email: email },
  key: { jwks_url: \"https://id.example/keys\" } } }
limits: { a: { max: 9, per: 1h, by: [subject] }, b: { max: 3, per: 1m, by: [subject] }, c: { max: 8, per: 1h, by: [subject] } }
purposes:
  p: { code: { digits: 6, ttl: 5m }, lockout: { after: 3, for: 1h, escalate: 2, at_most: 2h, disable_after: 4 },
       resend: { cooldown: 299s }, limits: [c] }
routes:
  - { name: i, match: { methods: [POST], path: /i }, issue: { purpose: p, reference: response.body.r, recipient: claims.email } }
  - { name: v, match: { methods: [POST], path: /v }, verify: { code: request.body.c, reference: request.body.r }, limits: [a, b] }
  - { name: s, match: { methods: [GET], path: /s }, status: { purpose: request.query.p } }
";

/// What is said about the set when some of its text is replaced: each code, with what its caret points at.
fn warnings(changes: &[(&str, &str)]) -> Vec<(Code, String)> {
    let mut text = WISE.to_owned();
    for (from, to) in changes {
        assert_eq!(text.matches(from).count(), 1, "{from} is there once");
        text = text.replace(from, to);
    }
    let files = [SourceFile { path: "policy.yaml".to_owned(), text }];
    let warnings = compile(&files, &World).unwrap_or_else(|errors| panic!("{errors}")).warnings;
    let pointed = |line: &str, column: u32, width: u32| -> String {
        line.chars().skip(column as usize - 1).take(width as usize).collect()
    };
    warnings.iter().map(|w| (w.code, w.at.map(|at| pointed(&w.line, at.column, at.width)).unwrap())).collect()
}

fn said(code: Code, place: &str) -> Vec<(Code, String)> {
    vec![(code, place.to_owned())]
}

#[test]
fn a_wise_policy_has_no_warnings() {
    assert_eq!(warnings(&[]), []);
}

/// What is said when the two limits of the `verify` route are these, with their owners.
fn limits(a: &str, b: &str) -> Vec<(Code, String)> {
    warnings(&[
        ("a: { max: 9, per: 1h, by: [subject] }", &format!("a: {{ {a} }}")),
        ("b: { max: 3, per: 1m, by: [subject] }", &format!("b: {{ {b} }}")),
    ])
}

#[test]
fn a_limit_is_idle_next_to_one_that_always_fills_first() {
    let by_subject = |limit: &str| format!("{limit}, by: [subject]");
    for (a, b, idle) in [
        ("max: 9, per: 1m", "max: 3, per: 1h", "a"),
        ("max: 3, per: 1h", "max: 9, per: 1m", "b"),
        ("max: 3, per: 1m", "max: 3, per: 1h", "a"),
        ("max: 9, per: 1m", "max: 3, per: 1m", "a"),
        // Three in each of two minutes, or of three that a longer window touches.
        ("max: 6, per: 2m", "max: 3, per: 1m", "a"),
        ("max: 9, per: 121s", "max: 3, per: 1m", "a"),
        // Of two equal ones, the later.
        ("max: 3, per: 1m", "max: 3, per: 1m", "b"),
        ("max: 9, per: 1m, count: failures", "max: 3, per: 1h, count: failures", "a"),
        // A failure is also a request.
        ("max: 9, per: 1m, count: failures", "max: 3, per: 1h", "a"),
    ] {
        assert_eq!(limits(&by_subject(a), &by_subject(b)), said(Code::IdleLimit, idle), "{a} and {b}");
    }
    for (a, b) in [
        ("max: 5, per: 2m", "max: 3, per: 1m"),
        ("max: 8, per: 121s", "max: 3, per: 1m"),
        ("max: 9, per: 1h", "max: 3, per: 1m"),
        ("max: 9, per: 1m", "max: 3, per: 1h, count: failures"),
    ] {
        assert_eq!(limits(&by_subject(a), &by_subject(b)), [], "{a} and {b}");
    }
}

#[test]
fn a_limit_is_idle_next_to_one_whose_larger_bucket_holds_all_that_it_counts() {
    let loose = "max: 9, per: 1m";
    let strict = "max: 3, per: 1h";
    for (a, b, idle) in [
        ("[subject]", "[everyone]", true),
        ("[subject, client_ip]", "[subject]", true),
        ("[subject, client_ip]", "[client_ip]", true),
        ("[subject]", "[client_ip]", false),
        ("[subject]", "[subject, client_ip]", false),
        // What these count stands, also when the other refuses: a flood fills both.
        ("[client_ip]", "[client_ip]", false),
        ("[everyone]", "[everyone]", false),
    ] {
        let expected = if idle { said(Code::IdleLimit, "a") } else { Vec::new() };
        assert_eq!(limits(&format!("{loose}, by: {a}"), &format!("{strict}, by: {b}")), expected, "{a} {b}");
    }
}

#[test]
fn a_limit_is_not_idle_where_it_stands_without_the_stricter_one() {
    let strict = ("b: { max: 3, per: 1m, by: [subject] }", "b: { max: 3, per: 1h, by: [subject] }");
    let alone = ("status: { purpose: request.query.p }", "status: { purpose: request.query.p }, limits: [a]");
    assert_eq!(warnings(&[strict]), said(Code::IdleLimit, "a"));
    assert_eq!(warnings(&[strict, alone]), []);
}

#[test]
fn a_limit_on_failures_is_idle_when_lockouts_never_let_it_fill() {
    // A lock in an hour after 3, and 2 before each of an owner's ten codes.
    let failures = |max: u32| {
        let limit = format!("max: {max}, per: 1h, by: [subject], count: failures");
        warnings(&[("max: 9, per: 1h, by: [subject]", &limit)])
    };
    assert_eq!(failures(23), []);
    assert_eq!(failures(24), said(Code::IdleLimit, "a"));
    let one_code = ("version: 1", "version: 1\nbudget: { owner_codes_per_day: 1 }");
    let five = ("max: 9, per: 1h, by: [subject]", "max: 6, per: 1h, by: [subject], count: failures");
    assert_eq!(warnings(&[five]), []);
    assert_eq!(warnings(&[five, one_code]), said(Code::IdleLimit, "a"));
}

#[test]
fn counting_by_address_takes_a_trusted_proxy() {
    let by_client = ("max: 9, per: 1h, by: [subject]", "max: 9, per: 1h, by: [client_ip]");
    let no_proxies = ("trusted_proxies: [10.0.0.0/8], ", "");
    assert_eq!(warnings(&[by_client]), []);
    assert_eq!(warnings(&[no_proxies]), []);
    assert_eq!(warnings(&[by_client, no_proxies]), said(Code::ClientWithoutProxies, "a"));
}

#[test]
fn a_limit_that_counts_failures_belongs_to_a_route_that_compares_codes() {
    let failures = ("max: 9, per: 1h, by: [subject]", "max: 9, per: 1h, by: [subject], count: failures");
    let elsewhere = [
        ("limits: [a, b]", "limits: [b]"),
        ("status: { purpose: request.query.p }", "status: { purpose: request.query.p }, limits: [a]"),
    ];
    assert_eq!(warnings(&[failures]), []);
    assert_eq!(warnings(&[failures, elsewhere[0], elsewhere[1]]), said(Code::IdleLimit, "a"));
    assert_eq!(warnings(&[failures, elsewhere[0]]), said(Code::UnusedLimit, "a"));
}

#[test]
fn what_identity_and_purposes_use_is_used() {
    let elsewhere = ("limits: [a, b]", "limits: [b]");
    assert_eq!(
        warnings(&[
            elsewhere,
            ("identity: { ", "identity: { limits: [a], "),
            ("max: 9, per: 1h, by: [subject]", "max: 9, per: 1h, by: [client_ip]")
        ]),
        []
    );
    assert_eq!(warnings(&[("limits: [a, b]", "limits: [b, c]"), ("limits: [c]", "limits: [a]")]), []);
}

#[test]
fn a_rule_that_another_defeats_is_idle() {
    assert_eq!(warnings(&[("cooldown: 299s", "cooldown: 5m")]), said(Code::IdleRule, "5m"));
    assert_eq!(warnings(&[("disable_after: 4", "disable_after: 3")]), said(Code::IdleRule, "3"));
    assert_eq!(warnings(&[("at_most: 2h", "at_most: 1h")]), said(Code::IdleRule, "2"));
    // It never escalates, so there is nothing that cannot happen.
    assert_eq!(warnings(&[("at_most: 2h", "at_most: 1h"), ("escalate: 2", "escalate: 1")]), []);
}

#[test]
fn more_codes_than_can_be_sent_are_never_valid_at_once() {
    let three = ("ttl: 5m", "ttl: 5m, live: 3");
    assert_eq!(warnings(&[three]), said(Code::IdleRule, "3"));
    assert_eq!(warnings(&[three, ("cooldown: 299s", "cooldown: 149s")]), []);
    assert_eq!(warnings(&[three, ("cooldown: 299s", "cooldown: 150s")]), said(Code::IdleRule, "3"));
    let few = ("c: { max: 8,", "c: { max: 2,");
    assert_eq!(warnings(&[three, ("cooldown: 299s", "cooldown: 1s"), few]), said(Code::IdleRule, "3"));
    let enough = ("c: { max: 8,", "c: { max: 3,");
    assert_eq!(warnings(&[three, ("cooldown: 299s", "cooldown: 1s"), enough]), []);
}

#[test]
fn a_lock_lasts_as_long_as_what_it_is_to_protect() {
    let lock = |time: &str| ("for: 1h", format!("for: {time}"));
    let (short, enough) = (lock("299s"), lock("5m"));
    assert_eq!(warnings(&[("for: 1h", &short.1)]), said(Code::ShortLock, "299s"));
    assert_eq!(warnings(&[("for: 1h", &enough.1)]), []);
    let failures = |max: u32, per: &str| {
        let limit = format!("max: {max}, per: {per}, by: [subject], count: failures");
        warnings(&[("max: 9, per: 1h, by: [subject]", &limit)])
    };
    assert_eq!(failures(3, "2h"), said(Code::ShortLock, "1h"));
    assert_eq!(failures(3, "1h"), []);
    assert_eq!(failures(4, "2h"), []);
    // What is not by subject alone, or counts more than failures, goes on refusing for other reasons.
    for other in ["by: [subject, client_ip], count: failures", "by: [subject]"] {
        let limit = format!("max: 3, per: 2h, {other}");
        let found = warnings(&[("max: 9, per: 1h, by: [subject]", &limit)]);
        assert!(found.iter().all(|(code, _)| *code != Code::ShortLock), "{other}: {found:?}");
    }
}

#[test]
fn what_is_wrong_with_limits_that_routes_share_is_said_once_of_each() {
    let failures = |number: u32| format!("max: {number}, per: 2h, by: [subject], count: failures");
    let found = warnings(&[
        ("max: 9, per: 1h, by: [subject]", &failures(3)),
        ("max: 3, per: 1m, by: [subject]", &failures(2)),
        (
            "status: { purpose: request.query.p }",
            "verify: { code: request.body.c, reference: request.body.r }, limits: [a, b]",
        ),
        ("[GET]", "[PUT]"),
    ]);
    let short = found.iter().filter(|(code, _)| *code == Code::ShortLock);
    assert_eq!(short.count(), 2, "{found:?}");
}

#[test]
fn codes_are_taken_somewhere_and_not_mailed_without_end() {
    assert_eq!(
        warnings(&[
            ("limits: [c]", "limits: []"),
            ("status: { purpose: request.query.p }", "status: { purpose: request.query.p }, limits: [c]")
        ]),
        said(Code::EndlessCodes, "p")
    );
    let by_address = ("c: { max: 8, per: 1h, by: [subject] }", "c: { max: 8, per: 1h, by: [client_ip] }");
    assert_eq!(warnings(&[by_address]), said(Code::EndlessCodes, "p"));
    let verify = "verify: { code: request.body.c, reference: request.body.r }";
    assert_eq!(
        warnings(&[(verify, "status: { purpose: request.body.p }")]),
        said(Code::UncheckedPurpose, "p")
    );
}

#[test]
fn of_several_routes_that_verify_each_says_whose_codes_it_takes() {
    let status = "status: { purpose: request.query.p }";
    let second = "verify: { code: request.body.c, reference: request.query.r }";
    let get = ("[GET]", "[PUT]");
    // One purpose: there is nothing to mix up.
    assert_eq!(warnings(&[(status, second), get]), []);
    let other = (
        "purposes:\n",
        "purposes:\n  q: { code: { digits: 6, ttl: 5m }, lockout: { after: 3, for: 1h }, limits: [c] }\n",
    );
    let send = (
        "issue: { purpose: p, reference: response.body.r, recipient: claims.email }",
        "send: { purpose: request.body.p, recipient: claims.email }",
    );
    assert_eq!(warnings(&[other, send]), []);
    let both: Vec<Code> = warnings(&[other, send, (status, second), get]).iter().map(|w| w.0).collect();
    assert_eq!(both, [Code::TakesAll, Code::TakesAll]);
    let named = second.replace(" }", ", purposes: [p, q] }");
    let one: Vec<Code> = warnings(&[other, send, (status, &named), get]).iter().map(|w| w.0).collect();
    assert_eq!(one, [Code::TakesAll]);
}

#[test]
fn codes_of_a_purpose_are_issued_by_a_route_of_its_own_or_sent_by_any() {
    let issue = "issue: { purpose: p, reference: response.body.r, recipient: claims.email }";
    let other = "q: { code: { digits: 6, ttl: 5m }, lockout: { after: 3, for: 1h } }\n  p:";
    assert_eq!(warnings(&[("p: { code", &format!("{other} {{ code"))]), said(Code::IdlePurpose, "q"));
    let send = "send: { purpose: request.body.p, recipient: claims.email }";
    assert_eq!(warnings(&[(issue, send)]), []);
}

#[test]
fn a_body_is_not_selected_from_where_there_is_none() {
    let body = ("request.query.p", "request.body.p");
    for (method, bodiless) in [("GET", true), ("DELETE", true), ("OPTIONS", true), ("PUT", false)] {
        let codes: Vec<Code> =
            warnings(&[body, ("[GET]", &format!("[{method}]"))]).iter().map(|w| w.0).collect();
        assert_eq!(codes, if bodiless { vec![Code::Bodiless] } else { Vec::new() }, "{method}");
    }
    assert_eq!(warnings(&[body, ("[GET]", "[GET, POST]")]), []);
}

#[test]
fn a_key_set_without_tls_is_only_for_this_machine() {
    let url = |url: &str| warnings(&[("https://id.example/keys", url)]);
    for here in ["http://127.0.0.1/k", "http://127.9.9.9:80/k", "http://[::1]:80/k", "http://localhost/k"] {
        assert_eq!(url(here), [], "{here}");
    }
    for away in ["http://10.0.0.1/k", "http://[2001:db8::1]/k", "http://localhost.example/k"] {
        assert_eq!(url(away), said(Code::PlainJwks, &format!("\"{away}\"")));
    }
    assert_eq!(url("https://10.0.0.1/k"), []);
}
