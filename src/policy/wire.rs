//! The only place where a decision becomes a status, headers and JSON (`docs/errors.md`). Whoever answers, on a
//! socket or in a test of a policy, answers this.

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value, json};

use super::decision::{Denial, NotFound};
use super::snapshot::{CorsRules, PurposeRules};
use super::status::StatusView;
use crate::domain::id::{Reference, RequestId};
use crate::domain::lockout::Lock;
use crate::domain::time::whole_seconds_up;

const EXPOSED: &str = "Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset";

/// An answer of the sidecar's own.
pub fn json(
    status: StatusCode,
    body: &Value,
    cors: &CorsRules,
    origin: Option<&HeaderValue>,
) -> Response<String> {
    let mut response = plain(status, body);
    allow_origin(response.headers_mut(), cors, origin);
    response
}

/// A refusal.
pub fn deny(
    denial: &Denial,
    cors: &CorsRules,
    origin: Option<&HeaderValue>,
    request: &RequestId,
) -> Response<String> {
    let wire = wire(denial);
    let mut body = Map::new();
    body.insert("success".to_owned(), Value::Bool(false));
    body.insert("error".to_owned(), Value::from(wire.error));
    body.insert("message".to_owned(), Value::from(wire.message));
    body.insert("details".to_owned(), Value::from(wire.details));
    body.extend(extra_fields(denial));
    body.insert("decisionId".to_owned(), Value::from(request.as_str()));
    let mut response = plain(wire.status, &Value::Object(body));
    extra_headers(response.headers_mut(), denial);
    allow_origin(response.headers_mut(), cors, origin);
    response
}

/// What a refusal looks like.
struct Wire {
    status: StatusCode,
    error: &'static str,
    message: &'static str,
    details: String,
}

fn wire(denial: &Denial) -> Wire {
    let (status, error, message) = words(denial);
    Wire { status, error, message, details: details(denial) }
}

/// Status, machine word and message, a line each: `docs/errors.md` is compared with these lines.
#[rustfmt::skip]
fn words(denial: &Denial) -> (StatusCode, &'static str, &'static str) {
    use StatusCode as S;
    const FAILED: &str = "OTP verification failed";
    const UNAVAILABLE: &str = "Temporarily unavailable. Try again in a moment.";
    match denial {
        Denial::AmbiguousPath | Denial::InvalidRequest(_) => (S::BAD_REQUEST, "invalid_request", "Invalid request"),
        Denial::CodeInvalid { .. } => (S::BAD_REQUEST, "otp_invalid", FAILED),
        Denial::CodeExpired => (S::BAD_REQUEST, "otp_expired", FAILED),
        Denial::CodeNotFound(_) => (S::BAD_REQUEST, "otp_not_found", FAILED),
        Denial::CodeUsed => (S::BAD_REQUEST, "otp_used", FAILED),
        Denial::Unauthorized => (S::UNAUTHORIZED, "unauthorized", "Unauthorized"),
        Denial::RecipientMismatch(_) => (S::FORBIDDEN, "recipient_mismatch", "The code cannot be sent there"),
        Denial::MethodNotAllowed(_) => (S::METHOD_NOT_ALLOWED, "method_not_allowed", "Method not allowed"),
        Denial::BodyTooLarge(_) => (S::PAYLOAD_TOO_LARGE, "body_too_large", "Request body too large"),
        Denial::UnsupportedMediaType(_) => (S::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "Unsupported media type"),
        Denial::Locked { lock: Lock::Until(_), .. } => (S::LOCKED, "locked", "Maximum OTP attempts exceeded. Try again later."),
        Denial::Locked { lock: Lock::Disabled, .. } => (S::LOCKED, "disabled", "Maximum OTP attempts exceeded. Contact support."),
        Denial::RateLimited { .. } => (S::TOO_MANY_REQUESTS, "rate_limited", "Too many requests. Try again later."),
        Denial::Internal => (S::INTERNAL_SERVER_ERROR, "internal", "Internal error"),
        Denial::UpstreamUnavailable { .. } => (S::BAD_GATEWAY, "upstream_unavailable", "The service did not answer"),
        Denial::UpstreamTimeout => (S::GATEWAY_TIMEOUT, "upstream_timeout", "The service did not answer in time"),
        Denial::StateUnavailable => (S::SERVICE_UNAVAILABLE, "state_unavailable", UNAVAILABLE),
        Denial::IdentityUnavailable => (S::SERVICE_UNAVAILABLE, "identity_unavailable", UNAVAILABLE),
        Denial::Overloaded => (S::SERVICE_UNAVAILABLE, "overloaded", "Temporarily overloaded. Try again in a moment."),
    }
}

