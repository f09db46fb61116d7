//! The parts of `otp-sidecar demo`: a sample wallet, a mail catcher, and the walk through both.
//!
//! They stand behind the sidecar and beside it, on loopback sockets, where the real ones would be.
//! Nothing here is part of the product: the container image is built without it, and the code that
//! decides about requests does not know it exists.

pub mod accounts;
pub mod mail;
pub mod mailbox;
pub mod show;
pub mod walk;
pub mod wallet;

#[cfg(test)]
mod tests;
