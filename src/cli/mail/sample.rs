//! The mail of a purpose with sample facts, rendered as production would.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, anyhow};

use crate::app::host::SystemClock;
use crate::cli::without_secrets;
use crate::domain::binding::Binding;
use crate::domain::code::Code;
use crate::domain::lockout::Lock;
use crate::domain::outbox::Envelope;
use crate::domain::subject::Recipient;
use crate::domain::time::Clock as _;
use crate::policy::nearest::suggestion;
use crate::policy::snapshot::PurposeRules;
use crate::policy::template::{CodeFacts, LockFacts};

/// The digits of the sample code, of which a purpose takes as many as its codes have. Nobody takes them for
/// a real one.
const SAMPLE: &str = "1234567890";

/// What the sample mail tells.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// What the code is tied to, as name and value.
    pub(super) bound: Vec<(String, String)>,
    /// Whether it is the mail that tells of a lock, not the one with a code.
    pub(super) lock_notice: bool,
}

/// The mail of that purpose.
pub(super) fn envelope(
    policies: &Path,
    purpose: &str,
    recipient: Recipient,
    facts: &Facts,
) -> anyhow::Result<Envelope> {
    let snapshot = without_secrets::load(policies)?;
    let known = || snapshot.purposes.keys().map(|name| name.as_str());
    let rules = snapshot
        .purposes
        .iter()
        .find_map(|(name, rules)| (name.as_str() == purpose).then_some(rules))
        .ok_or_else(|| {
            let names: Vec<&str> = known().collect();
            let advice = suggestion(purpose, names.iter().copied());
            let all = if advice.starts_with("write") {
                format!(" (there are: {})", names.join(", "))
            } else {
                String::new()
            };
            anyhow!("there is no purpose `{purpose}`: {advice}{all}")
        })?;
    if facts.lock_notice { lock_notice(rules, recipient) } else { code(rules, recipient, facts) }
}

fn code(rules: &PurposeRules, recipient: Recipient, facts: &Facts) -> anyhow::Result<Envelope> {
    let digits = usize::from(rules.digits.get());
    let code = SAMPLE.get(..digits).and_then(|sample| Code::presented(sample, None));
    let code = code.context("the sample code is too short, which is a defect of this program")?;
    let bound = facts.bound.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let rendered = rules.template.render_code(&CodeFacts {
        purpose: &rules.name,
        code: &code,
        requested_at: SystemClock.now(),
        ttl: rules.ttl,
        binding: &Binding::of(bound),
    })?;
    Ok(Envelope { recipient, subject: rendered.subject, text: rendered.text, html: rendered.html })
}

fn lock_notice(rules: &PurposeRules, recipient: Recipient) -> anyhow::Result<Envelope> {
    let now = SystemClock.now();
    let lasts: Duration = rules.lockout.duration(0);
    let rendered = rules.lock_notice.render_lock(&LockFacts {
        purpose: &rules.name,
        lock: Lock::Until(now.plus(lasts)),
        at: now,
    })?;
    Ok(Envelope { recipient, subject: rendered.subject, text: rendered.text, html: rendered.html })
}
