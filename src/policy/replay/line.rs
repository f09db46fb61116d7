//! A line of the audit log (`docs/audit.schema.json`), read for what a replay needs of it.
//!
//! Fields that are not known are passed over, as the format asks of its readers. Texts are borrowed from the line until
//! the end: a million lines are read in seconds.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use serde::Deserialize;

use crate::domain::id::{LimitName, Purpose, Reference, RequestId};
use crate::domain::lockout::Lock;
use crate::domain::reason::Reason;
use crate::domain::subject::Subject;
use crate::domain::time::Timestamp;

/// The version of the format that is read.
const VERSION: u32 = 1;

/// What a line tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A request was decided on.
    Decision(Box<Decision>),
    /// A code was stored.
    Issued {
        /// When.
        time: Timestamp,
        /// By which request.
        request: RequestId,
        /// The challenge.
        reference: Reference,
        /// Seconds.
        expires_in: u64,
    },
    /// No code was made, or a request that was let through failed.
    Ended {
        /// When.
        time: Timestamp,
        /// Which request.
        request: RequestId,
    },
    /// The reservation of a right code ended.
    Settled {
        /// When.
        time: Timestamp,
        /// Of which request.
        request: RequestId,
        /// How.
        how: Settled,
    },
    /// Nothing that matters here: a mail, a policy, a process.
    Other(Timestamp),
}

/// How a reservation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// The code is used up.
    Committed,
    /// It may be tried again.
    Released,
    /// Nobody knows yet.
    Open,
}

/// A decision as the log tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// When it was made.
    pub time: Timestamp,
    /// On which request.
    pub request: RequestId,
    /// By which route.
    pub route: Arc<str>,
    /// What the route does.
    pub action: Arc<str>,
    /// Who was calling.
    pub subject: Option<Subject>,
    /// What it was about.
    pub purpose: Option<Purpose>,
    /// The challenge.
    pub reference: Option<Reference>,
    /// Where the request came from.
    pub client: Client,
    /// What was decided.
    pub outcome: Outcome,
    /// Why. [`Reason::Verified`] stands for `matched`.
    pub reason: Reason,
    /// Whether a code that was compared was right.
    pub right: Option<bool>,
    /// The rule that refused.
    pub rule: Option<Arc<str>>,
    /// The policy that decided.
    pub policy: Arc<str>,
    /// Failures before and after.
    pub failures: Option<(u32, u32)>,
    /// The lock before and after.
    pub lock: Option<(Option<Lock>, Option<Lock>)>,
    /// How many each limit had counted before and after, where that is known.
    pub counted: Vec<(LimitName, Option<(u32, u32)>)>,
}

/// `outcome` of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was let through, or answered.
    Allowed,
    /// It was refused.
    Refused,
    /// The sidecar could not decide.
    Failed,
}

/// A client, in a form that counts as the client itself would.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// An address: the client's own, or one that stands for its pseudonym.
    pub address: IpAddr,
    /// Whether it is only the network of many clients.
    pub is_network: bool,
}

/// Why a line is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skipped {
    /// It is no line of an audit log: half a line, or something else.
    Broken,
    /// It is one of a later version, or of an event or with a word that is not known.
    Unknown,
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Str<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
struct Pair<T> {
    before: T,
    after: T,
}

#[derive(Deserialize)]
struct RawLimit<'a> {
    #[serde(borrow)]
    limit: Str<'a>,
    before: Option<u32>,
    after: Option<u32>,
}

