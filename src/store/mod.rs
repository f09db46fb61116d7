//! Who remembers: one contract, two implementations.
//!
//! A store turns a command into an outcome atomically and says when it did so. It knows nothing of
//! HTTP or of policies. [`memory`] runs the functions of `domain`; [`redis`] runs scripts that a
//! differential test holds equal to them.

pub mod contract;
pub mod memory;
pub mod observed;
pub mod outbox;
pub mod redis;
