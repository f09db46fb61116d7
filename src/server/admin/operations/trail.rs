//! What operators did.

use serde::Deserialize;
use serde_json::{Value, json};

use super::input::{self, OfSubject, PageSize};
use super::{Operations, view};
use crate::server::admin::reply::{Call, Refused};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    subject: Option<OfSubject>,
    #[serde(default)]
    limit: PageSize,
}

impl Operations {
    /// `GET /-/operations`: the newest first.
    pub(super) async fn operations(&self, call: &Call<'_>) -> Result<Value, Refused> {
        let Which { subject, limit } = input::query(call)?;
        let subject = subject.map(|subject| subject.0);
        let records = self.store.operations(limit.0, subject.as_ref()).await?;
        Ok(json!({
            "at": records.at.to_iso8601(),
            "operations": records.value.iter().map(view::record).collect::<Vec<_>>(),
        }))
    }
}
