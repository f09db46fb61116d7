//! The enforcement point: one request from start to end.
//!
//! Every intercepted request has the same three phases: *before* (who is it, is it let through),
//! *forward*, and *after* (what the upstream's answer means for the code). What is decided is
//! `policy`'s; this module asks the store, the upstream and the queue in the right order, and sees
//! to it that a request that was let through also runs to its end when its client has gone.

pub mod answer;
pub mod audit;
pub mod context;
pub mod guard;
pub mod handle;
pub mod issue;
pub mod known;
pub mod respond;
pub mod send;
pub mod verify;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::domain::code::Entropy;
use crate::domain::id::RequestId;
use crate::domain::keyring::Keyring;
use crate::domain::time::Clock;
use crate::policy::decision::{Admission, Denial};
use crate::policy::find::Found;
use crate::proxy::body::Body;
use crate::proxy::failure::UpstreamError;
use crate::proxy::forward::Care;
use crate::proxy::headers::{Mark, Survey};
use crate::proxy::target::Target;
use crate::proxy::upstream::Upstream;
use crate::proxy::{head, headers};
use crate::store::contract::{Challenges, Outbox};
use crate::telemetry::event::{Actor, Event};
use crate::telemetry::recorder::Telemetry;
use crate::telemetry::span::{ServerAddress, Trace, Tracer};

use context::Context;
use guard::{other_method, preflight};
use handle::{InForce, PolicyHandle};

/// How many judged requests may be under way at once. Beyond it they are refused: each holds a place at
/// the store and at the upstream, and a queue would only make all of them late. A request whose body is
/// still arriving holds none, or slow clients could keep everybody out.
pub const MAX_UNDER_WAY: u32 = 4_096;

/// What an [`Enforcer`] is made of.
pub struct Parts {
    /// The policy in force.
    pub policy: PolicyHandle,
    /// Who remembers.
    pub store: Arc<dyn Challenges>,
    /// Where messages go.
    pub outbox: Arc<dyn Outbox>,
    /// The wallet backend.
    pub upstream: Upstream,
    /// The keys of the digests.
    pub keyring: Arc<Keyring>,
    /// Random bytes.
    pub entropy: Arc<dyn Entropy>,
    /// The host's clock: for tokens and texts; decisions go by the store's.
    pub clock: Arc<dyn Clock>,
    /// What becomes visible.
    pub telemetry: Arc<Telemetry>,
    /// What records traces.
    pub tracer: Tracer,
    /// The longest body of an intercepted request, in bytes.
    pub max_body: usize,
    /// How long such a body may take to arrive.
    pub body_timeout: Duration,
}

/// What is known of a request since its head was read.
#[derive(Debug, Clone, Copy)]
struct Arrived {
    begun: Instant,
    survey: Survey,
}

/// Decides on requests and carries the decisions out.
pub struct Enforcer {
    parts: Parts,
    upstream_address: ServerAddress,
    under_way: Arc<Semaphore>,
}

impl Enforcer {
    /// Ready to handle requests.
    pub fn new(parts: Parts) -> Self {
        let upstream_address = match parts.upstream.target() {
            Target::Tcp { host, port } => ServerAddress::new(host, Some(*port)),
            Target::Unix(path) => ServerAddress::new(&path.to_string_lossy(), None),
        };
        let under_way = Arc::new(Semaphore::new(MAX_UNDER_WAY as usize));
        Self { parts, upstream_address, under_way }
    }

    /// Answers one request, in a span of its own if its trace is recorded.
    pub async fn handle(self: &Arc<Self>, request: Box<Request<Body>>, peer: SocketAddr) -> Response<Body> {
        let in_force = self.parts.policy.current();
        let trace = self.parts.tracer.begin(request.headers());
        let span = trace.request().map(|mut span| {
            let forwarding = in_force.forwarding(peer.ip());
            let scheme = headers::client_scheme(request.headers(), &forwarding);
            span.asked(request.method(), request.version(), scheme);
            span
        });
        let response = self.answer(in_force, request, peer, &trace).await;
        if let Some(span) = span {
            span.answered(response.status());
        }
        response
    }

