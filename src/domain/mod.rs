//! The rules of one-time passwords: values in, values out.
//!
//! Everything that may ever happen to a limit, a lock, a challenge or a code is written here once,
//! as plain functions of a [`state::State`], a command and the time. The memory store runs these
//! functions; the Lua scripts of the Redis store are a second implementation that a differential
//! test holds equal to them.
//!
//! This module knows no clock, no randomness, no I/O, no log and no serialisation format: the time
//! is passed in, and random bytes come through [`code::Entropy`].

pub mod admit;
pub mod binding;
pub mod challenge;
pub mod checkup;
pub mod code;
pub mod finding;
pub mod id;
pub mod issue;
pub mod keyring;
pub mod ledger;
pub mod lockout;
pub mod outbox;
pub mod pattern;
pub mod pseudonym;
pub mod reason;
pub mod report;
pub mod state;
pub mod subject;
pub mod tally;
pub mod time;
pub mod verify;
pub mod window;

#[cfg(test)]
mod tests;
