//! What a run reached. A differential test that never goes somewhere agrees about it for nothing, so
//! every corner has a floor, and a run that stays below one fails.

use std::collections::BTreeMap;

use otp_sidecar::domain::admit::{AdmitCommand, AdmitOutcome, Refusal, admit};
use otp_sidecar::domain::issue::{Expected, IssueCommand, IssueOutcome};
use otp_sidecar::domain::lockout::Lock;
use otp_sidecar::domain::state::State;
use otp_sidecar::domain::tally::Tally;
use otp_sidecar::domain::time::Timestamp;
use otp_sidecar::domain::verify::{
    SettleCommand, SettleOutcome, Settlement, VerifyCommand, VerifyOutcome, verify,
};
use otp_sidecar::domain::window::{Count, Limited, Take};

use super::floors::FLOORS;
use super::generator::Generator;
use super::{COMMANDS, Command, Outcome, operators};
use crate::store_world::digest;

/// How often each corner was reached.
#[derive(Default)]
pub struct Coverage(BTreeMap<String, usize>);

impl Coverage {
    /// Fails when the run stayed below a floor.
    pub fn check(&self, commands: usize, seed: u64) {
        let reached = |corner: &str| self.0.get(corner).copied().unwrap_or(0);
        let missed: Vec<String> = FLOORS
            .iter()
            .filter(|(corner, floor)| reached(corner) * COMMANDS < floor * commands)
            .map(|(corner, floor)| format!("{corner}: {}, not {floor} in {COMMANDS}", reached(corner)))
            .collect();
        assert!(
            missed.is_empty(),
            "seed {seed}, {commands} commands, too seldom: {missed:#?}\n{:#?}",
            self.0
        );
    }

    /// Notes that a corner was reached.
    pub fn reach(&mut self, corner: impl Into<String>) {
        *self.0.entry(corner.into()).or_default() += 1;
    }

    /// Notes what a command told of its counts.
    pub fn note_tally(&mut self, tally: &Tally) {
        for limit in &tally.limits {
            self.reach(match limit.used {
                None => "tally: a limit without numbers",
                Some(used) if used.before == used.after => "tally: a full limit",
                Some(used) if used.after == 1 => "tally: the first of its window",
                Some(used) if used.after == limit.max => "tally: the last that fits",
                Some(_) => "tally: one in between",
            });
        }
        let Some(account) = &tally.account else { return };
        self.reach(match (account.failures.before, account.failures.after) {
            (0, 0) => "tally: no failures",
            (before, after) if before < after => "tally: one failure more",
            (before, after) if before == after => "tally: failures that stay",
            _ => "tally: failures forgiven or locked away",
        });
        if account.lock.before != account.lock.after {
            self.reach("tally: a lock began");
        }
    }

    /// Notes what one command reached. `before` is the state that it was decided on.
    pub fn note(
        &mut self,
        known: &Generator,
        command: &Command,
        outcome: &Outcome,
        before: &State,
        now: Timestamp,
    ) {
        match (command, outcome) {
            (Command::Admit(command), Outcome::Admit(outcome)) => {
                self.note_admit(command, outcome, before, now);
            }
            (Command::Issue(command), Outcome::Issue(outcome)) => self.note_issue(known, command, outcome),
            (Command::Verify(command), Outcome::Verify(outcome)) => {
                self.note_verify(known, command, outcome, before, now);
            }
            (Command::Settle(command), Outcome::Settle(outcome)) => self.note_settle(known, command, outcome),
            (Command::Clear(command), Outcome::Clear(cleared)) => {
                operators::note_clear(self, command, cleared);
            }
            (Command::Revoke(command), Outcome::Revoke(revoked)) => {
                operators::note_revoke(self, known, command, revoked, before, now);
            }
            (Command::Reset(command), Outcome::Reset(forgotten)) => {
                operators::note_reset(self, command, forgotten);
            }
            (Command::Add(_), Outcome::Add(outcome)) => operators::note_add(self, *outcome),
            _ => panic!("{command:?} has an outcome of another kind: {outcome:?}"),
        }
    }

