//! Replies to what operators ask.

#[cfg(test)]
mod tests;

use std::net::IpAddr;

use redis::Value;

use super::{Read, Reader, unexpected};
use crate::domain::challenge::Phase;
use crate::domain::id::{LimitName, Purpose, Reference, RequestId};
use crate::domain::keyring::KeyId;
use crate::domain::ledger::clear::Cleared;
use crate::domain::ledger::counts::{AddOutcome, CountKey, Counts};
use crate::domain::ledger::examine::{Examination, Examined, ExaminedCode, Presented};
use crate::domain::ledger::limits::Usage;
use crate::domain::ledger::revoke::Revoked;
use crate::domain::ledger::trail::{Action, Note, Operation, Record};
use crate::domain::ledger::view::{AccountView, ChallengeView, CodeView, Dated, LockView};
use crate::domain::lockout::{Account, Lock};
use crate::domain::subject::{ClientAddr, Subject};
use crate::domain::time::Timestamp;
use crate::domain::window::Take;

/// What was found in a part of a list.
pub struct Part<T> {
    /// When.
    pub at: Timestamp,
    /// How many members were looked at.
    pub looked_at: usize,
    /// The last of them.
    pub last: Option<(Timestamp, Subject)>,
    /// What was found.
    pub entries: Vec<T>,
}

impl Reader {
    fn list(&mut self) -> Read<Self> {
        match self.values.next() {
            Some(Value::Array(values)) => Ok(Self { script: self.script, values: values.into_iter() }),
            _ => Err(self.wrong("a list")),
        }
    }

    fn lists<T>(mut self, mut read: impl FnMut(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        let mut all = Vec::with_capacity(self.values.len());
        while !self.is_at_end() {
            let mut list = self.list()?;
            all.push(read(&mut list)?);
            list.end()?;
        }
        Ok(all)
    }

    fn end(&self) -> Read<()> {
        if self.is_at_end() { Ok(()) } else { Err(self.wrong("nothing more")) }
    }

    fn ends<T>(self, at: Timestamp, value: T) -> Read<Dated<T>> {
        self.end()?;
        Ok(Dated { at, value })
    }

    fn size(&mut self) -> Read<usize> {
        let number = self.number()?;
        usize::try_from(number).map_err(|_| self.wrong("a smaller number"))
    }

    fn subject(&mut self) -> Read<Subject> {
        let text = self.text()?;
        Subject::parse(&text).map_err(|_| self.wrong("a subject"))
    }

    fn reference(&mut self) -> Read<Reference> {
        let text = self.text()?;
        Reference::parse(&text).map_err(|_| self.wrong("a reference"))
    }

    fn phase(&mut self) -> Read<Phase> {
        let text = self.text()?;
        match text.as_str() {
            "live" => Ok(Phase::Live),
            "consumed" => Ok(Phase::Consumed),
            "superseded" => Ok(Phase::Superseded),
            _ => {
                let request = text.strip_prefix("reserved ").and_then(|id| RequestId::parse(id).ok());
                request.map(Phase::Reserved).ok_or_else(|| self.wrong("a phase"))
            }
        }
    }

    fn key(&mut self) -> Read<KeyId> {
        let text = self.text()?;
        KeyId::stored(&text).map_err(|_| self.wrong("the name of a key"))
    }

    fn yes(&mut self) -> Read<bool> {
        match self.number()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.wrong("0 or 1")),
        }
    }

    /// A time, or 0 for none.
    fn perhaps_time(&mut self) -> Read<Option<Timestamp>> {
        Ok(Some(self.time()?).filter(|time| *time != Timestamp::default()))
    }

    fn account(&mut self) -> Read<(Account, Option<Lock>)> {
        let mut list = self.list()?;
        let account = Account {
            failures: list.small()?,
            consecutive: list.small()?,
            level: list.small()?,
            locked_until: list.time()?,
            clean_since: list.time()?,
            disabled: list.yes()?,
        };
        let lock = list.lock()?;
        list.end()?;
        Ok((account, lock))
    }

    /// `issued expires kid`, joined by `;`.
    fn codes(&mut self) -> Read<Vec<CodeView>> {
        let text = self.text()?;
        let one = |code: &str| {
            let mut parts = code.split(' ');
            let mut time = || Some(Timestamp::from_millis(parts.next()?.parse().ok()?));
            let (issued_at, expires_at) = (time()?, time()?);
            let key = KeyId::stored(parts.next()?).ok()?;
            parts.next().is_none().then_some(CodeView { issued_at, expires_at, key })
        };
        text.split(';').map(|code| one(code).ok_or_else(|| self.wrong("codes"))).collect()
    }

    fn challenge(&mut self, subject: &Subject, purpose: &Purpose) -> Read<ChallengeView> {
        Ok(ChallengeView {
            subject: subject.clone(),
            reference: self.reference()?,
            purpose: purpose.clone(),
            phase: self.phase()?,
            codes: self.codes()?,
        })
    }

    fn part<T>(mut self, read: impl FnMut(&mut Self) -> Read<T>) -> Read<Part<T>> {
        let (at, looked_at) = (self.time()?, self.size()?);
        let last = match looked_at {
            0 => (self.number()?, self.text()?, None).2,
            _ => Some((self.time()?, self.subject()?)),
        };
        let entries = self.list()?.lists(read)?;
        self.end()?;
        Ok(Part { at, looked_at, last, entries })
    }
}

