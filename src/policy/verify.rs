//! Checking a code: what is asked of the store, what its answer means, and what the upstream's answer
//! means for the reservation.

use std::time::Duration;

use super::body::Scalar;
use super::decision::{Admission, Denial, NotFound};
use super::facts::Facts;
use super::snapshot::{PurposeRules, Route, VerifyRule};
use super::template::{LockFacts, RenderError};
use crate::domain::code::{Code, Digits};
use crate::domain::id::{Purpose, Reference, RequestId};
use crate::domain::keyring::Keyring;
use crate::domain::lockout::Lock;
use crate::domain::outbox::{Envelope, Message, MessageKind};
use crate::domain::subject::{Recipient, Subject};
use crate::domain::time::Timestamp;
use crate::domain::verify::{SettleCommand, Settlement, VerifyCommand, VerifyOutcome};

/// How long a notice that a lock has begun is worth sending.
const NOTICE_WORTH: Duration = Duration::from_secs(60 * 60);

/// Asks for the code to be compared and its challenge to be reserved.
///
/// # Errors
/// When code or reference is missing or cannot be one. Nothing is counted then.
pub fn before(
    route: &Route,
    rule: &VerifyRule,
    facts: &Facts,
    keyring: &Keyring,
    request: &RequestId,
) -> Result<VerifyCommand, Denial> {
    let presented = facts.require(&rule.code)?;
    let reference = facts.require(&rule.reference)?;
    let reference = Reference::parse(reference.text()).map_err(|problem| {
        Denial::InvalidRequest(format!("invalid `{}`: {problem}", rule.reference.path.join(".")))
    })?;
    let codes = presented_codes(rule, presented);
    if codes.is_empty() {
        return Err(Denial::InvalidRequest(format!(
            "invalid `{}`: must be the digits of the code",
            rule.code.path.join(".")
        )));
    }
    let subject = facts.subject();
    Ok(VerifyCommand {
        subject: subject.clone(),
        candidates: codes.iter().flat_map(|code| keyring.candidates(subject, &reference, code)).collect(),
        reference,
        request: request.clone(),
        lockouts: rule.lockouts.clone(),
        takes: facts.takes(route.limits.iter().map(AsRef::as_ref), None),
    })
}

/// What the presented value may mean: a text exactly the code it spells, a number also one that has
/// lost its leading zeros. Purposes may differ in the length of their codes, and which purpose it is
/// only the store knows.
fn presented_codes(rule: &VerifyRule, presented: Scalar<'_>) -> Vec<Code> {
    let mut lengths: Vec<u8> = rule.purposes.iter().map(|purpose| purpose.digits.get()).collect();
    lengths.sort_unstable();
    lengths.dedup();
    let is_number = matches!(presented, Scalar::Number(_));
    lengths
        .into_iter()
        .filter_map(Digits::new)
        .filter_map(|digits| {
            Code::presented(presented.text(), is_number.then_some(digits)).map(|code| (digits, code))
        })
        .filter(|(digits, code)| code.expose().len() == usize::from(digits.get()))
        .map(|(_, code)| code)
        .collect()
}

/// A right code's challenge, held by one request until the upstream has answered. It must be settled:
/// dropping it leaves the challenge reserved until it expires.
#[must_use]
#[derive(Debug)]
pub struct Hold {
    /// What the code was for.
    pub purpose: Purpose,
    /// How long ago it was issued.
    pub age: Duration,
    subject: Subject,
    reference: Reference,
    request: RequestId,
}

/// What is known about the upstream after a request was to be forwarded to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It answered with this status.
    Status(u16),
    /// It was not reached, and nothing was sent.
    NotSent,
    /// It may have acted: no answer in time, or the connection broke after sending.
    Unclear,
}

impl Hold {
    /// What the answer means for the code: used up, free for another try, or, when nobody can know
    /// whether the upstream acted, neither.
    pub fn settle(self, rule: &VerifyRule, answer: Answer) -> Option<SettleCommand> {
        let settlement = match answer {
            Answer::Status(status) if rule.retryable.contains(&status) => Settlement::Release,
            Answer::Status(_) => Settlement::Commit,
            Answer::NotSent => Settlement::Release,
            Answer::Unclear => return None,
        };
        Some(SettleCommand {
            subject: self.subject,
            reference: self.reference,
            request: self.request,
            settlement,
        })
    }
}

/// Reads the answer to [`before`].
///
/// # Errors
/// The refusal.
pub fn reserved(
    command: VerifyCommand,
    outcome: VerifyOutcome,
    at: Timestamp,
) -> Result<(Admission, Hold), Denial> {
    match outcome {
        VerifyOutcome::Reserved { purpose, age, .. } => {
            let VerifyCommand { subject, reference, request, .. } = command;
            Ok((Admission::grant(), Hold { purpose, age, subject, reference, request }))
        }
        VerifyOutcome::Mismatch { lock: Some(lock), .. } => Err(Denial::Locked { lock, at, set_now: true }),
        VerifyOutcome::Mismatch { left, .. } => Err(Denial::CodeInvalid { left }),
        VerifyOutcome::Expired { .. } => Err(Denial::CodeExpired),
        VerifyOutcome::Unknown => Err(Denial::CodeNotFound(NotFound::Unknown)),
        VerifyOutcome::Superseded { .. } => Err(Denial::CodeNotFound(NotFound::Superseded)),
        VerifyOutcome::UnknownKey { .. } => Err(Denial::CodeNotFound(NotFound::UnknownKey)),
        VerifyOutcome::Spent { .. } => Err(Denial::CodeUsed),
        VerifyOutcome::Refused(refusal) => Err(Denial::refused(refusal, at)),
    }
}

/// The message that tells a person, once, that a lock has begun. `None` if their token has no address.
///
/// # Errors
/// When the template fails.
pub fn lock_notice(
    purpose: &PurposeRules,
    facts: &Facts,
    lock: Lock,
    request: &RequestId,
    at: Timestamp,
) -> Result<Option<Message>, RenderError> {
    let claimed = purpose.address_claim.as_ref().and_then(|claim| facts.select(claim));
    let Some(recipient) = claimed.and_then(|address| Recipient::parse(address.text()).ok()) else {
        return Ok(None);
    };
    let rendered = purpose.lock_notice.render_lock(&LockFacts { purpose: &purpose.name, lock, at })?;
    let envelope =
        Envelope { recipient, subject: rendered.subject, text: rendered.text, html: rendered.html };
    Ok(Some(Message {
        request: request.clone(),
        purpose: purpose.name.clone(),
        kind: MessageKind::LockNotice,
        envelope,
        queued_at: at,
        worthless_at: at.plus(NOTICE_WORTH),
        traceparent: None,
    }))
}
