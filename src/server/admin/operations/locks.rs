//! Who is locked, and how a lock is cleared.

use serde::Deserialize;
use serde_json::{Value, json};

use super::input::{self, OfCursor, OfNote, OfPurpose, OfSubject, PageSize};
use super::rules::Rules;
use super::{Operations, view};
use crate::domain::id::Purpose;
use crate::domain::ledger::clear::{ClearCommand, Cleared};
use crate::domain::ledger::trail::{Action, Operation, Record};
use crate::domain::subject::Subject;
use crate::domain::time::Timestamp;
use crate::server::admin::reply::{Call, Refused};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    purpose: Option<OfPurpose>,
    cursor: Option<OfCursor>,
    #[serde(default)]
    limit: PageSize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Clear {
    subject: OfSubject,
    purpose: Option<OfPurpose>,
    reason: OfNote,
    by: OfNote,
}

impl Operations {
    /// `GET /-/locks`.
    pub(super) async fn locks(&self, call: &Call<'_>) -> Result<Value, Refused> {
        let List { purpose, cursor, limit } = input::query(call)?;
        let purposes = input::purposes(&self.rules(), purpose)?;
        let page = self.store.locks(&purposes, &limit.page(cursor)).await?;
        Ok(view::page("locks", &page, view::lock))
    }

    /// `POST /-/locks/clear`. Without a purpose, all purposes for which there is something to clear.
    pub(super) async fn clear_locks(&self, call: &Call<'_>) -> Result<Value, Refused> {
        let Clear { subject: OfSubject(subject), purpose, reason, by } = input::body(call)?;
        let rules = self.rules();
        let operation = Operation { by: by.0, reason: reason.0 };
        let purposes = match purpose {
            Some(_) => input::purposes(&rules, purpose)?,
            None => self.to_clear(&subject, &rules).await?,
        };
        let mut at = None;
        let mut cleared = Vec::new();
        for purpose in purposes {
            let command = ClearCommand {
                forgive: rules.forgiven(&subject, &purpose),
                subject: subject.clone(),
                purpose,
                operation: operation.clone(),
            };
            let done = self.store.clear(&command).await?;
            self.tell_cleared(&command, &done.value, done.at, &rules);
            at = Some(done.at);
            cleared.push(of_cleared(&command, &done.value));
        }
        Ok(json!({
            "success": true,
            "at": at.map(Timestamp::to_iso8601),
            "subject": subject.as_str(),
            "cleared": cleared,
        }))
    }

    /// The purposes for which something is remembered that a clear would forget.
    async fn to_clear(&self, subject: &Subject, rules: &Rules) -> Result<Vec<Purpose>, Refused> {
        let accounts = self.store.account(subject, &rules.purpose_names()).await?.value;
        let mut found = Vec::new();
        for account in accounts {
            let takes = rules.forgiven(subject, &account.purpose);
            let is_new = account.account == Default::default();
            if !is_new || self.store.usage(&takes).await?.value.iter().any(|usage| usage.used > 0) {
                found.push(account.purpose);
            }
        }
        Ok(found)
    }

    fn tell_cleared(&self, command: &ClearCommand, cleared: &Cleared, at: Timestamp, rules: &Rules) {
        let record = Record {
            subject: Some(command.subject.clone()),
            purpose: Some(command.purpose.clone()),
            ..Record::new(at, Action::Clear, cleared.changed(), &command.operation)
        };
        self.tell(&record, rules);
    }
}

fn of_cleared(command: &ClearCommand, cleared: &Cleared) -> Value {
    let forgiven = command.forgive.iter().zip(&cleared.forgiven);
    json!({
        "purpose": command.purpose.as_str(),
        "changed": cleared.changed(),
        "before": view::account(&cleared.before, cleared.lock),
        "forgiven": forgiven
            .map(|(take, events)| json!({ "limit": take.limit.as_str(), "events": events }))
            .collect::<Vec<_>>(),
    })
}
