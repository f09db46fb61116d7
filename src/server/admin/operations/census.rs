//! How many people have a code or a lock now.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Operations;
use super::input::{self, Nothing};
use crate::domain::id::Purpose;
use crate::server::admin::reply::{Call, Refused};

impl Operations {
    /// `GET /-/census`: pending codes and locked accounts of each purpose of the policy.
    pub(super) async fn census(&self, call: &Call<'_>) -> Result<Value, Refused> {
        let Nothing {} = input::query(call)?;
        let purposes = self.rules().purpose_names();
        let census = self.store.census(&purposes).await?;
        let of =
            |numbers: &BTreeMap<Purpose, u64>, purpose: &Purpose| numbers.get(purpose).copied().unwrap_or(0);
        let one = |purpose: &Purpose| {
            json!({
                "purpose": purpose.as_str(),
                "pending": of(&census.pending, purpose),
                "locked": of(&census.locked, purpose),
            })
        };
        Ok(json!({
            "policy": self.rules().hash.as_str(),
            "purposes": purposes.iter().map(one).collect::<Vec<_>>(),
        }))
    }
}
