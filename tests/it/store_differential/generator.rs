//! Random commands that know what happened before, so that they reach every corner: right codes, late
//! ones, used ones, the holders of reservations, and the very milliseconds at which something ends.

use std::sync::Arc;
use std::time::Duration;

use otp_sidecar::domain::admit::{AdmitCommand, AdmitOutcome, Refusal, Standpoint};
use otp_sidecar::domain::binding::Binding;
use otp_sidecar::domain::challenge::REMEMBERED_BEYOND_CODE;
use otp_sidecar::domain::id::{LimitName, Purpose, Reference, RequestId};
use otp_sidecar::domain::issue::{Expected, IssueCommand, IssueOutcome};
use otp_sidecar::domain::keyring::Digest;
use otp_sidecar::domain::lockout::{CLEAN_AFTER, Lock, LockoutRule, REMEMBERED_FOR};
use otp_sidecar::domain::subject::{ClientAddr, Subject};
use otp_sidecar::domain::time::Timestamp;
use otp_sidecar::domain::verify::{SettleCommand, SettleOutcome, Settlement, VerifyCommand, VerifyOutcome};
use otp_sidecar::domain::window::{Count, Owner, Take};

use super::{Command, Outcome, operators};
use crate::store_world::{digest, reference, request, subject};
use crate::support::random::Random;

pub const KEYS: [&str; 3] = ["a", "aa", "b"];
pub const NEVER_ISSUED: u8 = 255;
/// Farther than this is seldom leapt to: it makes everything forgotten.
const FAR: Duration = Duration::from_secs(90);

/// The purposes that commands are about.
pub fn purposes() -> [Purpose; 2] {
    ["wallet_funding", "wallet"].map(|name| Purpose::parse(name).unwrap())
}

/// A code that was issued.
#[derive(Clone)]
pub struct Issued {
    pub subject: Subject,
    pub reference: Reference,
    pub purpose: Purpose,
    pub digest: Digest,
    pub live: u8,
}

/// Who holds a challenge.
#[derive(Clone, PartialEq)]
pub struct Held {
    pub subject: Subject,
    pub reference: Reference,
    pub request: RequestId,
}

/// What the commands so far have led to.
#[derive(Default)]
pub struct Generator {
    pub issued: Vec<Issued>,
    pub held: Vec<Held>,
    pub consumed: Vec<(Subject, Reference)>,
    /// When something ends: a code, a window, a lock, a memory.
    ends: Vec<Timestamp>,
    requests: u64,
}

impl Generator {
    /// How long until the next command: often no time, often to the edge of something, else any time.
    pub fn wait(&mut self, random: &mut Random, now: Timestamp) -> Duration {
        if random.chance(60) {
            return Duration::ZERO;
        }
        if random.chance(50) {
            return Duration::from_millis(random.below(600));
        }
        self.ends.retain(|end| *end > now);
        self.ends.sort_unstable();
        self.ends.dedup();
        let near = self.ends.iter().take_while(|end| end.since(now) < FAR).count();
        let end = match random.below(100) {
            0..=5 if !self.ends.is_empty() => random.pick(&self.ends[..]),
            6..=19 if near > 0 => random.pick(&self.ends[..near]),
            _ if near > 0 => random.pick(&self.ends[..near.min(2)]),
            _ => return Duration::from_millis(random.below(4_000)),
        };
        let edge = end.minus(Duration::from_millis(1)).plus(Duration::from_millis(random.below(3)));
        edge.since(now)
    }

    pub fn command(&mut self, random: &mut Random, now: Timestamp) -> Command {
        if random.chance(5) {
            return operators::command(self, random, now);
        }
        match random.below(100) {
            0..=17 => Command::Admit(self.admit(random)),
            18..=42 => Command::Issue(self.issue(random)),
            43..=82 => Command::Verify(self.verify(random)),
            _ => Command::Settle(self.settle(random)),
        }
    }

    fn admit(&self, random: &mut Random) -> AdmitCommand {
        let who = any_subject(random);
        let standpoint = random.chance(70).then(|| Standpoint {
            subject: who.clone(),
            purpose: any_purpose(random),
            refuse_locked: random.chance(60),
        });
        AdmitCommand { standpoint, takes: takes(random, &who) }
    }

