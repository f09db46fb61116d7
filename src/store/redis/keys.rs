//! The only place where a key is spelt.
//!
//! | key | type | holds | expires |
//! |---|---|---|---|
//! | `{otp:NN}:challenge:<subject>:<reference>` | hash | one challenge | when it is no longer remembered |
//! | `{otp:NN}:account:<subject>:<purpose>` | hash | failures and locks; the pending reference | with the later of the two |
//! | `{otp:NN}:limit:<limit>:<purpose>:[<client>]:<subject>` | list | times of the latest events | a window after the latest |
//! | `{otp:NN}:pending:<purpose>` | sorted set | subjects by the end of their newest code | a day after the latest |
//! | `{otp:NN}:locked:<purpose>` | sorted set | subjects by the end of their lock | 400 days after the latest |
//! | `{otp:NN}:operations` | list | what operators changed, oldest first | 400 days after the latest |
//! | `{otp:NN}:counts:<date>` | hash | what reports tell of a day | 400 days after the day |
//! | `{otp:NN}:batches:<instance>` | string | the latest counts of an instance that were added | a week after them |
//!
//! `NN` is one of 16 shards. Keys of one subject share its shard, and with it a slot of a cluster. So a
//! script may complete a key from a prefix, where only stored state tells the rest: the whole key would
//! lie in the same slot. Subjects may contain any separator, the parts beside them none, so that no two
//! different things share a key.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::domain::id::{InstanceId, Purpose, Reference};
use crate::domain::ledger::day::Day;
use crate::domain::ledger::inventory::Kind;
use crate::domain::subject::Subject;
use crate::domain::window::{Owner, Take};

/// How many shards there are. Changing it loses every lock and every live code.
pub const SHARDS: u8 = 16;

/// One of the [`SHARDS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard(u8);

impl Shard {
    /// The shard of everything that belongs to a subject.
    pub fn of(subject: &Subject) -> Self {
        Self::of_text(subject.as_str())
    }

    /// The shard of what a limit has counted, and of the records about it.
    pub fn of_bucket(take: &Take) -> Self {
        match &take.owner.subject {
            Some(subject) => Self::of(subject),
            None => Self::of_text(&owner_of(take)),
        }
    }

    /// The shard of what belongs to nobody.
    pub fn of_nobody() -> Self {
        Self::of_text("")
    }

    /// Its number.
    pub fn number(self) -> u8 {
        self.0
    }

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..SHARDS).map(Self)
    }

    fn of_text(text: &str) -> Self {
        let first = Sha256::digest(text.as_bytes()).first().copied().unwrap_or_default();
        Self(first % SHARDS)
    }

    fn key(self, kind: &str) -> String {
        let mut key = String::with_capacity(112);
        let Self(number) = self;
        // Writing to a String cannot fail.
        let _ = write!(key, "{{otp:{number:02}}}:{kind}:");
        key
    }

    /// Completed by a purpose: the sorted set of subjects with a live code.
    pub fn pending_prefix(self) -> String {
        self.key("pending")
    }

    /// Completed by a purpose: the sorted set of locked subjects.
    pub fn locked_prefix(self) -> String {
        self.key("locked")
    }

    /// Completed by a subject, `:` and a purpose: one account.
    pub fn accounts_prefix(self) -> String {
        self.key("account")
    }

    /// Completed by a subject, `:` and a reference: one challenge.
    pub fn challenges_prefix(self) -> String {
        self.key("challenge")
    }

    /// The list of what operators changed.
    pub fn operations(self) -> String {
        format!("{{otp:{:02}}}:operations", self.0)
    }

    /// The sorted set of subjects with a live code.
    pub fn pending(self, purpose: &Purpose) -> String {
        self.pending_prefix() + purpose.as_str()
    }

    /// The sorted set of locked subjects.
    pub fn locked(self, purpose: &Purpose) -> String {
        self.locked_prefix() + purpose.as_str()
    }
}

/// Keys of one subject.
pub struct SubjectKeys<'a> {
    shard: Shard,
    subject: &'a Subject,
}

impl<'a> SubjectKeys<'a> {
    /// The keys of this subject.
    pub fn of(subject: &'a Subject) -> Self {
        Self { shard: Shard::of(subject), subject }
    }

    /// Where they lie.
    pub fn shard(&self) -> Shard {
        self.shard
    }

    /// Completed by a reference: one challenge.
    pub fn challenge_prefix(&self) -> String {
        self.shard.key("challenge") + self.subject.as_str() + ":"
    }

    /// Completed by a purpose: one account.
    pub fn account_prefix(&self) -> String {
        self.shard.key("account") + self.subject.as_str() + ":"
    }

    /// One challenge.
    pub fn challenge(&self, reference: &Reference) -> String {
        self.challenge_prefix() + reference.as_str()
    }

    /// One account.
    pub fn account(&self, purpose: &Purpose) -> String {
        self.account_prefix() + purpose.as_str()
    }
}

/// The bucket that a limit counts in.
pub fn bucket(take: &Take) -> String {
    let owner = owner_of(take);
    match &take.owner.subject {
        Some(subject) => Shard::of(subject).key("limit") + &owner + subject.as_str(),
        None => Shard::of_text(&owner).key("limit") + &owner,
    }
}

/// What is counted on a day. All days lie in one shard: they are written every few seconds, and read together.
pub fn counts(day: Day) -> String {
    Shard::of_nobody().key("counts") + &day.to_string()
}

/// Which of an instance's counts were added.
pub fn batches(instance: &InstanceId) -> String {
    Shard::of_nobody().key("batches") + instance.as_str()
}