fn details(denial: &Denial) -> String {
    match denial {
        Denial::InvalidRequest(detail)
        | Denial::UnsupportedMediaType(detail)
        | Denial::RecipientMismatch(detail) => detail.clone(),
        Denial::AmbiguousPath => "Spell the path exactly as documented.".to_owned(),
        Denial::CodeInvalid { left: 1 } => "Invalid OTP. 1 attempt remaining.".to_owned(),
        Denial::CodeInvalid { left } => format!("Invalid OTP. {left} attempts remaining."),
        Denial::CodeExpired => "The code has expired. Request a new one.".to_owned(),
        Denial::CodeNotFound(NotFound::Unknown) => "No code was issued for this reference.".to_owned(),
        Denial::CodeNotFound(NotFound::Superseded) => {
            "A newer request took the place of this one. Use the reference and the code of the newer one."
                .to_owned()
        }
        Denial::CodeNotFound(NotFound::UnknownKey) => {
            "This code can no longer be checked. Request a new one.".to_owned()
        }
        Denial::CodeUsed => "The code was already used. Request a new one if money has not moved.".to_owned(),
        Denial::Unauthorized => "Send a valid bearer token.".to_owned(),
        Denial::MethodNotAllowed(_) => "This path takes other methods; see the Allow header.".to_owned(),
        Denial::BodyTooLarge(limit) => format!("At most {limit} bytes."),
        Denial::Locked { .. } | Denial::RateLimited { .. } => match denial.wait() {
            Some(wait) => format!("Try again in {} seconds.", whole_seconds_up(wait)),
            None => "Verification is switched off for this account until support clears it.".to_owned(),
        },
        Denial::Internal => "This is a fault of the service. Quote the decisionId to support.".to_owned(),
        Denial::UpstreamUnavailable { was_sent: true } | Denial::UpstreamTimeout => {
            "Check whether the request took effect before repeating it.".to_owned()
        }
        Denial::StateUnavailable
        | Denial::IdentityUnavailable
        | Denial::Overloaded
        | Denial::UpstreamUnavailable { was_sent: false } => {
            "Nothing was done. Repeat the request.".to_owned()
        }
    }
}

fn extra_fields(denial: &Denial) -> Map<String, Value> {
    let retry_after = denial.wait().map(whole_seconds_up);
    let fields = match denial {
        Denial::CodeInvalid { left } => json!({ "attemptsRemaining": left }),
        Denial::Locked { lock: Lock::Until(until), .. } => {
            json!({ "lockedUntil": until.to_iso8601(), "retryAfter": retry_after })
        }
        Denial::Locked { lock: Lock::Disabled, .. } => json!({ "lockedUntil": null }),
        Denial::RateLimited { retry_at, .. } => {
            json!({ "retryAfter": retry_after, "resetTime": retry_at.to_iso8601() })
        }
        _ => Value::Null,
    };
    match fields {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn extra_headers(headers: &mut HeaderMap, denial: &Denial) {
    if let Some(wait) = denial.wait() {
        headers.insert(header::RETRY_AFTER, whole_seconds_up(wait).into());
    }
    match denial {
        Denial::Unauthorized => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        Denial::MethodNotAllowed(allowed) => {
            let names: Vec<&str> = allowed.iter().map(http::Method::as_str).collect();
            set(headers, "allow", &names.join(", "));
        }
        Denial::RateLimited { max, retry_at, .. } => {
            headers.insert("x-ratelimit-limit", (*max).into());
            headers.insert("x-ratelimit-remaining", 0.into());
            set(headers, "x-ratelimit-reset", &retry_at.to_iso8601());
        }
        _ => {}
    }
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn plain(status: StatusCode, body: &Value) -> Response<String> {
    let mut response = Response::new(body.to_string());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What a browser on another origin needs to read the answer (Fetch standard, CORS protocol).
fn allow_origin(headers: &mut HeaderMap, cors: &CorsRules, origin: Option<&HeaderValue>) {
    let allowed = match cors {
        CorsRules::Off => return,
        CorsRules::Any => Some(HeaderValue::from_static("*")),
        CorsRules::Origins(origins) => {
            headers.insert(header::VARY, HeaderValue::from_static("Origin"));
            origin.filter(|origin| origins.iter().any(|known| known.as_bytes() == origin.as_bytes())).cloned()
        }
    };
    if let Some(allowed) = allowed {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }
}

/// The answer of `status`.
pub fn status_json(view: &StatusView) -> Value {
    let locked_until = match view.lock {
        Some(Lock::Until(until)) => Value::from(until.to_iso8601()),
        Some(Lock::Disabled) | None => Value::Null,
    };
    let mut answer = json!({
        "success": true,
        "purpose": view.purpose.as_str(),
        "exists": view.expires_at.is_some(),
        "isValid": view.is_valid,
        "isLocked": view.lock.is_some(),
        "attempts": view.attempts,
        "maxAttempts": view.max_attempts,
        "lockedUntil": locked_until,
    });
    if let (Some(expires_at), Value::Object(fields)) = (view.expires_at, &mut answer) {
        let left = expires_at.since(view.at);
        fields.insert("expiresAt".to_owned(), Value::from(expires_at.to_iso8601()));
        fields.insert("expiresIn".to_owned(), Value::from(left.as_secs()));
    }
    answer
}

/// The answer of `send`.
pub fn sent_json(purpose: &PurposeRules, reference: &Reference) -> Value {
    json!({
        "success": true,
        "message": "A verification code is on its way to the e-mail address of your account.",
        "expiresIn": purpose.ttl.as_secs(),
        "otpId": reference.as_str(),
        "transactionReference": reference.as_str(),
    })
}