    fn issue(&self, random: &mut Random) -> IssueCommand {
        let under = any_reference(random);
        let expected = match random.below(10) {
            0 => Expected::Nothing,
            1..=3 => Expected::Pending(under.clone()),
            4 => Expected::Pending(any_reference(random)),
            _ => Expected::Anything,
        };
        let code = (self.issued.len() % usize::from(NEVER_ISSUED)) as u8;
        IssueCommand {
            subject: any_subject(random),
            purpose: if random.chance(90) { usual_purpose(&under) } else { any_purpose(random) },
            reference: under,
            expected,
            binding: if random.chance(85) { Binding::of([("amount", "5000")]) } else { Binding::default() },
            digest: digest(random.pick(&KEYS), code),
            ttl: Duration::from_millis(random.pick(&[900, 3_000, 10_000, 60_000, 60_000, 300_000])),
            live: 1 + random.below(3) as u8,
            cooldown: Duration::from_millis(random.pick(&[0, 0, 0, 300])),
        }
    }

    fn verify(&mut self, random: &mut Random) -> VerifyCommand {
        self.requests += 1;
        let recent = &self.issued[self.issued.len().saturating_sub(6)..];
        let (mut who, mut under) = (any_subject(random), any_reference(random));
        let mut presented = digest(random.pick(&KEYS), NEVER_ISSUED);
        if !recent.is_empty() && random.chance(88) {
            let of = if random.chance(50) { recent[recent.len() - 1].clone() } else { random.pick(recent) };
            (who, under) = (of.subject.clone(), of.reference.clone());
            match random.below(100) {
                0..=24 => presented = of.digest,
                25..=44 => presented = self.older_than(&of, random),
                45..=49 => who = any_subject(random),
                _ => {}
            }
        }
        let ring: &[&str] =
            random.pick(&[&KEYS[..], &KEYS[..], &KEYS[..], &["a"], &["aa", "b"], &["b", "a"]]);
        let [mac, ..] = presented.mac;
        VerifyCommand {
            takes: takes(random, &who),
            subject: who,
            reference: under,
            request: request(self.requests),
            candidates: ring.iter().map(|kid| digest(kid, mac)).collect(),
            lockouts: lockouts(random),
        }
    }

    /// One of the latest codes of the same challenge.
    fn older_than(&self, newest: &Issued, random: &mut Random) -> Digest {
        let is_same =
            |other: &&Issued| other.subject == newest.subject && other.reference == newest.reference;
        let codes: Vec<_> = self.issued.iter().rev().filter(is_same).take(4).collect();
        random.pick(&codes).digest.clone()
    }

    fn settle(&self, random: &mut Random) -> SettleCommand {
        let settlement = if random.chance(40) { Settlement::Commit } else { Settlement::Release };
        let (mut subject, mut under, mut by) =
            (any_subject(random), any_reference(random), request(random.below(50)));
        if !self.held.is_empty() && random.chance(90) {
            let held = random.pick(&self.held);
            (subject, under, by) = (held.subject, held.reference, held.request);
            match random.below(9) {
                0 => by = request(random.below(50)),
                1 | 2 => subject = any_subject(random),
                3 => under = any_reference(random),
                _ => {}
            }
        }
        SettleCommand { subject, reference: under, request: by, settlement }
    }

    /// Remembers what a command led to.
    pub fn learn(&mut self, command: &Command, outcome: &Outcome, now: Timestamp) {
        match (command, outcome) {
            (Command::Admit(command), Outcome::Admit(outcome)) => {
                self.ends.extend(command.takes.iter().map(|take| now.plus(take.per)));
                if let AdmitOutcome::Refused(refusal) = outcome {
                    self.learn_refusal(refusal);
                }
            }
            (Command::Issue(command), Outcome::Issue(outcome)) => self.learn_issue(command, outcome),
            (Command::Verify(command), Outcome::Verify(outcome)) => self.learn_verify(command, outcome, now),
            (Command::Settle(command), Outcome::Settle(SettleOutcome::Settled)) => {
                let (subject, reference) = (command.subject.clone(), command.reference.clone());
                self.held.retain(|held| (&held.subject, &held.reference) != (&subject, &reference));
                if command.settlement == Settlement::Commit {
                    self.consumed.push((subject, reference));
                }
            }
            _ => {}
        }
    }

    fn learn_issue(&mut self, command: &IssueCommand, outcome: &IssueOutcome) {
        match outcome {
            IssueOutcome::Issued { expires_at } => {
                self.ends.extend([*expires_at, expires_at.plus(REMEMBERED_BEYOND_CODE)]);
                self.consumed.retain(|used| *used != (command.subject.clone(), command.reference.clone()));
                self.held.retain(|held| {
                    (&held.subject, &held.reference) != (&command.subject, &command.reference)
                });
                self.issued.push(Issued {
                    subject: command.subject.clone(),
                    reference: command.reference.clone(),
                    purpose: command.purpose.clone(),
                    digest: command.digest.clone(),
                    live: command.live,
                });
            }
            IssueOutcome::TooSoon { retry_at } => self.ends.push(*retry_at),
            IssueOutcome::Spent | IssueOutcome::Stale => {}
        }
    }

