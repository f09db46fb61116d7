//! Attacks on the real decisions of `domain`, on a virtual clock, with limits, codes and an owner.

use std::time::Duration;

use proptest::prelude::*;

use super::figures::policy;
use crate::domain::admit::{AdmitCommand, AdmitOutcome, Standpoint, admit};
use crate::domain::binding::Binding;
use crate::domain::code::Code;
use crate::domain::id::{Reference, RequestId};
use crate::domain::issue::{Expected, IssueCommand, IssueOutcome, issue};
use crate::domain::keyring::{KeyId, Keyring};
use crate::domain::lockout::CLEAN_AFTER;
use crate::domain::state::State;
use crate::domain::subject::Subject;
use crate::domain::time::Timestamp;
use crate::domain::verify::{VerifyCommand, VerifyOutcome, verify};
use crate::domain::window::Take;
use crate::policy::budget::{DAY, Guessing, YEAR, assess};
use crate::policy::facts::take;
use crate::policy::snapshot::{Action, LimitRule, PolicySnapshot, PurposeRules, VerifyRule};

/// One attack on one subject of the test's policy.
struct Attack<'a> {
    purpose: &'a PurposeRules,
    verify: &'a VerifyRule,
    verify_limits: Vec<&'a LimitRule>,
    codes_per_day: u32,
    keyring: Keyring,
    state: State,
    now: Timestamp,
    reference: Option<Reference>,
    /// When the valid codes of the pending challenge end, oldest first.
    valid: Vec<Timestamp>,
    requests: u64,
    /// When a guess was compared, with how many codes, and whether it set a lock.
    guesses: Vec<(Timestamp, u64)>,
    right_codes: Vec<Timestamp>,
}

impl<'a> Attack<'a> {
    fn on(policy: &'a PolicySnapshot) -> Self {
        let route = policy.routes.iter().find(|route| route.name.as_str() == "v").unwrap();
        let Action::Verify(verify) = &route.action else { panic!("v verifies") };
        let key = (KeyId::parse("k").unwrap(), zeroize::Zeroizing::new([7; 32]));
        Self {
            purpose: policy.purposes.values().next().unwrap(),
            verify,
            verify_limits: route.limits.iter().map(AsRef::as_ref).collect(),
            codes_per_day: policy.budget.owner_codes_per_day,
            keyring: Keyring::new([key]).unwrap(),
            state: State::default(),
            now: Timestamp::from_millis(1_768_644_000_000),
            reference: None,
            valid: Vec::new(),
            requests: 0,
            guesses: Vec::new(),
            right_codes: Vec::new(),
        }
    }

    fn subject() -> Subject {
        Subject::parse("u1").unwrap()
    }

