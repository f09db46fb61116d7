//! The one-time-code sidecar. `ARCHITECTURE.md` has the map.
//!
//! Modules in dependency order: each may name only those above it.

#![forbid(unsafe_code)]

pub mod domain;
pub mod policy;
pub mod telemetry;
pub mod identity;
pub mod store;
pub mod delivery;
pub mod proxy;
pub mod enforce;
pub mod reload;
pub mod server;
pub mod config;
pub mod app;
#[cfg(feature = "demo")]
pub mod lab;
pub mod cli;
