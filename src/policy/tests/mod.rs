//! Policies: from YAML text to what it means, and to what is decided on a request.

mod answering;
mod bounds;
mod deciding;
pub mod files;
mod finding;
mod issuing;
mod keys;
mod limiting;
mod reporting;
mod scale;
mod selecting;
pub mod shipped;
mod telling;
mod values;
mod verifying;
mod warning;
pub mod world;
