//! What is found between two policies.

use super::{Difference, differences};
use crate::policy::compile::compile;
use crate::policy::snapshot::PolicySnapshot;
use crate::policy::source::SourceFile;
use crate::policy::tests::files::World;
use crate::policy::tests::shipped::shipped;

fn show(difference: &Difference) -> String {
    let side = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    let Difference { path, was, now, effect } = difference;
    format!("{path}: {} → {} ({})", side(was), side(now), effect.as_str())
}

/// What is found when one text is replaced.
fn check_there(from: &str, to: &str, expected: &[&str]) {
    let found: Vec<String> = differences(&shipped(&[]), &shipped(&[(from, to)])).iter().map(show).collect();
    assert_eq!(found, expected);
}

/// What is found when one text is replaced, and that the way back is the same the other way round.
fn check(from: &str, to: &str, expected: &[&str]) {
    check_there(from, to, expected);
    let (was, now) = (shipped(&[]), shipped(&[(from, to)]));
    let back = differences(&now, &was);
    assert_eq!(back.len(), expected.len());
    for (there, back) in differences(&was, &now).iter().zip(&back) {
        assert_eq!((&there.path, there.effect), (&back.path, back.effect.reversed()));
    }
}

#[test]
fn limits_are_stricter_with_less_room_in_longer_windows() {
    let verify = "verify:       { max: 10, per: 15m, by: [subject] }";
    check(verify, "verify: { max: 5, per: 15m, by: [subject] }", &["limits.verify.max: 10 → 5 (stricter)"]);
    check(verify, "verify: { max: 10, per: 5m, by: [subject] }", &["limits.verify.per: 15m → 5m (looser)"]);
    check(
        verify,
        "verify: { max: 10, per: 15m, by: [subject], count: failures }",
        &["limits.verify.count: all → failures (looser)"],
    );
    check(
        "by: [client_ip] }\n  verify",
        "by: [everyone] }\n  verify",
        &["limits.send-ip.by: client_ip → everyone (changed)"],
    );
}

#[test]
fn purposes_are_stricter_with_longer_locks_and_shorter_lives() {
    check(
        "wallet_deduction:\n    code:     { digits: 6, ttl: 5m, live: 2 }",
        "wallet_deduction:\n    code:     { digits: 7, ttl: 3m, live: 3 }",
        &[
            "purposes.wallet_deduction.code.digits: 6 → 7 (stricter)",
            "purposes.wallet_deduction.code.live: 2 → 3 (looser)",
            "purposes.wallet_deduction.code.ttl: 5m → 3m (stricter)",
        ],
    );
    check(
        "template: wallet_deduction",
        "template: wallet_deduction\n    resend: { cooldown: 30s }",
        &["purposes.wallet_deduction.resend.cooldown: 0s → 30s (stricter)"],
    );
}

#[test]
fn a_path_that_is_no_longer_protected_is_looser() {
    check(
        "path: [/api/wallet/verify-otp, /api/wallet/otp/verify]",
        "path: /api/wallet/verify-otp",
        &["routes.verify.match.path: /api/wallet/otp/verify → - (looser)"],
    );
    check(
        "recipient: { from: request.body.email, must_equal: claims.email }",
        "recipient: claims.email",
        &["routes.send.send.recipient.from: request.body.email → - (looser)"],
    );
    check(
        "reference: request.body.transaction_reference",
        "reference: request.body.transaction_reference\n      retryable: [503]",
        &["routes.verify.verify.retryable: - → 503 (looser)"],
    );
}

#[test]
fn who_is_calling_is_compared_without_showing_keys() {
    check(
        "key: { env: JWT_SECRET }",
        "key: { env: OTHER_SECRET }",
        &["identity.jwt.key: secret → another secret (changed)"],
    );
    check(
        "algorithms: [HS256]",
        "issuer: https://id.example\n    algorithms: [HS256, HS512]",
        &[
            "identity.jwt.algorithms: - → HS512 (looser)",
            "identity.jwt.issuer: - → https://id.example (stricter)",
        ],
    );
}

#[test]
fn routes_and_limits_that_come_or_go_are_told_as_a_whole() {
    check(
        "unauthorized: { max: 30, per: 1m,  by: [client_ip] }",
        "unauthorized: { max: 30, per: 1m,  by: [client_ip] }\n  spare: { max: 5, per: 1h, by: [subject, purpose] }",
        &["limits.spare: - → 5 per 1h by subject, purpose (stricter)"],
    );
    check_there(
        "  - name: status\n    match: { methods: [GET], path: /api/wallet/otp/status }",
        "  - name: other\n    match: { methods: [GET], path: /api/wallet/otp/status }",
        &[
            "routes.status: status GET /api/wallet/otp/status → - (looser)",
            "routes.other: - → status GET /api/wallet/otp/status (stricter)",
        ],
    );
}