/// Reads the reply to `locks.lua`.
///
/// # Errors
/// When it is none.
pub fn locks(reply: Value, purpose: &Purpose) -> Read<Part<LockView>> {
    Reader::open("locks", reply)?.part(|entry| {
        let subject = entry.subject()?;
        let (account, lock) = entry.account()?;
        let lock = lock.ok_or_else(|| entry.wrong("a lock in force"))?;
        Ok(LockView { subject, purpose: purpose.clone(), lock, account })
    })
}

/// Reads the reply to `challenges.lua`.
///
/// # Errors
/// When it is none.
pub fn challenges(reply: Value, purpose: &Purpose) -> Read<Part<ChallengeView>> {
    Reader::open("challenges", reply)?.part(|entry| {
        let subject = entry.subject()?;
        entry.challenge(&subject, purpose)
    })
}

/// Reads the reply to `look.lua`.
///
/// # Errors
/// When it is none.
pub fn look(reply: Value, subject: &Subject, purposes: &[Purpose]) -> Read<Dated<Vec<AccountView>>> {
    let mut reader = Reader::open("look", reply)?;
    let (at, mut views) = (reader.time()?, Vec::with_capacity(purposes.len()));
    for purpose in purposes {
        let mut view = reader.list()?;
        let (account, lock) = view.account()?;
        let challenge = if view.is_at_end() { None } else { Some(view.challenge(subject, purpose)?) };
        view.end()?;
        views.push(AccountView { purpose: purpose.clone(), account, lock, challenge });
    }
    reader.ends(at, views)
}

/// Reads the reply to `usage.lua`.
///
/// # Errors
/// When it is none.
pub fn usage(reply: Value, takes: &[Take]) -> Read<Dated<Vec<Usage>>> {
    let mut reader = Reader::open("usage", reply)?;
    let (at, mut all) = (reader.time()?, Vec::with_capacity(takes.len()));
    for take in takes {
        all.push(Usage {
            limit: take.limit.clone(),
            owner: take.owner.clone(),
            max: take.max,
            used: reader.small()?,
            opens_at: reader.perhaps_time()?,
            empties_at: reader.perhaps_time()?,
        });
    }
    reader.ends(at, all)
}

