//! The rules in force, as far as operators act on what they counted. This module knows no policies: the
//! composition root fills it in.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::id::{LimitName, PolicyHash, Purpose};
use crate::domain::lockout::LockoutRule;
use crate::domain::pseudonym::AuditForms;
use crate::domain::subject::{ClientAddr, Subject};
use crate::domain::window::{Count, Owner, Take};

/// Where the rules in force are found.
pub trait Rulebook: Send + Sync {
    /// The rules in force now.
    fn rules(&self) -> Arc<Rules>;
}

/// The rules of one policy.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The policy.
    pub hash: PolicyHash,
    /// The forms in which audit lines show people.
    pub forms: AuditForms,
    /// What codes are for.
    pub purposes: Vec<PurposeInForce>,
    /// The limits.
    pub limits: Vec<LimitInForce>,
}

/// One purpose.
#[derive(Debug, Clone)]
pub struct PurposeInForce {
    /// Its name.
    pub name: Purpose,
    /// How many digits a code has.
    pub digits: u8,
    /// How long a code lives.
    pub ttl: Duration,
    /// How many of the newest codes are valid.
    pub live: u8,
    /// How long after a code the next one may be sent.
    pub cooldown: Duration,
    /// When and how long people are locked out.
    pub lockout: LockoutRule,
}

/// One limit.
#[derive(Debug, Clone)]
pub struct LimitInForce {
    /// Its name.
    pub name: LimitName,
    /// How many fit into any window.
    pub max: u32,
    /// The length of the window.
    pub per: Duration,
    /// What is counted.
    pub count: Count,
    /// Whether each caller has a count of their own.
    pub by_subject: bool,
    /// Whether each purpose has one.
    pub by_purpose: bool,
    /// Whether each client address has one.
    pub by_client: bool,
    /// Where the policy uses it, such as `routes.fund`.
    pub used_by: Vec<String>,
}

/// Whose counts are meant: those of limits that count by exactly this. Neither: those for everyone.
#[derive(Debug, Clone, Default)]
pub struct Counted {
    /// A caller's.
    pub subject: Option<Subject>,
    /// An address's.
    pub client: Option<ClientAddr>,
}

impl Rules {
    /// The names of the purposes.
    pub fn purpose_names(&self) -> Vec<Purpose> {
        self.purposes.iter().map(|purpose| purpose.name.clone()).collect()
    }

    /// The rules of a purpose.
    pub fn purpose(&self, name: &Purpose) -> Option<&PurposeInForce> {
        self.purposes.iter().find(|purpose| purpose.name == *name)
    }

    /// Every count that these limits can have of its owner: one for each purpose where limits count by it.
    pub fn takes<'a>(
        &self,
        limits: impl IntoIterator<Item = &'a LimitInForce>,
        of: &Counted,
        purpose: Option<&Purpose>,
    ) -> Vec<Take> {
        let fitting = limits.into_iter().filter(|limit| limit.counts_by(of));
        fitting.flat_map(|limit| self.takes_of(limit, of, purpose)).collect()
    }

    fn takes_of(&self, limit: &LimitInForce, of: &Counted, purpose: Option<&Purpose>) -> Vec<Take> {
        let take = |purpose: Option<Purpose>| Take {
            limit: limit.name.clone(),
            owner: Owner { subject: of.subject.clone(), purpose, client: of.client },
            max: limit.max,
            per: limit.per,
            count: limit.count,
        };
        match (limit.by_purpose, purpose) {
            (false, _) => vec![take(None)],
            (true, Some(purpose)) => vec![take(Some(purpose.clone()))],
            (true, None) => self.purposes.iter().map(|purpose| take(Some(purpose.name.clone()))).collect(),
        }
    }

    /// The limits on failures of one person that a cleared lock forgives too.
    pub fn forgiven(&self, subject: &Subject, purpose: &Purpose) -> Vec<Take> {
        let failures = self.limits.iter().filter(|limit| limit.count == Count::Failures);
        let of = Counted { subject: Some(subject.clone()), client: None };
        self.takes(failures, &of, Some(purpose))
    }
}