    fn note_admit(&mut self, command: &AdmitCommand, outcome: &AdmitOutcome, before: &State, now: Timestamp) {
        match outcome {
            AdmitOutcome::Refused(refusal) => {
                self.note_refusal("admit", refusal, &command.takes, before, now);
            }
            AdmitOutcome::Admitted(_) if command.standpoint.is_none() => self.reach("admit: nobody"),
            AdmitOutcome::Admitted(standing) => {
                self.reach(match &standing.pending {
                    None => "admit: nothing pending",
                    Some(pending) if pending.reserved => "admit: a reserved challenge",
                    Some(pending) if pending.expires_at <= now => {
                        "admit: a pending challenge without a live code"
                    }
                    Some(_) => "admit: a live challenge",
                });
                match standing.lock {
                    Some(Lock::Until(_)) => self.reach("admit: tells a lock"),
                    Some(Lock::Disabled) => self.reach("admit: tells disabled"),
                    None if standing.failures > 0 => self.reach("admit: tells failures"),
                    None => {}
                }
            }
        }
    }

    fn note_refusal(&mut self, by: &str, refusal: &Refusal, takes: &[Take], before: &State, now: Timestamp) {
        match refusal {
            Refusal::Locked(Lock::Until(_)) => self.reach(format!("{by}: locked")),
            Refusal::Locked(Lock::Disabled) => self.reach(format!("{by}: disabled")),
            Refusal::Limited(full) => {
                for corner in limit_corners(full, takes, before, now) {
                    self.reach(format!("{by}: limited {corner}"));
                }
            }
        }
    }

    fn note_issue(&mut self, known: &Generator, command: &IssueCommand, outcome: &IssueOutcome) {
        let same = |issued: &&super::generator::Issued| {
            issued.subject == command.subject && issued.reference == command.reference
        };
        let newest = known.issued.iter().rev().find(same);
        let is_other_purpose = newest.is_some_and(|issued| issued.purpose != command.purpose);
        let is_consumed = known.consumed.contains(&(command.subject.clone(), command.reference.clone()));
        let expected = match command.expected {
            Expected::Anything => "anything",
            Expected::Pending(_) => "a pending one",
            Expected::Nothing => "nothing",
        };
        match outcome {
            IssueOutcome::Issued { .. } => {
                self.reach(format!("issue: live {}", command.live));
                self.reach(format!("issue: expected {expected}"));
                if is_other_purpose {
                    self.reach("issue: a forgotten reference for another purpose");
                }
            }
            IssueOutcome::TooSoon { .. } => self.reach("issue: too soon"),
            IssueOutcome::Stale => self.reach(format!("issue: stale, expected {expected}")),
            IssueOutcome::Spent if is_consumed => self.reach("issue: spent, consumed"),
            IssueOutcome::Spent if is_other_purpose => self.reach("issue: spent, another purpose"),
            IssueOutcome::Spent => self.reach("issue: spent, reserved"),
        }
    }

