//! The common part of every intercepted request: head, token, body, facts; then its action.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, header, request};
use http_body::Body as _;
use tokio::time::Instant;

use super::audit::Allowed;
use super::context::Context;
use super::{Enforcer, failure, unanswered};
use crate::domain::reason::Reason;
use crate::identity::jwt::IdentityError;
use crate::policy::body::form::serialise_pairs;
use crate::policy::caller::Caller;
use crate::policy::decision::{Admission, Denial};
use crate::policy::facts::Facts;
use crate::policy::snapshot::Action;
use crate::policy::{judge, limit};
use crate::proxy::body::{Body, CollectError, collect};
use crate::proxy::failure::UpstreamError;
use crate::proxy::forward::Care;
use crate::proxy::headers::{self, Survey};
use crate::store::contract::StoreError;
use crate::telemetry::event::Event;
use crate::telemetry::span::Trace;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// What an intercepted request turned into.
pub(super) type Decided = Result<Response<Body>, Denial>;

/// A judged request, ready to be forwarded.
pub(super) struct Judged {
    /// The head, with the policy's own spelling of the path.
    pub head: request::Parts,
    /// What it says.
    pub facts: Facts,
}

impl Enforcer {
    /// Decides on one intercepted request and carries the decision out.
    pub(super) async fn guard(
        &self,
        context: &Arc<Context>,
        spelling: String,
        request: Request<Body>,
    ) -> Response<Body> {
        match self.decide(context, spelling, request).await {
            Ok(response) => response,
            Err(denial) => self.deny(context, &denial),
        }
    }

    async fn decide(&self, context: &Arc<Context>, spelling: String, request: Request<Body>) -> Decided {
        let (mut head, body) = request.into_parts();
        judge::head(&head.headers)?;
        head.uri = target(&spelling, head.uri.query().unwrap_or_default())?;
        let route = Arc::clone(&context.route);
        if let Action::Limit = route.action {
            return self.within_limits(context, head, body).await;
        }
        let caller = self.authenticate(context, &head.headers).await?;
        let judged = self.judge(context, head, body, caller).await?;
        let _place = self.place()?;
        match &route.action {
            Action::Issue(rule) => self.issue(context, rule, judged).await,
            Action::Verify(rule) => self.verify(context, rule, judged).await,
            Action::Send(rule) => self.send(context, rule, &judged.facts).await,
            Action::Status(rule) => self.status(context, rule, &judged.facts).await,
            Action::Limit => Err(Denial::Internal),
        }
    }

    /// Checks the token. A flood of bad ones from one address turns into 429; a good one is never
    /// refused for it.
    async fn authenticate(&self, context: &Context, headers: &HeaderMap) -> Result<Caller, Denial> {
        let now = self.parts.clock.now();
        let problem = match context.in_force.authenticator.identify(headers, now).await {
            Ok(caller) => {
                let _first = context.subject.set(caller.subject.clone());
                return Ok(caller);
            }
            Err(IdentityError::Unavailable) => return Err(Denial::IdentityUnavailable),
            Err(IdentityError::Unauthorized(problem)) => problem,
        };
        tracing::debug!(reason = problem.as_str(), decision_id = %context.request, "token refused");
        let Some(command) = limit::without_caller(&context.in_force.snapshot.identity, context.client) else {
            return Err(Denial::Unauthorized);
        };
        match self.parts.store.admit(&command).await {
            Ok(stamped) => {
                context.known.counted(stamped.at, &stamped.tally);
                Err(limit::unauthorized(stamped.outcome, stamped.at))
            }
            Err(_) => Err(Denial::Unauthorized),
        }
    }

    async fn judge(
        &self,
        context: &Context,
        mut head: request::Parts,
        body: Body,
        caller: Caller,
    ) -> Result<Judged, Denial> {
        let query = judge::query(head.uri.query().unwrap_or_default())?;
        head.uri = target(head.uri.path(), &serialise_pairs(&query))?;
        let body = if judge::takes_body(&head.method) {
            let bytes = self.read(body).await?;
            Some(judge::body(&head.headers, &bytes)?)
        } else if body.is_end_stream() {
            None
        } else {
            return Err(judge::no_body(&head.method));
        };
        judge::spellings(&context.route, body.as_ref(), &query)?;
        Ok(Judged { facts: Facts { caller, client: context.client, body, query }, head })
    }

    async fn read(&self, body: Body) -> Result<Bytes, Denial> {
        let limit = self.parts.max_body;
        collect(body, limit, self.parts.body_timeout).await.map_err(|error| match error {
            CollectError::TooLarge(_) => Denial::BodyTooLarge(limit),
            CollectError::Timeout(_) => Denial::InvalidRequest("the body did not arrive in time".to_owned()),
            CollectError::Broken => Denial::InvalidRequest("the body broke off".to_owned()),
        })
    }

