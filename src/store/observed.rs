//! Any store, with each of its calls timed and its failures counted.

use std::time::Instant;

use std::sync::Arc;

use async_trait::async_trait;

use super::contract::{Challenges, Ledger, Stamped, StoreError, StoreHealth};
use crate::domain::admit::{AdmitCommand, AdmitOutcome};
use crate::domain::id::Purpose;
use crate::domain::issue::{IssueCommand, IssueOutcome};
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
use crate::domain::verify::{SettleCommand, SettleOutcome, VerifyCommand, VerifyOutcome};
use crate::domain::window::Take;
use crate::telemetry::recorder::Telemetry;
use crate::telemetry::span;

/// A store that is watched.
pub struct Observed<S> {
    inner: S,
    /// The word for its kind in traces.
    system: &'static str,
    telemetry: Arc<Telemetry>,
}

impl<S> Observed<S> {
    /// Watches a store of this kind, `memory` or `redis`.
    pub fn new(inner: S, system: &'static str, telemetry: Arc<Telemetry>) -> Self {
        Self { inner, system, telemetry }
    }

    async fn watch<T>(
        &self,
        op: &'static str,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let trace = span::current().unwrap_or_default();
        let span = trace.store_call(self.system, op);
        let begun = Instant::now();
        let result = call.await;
        let error = result.as_ref().err();
        self.telemetry.store_call(op, begun.elapsed(), error.map(StoreError::kind));
        if let Some(error) = error {
            if let Some(span) = span {
                span.failed(error.kind());
            }
            let (trace_id, span_id) = trace.ids();
            if let Some(hits) = self.telemetry.store_line(error.kind()) {
                let hits = (hits > 1).then_some(hits);
                tracing::warn!(op, error = %error, hits, trace_id, span_id, "the store failed");
            }
        }
        result
    }
}

#[async_trait]
impl<S: Challenges> Challenges for Observed<S> {
    async fn admit(&self, command: &AdmitCommand) -> Result<Stamped<AdmitOutcome>, StoreError> {
        self.watch("admit", self.inner.admit(command)).await
    }

    async fn issue(&self, command: &IssueCommand) -> Result<Stamped<IssueOutcome>, StoreError> {
        self.watch("issue", self.inner.issue(command)).await
    }

    async fn verify(&self, command: &VerifyCommand) -> Result<Stamped<VerifyOutcome>, StoreError> {
        self.watch("verify", self.inner.verify(command)).await
    }

    async fn settle(&self, command: &SettleCommand) -> Result<Stamped<SettleOutcome>, StoreError> {
        self.watch("settle", self.inner.settle(command)).await
    }
}

#[async_trait]
impl<S: Ledger> Ledger for Observed<S> {
    async fn health(&self) -> Result<StoreHealth, StoreError> {
        self.watch("health", self.inner.health()).await
    }

    async fn census(&self, purposes: &[Purpose]) -> Result<Census, StoreError> {
        self.watch("census", self.inner.census(purposes)).await
    }

    async fn locks(&self, purposes: &[Purpose], page: &PageRequest) -> Result<Page<LockView>, StoreError> {
        self.watch("locks", self.inner.locks(purposes, page)).await
    }

    async fn challenges(
        &self,
        purposes: &[Purpose],
        page: &PageRequest,
    ) -> Result<Page<ChallengeView>, StoreError> {
        self.watch("challenges", self.inner.challenges(purposes, page)).await
    }

    async fn account(
        &self,
        subject: &Subject,
        purposes: &[Purpose],
    ) -> Result<Dated<Vec<AccountView>>, StoreError> {
        self.watch("account", self.inner.account(subject, purposes)).await
    }

    async fn usage(&self, takes: &[Take]) -> Result<Dated<Vec<Usage>>, StoreError> {
        self.watch("usage", self.inner.usage(takes)).await
    }

    async fn examine(&self, command: &ExamineCommand) -> Result<Dated<Vec<Examination>>, StoreError> {
        self.watch("examine", self.inner.examine(command)).await
    }

    async fn clear(&self, command: &ClearCommand) -> Result<Dated<Cleared>, StoreError> {
        self.watch("clear", self.inner.clear(command)).await
    }

    async fn revoke(&self, command: &RevokeCommand) -> Result<Dated<Revoked>, StoreError> {
        self.watch("revoke", self.inner.revoke(command)).await
    }

    async fn reset(&self, command: &ResetCommand) -> Result<Dated<Vec<u32>>, StoreError> {
        self.watch("reset", self.inner.reset(command)).await
    }

    async fn operations(
        &self,
        limit: u16,
        subject: Option<&Subject>,
    ) -> Result<Dated<Vec<Record>>, StoreError> {
        self.watch("operations", self.inner.operations(limit, subject)).await
    }

    async fn add_counts(&self, batch: &CountBatch) -> Result<Dated<AddOutcome>, StoreError> {
        self.watch("add_counts", self.inner.add_counts(batch)).await
    }

    async fn counts(&self, from: Day, to: Day) -> Result<Dated<Vec<DayCounts>>, StoreError> {
        self.watch("counts", self.inner.counts(from, to)).await
    }

    async fn inventory(&self) -> Result<Inventory, StoreError> {
        self.watch("inventory", self.inner.inventory()).await
    }

    async fn sweep(&self, operation: &Operation) -> Result<Swept, StoreError> {
        self.watch("sweep", self.inner.sweep(operation)).await
    }
}
