//! YAML in, decisions out. Pure: no I/O, no clock, no randomness but what is passed in, no metrics.

pub mod caller;
pub mod decision;
pub mod field;
pub mod fold;
pub mod network;
pub mod route;
pub mod snapshot;
pub mod template;
pub mod diagnostic;
pub mod nearest;
pub mod document;
pub mod scalar;
pub mod compile;
pub mod coverage;
pub mod lint;
