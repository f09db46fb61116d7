//! Replies of the scripts → outcomes. A reply of an unexpected form is an error, never a panic and
//! never a guess.

pub mod ledger;

use std::time::Duration;

use redis::Value;

use crate::domain::admit::{AdmitCommand, AdmitOutcome, Refusal, Standing};
use crate::domain::binding::Binding;
use crate::domain::challenge::Pending;
use crate::domain::id::{Purpose, Reference};
use crate::domain::issue::IssueOutcome;
use crate::domain::lockout::Lock;
use crate::domain::state::Census;
use crate::domain::tally::{AccountTally, Change, Tally};
use crate::domain::time::Timestamp;
use crate::domain::verify::{SettleOutcome, VerifyOutcome};
use crate::domain::window::{Limited, Take};
use crate::store::contract::{Stamped, StoreError};

/// Reads one reply from its first element to its last.
struct Reader {
    script: &'static str,
    values: std::vec::IntoIter<Value>,
}

type Read<T> = Result<T, StoreError>;

impl Reader {
    fn open(script: &'static str, reply: Value) -> Read<Self> {
        match reply {
            Value::Array(values) => Ok(Self { script, values: values.into_iter() }),
            _ => Err(unexpected(script, "an array")),
        }
    }

    fn wrong(&self, expected: &str) -> StoreError {
        unexpected(self.script, expected)
    }

    fn number(&mut self) -> Read<u64> {
        match self.values.next() {
            Some(Value::Int(number)) => u64::try_from(number).map_err(|_| self.wrong("a positive number")),
            _ => Err(self.wrong("a number")),
        }
    }

    fn small(&mut self) -> Read<u32> {
        let number = self.number()?;
        u32::try_from(number).map_err(|_| self.wrong("a smaller number"))
    }

    fn time(&mut self) -> Read<Timestamp> {
        self.number().map(Timestamp::from_millis)
    }

    fn text(&mut self) -> Read<String> {
        match self.values.next() {
            Some(Value::BulkString(bytes)) => {
                String::from_utf8(bytes).map_err(|_| self.wrong("a text in UTF-8"))
            }
            _ => Err(self.wrong("a text")),
        }
    }

    fn purpose(&mut self) -> Read<Purpose> {
        let text = self.text()?;
        Purpose::parse(&text).map_err(|_| self.wrong("a purpose"))
    }

    fn binding(&mut self) -> Read<Binding> {
        let text = self.text()?;
        Binding::decode(&text).ok_or_else(|| self.wrong("a binding"))
    }

    /// 0 for no lock, -1 for disabled, else the end of the lock.
    fn lock(&mut self) -> Read<Option<Lock>> {
        match self.values.next() {
            Some(Value::Int(-1)) => Ok(Some(Lock::Disabled)),
            Some(Value::Int(0)) => Ok(None),
            Some(Value::Int(until)) => u64::try_from(until)
                .map(|until| Some(Lock::Until(Timestamp::from_millis(until))))
                .map_err(|_| self.wrong("a lock")),
            _ => Err(self.wrong("a lock")),
        }
    }

    fn locked(&mut self) -> Read<Lock> {
        self.lock()?.ok_or_else(|| self.wrong("a lock in force"))
    }

    /// What is told of each limit, if anything is: -1 if it was full, which event of its window was counted, 0 if
    /// neither.
    fn tally(&mut self, takes: &[Take]) -> Read<Tally> {
        let Some(Value::Array(used)) = self.values.next() else {
            return Err(self.wrong("a list of counts"));
        };
        // A store that tells nothing of limits gives none.
        if !used.is_empty() && used.len() != takes.len() {
            return Err(self.wrong("a count for each limit"));
        }
        let mut tally = Tally::about(takes);
        for (place, value) in used.into_iter().enumerate() {
            match value {
                Value::Int(0) => {}
                Value::Int(-1) => tally.found_full(place),
                Value::Int(number) => match u32::try_from(number) {
                    Ok(number) => tally.counted(place, number),
                    Err(_) => return Err(self.wrong("a count")),
                },
                _ => return Err(self.wrong("a count")),
            }
        }
        Ok(tally)
    }

    /// The limit's place among the takes, counted from 1, and when it opens.
    fn limited(&mut self, takes: &[Take]) -> Read<Refusal> {
        let (place, retry_at) = (self.number()?, self.time()?);
        let take = usize::try_from(place).ok().and_then(|place| takes.get(place.checked_sub(1)?));
        let Some(take) = take else {
            return Err(self.wrong("the place of a limit"));
        };
        Ok(Refusal::Limited(Limited { limit: take.limit.clone(), max: take.max, retry_at }))
    }

    fn is_at_end(&self) -> bool {
        self.values.len() == 0
    }

    fn close<T>(self, at: Timestamp, outcome: T, tally: Tally) -> Read<Stamped<T>> {
        if self.is_at_end() { Ok(Stamped { at, outcome, tally }) } else { Err(self.wrong("nothing more")) }
    }
}

