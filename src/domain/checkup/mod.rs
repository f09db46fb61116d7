//! What a deployment looks like now, and what somebody should look at: the morning and weekly checks of the
//! operations guide, with its thresholds.

pub mod recent;

#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::domain::finding::{Finding, counted};

/// More locked accounts than this are too many (the guide's weekly check).
pub const MOST_LOCKED: u64 = 100;

/// More pending codes than this are too many (the guide's weekly check).
pub const MOST_PENDING: u64 = 1_000;

/// A store that takes longer than this is slow, as in the alerts.
pub const SLOW_STORE: Duration = Duration::from_millis(100);

/// A mail that waits longer than this is late, as in the alerts.
pub const LATE_MAIL: Duration = Duration::from_secs(60);

/// From this share of its memory on, a store is nearly full.
pub const NEARLY_FULL: f64 = 0.9;

/// The way mail leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Email {
    /// It works.
    Up,
    /// It does not; with the word for the latest failure.
    Down(String),
    /// No mail has left yet, and no check was made.
    NotTried,
    /// There is no relay.
    NoRelay,
}

/// What was seen; `None` where nobody can tell.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    /// Why the store does not answer, if it does not.
    pub store_down: Option<String>,
    /// How long it took to answer.
    pub store_latency: Option<Duration>,
    /// What is wrong with its settings.
    pub store_warnings: Vec<String>,
    /// Keys that it dropped for want of memory.
    pub evicted: Option<u64>,
    /// Bytes in use, and bytes that it may use; no bound is no pair.
    pub memory: Option<(u64, u64)>,
    /// Whether it could not write its data the last time that it tried.
    pub fails_to_persist: bool,
    /// Whether a restart of it forgets everything.
    pub forgets: bool,
    /// Keys that would stay for ever.
    pub without_expiry: u64,
    /// Keys that this version does not know.
    pub unknown_keys: u64,
    /// People with a code that could be accepted now.
    pub pending: Option<u64>,
    /// People who are locked or disabled now.
    pub locked: Option<u64>,
    /// The way mail leaves.
    pub email: Option<Email>,
    /// How long the oldest message has waited.
    pub oldest_message: Option<Duration>,
    /// Why the latest policy was rejected.
    pub rejected_policy: Option<String>,
    /// What went wrong in the last hour or a little more, by word.
    pub errors: Vec<(String, u64)>,
    /// Whether no sidecar has written counts in the last hour.
    pub nobody_counts: bool,
    /// Whether a stop was asked for.
    pub draining: bool,
}

/// Everything worth a look: problems first.
pub fn findings(seen: &Observed) -> Vec<Finding> {
    let mut found: Vec<Finding> =
        [store(seen), people(seen), email(seen), policy(seen)].into_iter().flatten().collect();
    found.extend(errors(seen));
    found.sort_by_key(|finding| finding.weight);
    found
}

fn store(seen: &Observed) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Some(reason) = &seen.store_down {
        let message = format!("The state does not answer ({reason}): protected routes refuse everybody.");
        let advice = "Bring Redis back, or the way to it; everything else recovers by itself.";
        found.push(Finding::problem("state_down", message, advice).see("OTPStoreErrors"));
    }
    if let Some(latency) = seen.store_latency.filter(|latency| *latency > SLOW_STORE) {
        let message = format!("The state took {} ms to answer.", latency.as_millis());
        let advice = "Look what else Redis is busy with, and how far away it is.";
        found.push(Finding::problem("state_slow", message, advice).see("OTPStoreSlow"));
    }
    for warning in &seen.store_warnings {
        let advice = "Mend the setting, or locks and counts can be forgotten.";
        found.push(Finding::problem("state_warning", sentence(warning), advice).see("OTPStoreMayEvict"));
    }
    if let Some(evicted) = seen.evicted.filter(|evicted| *evicted > 0) {
        let message = format!("Redis has dropped {} for want of memory.", counted(evicted, "key"));
        let advice =
            "Give it more memory and set maxmemory-policy to noeviction: a dropped key can be a lock.";
        found.push(Finding::problem("state_evicted", message, advice).see("OTPStoreMayEvict"));
    }
    if let Some((used, most)) = seen.memory.filter(|(used, most)| *used as f64 > *most as f64 * NEARLY_FULL) {
        let message = format!("Redis uses {} % of its memory.", used.saturating_mul(100) / most.max(1));
        let advice = "Give it more: when it is full, protected routes refuse everybody.";
        found.push(Finding::problem("state_nearly_full", message, advice).see("OTPStoreMayEvict"));
    }
    if seen.fails_to_persist {
        let advice = "Look at the disk and the log of Redis: a restart of it would forget locks.";
        let message = "Redis could not write its data to disk.".to_owned();
        found.push(Finding::problem("state_not_persisted", message, advice).see("OTPStoreErrors"));
    }
    if seen.forgets {
        let advice = "If that must not be, switch on appendonly in Redis (docs/state.md).";
        let message = "A restart of Redis forgets locks and codes: it keeps nothing on disk.".to_owned();
        found.push(Finding::remark("state_not_persistent", message, advice));
    }
    found.extend(keys(seen));
    found
}

