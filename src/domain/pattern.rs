//! In what pattern people get locked out: a few who mistype, one address that tries many people, or all of
//! them because a release broke something. Fed with what the audit log tells; names are whatever it writes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::time::Timestamp;

/// From that many people on, an address with wrong codes for all of them is spraying.
pub const SPRAYED: usize = 5;

/// From that many addresses on, wrong codes for one person come from many.
pub const MANY_ADDRESSES: usize = 5;

/// Wrong codes that follow each other faster are not typed.
pub const FASTER_THAN_TYPING: Duration = Duration::from_secs(3);

/// How long after a resend a wrong code may be one from the mail before.
pub const AFTER_RESEND: Duration = Duration::from_secs(5 * 60);

/// How long after an expired code a wrong one may follow from it.
pub const AFTER_EXPIRY: Duration = Duration::from_secs(15 * 60);

/// What happened to one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    /// A code was asked for again.
    Resent,
    /// An expired code was presented.
    Expired,
    /// A right code was presented.
    Right,
    /// A wrong code was presented, and it set a lock or not.
    Wrong {
        /// Whether it set a lock.
        locked: bool,
    },
    /// A request was refused because of a lock.
    Refused,
}

/// One thing that happened. They must come in the order of time.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// When.
    pub at: Timestamp,
    /// To whom.
    pub who: &'a str,
    /// From where, if that is known.
    pub from: Option<&'a str>,
    /// What.
    pub what: Happening,
}

/// What wrong codes of one person look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pattern {
    /// An address among theirs tries many people.
    Sprayed,
    /// They come from many addresses.
    ManyAddresses,
    /// They follow each other faster than anybody types.
    Burst,
    /// Most follow a resend: the code of the mail before is typed.
    AfterResend,
    /// Most follow an expired code: mail is slow.
    AfterExpiry,
    /// None of these: they mistype, now and then.
    Mistyped,
}

impl Pattern {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sprayed => "sprayed",
            Self::ManyAddresses => "many_addresses",
            Self::Burst => "burst",
            Self::AfterResend => "after_resend",
            Self::AfterExpiry => "after_expiry",
            Self::Mistyped => "mistyped",
        }
    }
}

/// One person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Person {
    /// Locks that began.
    pub locks: u64,
    /// Wrong codes.
    pub wrong: u64,
    /// Right codes.
    pub right: u64,
    /// Requests refused because of a lock.
    pub refused: u64,
    /// Expired codes.
    pub expired: u64,
    /// When the latest lock began.
    pub last_lock: Option<Timestamp>,
    /// Where wrong codes came from, and how many.
    pub from: BTreeMap<String, u64>,
    fast: u64,
    after_resend: u64,
    after_expiry: u64,
    last_wrong: Option<Timestamp>,
    last_resend: Option<Timestamp>,
    last_expired: Option<Timestamp>,
}

/// One address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Source {
    /// Wrong codes.
    pub wrong: u64,
    /// Locks that they set.
    pub locks: u64,
    /// For how many people.
    pub people: usize,
}

/// All of them.
#[derive(Debug, Clone, Default)]
pub struct Patterns {
    people: BTreeMap<String, Person>,
    sources: BTreeMap<String, (u64, u64, BTreeSet<String>)>,
    locks_in_hour: [u64; 24],
}

impl Patterns {
    /// Adds what happened.
    pub fn add(&mut self, seen: &Seen<'_>) {
        if !self.people.contains_key(seen.who) {
            self.people.insert(seen.who.to_owned(), Person::default());
        }
        let Some(person) = self.people.get_mut(seen.who) else { return };
        person.add(seen);
        let Happening::Wrong { locked } = seen.what else { return };
        if locked {
            let hour = usize::try_from(seen.at.to_civil().hour).unwrap_or_default();
            if let Some(locks) = self.locks_in_hour.get_mut(hour) {
                *locks += 1;
            }
        }
        if let Some(from) = seen.from {
            let (wrong, locks, people) = self.sources.entry(from.to_owned()).or_default();
            *wrong += 1;
            *locks += u64::from(locked);
            people.insert(seen.who.to_owned());
        }
    }

