//! What is found between two policies.

use super::{Difference, differences};
use crate::policy::tests::shipped::shipped;

fn show(difference: &Difference) -> String {
    let side = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    let Difference { path, was, now, effect } = difference;
    format!("{path}: {} → {} ({})", side(was), side(now), effect.as_str())
}

/// What is found when one text is replaced, and that the way back is the same the other way round.
fn check(from: &str, to: &str, expected: &[&str]) {
    let (was, now) = (shipped(&[]), shipped(&[(from, to)]));
    let found: Vec<String> = differences(&was, &now).iter().map(show).collect();
    assert_eq!(found, expected);
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
