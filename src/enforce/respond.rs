//! The sidecar's own answers as responses. What is in them says `policy::wire`.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use serde_json::Value;

use super::context::Context;
use crate::domain::id::RequestId;
use crate::policy::decision::Denial;
use crate::policy::snapshot::CorsRules;
use crate::policy::wire;
use crate::proxy::body::Body;

/// An answer of the sidecar's own.
pub fn json(status: StatusCode, body: &Value, context: &Context) -> Response<Body> {
    wire::json(status, body, &context.in_force.snapshot.cors, context.origin.as_ref()).map(whole)
}

/// A refusal.
pub fn deny(
    denial: &Denial,
    cors: &CorsRules,
    origin: Option<&HeaderValue>,
    request: &RequestId,
) -> Response<Body> {
    wire::deny(denial, cors, origin, request).map(whole)
}

fn whole(text: String) -> Body {
    Body::full(Bytes::from(text))
}
