//! The closed list of reasons that a decision can have: one word for metrics, logs and audit lines.

/// Defines the list once: variant, word, meaning.
macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $word:literal,)*) => {
        /// Why a request on an intercepted route ended as it did.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $($(#[$doc])* $variant,)*
        }

        impl Reason {
            /// Every reason, so that each has a series from the start.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            /// The reason of this word.
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|reason| reason.as_str() == word)
            }
        }
    };
}

reasons! {
    /// Let through, within its limits.
    Admitted = "admitted",
    /// A code was stored and its message queued.
    Issued = "issued",
    /// A code was right, and the upstream answered.
    Verified = "verified",
    /// A status was told.
    Told = "told",
    /// The upstream refused, so no code was made.
    UpstreamRefused = "upstream_refused",
    /// The upstream's answer had no readable reference, so no code was made.
    NoReference = "no_reference",
    /// The reference of the upstream's answer was used before, so no code was made.
    ReferenceSpent = "reference_spent",
    /// The queue of messages was full, so no code was made.
    OutboxFull = "outbox_full",
    /// The template failed, so no code was made.
    TemplateFailed = "template_failed",
    /// The code was right, and the upstream asked for another try.
    Released = "released",
    /// The code was right, and what the upstream did with it is unknown.
    OutcomeUnknown = "outcome_unknown",
    /// A spelling that one router might take for a protected path and another not.
    AmbiguousPath = "ambiguous_path",
    /// The path takes other methods.
    MethodNotAllowed = "method_not_allowed",
    /// No valid token.
    Unauthorized = "unauthorized",
    /// No key to check tokens with yet.
    IdentityUnavailable = "identity_unavailable",
    /// The head or the body is not what the route takes.
    InvalidRequest = "invalid_request",
    /// The body is neither JSON nor a form.
    UnsupportedMediaType = "unsupported_media_type",
    /// The body is longer than allowed.
    BodyTooLarge = "body_too_large",
    /// The address is not the caller's.
    RecipientMismatch = "recipient_mismatch",
    /// The subject is locked.
    Locked = "locked",
    /// The purpose is disabled for the subject.
    Disabled = "disabled",
    /// A limit is full.
    RateLimited = "rate_limited",
    /// The code was compared and differed.
    Invalid = "invalid",
    /// The code has expired.
    Expired = "expired",
    /// The subject has no such challenge.
    NotFound = "not_found",
    /// A newer challenge took its place.
    Superseded = "superseded",
    /// The challenge was used, or another request holds it.
    Used = "used",
    /// The code was digested under a key that this replica does not have.
    UnknownKey = "unknown_key",
    /// The store did not answer.
    StateUnavailable = "state_unavailable",
    /// Too much is under way.
    Overloaded = "overloaded",
    /// The upstream could not be reached.
    UpstreamUnavailable = "upstream_unavailable",
    /// The upstream did not answer in time.
    UpstreamTimeout = "upstream_timeout",
    /// A fault of the sidecar itself.
    Internal = "internal",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_word_of_its_own() {
        let words: std::collections::HashSet<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        assert_eq!(words.len(), Reason::ALL.len());
        for reason in Reason::ALL {
            assert_eq!(Reason::parse(reason.as_str()), Some(*reason));
        }
        assert_eq!(Reason::parse("none of them"), None);
    }
}
