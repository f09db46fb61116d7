//! Who is locked, and how a lock is cleared.

use serde::Deserialize;
use serde_json::{Value, json};

use super::input::{self, OfCursor, OfNote, OfPurpose, OfSubject, PageSize};
use super::rules::Rules;
use super::{Operations, look, view};
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
            let asked = asked(&command);
            let done = match self.store.clear(&command).await {
                Ok(done) => done,
                // What was asked for was done in part.
                Err(error) if error.is_unsent() && !cleared.is_empty() => {
                    return Err(Refused::Unknown { error, look: look(Action::Clear) });
                }
                Err(error) => return Err(self.failed(error, &[asked], &rules)),
            };
            self.tell(&Record { at: done.at, changed: done.value.changed(), ..asked }, &rules);
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

    /// The purposes for which something is remembered that a clear would forget. A limit that purposes share is
    /// emptied with any of them, so it counts only where there is nothing else.
    async fn to_clear(&self, subject: &Subject, rules: &Rules) -> Result<Vec<Purpose>, Refused> {
        let accounts = self.store.account(subject, &rules.purpose_names()).await?.value;
        let (mut found, mut sharing) = (Vec::new(), None);
        for account in accounts {
            let takes = rules.forgiven(subject, &account.purpose);
            let usages = self.store.usage(&takes).await?.value;
            let mut used = takes.iter().zip(usages).filter(|(_, usage)| usage.used > 0).peekable();
            let has_used = used.peek().is_some();
            if account.account != Default::default() || used.any(|(take, _)| take.owner.purpose.is_some()) {
                found.push(account.purpose);
            } else if has_used {
                sharing.get_or_insert(account.purpose);
            }
        }
        if found.is_empty() {
            found.extend(sharing);
        }
        Ok(found)
    }
}

/// What is told of it, before anything is known of it.
fn asked(command: &ClearCommand) -> Record {
    Record {
        subject: Some(command.subject.clone()),
        purpose: Some(command.purpose.clone()),
        ..Record::new(Timestamp::default(), Action::Clear, false, &command.operation)
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
