//! What operators do in between, and what replicas count.

use otp_sidecar::domain::id::{InstanceId, LimitName, Purpose};
use otp_sidecar::domain::ledger::clear::{ClearCommand, Cleared};
use otp_sidecar::domain::ledger::counts::{AddOutcome, CountBatch, CountKey, Counts, Word};
use otp_sidecar::domain::ledger::day::Day;
use otp_sidecar::domain::ledger::limits::ResetCommand;
use otp_sidecar::domain::ledger::revoke::{RevokeCommand, Revoked, Target};
use otp_sidecar::domain::ledger::trail::{Note, Operation};
use otp_sidecar::domain::lockout::Lock;
use otp_sidecar::domain::reason::Reason;
use otp_sidecar::domain::state::State;
use otp_sidecar::domain::time::Timestamp;

use super::Command;
use super::coverage::Coverage;
use super::generator::{Generator, any_purpose, any_reference, any_subject, purposes, takes};
use crate::support::random::Random;

/// One of them.
pub fn command(known: &Generator, random: &mut Random, now: Timestamp) -> Command {
    match random.below(10) {
        0 | 1 => Command::Clear(clear(known, random)),
        2..=4 => Command::Revoke(revoke(known, random)),
        5 | 6 => Command::Reset(reset(random)),
        _ => Command::Add(add(random, now)),
    }
}

fn operation(random: &mut Random) -> Operation {
    let note = |random: &mut Random| Note::parse(random.pick(&["jane", "call 7: 'ü' | ; %d"])).unwrap();
    Operation { by: note(random), reason: note(random) }
}

fn clear(known: &Generator, random: &mut Random) -> ClearCommand {
    let (mut subject, mut purpose) = (any_subject(random), any_purpose(random));
    if let Some(of) = known.issued.last().filter(|_| random.chance(70)) {
        (subject, purpose) = (of.subject.clone(), of.purpose.clone());
    }
    let limits_of = if random.chance(80) { subject.clone() } else { any_subject(random) };
    ClearCommand { forgive: takes(random, &limits_of), subject, purpose, operation: operation(random) }
}

fn revoke(known: &Generator, random: &mut Random) -> RevokeCommand {
    let recent = &known.issued[known.issued.len().saturating_sub(4)..];
    let (mut subject, mut target) = (any_subject(random), Target::Reference(any_reference(random)));
    if !recent.is_empty() && random.chance(85) {
        let of = random.pick(recent);
        subject = of.subject;
        let by_purpose = random.chance(50);
        target = if by_purpose { Target::Pending(of.purpose) } else { Target::Reference(of.reference) };
    }
    RevokeCommand { subject, target, operation: operation(random) }
}

fn reset(random: &mut Random) -> ResetCommand {
    let of = any_subject(random);
    ResetCommand { takes: takes(random, &of), operation: operation(random) }
}

fn add(random: &mut Random, now: Timestamp) -> CountBatch {
    let today = Day::of(now);
    let limit = LimitName::parse("own").unwrap();
    let keys = [
        CountKey::Issued(purposes()[0].clone()),
        CountKey::Failed(None, Reason::NotFound),
        CountKey::LimitHit(limit),
        CountKey::MailGivenUp(Word::of("timeout")),
        CountKey::MailMillis,
    ];
    let mut counts = Counts::default();
    for _ in 0..random.below(4) {
        counts.add(random.pick(&keys), random.pick(&[0, 1, 7, 1 << 40]));
    }
    CountBatch {
        instance: InstanceId::parse(&random.pick(&["0", "f"]).repeat(32)).unwrap(),
        sequence: random.below(60),
        day: random.pick(&[
            today,
            today,
            today,
            today.back(1),
            today.next(),
            today.next().next(),
            today.back(400),
            today.back(401),
        ]),
        counts,
    }
}

/// Notes what a clearing found. `before` is the state that it was decided on.
pub fn note_clear(coverage: &mut Coverage, command: &ClearCommand, cleared: &Cleared) {
    coverage.reach(match cleared.lock {
        Some(Lock::Until(_)) => "clear: a lock",
        Some(Lock::Disabled) => "clear: disabled",
        None if cleared.before.failures > 0 => "clear: failures",
        None if cleared.changed() => "clear: an account without failures, or limits",
        None => "clear: nothing",
    });
    if cleared.forgiven.iter().any(|events| *events > 0) {
        coverage.reach("clear: forgives a limit");
    }
    let foreign =
        |take: &&otp_sidecar::domain::window::Take| take.owner.subject.as_ref() != Some(&command.subject);
    if command.forgive.iter().any(|take| foreign(&take)) {
        coverage.reach("clear: a limit of others");
    }
}

/// Notes what a revocation found.
pub fn note_revoke(
    coverage: &mut Coverage,
    known: &Generator,
    command: &RevokeCommand,
    revoked: &Revoked,
    before: &State,
    now: Timestamp,
) {
    let by = match &command.target {
        Target::Pending(_) => "purpose",
        Target::Reference(_) => "reference",
    };
    let is_consumed = |reference| known.consumed.contains(&(command.subject.clone(), reference));
    coverage.reach(match (revoked, &command.target) {
        (Revoked::Revoked { .. }, _) => format!("revoke: by {by}"),
        (Revoked::Reserved { .. }, _) => format!("revoke: reserved, by {by}"),
        (Revoked::Nothing, Target::Reference(reference)) if is_consumed(reference.clone()) => {
            "revoke: consumed".to_owned()
        }
        (Revoked::Nothing, _) => format!("revoke: nothing, by {by}"),
    });
    if let Revoked::Revoked { purpose, .. } = revoked {
        let of: [Purpose; 1] = [purpose.clone()];
        let views = otp_sidecar::domain::ledger::list::account(before, &command.subject, &of, now);
        if views.iter().any(|view| view.account.failures > 0) {
            coverage.reach("revoke: beside failures, which stay");
        }
    }
}

/// Notes what a reset forgot.
pub fn note_reset(coverage: &mut Coverage, command: &ResetCommand, forgotten: &[u32]) {
    for (take, events) in command.takes.iter().zip(forgotten) {
        let whose = if take.is_own() { "own" } else { "shared" };
        let what = if *events > 0 { "something" } else { "nothing" };
        coverage.reach(format!("reset: {whose}, {what}"));
    }
}

/// Notes what became of a batch.
pub fn note_add(coverage: &mut Coverage, outcome: AddOutcome) {
    coverage.reach(format!("add: {outcome:?}"));
}