#[derive(Deserialize)]
struct Raw<'a> {
    v: u32,
    #[serde(borrow)]
    event: Str<'a>,
    #[serde(borrow)]
    time: Str<'a>,
    #[serde(borrow, default)]
    decision_id: Option<Str<'a>>,
    #[serde(borrow, default)]
    route: Option<Str<'a>>,
    #[serde(borrow, default)]
    action: Option<Str<'a>>,
    #[serde(borrow, default)]
    subject: Option<Str<'a>>,
    #[serde(borrow, default)]
    purpose: Option<Str<'a>>,
    #[serde(borrow, default)]
    reference: Option<Str<'a>>,
    #[serde(borrow, default)]
    client: Option<Str<'a>>,
    #[serde(borrow, default)]
    outcome: Option<Str<'a>>,
    #[serde(borrow, default)]
    result: Option<Str<'a>>,
    #[serde(borrow, default)]
    reason: Option<Str<'a>>,
    #[serde(borrow, default)]
    code: Option<Str<'a>>,
    #[serde(borrow, default)]
    rule: Option<Str<'a>>,
    #[serde(borrow, default)]
    policy: Option<Str<'a>>,
    #[serde(default)]
    failures: Option<Pair<u32>>,
    #[serde(borrow, default)]
    lock: Option<Pair<Option<Str<'a>>>>,
    #[serde(borrow, default)]
    limits: Vec<RawLimit<'a>>,
    #[serde(default)]
    expires_in: Option<u64>,
}

/// Reads lines, and keeps one copy of each name of a policy that is in them.
#[derive(Debug)]
pub struct Reader {
    words: HashMap<Box<str>, Arc<str>>,
    purposes: HashMap<Box<str>, Purpose>,
    limits: HashMap<Box<str>, LimitName>,
    reasons: HashMap<&'static str, Reason>,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            words: HashMap::new(),
            purposes: HashMap::new(),
            limits: HashMap::new(),
            reasons: Reason::ALL.iter().map(|reason| (reason.as_str(), *reason)).collect(),
        }
    }
}

impl Reader {
    /// Reads one line.
    ///
    /// # Errors
    /// When it is none, or one that is not known.
    pub fn read(&mut self, line: &[u8]) -> Result<Entry, Skipped> {
        let raw: Raw<'_> = serde_json::from_slice(line).map_err(|_| Skipped::Broken)?;
        let time = Timestamp::from_iso8601(&raw.time.0).ok_or(Skipped::Broken)?;
        if raw.v != VERSION {
            return Err(Skipped::Unknown);
        }
        match &*raw.event.0 {
            "decision" => self.decision(raw, time),
            "code" => code(&raw, time),
            "failed" => Ok(Entry::Ended { time, request: request(&raw)? }),
            "settled" => settled(&raw, time),
            "mail" | "policy" | "process" => Ok(Entry::Other(time)),
            _ => Err(Skipped::Unknown),
        }
    }

    fn decision(&mut self, raw: Raw<'_>, time: Timestamp) -> Result<Entry, Skipped> {
        let reason = text(&raw.reason)?;
        let reason =
            if reason == "matched" { Some(Reason::Verified) } else { self.reasons.get(reason).copied() };
        let outcome = match text(&raw.outcome)? {
            "allowed" => Outcome::Allowed,
            "refused" => Outcome::Refused,
            "failed" => Outcome::Failed,
            _ => return Err(Skipped::Unknown),
        };
        let right = match raw.code.as_ref().map(|code| &*code.0) {
            None => None,
            Some("right") => Some(true),
            Some("wrong") => Some(false),
            Some(_) => return Err(Skipped::Unknown),
        };
        let lock = match &raw.lock {
            None => None,
            Some(pair) => Some((lock(pair.before.as_ref())?, lock(pair.after.as_ref())?)),
        };
        let subject = raw.subject.as_ref().map(|subject| Subject::parse(&subject.0));
        let mut counted = Vec::with_capacity(raw.limits.len());
        for limit in &raw.limits {
            let name = interned(&mut self.limits, &limit.limit.0, LimitName::parse)?;
            counted.push((name, limit.before.zip(limit.after)));
        }
        let purpose = match &raw.purpose {
            None => None,
            Some(name) => Some(interned(&mut self.purposes, &name.0, Purpose::parse)?),
        };
        Ok(Entry::Decision(Box::new(Decision {
            time,
            request: request(&raw)?,
            route: self.word(text(&raw.route)?),
            action: self.word(text(&raw.action)?),
            subject: subject.transpose().map_err(|_| Skipped::Broken)?,
            purpose,
            reference: raw.reference.as_ref().map(|text| reference(&text.0)).transpose()?,
            client: client(text(&raw.client)?)?,
            outcome,
            reason: reason.ok_or(Skipped::Unknown)?,
            right,
            rule: raw.rule.as_ref().map(|rule| self.word(&rule.0)),
            policy: self.word(text(&raw.policy)?),
            failures: raw.failures.as_ref().map(|pair| (pair.before, pair.after)),
            lock,
            counted,
        })))
    }

