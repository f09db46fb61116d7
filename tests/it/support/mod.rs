//! What tests start, and must stop again.

pub mod audit;
pub mod authority;
pub mod backend;
pub mod client;
pub mod enforcer;
pub mod program;
pub mod prometheus;
pub mod random;
pub mod redis;
pub mod sidecar;
pub mod signal;
pub mod smtp;
pub mod traffic;
pub mod wait;
