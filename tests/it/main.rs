//! The behaviour of the whole, against real servers and sockets. One binary; each file is one behaviour,
//! each test is named as a sentence of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on says where"
)]

mod support;

mod architecture;
mod backends;
mod delivery;
mod documents;
mod funding;
mod identity;
mod lockout;
mod no_way_in;
mod policy_files;
mod policy_scale;
mod policy_values;
mod reload;
mod router_differential;
mod settling;
mod spellings;
mod store_conformance;
mod store_differential;
mod store_failures;
mod store_limits;
mod store_races;
mod store_world;