    /// A route with limits alone: the body is not looked at, so it is streamed.
    async fn within_limits(&self, context: &Context, head: request::Parts, body: Body) -> Decided {
        let caller = if limit::needs_caller(&context.route) {
            Some(self.authenticate(context, &head.headers).await?)
        } else {
            None
        };
        let command = limit::before(&context.route, caller.as_ref(), context.client);
        let stamped = self.parts.store.admit(&command).await.map_err(|error| unavailable(&error))?;
        context.known.counted(stamped.at, &stamped.tally);
        let (admission, _) = crate::policy::issue::admitted(stamped.outcome, stamped.at)?;
        self.allowed(context, Allowed::Admitted);
        self.decided(context, Reason::Admitted);
        let request = self.prepared(context, Request::from_parts(head, body));
        self.forward(context, admission, request, Care::Plain).await.map_err(|error| unanswered(&error))
    }

    /// Notes how a request that was let through ended.
    pub(super) fn decided(&self, context: &Context, reason: Reason) {
        context.trace.concluded(reason);
        self.parts.telemetry.emit(&Event::Decided { actor: context.actor(), reason });
    }

    /// The request as the upstream gets it: what was judged, not what arrived.
    pub(super) fn judged_request(&self, context: &Context, judged: &Judged) -> Request<Body> {
        let mut head = judged.head.clone();
        let body = match &judged.facts.body {
            Some(body) => {
                let bytes = body.serialise();
                head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(body.content_type()));
                head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
                Body::full(Bytes::from(bytes))
            }
            None => Body::empty(),
        };
        head.headers.remove(header::TRANSFER_ENCODING);
        head.headers.remove(header::EXPECT);
        head.headers.remove(header::TRAILER);
        self.prepared(context, Request::from_parts(head, body))
    }

    fn prepared(&self, context: &Context, mut request: Request<Body>) -> Request<Body> {
        let survey = Survey::of(request.headers());
        let forwarding = context.in_force.forwarding(context.peer);
        headers::prepare_request(request.headers_mut(), survey, &forwarding);
        for name in &context.in_force.snapshot.identity.strip {
            request.headers_mut().remove(name);
        }
        request
    }

    /// Forwards within the request's trace.
    pub(super) async fn ask_upstream(
        &self,
        trace: &Trace,
        admission: Admission,
        mut request: Box<Request<Body>>,
        care: Care,
        since: Instant,
    ) -> Result<Response<Body>, UpstreamError> {
        let call = trace.call(request.method(), &self.upstream_address);
        trace.hand_on(call.as_ref(), request.headers_mut());
        let result = self.parts.upstream.forward(admission, request, care, since).await;
        if let Some(call) = call {
            match &result {
                Ok(response) => call.answered(response.status()),
                Err(error) => call.failed(failure(error)),
            }
        }
        result
    }

    /// Forwards, and notes how that went.
    pub(super) async fn forward(
        &self,
        context: &Context,
        admission: Admission,
        request: Request<Body>,
        care: Care,
    ) -> Result<Response<Body>, UpstreamError> {
        context.trace.let_through();
        let begun = Instant::now();
        let result = self.ask_upstream(&context.trace, admission, Box::new(request), care, begun).await;
        let word = result.as_ref().err().map(failure);
        self.parts.telemetry.upstream(Some(&context.route.name), begun.elapsed(), word);
        if let Err(error) = &result {
            self.tell_of_upstream(error, &context.request, &context.trace_ids);
        }
        result
    }
}

/// A store that gives no decision refuses.
pub(super) fn unavailable(error: &StoreError) -> Denial {
    match error {
        StoreError::Overloaded => Denial::Overloaded,
        _ => Denial::StateUnavailable,
    }
}

/// Makes ready a request with another method than the route's own.
pub(super) fn other_method(request: &mut Request<Body>, spelling: &str) -> Result<(), Denial> {
    let query = judge::other_method(request.headers(), request.uri().query().unwrap_or_default())?;
    *request.uri_mut() = target(spelling, &serialise_pairs(&query))?;
    Ok(())
}

/// What of a CORS preflight reaches the backend: the question, and nothing that could be taken for an
/// action.
pub(super) fn preflight(request: &Request<Body>, spelling: &str) -> Result<Request<Body>, Denial> {
    judge::preflight(request.headers(), !request.body().is_end_stream())?;
    let mut clean = Request::new(Body::empty());
    *clean.method_mut() = Method::OPTIONS;
    *clean.uri_mut() = target(spelling, "")?;
    let asked = [
        header::HOST,
        header::ORIGIN,
        header::USER_AGENT,
        header::ACCEPT,
        header::ACCESS_CONTROL_REQUEST_METHOD,
        header::ACCESS_CONTROL_REQUEST_HEADERS,
    ];
    for name in asked.into_iter().chain([FORWARDED_FOR, FORWARDED_PROTO, FORWARDED_HOST]) {
        for value in request.headers().get_all(&name) {
            clean.headers_mut().append(name.clone(), value.clone());
        }
    }
    Ok(clean)
}

/// A request target of this path and this query.
fn target(path: &str, query: &str) -> Result<http::Uri, Denial> {
    let target = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
    target.parse().map_err(|_| Denial::AmbiguousPath)
}
