use std::time::Duration;

use serde_json::json;

use super::world::*;
use crate::domain::admit::{AdmitOutcome, Refusal, Standing};
use crate::domain::binding::Binding;
use crate::domain::challenge::Pending;
use crate::domain::code::Code;
use crate::domain::issue::Expected;
use crate::domain::lockout::Lock;
use crate::domain::outbox::MessageKind;
use crate::policy::decision::Denial;
use crate::policy::issue::{Order, admitted, before, mint, reference_in, resend};
use crate::policy::snapshot::{Action, IssueRule, PolicySnapshot, PurposeRules};

fn rule(snapshot: &PolicySnapshot) -> &IssueRule {
    match &route(snapshot, "fund").action {
        Action::Issue(rule) => rule,
        other => panic!("{other:?}"),
    }
}

fn pending(reserved: bool) -> Pending {
    Pending {
        reference: reference("FUND-1"),
        binding: Binding::of([("amount", "5000")]),
        issued_at: NOW,
        expires_at: later(300),
        reserved,
    }
}

#[test]
fn the_limits_of_the_route_come_before_those_of_the_purpose_and_a_lock_refuses() {
    let snapshot = snapshot();
    let purpose = purpose(&snapshot, "wallet_funding");
    let command = before(route(&snapshot, "fund"), purpose, &facts("", ""));
    assert_eq!(
        owners(&command.takes),
        [
            ("of-caller", "s=u1".to_owned()),
            ("of-address", "c=192.0.2.7".to_owned()),
            ("of-purpose", "s=u1 p=wallet_funding".to_owned()),
        ]
    );
    let standpoint = command.standpoint.unwrap();
    assert_eq!((standpoint.subject, standpoint.purpose), (subject(), purpose.name.clone()));
    assert!(standpoint.refuse_locked);
}

#[test]
fn an_admission_keeps_the_standing_and_a_refusal_says_when_it_was_found() {
    let standing = Standing { failures: 2, lock: None, pending: Some(pending(false)) };
    let (_, kept) = admitted(AdmitOutcome::Admitted(standing.clone()), NOW).unwrap();
    assert_eq!(kept, standing);

    let lock = Lock::Until(later(900));
    let refused = admitted(AdmitOutcome::Refused(Refusal::Locked(lock)), NOW).unwrap_err();
    assert_eq!(refused, Denial::Locked { lock, at: NOW, set_now: false });
}

#[test]
fn the_reference_is_read_where_the_policy_says_and_only_if_it_is_one() {
    let snapshot = snapshot();
    let read = |answer| reference_in(rule(&snapshot), &answer);
    assert_eq!(read(json!({ "data": { "reference": "FUND-1" } })), Some(reference("FUND-1")));
    for unreadable in [
        json!({ "reference": "FUND-1" }),
        json!({ "data": "FUND-1" }),
        json!({ "data": { "reference": 17_059 } }),
        json!({ "data": { "reference": "a b" } }),
        json!([]),
    ] {
        assert_eq!(read(unreadable.clone()), None, "{unreadable}");
    }
}

#[test]
fn a_resend_belongs_to_the_pending_challenge_and_else_to_a_new_one_that_is_tied_to_nothing() {
    let (kept, expected, binding) = resend(Some(pending(false)), &Constant(1)).unwrap();
    assert_eq!((kept, expected), (reference("FUND-1"), Expected::Pending(reference("FUND-1"))));
    assert_eq!(binding, pending(false).binding);

    let (minted, expected, binding) = resend(None, &Constant(0xab)).unwrap();
    assert_eq!((minted.as_str(), expected), (&*format!("OTP-{}", "ab".repeat(16)), Expected::Nothing));
    assert!(binding.is_empty());
}

#[test]
fn no_code_is_made_for_a_challenge_that_a_request_holds() {
    assert_eq!(resend(Some(pending(true)), &Constant(1)).unwrap_err(), Denial::CodeUsed);
}

fn order<'a>(
    purpose: &'a PurposeRules,
    subject: &'a crate::domain::subject::Subject,
    request: &'a crate::domain::id::RequestId,
    expected: Expected,
) -> Order<'a> {
    Order {
        purpose,
        subject,
        recipient: recipient("jane@example.com"),
        reference: reference("FUND-1"),
        expected,
        binding: Binding::of([("amount", "5000")]),
        request,
        at: NOW,
    }
}

#[test]
fn the_code_in_the_mail_is_the_one_whose_digest_is_stored() {
    let snapshot = snapshot();
    let keyring = keyring(&["new", "old"]);
    for (name, digits) in [("wallet_funding", 6), ("wallet_deduction", 8)] {
        let (subject, request) = (subject(), request());
        let order = order(purpose(&snapshot, name), &subject, &request, Expected::Anything);
        let (command, message) = mint(order, &keyring, &Constant(0x5a)).unwrap();
        let text = &message.envelope.text;
        let mut alone =
            text.lines().filter(|line| line.bytes().all(|b| b.is_ascii_digit()) && !line.is_empty());
        let code = alone.next().unwrap();
        assert_eq!((code.len(), alone.next()), (digits, None));
        assert!(message.envelope.html.is_some_and(|html| html.contains(code)));
        assert!(!message.envelope.subject.contains(code));

        let sent = Code::presented(code, None).unwrap();
        assert!(command.digest.matches(&keyring.sign(&subject, &command.reference, &sent)));
    }
}

#[test]
fn command_and_message_carry_what_was_ordered_and_what_the_purpose_says() {
    let snapshot = snapshot();
    let funding = purpose(&snapshot, "wallet_funding");
    let (subject, request) = (subject(), request());
    let order = order(funding, &subject, &request, Expected::Anything);
    let (command, message) = mint(order, &keyring(&["k"]), &Constant(1)).unwrap();

    assert_eq!((command.subject, command.reference), (subject, reference("FUND-1")));
    assert_eq!((command.ttl, command.live), (Duration::from_secs(300), 2));
    assert_eq!(command.binding.get("amount"), Some("5000"));
    assert_eq!((&command.purpose, &message.purpose), (&funding.name, &funding.name));
    assert_eq!((message.kind, message.request), (MessageKind::Code, request));
    assert_eq!((message.queued_at, message.worthless_at), (NOW, later(300)));
    assert_eq!(message.envelope.recipient.as_str(), "jane@example.com");
    assert!(message.envelope.text.contains("5,000"), "the amount is shown");
}

#[test]
fn only_a_resend_waits_for_the_cooldown() {
    let snapshot = snapshot();
    let (subject, request) = (subject(), request());
    for (expected, cooldown) in
        [(Expected::Anything, 0), (Expected::Nothing, 30), (Expected::Pending(reference("FUND-1")), 30)]
    {
        let order = order(purpose(&snapshot, "wallet_funding"), &subject, &request, expected.clone());
        let (command, _) = mint(order, &keyring(&["k"]), &Constant(1)).unwrap();
        assert_eq!(command.cooldown, Duration::from_secs(cooldown), "{expected:?}");
        assert_eq!(command.expected, expected);
    }
}
