//! Audit lines of one decision in plain sentences.

use crate::cli::moment;
use crate::domain::time::Timestamp;
use crate::telemetry::audit::reader::AuditLine;

/// What was decided, and why.
pub(super) fn decided(line: &AuditLine, now: Timestamp) -> Vec<String> {
    let mut story = vec![headline(line)];
    story.extend(line.reason.as_deref().and_then(why).map(str::to_owned));
    if let Some(rule) = &line.rule {
        let policy = line.policy.as_deref().unwrap_or("unknown");
        story.push(format!("The rule is `{rule}` of policy {policy}."));
    }
    if let Some(until) = line.until.as_deref().and_then(Timestamp::from_iso8601) {
        story.push(format!("It refuses until {} UTC.", moment::beside(until, now)));
    }
    story.extend(counters(line));
    story
}

fn headline(line: &AuditLine) -> String {
    let at = line.at().map(moment::shown).unwrap_or_default();
    let route = line.route.as_deref().unwrap_or("?");
    let who = line.subject.as_deref().map_or_else(|| "somebody unknown".to_owned(), str::to_owned);
    let about = line.purpose.as_deref().map(|purpose| format!(" for {purpose}")).unwrap_or_default();
    let reason = line.reason.as_deref().unwrap_or("unknown");
    let verb = match line.outcome.as_deref() {
        Some("allowed") => "let through",
        Some("failed") => "could not decide on",
        _ => "refused",
    };
    format!("At {at} UTC the route `{route}` {verb} a request of {who}{about}: {reason}.")
}

/// What a word for a reason means.
fn why(reason: &str) -> Option<&'static str> {
    Some(match reason {
        "admitted" => "There was no lock and room in every limit; the wallet was asked next.",
        "matched" => "The code was right and was reserved for this request; the wallet was asked next.",
        "issued" => "A code was made and its mail queued.",
        "told" => "The state of the code was told.",
        "ambiguous_path" => "The path was spelt in a way that the wallet may read as a protected one.",
        "method_not_allowed" => "The route takes other methods.",
        "unauthorized" => "There was no token, or one that does not hold.",
        "identity_unavailable" => "The keys to check tokens with had not been fetched yet.",
        "invalid_request" => "The request lacked a field, or had one that cannot be.",
        "unsupported_media_type" => "The body was neither JSON nor a form.",
        "body_too_large" => "The body was longer than --max-body allows.",
        "recipient_mismatch" => "A code was asked for to another address than the one in the token.",
        "locked" => "The person was locked out after too many wrong codes; no code is compared meanwhile.",
        "disabled" => {
            "The purpose is disabled for this person after too many wrong codes in a row, until cleared."
        }
        "rate_limited" => "A limit was full.",
        "invalid" => "The code was compared, and is none of those that are stored.",
        "expired" => "The code was right once, or all codes of the challenge had expired.",
        "not_found" => "This person has no such challenge: never made, forgotten, or another person's.",
        "superseded" => "A newer challenge took its place, or an operator revoked it.",
        "used" => "The code was used already, or another request held it.",
        "unknown_key" => {
            "The code was made under a key that this replica does not have; nothing was compared."
        }
        "state_unavailable" => "The store did not answer, so protected routes refuse.",
        "overloaded" => "Too many calls to the store were under way.",
        "upstream_unavailable" => "The wallet could not be reached; nothing was sent.",
        "upstream_timeout" => "The wallet did not answer in time.",
        "internal" => "A fault of the sidecar itself; the log has its place.",
        _ => return None,
    })
}

/// What was counted.
fn counters(line: &AuditLine) -> Vec<String> {
    let mut told = Vec::new();
    if let Some(failures) = &line.failures {
        if failures.before == failures.after {
            told.push(format!("Failures: {}, unchanged.", failures.before));
        } else if line.locks() {
            told.push(format!("Failures: this was number {}, which set a lock.", failures.before + 1));
        } else {
            told.push(format!("Failures: {} before, {} after.", failures.before, failures.after));
        }
    }
    if let Some(lock) = &line.lock {
        told.extend(lock_told(lock.before.as_deref(), lock.after.as_deref()));
    }
    for limit in &line.limits {
        if let (Some(before), Some(after)) = (limit.before, limit.after) {
            let full = if before == after && after >= limit.max { ", full" } else { "" };
            told.push(format!(
                "Limit `{}`: {before} before, {after} after, of {}{full}.",
                limit.limit, limit.max
            ));
        }
    }
    told
}

fn lock_told(before: Option<&str>, after: Option<&str>) -> Option<String> {
    let shown = |lock: &str| match Timestamp::from_iso8601(lock) {
        Some(until) => format!("until {} UTC", moment::shown(until)),
        None => "until an operator clears it".to_owned(),
    };
    match (before, after) {
        (None, Some(after)) => Some(format!("It set a lock {}.", shown(after))),
        (Some(before), _) => Some(format!("A lock was in force {}.", shown(before))),
        (None, None) => None,
    }
}

