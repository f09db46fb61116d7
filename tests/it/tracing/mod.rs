//! What a collector gets to see, and that nobody else notices.

mod collector;
mod context;
mod discretion;
mod outage;
mod settings;
mod spans;

use collector::Collector;

use crate::support::backend::Backend;
use crate::support::sidecar::Start;

/// A sidecar that sends its spans soon.
fn traced(backend: &Backend, collector: &Collector) -> Start {
    Start::before(&backend.url())
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url())
        .env("OTEL_BSP_SCHEDULE_DELAY", "20")
}
