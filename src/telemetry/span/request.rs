//! The trace of one request: its own span, and those of what it asked for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ::http::HeaderMap;
use opentelemetry::trace::{SpanId, SpanKind, TraceId};
use opentelemetry::{KeyValue, Value};

use super::{Recorder, Span, SpanClock, random_span};
use crate::domain::reason::Reason;
use crate::telemetry::label::outcome;
use crate::telemetry::propagation::{TRACEPARENT, TRACESTATE, TraceParent};

tokio::task_local! {
    static CURRENT: Trace;
}

/// The trace of the request that this task works for.
pub fn current() -> Option<Trace> {
    CURRENT.try_with(Trace::clone).ok()
}

/// The trace of one request. The default one is of a request of which nothing is known.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    /// Where the request is: in its own span if that is recorded, otherwise where its client put it.
    place: Option<TraceParent>,
    /// It began here: what the client said of a trace was nothing or nonsense.
    is_new: bool,
    recording: Option<Arc<Recording>>,
}

#[derive(Debug)]
struct Recording {
    recorder: Arc<Recorder>,
    clock: SpanClock,
    trace: TraceId,
    own: SpanId,
    remote: Option<SpanId>,
    noted: Mutex<Noted>,
}

/// What is learnt of a request while it is under way.
#[derive(Debug, Default)]
struct Noted {
    /// The path of the route that decides, as the policy writes it.
    template: Option<String>,
    attributes: Vec<KeyValue>,
    /// How it ended; of several reasons the last, which is the one that the client was told.
    ended: Option<Reason>,
    /// The decision, while it is being made.
    decision: Option<Span>,
}

