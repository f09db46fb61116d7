//! The calls of the admin listener (`docs/api.yaml`).

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Body;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use serde_json::{Value, json};

use super::guesses::Guesses;
use super::health::{EmailService, Health, PolicyState};
use super::operations::{LONGEST_BODY, Operations};
use super::reply::{Call, Reply};
use crate::domain::id::Purpose;
use crate::domain::time::Clock;
use crate::store::contract::{Ledger, Outbox};
use crate::telemetry::event::{AdminRefusal, Event};
use crate::telemetry::recorder::Telemetry;

/// What the composition root tells and does on behalf of an operator.
#[async_trait]
pub trait Operated: Send + Sync {
    /// The way mail leaves; `None` without a relay.
    fn email(&self) -> Option<EmailService>;

    /// The policies.
    fn policy(&self) -> PolicyState;

    /// The purposes of the policy in force.
    fn purposes(&self) -> Vec<Purpose>;

    /// Loads the policies again, now.
    async fn reload(&self) -> PolicyState;

    /// Whether a stop was asked for.
    fn is_draining(&self) -> bool;

    /// Whether there is an admin token.
    fn has_admin(&self) -> bool;

    /// Whether this is the admin token. `false` if there is none.
    fn is_admin(&self, token: &str) -> bool;
}

/// Answers the calls.
pub struct Admin {
    /// What becomes visible.
    pub telemetry: Arc<Telemetry>,
    /// What the store knows.
    pub ledger: Arc<dyn Ledger>,
    /// Messages on their way.
    pub outbox: Arc<dyn Outbox>,
    /// The composition root.
    pub operated: Arc<dyn Operated>,
    /// The ids of the code keys.
    pub code_keys: Vec<String>,
    /// The same with prints of the keys.
    pub code_key_prints: Vec<String>,
    /// The host's clock.
    pub clock: Arc<dyn Clock>,
    /// What operators see and do.
    pub operations: Arc<Operations>,
}

/// How long the body of a call may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

type Answer = Response<Full<Bytes>>;

