//! What reports tell: the numbers of each day.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Operations;
use super::input::{self, OfDay};
use crate::domain::ledger::counts::{CountKey, DayCounts};
use crate::server::admin::reply::{Call, Refused};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Range {
    from: OfDay,
    to: OfDay,
}

impl Operations {
    /// `GET /-/counts`: each day of a range, both ends included, as far as it can still be known.
    pub(super) async fn counts(&self, call: &Call<'_>) -> Result<Value, Refused> {
        let Range { from: OfDay(from), to: OfDay(to) } = input::query(call)?;
        if from > to {
            return Err(Refused::Invalid("the query: `from` is after `to`".to_owned()));
        }
        let counts = self.store.counts(from, to).await?;
        Ok(json!({
            "at": counts.at.to_iso8601(),
            "from": from.to_string(),
            "to": to.to_string(),
            "days": counts.value.iter().map(day).collect::<Vec<_>>(),
        }))
    }
}

/// The names are those of [`CountKey::encode`], which [`CountKey::parse`] reads.
fn day(day: &DayCounts) -> Value {
    let counts = day.counts.iter().map(|(key, number): (&CountKey, u64)| (key.encode(), Value::from(number)));
    json!({ "day": day.day.to_string(), "counts": counts.collect::<Map<_, _>>() })
}
