//! YAML in, decisions out. Pure: no I/O, no clock, no randomness but what is passed in, no metrics.

pub mod body;
pub mod budget;
pub mod caller;
pub mod compile;
pub mod coverage;
pub mod decision;
pub mod diagnostic;
pub mod difference;
pub mod document;
pub mod exchange;
pub mod extend;
pub mod facts;
pub mod field;
pub mod find;
pub mod fold;
pub mod issue;
pub mod judge;
pub mod limit;
pub mod lint;
pub mod nearest;
pub mod network;
pub mod reasons;
pub mod replay;
pub mod route;
pub mod scalar;
pub mod share;
pub mod scenario;
pub mod snapshot;
pub mod source;
pub mod standards;
pub mod status;
pub mod template;
pub mod verify;
pub mod wire;

#[cfg(test)]
mod tests;