impl Admin {
    /// Answers one call of this peer.
    pub(super) async fn answer<B>(&self, request: Request<B>, peer: IpAddr, guesses: &Guesses) -> Answer
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        match request.uri().path() {
            "/livez" if is_read => text(StatusCode::OK, "ok"),
            "/readyz" if is_read => self.ready().await,
            "/health" if is_read => self.health().await,
            "/metrics" if is_read => self.metrics().await,
            "/livez" | "/readyz" | "/health" | "/metrics" => not_allowed("GET, HEAD"),
            path => match self.refusal(request.headers(), peer, guesses).await {
                Some(AdminRefusal::Crowded) => crowded(),
                Some(_) => unauthorized(),
                None if path != "/-/reload" => self.operate(request).await,
                None if request.method() == Method::POST => self.reload().await,
                None => not_allowed("POST"),
            },
        }
    }

    /// A call about what is remembered of people.
    async fn operate<B>(&self, request: Request<B>) -> Answer
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (head, body) = request.into_parts();
        let reading = Limited::new(body, LONGEST_BODY).collect();
        let body = match tokio::time::timeout(BODY_TIMEOUT, reading).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(problem)) if problem.is::<LengthLimitError>() => {
                let most = format!("The body has more than {LONGEST_BODY} bytes.");
                return error(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", &most);
            }
            Ok(Err(_)) | Err(_) => {
                return error(StatusCode::BAD_REQUEST, "invalid_request", "The body did not arrive whole.");
            }
        };
        let is_change = head.method == Method::POST;
        let operations = Arc::clone(&self.operations);
        let work = async move {
            let content_type = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
            let (path, query) = (head.uri.path(), head.uri.query());
            let call = Call { method: &head.method, path, query, content_type, body: &body };
            replied(operations.answer(&call).await)
        };
        if !is_change {
            return work.await;
        }
        // A change is told when it is done: it runs to its end, also when nobody waits for the answer any more.
        tokio::spawn(work).await.unwrap_or_else(|_| {
            error(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "The call failed, and may have changed something.",
            )
        })
    }

    /// Ready: the policy is loaded (it always is once this answers), the store is reachable and no
    /// stop was asked for. The upstream is not asked: it starts after its sidecar.
    async fn ready(&self) -> Answer {
        if self.operated.is_draining() {
            return text(StatusCode::SERVICE_UNAVAILABLE, "draining");
        }
        match self.ledger.health().await {
            Ok(_) => text(StatusCode::OK, "ok"),
            Err(error) => text(StatusCode::SERVICE_UNAVAILABLE, &format!("store {}", error.kind())),
        }
    }

    /// Always 200: the body tells. A probe that restarts pods because mail is down helps nobody.
    async fn health(&self) -> Answer {
        let (messages, oldest_message) = self.waiting();
        let health = Health {
            state: self.ledger.health().await,
            email: self.operated.email(),
            policy: self.operated.policy(),
            code_keys: self.code_keys.clone(),
            code_key_prints: self.code_key_prints.clone(),
            draining: self.operated.is_draining(),
            messages,
            oldest_message,
        };
        json_answer(StatusCode::OK, &health.to_json())
    }

    async fn metrics(&self) -> Answer {
        let metrics = self.telemetry.metrics();
        let purposes = self.operated.purposes();
        if let Ok(census) = self.ledger.census(&purposes).await {
            metrics.set_census(&census, &purposes);
        }
        let (messages, oldest) = self.waiting();
        metrics.set_outbox("email", messages, oldest);
        match metrics.render() {
            Ok(rendered) => {
                let mut answer = text(StatusCode::OK, &rendered);
                let format = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
                answer.headers_mut().insert(header::CONTENT_TYPE, format);
                answer
            }
            Err(problem) => {
                tracing::error!(error = %problem, "the metrics could not be rendered");
                error(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The metrics could not be rendered.")
            }
        }
    }

    /// How many messages wait, and how long the oldest has waited.
    fn waiting(&self) -> (usize, Duration) {
        let depth = self.outbox.depth();
        let oldest = depth.oldest.map(|oldest| self.clock.now().since(oldest));
        (depth.messages, oldest.unwrap_or_default())
    }

    async fn reload(&self) -> Answer {
        let state = self.operated.reload().await;
        let status = if state.error.is_none() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
        let body = json!({
            "success": state.error.is_none(),
            "result": if state.error.is_none() { "ok" } else { "rejected" },
            "hash": state.hash.as_str(),
            "routes": state.routes,
            "error": state.error,
            "problems": state.problems,
        });
        json_answer(status, &body)
    }

    /// Why whoever asks is not let in; `None` with the admin token. A refusal is told.
    async fn refusal(&self, headers: &HeaderMap, peer: IpAddr, guesses: &Guesses) -> Option<AdminRefusal> {
        let reason = match bearer(headers) {
            _ if !self.operated.has_admin() => AdminRefusal::Off,
            None => AdminRefusal::Missing,
            Some(token) => match guesses.turn(peer).await {
                Some(_) if self.operated.is_admin(token) => return None,
                Some(turn) => {
                    turn.was_wrong();
                    AdminRefusal::Wrong
                }
                None => AdminRefusal::Crowded,
            },
        };
        self.telemetry.emit(&Event::AdminRefused { reason, peer });
        Some(reason)
    }
}

/// The one bearer token of a request.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut presented = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (presented.next(), presented.next()) else { return None };
    value.to_str().ok().and_then(|value| value.strip_prefix("Bearer "))
}

fn unauthorized() -> Answer {
    let mut answer = error(
        StatusCode::UNAUTHORIZED,
        "unauthorized",
        "Send the admin token as a bearer token. Without --admin-token-file these calls are off.",
    );
    answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    answer
}

fn crowded() -> Answer {
    let mut answer = error(
        StatusCode::TOO_MANY_REQUESTS,
        "rate_limited",
        "Too many calls of this address wait for their token to be compared. Nothing was done: ask again.",
    );
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(1));
    answer
}

fn not_allowed(allowed: &'static str) -> Answer {
    let mut answer = error(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "See the Allow header.");
    answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    answer
}

fn error(status: StatusCode, word: &str, message: &str) -> Answer {
    json_answer(status, &json!({ "success": false, "error": word, "message": message }))
}

fn replied(reply: Reply) -> Answer {
    let mut answer = json_answer(reply.status, &reply.body);
    answer.headers_mut().extend(reply.headers);
    answer
}

fn json_answer(status: StatusCode, body: &Value) -> Answer {
    let mut answer = text(status, &body.to_string());
    answer
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    answer
}

fn text(status: StatusCode, body: &str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::copy_from_slice(body.as_bytes())));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