impl Recording {
    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Trace {
    pub(super) fn recorded(recorder: &Arc<Recorder>, parent: Option<TraceParent>, trace: TraceId) -> Self {
        let own = random_span();
        let place = parent.map_or(TraceParent::new(trace, own, true), |parent| parent.at(own, true));
        let recording = Recording {
            recorder: Arc::clone(recorder),
            clock: SpanClock::started(std::time::Duration::ZERO),
            trace,
            own,
            remote: parent.map(|parent| parent.span),
            noted: Mutex::default(),
        };
        Self { place: Some(place), is_new: parent.is_none(), recording: Some(Arc::new(recording)) }
    }

    pub(super) fn unrecorded(parent: Option<TraceParent>, trace: TraceId) -> Self {
        // That nothing is recorded is said to the upstream too, or it would decide for itself.
        let place = parent.unwrap_or_else(|| TraceParent::new(trace, random_span(), false));
        Self { place: Some(place), is_new: parent.is_none(), recording: None }
    }

    /// Where the request is, if it belongs to a trace.
    pub fn place(&self) -> Option<TraceParent> {
        self.place
    }

    /// Whether anything is recorded.
    pub fn is_recorded(&self) -> bool {
        self.recording.is_some()
    }

    /// The ids that a log line is found by: of the trace, and of the span in it.
    pub fn ids(&self) -> (Option<String>, Option<String>) {
        (self.place.map(|place| place.trace.to_string()), self.place.map(|place| place.span.to_string()))
    }

    /// What a message that the request causes takes with it. Whether the message's own way is recorded
    /// follows from whether the request is.
    pub fn for_messages(&self) -> Option<String> {
        let place = self.place?;
        Some(place.at(place.span, self.recording.is_some()).to_string())
    }

    /// The trace that a request names, when tracing is off: for log lines.
    #[must_use]
    pub fn or_read(mut self, headers: &HeaderMap) -> Self {
        self.place = self.place.or_else(|| TraceParent::read(headers));
        self
    }

    /// The request's own span.
    pub fn request(&self) -> Option<Box<RequestSpan>> {
        let recording = Arc::clone(self.recording.as_ref()?);
        let clock = recording.clock;
        let mut span =
            Span::begin(&recording.recorder, clock, recording.trace, "HTTP".into(), SpanKind::Server);
        span.id = recording.own;
        span.parent = recording.remote.unwrap_or(SpanId::INVALID);
        span.is_parent_remote = recording.remote.is_some();
        span.began = clock.instant;
        Some(Box::new(RequestSpan { span, recording, is_answered: false }))
    }

    /// Something that is asked for on behalf of the request: under the decision while that is being made.
    pub fn ask(&self, name: &'static str, kind: SpanKind) -> Option<Span> {
        let recording = self.recording.as_ref()?;
        let parent = recording.noted().decision.as_ref().map_or(recording.own, |decision| decision.id);
        let mut span = Span::begin(&recording.recorder, recording.clock, recording.trace, name.into(), kind);
        span.parent = parent;
        Some(span)
    }

    /// A call of the store.
    pub fn store_call(&self, system: &'static str, op: &'static str) -> Option<Span> {
        let mut span = self.ask(op, SpanKind::Client)?;
        span.set("db.system.name", system);
        span.set("db.operation.name", op);
        Some(span)
    }

    /// Notes something about the request.
    pub fn note(&self, name: &'static str, value: impl Into<Value>) {
        if let Some(recording) = &self.recording {
            recording.noted().attributes.push(KeyValue::new(name, value));
        }
    }

    /// The decision on the request begins. `template` is the path of the route as the policy writes it.
    pub fn decide(&self, route: &str, template: &str) {
        let Some(recording) = &self.recording else { return };
        let Some(mut span) = self.ask("decide", SpanKind::Internal) else { return };
        span.set("otp_sidecar.route", route.to_owned());
        let mut noted = recording.noted();
        noted.template = Some(template.to_owned()).filter(|template| !template.is_empty());
        noted.decision = Some(span);
    }

    /// The decision let the request through to the upstream.
    pub fn let_through(&self) {
        let Some(recording) = &self.recording else { return };
        if let Some(mut decision) = recording.noted().decision.take() {
            decision.set("otp_sidecar.outcome", "allowed");
        }
    }

    /// How the request ended, for this reason. Ends the decision if that is still being made.
    pub fn concluded(&self, reason: Reason) {
        let Some(recording) = &self.recording else { return };
        let mut noted = recording.noted();
        noted.ended = Some(reason);
        if let Some(mut decision) = noted.decision.take() {
            decision.set("otp_sidecar.outcome", outcome(reason));
            decision.set("otp_sidecar.reason", reason.as_str());
            if outcome(reason) == "failed" {
                decision.fail(reason.as_str());
            }
        }
    }

    /// Tells the upstream where it is: in the span of the call to it. What a client said stays as it is
    /// when nothing is recorded.
    pub fn hand_on(&self, call: Option<&Span>, headers: &mut HeaderMap) {
        let place = match (self.place, call) {
            (Some(place), Some(call)) => place.at(call.id, true),
            (Some(place), None) if self.is_new => place,
            _ => return,
        };
        if let Some(value) = place.to_header() {
            headers.insert(TRACEPARENT, value);
        }
        if self.is_new {
            headers.remove(TRACESTATE);
        }
    }

    /// Works for the request: what is asked for inside finds its [`current`] trace.
    pub async fn within<F: Future>(self, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }
}

/// The span of the request itself.
#[derive(Debug)]
pub struct RequestSpan {
    pub(super) span: Span,
    recording: Arc<Recording>,
    is_answered: bool,
}

impl RequestSpan {
    pub(super) fn conclude(&mut self) -> Option<String> {
        self.is_answered = true;
        let mut noted = self.recording.noted();
        self.span.attributes.append(&mut noted.attributes);
        if let Some(reason) = noted.ended {
            self.span.set("otp_sidecar.outcome", outcome(reason));
            self.span.set("otp_sidecar.reason", reason.as_str());
        }
        noted.template.take()
    }
}

impl Drop for RequestSpan {
    /// The client has gone before its answer came.
    fn drop(&mut self) {
        if !self.is_answered {
            self.name_after_route();
            self.span.set("error.type", "abandoned");
        }
    }
}