#[test]
fn what_a_route_does_with_other_methods_is_compared() {
    check(
        "path: /api/wallet/fund }",
        "path: /api/wallet/fund, other_methods: forward }",
        &["routes.fund.match.other_methods: refuse → forward (looser)"],
    );
}

#[test]
fn where_a_route_looks_is_compared() {
    check(
        "reference: response.body.transactionReference ",
        "reference: response.body.ref ",
        &["routes.fund.issue.reference: response.body.transactionReference → response.body.ref (changed)"],
    );
    check(
        "bind: { amount: request.body.amount } ",
        "bind: { amount: request.body.amount, to: request.body.to } ",
        &["routes.fund.issue.bind: - → to: request.body.to (stricter)"],
    );
    check(
        "purpose: request.query.purpose",
        "purpose: request.query.for",
        &["routes.status.status.purpose: request.query.purpose → request.query.for (changed)"],
    );
    check(
        "code: request.body.otp",
        "code: request.body.code",
        &["routes.verify.verify.code: request.body.otp → request.body.code (changed)"],
    );
}

#[test]
fn other_origins_and_what_audit_lines_show_are_compared() {
    check_there(
        "cors: { allow_origins: [\"*\"] }",
        "cors: { allow_origins: [\"https://a.example\"] }",
        &["cors.allow_origins: * → - (stricter)", "cors.allow_origins: - → https://a.example (looser)"],
    );
}

/// The shipped policy with this key, and with these templates beside it.
fn with(key: &str, templates: &[(&str, &str)]) -> PolicySnapshot {
    let text = include_str!("../../../policies/default.yaml");
    let notice = "template: wallet_funding\n    lock_notice: notice\n";
    let text = text.replacen("template: wallet_funding", notice, 1);
    let text = text.replace("algorithms: [HS256]", "algorithms: [EdDSA]").replace("{ env: JWT_SECRET }", key);
    let file = |(path, text): (&str, &str)| SourceFile { path: path.to_owned(), text: text.to_owned() };
    let mut files = vec![file(("policy.yaml", &text))];
    files.extend(templates.iter().copied().map(file));
    compile(&files, &World).unwrap_or_else(|problems| panic!("{problems}")).snapshot
}

const PEM: &str = "{ file: /keys/ed25519.pem }";
const CODE: (&str, &str) = ("templates/wallet_funding.txt", "Subject: A code\n\n{{ code }}\n");
const NOTICE: (&str, &str) = ("templates/notice.txt", "Subject: Locked\n\nYou are locked out.\n");

#[test]
fn keys_are_the_same_when_they_say_the_same() {
    let set = |name: &str| format!("{{ jwks_url: \"https://{name}.example/keys\" }}");
    let found = |was: &str, now: &str| -> Vec<String> {
        let both = [was, now].map(|key| with(key, &[NOTICE]));
        differences(&both[0], &both[1]).iter().map(show).collect()
    };
    assert_eq!(found(PEM, PEM), [""; 0]);
    assert_eq!(found(&set("a"), &set("a")), [""; 0]);
    assert_eq!(
        found(&set("a"), &set("b")),
        ["identity.jwt.key: key set at a.example → key set at b.example (changed)"]
    );
    assert_eq!(found(PEM, &set("a")), ["identity.jwt.key: public key → key set at a.example (changed)"]);
}

#[test]
fn templates_are_the_same_when_their_mails_are() {
    let found = |was: &[(&str, &str)], now: &[(&str, &str)]| -> Vec<String> {
        differences(&with(PEM, was), &with(PEM, now)).iter().map(show).collect()
    };
    let told = |field: &str| [format!("purposes.wallet_funding.{field}: one text → another text (changed)")];
    let spelt = (CODE.0, "Subject: A code\n\n{{ code|trim }}\n");
    assert_eq!(found(&[CODE, NOTICE], &[spelt, NOTICE]), [""; 0]);
    let code = (CODE.0, "Subject: A code\n\nHere it is:\n{{ code }}\n");
    assert_eq!(found(&[CODE, NOTICE], &[code, NOTICE]), told("template"));
    let notice = (NOTICE.0, "Subject: Locked\n\nNobody gets in.\n");
    assert_eq!(found(&[CODE, NOTICE], &[CODE, notice]), told("lockout.notice"));
}
