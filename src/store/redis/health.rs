//! What is wrong with a Redis that answers: settings under which locks are forgotten or refused.

use std::time::{Duration, Instant};

use redis::{Cmd, Value};

use super::connection::Connection;
use crate::store::contract::{StoreError, StoreHealth};

const EVICTS: &str = "Redis may evict keys when its memory is full, and eviction forgives locks: \
                      set maxmemory-policy to noeviction";
const UNKNOWN: &str = "Redis tells neither INFO memory nor CONFIG GET, so its eviction policy is unknown: \
                       make sure that maxmemory-policy is noeviction";
const REPLICA: &str = "this Redis is a replica and refuses every decision: point the state at its primary";

/// Measures a round trip, then reads the settings.
pub async fn check(connection: &Connection) -> Result<StoreHealth, StoreError> {
    let began = Instant::now();
    connection.query(Cmd::new().arg("PING")).await?;
    let latency = began.elapsed();
    let eviction = eviction(connection).await?;
    let may_evict = eviction.is_some();
    let mut warnings = Vec::from_iter(eviction);
    if is_replica(connection).await? {
        warnings.push(REPLICA.to_owned());
    }
    Ok(StoreHealth { kind: "redis", latency: latency.max(Duration::from_nanos(1)), may_evict, warnings })
}

async fn eviction(connection: &Connection) -> Result<Option<String>, StoreError> {
    let info = told(connection.query(Cmd::new().arg("INFO").arg("memory")).await)?;
    let policy = match info.as_deref().and_then(|info| field(info, "maxmemory_policy")) {
        Some(policy) => Some(policy.to_owned()),
        None => told(connection.query(Cmd::new().arg("CONFIG").arg("GET").arg("maxmemory-policy")).await)?,
    };
    Ok(match policy.as_deref().map(str::trim) {
        Some("noeviction") => None,
        Some("") | None => Some(UNKNOWN.to_owned()),
        Some(_) => Some(EVICTS.to_owned()),
    })
}

async fn is_replica(connection: &Connection) -> Result<bool, StoreError> {
    let info = told(connection.query(Cmd::new().arg("INFO").arg("replication")).await)?;
    Ok(info.as_deref().and_then(|info| field(info, "role")) == Some("slave"))
}

/// The text of an answer; none where the user may not ask.
pub fn told(answer: Result<Value, StoreError>) -> Result<Option<String>, StoreError> {
    match answer {
        Ok(value) => Ok(text(value)),
        Err(StoreError::Failed(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// `INFO` answers with one text, `CONFIG GET` with a name and a value.
fn text(value: Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes).ok(),
        Value::VerbatimString { text, .. } => Some(text),
        Value::SimpleString(text) => Some(text),
        Value::Map(pairs) => pairs.into_iter().next().and_then(|(_, value)| text(value)),
        Value::Array(values) => values.into_iter().nth(1).and_then(text),
        _ => None,
    }
}

/// The value of one line of `INFO`.
pub fn field<'i>(info: &'i str, name: &str) -> Option<&'i str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
}