fn unexpected(script: &str, expected: &str) -> StoreError {
    StoreError::Protocol(format!("{script}: expected {expected}"))
}

/// Reads the reply to `admit.lua`.
///
/// # Errors
/// When it is none.
pub fn admit(reply: Value, command: &AdmitCommand) -> Read<Stamped<AdmitOutcome>> {
    let mut reader = Reader::open("admit", reply)?;
    let at = reader.time()?;
    let mut tally = reader.tally(&command.takes)?;
    let (outcome, failures, lock) = match reader.text()?.as_str() {
        "admitted" => {
            let standing = standing(&mut reader)?;
            let (failures, lock) = (standing.failures, standing.lock);
            (AdmitOutcome::Admitted(standing), failures, lock)
        }
        "locked" => {
            let lock = reader.locked()?;
            (AdmitOutcome::Refused(Refusal::Locked(lock)), reader.small()?, reader.lock()?)
        }
        "limited" => {
            let refusal = reader.limited(&command.takes)?;
            (AdmitOutcome::Refused(refusal), reader.small()?, reader.lock()?)
        }
        _ => return Err(reader.wrong("an outcome")),
    };
    tally.account = command.standpoint.as_ref().map(|at| unchanged(at.purpose.clone(), failures, lock));
    reader.close(at, outcome, tally)
}

/// An account that was only looked at.
fn unchanged(purpose: Purpose, failures: u32, lock: Option<Lock>) -> AccountTally {
    AccountTally { purpose, failures: Change::none(failures), lock: Change::none(lock) }
}

fn standing(reader: &mut Reader) -> Read<Standing> {
    let (failures, lock) = (reader.small()?, reader.lock()?);
    let pending = if reader.is_at_end() { None } else { Some(pending(reader)?) };
    Ok(Standing { failures, lock, pending })
}

fn pending(reader: &mut Reader) -> Read<Pending> {
    let reference = reader.text()?;
    Ok(Pending {
        reference: Reference::parse(&reference).map_err(|_| reader.wrong("a reference"))?,
        binding: reader.binding()?,
        issued_at: reader.time()?,
        expires_at: reader.time()?,
        reserved: reader.number()? == 1,
    })
}

/// Reads the reply to `issue.lua`.
///
/// # Errors
/// When it is none.
pub fn issue(reply: Value) -> Read<Stamped<IssueOutcome>> {
    let mut reader = Reader::open("issue", reply)?;
    let at = reader.time()?;
    let outcome = match reader.text()?.as_str() {
        "issued" => IssueOutcome::Issued { expires_at: reader.time()? },
        "too_soon" => IssueOutcome::TooSoon { retry_at: reader.time()? },
        "spent" => IssueOutcome::Spent,
        "stale" => IssueOutcome::Stale,
        _ => return Err(reader.wrong("an outcome")),
    };
    reader.close(at, outcome, Tally::default())
}

/// Reads the reply to `verify.lua`.
///
/// # Errors
/// When it is none.
pub fn verify(reply: Value, takes: &[Take]) -> Read<Stamped<VerifyOutcome>> {
    let mut reader = Reader::open("verify", reply)?;
    let at = reader.time()?;
    let mut tally = reader.tally(takes)?;
    let (outcome, account) = match reader.text()?.as_str() {
        "reserved" => reserved(&mut reader)?,
        "mismatch" => mismatch(&mut reader)?,
        "expired" => looked_at(&mut reader, |purpose| VerifyOutcome::Expired { purpose })?,
        "unknown" => (VerifyOutcome::Unknown, None),
        "superseded" => looked_at(&mut reader, |purpose| VerifyOutcome::Superseded { purpose })?,
        "spent" => looked_at(&mut reader, |purpose| VerifyOutcome::Spent { purpose })?,
        "unknown_key" => looked_at(&mut reader, |purpose| VerifyOutcome::UnknownKey { purpose })?,
        "locked" => {
            let lock = reader.locked()?;
            let account = unchanged(reader.purpose()?, reader.small()?, Some(lock));
            (VerifyOutcome::Refused(Refusal::Locked(lock)), Some(account))
        }
        "limited" => {
            let refusal = reader.limited(takes)?;
            let known = !reader.is_at_end();
            let account = known.then(|| Ok(unchanged(reader.purpose()?, reader.small()?, None)));
            (VerifyOutcome::Refused(refusal), account.transpose()?)
        }
        _ => return Err(reader.wrong("an outcome")),
    };
    tally.account = account;
    reader.close(at, outcome, tally)
}

type Verified = (VerifyOutcome, Option<AccountTally>);

fn looked_at(reader: &mut Reader, outcome: fn(Purpose) -> VerifyOutcome) -> Read<Verified> {
    let purpose = reader.purpose()?;
    let account = unchanged(purpose.clone(), reader.small()?, None);
    Ok((outcome(purpose), Some(account)))
}

