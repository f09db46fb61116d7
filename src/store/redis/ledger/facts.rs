//! What a Redis says about itself. A user who may not ask is told nothing, and that is no error.

use redis::Cmd;

use crate::domain::ledger::inventory::{Persistence, ServerFacts};
use crate::domain::time::Timestamp;
use crate::store::contract::StoreError;
use crate::store::redis::connection::Connection;
use crate::store::redis::health::{field, told};

/// One section of `INFO`.
struct Section(Option<String>);

impl Section {
    async fn ask(connection: &Connection, name: &str) -> Result<Self, StoreError> {
        told(connection.query(Cmd::new().arg("INFO").arg(name)).await).map(Self)
    }

    fn text(&self, name: &str) -> Option<String> {
        field(self.0.as_deref()?, name).map(|value| value.trim().to_owned())
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }

    fn is(&self, name: &str, expected: &str) -> Option<bool> {
        self.text(name).map(|value| value == expected)
    }
}

/// Everything that it says.
pub async fn ask(connection: &Connection) -> Result<ServerFacts, StoreError> {
    let server = Section::ask(connection, "server").await?;
    let memory = Section::ask(connection, "memory").await?;
    let replication = Section::ask(connection, "replication").await?;
    let stats = Section::ask(connection, "stats").await?;
    Ok(ServerFacts {
        version: server.text("redis_version"),
        role: replication.text("role"),
        replicas: replication.number("connected_slaves"),
        used_memory: memory.number("used_memory"),
        max_memory: memory.number("maxmemory"),
        eviction: memory.text("maxmemory_policy"),
        persistence: persistence(connection).await?,
        expired_keys: stats.number("expired_keys"),
        evicted_keys: stats.number("evicted_keys"),
    })
}

/// Keys that expired by themselves since its start.
pub async fn expired_keys(connection: &Connection) -> Result<Option<u64>, StoreError> {
    Ok(Section::ask(connection, "stats").await?.number("expired_keys"))
}

async fn persistence(connection: &Connection) -> Result<Persistence, StoreError> {
    let info = Section::ask(connection, "persistence").await?;
    let save = connection.query(Cmd::new().arg("CONFIG").arg("GET").arg("save")).await;
    Ok(Persistence {
        aof: info.is("aof_enabled", "1"),
        aof_ok: info.is("aof_last_write_status", "ok"),
        save: told(save)?,
        rdb_ok: info.is("rdb_last_bgsave_status", "ok"),
        rdb_at: info
            .number("rdb_last_save_time")
            .map(|seconds| Timestamp::from_millis(seconds.saturating_mul(1_000))),
        unsaved_changes: info.number("rdb_changes_since_last_save"),
    })
}
