//! Whether a code that a person typed is one that is stored, and if not, why. Counts no failure and uses
//! nothing up.
//!
//! It answers what an attacker would like to ask, so it is told to the log and the audit log, and bound to
//! a few questions about one person by a limit of its own.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::input::{self, OfCode, OfNote, OfPurpose, OfReference, OfSubject};
use super::rules::Rules;
use super::{Operations, view};
use crate::domain::admit::{AdmitCommand, AdmitOutcome, Refusal};
use crate::domain::code::{Code, Digits};
use crate::domain::id::{LimitName, Purpose, Reference};
use crate::domain::keyring::Keyring;
use crate::domain::ledger::examine::{Examination, ExamineCommand, Presented};
use crate::domain::ledger::verdict::{Typed, Verdict, verdict};
use crate::domain::ledger::view::{AccountView, Dated};
use crate::domain::subject::Subject;
use crate::domain::time::{Timestamp, whole_seconds_up};
use crate::domain::window::{Count, Owner, Take};
use crate::server::admin::reply::{Call, Refused};
use crate::telemetry::event::Intervention;

/// How many codes of one person may be compared…
const COMPARISONS: u32 = 10;

/// … and how many of all people, so that a list of people is not one of chances…
const COMPARISONS_OF_ALL: u32 = 60;

/// … in this time.
const PER: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    subject: OfSubject,
    reference: Option<OfReference>,
    purpose: Option<OfPurpose>,
    code: OfCode,
    reason: OfNote,
    by: OfNote,
}

impl Operations {
    /// `POST /-/explain/code`.
    pub(super) async fn explain_code(&self, call: &Call<'_>) -> Result<Value, Refused> {
        let Question { subject: OfSubject(subject), reference, purpose, code, reason, by } =
            input::body(call)?;
        let asked = reference.map(|reference| reference.0);
        if asked.is_some() && purpose.is_some() {
            let problem = "the body: a `reference` has its purpose already: leave `purpose` out";
            return Err(Refused::Invalid(problem.to_owned()));
        }
        let keyring = self.keyring.as_deref().ok_or(Refused::NoKeys)?;
        let rules = self.rules();
        let purposes = input::purposes(&rules, purpose)?;
        self.count_comparison(&subject).await?;
        let accounts = self.store.account(&subject, &rules.purpose_names()).await?;
        let references = references(asked.as_ref(), &accounts.value, &purposes);
        let presented = references
            .into_iter()
            .map(|reference| present(keyring, &subject, reference, &code.0, &rules))
            .collect();
        let command = ExamineCommand { subject: subject.clone(), presented };
        let examined = self.store.examine(&command).await?;
        let about = About::of(&examined.value, asked.as_ref(), &purposes);
        let typed = Typed {
            digits: code.0.expose().len(),
            expected: about
                .purpose
                .as_ref()
                .and_then(|name| rules.purpose(name))
                .map(|one| one.digits.into()),
        };
        let verdict = verdict(&examined.value, asked.as_ref(), typed);
        self.tell_intervention(&Intervention {
            at: Some(examined.at),
            operation: "examine",
            result: verdict.as_str(),
            by: by.0.as_str(),
            reason: reason.0.as_str(),
            subject: Some(&subject),
            purpose: about.purpose.as_ref(),
            reference: asked.as_ref(),
            limit: None,
            client: None,
            forms: rules.forms,
        });
        Ok(answer(&subject, asked.as_ref(), verdict, &about, &accounts.value, &examined, keyring))
    }

    /// One more comparison of this person's codes, if there is room for it.
    async fn count_comparison(&self, subject: &Subject) -> Result<(), Refused> {
        let take = |subject: Option<Subject>, max| Take {
            limit: LimitName::explain_code(),
            owner: Owner { subject, ..Owner::default() },
            max,
            per: PER,
            count: Count::All,
        };
        let takes = vec![take(None, COMPARISONS_OF_ALL), take(Some(subject.clone()), COMPARISONS)];
        let counted = self.store.admit(&AdmitCommand { standpoint: None, takes }).await?;
        match counted.outcome {
            AdmitOutcome::Admitted(_) => Ok(()),
            AdmitOutcome::Refused(Refusal::Limited(limited)) => {
                Err(Refused::TooOften(whole_seconds_up(limited.retry_at.since(counted.at))))
            }
            AdmitOutcome::Refused(Refusal::Locked(_)) => Err(Refused::TooOften(1)),
        }
    }
}