/// What begins every key, for `SCAN`.
pub const PATTERN: &str = "{otp:[0-9][0-9]}:*";

/// What a key is for; `None` for one that this version does not spell.
pub fn kind_of(key: &[u8]) -> Option<Kind> {
    let (shard, rest) = std::str::from_utf8(key).ok()?.strip_prefix("{otp:")?.split_once("}:")?;
    let is_shard = shard.len() == 2 && shard.parse::<u8>().is_ok_and(|shard| shard < SHARDS);
    let (word, rest) = rest.split_once(':').map_or((rest, None), |(word, rest)| (word, Some(rest)));
    let kind = Kind::parse(word).filter(|_| is_shard)?;
    (rest.is_none() == (kind == Kind::Operations)).then_some(kind)
}

/// The day whose counts are under a key.
pub fn day_of(key: &[u8]) -> Option<Day> {
    let (_, date) = std::str::from_utf8(key).ok()?.split_once("}:counts:")?;
    Day::parse(date).ok()
}

/// A bucket's name up to its subject.
fn owner_of(take: &Take) -> String {
    let Owner { purpose, client, .. } = &take.owner;
    let mut owner = String::with_capacity(96);
    let _ = write!(owner, "{}:{}:[", take.limit, purpose.as_ref().map_or("", Purpose::as_str));
    if let Some(client) = client {
        let _ = write!(owner, "{client}");
    }
    owner.push_str("]:");
    owner
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::LimitName;
    use crate::domain::subject::ClientAddr;
    use crate::domain::window::Count;
    use std::collections::HashSet;
    use std::time::Duration;

    fn subject(text: &str) -> Subject {
        Subject::parse(text).unwrap()
    }

    fn take(subject_text: Option<&str>, purpose: Option<&str>, client: Option<&str>) -> Take {
        Take {
            limit: LimitName::parse("send-hour").unwrap(),
            owner: Owner {
                subject: subject_text.map(subject),
                purpose: purpose.map(|text| Purpose::parse(text).unwrap()),
                client: client.map(|text| ClientAddr::of(text.parse().unwrap())),
            },
            max: 1,
            per: Duration::from_secs(1),
            count: Count::All,
        }
    }

    #[test]
    fn spellings_never_change_because_locks_live_under_them() {
        let keys = SubjectKeys { shard: Shard::of(&subject("65f1c0ffee")), subject: &subject("65f1c0ffee") };
        let (purpose, reference) =
            (Purpose::parse("wallet_funding").unwrap(), Reference::parse("FUND-1").unwrap());
        let spelt = [
            keys.challenge(&reference),
            keys.account(&purpose),
            keys.shard().pending(&purpose),
            keys.shard().locked(&purpose),
            bucket(&take(Some("65f1c0ffee"), Some("wallet_funding"), Some("2001:db8::1"))),
            bucket(&take(None, None, Some("192.0.2.1"))),
            bucket(&take(None, None, None)),
            keys.shard().operations(),
            counts(Day::parse("2026-11-22").unwrap()),
            batches(&InstanceId::parse(&"a".repeat(32)).unwrap()),
        ];
        for key in &spelt {
            assert!(kind_of(key.as_bytes()).is_some(), "{key} is of no kind");
        }
        assert_eq!(day_of(spelt[8].as_bytes()), Day::parse("2026-11-22").ok());
        assert!(spelt.iter().enumerate().all(|(place, key)| place == 8 || day_of(key.as_bytes()).is_none()));
        assert_eq!(
            spelt,
            [
                "{otp:05}:challenge:65f1c0ffee:FUND-1",
                "{otp:05}:account:65f1c0ffee:wallet_funding",
                "{otp:05}:pending:wallet_funding",
                "{otp:05}:locked:wallet_funding",
                "{otp:05}:limit:send-hour:wallet_funding:[2001:db8::]:65f1c0ffee",
                "{otp:05}:limit:send-hour::[192.0.2.1]:",
                "{otp:13}:limit:send-hour::[]:",
                "{otp:05}:operations",
                "{otp:03}:counts:2026-11-22",
                "{otp:03}:batches:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            ]
        );
    }

    #[test]
    fn a_key_that_nobody_here_spells_is_of_no_kind() {
        for key in ["", "a", "{otp:16}:limit:a", "{otp:5}:limit:a", "{otp:05}:limits:a", "{otp:05}limit:a"] {
            assert_eq!(kind_of(key.as_bytes()), None, "{key}");
        }
        assert_eq!(kind_of(b"{otp:05}:limit"), None);
        assert_eq!(kind_of(b"{otp:05}:operations:a"), None);
        assert_eq!(kind_of(b"{otp:05}:limit:\xff"), None);
    }

    #[test]
    fn no_two_owners_share_a_bucket() {
        let subjects = [None, Some("a"), Some("]:a"), Some("[]:a"), Some("a:[]:a")];
        let purposes = [None, Some("a"), Some("b")];
        let clients = [None, Some("192.0.2.1"), Some("2001:db8::1"), Some("::1")];
        let mut keys = HashSet::new();
        for s in subjects {
            for p in purposes {
                keys.extend(clients.map(|c| bucket(&take(s, p, c))));
            }
        }
        assert_eq!(keys.len(), subjects.len() * purposes.len() * clients.len());
    }

    #[test]
    fn shards_are_all_used_and_never_more() {
        let used: HashSet<String> =
            (0..500).map(|n| Shard::of(&subject(&format!("u{n}"))).key("x")).collect();
        assert_eq!(used.len(), usize::from(SHARDS));
        assert!(Shard::all().all(|shard| used.contains(&shard.key("x"))));
    }
}
