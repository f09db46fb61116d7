//! YAML in, decisions out. Pure: no I/O, no clock, no randomness but what is passed in, no metrics.

pub mod body;
pub mod decision;
pub mod field;
pub mod fold;
pub mod head;
pub mod route;
pub mod snapshot;
pub mod template;
