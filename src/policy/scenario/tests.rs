//! Tests of tests: what is read, what is presented, and what is found.

use super::read::read;
use super::run::{Outcome, run};
use crate::policy::diagnostic::Diagnostics;
use crate::policy::source::SourceFile;
use crate::policy::tests::shipped::shipped;

fn suite(text: &str) -> Result<super::Suite, Diagnostics> {
    read(&SourceFile { path: "tests.yaml".to_owned(), text: text.to_owned() })
}

/// The outcome of one test with these steps.
fn outcome(steps: &str) -> Outcome {
    let text = format!(
        "{{ version: 1, claims: {{ id: u1, email: jane@example.com }}, tests: [{{ name: a, steps: [{steps}] }}] }}"
    );
    let suite = suite(&text).unwrap_or_else(|problems| panic!("{problems}"));
    run(&suite.tests[0], &shipped(&[]))
}

/// What was not as expected: `what: expected, actual`.
fn found(steps: &str) -> Vec<String> {
    let show = |difference: &super::compare::Difference| {
        format!("{}: {}, {}", difference.what, difference.expected, difference.actual)
    };
    outcome(steps).differences.iter().map(show).collect()
}

const FUND: &str = "{ request: { path: /api/wallet/fund, body: { amount: 5 } }, expect: { status: 200 } }";

#[test]
fn everything_that_can_be_expected_is_compared() {
    let wrong = "{ request: { path: /api/wallet/verify-otp, code: wrong }, expect: {
        status: 200, error: none, rule: limits.verify, route: fund, headers: { Retry-After: 1, Content-Type: none },
        body: { attemptsRemaining: 7, success: null, a: { b: 1 } }, upstream: asked, lock: 15m, failures: 3,
        mails: [{ to: john@example.com }] } }";
    assert_eq!(
        found(&format!("{FUND}, {wrong}")),
        [
            "status: 200, 400",
            "error: none, otp_invalid",
            "rule: limits.verify, none",
            "route: fund, verify",
            "headers.retry-after: 1, none",
            "headers.content-type: none, application/json; charset=utf-8",
            "body.attemptsRemaining: 7, 2",
            "body.success: null, false",
            "body.a.b: 1, null",
            "upstream: asked, not asked",
            "lock: for 15m, none",
            "failures: 3, 1",
            "mails: 1, 0",
        ]
    );
}

#[test]
fn mails_are_compared_one_by_one_and_none_may_be_left_over() {
    let send = |mails: &str| {
        format!(
            "{{ request: {{ path: /api/wallet/otp/send, body: {{ purpose: wallet_funding, email: jane@example.com }} }},
               expect: {{ mails: {mails} }} }}"
        )
    };
    assert_eq!(found(&send("[{ to: jane@example.com, kind: code, purpose: wallet_funding }]")), [""; 0]);
    assert_eq!(found(&send("[]")), ["mails: 0, 1: code to jane@example.com"]);
    let different = found(&send(
        "[{ to: john@example.com, kind: lock_notice, purpose: wallet_deduction, subject: Hello, contains: [works once, twice] }]",
    ));
    assert_eq!(different.len(), 5, "{different:?}");
    assert_eq!(different[0], "mails[0].to: john@example.com, jane@example.com");
    assert_eq!(different[1], "mails[0].kind: lock_notice, code");
    assert!(different[4].starts_with("mails[0].contains: twice, "), "{different:?}");
}

#[test]
fn codes_are_presented_by_what_they_are() {
    let step = |code: &str, status: u16| {
        format!(
            "{{ request: {{ path: /api/wallet/verify-otp, code: {code} }}, expect: {{ status: {status} }} }}"
        )
    };
    let steps = |code: &str, status| format!("{FUND}, {FUND}, {}", step(code, status));
    for (code, status) in [("right", 200), ("wrong", 400), ("'000000'", 400)] {
        assert!(outcome(&steps(code, status)).passed(), "{code}");
    }
    // The older funding was superseded, and its code belongs to it.
    assert!(outcome(&steps("previous", 400)).passed());
    assert_eq!(
        found(&step("right", 200)),
        ["step: a request that can be made, no code was issued to this caller yet"]
    );
    assert_eq!(found(&format!("{FUND}, {}", step("previous", 200))).len(), 1);
    let elsewhere = "{ request: { path: /api/wallet/fund, code: right }, expect: { status: 200 } }";
    assert_eq!(
        found(elsewhere),
        [
            "step: a request that can be made, `code` is for routes with `verify`, and POST /api/wallet/fund is none"
        ]
    );
}