    /// Who was locked, most often first.
    pub fn people(&self) -> Vec<(&str, &Person)> {
        let mut people: Vec<_> = self.people.iter().map(|(who, person)| (who.as_str(), person)).collect();
        people.retain(|(_, person)| person.locks > 0);
        people.sort_by(|(a, left), (b, right)| {
            (right.locks, right.wrong).cmp(&(left.locks, left.wrong)).then_with(|| a.cmp(b))
        });
        people
    }

    /// Where wrong codes came from: those for most people first.
    pub fn sources(&self) -> Vec<(&str, Source)> {
        let source = |(wrong, locks, people): &(u64, u64, BTreeSet<String>)| Source {
            wrong: *wrong,
            locks: *locks,
            people: people.len(),
        };
        let mut sources: Vec<_> =
            self.sources.iter().map(|(from, counted)| (from.as_str(), source(counted))).collect();
        sources.sort_by(|(a, left), (b, right)| {
            (right.people, right.wrong).cmp(&(left.people, left.wrong)).then_with(|| a.cmp(b))
        });
        sources
    }

    /// Locks that began in each hour of the day, in UTC.
    pub fn locks_in_hour(&self) -> [u64; 24] {
        self.locks_in_hour
    }

    /// Locks that began.
    pub fn locks(&self) -> u64 {
        self.locks_in_hour.iter().sum()
    }

    /// What this person's wrong codes look like: what says most first.
    pub fn of(&self, person: &Person) -> Vec<Pattern> {
        let is_sprayed = person
            .from
            .keys()
            .any(|from| self.sources.get(from).is_some_and(|(_, _, people)| people.len() >= SPRAYED));
        let most = |part: u64| person.wrong > 0 && part * 2 >= person.wrong;
        let found: Vec<Pattern> = [
            (is_sprayed, Pattern::Sprayed),
            (person.from.len() >= MANY_ADDRESSES, Pattern::ManyAddresses),
            (most(person.fast), Pattern::Burst),
            (most(person.after_resend), Pattern::AfterResend),
            (most(person.after_expiry), Pattern::AfterExpiry),
        ]
        .into_iter()
        .filter_map(|(is_so, pattern)| is_so.then_some(pattern))
        .collect();
        if found.is_empty() { vec![Pattern::Mistyped] } else { found }
    }
}

