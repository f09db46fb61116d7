//! Which reasons the decisions of a route can have, for series that exist before the first of them. It must
//! not know metrics. A reason that is missing here is counted all the same, only from its first time on.

use super::snapshot::Action;
use crate::domain::reason::Reason;

/// What every intercepted request can meet.
const EVERYWHERE: &[Reason] = &[
    Reason::AmbiguousPath,
    Reason::MethodNotAllowed,
    Reason::Unauthorized,
    Reason::IdentityUnavailable,
    Reason::InvalidRequest,
    Reason::UnsupportedMediaType,
    Reason::BodyTooLarge,
    Reason::RateLimited,
    Reason::StateUnavailable,
    Reason::Overloaded,
    Reason::Internal,
];

/// Where the upstream is asked.
const FORWARDED: &[Reason] = &[Reason::UpstreamUnavailable, Reason::UpstreamTimeout];

const LOCKED: &[Reason] = &[Reason::Locked, Reason::Disabled];

const ISSUE: &[Reason] = &[
    Reason::Issued,
    Reason::RecipientMismatch,
    Reason::UpstreamRefused,
    Reason::NoReference,
    Reason::ReferenceSpent,
    Reason::OutboxFull,
    Reason::TemplateFailed,
];

const VERIFY: &[Reason] = &[
    Reason::Verified,
    Reason::Released,
    Reason::OutcomeUnknown,
    Reason::Invalid,
    Reason::Expired,
    Reason::NotFound,
    Reason::Superseded,
    Reason::Used,
    Reason::UnknownKey,
];

const SEND: &[Reason] = &[Reason::Issued, Reason::RecipientMismatch, Reason::Used, Reason::Superseded];

/// Every reason that a decision on such a route can have.
pub fn of(action: &Action) -> Vec<Reason> {
    let own: &[&[Reason]] = match action {
        Action::Issue(_) => &[FORWARDED, LOCKED, ISSUE],
        Action::Verify(_) => &[FORWARDED, LOCKED, VERIFY],
        Action::Send(_) => &[LOCKED, SEND],
        Action::Status(_) => &[&[Reason::Told]],
        Action::Limit => &[FORWARDED, &[Reason::Admitted]],
    };
    [EVERYWHERE].iter().chain(own).flat_map(|reasons| reasons.iter().copied()).collect()
}
