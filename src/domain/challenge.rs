//! One challenge: its codes, its binding, and the phase it is in.
//!
//! ```text
//!            right code, reserved for one request          the upstream answered
//!   Live ────────────────────────────────────► Reserved ───────────────────────► Consumed
//!    │  ▲                                        │
//!    │  └──── nothing was sent to the upstream ──┘      unknown outcome: stays Reserved
//!    └──► Superseded, by a newer challenge of the same subject and purpose
//! ```

use std::time::Duration;

use super::binding::Binding;
use super::id::{Purpose, Reference, RequestId};
use super::keyring::Digest;
use super::time::Timestamp;

/// How long a challenge is remembered beyond its newest code, so that a late code is told to be
/// expired or used rather than unknown, and a resend keeps its reference.
pub const REMEMBERED_BEYOND_CODE: Duration = Duration::from_secs(30 * 60);

/// One issued code, as stored.
#[derive(Debug, Clone)]
pub struct StoredCode {
    /// The keyed digest.
    pub digest: Digest,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// From then on it is expired.
    pub expires_at: Timestamp,
}

/// Where a challenge stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// A right code will be accepted.
    Live,
    /// A right code was presented by this request, whose outcome at the upstream is not known yet.
    Reserved(RequestId),
    /// A right code was presented and the upstream answered.
    Consumed,
    /// A newer challenge took its place.
    Superseded,
}

/// One challenge of one subject.
#[derive(Debug, Clone)]
pub struct Challenge {
    /// What its codes are for.
    pub purpose: Purpose,
    /// What its codes are tied to.
    pub binding: Binding,
    /// The newest codes, oldest first.
    pub codes: Vec<StoredCode>,
    /// Where it stands.
    pub phase: Phase,
    /// From then on it is forgotten.
    pub remembered_until: Timestamp,
}

/// The pending challenge of a subject and purpose, as others may know it: no digest in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// The client's handle.
    pub reference: Reference,
    /// What its codes are tied to.
    pub binding: Binding,
    /// When its newest code was issued.
    pub issued_at: Timestamp,
    /// When its newest code expires; perhaps in the past.
    pub expires_at: Timestamp,
    /// Whether a request holds it, so that no code may be added to it.
    pub reserved: bool,
}

impl Challenge {
    /// Whether it is still remembered.
    pub fn is_remembered(&self, now: Timestamp) -> bool {
        self.remembered_until > now
    }

    /// Whether it can still come to an acceptance, now or when its reservation is released.
    pub fn is_pending(&self) -> bool {
        matches!(self.phase, Phase::Live | Phase::Reserved(_))
    }

    /// The public view of it.
    pub fn view(&self, reference: &Reference) -> Pending {
        let newest = self.codes.last();
        Pending {
            reference: reference.clone(),
            binding: self.binding.clone(),
            issued_at: newest.map_or(Timestamp::default(), |code| code.issued_at),
            expires_at: newest.map_or(Timestamp::default(), |code| code.expires_at),
            reserved: matches!(self.phase, Phase::Reserved(_)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_live_or_reserved_challenge_can_still_come_to_an_acceptance() {
        let request = RequestId::parse(&"0".repeat(32)).unwrap();
        for (phase, is_pending) in [
            (Phase::Live, true),
            (Phase::Reserved(request), true),
            (Phase::Consumed, false),
            (Phase::Superseded, false),
        ] {
            let challenge = Challenge {
                purpose: Purpose::parse("wallet_funding").unwrap(),
                binding: Binding::default(),
                codes: Vec::new(),
                phase,
                remembered_until: Timestamp::default(),
            };
            assert_eq!(challenge.is_pending(), is_pending, "{:?}", challenge.phase);
        }
    }
}