    fn learn_verify(&mut self, command: &VerifyCommand, outcome: &VerifyOutcome, now: Timestamp) {
        self.ends.extend(command.takes.iter().map(|take| now.plus(take.per)));
        match outcome {
            VerifyOutcome::Reserved { .. } => self.held.push(Held {
                subject: command.subject.clone(),
                reference: command.reference.clone(),
                request: command.request.clone(),
            }),
            VerifyOutcome::Mismatch { lock, .. } => {
                self.ends.extend([now.plus(CLEAN_AFTER), now.plus(REMEMBERED_FOR)]);
                if let Some(lock) = lock {
                    self.learn_refusal(&Refusal::Locked(*lock));
                }
            }
            VerifyOutcome::Refused(refusal) => self.learn_refusal(refusal),
            _ => {}
        }
    }

    fn learn_refusal(&mut self, refusal: &Refusal) {
        match refusal {
            Refusal::Locked(Lock::Until(end)) => {
                self.ends.extend([*end, end.plus(CLEAN_AFTER), end.plus(REMEMBERED_FOR)]);
            }
            Refusal::Locked(Lock::Disabled) => {}
            Refusal::Limited(limited) => self.ends.push(limited.retry_at),
        }
    }
}

pub fn any_subject(random: &mut Random) -> Subject {
    subject(random.pick(&["u1", "u1", "u2"]))
}

pub fn any_purpose(random: &mut Random) -> Purpose {
    random.pick(&purposes())
}

/// Most challenges keep to one purpose, so that codes gather under one reference.
fn usual_purpose(under: &Reference) -> Purpose {
    let [funding, wallet] = purposes();
    if under.as_str().starts_with("FUND") { funding } else { wallet }
}

pub fn any_reference(random: &mut Random) -> Reference {
    reference(random.pick(&["FUND-1", "FUND-1", "FUND-1", "FUND-2", "OTP-33", "OTP-33"]))
}

fn lockouts(random: &mut Random) -> Arc<[(Purpose, LockoutRule)]> {
    let [funding, wallet] = purposes();
    let rule = |after, seconds, escalate, at_most, disable_after| LockoutRule {
        after,
        lock_for: Duration::from_secs(seconds),
        escalate,
        at_most: Duration::from_secs(at_most),
        disable_after,
    };
    let first = rule(1 + random.below(3) as u32, 4, 2, 14, random.pick(&[5, 12, 100]));
    let second = rule(2, 3, 1 + random.below(2) as u32 * 2, random.pick(&[2, 100_000, 100_000]), 100);
    match random.below(30) {
        0 => Arc::from([(funding, first)]),
        1 => Arc::from([(wallet, second)]),
        2..=15 => Arc::from([(wallet, second), (funding, first)]),
        _ => Arc::from([(funding, first), (wallet, second)]),
    }
}

/// Up to three limits in any order; a reload may have changed their numbers.
pub fn takes(random: &mut Random, of: &Subject) -> Vec<Take> {
    let count = random.pick(&[0, 0, 0, 0, 1, 2, 2, 3]);
    (0..count).map(|_| take(random, of)).collect()
}

fn take(random: &mut Random, of: &Subject) -> Take {
    let subject = Some(of.clone());
    let purpose = Some(purposes()[0].clone());
    let client = Some(ClientAddr::of("2001:db8::1".parse().unwrap()));
    let everyone = Owner::default();
    let own = Owner { subject: subject.clone(), ..Owner::default() };
    let (name, owner, max, seconds, count) = match random.below(9) {
        0 | 1 => ("own", own, 4, 4, Count::All),
        2 | 3 => ("own-narrow", own, 2, 3, Count::All),
        4 => ("own-wide", Owner { subject, purpose, client }, 4, 20, Count::All),
        5 | 6 => ("own-failures", own, 1, 20, Count::Failures),
        7 => ("address", Owner { client, ..everyone }, 3, 4, Count::All),
        _ => ("everyone", everyone, 4, 3, random.pick(&[Count::All, Count::Failures])),
    };
    let changed = if random.chance(8) { random.below(3) as u32 } else { 1 };
    let per = Duration::from_secs(if random.chance(5) { seconds / 2 } else { seconds });
    Take { limit: LimitName::parse(name).unwrap(), owner, max: (max + changed - 1).max(1), per, count }
}
