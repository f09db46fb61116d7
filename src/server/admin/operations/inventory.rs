//! How much the store holds, and the removal of what expiry cannot.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Operations;
use super::input::{self, Nothing, OfNote};
use crate::domain::ledger::inventory::{Held, Persistence, ServerFacts};
use crate::domain::ledger::trail::{Action, Operation, Record};
use crate::domain::time::Timestamp;
use crate::server::admin::reply::{Call, Refused};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    reason: OfNote,
    by: OfNote,
}

impl Operations {
    /// `GET /-/inventory`.
    pub(super) async fn inventory(&self, call: &Call<'_>) -> Result<Value, Refused> {
        let Nothing {} = input::query(call)?;
        let health = self.store.health().await?;
        let inventory = self.store.inventory().await?;
        Ok(json!({
            "at": inventory.at.to_iso8601(),
            "store": inventory.store,
            "latencySeconds": health.latency.as_secs_f64(),
            "mayEvict": health.may_evict,
            "warnings": health.warnings,
            "held": inventory.held.iter().map(held).collect::<Vec<_>>(),
            "complete": inventory.complete,
            "withoutExpiry": inventory.without_expiry,
            "unknown": inventory.unknown,
            "unknownExamples": inventory.unknown_examples,
            "server": inventory.server.as_ref().map(server),
        }))
    }

    /// `POST /-/cleanup`.
    pub(super) async fn clean_up(&self, call: &Call<'_>) -> Result<Value, Refused> {
        let Asked { reason, by } = input::body(call)?;
        let operation = Operation { by: by.0, reason: reason.0 };
        let rules = self.rules();
        let asked = [Record::new(Timestamp::default(), Action::Sweep, false, &operation)];
        let swept = self.store.sweep(&operation).await;
        let swept = swept.map_err(|error| self.failed(error, &asked, &rules))?;
        self.tell(&Record::new(swept.at, Action::Sweep, swept.changed(), &operation), &rules);
        Ok(json!({
            "success": true,
            "at": swept.at.to_iso8601(),
            "changed": swept.changed(),
            "lookedAt": swept.looked_at,
            "complete": swept.complete,
            "pendingRemoved": swept.pending_removed,
            "lockedRemoved": swept.locked_removed,
            "daysRemoved": swept.days_removed,
            "recordsRemoved": swept.records_removed,
            "expiriesSet": swept.expiries_set,
            "expiredRemoved": swept.expired_removed,
            "expiredByItself": swept.expired_by_itself,
        }))
    }
}

fn held(held: &Held) -> Value {
    json!({ "kind": held.kind.as_str(), "keys": held.keys, "bytes": held.bytes, "sampled": held.sampled })
}

fn server(server: &ServerFacts) -> Value {
    json!({
        "version": server.version,
        "role": server.role,
        "replicas": server.replicas,
        "usedMemory": server.used_memory,
        "maxMemory": server.max_memory,
        "eviction": server.eviction,
        "persistence": persistence(&server.persistence),
        "expiredKeys": server.expired_keys,
        "evictedKeys": server.evicted_keys,
    })
}

fn persistence(persistence: &Persistence) -> Value {
    json!({
        "aof": persistence.aof,
        "aofOk": persistence.aof_ok,
        "save": persistence.save,
        "rdbOk": persistence.rdb_ok,
        "rdbAt": persistence.rdb_at.map(Timestamp::to_iso8601),
        "unsavedChanges": persistence.unsaved_changes,
    })
}
