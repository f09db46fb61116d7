//! Making a code: before the upstream is asked, and after it agreed. `send` uses the same steps with
//! no upstream between them.

use super::decision::{Admission, Denial};
use super::facts::Facts;
use super::snapshot::{IssueRule, PurposeRules, Route};
use super::template::{CodeFacts, RenderError};
use crate::domain::admit::{AdmitCommand, AdmitOutcome, Standing, Standpoint};
use crate::domain::binding::Binding;
use crate::domain::challenge::Pending;
use crate::domain::code::{Code, Entropy};
use crate::domain::id::{LimitName, Reference, RequestId};
use crate::domain::issue::{Expected, IssueCommand};
use crate::domain::keyring::Keyring;
use crate::domain::outbox::{Envelope, Message, MessageKind};
use crate::domain::reason::Reason;
use crate::domain::subject::{Recipient, Subject};
use crate::domain::time::Timestamp;

/// Asks for the lock and every limit, before anything is done.
pub fn before(route: &Route, purpose: &PurposeRules, facts: &Facts) -> AdmitCommand {
    let limits = route.limits.iter().chain(&purpose.limits).map(AsRef::as_ref);
    AdmitCommand {
        standpoint: Some(Standpoint {
            subject: facts.subject().clone(),
            purpose: purpose.name.clone(),
            refuse_locked: true,
        }),
        takes: facts.takes(limits, Some(&purpose.name)),
    }
}

/// Reads the answer to [`before`].
///
/// # Errors
/// The refusal.
pub fn admitted(outcome: AdmitOutcome, at: Timestamp) -> Result<(Admission, Standing), Denial> {
    match outcome {
        AdmitOutcome::Admitted(standing) => Ok((Admission::grant(), standing)),
        AdmitOutcome::Refused(refusal) => Err(Denial::refused(refusal, at)),
    }
}

/// The reference in the upstream's answer.
pub fn reference_in(rule: &IssueRule, answer: &serde_json::Value) -> Option<Reference> {
    let found = rule.reference.path.iter().try_fold(answer, |value, name| value.get(name))?;
    Reference::parse(found.as_str()?).ok()
}

/// Which challenge a resend belongs to: the pending one, with what it is tied to, or a new one.
///
/// # Errors
/// When a request holds the pending challenge: what it did is not known yet, and a code that could
/// be used again must not be made.
pub fn resend(
    pending: Option<Pending>,
    entropy: &dyn Entropy,
) -> Result<(Reference, Expected, Binding), Denial> {
    match pending {
        Some(pending) if pending.reserved => Err(Denial::CodeUsed),
        Some(pending) => {
            Ok((pending.reference.clone(), Expected::Pending(pending.reference), pending.binding))
        }
        None => Ok((Reference::mint(entropy), Expected::Nothing, Binding::default())),
    }
}

/// What a `send` that could make no code answers.
pub fn not_made(reason: Reason) -> Denial {
    match reason {
        Reason::OutboxFull => Denial::Overloaded,
        Reason::ReferenceSpent => Denial::CodeUsed,
        Reason::StateUnavailable => Denial::StateUnavailable,
        _ => Denial::Internal,
    }
}

/// The refusal of a `send` whose last code is too young.
pub fn too_soon(retry_at: Timestamp, at: Timestamp) -> Denial {
    Denial::RateLimited { limit: LimitName::resend_cooldown(), max: 1, retry_at, at }
}

/// For whom and for what a code is made.
#[derive(Debug)]
pub struct Order<'a> {
    /// What it is for.
    pub purpose: &'a PurposeRules,
    /// Whose it is.
    pub subject: &'a Subject,
    /// Where it goes.
    pub recipient: Recipient,
    /// The challenge.
    pub reference: Reference,
    /// What is believed to be pending.
    pub expected: Expected,
    /// What it is tied to.
    pub binding: Binding,
    /// The request that asks for it.
    pub request: &'a RequestId,
    /// When it was asked for.
    pub at: Timestamp,
}

/// Draws a code, digests it for the store and renders it for the person. The code itself ends here.
///
/// # Errors
/// When the template fails. Nothing was stored.
pub fn mint(
    order: Order<'_>,
    keyring: &Keyring,
    entropy: &dyn Entropy,
) -> Result<(IssueCommand, Message), RenderError> {
    let purpose = order.purpose;
    let code = Code::draw(purpose.digits, entropy);
    let rendered = purpose.template.render_code(&CodeFacts {
        purpose: &purpose.name,
        code: &code,
        requested_at: order.at,
        ttl: purpose.ttl,
        binding: &order.binding,
    })?;
    let digest = keyring.sign(order.subject, &order.reference, &code);
    let cooldown = match order.expected {
        Expected::Anything => std::time::Duration::ZERO,
        Expected::Pending(_) | Expected::Nothing => purpose.cooldown,
    };
    let command = IssueCommand {
        subject: order.subject.clone(),
        purpose: purpose.name.clone(),
        reference: order.reference,
        expected: order.expected,
        binding: order.binding,
        digest,
        ttl: purpose.ttl,
        live: purpose.live,
        cooldown,
    };
    let message = Message {
        request: order.request.clone(),
        purpose: purpose.name.clone(),
        kind: MessageKind::Code,
        envelope: Envelope {
            recipient: order.recipient,
            subject: rendered.subject,
            text: rendered.text,
            html: rendered.html,
        },
        queued_at: order.at,
        worthless_at: order.at.plus(purpose.ttl),
        traceparent: None,
    };
    Ok((command, message))
}
