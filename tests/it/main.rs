//! Tests against real servers and sockets. One binary; a file is a behaviour.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on says where"
)]

mod support;

mod store_conformance;
mod store_differential;
mod store_failures;
mod store_limits;
mod store_races;
mod store_world;
