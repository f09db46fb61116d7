//! What is decided on a request, and the proof that something was.

use std::time::Duration;

use http::Method;

use super::snapshot::Route;
use crate::domain::admit::Refusal;
use crate::domain::id::{LimitName, Purpose};
use crate::domain::lockout::Lock;
use crate::domain::reason::Reason;
use crate::domain::time::Timestamp;

/// The right to forward one request to the upstream. Only `policy` can make one, so a request that
/// no decision let through cannot be forwarded: forging it elsewhere does not compile.
#[must_use = "a request that was let through must be forwarded, or its reservation released"]
#[derive(Debug)]
pub struct Admission(());

impl Admission {
    pub(in crate::policy) fn grant() -> Self {
        Self(())
    }

    /// For tests of what comes after a decision.
    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        Self::grant()
    }
}

/// A request that is refused, with everything that its answer will say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denial {
    /// A spelling that folds to a protected path without being a proper one.
    AmbiguousPath,
    /// The path takes only these methods.
    MethodNotAllowed(Vec<Method>),
    /// No valid token.
    Unauthorized,
    /// No key to check tokens with yet.
    IdentityUnavailable,
    /// The head or the body is not what the route takes; says what is.
    InvalidRequest(String),
    /// The body is neither JSON nor a form; says what is wrong with its type.
    UnsupportedMediaType(String),
    /// The body is longer than this many bytes.
    BodyTooLarge(usize),
    /// The address is not the caller's; says what is wrong with it.
    RecipientMismatch(String),
    /// Locked or disabled.
    Locked {
        /// The lock in force.
        lock: Lock,
        /// When it was found.
        at: Timestamp,
        /// Whether this very request's wrong code set it.
        set_now: bool,
    },
    /// A limit is full.
    RateLimited {
        /// Which one.
        limit: LimitName,
        /// How many it allows.
        max: u32,
        /// When one more will fit.
        retry_at: Timestamp,
        /// When it was found.
        at: Timestamp,
    },
    /// A wrong code.
    CodeInvalid {
        /// How many more wrong ones there may be before a lock.
        left: u32,
    },
    /// A code that has expired.
    CodeExpired,
    /// No such challenge; the reason tells why.
    CodeNotFound(NotFound),
    /// A challenge that was used.
    CodeUsed,
    /// The store did not answer.
    StateUnavailable,
    /// Too much is under way.
    Overloaded,
    /// The upstream could not be reached, or broke off.
    UpstreamUnavailable {
        /// Whether it may have got the request.
        was_sent: bool,
    },
    /// The upstream did not answer in time.
    UpstreamTimeout,
    /// A fault of the sidecar itself.
    Internal,
}

/// Why there is no challenge to compare with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotFound {
    /// There is none of this subject and reference.
    Unknown,
    /// A newer one took its place.
    Superseded,
    /// Its codes were made under a key that is not configured here.
    UnknownKey,
}

impl Denial {
    /// A refusal of the store, found at `at`.
    pub fn refused(refusal: Refusal, at: Timestamp) -> Self {
        match refusal {
            Refusal::Locked(lock) => Self::Locked { lock, at, set_now: false },
            Refusal::Limited(full) => {
                Self::RateLimited { limit: full.limit, max: full.max, retry_at: full.retry_at, at }
            }
        }
    }

    /// The word for metrics, logs and audit lines.
    pub fn reason(&self) -> Reason {
        match self {
            Self::AmbiguousPath => Reason::AmbiguousPath,
            Self::MethodNotAllowed(_) => Reason::MethodNotAllowed,
            Self::Unauthorized => Reason::Unauthorized,
            Self::IdentityUnavailable => Reason::IdentityUnavailable,
            Self::InvalidRequest(_) => Reason::InvalidRequest,
            Self::UnsupportedMediaType(_) => Reason::UnsupportedMediaType,
            Self::BodyTooLarge(_) => Reason::BodyTooLarge,
            Self::RecipientMismatch(_) => Reason::RecipientMismatch,
            Self::Locked { set_now: true, .. } | Self::CodeInvalid { .. } => Reason::Invalid,
            Self::Locked { lock: Lock::Disabled, .. } => Reason::Disabled,
            Self::Locked { .. } => Reason::Locked,
            Self::RateLimited { .. } => Reason::RateLimited,
            Self::CodeExpired => Reason::Expired,
            Self::CodeNotFound(NotFound::Unknown) => Reason::NotFound,
            Self::CodeNotFound(NotFound::Superseded) => Reason::Superseded,
            Self::CodeNotFound(NotFound::UnknownKey) => Reason::UnknownKey,
            Self::CodeUsed => Reason::Used,
            Self::StateUnavailable => Reason::StateUnavailable,
            Self::Overloaded => Reason::Overloaded,
            Self::UpstreamUnavailable { .. } => Reason::UpstreamUnavailable,
            Self::UpstreamTimeout => Reason::UpstreamTimeout,
            Self::Internal => Reason::Internal,
        }
    }

    /// How long until the same request may fare better, if that is known.
    pub fn wait(&self) -> Option<Duration> {
        match self {
            Self::Locked { lock: Lock::Until(until), at, .. } => Some(until.since(*at)),
            Self::RateLimited { retry_at, at, .. } => Some(retry_at.since(*at)),
            Self::StateUnavailable | Self::Overloaded | Self::IdentityUnavailable => {
                Some(Duration::from_secs(1))
            }
            _ => None,
        }
    }

    /// The path, in the policy, of the rule that refused. None where no rule of the policy did.
    pub fn rule(&self, route: &Route, purpose: Option<&Purpose>) -> Option<String> {
        let name = &route.name;
        let of_purpose = |what: &str| Some(format!("purposes.{}.{what}", purpose?));
        match self {
            Self::AmbiguousPath | Self::MethodNotAllowed(_) => Some(format!("routes.{name}.match")),
            Self::Unauthorized => Some("identity.jwt".to_owned()),
            Self::RecipientMismatch(_) => Some(format!("routes.{name}.{}.recipient", route.action.word())),
            Self::RateLimited { limit, .. } if *limit == LimitName::resend_cooldown() => {
                of_purpose("resend.cooldown")
            }
            Self::RateLimited { limit, .. } => Some(format!("limits.{limit}")),
            Self::Locked { lock: Lock::Disabled, .. } => of_purpose("lockout.disable_after"),
            Self::Locked { .. } => of_purpose("lockout"),
            Self::CodeExpired => of_purpose("code.ttl"),
            Self::InvalidRequest(_)
            | Self::UnsupportedMediaType(_)
            | Self::BodyTooLarge(_)
            | Self::CodeInvalid { .. }
            | Self::CodeNotFound(_)
            | Self::CodeUsed
            | Self::IdentityUnavailable
            | Self::StateUnavailable
            | Self::Overloaded
            | Self::UpstreamUnavailable { .. }
            | Self::UpstreamTimeout
            | Self::Internal => None,
        }
    }

    /// Until when the limit or the lock refuses.
    pub fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Locked { lock: Lock::Until(until), .. } => Some(*until),
            Self::RateLimited { retry_at, .. } => Some(*retry_at),
            _ => None,
        }
    }
}
