//! What operators see and do.

use async_trait::async_trait;

use super::keys::{self, Shard};
use super::{RedisStore, health, names, reply, script};
use crate::domain::id::Purpose;
use crate::domain::ledger::clear::{ClearCommand, Cleared};
use crate::domain::ledger::counts::{AddOutcome, CountBatch, DayCounts};
use crate::domain::ledger::day::Day;
use crate::domain::ledger::examine::{Examination, ExamineCommand};
use crate::domain::ledger::inventory::{Inventory, Swept};
use crate::domain::ledger::limits::{ResetCommand, Usage};
use crate::domain::ledger::page::{Page, PageRequest};
use crate::domain::ledger::revoke::{RevokeCommand, Revoked};
use crate::domain::ledger::trail::{Operation, Record};
use crate::domain::ledger::view::{AccountView, ChallengeView, Dated, LockView};
use crate::domain::state::Census;
use crate::domain::subject::Subject;
use crate::domain::window::Take;
use crate::store::contract::{Ledger, StoreError, StoreHealth};

fn absent<T>() -> Result<T, StoreError> {
    Err(StoreError::Failed("not yet with Redis".to_owned()))
}

#[async_trait]
impl Ledger for RedisStore {
    async fn health(&self) -> Result<StoreHealth, StoreError> {
        health::check(&self.connection).await
    }

    async fn census(&self, purposes: &[Purpose]) -> Result<Census, StoreError> {
        let pending = purposes.iter().flat_map(|purpose| Shard::all().map(|shard| shard.pending(purpose)));
        let locked = purposes.iter().flat_map(|purpose| Shard::all().map(|shard| shard.locked(purpose)));
        let keys: Vec<String> = pending.chain(locked).collect();
        let call = self.script(&script::CENSUS, names(&keys)).number(u64::from(keys::SHARDS));
        reply::census(self.connection.call(&call).await?, purposes)
    }

    async fn locks(&self, _: &[Purpose], _: &PageRequest) -> Result<Page<LockView>, StoreError> {
        absent()
    }

    async fn challenges(&self, _: &[Purpose], _: &PageRequest) -> Result<Page<ChallengeView>, StoreError> {
        absent()
    }

    async fn account(&self, _: &Subject, _: &[Purpose]) -> Result<Dated<Vec<AccountView>>, StoreError> {
        absent()
    }

    async fn usage(&self, _: &[Take]) -> Result<Dated<Vec<Usage>>, StoreError> {
        absent()
    }

    async fn examine(&self, _: &ExamineCommand) -> Result<Dated<Vec<Examination>>, StoreError> {
        absent()
    }

    async fn clear(&self, _: &ClearCommand) -> Result<Dated<Cleared>, StoreError> {
        absent()
    }

    async fn revoke(&self, _: &RevokeCommand) -> Result<Dated<Revoked>, StoreError> {
        absent()
    }

    async fn reset(&self, _: &ResetCommand) -> Result<Dated<Vec<u32>>, StoreError> {
        absent()
    }

    async fn operations(&self, _: u16, _: Option<&Subject>) -> Result<Dated<Vec<Record>>, StoreError> {
        absent()
    }

    async fn add_counts(&self, _: &CountBatch) -> Result<Dated<AddOutcome>, StoreError> {
        absent()
    }

    async fn counts(&self, _: Day, _: Day) -> Result<Dated<Vec<DayCounts>>, StoreError> {
        absent()
    }

    async fn inventory(&self) -> Result<Inventory, StoreError> {
        absent()
    }

    async fn sweep(&self, _: &Operation) -> Result<Swept, StoreError> {
        absent()
    }
}
