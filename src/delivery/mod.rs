//! Getting a message to a person.
//!
//! [`dispatch`] takes messages from the outbox and hands them to a [`channel`]; [`retry`] decides what
//! follows from how that went. A message is finished when it arrives here: nothing in this module
//! knows policies, templates or requests.

pub mod channel;
pub mod target;
pub mod settings;
pub mod mail;
mod preface;
mod session;
pub mod email;
mod advice;
pub mod trial;
pub mod retry;
pub mod dispatch;
pub mod probe;