/// Reads the reply to `examine.lua`.
///
/// # Errors
/// When it is none.
pub fn examine(reply: Value, presented: &[Presented]) -> Read<Dated<Vec<Examination>>> {
    let mut reader = Reader::open("examine", reply)?;
    let (at, mut all) = (reader.time()?, Vec::with_capacity(presented.len()));
    for presented in presented {
        let mut list = reader.list()?;
        let found = if list.is_at_end() { None } else { Some(examined(&mut list, at)?) };
        all.push(Examination { reference: presented.reference.clone(), found });
    }
    reader.ends(at, all)
}

fn examined(list: &mut Reader, now: Timestamp) -> Read<Examined> {
    let (purpose, phase, remembered_until) = (list.purpose()?, list.phase()?, list.time()?);
    let mut codes = Vec::new();
    while !list.is_at_end() {
        let mut code = list.list()?;
        let view = CodeView { issued_at: code.time()?, expires_at: code.time()?, key: code.key()? };
        let (known_key, matches) = (code.yes()?, code.yes()?);
        code.end()?;
        codes.push(ExaminedCode { expired: view.expires_at <= now, code: view, known_key, matches });
    }
    Ok(Examined { purpose, phase, remembered_until, codes })
}

/// Reads the reply to `clear.lua`: how many events each of the limits forgot that it was asked to empty.
///
/// # Errors
/// When it is none.
pub fn clear(reply: Value, limits: usize) -> Read<Dated<Cleared>> {
    let mut reader = Reader::open("clear", reply)?;
    let at = reader.time()?;
    let (before, lock) = reader.account()?;
    let mut list = reader.list()?;
    let forgiven = (0..limits).map(|_| list.small()).collect::<Read<_>>()?;
    list.end()?;
    reader.ends(at, Cleared { before, lock, forgiven })
}

/// Reads the reply to `revoke.lua`.
///
/// # Errors
/// When it is none.
pub fn revoke(reply: Value) -> Read<Dated<Revoked>> {
    let mut reader = Reader::open("revoke", reply)?;
    let at = reader.time()?;
    let revoked = match reader.text()?.as_str() {
        "nothing" => Revoked::Nothing,
        "revoked" => Revoked::Revoked { reference: reader.reference()?, purpose: reader.purpose()? },
        "reserved" => Revoked::Reserved { reference: reader.reference()?, purpose: reader.purpose()? },
        _ => return Err(reader.wrong("an outcome")),
    };
    reader.ends(at, revoked)
}

/// Reads a reply of the time and this many small numbers: `reset.lua`, `prune.lua` and others.
///
/// # Errors
/// When it is none.
pub fn numbers(script: &'static str, reply: Value, count: usize) -> Read<Dated<Vec<u32>>> {
    let mut reader = Reader::open(script, reply)?;
    let at = reader.time()?;
    let numbers = (0..count).map(|_| reader.small()).collect::<Read<_>>()?;
    reader.ends(at, numbers)
}

/// Reads the reply to `add_counts.lua`.
///
/// # Errors
/// When it is none.
pub fn add_counts(reply: Value) -> Read<Dated<AddOutcome>> {
    let mut reader = Reader::open("add_counts", reply)?;
    let at = reader.time()?;
    let outcome = match reader.text()?.as_str() {
        "added" => AddOutcome::Added,
        "repeated" => AddOutcome::Repeated,
        "out_of_range" => AddOutcome::OutOfRange,
        _ => return Err(reader.wrong("an outcome")),
    };
    reader.ends(at, outcome)
}

/// Reads the hash of a day. Keys of a newer version are passed over.
///
/// # Errors
/// When it is none.
pub fn counts(reply: Value) -> Read<Counts> {
    let flat = match reply {
        Value::Map(pairs) => pairs.into_iter().flat_map(|(key, value)| [key, value]).collect(),
        Value::Array(values) => values,
        _ => return Err(unexpected("counts", "a hash")),
    };
    let mut reader = Reader { script: "counts", values: flat.into_iter() };
    let mut counts = Vec::new();
    while !reader.is_at_end() {
        let (key, number) = (reader.text()?, reader.text()?);
        let number = number.parse().map_err(|_| reader.wrong("a number"))?;
        if let Some(key) = CountKey::parse(&key) {
            counts.push((key, number));
        }
    }
    Ok(counts.into_iter().collect())
}

