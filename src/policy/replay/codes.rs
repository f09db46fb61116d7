//! Codes that are made, and challenges as the log tells of them.

use std::time::Duration;

use super::Doubt;
use super::account::Whose;
use super::engine::Replay;
use super::known::{Holding, LATEST, Note, Ruled, refused};
use super::line::{Decision, Outcome, Settled};
use crate::domain::binding::Binding;
use crate::domain::challenge::REMEMBERED_BEYOND_CODE;
use crate::domain::code::Entropy;
use crate::domain::id::{Reference, RequestId};
use crate::domain::issue::{Expected, IssueCommand, IssueOutcome, issue as store};
use crate::domain::keyring::{Digest, KeyId};
use crate::domain::reason::Reason;
use crate::domain::subject::Subject;
use crate::domain::time::Timestamp;
use crate::domain::verify::{SettleCommand, Settlement, settle};
use crate::policy::facts::Facts;
use crate::policy::issue;
use crate::policy::snapshot::{PurposeRules, Route};

impl Replay<'_> {
    pub(super) fn issue(
        &mut self,
        line: &Decision,
        route: &Route,
        purpose: &PurposeRules,
        facts: &Facts,
    ) -> Ruled {
        if line.purpose.as_ref().is_some_and(|name| *name != purpose.name) {
            return Ruled::Unknown(Doubt::Purpose);
        }
        let command = issue::before(route, purpose, facts);
        match self.admitted(line, route, &command) {
            Ok(_) => {
                if line.outcome == Outcome::Refused {
                    self.shadows.insert((facts.subject().clone(), purpose.name.clone()), line.time);
                }
                Ruled::Allowed
            }
            Err(ruled) => ruled,
        }
    }

    pub(super) fn send(
        &mut self,
        line: &Decision,
        route: &Route,
        purpose: &PurposeRules,
        facts: &Facts,
    ) -> Ruled {
        let ruled = self.resend(line, route, purpose, facts);
        if line.outcome == Outcome::Allowed
            && let Some(reference) = &line.reference
        {
            let whose = (facts.subject().clone(), purpose.name.clone());
            self.remember(&whose, reference, 0, ruled != Ruled::Allowed, line.time);
        }
        ruled
    }

    fn resend(&mut self, line: &Decision, route: &Route, purpose: &PurposeRules, facts: &Facts) -> Ruled {
        let command = issue::before(route, purpose, facts);
        let standing = match self.admitted(line, route, &command) {
            Ok(standing) => standing,
            Err(ruled) => return ruled,
        };
        let whose = (facts.subject().clone(), purpose.name.clone());
        let is_early = self.begin().plus(REMEMBERED_BEYOND_CODE * 2) > line.time;
        if line.reason == Reason::Used && standing.pending.is_none() && is_early {
            return Ruled::Unknown(Doubt::BeforeLog);
        }
        // What is pending hangs on a code that nobody saw compared, or on a request that nobody saw answered.
        let is_doubtful = self.accounts.guesses(&whose, line.time) > 0 || self.shadows.contains_key(&whose);
        if is_doubtful && (purpose.cooldown > Duration::ZERO || line.reason == Reason::Used) {
            return Ruled::Unknown(Doubt::Follows);
        }
        let resent = issue::resend(standing.pending, &Echo(&line.request));
        let (reference, expected, binding) = match resent {
            Ok(resent) => resent,
            Err(_) if is_doubtful => return Ruled::Unknown(Doubt::Follows),
            Err(denial) => return refused(&denial, route, Some(&purpose.name)),
        };
        let (reference, expected) = match &line.reference {
            // Then another one was pending: from before the log, or one whose code would not have been sent.
            Some(told) if *told != reference => (told.clone(), Expected::Anything),
            _ => (reference, expected),
        };
        let command = issue_command(facts.subject(), purpose, reference, expected, binding, purpose.cooldown);
        match store(&mut self.state, &command, line.time) {
            IssueOutcome::Issued { .. } => Ruled::Allowed,
            IssueOutcome::TooSoon { retry_at } => {
                refused(&issue::too_soon(retry_at, line.time), route, Some(&purpose.name))
            }
            IssueOutcome::Spent => {
                refused(&issue::not_made(Reason::ReferenceSpent), route, Some(&purpose.name))
            }
            IssueOutcome::Stale => Ruled::Unknown(Doubt::Follows),
        }
    }

    pub(super) fn issued(&mut self, time: Timestamp, request: &RequestId, reference: &Reference, lived: u64) {
        let Some(awaited) = self.awaited.remove(request) else {
            return;
        };
        let Some(whose) = awaited.whose else { return };
        if awaited.is_made {
            if let Some(note) = self.notes.get_mut(&(whose.0, reference.clone())) {
                note.lived = lived;
            }
            return;
        }
        // The line is written by this host's clock, the decision by the store's.
        let at = time.max(awaited.at).min(awaited.at.plus(LATEST));
        if awaited.admitted
            && let Some(purpose) = self.policy.purposes.get(&whose.1).cloned()
        {
            self.presume(&whose.0, &purpose, reference, at);
        }
        self.remember(&whose, reference, lived, !awaited.admitted, at);
    }

    /// Makes a code that the log says there is, whatever is pending. What it was tied to, the log does not tell.
    pub(super) fn presume(
        &mut self,
        subject: &Subject,
        purpose: &PurposeRules,
        reference: &Reference,
        at: Timestamp,
    ) {
        let (expected, binding) = (Expected::Anything, Binding::default());
        let command = issue_command(subject, purpose, reference.clone(), expected, binding, Duration::ZERO);
        store(&mut self.state, &command, at);
    }

    /// Notes a code that was sent then.
    pub(super) fn remember(
        &mut self,
        whose: &Whose,
        reference: &Reference,
        lived: u64,
        withheld: bool,
        at: Timestamp,
    ) {
        let key = (whose.0.clone(), reference.clone());
        let until = at.plus(REMEMBERED_BEYOND_CODE * 2);
        let new = Note { lived, sent: Vec::new(), since: at, withheld: false, guessed: false, until };
        let note = self.notes.entry(key).or_insert(new);
        if lived > 0 {
            note.lived = lived;
        }
        note.sent.push(at);
        // A policy has at most so many valid codes.
        let surplus = note.sent.len().saturating_sub(usize::from(u8::MAX));
        note.sent.drain(..surplus);
        note.withheld |= withheld;
        note.until = until;
    }

    /// Whether the codes of a challenge that were good then are good now, for one that was right; or the other way
    /// round, for one that was wrong. Which of them was presented, nobody knows.
    pub(super) fn agree(&self, whose: &Whose, reference: &Reference, right: bool, now: Timestamp) -> bool {
        let Some(note) = self.notes.get(&(whose.0.clone(), reference.clone())) else { return true };
        let codes =
            self.state.challenge(&whose.0, reference, now).map_or(&[][..], |held| held.codes.as_slice());
        let rules = self.policy.purposes.get(&whose.1);
        let live = self.live_then(whose).or(rules.map(|rules| rules.live)).unwrap_or(1);
        let lived = match note.lived {
            0 => rules.map_or(Duration::ZERO, |rules| rules.ttl),
            seconds => Duration::from_secs(seconds),
        };
        let kept = note.sent.iter().rev().take(usize::from(live));
        let mut good = kept.clone().filter(|sent| sent.plus(lived) > now);
        if right {
            let are_over = codes.iter().all(|code| code.expires_at <= now);
            let is_good = |sent: &&Timestamp| {
                codes.iter().any(|code| code.issued_at == **sent && code.expires_at > now)
            };
            are_over || good.all(|sent| is_good(&sent))
        } else {
            let was_kept = |issued: &Timestamp| kept.clone().any(|sent| sent == issued);
            codes.iter().all(|code| !note.sent.contains(&code.issued_at) || was_kept(&code.issued_at))
        }
    }

    /// How many codes were valid then, if the policy of the log is known.
    pub(super) fn live_then(&self, whose: &Whose) -> Option<u8> {
        self.was?.purposes.get(&whose.1).map(|rules| rules.live)
    }

    /// Whether the challenge may have been superseded, or used, by something that nobody saw.
    pub(super) fn is_shadowed(&self, whose: &Whose, reference: &Reference) -> bool {
        let note = self.notes.get(&(whose.0.clone(), reference.clone()));
        let is_older = |shadow: &Timestamp| note.is_none_or(|note| note.since <= *shadow);
        note.is_some_and(|note| note.guessed) || self.shadows.get(whose).is_some_and(is_older)
    }

    /// Notes that a code was presented of which nobody knows how it would be compared.
    pub(super) fn note_guess(&mut self, whose: &Whose, reference: &Reference, at: Timestamp) {
        let key = (whose.0.clone(), reference.clone());
        let until = at.plus(REMEMBERED_BEYOND_CODE * 2);
        let new = Note { lived: 0, sent: Vec::new(), since: at, withheld: false, guessed: true, until };
        self.notes.entry(key).or_insert(new).guessed = true;
    }

    pub(super) fn settled(&mut self, request: &RequestId, how: Settled, time: Timestamp) {
        let Some(holding) = self.holdings.remove(request) else { return };
        let settlement = match how {
            Settled::Committed => Settlement::Commit,
            Settled::Released => Settlement::Release,
            Settled::Open => return,
        };
        let Holding { subject, reference, at } = holding;
        let command = SettleCommand { subject, reference, request: request.clone(), settlement };
        settle(&mut self.state, &command, time.max(at));
    }
}

/// What stands for the codes of all challenges, and for one that is wrong: which of several codes was presented the log
/// does not tell.
pub(super) fn digest(right: bool) -> Digest {
    let kid = KeyId::parse("replay").expect("it is a name for a key");
    Digest { kid, mac: [u8::from(right); 32] }
}

fn issue_command(
    subject: &Subject,
    purpose: &PurposeRules,
    reference: Reference,
    expected: Expected,
    binding: Binding,
    cooldown: Duration,
) -> IssueCommand {
    IssueCommand {
        subject: subject.clone(),
        purpose: purpose.name.clone(),
        reference,
        expected,
        binding,
        digest: digest(true),
        ttl: purpose.ttl,
        live: purpose.live,
        cooldown,
    }
}

/// Where a new reference would come from: the request, which has one id.
struct Echo<'a>(&'a RequestId);

impl Entropy for Echo<'_> {
    fn fill(&self, buffer: &mut [u8]) {
        for (byte, digit) in buffer.iter_mut().zip(self.0.as_str().bytes().cycle().step_by(2)) {
            *byte = digit;
        }
    }
}
