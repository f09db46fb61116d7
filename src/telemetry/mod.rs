//! What becomes visible: one [`event::Event`] for each happening, turned into metrics and log lines
//! here and nowhere else.
//!
//! Nothing in here decides anything. No label and no log field may hold a code, a token or a whole
//! address, and no label a subject or a raw path.

pub mod audit;
pub mod counts;
pub mod event;
pub mod http;
pub mod label;
pub mod log;
pub mod metrics;
pub mod otlp;
pub mod propagation;
pub mod recorder;
mod throttle;
pub mod sampling;
pub mod span;
mod stderr;
