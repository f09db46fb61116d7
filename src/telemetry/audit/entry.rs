//! What happened, as owned values that can wait in a queue. Everything in here is cheap to clone.

use std::net::IpAddr;
use std::time::Duration;

use crate::domain::id::{LimitName, PolicyHash, Purpose, Reference, RequestId, RouteName};
use crate::domain::outbox::MessageKind;
use crate::domain::pseudonym::AuditForms;
use crate::domain::subject::{ClientAddr, Subject, mask_addresses};
use crate::domain::tally::Tally;
use crate::domain::time::Timestamp;
use crate::telemetry::event::{Actor, Event, Intervention, Ruling, Settled};

/// One line to be.
#[derive(Debug)]
pub struct Entry {
    /// When it happened.
    pub time: Timestamp,
    /// How many lines were lost between the one before it and this one.
    pub lost: u64,
    /// What happened.
    pub what: What,
}

/// What happened.
#[derive(Debug)]
pub enum What {
    /// A request was decided on.
    Decision(Decision),
    /// After its decision, a request ended in a failure.
    Failed {
        /// Whose.
        of: Of,
        /// Why.
        reason: &'static str,
    },
    /// A code was made, or could not be.
    Code {
        /// Whose.
        of: Of,
        /// What it is for.
        purpose: Purpose,
        /// Its challenge, and how long it lives; or why there is none.
        result: Result<(Reference, Duration), &'static str>,
    },
    /// A right code's reservation ended.
    Settled {
        /// Whose.
        of: Of,
        /// What the code was for.
        purpose: Purpose,
        /// How.
        result: Settled,
        /// How old the code was.
        age: Duration,
    },
    /// A mail was taken by a relay, or given up.
    Mail {
        /// The decision that asked for it.
        request: RequestId,
        /// What it is about.
        purpose: Purpose,
        /// What it says.
        kind: MessageKind,
        /// Why it was given up.
        failure: Option<&'static str>,
        /// Attempts made.
        attempt: u32,
        /// Since it was asked for.
        after: Duration,
    },
    /// An operator looked at or changed something.
    Operation(Box<Operation>),
    /// A policy was loaded or rejected.
    Policy {
        /// The one in force since then.
        hash: PolicyHash,
        /// How many routes it has.
        routes: usize,
        /// Whether a new one was rejected.
        rejected: bool,
    },
    /// The process began or ended to write lines.
    Process {
        /// Whether it began.
        started: bool,
    },
}

/// Which request a line is about.
#[derive(Debug)]
pub struct Of {
    /// The decision's id.
    pub request: RequestId,
    /// The trace, if the request belongs to one.
    pub trace: Option<String>,
    /// The route.
    pub route: RouteName,
    /// The caller, once known.
    pub subject: Option<Subject>,
    /// The forms that the policy asks for.
    pub forms: AuditForms,
}

/// A decision.
#[derive(Debug)]
pub struct Decision {
    /// On which request.
    pub of: Of,
    /// The policy that decided.
    pub policy: PolicyHash,
    /// What the route does.
    pub action: &'static str,
    /// `allowed`, `refused` or `failed`.
    pub outcome: &'static str,
    /// Why.
    pub reason: &'static str,
    /// The rule of the policy that refused.
    pub rule: Option<String>,
    /// Until when it refuses.
    pub until: Option<Timestamp>,
    /// What the code is for.
    pub purpose: Option<Purpose>,
    /// The challenge.
    pub reference: Option<Reference>,
    /// Whether the code was right, if it was compared.
    pub right: Option<bool>,
    /// Where the request came from.
    pub client: IpAddr,
    /// What was counted.
    pub tally: Tally,
}

impl Of {
    fn actor(actor: &Actor<'_>) -> Self {
        Self {
            request: actor.request.clone(),
            trace: actor.trace.map(str::to_owned),
            route: actor.route.clone(),
            subject: actor.subject.cloned(),
            forms: actor.forms,
        }
    }
}

