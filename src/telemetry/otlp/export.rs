//! The task that exports: batches out of the queue, one at a time.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::{KeyValue, Value};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::TelemetryResourceDetector;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::client::{ClientError, CollectorClient, Problem};
use super::queue::SpanQueue;
use super::settings::Settings;
use crate::telemetry::metrics::SpanCounters;
use crate::telemetry::span::Tracer;

/// How often it is told that spans are lost.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// Why spans cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// There is no client.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The exporter does not take the settings.
    #[error("traces cannot be exported: {0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
}

/// The exporter, not yet running.
pub struct Exporter {
    worker: Worker,
    delay: Duration,
}

struct Worker {
    exporter: SpanExporter,
    queue: Arc<SpanQueue>,
    counters: SpanCounters,
    problem: Arc<Problem>,
    timeout: Duration,
    batch: usize,
    told: Told,
}

/// What was said of lost spans.
#[derive(Default)]
struct Told {
    at: Option<Instant>,
    failing: bool,
    of: u64,
}

/// Prepares what records spans and what exports them. Nothing is sent yet.
///
/// # Errors
/// When the collector could never be reached with these settings.
pub fn prepare(settings: &Settings, counters: SpanCounters) -> Result<(Tracer, Exporter), ExportError> {
    let client = CollectorClient::new(&settings.endpoint, settings.roots.as_deref(), settings.timeout)?;
    let problem = client.problem();
    let mut exporter = SpanExporter::builder()
        .with_http()
        .with_endpoint(&settings.endpoint)
        .with_protocol(Protocol::HttpBinary)
        .with_timeout(settings.timeout)
        .with_http_client(client)
        .build()?;
    exporter.set_resource(&resource(settings));
    let queue = Arc::new(SpanQueue::new(settings.queue, settings.batch, counters.queue_full.clone()));
    let tracer = Tracer::new(settings.sampler, Arc::clone(&queue));
    let worker = Worker {
        exporter,
        queue,
        counters,
        problem,
        timeout: settings.timeout,
        batch: settings.batch,
        told: Told::default(),
    };
    Ok((tracer, Exporter { worker, delay: settings.delay }))
}

fn resource(settings: &Settings) -> Resource {
    let given =
        settings.resource.iter().map(|(key, value)| KeyValue::new(key.clone(), Value::from(value.clone())));
    let instance = format!("{:032x}", rand::random::<u128>());
    Resource::builder_empty()
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_attribute(KeyValue::new("service.instance.id", instance))
        .with_attributes(given)
        .build()
}

impl Exporter {
    /// Starts the task, on the runtime of the caller.
    pub fn start(self) -> RunningExporter {
        let (stop, stops) = watch::channel(false);
        let (queue, counters) = (Arc::clone(&self.worker.queue), self.worker.counters.clone());
        let task = tokio::spawn(self.worker.run(self.delay, stops));
        RunningExporter { stop, task, queue, counters }
    }
}

impl Worker {
    async fn run(mut self, delay: Duration, mut stops: watch::Receiver<bool>) {
        let mut is_last = false;
        while !is_last {
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                () = self.queue.filled() => {}
                _ = stops.wait_for(|stop| *stop) => is_last = true,
            }
            self.export_all().await;
            self.tell();
        }
    }

    async fn export_all(&mut self) {
        let mut spans = self.queue.take();
        while !spans.is_empty() {
            let rest = spans.split_off(self.batch.min(spans.len()));
            self.export(std::mem::replace(&mut spans, rest)).await;
        }
    }

    async fn export(&mut self, batch: Vec<SpanData>) {
        let number = batch.len();
        // The exporter ends its retries by itself, but not an attempt that hangs.
        let result = tokio::time::timeout(self.timeout, self.exporter.export(batch)).await;
        if result.is_err() {
            self.problem.set(format!("no whole answer within {:?}", self.timeout));
        }
        self.told.failing = !matches!(result, Ok(Ok(())));
        let counter = if self.told.failing { &self.counters.failed } else { &self.counters.exported };
        counter.inc_by(number as u64);
        self.queue.done(number);
    }

    /// Says once a minute that spans are lost, while they are.
    fn tell(&mut self) {
        let lost = self.counters.queue_full.get() + self.counters.failed.get();
        let since = lost - self.told.of;
        let is_due = self.told.at.is_none_or(|at| at.elapsed() >= TOLD_EVERY);
        if since > 0 && is_due {
            let error = self.problem.take().filter(|_| self.told.failing);
            let error = error.unwrap_or_else(|| "more are made than the collector takes".to_owned());
            tracing::warn!(spans = since, error, "traces are lost: the collector does not take them");
            self.told = Told { at: Some(Instant::now()), of: lost, failing: self.told.failing };
        }
    }
}

/// The exporter, running.
pub struct RunningExporter {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
    queue: Arc<SpanQueue>,
    counters: SpanCounters,
}

impl RunningExporter {
    /// Exports what is left, for at most this long. Says how many spans were lost by it.
    pub async fn stop(self, within: Duration) -> usize {
        let _ended = self.stop.send(true);
        let abort = self.task.abort_handle();
        if tokio::time::timeout(within, self.task).await.is_err() {
            abort.abort();
        }
        let left = self.queue.held();
        self.counters.stopped.inc_by(left as u64);
        left
    }
}