impl Person {
    fn add(&mut self, seen: &Seen<'_>) {
        let within = |since: Option<Timestamp>, time| since.is_some_and(|since| seen.at.since(since) <= time);
        match seen.what {
            Happening::Resent => self.last_resend = Some(seen.at),
            Happening::Expired => {
                self.expired += 1;
                self.last_expired = Some(seen.at);
            }
            Happening::Right => self.right += 1,
            Happening::Refused => self.refused += 1,
            Happening::Wrong { locked } => {
                self.wrong += 1;
                self.fast += u64::from(within(self.last_wrong, FASTER_THAN_TYPING));
                self.after_resend += u64::from(within(self.last_resend, AFTER_RESEND));
                self.after_expiry += u64::from(within(self.last_expired, AFTER_EXPIRY));
                self.last_wrong = Some(seen.at);
                if let Some(from) = seen.from {
                    *self.from.entry(from.to_owned()).or_default() += 1;
                }
                if locked {
                    self.locks += 1;
                    self.last_lock = Some(seen.at);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds, who, from where, what.
    fn patterns(seen: &[(u64, &str, &str, Happening)]) -> Patterns {
        let mut patterns = Patterns::default();
        for (at, who, from, what) in seen {
            let at = Timestamp::from_millis(at * 1_000);
            patterns.add(&Seen {
                at,
                who,
                from: Some(from).filter(|from| !from.is_empty()).copied(),
                what: *what,
            });
        }
        patterns
    }

    const WRONG: Happening = Happening::Wrong { locked: false };
    const LOCK: Happening = Happening::Wrong { locked: true };

    fn of(patterns: &Patterns, who: &str) -> Vec<Pattern> {
        let people = patterns.people();
        let (_, person) = people.iter().find(|(name, _)| *name == who).unwrap();
        patterns.of(person)
    }

    #[test]
    fn whoever_mistypes_now_and_then_is_told_as_that() {
        let patterns =
            patterns(&[(0, "jane", "a", WRONG), (60, "jane", "a", WRONG), (200, "jane", "a", LOCK)]);
        assert_eq!(of(&patterns, "jane"), [Pattern::Mistyped]);
        assert_eq!((patterns.locks(), patterns.locks_in_hour()[0]), (1, 1));
    }

    #[test]
    fn an_address_that_tries_many_people_is_spraying() {
        let names = ["a", "b", "c", "d", "e"];
        let mut seen: Vec<_> = names.iter().map(|who| (0, *who, "x", LOCK)).collect();
        seen.push((9_000, "f", "y", LOCK));
        let patterns = patterns(&seen);
        assert_eq!(of(&patterns, "a"), [Pattern::Sprayed]);
        assert_eq!(of(&patterns, "f"), [Pattern::Mistyped]);
        let (from, source) = &patterns.sources()[0];
        assert_eq!((*from, source.people, source.wrong, source.locks), ("x", 5, 5, 5));
    }

    #[test]
    fn wrong_codes_from_many_addresses_or_faster_than_typing_are_told() {
        let mut many: Vec<_> = ["1", "2", "3", "4"].iter().map(|from| (0, "jane", *from, WRONG)).collect();
        many.push((1, "jane", "5", LOCK));
        assert_eq!(of(&patterns(&many), "jane"), [Pattern::ManyAddresses, Pattern::Burst]);
        let slow = patterns(&[(0, "jane", "a", WRONG), (4, "jane", "a", WRONG), (8, "jane", "a", LOCK)]);
        assert_eq!(of(&slow, "jane"), [Pattern::Mistyped]);
    }

    #[test]
    fn what_came_before_wrong_codes_is_told() {
        let resent = Happening::Resent;
        let after_resend =
            patterns(&[(0, "jane", "", resent), (30, "jane", "", WRONG), (60, "jane", "", LOCK)]);
        assert_eq!(of(&after_resend, "jane"), [Pattern::AfterResend]);
        let expired = Happening::Expired;
        let after_expiry =
            patterns(&[(0, "jane", "", expired), (30, "jane", "", WRONG), (60, "jane", "", LOCK)]);
        assert_eq!(of(&after_expiry, "jane"), [Pattern::AfterExpiry]);
        let long_after =
            patterns(&[(0, "jane", "", resent), (400, "jane", "", WRONG), (500, "jane", "", LOCK)]);
        assert_eq!(of(&long_after, "jane"), [Pattern::Mistyped]);
    }

    #[test]
    fn what_happened_to_a_person_is_counted() {
        let mut seen: Vec<_> = [(0, "a", WRONG), (9, "b", WRONG), (18, "b", LOCK)]
            .map(|(at, from, what)| (at, "jane", from, what))
            .to_vec();
        let rest = [Happening::Right, Happening::Right, Happening::Expired, Happening::Expired];
        seen.extend(rest.map(|what| (3_600, "jane", "c", what)));
        seen.push((3_700, "jane", "b", LOCK));
        let patterns = patterns(&seen);
        let jane = patterns.people()[0].1;
        assert_eq!((jane.wrong, jane.right, jane.expired, jane.locks), (4, 2, 2, 2));
        assert_eq!(jane.last_lock, Some(Timestamp::from_millis(3_700_000)));
        assert_eq!(jane.from, BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), 3)]));
        assert_eq!(patterns.locks(), 2);
        assert_eq!(patterns.locks_in_hour()[..3], [1, 1, 0]);
        assert_eq!(patterns.of(&Person::default()), [Pattern::Mistyped]);
    }

    #[test]
    fn each_pattern_has_its_word() {
        let all = [
            Pattern::Sprayed,
            Pattern::ManyAddresses,
            Pattern::Burst,
            Pattern::AfterResend,
            Pattern::AfterExpiry,
            Pattern::Mistyped,
        ];
        let words = ["sprayed", "many_addresses", "burst", "after_resend", "after_expiry", "mistyped"];
        assert_eq!(all.map(Pattern::as_str), words);
    }

    #[test]
    fn people_are_ranked_by_locks_then_wrong_codes_and_only_the_locked_are_listed() {
        let patterns = patterns(&[
            (0, "once", "", LOCK),
            (0, "twice", "", LOCK),
            (9, "twice", "", LOCK),
            (10, "never", "", WRONG),
            (11, "often", "", WRONG),
            (19, "often", "", LOCK),
            (20, "once", "", Happening::Refused),
        ]);
        let order: Vec<&str> = patterns.people().iter().map(|(who, _)| *who).collect();
        assert_eq!(order, ["twice", "often", "once"]);
        assert_eq!(patterns.people()[2].1.refused, 1);
    }
}