    fn word(&mut self, word: &str) -> Arc<str> {
        if let Some(known) = self.words.get(word) {
            return Arc::clone(known);
        }
        let new: Arc<str> = Arc::from(word);
        self.words.insert(Box::from(word), Arc::clone(&new));
        new
    }
}

fn interned<T: Clone, E>(
    known: &mut HashMap<Box<str>, T>,
    name: &str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<T, Skipped> {
    if let Some(known) = known.get(name) {
        return Ok(known.clone());
    }
    let new = parse(name).map_err(|_| Skipped::Broken)?;
    known.insert(Box::from(name), new.clone());
    Ok(new)
}

fn text<'a>(field: &'a Option<Str<'_>>) -> Result<&'a str, Skipped> {
    field.as_ref().map(|text| &*text.0).ok_or(Skipped::Broken)
}

fn request(raw: &Raw<'_>) -> Result<RequestId, Skipped> {
    RequestId::parse(text(&raw.decision_id)?).map_err(|_| Skipped::Broken)
}

fn code(raw: &Raw<'_>, time: Timestamp) -> Result<Entry, Skipped> {
    let request = request(raw)?;
    match text(&raw.result)? {
        "issued" => Ok(Entry::Issued {
            time,
            request,
            reference: reference(text(&raw.reference)?)?,
            expires_in: raw.expires_in.ok_or(Skipped::Broken)?,
        }),
        "not_issued" => Ok(Entry::Ended { time, request }),
        _ => Err(Skipped::Unknown),
    }
}

fn settled(raw: &Raw<'_>, time: Timestamp) -> Result<Entry, Skipped> {
    let how = match text(&raw.result)? {
        "committed" => Settled::Committed,
        "released" => Settled::Released,
        "unknown" | "held" => Settled::Open,
        _ => return Err(Skipped::Unknown),
    };
    Ok(Entry::Settled { time, request: request(raw)?, how })
}

/// A pseudonym without its `#`, which no reference has.
fn reference(pseudonym: &str) -> Result<Reference, Skipped> {
    Reference::parse(pseudonym.strip_prefix('#').unwrap_or(pseudonym)).map_err(|_| Skipped::Broken)
}

fn lock(text: Option<&Str<'_>>) -> Result<Option<Lock>, Skipped> {
    match text.map(|text| &*text.0) {
        None => Ok(None),
        Some("disabled") => Ok(Some(Lock::Disabled)),
        Some(until) => {
            Timestamp::from_iso8601(until).map(|until| Some(Lock::Until(until))).ok_or(Skipped::Broken)
        }
    }
}

/// A pseudonym has as many bits as what limits count of an IPv6 address, so it can stand for one.
fn client(text: &str) -> Result<Client, Skipped> {
    let exact = |address| Ok(Client { address, is_network: false });
    if let Some(digits) = text.strip_prefix('#') {
        let bits = u64::from_str_radix(digits, 16).map_err(|_| Skipped::Broken)?;
        return exact(IpAddr::V6(Ipv6Addr::from_bits(u128::from(bits) << 64)));
    }
    match text.split_once('/') {
        None => exact(text.parse().map_err(|_| Skipped::Broken)?),
        Some((network, _)) => {
            let address = network.parse().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
            Ok(Client { address, is_network: true })
        }
    }
}
