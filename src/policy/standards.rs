//! Rules of NIST SP 800-63B-4 and of the PSD2 technical standards that bear on codes, and whether a
//! purpose keeps them.
//!
//! Those of NIST are limits of the language: a set that breaks one does not compile, and the error names
//! the rule. The one of PSD2 is not, because not every wallet is under it.

use std::time::Duration;

use super::scalar::show_span;
use super::snapshot::PurposeRules;

/// NIST SP 800-63B-4, 3.1.3.2: how long a code is valid at most.
pub const LONGEST_VALIDITY: Duration = Duration::from_secs(10 * 60);
/// NIST SP 800-63B-4, 3.2.2: how many consecutive failures there are at most.
pub const MOST_FAILURES: u32 = 100;
/// Regulation (EU) 2018/389, article 4(3)(b): how many there are before a block.
const MOST_BEFORE_BLOCK: u32 = 5;

/// One rule of a standard.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Where it is written.
    pub source: &'static str,
    /// What it asks for.
    pub demand: &'static str,
}

/// How long codes must be.
pub const DIGITS: Rule = Rule { source: "NIST SP 800-63B-4, 3.1.3.2", demand: "at least 6 digits" };
/// How long they may be valid.
pub const VALIDITY: Rule =
    Rule { source: "NIST SP 800-63B-4, 3.1.3.2", demand: "valid for at most 10 minutes" };
/// What a new code must not do.
pub const NEW_CODE: Rule =
    Rule { source: "NIST SP 800-63B-4, 3.1.3.2", demand: "a new code does not reset the failure count" };
/// When guessing must end.
pub const DISABLING: Rule =
    Rule { source: "NIST SP 800-63B-4, 3.2.2", demand: "disabled after at most 100 consecutive failures" };
/// When it must be interrupted.
pub const BLOCKING: Rule =
    Rule { source: "PSD2 RTS, article 4(3)(b)", demand: "blocked after at most 5 consecutive failures" };

/// Whether a purpose keeps a rule.
#[derive(Debug)]
pub struct Verdict {
    /// The rule.
    pub rule: &'static Rule,
    /// What the purpose does about it.
    pub found: String,
    /// Whether that is enough.
    pub is_kept: bool,
    /// What to write instead, when it is not.
    pub advice: Option<&'static str>,
}

/// Every rule, for one purpose.
pub fn verdicts(purpose: &PurposeRules) -> Vec<Verdict> {
    let lockout = &purpose.lockout;
    let before_block = lockout.after.min(lockout.disable_after);
    let verdict = |rule, found, is_kept: bool, advice: &'static str| {
        let advice = Some(advice).filter(|_| !is_kept);
        Verdict { rule, found, is_kept, advice }
    };
    vec![
        verdict(
            &DIGITS,
            format!("code.digits: {}", purpose.digits.get()),
            purpose.digits.get() >= 6,
            "write `digits: 6` or more",
        ),
        verdict(
            &VALIDITY,
            format!("code.ttl: {}", show_span(purpose.ttl)),
            purpose.ttl <= LONGEST_VALIDITY,
            "write `ttl: 10m` or less",
        ),
        verdict(&NEW_CODE, "always so".to_owned(), true, ""),
        verdict(
            &DISABLING,
            format!("lockout.disable_after: {}", lockout.disable_after),
            lockout.disable_after <= MOST_FAILURES,
            "write `disable_after: 100` or less",
        ),
        verdict(
            &BLOCKING,
            format!("lockout.after: {before_block}"),
            before_block <= MOST_BEFORE_BLOCK,
            "write `after: 5` or less",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::tests::world::{purpose, snapshot_with};

    #[test]
    fn what_a_purpose_does_about_each_rule_is_told_and_what_to_write_where_it_breaks_one() {
        let told = |from: &str, to: &str| {
            let snapshot = snapshot_with(from, to);
            let told = |verdict: Verdict| {
                assert_eq!(verdict.advice.is_none(), verdict.is_kept, "{verdict:?}");
                (verdict.found, verdict.is_kept)
            };
            verdicts(purpose(&snapshot, "wallet_funding")).into_iter().map(told).collect::<Vec<_>>()
        };
        let expected = [
            ("code.digits: 6", true),
            ("code.ttl: 5m", true),
            ("always so", true),
            ("lockout.disable_after: 100", true),
            ("lockout.after: 3", true),
        ];
        assert_eq!(told("", ""), expected.map(|(found, is_kept)| (found.to_owned(), is_kept)));
        let after =
            |number: u32| told("after: 3, for: 15m", &format!("after: {number}, for: 15m"))[4].clone();
        assert_eq!([after(5).1, after(6).1], [true, false]);
        let disabled = told("after: 3, for: 15m", "after: 9, for: 15m, disable_after: 5");
        assert_eq!(disabled[4], ("lockout.after: 5".to_owned(), true), "whichever blocks first");
    }
}