#[test]
fn the_clock_stands_still_between_steps_and_moves_as_they_say() {
    let look = |at: &str, repeat: &str| {
        format!(
            "{{ at: {at}, repeat: {repeat}, request: {{ path: '/api/wallet/otp/status?purpose=wallet_funding' }},
               expect: {{ status: 200 }} }}"
        )
    };
    let outcome = outcome(
        &[look("5s", "2 every 10s"), look("+1m", "1"), look("90s", "2"), look("+250ms", "1")].join(","),
    );
    assert!(outcome.passed(), "{:?}", outcome.differences);
    let after: Vec<u128> = outcome.history.iter().map(|played| played.after.as_millis()).collect();
    assert_eq!(after, [5_000, 15_000, 75_000, 90_000, 90_000, 90_250]);
    let turns: Vec<(u32, u32)> = outcome.history.iter().map(|played| played.turn).collect();
    assert_eq!(turns, [(1, 2), (2, 2), (1, 1), (1, 2), (2, 2), (1, 1)]);
    assert_eq!(outcome.steps, 6);
}

#[test]
fn a_group_of_steps_is_repeated_with_a_wait_between_its_rounds() {
    let look = "{ at: +1s, request: { path: '/api/wallet/otp/status?purpose=wallet_funding' }, expect: { status: 200 } }";
    let outcome = outcome(&format!("{{ repeat: 2 every 10s, steps: [{look}, {look}] }}"));
    let after: Vec<u64> = outcome.history.iter().map(|played| played.after.as_secs()).collect();
    assert_eq!(after, [1, 2, 13, 14]);
}

#[test]
fn a_test_ends_at_its_first_step_that_is_not_as_expected() {
    let step = |status: u16| {
        format!("{{ request: {{ path: /elsewhere, claims: anonymous }}, expect: {{ status: {status} }} }}")
    };
    let outcome = outcome(&[step(200), step(201), step(200)].join(","));
    assert_eq!((outcome.history.len(), outcome.steps), (2, 3));
    assert_eq!(outcome.history[1].status, 200);
}

#[test]
fn the_wallet_does_what_the_step_says() {
    let fund = |wallet: &str, expect: &str| {
        format!(
            "{{ request: {{ path: /api/wallet/fund, body: {{ amount: 5 }} }}, upstream: {wallet}, expect: {expect} }}"
        )
    };
    let steps = [
        fund("unreachable", "{ status: 502, upstream: asked, mails: [] }"),
        fund("timeout", "{ status: 504, error: upstream_timeout }"),
        fund(
            "{ status: 422, body: { message: no } }",
            "{ status: 422, body: { message: no, otpSent: null } }",
        ),
    ];
    assert_eq!(found(&steps.join(",")), [""; 0]);
    let no_reference =
        fund("{ body: { done: true } }", "{ status: 200, body: { otpSent: false }, mails: [] }");
    let text = fund("{ body: thank you }", "{ status: 200, mails: [] }");
    assert_eq!(found(&format!("{no_reference}, {text}")), [""; 0]);
}

#[test]
fn the_sidecars_own_answers_and_additions_are_those_of_a_running_one() {
    let steps = [
        "{ request: { path: /api/wallet/fund, body: { amount: 5 } },
           expect: { status: 200, body: { otpSent: true, otpExpiresIn: 300 } } }",
        "{ request: { path: /api/wallet/otp/send, body: { purpose: wallet_deduction, email: jane@example.com } },
           expect: { status: 200, headers: { Access-Control-Allow-Origin: '*' }, body: { success: true, expiresIn: 300 } } }",
        "{ request: { path: '/api/wallet/otp/status?purpose=wallet_funding' },
           expect: { status: 200, body: { exists: true, maxAttempts: 3 } } }",
    ];
    assert_eq!(found(&steps.join(",")), [""; 0]);
}

#[test]
fn a_preflight_reaches_the_wallet_unless_it_has_a_body() {
    let preflight = |body: &str, expect: &str| {
        format!(
            "{{ request: {{ method: OPTIONS, path: /api/wallet/fund, claims: anonymous, {body}
                 headers: {{ Origin: 'https://a.example', Access-Control-Request-Method: POST }} }}, expect: {expect} }}"
        )
    };
    let alone = preflight("", "{ status: 200, upstream: asked }");
    let loaded = preflight("body: { a: 1 },", "{ status: 400, error: invalid_request, upstream: not asked }");
    assert_eq!(found(&format!("{alone}, {loaded}")), [""; 0]);
}

