//! What operators see of the state, and the few things that they may change in it.
//!
//! Views never hold a digest. Whatever changes state is told who does it and why, and leaves a
//! [`trail::Record`] in the same step. The memory store runs these functions; scripts of the Redis
//! store are held equal to them, as with decisions.

pub mod clear;
pub mod counts;
pub mod day;
pub mod examine;
pub mod inventory;
pub mod limits;
pub mod list;
pub mod page;
pub mod revoke;
pub mod trail;
pub mod verdict;
pub mod view;

#[cfg(test)]
mod tests;
