//! What happens, as values. [`recorder`](super::recorder) makes it visible.

use std::time::Duration;

use crate::domain::id::{LimitName, PolicyHash, Purpose, RequestId, RouteName};
use crate::domain::lockout::Lock;
use crate::domain::outbox::MessageKind;
use crate::domain::reason::Reason;
use crate::domain::subject::{Recipient, Subject};
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
    /// A code was stored and its message queued.
    CodeIssued {
        /// Who asked.
        actor: Actor<'a>,
        /// What it is for.
        purpose: &'a Purpose,
        /// How it travels.
        channel: &'static str,
        /// Where it goes.
        recipient: &'a Recipient,
        /// How long it lives.
        expires_in: Duration,
    },
    /// A code could not be made although the upstream agreed.
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
