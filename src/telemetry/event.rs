//! What happens, as values. [`recorder`](super::recorder) makes it visible.

use std::net::IpAddr;
use std::time::Duration;

use crate::domain::id::{LimitName, PolicyHash, Purpose, Reference, RequestId, RouteName};
use crate::domain::lockout::Lock;
use crate::domain::outbox::MessageKind;
use crate::domain::pseudonym::AuditForms;
use crate::domain::reason::Reason;
use crate::domain::subject::{ClientAddr, Recipient, Subject};
use crate::domain::tally::Tally;
use crate::domain::time::Timestamp;
use crate::telemetry::propagation::TraceParent;

/// Who asked, and what the line can be found by.
#[derive(Debug, Clone, Copy)]
pub struct Actor<'a> {
    /// The route that decided.
    pub route: &'a RouteName,
    /// The decision's id.
    pub request: &'a RequestId,
    /// The caller, once known.
    pub subject: Option<&'a Subject>,
    /// The trace id of the request, if it belongs to a trace.
    pub trace: Option<&'a str>,
    /// The span that the request is in that trace.
    pub span: Option<&'a str>,
    /// The policy that the request sees.
    pub policy: &'a PolicyHash,
    /// Where it came from.
    pub client: IpAddr,
    /// The forms in which audit lines show caller and client.
    pub forms: AuditForms,
}

/// A decision as the audit log tells it: at the moment when it is made, before the wallet is asked.
#[derive(Debug)]
pub struct Ruling<'a> {
    /// When it was made, on the store's clock; `None` when the store was not asked.
    pub at: Option<Timestamp>,
    /// What the route does: `issue`, `verify`, `send`, `status`, `limit`.
    pub action: &'static str,
    /// `allowed`, `refused` or `failed`.
    pub outcome: &'static str,
    /// The word of the reason, or `matched` for a right code.
    pub reason: &'static str,
    /// The rule of the policy that refused, as its path in the policy.
    pub rule: Option<String>,
    /// Until when the rule refuses.
    pub until: Option<Timestamp>,
    /// What the code is for, as far as that is known.
    pub purpose: Option<&'a Purpose>,
    /// The challenge, as far as that is known.
    pub reference: Option<&'a Reference>,
    /// Whether the code was right, if one was compared.
    pub right: Option<bool>,
    /// What was counted, if the store was asked.
    pub tally: Option<&'a Tally>,
}

/// What an operator looked at or changed.
#[derive(Debug)]
pub struct Intervention<'a> {
    /// When, on the store's clock; `None` when the store did not tell.
    pub at: Option<Timestamp>,
    /// The word: one of [`OPERATIONS`](super::label::OPERATIONS).
    pub operation: &'static str,
    /// `changed`, `unchanged`, or `unknown` when the store did not tell; of an examined code, what was found.
    pub result: &'static str,
    /// Who, as far as they say so.
    pub by: &'a str,
    /// Why.
    pub reason: &'a str,
    /// Whom it is about.
    pub subject: Option<&'a Subject>,
    /// What it is about.
    pub purpose: Option<&'a Purpose>,
    /// Which challenge.
    pub reference: Option<&'a Reference>,
    /// Which limit.
    pub limit: Option<&'a LimitName>,
    /// Which address, if a limit counts by it.
    pub client: Option<ClientAddr>,
    /// The forms in which audit lines show people.
    pub forms: AuditForms,
}

/// How a right code's reservation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// The code is used up.
    Committed,
    /// The code may be tried again.
    Released,
    /// Nobody knows whether the wallet acted: the code stays reserved until it expires.
    Unknown,
    /// The store did not take the end: the code stays reserved, and it is tried again.
    Held,
}

/// Why somebody who asked for a call of operators was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdminRefusal {
    /// No admin token was presented, or not in a form that can be one.
    Missing,
    /// It was another one.
    Wrong,
    /// There is no admin token, so these calls are off.
    Off,
    /// Too many calls of its address waited for theirs to be compared.
    Crowded,
}

impl AdminRefusal {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Missing, Self::Wrong, Self::Off, Self::Crowded];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Wrong => "wrong",
            Self::Off => "off",
            Self::Crowded => "crowded",
        }
    }
}