    /// Each request comes from another address.
    fn takes<'l>(&mut self, limits: impl IntoIterator<Item = &'l LimitRule>, issues: bool) -> Vec<Take> {
        self.requests += 1;
        let client = std::net::Ipv4Addr::from_bits(u32::try_from(self.requests).unwrap()).into();
        let purpose = Some(&self.purpose.name).filter(|_| issues);
        limits.into_iter().map(|limit| take(limit, Some(&Self::subject()), purpose, client)).collect()
    }

    /// Has a code sent: another one for the pending challenge, or under a reference of its own.
    fn send(&mut self, anew: bool) -> bool {
        let takes = self.takes(self.purpose.limits.iter().map(AsRef::as_ref), true);
        let at =
            Standpoint { subject: Self::subject(), purpose: self.purpose.name.clone(), refuse_locked: true };
        let asked = AdmitCommand { standpoint: Some(at), takes };
        if !matches!(admit(&mut self.state, &asked, self.now), AdmitOutcome::Admitted(_)) {
            return false;
        }
        let reference = match self.reference.clone().filter(|_| !anew) {
            Some(reference) => reference,
            None => {
                self.valid.clear();
                Reference::parse(&format!("REF-{}", self.requests)).unwrap()
            }
        };
        let command = IssueCommand {
            subject: Self::subject(),
            purpose: self.purpose.name.clone(),
            reference: reference.clone(),
            expected: Expected::Anything,
            binding: Binding::default(),
            digest: self.keyring.sign(&Self::subject(), &reference, &code("111111")),
            ttl: self.purpose.ttl,
            live: self.purpose.live,
            cooldown: Duration::ZERO,
        };
        let outcome = issue(&mut self.state, &command, self.now);
        assert!(matches!(outcome, IssueOutcome::Issued { .. }), "{outcome:?}");
        self.reference = Some(reference);
        self.valid.push(self.now.plus(self.purpose.ttl));
        let surplus = self.valid.len().saturating_sub(usize::from(self.purpose.live));
        self.valid.drain(..surplus);
        true
    }

    fn present(&mut self, presented: &str) -> VerifyOutcome {
        let Some(reference) = self.reference.clone() else { return VerifyOutcome::Unknown };
        let takes = self.takes(self.verify_limits.clone(), false);
        let command = VerifyCommand {
            subject: Self::subject(),
            candidates: self.keyring.candidates(&Self::subject(), &reference, &code(presented)),
            reference,
            request: RequestId::parse(&format!("{:032x}", self.requests)).unwrap(),
            lockouts: self.verify.lockouts.clone(),
            takes,
        };
        verify(&mut self.state, &command, self.now)
    }

    /// One guess; whether it was compared. Tells of a lock how long it lasts.
    fn guess(&mut self) -> (bool, Option<Timestamp>) {
        let valid = self.valid.iter().filter(|end| **end > self.now).count() as u64;
        match self.present("000000") {
            VerifyOutcome::Mismatch { lock, .. } => {
                self.guesses.push((self.now, valid));
                let until = lock.map(|lock| match lock {
                    crate::domain::lockout::Lock::Until(until) => until,
                    crate::domain::lockout::Lock::Disabled => self.now,
                });
                (true, until)
            }
            _ => (false, None),
        }
    }

    /// The owner enters the right code, if they have not entered their share of a day yet.
    fn owner_enters(&mut self) -> bool {
        let recent = self.right_codes.iter().filter(|at| at.plus(DAY) > self.now).count();
        if recent >= self.codes_per_day as usize {
            return false;
        }
        let passed = matches!(self.present("111111"), VerifyOutcome::Reserved { .. });
        if passed {
            self.right_codes.push(self.now);
            self.reference = None;
            self.valid.clear();
        }
        passed
    }

    fn wait(&mut self, time: Duration) {
        self.now = self.now.plus(time);
    }

    /// No window of this length has more guesses, or more pairs of guess and valid code, than that.
    fn check(&self, span: Duration, bound: &Guessing) {
        let hits = (bound.chance.subject * 1e6).round() as u64;
        for (index, (start, _)) in self.guesses.iter().enumerate() {
            let within: Vec<_> =
                self.guesses.iter().skip(index).take_while(|(at, _)| *at < start.plus(span)).collect();
            assert!(within.len() as u64 <= bound.guesses, "{} > {}", within.len(), bound.guesses);
            let pairs: u64 = within.iter().map(|(_, valid)| valid).sum();
            assert!(pairs <= hits, "{pairs} > {hits}");
        }
    }
}

fn code(text: &str) -> Code {
    Code::presented(text, None).unwrap()
}

/// What the documentation calls the best strategy: runs of locks with clean days between them, two fresh
/// codes before each guess, and a right code of the owner after all but one of the failures allowed.
fn best_strategy(attack: &mut Attack<'_>, end: Timestamp, run: u64) {
    while attack.now < end {
        for _ in 0..run {
            loop {
                attack.send(false);
                attack.send(false);
                let free = attack.purpose.lockout.after - 1;
                let recent = attack.right_codes.iter().filter(|at| at.plus(DAY) > attack.now).count();
                if recent >= attack.codes_per_day as usize || !(0..free).all(|_| attack.guess().0) {
                    break;
                }
                assert!(attack.owner_enters());
                attack.wait(Duration::from_secs(60));
            }
            let until = loop {
                match attack.guess() {
                    (true, None) => {}
                    (true, Some(until)) => break until,
                    (false, _) => return,
                }
            };
            attack.now = until;
            if attack.now >= end {
                return;
            }
        }
        attack.wait(CLEAN_AFTER);
    }
}

