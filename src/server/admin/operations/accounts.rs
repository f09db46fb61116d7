//! Everything live about one person, on one page.

use serde::Deserialize;
use serde_json::{Value, json};

use super::input::{self, OfSubject};
use super::rules::Counted;
use super::{Operations, view};
use crate::server::admin::reply::{Call, Refused};

/// How many of the latest operations are told.
const LATEST: u16 = 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Who {
    subject: OfSubject,
}

impl Operations {
    /// `GET /-/accounts`.
    pub(super) async fn account(&self, call: &Call<'_>) -> Result<Value, Refused> {
        let Who { subject: OfSubject(subject) } = input::query(call)?;
        let rules = self.rules();
        let accounts = self.store.account(&subject, &rules.purpose_names()).await?;
        let counted = Counted { subject: Some(subject.clone()), client: None };
        let usage = self.store.usage(&rules.takes(&rules.limits, &counted, None)).await?;
        let operations = self.store.operations(LATEST, Some(&subject)).await?;
        Ok(json!({
            "at": accounts.at.to_iso8601(),
            "subject": subject.as_str(),
            "policy": rules.hash.as_str(),
            "purposes": accounts.value.iter().map(|view| view::standing(view, accounts.at)).collect::<Vec<_>>(),
            "limits": usage.value.iter().map(|usage| view::usage(usage, &rules)).collect::<Vec<_>>(),
            "operations": operations.value.iter().map(view::record).collect::<Vec<_>>(),
        }))
    }
}
