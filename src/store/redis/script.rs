//! The scripts and their calls: by hash, with arguments in the one order that the script documents.
//!
//! It must not know connections: it packs commands, [`super::connection`] sends them.

use std::fmt::Write;
use std::sync::LazyLock;
use std::time::Duration;

use redis::{Arg, Cmd};

use crate::domain::challenge::REMEMBERED_BEYOND_CODE;
use crate::domain::id::{Purpose, hex};
use crate::domain::keyring::Digest;
use crate::domain::lockout::{CLEAN_AFTER, LockoutRule, REMEMBERED_FOR};
use crate::domain::tally::COUNTED_UP_TO;
use crate::domain::time::{Timestamp, millis};
use crate::domain::window::{Count, Take};

use super::keys;

/// `now`.
pub const TIME: &str = include_str!("lua/time.lua");
const LIMITS: &str = include_str!("lua/limits.lua");
/// Accounts.
pub const ACCOUNT: &str = include_str!("lua/account.lua");
/// Challenges.
pub const CHALLENGE: &str = include_str!("lua/challenge.lua");
const LISTED: &str = include_str!("lua/listed.lua");

/// [`crate::domain::admit::decide`].
pub static ADMIT: LazyLock<Script> = LazyLock::new(|| Script::of(&[&[TELLING][..], ADMIT_PARTS].concat()));
/// The same without what is told of limits.
pub static ADMIT_BRIEFLY: LazyLock<Script> =
    LazyLock::new(|| Script::of(&[&[BRIEF][..], ADMIT_PARTS].concat()));
/// [`crate::domain::issue::issue`].
pub static ISSUE: LazyLock<Script> =
    LazyLock::new(|| Script::of(&[TIME, ACCOUNT, CHALLENGE, LISTED, include_str!("lua/issue.lua")]));
/// [`crate::domain::verify::decide`].
pub static VERIFY: LazyLock<Script> = LazyLock::new(|| Script::of(&[&[TELLING][..], VERIFY_PARTS].concat()));
/// The same without what is told of limits.
pub static VERIFY_BRIEFLY: LazyLock<Script> =
    LazyLock::new(|| Script::of(&[&[BRIEF][..], VERIFY_PARTS].concat()));
/// [`crate::domain::verify::settle`].
pub static SETTLE: LazyLock<Script> =
    LazyLock::new(|| Script::of(&[TIME, CHALLENGE, include_str!("lua/settle.lua")]));
/// [`crate::domain::state::State::census`].
pub static CENSUS: LazyLock<Script> = LazyLock::new(|| Script::of(&[TIME, include_str!("lua/census.lua")]));

const ADMIT_PARTS: &[&str] = &[TIME, LIMITS, ACCOUNT, CHALLENGE, include_str!("lua/admit.lua")];
const VERIFY_PARTS: &[&str] = &[TIME, LIMITS, ACCOUNT, CHALLENGE, LISTED, include_str!("lua/verify.lua")];

/// Counting the events of windows costs Redis a few microseconds, so it is done only for those who ask.
const TELLING: &str = "local TELLS = true\n";
const BRIEF: &str = "local TELLS = false\n";

/// The longest duration that a script is told, in milliseconds: beyond it sums are no longer exact in
/// a Lua number. It is some 140,000 years.
const LONGEST: u64 = 1 << 52;

/// One script: its text, and the name under which Redis knows it once it has seen the text.
pub struct Script {
    body: String,
    sha1: String,
}

impl Script {
    /// Joins the parts after the constants that the rules and the scripts share.
    pub fn of(parts: &[&str]) -> Self {
        let mut body = String::new();
        let constants = [
            ("CLEAN_AFTER", CLEAN_AFTER),
            ("REMEMBERED_FOR", REMEMBERED_FOR),
            ("REMEMBERED_BEYOND_CODE", REMEMBERED_BEYOND_CODE),
            ("A_DAY", Duration::from_secs(24 * 60 * 60)),
        ];
        for (name, duration) in constants {
            // Writing to a String cannot fail.
            let _ = writeln!(body, "local {name} = {}", millis(duration));
        }
        let _ = writeln!(body, "local COUNTED_UP_TO = {COUNTED_UP_TO}");
        parts.iter().for_each(|part| body.push_str(part));
        let sha1 = redis::Script::new(&body).get_hash().to_owned();
        Self { body, sha1 }
    }

