//! Tests of behaviour against real parts.

mod backends;
mod router_differential;
mod spellings;
