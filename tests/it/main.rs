//! Tests of behaviour against real parts.

// Steps of a test, outside of a test function.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod backends;
mod router_differential;
mod spellings;
