//! What becomes known of a request on its way, until its audit line is written.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::domain::id::{Purpose, Reference};
use crate::domain::tally::Tally;
use crate::domain::time::Timestamp;

/// What becomes known of a request on its way, for its audit line.
#[derive(Debug, Default)]
pub struct Known {
    pub(super) purpose: OnceLock<Purpose>,
    pub(super) reference: OnceLock<Reference>,
    pub(super) counted: OnceLock<(Timestamp, Tally)>,
    ruled: AtomicBool,
}

impl Known {
    /// What the code is for.
    pub fn purpose(&self, purpose: &Purpose) {
        self.purpose.get_or_init(|| purpose.clone());
    }

    /// Which challenge it is about.
    pub fn reference(&self, reference: &Reference) {
        self.reference.get_or_init(|| reference.clone());
    }

    /// What the store counted, and when. The first decision of the store is the one that counts.
    pub fn counted(&self, at: Timestamp, tally: &Tally) {
        if let Some(account) = &tally.account {
            self.purpose(&account.purpose);
        }
        self.counted.get_or_init(|| (at, tally.clone()));
    }

    /// Marks that the decision on it is told. Whether it was marked before.
    pub(super) fn mark_ruled(&self) -> bool {
        self.ruled.swap(true, Ordering::AcqRel)
    }
}
