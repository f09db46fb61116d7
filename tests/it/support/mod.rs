//! What tests start, and must stop again.

pub mod random;
pub mod redis;