#[test]
fn what_is_wrong_in_a_file_of_tests_is_refused() {
    let look = "{ request: { path: / }, expect: { status: 200 } }";
    let in_test =
        |fields: &str| format!("{{ version: 1, tests: [{{ name: a, {fields} steps: [{look}] }}] }}");
    let steps = |steps: &str| format!("{{ version: 1, tests: [{{ name: a, steps: [{steps}] }}] }}");
    let expecting = |expect: &str| steps(&format!("{{ request: {{ path: / }}, expect: {expect} }}"));
    let group = |times: u32| steps(&format!("{{ repeat: {times} every 1s, steps: [{look}, {look}] }}"));
    for wrong in [
        in_test("").replace("version: 1", "version: 2"),
        in_test("claims: nobody,"),
        in_test("start: noon,"),
        in_test("client: here,"),
        expecting("{ body: text }"),
        steps("{ at: 99999999999999ms, request: { path: / }, expect: { status: 200 } }"),
        group(5_001),
    ] {
        assert!(suite(&wrong).is_err(), "{wrong}");
    }
    for right in [
        in_test("claims: anonymous, start: '2026-01-17T11:00:00Z', client: 192.0.2.9,"),
        expecting("{ body: { a: text } }"),
        expecting("{ mails: [{ contains: text }] }"),
        group(5_000),
    ] {
        assert!(suite(&right).is_ok(), "{right}");
    }
    let set = suite(&in_test("start: '2026-01-17T11:00:00Z', client: 192.0.2.9,")).unwrap();
    assert_eq!(set.tests[0].start.to_iso8601(), "2026-01-17T11:00:00.000Z");
    assert_eq!(set.tests[0].steps[0].ask.client.to_string(), "192.0.2.9");
}

#[test]
fn a_code_of_the_mail_before_is_presented_as_previous() {
    let send = "{ request: { path: /api/wallet/otp/send, body: { purpose: wallet_funding, email: jane@example.com } },
        expect: { status: 200 } }";
    let verify = "{ request: { path: /api/wallet/verify-otp, code: previous }, expect: { status: 200 } }";
    assert_eq!(found(&format!("{send}, {send}, {verify}")), [""; 0]);
}

#[test]
fn locks_are_expected_in_words() {
    let wrong = |times: u32, lock: &str| {
        format!(
            "{{ repeat: {times}, request: {{ path: /api/wallet/verify-otp, code: wrong }},
               expect: {{ upstream: not asked, lock: {lock} }} }}"
        )
    };
    assert_eq!(found(&format!("{FUND}, {}, {}", wrong(2, "none"), wrong(1, "15m"))), [""; 0]);
    let text = format!(
        "{{ version: 1, claims: {{ id: u1, email: jane@example.com }}, tests: [{{ name: a, steps: [{FUND}, {}] }}] }}",
        wrong(1, "disabled")
    );
    let strict = shipped(&[("disable_after: 100", "disable_after: 1")]);
    let outcome = run(&suite(&text).unwrap().tests[0], &strict);
    assert!(outcome.passed(), "{:?}", outcome.differences);
    let last = outcome.history.last().unwrap();
    let rule = "purposes.wallet_funding.lockout.disable_after";
    assert_eq!((last.error.as_deref(), last.rule.as_deref()), (Some("disabled"), Some(rule)));
}

#[test]
fn a_media_type_that_a_step_gives_is_the_only_one() {
    let step =
        "{ request: { path: /api/wallet/fund, headers: { Content-Type: text/plain }, body: { amount: 5 } },
        expect: { status: 415, error: unsupported_media_type } }";
    assert_eq!(found(step), [""; 0]);
}

#[test]
fn values_in_quotes_are_texts_and_others_what_they_look_like() {
    let text = "{ version: 1, tests: [{ name: a, steps: [{ request: { path: /, body:
        { a: 1, b: '1', c: true, d: 1.50, e: null, f: [1, x], g: { h: yes } } }, expect: { status: 200 } }] }] }";
    let suite = suite(text).unwrap();
    let super::Payload::Object(body) = &suite.tests[0].steps[0].ask.body else { panic!("no object") };
    let written = serde_json::Value::Object(body.clone()).to_string();
    assert_eq!(written, r#"{"a":1,"b":"1","c":true,"d":1.5,"e":null,"f":[1,"x"],"g":{"h":"yes"}}"#);
}
