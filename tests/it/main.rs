//! The behaviour of the whole, against real servers and sockets. One binary; each file is one behaviour,
//! each test is named as a sentence of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on says where"
)]

mod support;

mod admin_token;
mod alerting;
mod api;
mod architecture;
mod audit;
mod backends;
mod browser;
mod build_commit;
mod chart;
mod cli;
mod dashboards;
mod delivery;
mod documents;
mod example_wallet;
mod express;
mod funding;
mod health;
mod hot_reload;
mod identity;
mod identity_wire;
mod key_rotation;
mod limits_wire;
mod lockout;
mod logs;
mod no_way_in;
mod operating;
mod operations;
mod operator;
mod other_methods;
mod pgo;
mod policy_tools;
mod races;
mod reload;
mod reload_promise;
mod reports;
mod router_differential;
mod secrets;
mod settling;
mod spellings;
mod state;
mod state_access;
mod store_conformance;
mod store_differential;
mod store_failures;
mod store_ledger;
mod store_limits;
mod store_races;
mod store_upkeep;
mod store_world;
mod tracing;
