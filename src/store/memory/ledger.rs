//! What operators see and do, on the same state under the same mutex.

use std::time::Duration;

use async_trait::async_trait;

use super::MemoryStore;
use crate::domain::id::Purpose;
use crate::domain::ledger::clear::{ClearCommand, Cleared, clear};
use crate::domain::ledger::counts::{AddOutcome, CountBatch, DayCounts};
use crate::domain::ledger::day::Day;
use crate::domain::ledger::examine::{Examination, ExamineCommand, examine};
use crate::domain::ledger::inventory::{self, Inventory, Swept};
use crate::domain::ledger::limits::{ResetCommand, Usage, reset, usage};
use crate::domain::ledger::list;
use crate::domain::ledger::page::{LARGEST_PAGE, Page, PageRequest};
use crate::domain::ledger::revoke::{RevokeCommand, Revoked, revoke};
use crate::domain::ledger::trail::{Operation, Record};
use crate::domain::ledger::view::{AccountView, ChallengeView, Dated, LockView};
use crate::domain::state::{Census, State};
use crate::domain::subject::Subject;
use crate::domain::time::Timestamp;
use crate::domain::window::Take;
use crate::store::contract::{Ledger, StoreError, StoreHealth};

impl MemoryStore {
    /// One step, and when it was.
    fn at_once<T>(&self, step: impl FnOnce(&mut State, Timestamp) -> T) -> Dated<T> {
        let mut inner = self.lock();
        let at = self.clock.now();
        Dated { at, value: step(&mut inner.state, at) }
    }
}

#[async_trait]
impl Ledger for MemoryStore {
    async fn health(&self) -> Result<StoreHealth, StoreError> {
        Ok(StoreHealth { kind: "memory", latency: Duration::ZERO, may_evict: false, warnings: Vec::new() })
    }

    async fn census(&self, purposes: &[Purpose]) -> Result<Census, StoreError> {
        let counted = self.at_once(|state, now| state.census(now)).value;
        let mut census = Census::default();
        for purpose in purposes {
            let count = |of: &std::collections::BTreeMap<Purpose, u64>| of.get(purpose).copied().unwrap_or(0);
            census.pending.insert(purpose.clone(), count(&counted.pending));
            census.locked.insert(purpose.clone(), count(&counted.locked));
        }
        Ok(census)
    }

    async fn locks(&self, purposes: &[Purpose], page: &PageRequest) -> Result<Page<LockView>, StoreError> {
        Ok(self.at_once(|state, now| list::locks(state, purposes, page, now)).value)
    }

    async fn challenges(
        &self,
        purposes: &[Purpose],
        page: &PageRequest,
    ) -> Result<Page<ChallengeView>, StoreError> {
        Ok(self.at_once(|state, now| list::challenges(state, purposes, page, now)).value)
    }

    async fn account(
        &self,
        subject: &Subject,
        purposes: &[Purpose],
    ) -> Result<Dated<Vec<AccountView>>, StoreError> {
        Ok(self.at_once(|state, now| list::account(state, subject, purposes, now)))
    }

    async fn usage(&self, takes: &[Take]) -> Result<Dated<Vec<Usage>>, StoreError> {
        Ok(self.at_once(|state, now| usage(state, takes, now)))
    }

    async fn examine(&self, command: &ExamineCommand) -> Result<Dated<Vec<Examination>>, StoreError> {
        Ok(self.at_once(|state, now| examine(state, command, now)))
    }

    async fn clear(&self, command: &ClearCommand) -> Result<Dated<Cleared>, StoreError> {
        Ok(self.at_once(|state, now| clear(state, command, now)))
    }

    async fn revoke(&self, command: &RevokeCommand) -> Result<Dated<Revoked>, StoreError> {
        Ok(self.at_once(|state, now| revoke(state, command, now)))
    }

    async fn reset(&self, command: &ResetCommand) -> Result<Dated<Vec<u32>>, StoreError> {
        Ok(self.at_once(|state, now| reset(state, command, now)))
    }

    async fn operations(
        &self,
        limit: u16,
        subject: Option<&Subject>,
    ) -> Result<Dated<Vec<Record>>, StoreError> {
        let limit = usize::from(limit.min(LARGEST_PAGE));
        Ok(self.at_once(|state, now| state.operations(limit, subject, now)))
    }

    async fn add_counts(&self, batch: &CountBatch) -> Result<Dated<AddOutcome>, StoreError> {
        Ok(self.at_once(|state, now| state.counts.add(batch, now)))
    }

    async fn counts(&self, from: Day, to: Day) -> Result<Dated<Vec<DayCounts>>, StoreError> {
        Ok(self.at_once(|state, now| state.counts.read(from, to, now)))
    }

    async fn inventory(&self) -> Result<Inventory, StoreError> {
        Ok(self.at_once(|state, now| inventory::count(state, now)).value)
    }

    async fn sweep(&self, operation: &Operation) -> Result<Swept, StoreError> {
        Ok(self.at_once(|state, now| inventory::sweep(state, operation, now)).value)
    }
}
