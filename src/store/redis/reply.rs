//! Replies of the scripts → outcomes. A reply of an unexpected form is an error, never a panic and
//! never a guess.

use std::time::Duration;

use redis::Value;

use crate::domain::admit::{AdmitOutcome, Refusal, Standing};
use crate::domain::binding::Binding;
use crate::domain::challenge::Pending;
use crate::domain::id::{Purpose, Reference};
use crate::domain::issue::IssueOutcome;
use crate::domain::lockout::Lock;
use crate::domain::state::Census;
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

    fn locked(&mut self) -> Read<Refusal> {
        self.lock()?.map(Refusal::Locked).ok_or_else(|| self.wrong("a lock in force"))
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

    fn close<T>(self, at: Timestamp, outcome: T) -> Read<Stamped<T>> {
        if self.is_at_end() { Ok(Stamped { at, outcome }) } else { Err(self.wrong("nothing more")) }
    }
}

fn unexpected(script: &str, expected: &str) -> StoreError {
    StoreError::Protocol(format!("{script}: expected {expected}"))
}

/// Reads the reply to `admit.lua`.
///
/// # Errors
/// When it is none.
pub fn admit(reply: Value, takes: &[Take]) -> Read<Stamped<AdmitOutcome>> {
    let mut reader = Reader::open("admit", reply)?;
    let at = reader.time()?;
    let outcome = match reader.text()?.as_str() {
        "admitted" => AdmitOutcome::Admitted(standing(&mut reader)?),
        "locked" => AdmitOutcome::Refused(reader.locked()?),
        "limited" => AdmitOutcome::Refused(reader.limited(takes)?),
        _ => return Err(reader.wrong("an outcome")),
    };
    reader.close(at, outcome)
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
    reader.close(at, outcome)
}

/// Reads the reply to `verify.lua`.
///
/// # Errors
/// When it is none.
pub fn verify(reply: Value, takes: &[Take]) -> Read<Stamped<VerifyOutcome>> {
    let mut reader = Reader::open("verify", reply)?;
    let at = reader.time()?;
    let outcome = match reader.text()?.as_str() {
        "reserved" => VerifyOutcome::Reserved {
            purpose: reader.purpose()?,
            binding: reader.binding()?,
            age: reader.number().map(Duration::from_millis)?,
        },
        "mismatch" => VerifyOutcome::Mismatch {
            purpose: reader.purpose()?,
            left: reader.small()?,
            lock: reader.lock()?,
        },
        "expired" => VerifyOutcome::Expired { purpose: reader.purpose()? },
        "unknown" => VerifyOutcome::Unknown,
        "superseded" => VerifyOutcome::Superseded { purpose: reader.purpose()? },
        "spent" => VerifyOutcome::Spent { purpose: reader.purpose()? },
        "unknown_key" => VerifyOutcome::UnknownKey { purpose: reader.purpose()? },
        "locked" => VerifyOutcome::Refused(reader.locked()?),
        "limited" => VerifyOutcome::Refused(reader.limited(takes)?),
        _ => return Err(reader.wrong("an outcome")),
    };
    reader.close(at, outcome)
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
    reader.close(at, outcome)
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
    reader.close(at, census).map(|stamped| stamped.outcome)
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
        let (now, purpose) = (Value::Int(5), text("wallet_funding"));
        for broken in [
            Value::Nil,
            text("OK"),
            reply(&[]),
            reply(std::slice::from_ref(&now)),
            reply(&[now.clone(), text("granted")]),
            reply(&[now.clone(), text("reserved"), purpose.clone()]),
            reply(&[now.clone(), text("reserved"), text("Not A Purpose"), text(""), Value::Int(1)]),
            reply(&[now.clone(), text("reserved"), purpose.clone(), text("x=9:"), Value::Int(1)]),
            reply(&[now.clone(), text("reserved"), purpose.clone(), text(""), Value::Int(-1)]),
            reply(&[now.clone(), text("mismatch"), purpose.clone(), Value::Int(1 << 40), Value::Int(0)]),
            reply(&[now.clone(), text("mismatch"), purpose.clone(), Value::Int(1), Value::Int(-2)]),
            reply(&[now.clone(), text("locked"), Value::Int(0)]),
            reply(&[now.clone(), text("limited"), Value::Int(1), Value::Int(9)]),
            reply(&[now.clone(), text("limited"), Value::Int(0), Value::Int(9)]),
            reply(&[now.clone(), text("unknown"), Value::Int(0)]),
            reply(&[text("5"), text("unknown")]),
            reply(&[now, Value::BulkString(vec![0xff])]),
        ] {
            assert!(is_protocol(verify(broken.clone(), &[])), "{broken:?} was taken");
            assert!(is_protocol(settle(broken.clone())) && is_protocol(issue(broken.clone())));
            assert!(is_protocol(admit(broken, &[])));
        }
    }

    #[test]
    fn a_lock_is_none_an_end_or_for_ever() {
        let read = |lock: i64| {
            let values = [Value::Int(5), text("mismatch"), text("p"), Value::Int(2), Value::Int(lock)];
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
