//! Values of labels that are no names of a policy.

use crate::domain::reason::Reason;

/// The `route` label of requests that no route names.
pub const PASSED: &str = "passed";

/// The `purpose` label of verifications of challenges that do not exist.
pub const NO_PURPOSE: &str = "none";

/// The reasons a verification is refused for.
pub const VERIFY_FAILURES: &[Reason] = &[
    Reason::Invalid,
    Reason::Expired,
    Reason::NotFound,
    Reason::Superseded,
    Reason::Used,
    Reason::UnknownKey,
    Reason::Locked,
    Reason::Disabled,
    Reason::RateLimited,
];

/// The `operation` label: what operators can do to what is remembered, and the one question that is told.
pub const OPERATIONS: &[&str] = &["clear", "revoke", "reset", "sweep", "examine"];

/// The `outcome` label of a decision.
pub fn outcome(reason: Reason) -> &'static str {
    use Reason as R;
    match reason {
        R::Admitted | R::Issued | R::Verified | R::Told | R::UpstreamRefused | R::Released => "allowed",
        R::NoReference | R::ReferenceSpent | R::OutboxFull | R::TemplateFailed | R::OutcomeUnknown => {
            "incomplete"
        }
        R::IdentityUnavailable
        | R::StateUnavailable
        | R::Overloaded
        | R::UpstreamUnavailable
        | R::UpstreamTimeout
        | R::Internal => "failed",
        _ => "refused",
    }
}