/// What followed a decision, line by line.
pub(super) fn followed(line: &AuditLine) -> Option<String> {
    let reason = line.reason.as_deref().unwrap_or("unknown");
    let after = line.after_seconds.unwrap_or_default();
    let attempts = line.attempt.unwrap_or(1);
    let is_notice = line.kind.as_deref() == Some("lock_notice");
    let what = if is_notice { "that tells of the lock" } else { "with the code" };
    Some(match (line.event.as_str(), line.result.as_deref()) {
        ("code", Some("issued")) => {
            format!("A code was stored, good for {} s.", line.expires_in.unwrap_or_default())
        }
        ("code", _) if reason == "upstream_refused" => "The wallet refused, so no code was made.".to_owned(),
        ("code", _) => format!("No code could be made: {reason}."),
        ("mail", Some("accepted")) => {
            format!(
                "The relay took the mail {what} {after:.1} s after it was asked for, at attempt {attempts}."
            )
        }
        ("mail", _) => {
            format!("The mail {what} was given up after {after:.1} s and {attempts} attempts: {reason}.")
        }
        ("settled", Some("committed")) => {
            format!("The wallet answered, so the code is used up. It was {after:.0} s old.")
        }
        ("settled", Some("released")) => {
            "The wallet took nothing, so the code may be tried again.".to_owned()
        }
        ("settled", Some("unknown")) => {
            "Nobody knows whether the wallet acted, so the code stays reserved until it expires.".to_owned()
        }
        ("settled", _) => "The store did not take the end, so the code stays reserved for now.".to_owned(),
        ("failed", _) => format!("Then it failed: {reason}. {}", why(reason).unwrap_or_default()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> AuditLine {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn every_reason_is_told_in_a_sentence() {
        for reason in crate::domain::reason::Reason::ALL {
            let never_decides = [
                "verified",
                "released",
                "outcome_unknown",
                "upstream_refused",
                "no_reference",
                "reference_spent",
                "outbox_full",
                "template_failed",
            ];
            let is_told = why(reason.as_str()).is_some();
            assert!(is_told || never_decides.contains(&reason.as_str()), "{}", reason.as_str());
        }
    }

    #[test]
    fn a_lock_is_told_with_its_rule_its_end_and_what_was_counted() {
        let line = line(
            r#"{"v":1,"event":"decision","time":"2026-11-22T15:07:00.123Z","route":"verify","subject":"jane",
            "purpose":"wallet_funding","outcome":"refused","reason":"invalid","code":"wrong",
            "rule":"purposes.wallet_funding.lockout","until":"2026-11-22T15:22:00.123Z","policy":"9d8c7b6a5f4e3d2c",
            "failures":{"before":2,"after":0},"lock":{"before":null,"after":"2026-11-22T15:22:00.123Z"},
            "limits":[{"limit":"verify","max":10,"before":2,"after":3}]}"#,
        );
        let now = Timestamp::from_iso8601("2026-11-22T15:10:00.123Z").unwrap();
        let story = decided(&line, now).join("\n");
        for part in [
            "At 2026-11-22 15:07:00 UTC the route `verify` refused a request of jane for wallet_funding: invalid.",
            "The rule is `purposes.wallet_funding.lockout` of policy 9d8c7b6a5f4e3d2c.",
            "It refuses until 2026-11-22 15:22:00 (in 12m) UTC.",
            "this was number 3, which set a lock",
            "Limit `verify`: 2 before, 3 after, of 10.",
        ] {
            assert!(story.contains(part), "{part}\n{story}");
        }
    }

    #[test]
    fn what_followed_is_told_by_its_result() {
        for (text, part) in [
            (
                r#"{"v":1,"event":"mail","time":"","result":"accepted","after_seconds":0.84,"attempt":2}"#,
                "0.8 s",
            ),
            (r#"{"v":1,"event":"mail","time":"","result":"given_up","reason":"auth"}"#, "auth"),
            (r#"{"v":1,"event":"code","time":"","result":"issued","expires_in":300}"#, "300 s"),
            (
                r#"{"v":1,"event":"code","time":"","result":"not_issued","reason":"upstream_refused"}"#,
                "wallet refused",
            ),
            (r#"{"v":1,"event":"settled","time":"","result":"unknown"}"#, "Nobody knows"),
            (r#"{"v":1,"event":"failed","time":"","reason":"upstream_timeout"}"#, "in time"),
        ] {
            let told = followed(&line(text)).unwrap();
            assert!(told.contains(part), "{told}");
        }
    }
}