#[test]
fn the_strategy_that_is_stated_reaches_the_bound_of_an_absent_owner() {
    let policy = policy(&[("owner_codes_per_day: 2", "owner_codes_per_day: 0")]);
    let bounds = assess(&policy, policy.budget, 1);
    let guessing = &bounds.purposes[0].guessing;
    let mut day = Attack::on(&policy);
    let end = day.now.plus(DAY);
    best_strategy(&mut day, end, guessing.away_day.pace.run);
    assert_eq!(day.guesses.len() as u64, guessing.away_day.guesses);
    day.check(DAY, &guessing.away_day);
    let mut year = Attack::on(&policy);
    let end = year.now.plus(YEAR);
    best_strategy(&mut year, end, guessing.away_year.pace.run);
    assert_eq!(year.guesses.len() as u64, guessing.away_year.guesses);
    year.check(YEAR, &guessing.away_year);
}

#[test]
fn the_strategy_that_is_stated_comes_close_to_the_bound_of_an_active_owner() {
    let policy = policy(&[("owner_codes_per_day: 2", "owner_codes_per_day: 1")]);
    let bounds = assess(&policy, policy.budget, 1);
    let guessing = &bounds.purposes[0].guessing;
    let mut attack = Attack::on(&policy);
    let end = attack.now.plus(YEAR);
    best_strategy(&mut attack, end, guessing.active_year.pace.run);
    let reached = attack.guesses.len() as f64 / guessing.active_year.guesses as f64;
    assert!((0.9..=1.0).contains(&reached), "{} of {}", attack.guesses.len(), guessing.active_year.guesses);
    attack.check(DAY, &guessing.active_day);
    attack.check(YEAR, &guessing.active_year);
}

/// What an attacker, or an owner to their liking, does next.
#[derive(Debug, Clone)]
enum Step {
    Send { anew: bool },
    Guess,
    GuessUntilRefused,
    OwnerEnters,
    Wait(u64),
    WaitOutLock,
    WaitForCleanDay,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => any::<bool>().prop_map(|anew| Step::Send { anew }),
        4 => Just(Step::Guess),
        4 => Just(Step::GuessUntilRefused),
        3 => Just(Step::OwnerEnters),
        2 => (1..400_u64).prop_map(Step::Wait),
        1 => (1..90_000_u64).prop_map(Step::Wait),
        4 => Just(Step::WaitOutLock),
        1 => Just(Step::WaitForCleanDay),
    ];
    proptest::collection::vec(step, 1..250)
}

fn play(attack: &mut Attack<'_>, steps: &[Step]) {
    let mut locked_until = attack.now;
    for step in steps {
        match step {
            Step::Send { anew } => drop(attack.send(*anew)),
            Step::Guess => locked_until = attack.guess().1.unwrap_or(locked_until),
            Step::GuessUntilRefused => {
                while let (true, lock) = attack.guess() {
                    locked_until = lock.unwrap_or(locked_until);
                }
            }
            Step::OwnerEnters => drop(attack.owner_enters()),
            Step::Wait(seconds) => attack.wait(Duration::from_secs(*seconds)),
            Step::WaitOutLock => attack.now = attack.now.max(locked_until),
            Step::WaitForCleanDay => attack.now = attack.now.max(locked_until).plus(CLEAN_AFTER),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_strategy_gets_more_than_the_bound_says(
        steps in steps(),
        lockout in prop_oneof![
            Just("after: 3, for: 15m, escalate: 2"),
            Just("after: 1, for: 1h, escalate: 3, at_most: 4h"),
            Just("after: 5, for: 1m"),
            Just("after: 3, for: 15m, escalate: 2, disable_after: 7"),
        ],
        limits in prop_oneof![Just("[calls]"), Just("[calls, guesses]"), Just("[all, address]")],
        send in prop_oneof![Just("max: 15, per: 1h"), Just("max: 4, per: 1d"), Just("max: 90, per: 1m")],
    ) {
        let policy = policy(&[
            ("after: 3, for: 15m, escalate: 2", lockout),
            ("limits: [calls]", &format!("limits: {limits}")),
            ("max: 15, per: 1h", send),
        ]);
        let mut attack = Attack::on(&policy);
        play(&mut attack, &steps);
        let bounds = assess(&policy, policy.budget, 1);
        attack.check(DAY, &bounds.purposes[0].guessing.active_day);
        attack.check(YEAR, &bounds.purposes[0].guessing.active_year);
    }
}