/// What an operator did.
#[derive(Debug)]
pub struct Operation {
    /// The word.
    pub word: &'static str,
    /// What came of it.
    pub result: &'static str,
    /// Who, with addresses masked.
    pub by: String,
    /// Why, with addresses masked.
    pub note: String,
    /// Whom it is about.
    pub subject: Option<Subject>,
    /// What it is about.
    pub purpose: Option<Purpose>,
    /// Which challenge.
    pub reference: Option<Reference>,
    /// Which limit.
    pub limit: Option<LimitName>,
    /// Which address.
    pub client: Option<IpAddr>,
    /// The forms that the policy asks for.
    pub forms: AuditForms,
}

impl Operation {
    fn of(intervention: &Intervention<'_>) -> Self {
        Self {
            word: intervention.operation,
            result: intervention.result,
            by: mask_addresses(intervention.by),
            note: mask_addresses(intervention.reason),
            subject: intervention.subject.cloned(),
            purpose: intervention.purpose.cloned(),
            reference: intervention.reference.cloned(),
            limit: intervention.limit.cloned(),
            client: intervention.client.map(ClientAddr::ip),
            forms: intervention.forms,
        }
    }
}

/// When and what, if the event is one that the audit log tells.
pub(super) fn of(event: &Event<'_>) -> Option<(Option<Timestamp>, What)> {
    let what = match event {
        Event::Ruled { actor, ruling } => return Some((ruling.at, decision(actor, ruling))),
        Event::Failed { actor, reason } => What::Failed { of: Of::actor(actor), reason: reason.as_str() },
        Event::CodeIssued { actor, purpose, reference, expires_in, .. } => What::Code {
            of: Of::actor(actor),
            purpose: (*purpose).clone(),
            result: Ok(((*reference).clone(), *expires_in)),
        },
        Event::CodeNotIssued { actor, purpose, reason } => {
            What::Code { of: Of::actor(actor), purpose: (*purpose).clone(), result: Err(reason.as_str()) }
        }
        Event::Settled { actor, purpose, result, age } => {
            What::Settled { of: Of::actor(actor), purpose: (*purpose).clone(), result: *result, age: *age }
        }
        // What will be tried again has not ended.
        Event::Delivery { failure: Some(_), given_up: false, .. } => return None,
        Event::Delivery { request, purpose, kind, failure, attempt, after, .. } => What::Mail {
            request: (*request).clone(),
            purpose: (*purpose).clone(),
            kind: *kind,
            failure: failure.map(|(reason, _)| reason),
            attempt: *attempt,
            after: *after,
        },
        Event::Operated { intervention } => {
            let what = What::Operation(Box::new(Operation::of(intervention)));
            return Some((intervention.at, what));
        }
        Event::Reload { hash, routes, error, at } => {
            let what = What::Policy { hash: (*hash).clone(), routes: *routes, rejected: error.is_some() };
            return Some((Some(*at), what));
        }
        Event::Decided { .. }
        | Event::CodeMatched { .. }
        | Event::CodeAccepted { .. }
        | Event::VerifyFailed { .. }
        | Event::Locked { .. }
        | Event::LimitHit { .. }
        | Event::AdminRefused { .. }
        | Event::Unsettled { .. } => return None,
    };
    Some((None, what))
}

fn decision(actor: &Actor<'_>, ruling: &Ruling<'_>) -> What {
    What::Decision(Decision {
        of: Of::actor(actor),
        policy: actor.policy.clone(),
        action: ruling.action,
        outcome: ruling.outcome,
        reason: ruling.reason,
        rule: ruling.rule.clone(),
        until: ruling.until,
        purpose: ruling.purpose.cloned(),
        reference: ruling.reference.cloned(),
        right: ruling.right,
        client: actor.client,
        tally: ruling.tally.cloned().unwrap_or_default(),
    })
}