    async fn answer(
        self: &Arc<Self>,
        in_force: Arc<InForce>,
        mut request: Box<Request<Body>>,
        peer: SocketAddr,
        trace: &Trace,
    ) -> Response<Body> {
        let begun = Instant::now();
        let checked = head::check(request.method(), request.uri(), request.version(), request.headers());
        let arrived = match checked {
            Ok(survey) => Arrived { begun, survey },
            Err(problem) => {
                let denial = Denial::InvalidRequest(problem.details().to_owned());
                return self.refuse_unread(&in_force, &request, denial, begun);
            }
        };
        // Everything but passing traffic is boxed: this future is moved for each request.
        let found = in_force.snapshot.find(request.method(), request.uri().path(), request.headers());
        match found {
            Found::Unguarded(admission) => {
                self.pass(&in_force, admission, request, peer.ip(), trace, arrived).await
            }
            Found::OtherMethod { admission, spelling } => match other_method(&mut request, &spelling) {
                Ok(()) => Box::pin(self.pass(&in_force, admission, request, peer.ip(), trace, arrived)).await,
                Err(denial) => self.refuse_unread(&in_force, &request, denial, begun),
            },
            Found::Preflight { admission, spelling } => match preflight(&request, &spelling) {
                Ok(request) => {
                    let request = Box::new(request);
                    let arrived = Arrived { begun, survey: Survey::of(request.headers()) };
                    Box::pin(self.pass(&in_force, admission, request, peer.ip(), trace, arrived)).await
                }
                Err(denial) => self.refuse_unread(&in_force, &request, denial, begun),
            },
            Found::Route { route, spelling } => {
                let context = Context::new(&self.parts, &in_force, route, &request, peer.ip(), trace);
                let spelling = spelling.into_owned();
                Box::pin(self.guard_to_the_end(context, spelling, *request, begun)).await
            }
            Found::Refused { route: None, denial } => self.refuse_unread(&in_force, &request, denial, begun),
            Found::Refused { route: Some(route), denial } => {
                let context = Context::new(&self.parts, &in_force, route, &request, peer.ip(), trace);
                let method = request.method().clone();
                let response = self.deny(&context, &denial);
                self.parts.telemetry.answered(
                    &route.name,
                    &method,
                    response.status().as_u16(),
                    begun.elapsed(),
                );
                response
            }
        }
    }

    /// Waits until no judged request is under way, for a stop.
    pub async fn drained(&self) {
        // Fails only when the semaphore is closed, which nobody does.
        let _all = self.under_way.acquire_many(MAX_UNDER_WAY).await;
    }

    async fn pass(
        &self,
        in_force: &InForce,
        admission: Admission,
        mut request: Box<Request<Body>>,
        peer: IpAddr,
        trace: &Trace,
        arrived: Arrived,
    ) -> Response<Body> {
        let Arrived { begun, survey } = arrived;
        let method = request.method().clone();
        let forwarding = in_force.forwarding(peer);
        let has_origin = survey.has(Mark::Origin);
        let origin = has_origin.then(|| request.headers().get(http::header::ORIGIN).cloned()).flatten();
        headers::prepare_request(request.headers_mut(), survey, &forwarding);
        let telemetry = &self.parts.telemetry;
        let forwarded = self.ask_upstream(trace, admission, request, Care::Plain, begun).await;
        let took = begun.elapsed();
        let response = match forwarded {
            Ok(response) => {
                telemetry.upstream(None, took, None);
                response
            }
            Err(error) => {
                telemetry.upstream(None, took, Some(failure(&error)));
                let request_id = RequestId::mint(self.parts.entropy.as_ref());
                self.tell_of_upstream(&error, &request_id, &trace.ids());
                let denial = unanswered(&error);
                respond::deny(&denial, &in_force.snapshot.cors, origin.as_ref(), &request_id)
            }
        };
        telemetry.passed(&method, response.status().as_u16(), took);
        response
    }

    /// The line about an upstream that did not answer.
    fn tell_of_upstream(
        &self,
        error: &UpstreamError,
        request: &RequestId,
        trace: &(Option<String>, Option<String>),
    ) {
        let Some(hits) = self.parts.telemetry.upstream_line(failure(error)) else { return };
        let ((trace_id, span_id), hits) = (trace, (hits > 1).then_some(hits));
        tracing::warn!(error = %error, hits, decision_id = %request, trace_id, span_id,
            "the upstream did not answer");
    }