impl LimitInForce {
    /// Whether it counts by exactly what is named; purposes aside.
    pub fn counts_by(&self, of: &Counted) -> bool {
        self.by_subject == of.subject.is_some() && self.by_client == of.client.is_some()
    }

    /// What it counts by, in the words of the policy.
    pub fn by(&self) -> Vec<&'static str> {
        let words =
            [(self.by_subject, "subject"), (self.by_purpose, "purpose"), (self.by_client, "client_ip")];
        let by: Vec<_> = words.into_iter().filter_map(|(counts, word)| counts.then_some(word)).collect();
        if by.is_empty() { vec!["everyone"] } else { by }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(name: &str, by: [bool; 3], count: Count) -> LimitInForce {
        let [by_subject, by_purpose, by_client] = by;
        LimitInForce {
            name: LimitName::parse(name).unwrap(),
            max: 3,
            per: Duration::from_secs(60),
            count,
            by_subject,
            by_purpose,
            by_client,
            used_by: Vec::new(),
        }
    }

    fn rules() -> Rules {
        let purpose = |name: &str| PurposeInForce {
            name: Purpose::parse(name).unwrap(),
            digits: 6,
            ttl: Duration::from_secs(300),
            live: 2,
            cooldown: Duration::ZERO,
            lockout: LockoutRule {
                after: 3,
                lock_for: Duration::from_secs(900),
                escalate: 2,
                at_most: Duration::from_secs(86_400),
                disable_after: 100,
            },
        };
        Rules {
            hash: PolicyHash::from_hex("0123456789abcdef"),
            forms: AuditForms::default(),
            purposes: vec![purpose("funding"), purpose("deduction")],
            limits: vec![
                limit("calls", [true, false, false], Count::All),
                limit("by-purpose", [true, true, false], Count::All),
                limit("address", [false, false, true], Count::All),
                limit("both", [true, false, true], Count::Failures),
                limit("guesses", [true, true, false], Count::Failures),
                limit("all", [false, false, false], Count::All),
            ],
        }
    }

    fn named(takes: &[Take]) -> Vec<String> {
        let one = |take: &Take| {
            let purpose = take.owner.purpose.as_ref().map(|purpose| format!(" {purpose}"));
            format!("{}{}", take.limit, purpose.unwrap_or_default())
        };
        takes.iter().map(one).collect()
    }

    #[test]
    fn limits_are_those_that_count_by_exactly_what_is_named() {
        let rules = rules();
        let subject = Some(Subject::parse("jane").unwrap());
        let client = Some(ClientAddr::of("192.0.2.1".parse().unwrap()));
        let of = |subject: &Option<Subject>, client| Counted { subject: subject.clone(), client };
        let takes = |of: &Counted| named(&rules.takes(&rules.limits, of, None));
        let every_purpose =
            ["calls", "by-purpose funding", "by-purpose deduction", "guesses funding", "guesses deduction"];
        assert_eq!(takes(&of(&subject, None)), every_purpose);
        assert_eq!(takes(&of(&None, client)), ["address"]);
        assert_eq!(takes(&of(&subject, client)), ["both"]);
        assert_eq!(takes(&Counted::default()), ["all"]);
        let funding = Purpose::parse("funding").unwrap();
        let one = rules.takes(&rules.limits, &of(&subject, None), Some(&funding));
        assert_eq!(named(&one), ["calls", "by-purpose funding", "guesses funding"]);
    }

    #[test]
    fn a_cleared_lock_forgives_the_failures_of_its_person_and_purpose_only() {
        let (rules, subject) = (rules(), Subject::parse("jane").unwrap());
        let forgiven = rules.forgiven(&subject, &Purpose::parse("funding").unwrap());
        assert_eq!(named(&forgiven), ["guesses funding"]);
        assert!(forgiven.iter().all(|take| take.owner.subject.as_ref() == Some(&subject)));
    }
}
