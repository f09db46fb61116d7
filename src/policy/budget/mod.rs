//! The guess budget: how likely it is, at most, that a code is guessed, as follows from a compiled set.
//!
//! The attacker has the bearer tokens of subjects, as many client addresses as they like, and no mailbox.
//! They know the policy and when the owner enters a code (`status` tells them), and wait as long as it
//! pays. All that they can do is to have codes sent and to present guesses. What they gain by it is bounded
//! by four things, each of which is an upper bound by itself, so that the smallest counts:
//!
//! 1. the lockout: [`pace`] has the most failures that it lets through in a span;
//! 2. `disable_after`, which ends everything unless the owner enters a right code in between;
//! 3. limits on the routes that verify, by subject or for everyone: [`room`];
//! 4. the codes themselves: no more than can be sent, and each for its time only.
//!
//! A guess is right with the chance of one in 10^digits for each code that is valid at that moment, whatever
//! was guessed before: codes are drawn evenly, and the bound adds up chances instead of multiplying misses.
//! Nothing here decides on requests. Serving never depends on a budget.

pub mod pace;
pub mod room;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use pace::{Pace, failures, pace, until_locked};
use room::{Of, Room, issue_lists, room, verify_lists};

use super::snapshot::{BudgetRules, PolicySnapshot, PurposeRules};
use crate::domain::id::LimitName;

/// A day.
pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// A year of 365 days.
pub const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The bounds of a set.
#[derive(Debug, Clone)]
pub struct Assessment {
    /// What the set is held to.
    pub budget: BudgetRules,
    /// How many subjects a spraying attacker has tokens of.
    pub sprayed: u64,
    /// Each purpose by itself, by name.
    pub purposes: Vec<PurposeBounds>,
    /// All purposes of a subject together: what is compared with the budget.
    pub together: Outlook<Chance>,
    /// The number of failures a day that, as a limit by subject on every route that verifies, would keep
    /// the set within its budget, whatever the owner does. 0: there is none.
    pub affordable_failures_per_day: u64,
}

/// The bounds of one purpose.
#[derive(Debug, Clone)]
pub struct PurposeBounds {
    /// The purpose.
    pub rules: Arc<PurposeRules>,
    /// How guessing goes.
    pub guessing: Outlook<Guessing>,
    /// Limits by client address on its `verify` routes: they do not bind who has many addresses.
    pub by_client: Vec<LimitName>,
}

/// The same for an owner who stays away and for one who uses the wallet, in a day and in a year.
#[derive(Debug, Clone)]
pub struct Outlook<T> {
    /// The owner enters no code; any day.
    pub away_day: T,
    /// The owner enters no code; any year.
    pub away_year: T,
    /// The owner enters as many right codes as the budget assumes, when it helps the attacker; any day.
    pub active_day: T,
    /// The same; any year.
    pub active_year: T,
}

/// How far an attacker comes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Chance {
    /// To pass a code of one subject.
    pub subject: f64,
    /// How many codes to pass, on average, with the tokens of all sprayed subjects.
    pub expected: f64,
    /// To pass at least one of these.
    pub any: f64,
}

/// How a purpose is attacked in a span.
#[derive(Debug, Clone)]
pub struct Guessing {
    /// The most guesses at one subject that are compared with a code.
    pub guesses: u64,
    /// What allows no more of them.
    pub bound: Bound,
    /// How the lockout is best used.
    pub pace: Pace,
    /// Right codes of the owner, each of which forgives up to `after` - 1 failures.
    pub right_codes: u64,
    /// The most codes that can be sent, if that is limited.
    pub sends: Option<Room>,
    /// Whether so few codes can be sent that guesses have too little to hit.
    pub sends_bind: bool,
    /// What comes of it.
    pub chance: Chance,
}

/// What ends guessing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bound {
    /// No route issues codes for the purpose, or none takes them.
    Unreachable,
    /// `disable_after`.
    Disabled,
    /// Locks, and clean days between them.
    Lockout,
    /// These limits.
    Limits(Vec<LimitName>),
}

/// Works out the bounds of a set for an attacker with the tokens of `sprayed` subjects.
pub fn assess(snapshot: &PolicySnapshot, budget: BudgetRules, sprayed: u64) -> Assessment {
    let sight = Sight { snapshot, budget, sprayed };
    let purposes: Vec<PurposeBounds> =
        snapshot.purposes.values().map(|rules| sight.purpose(Arc::clone(rules))).collect();
    let together = Outlook {
        away_day: sight.together(DAY, purposes.iter().map(|p| &p.guessing.away_day)),
        away_year: sight.together(YEAR, purposes.iter().map(|p| &p.guessing.away_year)),
        active_day: sight.together(DAY, purposes.iter().map(|p| &p.guessing.active_day)),
        active_year: sight.together(YEAR, purposes.iter().map(|p| &p.guessing.active_year)),
    };
    let affordable_failures_per_day = affordable(snapshot, budget);
    Assessment { budget, sprayed, purposes, together, affordable_failures_per_day }
}

impl Assessment {
    /// Whether the set allows more than its budget.
    pub fn is_over(&self) -> bool {
        self.together.active_year.subject > self.budget.per_subject_year.ratio()
    }
}

