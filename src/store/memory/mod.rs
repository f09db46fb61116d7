//! The embedded store: the functions of `domain` behind one mutex.
//!
//! One replica, nothing to install, and lost at a restart. Every call is a few map operations, so the
//! mutex is held for microseconds and never across a wait. It must not know where the time comes
//! from: the clock is passed in.

mod ledger;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::contract::{Challenges, Stamped, StoreError};
use crate::domain::admit::{self, AdmitCommand, AdmitOutcome};
use crate::domain::issue::{IssueCommand, IssueOutcome, issue};
use crate::domain::state::State;
use crate::domain::tally::Tally;
use crate::domain::time::{Clock, Timestamp};
use crate::domain::verify::{self, SettleCommand, SettleOutcome, VerifyCommand, VerifyOutcome, settle};

/// The fewest commands between two sweeps.
const SWEEP_AFTER_AT_LEAST: usize = 1_024;

/// A store that lives and dies with the process.
pub struct MemoryStore {
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    state: State,
    commands_until_sweep: usize,
}

impl MemoryStore {
    /// An empty store that reads the time from `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let inner = Inner { state: State::default(), commands_until_sweep: SWEEP_AFTER_AT_LEAST };
        Self { clock, inner: Mutex::new(inner) }
    }

    /// How many entries are held, expired ones included that no sweep has removed yet.
    pub fn len(&self) -> usize {
        self.lock().state.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn decide<C, T>(
        &self,
        command: &C,
        decide: impl FnOnce(&mut State, &C, Timestamp) -> (T, Tally),
    ) -> Stamped<T> {
        let mut inner = self.lock();
        // Read under the lock, so that the order of decisions is the order of their times.
        let at = self.clock.now();
        inner.sweep_if_due(at);
        let (outcome, tally) = decide(&mut inner.state, command, at);
        Stamped { at, outcome, tally }
    }

    /// The rules do not panic, and a half-made change would be no worse than a lost one: a poisoned
    /// lock is taken as it is.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// A sweep looks at every entry, so it waits for as many commands as the last one left entries:
    /// a constant share of each command, and never more than a few times what is alive.
    fn sweep_if_due(&mut self, now: Timestamp) {
        if self.commands_until_sweep > 0 {
            self.commands_until_sweep -= 1;
            return;
        }
        self.state.sweep(now);
        self.commands_until_sweep = self.state.len().max(SWEEP_AFTER_AT_LEAST);
    }
}

#[async_trait]
impl Challenges for MemoryStore {
    async fn admit(&self, command: &AdmitCommand) -> Result<Stamped<AdmitOutcome>, StoreError> {
        Ok(self.decide(command, admit::decide))
    }

    async fn issue(&self, command: &IssueCommand) -> Result<Stamped<IssueOutcome>, StoreError> {
        Ok(self.decide(command, |state, command, now| (issue(state, command, now), Tally::default())))
    }

    async fn verify(&self, command: &VerifyCommand) -> Result<Stamped<VerifyOutcome>, StoreError> {
        Ok(self.decide(command, verify::decide))
    }

    async fn settle(&self, command: &SettleCommand) -> Result<Stamped<SettleOutcome>, StoreError> {
        Ok(self.decide(command, |state, command, now| (settle(state, command, now), Tally::default())))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::id::{LimitName, Purpose};
    use crate::domain::subject::Subject;
    use crate::domain::time::ManualClock;
    use crate::domain::window::{Count, Owner, Take};
    use crate::store::contract::Ledger;

    fn one_call_by(subject: usize) -> AdmitCommand {
        let subject = Some(Subject::parse(&format!("u{subject}")).unwrap());
        let take = Take {
            limit: LimitName::parse("calls").unwrap(),
            owner: Owner { subject, ..Owner::default() },
            max: 3,
            per: Duration::from_secs(60),
            count: Count::All,
        };
        AdmitCommand { standpoint: None, takes: vec![take] }
    }

    #[tokio::test]
    async fn what_has_expired_is_forgotten_as_new_commands_come() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_000_000)));
        let store = MemoryStore::new(clock.clone());
        for round in 0..20 {
            for subject in 0..2_000 {
                store.admit(&one_call_by(round * 2_000 + subject)).await.unwrap();
            }
            clock.advance(Duration::from_secs(120));
        }
        assert!(store.len() <= 3 * 2_000, "{} of 40,000 are still held", store.len());
    }

    #[tokio::test]
    async fn a_census_names_every_purpose_that_was_asked_for() {
        let store = MemoryStore::new(Arc::new(ManualClock::default()));
        let purpose = Purpose::parse("wallet_funding").unwrap();
        let census = store.census(std::slice::from_ref(&purpose)).await.unwrap();
        assert_eq!((census.pending.get(&purpose), census.locked.get(&purpose)), (Some(&0), Some(&0)));
    }
}
