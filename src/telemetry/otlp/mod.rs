//! The way of recorded spans to a collector: OTLP over HTTP, in protobuf.
//!
//! Nothing here may hold up a request. What records a span puts it into a bounded queue and goes on; a task of
//! the background runtime takes batches from there. What does not fit, or no collector takes, is counted and gone.

pub mod client;
pub mod export;
pub mod queue;
pub mod settings;