/// Something that happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// A request on a route was decided.
    Decided {
        /// Who asked.
        actor: Actor<'a>,
        /// How it ended.
        reason: Reason,
    },
    /// A request on a route was decided on, for the audit log.
    Ruled {
        /// Who asked.
        actor: Actor<'a>,
        /// The decision.
        ruling: &'a Ruling<'a>,
    },
    /// A request that was let through ended in a failure, for the audit log.
    Failed {
        /// Who asked.
        actor: Actor<'a>,
        /// Why.
        reason: Reason,
    },
    /// A reservation ended, for the audit log.
    Settled {
        /// Whose.
        actor: Actor<'a>,
        /// What the code was for.
        purpose: &'a Purpose,
        /// How it ended.
        result: Settled,
        /// How old the code was when it was presented.
        age: Duration,
    },
    /// A code was stored and its message queued.
    CodeIssued {
        /// Who asked.
        actor: Actor<'a>,
        /// What it is for.
        purpose: &'a Purpose,
        /// Its challenge.
        reference: &'a Reference,
        /// How it travels.
        channel: &'static str,
        /// Where it goes.
        recipient: &'a Recipient,
        /// How long it lives.
        expires_in: Duration,
    },
    /// No code was made: the upstream refused, or it agreed and the code could not be made.
    CodeNotIssued {
        /// Who asked.
        actor: Actor<'a>,
        /// What it would have been for.
        purpose: &'a Purpose,
        /// Why not.
        reason: Reason,
    },
    /// A right code was reserved.
    CodeMatched {
        /// What it was for.
        purpose: &'a Purpose,
    },
    /// A right code was consumed.
    CodeAccepted {
        /// Who presented it.
        actor: Actor<'a>,
        /// What it was for.
        purpose: &'a Purpose,
        /// How long after its issue.
        age: Duration,
    },
    /// A verification was refused.
    VerifyFailed {
        /// Who tried.
        actor: Actor<'a>,
        /// What it was for, as far as that is known.
        purpose: Option<&'a Purpose>,
        /// Why.
        reason: Reason,
        /// Which failure in a row it was, when it was counted.
        attempt: Option<u32>,
    },
    /// A lock began.
    Locked {
        /// Whose.
        actor: Actor<'a>,
        /// For what.
        purpose: &'a Purpose,
        /// The lock.
        lock: Lock,
        /// How many failures set it.
        attempts: u32,
    },
    /// A limit refused.
    LimitHit {
        /// Who asked.
        actor: Actor<'a>,
        /// Which limit.
        limit: &'a LimitName,
        /// When one more will fit.
        retry_at: Timestamp,
    },
    /// A reservation could not be settled: the code stays reserved until it expires.
    Unsettled {
        /// Whose.
        actor: Actor<'a>,
        /// What is known.
        detail: &'a str,
    },
    /// An attempt to deliver a message ended.
    Delivery {
        /// The request that asked for it.
        request: &'a RequestId,
        /// Where it is in the trace of that request.
        place: Option<TraceParent>,
        /// What it is about.
        purpose: &'a Purpose,
        /// What it says.
        kind: MessageKind,
        /// `None` when a relay took it; else the word for what failed, and the details.
        failure: Option<(&'static str, &'a str)>,
        /// Which attempt it was, from 1.
        attempt: u32,
        /// Since it was asked for.
        after: Duration,
        /// Whether no further attempt will be made.
        given_up: bool,
    },
    /// An operator looked at or changed something.
    Operated {
        /// What.
        intervention: &'a Intervention<'a>,
    },
    /// A call of operators was refused, because the admin token did not come with it.
    AdminRefused {
        /// Why.
        reason: AdminRefusal,
        /// Who asked.
        peer: IpAddr,
    },
    /// Policies were loaded, or rejected.
    Reload {
        /// The policy now in force.
        hash: &'a PolicyHash,
        /// How many routes it has.
        routes: usize,
        /// Why the new one was rejected.
        error: Option<&'a str>,
        /// When.
        at: Timestamp,
    },
}
