//! The policy in force, swapped as a whole. A request takes it once and sees no other.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::identity::jwt::Authenticator;
use crate::policy::snapshot::PolicySnapshot;

/// A policy and what was built from it.
pub struct InForce {
    /// The compiled policies.
    pub snapshot: Arc<PolicySnapshot>,
    /// Checks tokens as the policy says.
    pub authenticator: Authenticator,
}

/// Where the policy in force is kept.
#[derive(Clone)]
pub struct PolicyHandle(Arc<ArcSwap<InForce>>);

impl PolicyHandle {
    /// Starts with this policy.
    pub fn new(first: InForce) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(first)))
    }

    /// The policy in force.
    pub fn current(&self) -> Arc<InForce> {
        self.0.load_full()
    }

    /// Puts another one in force. Requests that have begun keep theirs.
    pub fn replace(&self, next: InForce) {
        self.0.store(Arc::new(next));
    }
}