fn keys(seen: &Observed) -> Vec<Finding> {
    let mut found = Vec::new();
    if seen.without_expiry > 0 {
        let message = format!("{} would stay for ever.", counted(seen.without_expiry, "key"));
        let advice = "Give them an end: otp-sidecar cleanup --reason TEXT.";
        found.push(Finding::remark("keys_without_expiry", message, advice));
    }
    if seen.unknown_keys > 0 {
        let message =
            format!("{} in our name that this version does not know.", counted(seen.unknown_keys, "key"));
        let advice = "They are of a newer version, or of somebody's mistake: nothing reads or removes them.";
        found.push(Finding::remark("unknown_keys", message, advice));
    }
    found
}

fn people(seen: &Observed) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Some(locked) = seen.locked.filter(|locked| *locked > MOST_LOCKED) {
        let message = format!("{locked} accounts are locked; more than {MOST_LOCKED} are too many.");
        let advice = "See who and from where (otp-sidecar locks top), and whether it is an attack.";
        found.push(Finding::problem("many_locked", message, advice).see("OTPLockSpike"));
    }
    if let Some(pending) = seen.pending.filter(|pending| *pending > MOST_PENDING) {
        let message = format!("{pending} codes are pending; more than {MOST_PENDING} are too many.");
        let advice = "See whether mails arrive, and whether somebody asks for codes in masses.";
        found.push(Finding::problem("many_pending", message, advice).see("OTPEmailDeliveryFailing"));
    }
    found
}

fn email(seen: &Observed) -> Vec<Finding> {
    let mut found = Vec::new();
    match &seen.email {
        Some(Email::Down(reason)) => {
            let message = format!("E-mail does not work ({reason}): nobody gets a code.");
            let advice = "Find the step that fails: otp-sidecar mail test --to ADDRESS.";
            found.push(Finding::problem("email_down", message, advice).see("OTPEmailServiceDown"));
        }
        Some(Email::NoRelay) => {
            let message = "There is no relay: nobody gets a code.".to_owned();
            let advice = "Start the sidecar with --smtp.";
            found.push(Finding::problem("no_relay", message, advice).see("OTPEmailServiceDown"));
        }
        Some(Email::NotTried) => {
            let message = "Nobody knows yet whether e-mail works.".to_owned();
            let advice = "Try it: otp-sidecar mail test --to ADDRESS.";
            found.push(Finding::remark("email_unknown", message, advice));
        }
        Some(Email::Up) | None => {}
    }
    if let Some(waited) = seen.oldest_message.filter(|waited| *waited > LATE_MAIL) {
        let message = format!("The oldest message has waited for {} s.", waited.as_secs());
        let advice = "See why attempts fail; a code that dies before its mail leaves is given up.";
        found.push(Finding::problem("mail_waiting", message, advice).see("OTPMailWaiting"));
    }
    found
}

fn policy(seen: &Observed) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Some(error) = &seen.rejected_policy {
        let message = format!("The latest policy was rejected: {error}");
        let advice = "Mend the file; until then the last good policy goes on (otp-sidecar policy check).";
        found.push(Finding::problem("policy_rejected", message, advice).see("OTPPolicyReloadFailed"));
    }
    if seen.nobody_counts {
        let message = "No sidecar has written counts to this state in the last hour.".to_owned();
        let advice = "See whether any runs, and whether this is the state that it uses.";
        found.push(Finding::problem("nobody_counts", message, advice).see("OTPSidecarAbsent"));
    }
    if seen.draining {
        let message = "This sidecar is stopping.".to_owned();
        found.push(Finding::remark("draining", message, "Nothing, if somebody wanted it to."));
    }
    found
}

fn errors(seen: &Observed) -> Vec<Finding> {
    let one = |(word, times): &(String, u64)| {
        let message = format!("{} lately: {word}.", counted(*times, "error"));
        let (advice, page) = about(word);
        Finding::problem("errors", message, advice).see(page)
    };
    seen.errors.iter().map(one).collect()
}

/// What to do about errors of this word, and where to read on.
fn about(word: &str) -> (&'static str, &'static str) {
    match word {
        "state_unavailable" | "overloaded" => ("See whether Redis answers, and in time.", "OTPStoreErrors"),
        "upstream_unavailable" | "upstream_timeout" | "outcome_unknown" => {
            ("See whether the wallet answers, and in time.", "OTPUpstreamErrors")
        }
        "no_reference" | "reference_spent" | "outbox_full" | "template_failed" => {
            ("The wallet agreed and no code was made: see why.", "OTPCodesNotIssued")
        }
        "mail_given_up" => ("See why the relay does not take mails.", "OTPEmailDeliveryFailing"),
        "policy_rejected" => ("Mend the policy files.", "OTPPolicyReloadFailed"),
        _ => ("Look for its lines in the log.", "OTPVerificationBudgetBurnFast"),
    }
}

/// With a capital letter and a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let end = if text.ends_with('.') { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}
