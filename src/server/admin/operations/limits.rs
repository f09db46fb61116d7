//! Which limits there are, how full they are, and how what they counted is forgotten.

use serde::Deserialize;
use serde_json::{Value, json};

use super::input::{self, Nothing, OfClient, OfLimit, OfNote, OfPurpose, OfSubject};
use super::rules::{Counted, Rules};
use super::{Operations, view};
use crate::domain::id::{LimitName, Purpose};
use crate::domain::ledger::limits::ResetCommand;
use crate::domain::ledger::trail::{Action, Operation, Record};
use crate::domain::time::Timestamp;
use crate::domain::window::{Owner, Take};
use crate::server::admin::reply::{Call, Refused};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Usage {
    subject: Option<OfSubject>,
    client: Option<OfClient>,
    everyone: Option<True>,
    purpose: Option<OfPurpose>,
    name: Option<OfLimit>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reset {
    subject: Option<OfSubject>,
    client: Option<OfClient>,
    everyone: Option<bool>,
    purpose: Option<OfPurpose>,
    name: Option<OfLimit>,
    reason: OfNote,
    by: OfNote,
}

/// `true` in a query.
#[derive(Deserialize)]
enum True {
    #[serde(rename = "true")]
    True,
}

/// Whose counts of which limits are meant.
struct Selected {
    of: Counted,
    purpose: Option<Purpose>,
    name: Option<LimitName>,
}

impl Operations {
    /// `GET /-/limits`.
    pub(super) fn limits(&self, call: &Call<'_>) -> Result<Value, Refused> {
        let Nothing {} = input::query(call)?;
        Ok(view::rules(&self.rules()))
    }

    /// `GET /-/limits/usage`.
    pub(super) async fn usage(&self, call: &Call<'_>) -> Result<Value, Refused> {
        let Usage { subject, client, everyone, purpose, name } = input::query(call)?;
        let rules = self.rules();
        let everyone = everyone.map(|True::True| true);
        let selected = selected(subject, client, everyone, purpose, name, &rules)?;
        let usage = self.store.usage(&takes(&selected, &rules)?).await?;
        Ok(json!({
            "at": usage.at.to_iso8601(),
            "subject": selected.of.subject.as_ref().map(|subject| subject.as_str()),
            "client": selected.of.client.map(|client| client.to_string()),
            "limits": usage.value.iter().map(|usage| view::usage(usage, &rules)).collect::<Vec<_>>(),
        }))
    }

    /// `POST /-/limits/reset`.
    pub(super) async fn reset_limits(&self, call: &Call<'_>) -> Result<Value, Refused> {
        let Reset { subject, client, everyone, purpose, name, reason, by } = input::body(call)?;
        let rules = self.rules();
        let selected = selected(subject, client, everyone, purpose, name, &rules)?;
        let takes = takes(&selected, &rules)?;
        let operation = Operation { by: by.0, reason: reason.0 };
        let command = ResetCommand { takes, operation };
        let asked: Vec<Record> = command.takes.iter().map(|take| asked(take, &command.operation)).collect();
        let done = self.store.reset(&command).await;
        let done = done.map_err(|error| self.failed(error, &asked, &rules))?;
        for (asked, forgotten) in asked.into_iter().zip(&done.value) {
            self.tell(&Record { at: done.at, changed: *forgotten > 0, ..asked }, &rules);
        }
        let reset = command.takes.iter().zip(&done.value).map(|(take, forgotten)| {
            json!({
                "limit": take.limit.as_str(),
                "purpose": take.owner.purpose.as_ref().map(|purpose| purpose.as_str()),
                "max": take.max,
                "forgotten": forgotten,
            })
        });
        Ok(json!({
            "success": true,
            "at": done.at.to_iso8601(),
            "subject": selected.of.subject.as_ref().map(|subject| subject.as_str()),
            "client": selected.of.client.map(|client| client.to_string()),
            "reset": reset.collect::<Vec<_>>(),
        }))
    }
}

/// What is told of one limit, before anything is known of it.
fn asked(take: &Take, operation: &Operation) -> Record {
    let Owner { subject, purpose, client } = take.owner.clone();
    let limit = Some(take.limit.clone());
    let record = Record::new(Timestamp::default(), Action::Reset, false, operation);
    Record { subject, purpose, client, limit, ..record }
}

fn selected(
    subject: Option<OfSubject>,
    client: Option<OfClient>,
    everyone: Option<bool>,
    purpose: Option<OfPurpose>,
    name: Option<OfLimit>,
    rules: &Rules,
) -> Result<Selected, Refused> {
    let is_someone = subject.is_some() || client.is_some();
    if is_someone == (everyone == Some(true)) || everyone == Some(false) {
        let problem = "name whose counts are meant: `subject`, `client`, both, or `everyone` as true";
        return Err(Refused::Invalid(problem.to_owned()));
    }
    let purpose = match purpose {
        Some(_) => input::purposes(rules, purpose)?.into_iter().next(),
        None => None,
    };
    let of = Counted { subject: subject.map(|subject| subject.0), client: client.map(|client| client.0) };
    Ok(Selected { of, purpose, name: name.map(|name| name.0) })
}

/// The counts that are meant, at least one.
fn takes(selected: &Selected, rules: &Rules) -> Result<Vec<Take>, Refused> {
    let Selected { of, purpose, name } = selected;
    let Some(name) = name else {
        return Ok(rules.takes(&rules.limits, of, purpose.as_ref()));
    };
    let Some(limit) = rules.limits.iter().find(|limit| limit.name == *name) else {
        let known: Vec<&str> = rules.limits.iter().map(|limit| limit.name.as_str()).collect();
        let problem = format!("there is no limit `{name}`: the policy has {}", known.join(", "));
        return Err(Refused::Invalid(problem));
    };
    if !limit.counts_by(of) {
        let problem = format!("the limit `{name}` counts by {}: name that", limit.by().join(", "));
        return Err(Refused::Invalid(problem));
    }
    Ok(rules.takes([limit], of, purpose.as_ref()))
}