    fn note_verify(
        &mut self,
        known: &Generator,
        command: &VerifyCommand,
        outcome: &VerifyOutcome,
        before: &State,
        now: Timestamp,
    ) {
        let newest = known
            .issued
            .iter()
            .rev()
            .find(|issued| issued.subject == command.subject && issued.reference == command.reference);
        match outcome {
            VerifyOutcome::Reserved { .. } => {
                let newest = newest.unwrap();
                let is_newest = command.candidates.iter().any(|digest| digest.matches(&newest.digest));
                let which = if is_newest { "newest" } else { "an older code" };
                self.reach(format!("verify: reserved by {which}, live {}", newest.live));
            }
            VerifyOutcome::Mismatch { purpose, lock, .. } => {
                let (_, rule) = command.lockouts.iter().find(|(named, _)| named == purpose).unwrap();
                self.reach(match lock {
                    None => "verify: mismatch",
                    Some(Lock::Disabled) => "verify: mismatch disables",
                    Some(Lock::Until(end)) if end.since(now) == rule.lock_for => "verify: mismatch locks",
                    Some(Lock::Until(end)) if end.since(now) == rule.at_most => "verify: the longest lock",
                    Some(Lock::Until(_)) => "verify: an escalated lock",
                });
                if command.takes.iter().any(|take| take.is_own() && take.count == Count::Failures) {
                    self.reach("verify: mismatch counted by a limit on failures");
                }
            }
            VerifyOutcome::Expired { .. } => {
                let wrong = command.candidates.iter().map(|of| digest(of.kid.as_str(), 254)).collect();
                let wrong = VerifyCommand { candidates: wrong, ..command.clone() };
                let with_a_wrong_code = verify(&mut before.clone(), &wrong, now);
                self.reach(match with_a_wrong_code {
                    VerifyOutcome::Expired { .. } => "verify: all expired",
                    _ => "verify: expired beside a live one",
                });
            }
            VerifyOutcome::Unknown if command.lockouts.len() < 2 => self.reach("verify: unknown, no lockout"),
            VerifyOutcome::Unknown => self.reach("verify: unknown"),
            VerifyOutcome::Superseded { .. } => self.reach("verify: superseded"),
            VerifyOutcome::Spent { .. } => {
                let used = (command.subject.clone(), command.reference.clone());
                let is_consumed = known.consumed.contains(&used);
                self.reach(if is_consumed { "verify: spent, consumed" } else { "verify: spent, reserved" });
            }
            VerifyOutcome::UnknownKey { .. } => self.reach("verify: unknown key"),
            VerifyOutcome::Refused(refusal) => {
                self.note_refusal("verify", refusal, &command.takes, before, now);
            }
        }
    }

    fn note_settle(&mut self, known: &Generator, command: &SettleCommand, outcome: &SettleOutcome) {
        if *outcome == SettleOutcome::Settled {
            self.reach(match command.settlement {
                Settlement::Commit => "settle: commit",
                Settlement::Release => "settle: release",
            });
            return;
        }
        let held_as = |subject: bool, reference: bool, request: bool| {
            known.held.iter().any(|held| {
                (held.subject == command.subject) == subject
                    && (held.reference == command.reference) == reference
                    && (held.request == command.request) == request
            })
        };
        if held_as(false, true, true) {
            self.reach("settle: by a foreign subject");
        }
        if held_as(true, true, false) {
            self.reach("settle: by a foreign request");
        }
        if held_as(true, false, true) {
            self.reach("settle: another reference");
        }
    }
}

/// Which of the ways to be limited this was.
fn limit_corners(full: &Limited, takes: &[Take], before: &State, now: Timestamp) -> Vec<String> {
    let place = takes.iter().position(|take| take.limit == full.limit && take.max == full.max).unwrap();
    let has_room = |take: &Take| {
        let alone = AdmitCommand { standpoint: None, takes: vec![take.clone()] };
        matches!(admit(&mut before.clone(), &alone, now), AdmitOutcome::Admitted(_))
    };
    let is_counted = |take: &&Take| take.limit != full.limit && take.count == Count::All && has_room(take);
    let binding = &takes[place];
    let mut corners = vec![format!("at place {}", place + 1)];
    corners.push(
        match (binding.is_own(), binding.count) {
            (false, _) => "by all",
            (true, Count::All) => "by its own",
            (true, Count::Failures) => "by failures",
        }
        .to_owned(),
    );
    if binding.is_own() && takes[..place].iter().filter(|take| take.is_own()).any(|take| is_counted(&take)) {
        corners.push("by the second of two own".to_owned());
    }
    if binding.is_own() && takes.iter().filter(|take| !take.is_own()).any(|take| is_counted(&take)) {
        corners.push("by its own beside one for all with room".to_owned());
    }
    if !binding.is_own() && takes.iter().filter(|take| take.is_own()).any(|take| is_counted(&take)) {
        corners.push("by one for all beside its own with room".to_owned());
    }
    if takes.iter().any(|take| take.limit != full.limit && !has_room(take)) {
        corners.push("by the longest of several".to_owned());
    }
    corners
}