/// The challenges to compare with: the one asked for, and the pending ones of this person, since a code is
/// often typed into the wrong form.
fn references(asked: Option<&Reference>, accounts: &[AccountView], purposes: &[Purpose]) -> Vec<Reference> {
    let mut references: Vec<Reference> = asked.into_iter().cloned().collect();
    for account in accounts {
        let is_wanted = asked.is_some() || purposes.contains(&account.purpose);
        for challenge in account.challenge.iter().filter(|_| is_wanted) {
            if !references.contains(&challenge.reference) {
                references.push(challenge.reference.clone());
            }
        }
    }
    references
}

/// The code as it would be stored under a reference: as it was typed, and with the zeros put back that it
/// may have lost.
fn present(
    keyring: &Keyring,
    subject: &Subject,
    reference: Reference,
    code: &Code,
    rules: &Rules,
) -> Presented {
    let mut lengths: Vec<u8> = rules.purposes.iter().map(|purpose| purpose.digits).collect();
    lengths.sort_unstable();
    lengths.dedup();
    let mut candidates = keyring.candidates(subject, &reference, code);
    for digits in lengths.into_iter().filter(|digits| usize::from(*digits) > code.expose().len()) {
        let padded = Digits::new(digits).and_then(|digits| Code::presented(code.expose(), Some(digits)));
        candidates.extend(padded.iter().flat_map(|padded| keyring.candidates(subject, &reference, padded)));
    }
    Presented { reference, candidates }
}

/// What the question turned out to be about.
struct About {
    purpose: Option<Purpose>,
}

impl About {
    fn of(examined: &[Examination], asked: Option<&Reference>, purposes: &[Purpose]) -> Self {
        let asked = examined.iter().find(|one| asked.is_none_or(|asked| one.reference == *asked));
        let found = asked.and_then(|one| one.found.as_ref()).map(|found| found.purpose.clone());
        let only = purposes.first().filter(|_| purposes.len() == 1).cloned();
        Self { purpose: found.or(only) }
    }
}

fn answer(
    subject: &Subject,
    asked: Option<&Reference>,
    verdict: Verdict,
    about: &About,
    accounts: &[AccountView],
    examined: &Dated<Vec<Examination>>,
    keyring: &Keyring,
) -> Value {
    let account = accounts.iter().find(|account| Some(&account.purpose) == about.purpose.as_ref());
    let lock = account.and_then(|account| account.lock);
    let keys: Vec<&str> = keyring.prints().map(|print| print.as_str()).collect();
    json!({
        "success": true,
        "at": examined.at.to_iso8601(),
        "subject": subject.as_str(),
        "reference": asked.map(Reference::as_str),
        "purpose": about.purpose.as_ref().map(Purpose::as_str),
        "verdict": verdict.as_str(),
        "wouldPass": verdict == Verdict::Right && lock.is_none(),
        "account": account.map(|account| view::account(&account.account, account.lock)),
        "keys": keys,
        "challenges": examined.value.iter().map(challenge).collect::<Vec<_>>(),
    })
}

fn challenge(examination: &Examination) -> Value {
    let found = examination.found.as_ref();
    let codes = found.map(|found| &found.codes).into_iter().flatten().map(|code| {
        json!({
            "issuedAt": code.code.issued_at.to_iso8601(),
            "expiresAt": code.code.expires_at.to_iso8601(),
            "expired": code.expired,
            "key": code.code.key.as_str(),
            "knownKey": code.known_key,
            "matches": code.matches,
        })
    });
    json!({
        "reference": examination.reference.as_str(),
        "found": found.is_some(),
        "purpose": found.map(|found| found.purpose.as_str()),
        "phase": found.map(|found| view::phase(&found.phase)),
        "rememberedUntil": found.map(|found| found.remembered_until).map(Timestamp::to_iso8601),
        "codes": codes.collect::<Vec<_>>(),
    })
}
