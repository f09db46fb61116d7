use std::time::Duration;

use super::world::*;
use crate::domain::admit::Refusal;
use crate::domain::binding::Binding;
use crate::domain::code::Code;
use crate::domain::id::Purpose;
use crate::domain::lockout::Lock;
use crate::domain::outbox::{Message, MessageKind};
use crate::domain::verify::{Settlement, VerifyCommand, VerifyOutcome};
use crate::policy::decision::{Denial, NotFound};
use crate::policy::facts::Facts;
use crate::policy::snapshot::{Action, PolicySnapshot, VerifyRule};
use crate::policy::verify::{Answer, Hold, before, lock_notice, reserved};

fn rule(snapshot: &PolicySnapshot) -> &VerifyRule {
    match &route(snapshot, "verify").action {
        Action::Verify(rule) => rule,
        other => panic!("{other:?}"),
    }
}

fn asked(keys: &[&str], body: &str) -> Result<VerifyCommand, Denial> {
    let snapshot = snapshot();
    let route = route(&snapshot, "verify");
    before(route, rule(&snapshot), &facts(body, ""), &keyring(keys), &request())
}

fn presenting(otp: &str) -> Result<VerifyCommand, Denial> {
    asked(&["k"], &format!(r#"{{"otp":{otp},"transaction_reference":"FUND-1"}}"#))
}

#[test]
fn the_command_carries_caller_reference_request_limits_and_every_lockout() {
    let command = presenting("\"603645\"").unwrap();
    assert_eq!((command.subject, command.reference), (subject(), reference("FUND-1")));
    assert_eq!(command.request, request());
    assert_eq!(owners(&command.takes), [("of-failures", "s=u1".to_owned())]);
    let after: Vec<_> = command.lockouts.iter().map(|(name, rule)| (name.as_str(), rule.after)).collect();
    assert_eq!(after, [("wallet_deduction", 5), ("wallet_funding", 3)]);
}

#[test]
fn a_route_for_some_purposes_knows_no_other_and_no_code_of_another_length() {
    let line = "      retryable: [409, 503]\n";
    let snapshot = snapshot_with(line, &format!("{line}      purposes: [wallet_deduction]\n"));
    let (route, rule) = (route(&snapshot, "verify"), rule(&snapshot));
    let ask = |otp: &str| {
        let body = format!(r#"{{"otp":"{otp}","transaction_reference":"FUND-1"}}"#);
        before(route, rule, &facts(&body, ""), &keyring(&["k"]), &request())
    };
    let known: Vec<_> = ask("60364512").unwrap().lockouts.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(known, [Purpose::parse("wallet_deduction").unwrap()]);
    assert!(matches!(ask("603645"), Err(Denial::InvalidRequest(_))), "six digits are of the other purpose");
}

#[test]
fn a_code_is_compared_as_it_was_written_and_a_number_also_with_the_zeros_it_lost() {
    for (otp, codes) in [
        ("\"603645\"", &["603645"][..]),
        ("\" 603645 \"", &["603645"]),
        ("\"00603645\"", &["00603645"]),
        ("603645", &["603645", "00603645"]),
        ("42", &["000042", "00000042"]),
        ("60364512", &["60364512"]),
    ] {
        let command = presenting(otp).unwrap();
        let expected: Vec<_> = codes
            .iter()
            .map(|code| {
                let code = Code::presented(code, None).unwrap();
                keyring(&["k"]).sign(&subject(), &reference("FUND-1"), &code)
            })
            .collect();
        assert_eq!(command.candidates.len(), expected.len(), "{otp}");
        for (found, expected) in command.candidates.iter().zip(&expected) {
            assert!(found.matches(expected), "{otp}");
        }
    }
}

#[test]
fn a_code_is_compared_under_every_key() {
    let body = r#"{"otp":"603645","transaction_reference":"FUND-1"}"#;
    let kids: Vec<_> =
        asked(&["new", "old"], body).unwrap().candidates.into_iter().map(|digest| digest.kid).collect();
    assert_eq!(kids, keyring(&["new", "old"]).prints().cloned().collect::<Vec<_>>());
}

#[test]
fn what_can_be_no_code_or_no_reference_is_refused_before_anything_is_counted() {
    for otp in ["\"\"", "\"42\"", "\"6036451\"", "\"12345678901\"", "\"60364x\"", "true", "603645123"] {
        let text = "invalid `otp`: must be the digits of the code";
        assert_eq!(presenting(otp).unwrap_err(), Denial::InvalidRequest(text.to_owned()), "{otp}");
    }
    for (body, missing) in [
        (r#"{"transaction_reference":"FUND-1"}"#, "`otp` is required"),
        (r#"{"otp":"603645"}"#, "`transaction_reference` is required"),
    ] {
        assert_eq!(asked(&["k"], body).unwrap_err(), Denial::InvalidRequest(missing.to_owned()));
    }
    let refused = asked(&["k"], r#"{"otp":"603645","transaction_reference":"a b"}"#).unwrap_err();
    let Denial::InvalidRequest(text) = refused else { panic!("{refused:?}") };
    assert!(text.starts_with("invalid `transaction_reference`: must be"), "{text}");
}

#[test]
fn every_other_answer_of_the_store_is_a_denial_of_its_own() {
    let purpose = || Purpose::parse("wallet_funding").unwrap();
    let lock = Lock::Until(later(900));
    let wrong = |left, lock| VerifyOutcome::Mismatch { purpose: purpose(), left, lock };
    for (outcome, expected) in [
        (wrong(2, None), Denial::CodeInvalid { left: 2 }),
        (wrong(0, Some(lock)), Denial::Locked { lock, at: NOW, set_now: true }),
        (VerifyOutcome::Expired { purpose: purpose() }, Denial::CodeExpired),
        (VerifyOutcome::Unknown, Denial::CodeNotFound(NotFound::Unknown)),
        (VerifyOutcome::Superseded { purpose: purpose() }, Denial::CodeNotFound(NotFound::Superseded)),
        (VerifyOutcome::UnknownKey { purpose: purpose() }, Denial::CodeNotFound(NotFound::UnknownKey)),
        (VerifyOutcome::Spent { purpose: purpose() }, Denial::CodeUsed),
        (VerifyOutcome::Refused(Refusal::Locked(lock)), Denial::Locked { lock, at: NOW, set_now: false }),
    ] {
        let refused = reserved(presenting("\"603645\"").unwrap(), outcome, NOW).unwrap_err();
        assert_eq!(refused, expected);
    }
}

fn hold() -> Hold {
    let outcome = VerifyOutcome::Reserved {
        purpose: Purpose::parse("wallet_funding").unwrap(),
        binding: Binding::default(),
        age: Duration::from_secs(7),
    };
    reserved(presenting("\"603645\"").unwrap(), outcome, NOW).unwrap().1
}

#[test]
fn a_right_code_lets_the_request_through_and_holds_its_challenge() {
    let hold = hold();
    assert_eq!((hold.purpose.as_str(), hold.age), ("wallet_funding", Duration::from_secs(7)));
}

#[test]
fn an_answer_uses_the_code_up_unless_the_policy_calls_it_retryable() {
    let snapshot = snapshot();
    for (answer, expected) in [
        (Answer::Status(200), Some(Settlement::Commit)),
        (Answer::Status(400), Some(Settlement::Commit)),
        (Answer::Status(500), Some(Settlement::Commit)),
        (Answer::Status(409), Some(Settlement::Release)),
        (Answer::Status(503), Some(Settlement::Release)),
        (Answer::NotSent, Some(Settlement::Release)),
        (Answer::Unclear, None),
    ] {
        let settled = hold().settle(rule(&snapshot), answer);
        assert_eq!(settled.as_ref().map(|command| command.settlement), expected, "{answer:?}");
        if let Some(command) = settled {
            assert_eq!((command.subject, command.reference), (subject(), reference("FUND-1")));
            assert_eq!(command.request, request());
        }
    }
}

fn notice(purpose_name: &str, facts: &Facts) -> Option<Message> {
    let snapshot = snapshot();
    let purpose = purpose(&snapshot, purpose_name);
    lock_notice(purpose, facts, Lock::Until(later(900)), &request(), NOW).unwrap()
}

#[test]
fn a_lock_is_told_to_the_address_of_the_token_for_an_hour() {
    let message = notice("wallet_funding", &facts("", "")).unwrap();
    assert_eq!((message.kind, message.purpose.as_str()), (MessageKind::LockNotice, "wallet_funding"));
    assert_eq!((message.queued_at, message.worthless_at), (NOW, later(60 * 60)));
    assert_eq!((message.request, message.envelope.recipient.as_str()), (request(), "Jane@example.com"));
    assert!(message.envelope.text.contains("until 17 January 2026, 10:15 UTC"));
}

#[test]
fn without_an_address_nobody_is_told() {
    let nameless = |claims| Facts { caller: caller(claims), ..facts("", "") };
    assert!(notice("wallet_funding", &nameless(&[])).is_none());
    assert!(notice("wallet_funding", &nameless(&[("email", "not an address")])).is_none());
}
