//! The audit log: each decision on an intercepted route, and what became of it, as one line of JSON.
//!
//! `docs/audit.md` explains every field. Lines are made and written on a thread of their own, behind a
//! queue with a bound: when the disk is full or slow, lines are lost and counted, and no request waits.
//! This module decides nothing, and no line may hold a code, a token or a whole e-mail address.

mod archive;
pub mod entry;
mod file;
pub mod line;
pub mod order;
pub mod queue;
pub mod reader;
pub mod settings;
mod sink;
mod writer;