/// The chance of one guess when as many codes are valid as can be.
fn per_guess(rules: &PurposeRules) -> f64 {
    f64::from(rules.live) * per_code(rules)
}

fn per_code(rules: &PurposeRules) -> f64 {
    10_f64.powi(-i32::from(rules.digits.get()))
}

fn affordable(snapshot: &PolicySnapshot, budget: BudgetRules) -> u64 {
    let dearest = snapshot.purposes.values().map(|rules| per_guess(rules)).fold(0.0, f64::max);
    if dearest <= 0.0 {
        return 0;
    }
    let guesses = (budget.per_subject_year.ratio() / dearest).floor();
    guesses as u64 / 365
}

struct Sight<'a> {
    snapshot: &'a PolicySnapshot,
    budget: BudgetRules,
    sprayed: u64,
}

impl Sight<'_> {
    fn purpose(&self, rules: Arc<PurposeRules>) -> PurposeBounds {
        let active = self.budget.owner_codes_per_day;
        let guessing = Outlook {
            away_day: self.guessing(&rules, DAY, 0),
            away_year: self.guessing(&rules, YEAR, 0),
            active_day: self.guessing(&rules, DAY, active),
            active_year: self.guessing(&rules, YEAR, active),
        };
        let by_client: BTreeSet<LimitName> = verify_lists(self.snapshot, Some(&rules))
            .into_iter()
            .flatten()
            .filter(|limit| limit.by.client)
            .map(|limit| limit.name.clone())
            .collect();
        PurposeBounds { rules, guessing, by_client: by_client.into_iter().collect() }
    }

    fn guessing(&self, rules: &PurposeRules, span: Duration, codes_per_day: u32) -> Guessing {
        let (guesses, bound, pace, right_codes) = self.guesses(rules, span, codes_per_day);
        // A code that is guessed at within the span may have been sent before it.
        let sends = room(&issue_lists(self.snapshot, rules), Of::Subject, span + rules.ttl);
        let (while_valid, ..) = self.guesses(rules, rules.ttl, codes_per_day);
        let hits = guesses.saturating_mul(u64::from(rules.live));
        let hits_by_sends = sends.as_ref().map(|sends| sends.most.saturating_mul(while_valid));
        let sends_bind = hits_by_sends.is_some_and(|fewer| fewer < hits);
        let hits = hits_by_sends.unwrap_or(u64::MAX).min(hits);
        let everyone = room(&verify_lists(self.snapshot, Some(rules)), Of::Everyone, span);
        let most_of_all = everyone.map_or(f64::INFINITY, |room| room.most as f64 * per_guess(rules));
        let chance = self.chance(hits as f64 * per_code(rules), most_of_all);
        let bound = if hits == 0 { Bound::Unreachable } else { bound };
        Guessing { guesses, bound, pace, right_codes, sends, sends_bind, chance }
    }

    /// The most guesses at one subject that are compared, what bounds them, and how they are reached.
    fn guesses(&self, rules: &PurposeRules, span: Duration, codes_per_day: u32) -> (u64, Bound, Pace, u64) {
        let days = u64::try_from(span.as_millis().div_ceil(DAY.as_millis())).unwrap_or(u64::MAX);
        let right_codes = u64::from(codes_per_day).saturating_mul(days);
        let pace = pace(&rules.lockout, span);
        let by_lockout = failures(&rules.lockout, pace.locks, right_codes);
        let bound = if by_lockout < until_locked(&rules.lockout, pace.locks, right_codes) {
            Bound::Disabled
        } else {
            Bound::Lockout
        };
        match room(&verify_lists(self.snapshot, Some(rules)), Of::Subject, span) {
            Some(room) if room.most < by_lockout => {
                let Room { most, limits } = room;
                (most, Bound::Limits(limits), pace, right_codes)
            }
            _ => (by_lockout, bound, pace, right_codes),
        }
    }

    /// All purposes of one subject: their sum, or what the limits that they share let through.
    fn together<'g>(&self, span: Duration, each: impl Iterator<Item = &'g Guessing>) -> Chance {
        let (mut sum, mut expected) = (0.0, 0.0);
        for guessing in each {
            sum += guessing.chance.subject;
            expected += guessing.chance.expected;
        }
        let dearest = self.snapshot.purposes.values().map(|rules| per_guess(rules)).fold(0.0, f64::max);
        let lists = verify_lists(self.snapshot, None);
        let bounded = |of| room(&lists, of, span).map_or(f64::INFINITY, |room| room.most as f64 * dearest);
        self.chance(sum.min(bounded(Of::Subject)), expected.min(bounded(Of::Everyone)))
    }

    /// From the expected number of right guesses at one subject, and the most at all of them.
    fn chance(&self, hits: f64, most_of_all: f64) -> Chance {
        let subject = hits.min(1.0);
        let subjects = self.sprayed as f64;
        let expected = (hits * subjects).min(most_of_all);
        // To miss all is (1 - subject)^subjects, in a form that keeps what is tiny. It is 0 when `subject` is 1.
        let any = -(subjects * (-subject).ln_1p()).exp_m1();
        Chance { subject, expected, any: any.min(expected).min(1.0) }
    }
}