    /// What Redis calls it.
    pub fn sha1(&self) -> &str {
        &self.sha1
    }
}

/// One call of one script.
pub struct Call {
    script: &'static Script,
    command: Cmd,
}

impl Call {
    /// A call with these keys. `now` is empty in production, where the script asks Redis.
    pub fn new<'k>(
        script: &'static Script,
        now: Option<Timestamp>,
        keys: impl ExactSizeIterator<Item = &'k str>,
    ) -> Self {
        let mut command = Cmd::with_capacity(24, 1_024);
        command.arg("EVALSHA").arg(script.sha1()).arg(keys.len());
        for key in keys {
            command.arg(key);
        }
        match now {
            Some(now) => command.arg(now.as_millis()),
            None => command.arg(""),
        };
        Self { script, command }
    }

    /// Adds an argument.
    pub fn text(mut self, text: &str) -> Self {
        self.command.arg(text);
        self
    }

    /// Adds a count.
    pub fn number(mut self, number: u64) -> Self {
        self.command.arg(number);
        self
    }

    /// Adds a duration in milliseconds.
    pub fn duration(self, duration: Duration) -> Self {
        self.number(within_lua(duration))
    }

    /// Adds what the scripts must know of limits, in the order of their keys.
    pub fn takes(mut self, takes: &[Take]) -> Self {
        for take in takes {
            let kind = match (take.is_own(), take.count) {
                (false, _) => "s",
                (true, Count::All) => "o",
                (true, Count::Failures) => "f",
            };
            self = self.number(u64::from(take.max)).duration(take.per).text(kind);
        }
        self
    }

    /// The call by hash.
    pub fn by_hash(&self) -> &Cmd {
        &self.command
    }

    /// The same call with the whole text, which also makes Redis remember it. Running and loading are
    /// one step, so that no `SCRIPT FLUSH` can come between.
    pub fn in_full(&self) -> Cmd {
        let mut command = Cmd::with_capacity(24, self.script.body.len() + 1_024);
        command.arg("EVAL").arg(self.script.body.as_str());
        for argument in self.command.args_iter().skip(2) {
            if let Arg::Simple(argument) = argument {
                command.arg(argument);
            }
        }
        command
    }
}

/// The keys of limits, in their order.
pub fn buckets(takes: &[Take]) -> impl Iterator<Item = String> {
    takes.iter().map(keys::bucket)
}

/// One digest as it is stored and compared: `kid:hex`.
pub fn digest_text(digest: &Digest) -> String {
    format!("{}:{}", digest.kid.as_str(), hex(&digest.mac))
}

/// All digests that would be right, each between commas.
pub fn candidates_text(candidates: &[Digest]) -> String {
    let mut text = String::with_capacity(2 + candidates.len() * 84);
    text.push(',');
    for digest in candidates {
        text.push_str(&digest_text(digest));
        text.push(',');
    }
    text
}

/// The lockout of every purpose, each between semicolons.
pub fn lockouts_text(lockouts: &[(Purpose, LockoutRule)]) -> String {
    let mut text = String::with_capacity(2 + lockouts.len() * 64);
    text.push(';');
    for (purpose, rule) in lockouts {
        let (lock_for, at_most) = (within_lua(rule.lock_for), within_lua(rule.at_most));
        let LockoutRule { after, escalate, disable_after, .. } = rule;
        let _ = write!(text, "{purpose} {after} {lock_for} {escalate} {at_most} {disable_after};");
    }
    text
}

fn within_lua(duration: Duration) -> u64 {
    millis(duration).min(LONGEST)
}
