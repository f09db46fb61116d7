//! Spans: what is noted of one request when its trace is recorded.
//!
//! Whether it is recorded is decided once, when the request arrives. If not, a [`Trace`] is a few words that
//! say so, and everything here does nothing. A span notes no path but the policy's own, no query, no header
//! and no address of a client.

mod http;
mod request;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use ::http::HeaderMap;
use opentelemetry::trace::{Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use super::otlp::queue::SpanQueue;
use super::propagation::TraceParent;
use super::sampling::Sampler;

pub use http::ServerAddress;
pub use request::{RequestSpan, Trace, current};

/// Begins traces; or, when tracing is off, looks at nothing.
#[derive(Debug, Clone, Default)]
pub struct Tracer(Option<Arc<Recorder>>);

/// What every recorded span needs.
#[derive(Debug)]
struct Recorder {
    sampler: Sampler,
    queue: Arc<SpanQueue>,
    scope: InstrumentationScope,
}

impl Tracer {
    /// Records what the sampler takes, into this queue.
    pub fn new(sampler: Sampler, queue: Arc<SpanQueue>) -> Self {
        let scope = InstrumentationScope::builder(env!("CARGO_PKG_NAME"))
            .with_version(env!("CARGO_PKG_VERSION"))
            .build();
        Self(Some(Arc::new(Recorder { sampler, queue, scope })))
    }

    /// Decides on a request with these headers.
    pub fn begin(&self, headers: &HeaderMap) -> Trace {
        let Some(recorder) = &self.0 else { return Trace::default() };
        let parent = TraceParent::read(headers);
        let trace = parent.map_or_else(random_trace, |parent| parent.trace);
        if recorder.sampler.takes(parent, trace) {
            return Trace::recorded(recorder, parent, trace);
        }
        Trace::unrecorded(parent, trace)
    }

    /// The span of an attempt that a request asked for and that ended just now: in the request's trace, and
    /// linked to it. `None` if that is not recorded.
    pub fn aftermath(&self, asked_by: TraceParent, name: &'static str, took: Duration) -> Option<Span> {
        let recorder = self.0.as_ref().filter(|_| asked_by.is_sampled())?;
        let clock = SpanClock::started(took);
        let mut span = Span::begin(recorder, clock, asked_by.trace, name.into(), SpanKind::Client);
        span.parent = asked_by.span;
        span.is_parent_remote = true;
        span.began = clock.instant;
        span.links.push(Link::with_context(context(asked_by.trace, asked_by.span, true)));
        Some(span)
    }
}

/// One wall-clock reading for each request: its spans are placed relative to it, so that a clock that is set
/// in between cannot put a child before its parent.
#[derive(Debug, Clone, Copy)]
struct SpanClock {
    wall: SystemTime,
    instant: Instant,
}

impl SpanClock {
    /// Began this long ago.
    #[allow(
        clippy::disallowed_methods,
        reason = "spans are placed to the microsecond, decisions are not made of them"
    )]
    fn started(ago: Duration) -> Self {
        let (wall, instant) = (SystemTime::now(), Instant::now());
        let begin = wall.checked_sub(ago).zip(instant.checked_sub(ago));
        let (wall, instant) = begin.unwrap_or((wall, instant));
        Self { wall, instant }
    }

    fn at(self, instant: Instant) -> SystemTime {
        self.wall + instant.saturating_duration_since(self.instant)
    }
}

/// A span that is being recorded. It ends when it is dropped.
#[derive(Debug)]
pub struct Span {
    recorder: Arc<Recorder>,
    clock: SpanClock,
    trace: TraceId,
    id: SpanId,
    parent: SpanId,
    is_parent_remote: bool,
    kind: SpanKind,
    name: Cow<'static, str>,
    began: Instant,
    attributes: Vec<KeyValue>,
    links: Vec<Link>,
    status: Status,
}

impl Span {
    fn begin(
        recorder: &Arc<Recorder>,
        clock: SpanClock,
        trace: TraceId,
        name: Cow<'static, str>,
        kind: SpanKind,
    ) -> Self {
        Self {
            recorder: Arc::clone(recorder),
            clock,
            trace,
            id: random_span(),
            parent: SpanId::INVALID,
            is_parent_remote: false,
            kind,
            name,
            began: Instant::now(),
            attributes: Vec::new(),
            links: Vec::new(),
            status: Status::Unset,
        }
    }

    /// Where it is, for what follows from it.
    pub fn place(&self) -> TraceParent {
        TraceParent::new(self.trace, self.id, true)
    }

    /// Notes something. Neither a code nor a token, nor an address of a person, nor what a client chose.
    pub fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        self.attributes.push(KeyValue::new(name, value));
    }

    /// Notes that it failed, with the word for what failed.
    pub fn fail(&mut self, kind: impl Into<Value>) {
        self.set("error.type", kind);
        self.status = Status::error("");
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        let mut links = SpanLinks::default();
        links.links = std::mem::take(&mut self.links);
        self.recorder.queue.push(SpanData {
            span_context: context(self.trace, self.id, false),
            parent_span_id: self.parent,
            parent_span_is_remote: self.is_parent_remote,
            span_kind: self.kind.clone(),
            name: std::mem::take(&mut self.name),
            start_time: self.clock.at(self.began),
            end_time: self.clock.at(Instant::now()),
            attributes: std::mem::take(&mut self.attributes),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links,
            status: std::mem::take(&mut self.status),
            instrumentation_scope: self.recorder.scope.clone(),
        });
    }
}

/// The trace state is not exported: it is whatever a client wrote.
fn context(trace: TraceId, span: SpanId, is_remote: bool) -> SpanContext {
    SpanContext::new(trace, span, TraceFlags::SAMPLED, is_remote, TraceState::NONE)
}

fn random_trace() -> TraceId {
    TraceId::from(rand::random::<u128>().max(1))
}

fn random_span() -> SpanId {
    SpanId::from(rand::random::<u64>().max(1))
}
