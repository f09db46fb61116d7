//! Which codes are pending, and how a challenge is revoked.

use serde::Deserialize;
use serde_json::{Value, json};

use super::input::{self, OfCursor, OfNote, OfPurpose, OfReference, OfSubject, PageSize};
use super::{Operations, view};
use crate::domain::ledger::page::Page;
use crate::domain::ledger::revoke::{RevokeCommand, Revoked, Target};
use crate::domain::ledger::trail::{Action, Operation, Record};
use crate::domain::time::Timestamp;
use crate::server::admin::reply::{Call, Refused};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    purpose: Option<OfPurpose>,
    subject: Option<OfSubject>,
    cursor: Option<OfCursor>,
    #[serde(default)]
    limit: PageSize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revoke {
    subject: OfSubject,
    purpose: Option<OfPurpose>,
    reference: Option<OfReference>,
    reason: OfNote,
    by: OfNote,
}

impl Operations {
    /// `GET /-/challenges`. Of one subject, expired ones that are still remembered are told too.
    pub(super) async fn challenges(&self, call: &Call<'_>) -> Result<Value, Refused> {
        let List { purpose, subject, cursor, limit } = input::query(call)?;
        let purposes = input::purposes(&self.rules(), purpose)?;
        let page = match subject {
            None => self.store.challenges(&purposes, &limit.page(cursor)).await?,
            Some(_) if cursor.is_some() => {
                return Err(Refused::Invalid(
                    "the query: one subject has one page: leave `cursor` out".to_owned(),
                ));
            }
            Some(OfSubject(subject)) => {
                let accounts = self.store.account(&subject, &purposes).await?;
                let entries = accounts.value.into_iter().filter_map(|account| account.challenge).collect();
                Page { at: accounts.at, entries, next: None }
            }
        };
        Ok(view::page("challenges", &page, |challenge| view::challenge(challenge, page.at)))
    }

    /// `POST /-/challenges/revoke`.
    pub(super) async fn revoke_challenge(&self, call: &Call<'_>) -> Result<Value, Refused> {
        let Revoke { subject, purpose, reference, reason, by } = input::body(call)?;
        let rules = self.rules();
        let target = match (purpose, reference) {
            (purpose @ Some(_), None) => {
                let purpose = input::purposes(&rules, purpose)?.into_iter().next();
                purpose.map(Target::Pending)
            }
            (None, Some(OfReference(reference))) => Some(Target::Reference(reference)),
            _ => None,
        };
        let target = target.ok_or_else(|| {
            Refused::Invalid("the body: name the challenge by either `purpose` or `reference`".to_owned())
        })?;
        let operation = Operation { by: by.0, reason: reason.0 };
        let command = RevokeCommand { subject: subject.0, target, operation };
        let (purpose, reference) = match &command.target {
            Target::Pending(purpose) => (Some(purpose), None),
            Target::Reference(reference) => (None, Some(reference)),
        };
        let asked = Record {
            subject: Some(command.subject.clone()),
            purpose: purpose.cloned(),
            reference: reference.cloned(),
            ..Record::new(Timestamp::default(), Action::Revoke, false, &command.operation)
        };
        let done = match self.store.revoke(&command).await {
            Ok(done) => done,
            Err(error) => return Err(self.failed(error, &[asked], &rules)),
        };
        let (result, purpose, reference) = match &done.value {
            Revoked::Revoked { reference, purpose } => ("revoked", Some(purpose), Some(reference)),
            Revoked::Reserved { reference, purpose } => ("reserved", Some(purpose), Some(reference)),
            Revoked::Nothing => ("nothing", purpose, reference),
        };
        let record = Record {
            at: done.at,
            changed: result == "revoked",
            purpose: purpose.cloned(),
            reference: reference.cloned(),
            ..asked
        };
        self.tell(&record, &rules);
        Ok(json!({
            "success": true,
            "at": done.at.to_iso8601(),
            "subject": command.subject.as_str(),
            "result": result,
            "purpose": purpose.map(|purpose| purpose.as_str()),
            "reference": reference.map(|reference| reference.as_str()),
        }))
    }
}