    fn refuse_unread(
        &self,
        in_force: &InForce,
        request: &Request<Body>,
        denial: Denial,
        begun: Instant,
    ) -> Response<Body> {
        let request_id = RequestId::mint(self.parts.entropy.as_ref());
        let origin = request.headers().get(http::header::ORIGIN);
        let response = respond::deny(&denial, &in_force.snapshot.cors, origin, &request_id);
        self.parts.telemetry.passed(request.method(), response.status().as_u16(), begun.elapsed());
        response
    }

    /// Runs the guarded request as a task of its own: it goes on when the client hangs up, so that a
    /// reservation is always settled, and a fault in it becomes an answer instead of a dead connection.
    async fn guard_to_the_end(
        self: &Arc<Self>,
        context: Context,
        spelling: String,
        request: Request<Body>,
        begun: Instant,
    ) -> Response<Body> {
        let context = Arc::new(context);
        let method = request.method().clone();
        let (enforcer, shared) = (Arc::clone(self), Arc::clone(&context));
        context.trace.decide(context.route.name.as_str(), context.template(&spelling));
        let work = async move { enforcer.guard(&shared, spelling, request).await };
        let task = tokio::spawn(context.trace.clone().within(work));
        let response = match task.await {
            Ok(response) => response,
            // The panic's own message is not shown: it could quote what it tripped over.
            Err(_) => {
                let (trace_id, span_id) = &context.trace_ids;
                tracing::error!(decision_id = %context.request, route = %context.route.name, trace_id, span_id,
                    "a fault in the sidecar ended this request");
                self.deny(&context, &Denial::Internal)
            }
        };
        let telemetry = &self.parts.telemetry;
        telemetry.answered(&context.route.name, &method, response.status().as_u16(), begun.elapsed());
        response
    }

    /// A place among the requests that are under way.
    fn place(&self) -> Result<OwnedSemaphorePermit, Denial> {
        Arc::clone(&self.under_way).try_acquire_owned().map_err(|_| Denial::Overloaded)
    }

    /// Notes a refusal and puts it into an answer.
    fn deny(&self, context: &Context, denial: &Denial) -> Response<Body> {
        let actor = context.actor();
        let telemetry = &self.parts.telemetry;
        context.trace.concluded(denial.reason());
        telemetry.emit(&Event::Decided { actor, reason: denial.reason() });
        if let Denial::RateLimited { limit, retry_at, .. } = denial {
            telemetry.emit(&Event::LimitHit { actor, limit, retry_at: *retry_at });
        }
        self.refused(context, denial);
        respond::deny(denial, &context.in_force.snapshot.cors, context.origin.as_ref(), &context.request)
    }
}

/// What the client is told when the upstream did not answer.
fn unanswered(error: &UpstreamError) -> Denial {
    match error {
        UpstreamError::Timeout(_) => Denial::UpstreamTimeout,
        UpstreamError::NotSent(_) => Denial::UpstreamUnavailable { was_sent: false },
        UpstreamError::Unclear(_) | UpstreamError::Switched => Denial::UpstreamUnavailable { was_sent: true },
        UpstreamError::Request(_) => Denial::InvalidRequest("The request broke off.".to_owned()),
    }
}

/// The word for an upstream that did not answer, for metrics.
fn failure(error: &UpstreamError) -> &'static str {
    match error {
        UpstreamError::NotSent(_) => "unavailable",
        UpstreamError::Timeout(_) => "timeout",
        UpstreamError::Unclear(_) | UpstreamError::Switched => "unclear",
        UpstreamError::Request(_) => "client",
    }
}

impl InForce {
    /// What the upstream is told about where a request came from.
    fn forwarding(&self, peer: IpAddr) -> headers::Context<'_> {
        headers::Context {
            peer,
            trusted: self.snapshot.identity.trusted_proxies.iter().any(|network| network.contains(peer)),
            intermediary: &self.snapshot.intermediary_headers,
        }
    }
}

impl Context {
    /// Who asked, for events.
    pub fn actor(&self) -> Actor<'_> {
        Actor {
            route: &self.route.name,
            request: &self.request,
            subject: self.subject.get(),
            trace: self.trace_ids.0.as_deref(),
            span: self.trace_ids.1.as_deref(),
            policy: &self.in_force.snapshot.hash,
            client: self.client,
            forms: self.in_force.snapshot.audit,
        }
    }
}
