//! Talking to the wallet backend.
//!
//! A request goes through [`head`] (is it one that may be forwarded at all?), [`headers`] (what must
//! not get through is taken out, what only the sidecar knows is put in) and [`upstream`] (over a pooled
//! connection, streamed both ways). This module knows neither the store nor who is calling.

pub mod body;
pub mod failure;
pub mod forward;
pub mod head;
pub mod headers;
pub mod target;
pub mod upgrade;
pub mod upstream;
mod bell;
mod pool;
mod upload;
