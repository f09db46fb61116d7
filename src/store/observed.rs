//! Any store, with each of its calls timed and its failures counted.

use std::time::Instant;

use std::sync::Arc;

use async_trait::async_trait;

use super::contract::{Challenges, Ledger, Stamped, StoreError, StoreHealth};
use crate::domain::admit::{AdmitCommand, AdmitOutcome};
use crate::domain::id::Purpose;
use crate::domain::issue::{IssueCommand, IssueOutcome};
use crate::domain::state::Census;
use crate::domain::verify::{SettleCommand, SettleOutcome, VerifyCommand, VerifyOutcome};
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
}