fn reserved(reader: &mut Reader) -> Read<Verified> {
    let (purpose, failures) = (reader.purpose()?, reader.small()?);
    let account = AccountTally {
        purpose: purpose.clone(),
        failures: Change { before: failures, after: 0 },
        lock: Change::none(None),
    };
    let (binding, age) = (reader.binding()?, reader.number().map(Duration::from_millis)?);
    Ok((VerifyOutcome::Reserved { purpose, binding, age }, Some(account)))
}

fn mismatch(reader: &mut Reader) -> Read<Verified> {
    let purpose = reader.purpose()?;
    let failures = Change { before: reader.small()?, after: reader.small()? };
    let (left, lock) = (reader.small()?, reader.lock()?);
    let lock_change = Change { before: None, after: lock };
    let account = AccountTally { purpose: purpose.clone(), failures, lock: lock_change };
    Ok((VerifyOutcome::Mismatch { purpose, left, lock }, Some(account)))
}

/// Reads the reply to `settle.lua`.
///
/// # Errors
/// When it is none.
pub fn settle(reply: Value) -> Read<Stamped<SettleOutcome>> {
    let mut reader = Reader::open("settle", reply)?;
    let at = reader.time()?;
    let outcome = match reader.text()?.as_str() {
        "settled" => SettleOutcome::Settled,
        "not_held" => SettleOutcome::NotHeld,
        _ => return Err(reader.wrong("an outcome")),
    };
    reader.close(at, outcome, Tally::default())
}

/// Reads the reply to `census.lua`: for each purpose the pending, then for each the locked.
///
/// # Errors
/// When it is none.
pub fn census(reply: Value, purposes: &[Purpose]) -> Read<Census> {
    let mut reader = Reader::open("census", reply)?;
    let at = reader.time()?;
    let mut census = Census::default();
    for purpose in purposes {
        census.pending.insert(purpose.clone(), reader.number()?);
    }
    for purpose in purposes {
        census.locked.insert(purpose.clone(), reader.number()?);
    }
    reader.close(at, census, Tally::default()).map(|stamped| stamped.outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(values: &[Value]) -> Value {
        Value::Array(values.to_vec())
    }

    fn text(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn is_protocol<T: std::fmt::Debug>(read: Read<T>) -> bool {
        matches!(read, Err(StoreError::Protocol(_)))
    }

    #[test]
    fn a_reply_of_another_form_is_an_error() {
        let (now, purpose, none) = (Value::Int(5), text("wallet_funding"), Value::Array(Vec::new()));
        let told = |rest: &[Value]| reply(&[&[now.clone(), none.clone()], rest].concat());
        let zero = || Value::Int(0);
        for broken in [
            Value::Nil,
            text("OK"),
            reply(&[]),
            reply(std::slice::from_ref(&now)),
            reply(&[now.clone(), text("unknown")]),
            reply(&[now.clone(), Value::Array(vec![zero()]), text("unknown")]),
            told(&[text("granted")]),
            told(&[text("reserved"), purpose.clone(), zero()]),
            told(&[text("reserved"), text("Not A Purpose"), zero(), text(""), Value::Int(1)]),
            told(&[text("reserved"), purpose.clone(), zero(), text("x=9:"), Value::Int(1)]),
            told(&[text("reserved"), purpose.clone(), zero(), text(""), Value::Int(-1)]),
            told(&[text("mismatch"), purpose.clone(), zero(), zero(), Value::Int(1 << 40), zero()]),
            told(&[text("mismatch"), purpose.clone(), zero(), zero(), Value::Int(1), Value::Int(-2)]),
            told(&[text("locked"), zero(), purpose.clone(), zero()]),
            told(&[text("limited"), Value::Int(1), Value::Int(9), zero(), zero()]),
            told(&[text("limited"), zero(), Value::Int(9), zero(), zero()]),
            told(&[text("unknown"), zero()]),
            reply(&[text("5"), none.clone(), text("unknown")]),
            reply(&[now.clone(), none.clone(), Value::BulkString(vec![0xff])]),
        ] {
            assert!(is_protocol(verify(broken.clone(), &[])), "{broken:?} was taken");
            assert!(is_protocol(settle(broken.clone())) && is_protocol(issue(broken.clone())));
            assert!(is_protocol(admit(broken, &AdmitCommand { standpoint: None, takes: Vec::new() })));
        }
    }

    #[test]
    fn a_lock_is_none_an_end_or_for_ever() {
        let read = |lock: i64| {
            let [now, failures, left] = [5, 0, 2].map(Value::Int);
            let head = [now, Value::Array(Vec::new()), text("mismatch"), text("p")];
            let values = [&head[..], &[failures.clone(), failures, left, Value::Int(lock)]].concat();
            match verify(reply(&values), &[]).unwrap().outcome {
                VerifyOutcome::Mismatch { lock, .. } => lock,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(read(0), None);
        assert_eq!(read(-1), Some(Lock::Disabled));
        assert_eq!(read(7), Some(Lock::Until(Timestamp::from_millis(7))));
    }
}
