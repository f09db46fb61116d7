//! Who is calling, and from where.
//!
//! [`jwt`] turns a bearer token into a [`crate::policy::caller::Caller`], with a [`key`] that the policy gives
//! or one of a [`key_set`] that [`jwks`] keeps fresh through [`fetch`]. [`client_addr`] finds the client's
//! address. Nothing here knows limits, locks, codes or stores, and a reason for a refusal is for logs
//! and metrics only: clients get one answer for all of them.

pub mod client_addr;
pub mod fetch;
pub mod jwks;
pub mod jwt;
pub mod key;
pub mod key_set;
