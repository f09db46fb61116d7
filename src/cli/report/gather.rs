//! Where a report gets its counts: from a deployment, or from a file that was saved earlier.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde_json::Value;

use crate::cli::client::{Client, wait_for};
use crate::cli::document::{list, text};
use crate::cli::moment;
use crate::config::access::AccessFlags;
use crate::domain::ledger::counts::{CountKey, Counts, DayCounts};
use crate::domain::ledger::day::Day;
use crate::domain::report::period::Period;
use crate::domain::time::Timestamp;

/// Where the counts are.
pub(super) enum Source {
    /// In a deployment.
    Deployment(Box<AccessFlags>),
    /// Here already.
    File(File),
}

/// An answer of `GET /-/counts` that was saved.
pub(super) struct File {
    counted: Counted,
}

/// Counts, and when they were read.
#[derive(Debug)]
pub(in crate::cli) struct Counted {
    /// When, on the store's clock.
    pub(in crate::cli) at: Timestamp,
    /// The days, those left out of which nothing can be known.
    pub(in crate::cli) days: Vec<DayCounts>,
}

impl Source {
    /// When the counts were read, if that is known already.
    pub(super) fn at(&self) -> Option<Timestamp> {
        match self {
            Self::Deployment(_) => None,
            Self::File(file) => Some(file.counted.at),
        }
    }
}

impl File {
    /// Reads it.
    ///
    /// # Errors
    /// When it cannot be read, or is something else.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let told = || format!("--counts {}", path.display());
        let bytes = fs::read(path).with_context(told)?;
        let document: Value = serde_json::from_slice(&bytes).context("this is no JSON").with_context(told)?;
        Ok(Self { counted: read(&document).with_context(told)? })
    }
}

/// The counts of a period and of the one before it.
///
/// # Errors
/// When the deployment does not answer, or answers something else.
pub(super) fn counts(source: Source, period: Period) -> anyhow::Result<Counted> {
    match source {
        Source::File(file) => Ok(file.counted),
        Source::Deployment(access) => wait_for(async {
            let client = Client::reach(*access).await?;
            of_days(&client, period.before().first(), period.last()).await
        }),
    }
}

/// The counts of these days.
///
/// # Errors
/// When the deployment does not answer, or answers something else.
pub(in crate::cli) async fn of_days(client: &Client, from: Day, to: Day) -> anyhow::Result<Counted> {
    let (from, to) = (from.to_string(), to.to_string());
    let document = client.get("/-/counts", &[("from", &from), ("to", &to)]).await?;
    read(&document).context("the answer to /-/counts")
}

fn read(document: &Value) -> anyhow::Result<Counted> {
    let at = moment::of(document, "at").context("it has no `at`: is it an answer of GET /-/counts?")?;
    anyhow::ensure!(document.get("days").is_some_and(Value::is_array), "it has no list of `days`");
    let days = list(document, "days").iter().map(day).collect::<anyhow::Result<Vec<_>>>()?;
    Ok(Counted { at, days })
}

/// What a newer version counts, and this one does not know, is left out.
fn day(document: &Value) -> anyhow::Result<DayCounts> {
    let name = text(document, "day");
    let day = Day::parse(name).with_context(|| format!("the day `{name}`"))?;
    let mut counts = Counts::default();
    for (key, number) in document.get("counts").and_then(Value::as_object).into_iter().flatten() {
        let number = number.as_u64().with_context(|| format!("`{key}` of {day} is no number"))?;
        if let Some(key) = CountKey::parse(key) {
            counts.add(key, number);
        }
    }
    Ok(DayCounts { day, counts })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn counts_of_a_newer_version_are_left_out_and_the_rest_is_read() {
        let document = json!({
            "at": "2026-11-22T10:00:00.000Z",
            "days": [{ "day": "2026-11-22", "counts": { "mail-accepted": 7, "sms-accepted": 9 } }],
        });
        let counted = read(&document).unwrap();
        assert_eq!((counted.days.len(), counted.days[0].counts.sum()), (1, 7));
    }

    #[test]
    fn what_is_no_answer_is_refused_with_what_is_wrong() {
        let day = |day: Value| json!({ "at": "2026-11-22T10:00:00.000Z", "days": [day] });
        for (document, word) in [
            (json!({}), "`at`"),
            (json!({ "at": "2026-11-22T10:00:00.000Z" }), "`days`"),
            (day(json!({ "day": "yesterday" })), "yesterday"),
            (day(json!({ "day": "2026-11-22", "counts": { "mail-accepted": -1 } })), "no number"),
        ] {
            let problem = format!("{:#}", read(&document).unwrap_err());
            assert!(problem.contains(word), "{problem}");
        }
    }
}