/// Reads a list of records, oldest first.
///
/// # Errors
/// When it is none.
pub fn records(reply: Value) -> Read<Vec<Record>> {
    let mut reader = Reader::open("operations", reply)?;
    let mut records = Vec::with_capacity(reader.values.len());
    while !reader.is_at_end() {
        let text = reader.text()?;
        records.push(record(&text).ok_or_else(|| reader.wrong("a record"))?);
    }
    Ok(records)
}

/// The lines that `trail.lua` writes, and after them those of `rest_of_record`.
fn record(text: &str) -> Option<Record> {
    let lines: Vec<&str> = text.split('\n').collect();
    let [at, changed, purpose, reference, action, subject, limit, client, by, reason] = lines[..] else {
        return None;
    };
    let some = |text: &'_ str| !text.is_empty();
    let operation = Operation { by: Note::parse(by).ok()?, reason: Note::parse(reason).ok()? };
    Some(Record {
        at: Timestamp::from_millis(at.parse().ok()?),
        action: Action::parse(action)?,
        changed: match changed {
            "0" => false,
            "1" => true,
            _ => return None,
        },
        subject: some(subject).then(|| Subject::parse(subject)).transpose().ok()?,
        purpose: some(purpose).then(|| Purpose::parse(purpose)).transpose().ok()?,
        reference: some(reference).then(|| Reference::parse(reference)).transpose().ok()?,
        limit: some(limit).then(|| LimitName::parse(limit)).transpose().ok()?,
        client: some(client).then(|| client.parse::<IpAddr>().map(ClientAddr::of)).transpose().ok()?,
        operation,
    })
}

/// What was seen of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Whether it is still there.
    pub there: bool,
    /// Whether it will expire.
    pub expires: bool,
    /// Its bytes; 0 if it was not measured.
    pub bytes: u64,
}

/// Reads the reply to `inspect.lua`.
///
/// # Errors
/// When it is none.
pub fn inspect(reply: Value, keys: usize) -> Read<Vec<Seen>> {
    let mut reader = Reader::open("inspect", reply)?;
    reader.time()?;
    let mut all = Vec::with_capacity(keys);
    for _ in 0..keys {
        let (there, expires) = match reader.values.next() {
            Some(Value::Int(-2)) => (false, false),
            Some(Value::Int(-1)) => (true, false),
            Some(Value::Int(left)) if left >= 0 => (true, true),
            _ => return Err(reader.wrong("a time to live")),
        };
        all.push(Seen { there, expires, bytes: reader.number()? });
    }
    reader.end()?;
    Ok(all)
}

/// Reads the reply to `TIME`.
///
/// # Errors
/// When it is none.
pub fn time(reply: Value) -> Read<Timestamp> {
    let mut reader = Reader::open("TIME", reply)?;
    let mut number = || reader.text().map(|text| text.parse::<u64>().ok());
    match (number()?, number()?) {
        (Some(seconds), Some(micros)) => {
            Ok(Timestamp::from_millis(seconds.saturating_mul(1_000).saturating_add(micros / 1_000)))
        }
        _ => Err(unexpected("TIME", "two numbers")),
    }
}

/// Reads one step of `SCAN`: where to go on, and keys.
///
/// # Errors
/// When it is none.
pub fn scan(reply: Value) -> Read<(String, Vec<Vec<u8>>)> {
    let mut reader = Reader::open("SCAN", reply)?;
    let (next, mut list) = (reader.text()?, reader.list()?);
    let mut keys = Vec::with_capacity(list.values.len());
    while let Some(value) = list.values.next() {
        match value {
            Value::BulkString(key) => keys.push(key),
            _ => return Err(list.wrong("keys")),
        }
    }
    Ok((next, keys))
}
