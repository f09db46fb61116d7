//! Policies applied: from YAML text to what is decided on a request.

mod deciding;
mod finding;
mod issuing;
mod limiting;
mod selecting;
mod telling;
mod verifying;
mod world;
