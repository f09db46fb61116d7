//! Codes that were presented.

use std::sync::Arc;

use super::Doubt;
use super::account::{Whose, add_hidden};
use super::codes::digest;
use super::engine::Replay;
use super::known::{Holding, Ruled, refused};
use super::line::{Decision, Outcome};
use crate::domain::admit::{self, AdmitCommand, Standpoint};
use crate::domain::challenge::Phase;
use crate::domain::id::{Purpose, Reference};
use crate::domain::lockout::{CLEAN_AFTER, Lock};
use crate::domain::reason::Reason;
use crate::domain::time::Timestamp;
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
        let (Some(right), Some(whose)) = (line.right, whose) else {
            return self.not_compared(line, route, rule, facts, reference, takes);
        };
        self.take_over(line, &whose, reference);
        let doubt = if self.is_withheld(&whose, reference) {
            Some(Doubt::NotSent)
        } else if self.is_shadowed(&whose, reference) {
            Some(Doubt::Follows)
        } else if !self.agree(&whose, reference, right, line.time) {
            Some(Doubt::WhichCode)
        } else {
            None
        };
        if let Some(doubt) = doubt {
            return self.doubted(line, route, rule, facts, takes, doubt);
        }
        self.compared(line, route, rule, &whose, reference, takes, right)
    }

    /// A code may or may not have been compared, and may or may not have been right.
    fn doubted(
        &mut self,
        line: &Decision,
        route: &Route,
        rule: &VerifyRule,
        facts: &Facts,
        takes: Vec<Take>,
        doubt: Doubt,
    ) -> Ruled {
        let whose = line.purpose.clone().map(|purpose| (facts.subject().clone(), purpose));
        let is_locked = whose
            .as_ref()
            .is_some_and(|whose| self.state.account(&whose.0, &whose.1, line.time).lock(line.time).is_some());
        let is_there = doubt == Doubt::WhichCode;
        if is_locked && !is_there {
            // Whoever names another challenge, or none, may not be locked out there.
            self.limits.blur(&takes, line.time);
        }
        let ruled = self.uncompared(line, route, rule, facts, takes, |_| Ruled::Allowed);
        let is_limited = matches!(ruled, Ruled::Refused { reason: Reason::RateLimited, .. });
        if ruled == Ruled::Allowed {
            self.guess(line);
        }
        match ruled {
            Ruled::Refused { .. } if is_there || (is_limited && !is_locked) => ruled,
            Ruled::Unknown(doubt) => Ruled::Unknown(doubt),
            _ => Ruled::Unknown(doubt),
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
        self.presume(&whose.0, &purpose, reference, line.time);
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
        let is_reserved = matches!(outcome, VerifyOutcome::Reserved { .. });
        let ruled = match reserved(command, outcome, line.time) {
            Ok(_) => Ruled::Allowed,
            Err(denial) => refused(&denial, route, Some(&whose.1)),
        };
        if is_reserved {
            let (subject, reference) = (whose.0.clone(), reference.clone());
            self.holdings.insert(line.request.clone(), Holding { subject, reference, at: line.time });
        }
        let ruled = self.sure(line, &takes, &tally, true, ruled);
        if ruled == Ruled::Allowed {
            self.accounts.succeeded(whose);
        } else if matches!(ruled, Ruled::Unknown(_)) {
            self.guess(line);
        }
        ruled
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
        let then = self.was.and_then(|was| was.purposes.get(&whose.1)).map(|rules| rules.lockout.clone());
        let Some(then) = then.filter(|_| self.begin().plus(CLEAN_AFTER) > line.time) else { return };
        let more = self.accounts.hidden(whose, &then, until.since(line.time), line.time);
        if more > 0
            && let Some(rules) = self.policy.purposes.get(&whose.1).cloned()
        {
            add_hidden(&mut self.state, whose, &rules.lockout, more, line.time);
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
        let ruled = match issue::admitted(outcome, line.time) {
            Ok(_) => Ruled::Allowed,
            Err(denial) => refused(&denial, route, line.purpose.as_ref()),
        };
        match self.sure(line, &command.takes, &tally, true, ruled) {
            Ruled::Allowed => then(self),
            other => other,
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
        let whose = line.purpose.clone().map(|purpose| (facts.subject().clone(), purpose));
        let is_noted = self.notes.contains_key(&(facts.subject().clone(), reference.clone()));
        if let Some(whose) = &whose {
            let doubt = if self.is_withheld(whose, reference) { Doubt::NotSent } else { Doubt::Follows };
            // What is forgotten sooner is not looked for in the same way.
            let is_forgotten = is_noted && remembered == Remembered::Nothing;
            if doubt == Doubt::NotSent || is_forgotten || self.is_shadowed(whose, reference) {
                return self.doubted(line, route, rule, facts, takes, doubt);
            }
        }
        self.uncompared(line, route, rule, facts, takes, |replay| {
            let same = Ruled::Refused { reason: line.reason, rule: line.rule.clone() };
            let was_looked_at = match line.reason {
                Reason::NotFound if remembered != Remembered::Nothing => {
                    return Ruled::Unknown(Doubt::Follows);
                }
                Reason::NotFound | Reason::UnknownKey => return same,
                Reason::Expired | Reason::Superseded | Reason::Used => true,
                Reason::Locked | Reason::Disabled | Reason::RateLimited => false,
                _ if line.outcome == Outcome::Refused => return same,
                _ => return Ruled::Unknown(Doubt::Incomplete),
            };
            let purpose = line.purpose.as_ref();
            match remembered {
                Remembered::Nothing if purpose.is_none() => {
                    refused(&Denial::CodeNotFound(NotFound::Unknown), route, purpose)
                }
                // It is from before the log.
                Remembered::Nothing if was_looked_at => same,
                Remembered::Open if line.reason == Reason::Expired => match &whose {
                    Some(whose) if replay.expires_alike(whose, reference, line.time) => same,
                    _ => replay.guess(line),
                },
                Remembered::Nothing | Remembered::Open => replay.guess(line),
                Remembered::Expired => refused(&Denial::CodeExpired, route, purpose),
                Remembered::Superseded => {
                    refused(&Denial::CodeNotFound(NotFound::Superseded), route, purpose)
                }
                Remembered::Used => refused(&Denial::CodeUsed, route, purpose),
            }
        })
    }

    /// Whether a code that had expired then has expired now: nothing lives longer, and nothing is forgotten sooner.
    fn expires_alike(&self, whose: &Whose, reference: &Reference, now: Timestamp) -> bool {
        let Some(note) = self.notes.get(&(whose.0.clone(), reference.clone())) else { return false };
        let Some(rules) = self.policy.purposes.get(&whose.1) else { return false };
        let live = self.live_then(whose).unwrap_or(rules.live);
        let codes =
            self.state.challenge(&whose.0, reference, now).map_or(&[][..], |held| held.codes.as_slice());
        let is_kept = |sent: &Timestamp| codes.iter().any(|code| code.issued_at == *sent);
        let are_kept = note.sent.iter().rev().take(usize::from(live)).all(is_kept);
        note.lived > 0 && rules.ttl.as_secs() <= note.lived && are_kept
    }

    /// A code would be compared, and nobody knows how that would end.
    fn guess(&mut self, line: &Decision) -> Ruled {
        if let Some(whose) = line.subject.clone().zip(line.purpose.clone()) {
            if let Some(reference) = &line.reference {
                self.note_guess(&whose, reference, line.time);
            }
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
