//! Codes that were presented.

use std::sync::Arc;

use super::Doubt;
use super::account::{Whose, take_over_level};
use super::engine::{Holding, Replay, Ruled, digest, issue_command, refused};
use super::line::{Decision, Outcome};
use crate::domain::admit::{self, AdmitCommand, Standpoint};
use crate::domain::binding::Binding;
use crate::domain::challenge::Phase;
use crate::domain::id::{Purpose, Reference};
use crate::domain::issue::{Expected, issue as store};
use crate::domain::lockout::{CLEAN_AFTER, Lock};
use crate::domain::reason::Reason;
use crate::domain::verify::{self, SettleCommand, Settlement, VerifyCommand, VerifyOutcome, settle};
use crate::domain::window::Take;
use crate::policy::decision::{Denial, NotFound};
use crate::policy::facts::Facts;
use crate::policy::issue;
use crate::policy::snapshot::{Route, VerifyRule};
use crate::policy::verify::reserved;

/// What the new policy remembers of a challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Remembered {
    Nothing,
    /// With a code that would be compared.
    Open,
    /// Without one.
    Expired,
    Superseded,
    Used,
}

impl Replay<'_> {
    pub(super) fn verify(
        &mut self,
        line: &Decision,
        route: &Route,
        rule: &VerifyRule,
        facts: &Facts,
    ) -> Ruled {
        let Some(reference) = &line.reference else { return Ruled::Unknown(Doubt::Incomplete) };
        let takes = facts.takes(route.limits.iter().map(AsRef::as_ref), None);
        if let Some(doubt) = self.prepare(line, &takes) {
            return Ruled::Unknown(doubt);
        }
        let whose = line.purpose.clone().map(|purpose| (facts.subject().clone(), purpose));
        match (line.right, whose) {
            (Some(right), Some(whose)) => {
                self.take_over(line, &whose, reference);
                let (then, now) = self.acceptable(&whose, reference, line.time);
                // Which of several codes it was, nobody knows.
                if (right && now > 0 && now < then) || (!right && now > then) {
                    return self.uncompared(line, route, rule, facts, takes, |replay| {
                        replay.guess(line);
                        Ruled::Unknown(Doubt::WhichCode)
                    });
                }
                if self.is_withheld(&whose, reference) {
                    return self
                        .uncompared(line, route, rule, facts, takes, |_| Ruled::Unknown(Doubt::NotSent));
                }
                self.compared(line, route, rule, &whose, reference, takes, right)
            }
            _ => self.not_compared(line, route, rule, facts, reference, takes),
        }
    }

    fn is_withheld(&self, whose: &Whose, reference: &Reference) -> bool {
        self.notes.get(&(whose.0.clone(), reference.clone())).is_some_and(|note| note.withheld)
    }

    /// A code of a challenge from before the log was compared, so there is one.
    fn take_over(&mut self, line: &Decision, whose: &Whose, reference: &Reference) {
        let key = (whose.0.clone(), reference.clone());
        let is_known =
            self.notes.contains_key(&key) || self.state.challenge(&key.0, &key.1, line.time).is_some();
        let Some(purpose) = self.policy.purposes.get(&whose.1).cloned().filter(|_| !is_known) else { return };
        let none = std::time::Duration::ZERO;
        let command = issue_command(
            &whose.0,
            &purpose,
            reference.clone(),
            Expected::Anything,
            Binding::default(),
            none,
        );
        store(&mut self.state, &command, line.time);
        self.remember(whose, reference, 0, false, line.time);
    }

    #[allow(clippy::too_many_arguments, reason = "they are the parts of one line")]
    fn compared(
        &mut self,
        line: &Decision,
        route: &Route,
        rule: &VerifyRule,
        whose: &Whose,
        reference: &Reference,
        takes: Vec<Take>,
        right: bool,
    ) -> Ruled {
        if right {
            self.release_unseen(line, whose, reference);
        }
        let command = VerifyCommand {
            subject: whose.0.clone(),
            reference: reference.clone(),
            request: line.request.clone(),
            candidates: vec![digest(right)],
            lockouts: Arc::clone(&rule.lockouts),
            takes: takes.clone(),
        };
        let (outcome, tally) = verify::decide(&mut self.state, &command, line.time);
        if let VerifyOutcome::Mismatch { lock, .. } = &outcome {
            self.locked(line, *lock);
            self.take_over_lock(line, whose);
        }
        if matches!(outcome, VerifyOutcome::Reserved { .. }) {
            self.accounts.succeeded(whose);
            let (subject, reference) = (whose.0.clone(), reference.clone());
            self.holdings.insert(line.request.clone(), Holding { subject, reference, at: line.time });
            return self.sure(line, &takes, Ruled::Allowed);
        }
        let ruled = match reserved(command, outcome, line.time) {
            Ok(_) => Ruled::Allowed,
            Err(denial) => refused(&denial, route, Some(&whose.1)),
        };
        let ruled = self.sure(line, &takes, ruled);
        self.unless_guessed(line, &tally, ruled)
    }

    /// Whoever presents a right code again found it free: the log does not tell of each release.
    fn release_unseen(&mut self, line: &Decision, whose: &Whose, reference: &Reference) {
        let held =
            self.state.challenge(&whose.0, reference, line.time).and_then(|challenge| {
                match &challenge.phase {
                    Phase::Reserved(request) => Some(request.clone()),
                    _ => None,
                }
            });
        if let Some(request) = held {
            let (subject, reference) = (whose.0.clone(), reference.clone());
            let command = SettleCommand { subject, reference, request, settlement: Settlement::Release };
            settle(&mut self.state, &command, line.time);
        }
    }

    /// A lock that began within a day of the begin of the log may be one of a row that nobody saw.
    fn take_over_lock(&mut self, line: &Decision, whose: &Whose) {
        let Some((None, Some(Lock::Until(until)))) = line.lock else { return };
        let is_early = self.begin().plus(CLEAN_AFTER) > line.time;
        if let Some(rules) = self.policy.purposes.get(&whose.1).filter(|_| is_early) {
            let rule = rules.lockout.clone();
            take_over_level(&mut self.state, whose, &rule, until.since(line.time), line.time);
        }
    }

    /// The steps before a code is looked at; `then` says what comes of it where they let it through.
    fn uncompared(
        &mut self,
        line: &Decision,
        route: &Route,
        rule: &VerifyRule,
        facts: &Facts,
        takes: Vec<Take>,
        then: impl FnOnce(&mut Self) -> Ruled,
    ) -> Ruled {
        let known = |purpose: &&Purpose| rule.lockouts.iter().any(|(name, _)| name == *purpose);
        let standpoint = line.purpose.as_ref().filter(known).map(|purpose| Standpoint {
            subject: facts.subject().clone(),
            purpose: purpose.clone(),
            refuse_locked: true,
        });
        let command = AdmitCommand { standpoint, takes };
        let (outcome, tally) = admit::decide(&mut self.state, &command, line.time);
        match issue::admitted(outcome, line.time) {
            Ok(_) => match self.sure(line, &command.takes, Ruled::Allowed) {
                Ruled::Allowed => then(self),
                other => other,
            },
            Err(denial) => {
                let ruled = refused(&denial, route, line.purpose.as_ref());
                let ruled = self.sure(line, &command.takes, ruled);
                self.unless_guessed(line, &tally, ruled)
            }
        }
    }

    fn not_compared(
        &mut self,
        line: &Decision,
        route: &Route,
        rule: &VerifyRule,
        facts: &Facts,
        reference: &Reference,
        takes: Vec<Take>,
    ) -> Ruled {
        let remembered = self.remembered(line, facts, reference);
        let note = self.notes.get(&(facts.subject().clone(), reference.clone())).cloned();
        self.uncompared(line, route, rule, facts, takes, |replay| {
            let same = Ruled::Refused { reason: line.reason, rule: line.rule.clone() };
            let withheld = note.as_ref().is_some_and(|note| note.withheld);
            match line.reason {
                Reason::Expired => {
                    let lives = line.purpose.as_ref().and_then(|name| replay.policy.purposes.get(name));
                    let longer = lives.is_none_or(|rules| {
                        note.as_ref().is_none_or(|note| note.lived == 0 || rules.ttl.as_secs() > note.lived)
                    });
                    if remembered == Remembered::Open && longer { replay.guess(line) } else { same }
                }
                Reason::Superseded | Reason::Used if remembered == Remembered::Open => replay.guess(line),
                Reason::Locked | Reason::Disabled | Reason::RateLimited => match remembered {
                    _ if withheld => Ruled::Unknown(Doubt::NotSent),
                    Remembered::Nothing if line.purpose.is_none() => {
                        refused(&Denial::CodeNotFound(NotFound::Unknown), route, None)
                    }
                    Remembered::Nothing | Remembered::Open => replay.guess(line),
                    Remembered::Expired => refused(&Denial::CodeExpired, route, line.purpose.as_ref()),
                    Remembered::Superseded => {
                        refused(&Denial::CodeNotFound(NotFound::Superseded), route, line.purpose.as_ref())
                    }
                    Remembered::Used => refused(&Denial::CodeUsed, route, line.purpose.as_ref()),
                },
                _ if line.outcome == Outcome::Refused => same,
                _ => Ruled::Unknown(Doubt::Incomplete),
            }
        })
    }

    /// A code would be compared, and nobody knows how that would end.
    fn guess(&mut self, line: &Decision) -> Ruled {
        if let Some(whose) = line.subject.clone().zip(line.purpose.clone()) {
            self.accounts.guess(whose, line.time);
        }
        Ruled::Unknown(Doubt::NotCompared)
    }

    fn remembered(&self, line: &Decision, facts: &Facts, reference: &Reference) -> Remembered {
        let Some(challenge) = self.state.challenge(facts.subject(), reference, line.time) else {
            return Remembered::Nothing;
        };
        match challenge.phase {
            Phase::Superseded => Remembered::Superseded,
            Phase::Reserved(_) | Phase::Consumed => Remembered::Used,
            Phase::Live if challenge.codes.iter().any(|code| code.expires_at > line.time) => Remembered::Open,
            Phase::Live => Remembered::Expired,
        }
    }
}
