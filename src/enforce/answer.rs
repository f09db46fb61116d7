//! Reading the upstream's answer to an issuing request, and adding to it.

use std::time::Duration;

use bytes::Bytes;
use http::{Response, header, response};
use serde_json::{Map, Value};

use crate::policy::extend;
use crate::proxy::body::{Body, CollectError, collect};

/// How long such an answer may take to arrive after its head.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// An answer that was looked at.
pub(super) enum ReadAnswer {
    /// A JSON object.
    Object {
        /// Its head.
        head: response::Parts,
        /// Its text, as it came.
        text: Bytes,
        /// What it says.
        value: Value,
    },
    /// Anything else, to be passed on as it is.
    Unreadable(Response<Body>),
}

/// Reads an answer, if it is a JSON object of moderate length.
pub(super) async fn read(response: Response<Body>) -> ReadAnswer {
    if !extend::may_be_read(response.headers()) {
        return ReadAnswer::Unreadable(response);
    }
    let (head, body) = response.into_parts();
    match collect(body, extend::MAX_ANSWER, ANSWER_TIMEOUT).await {
        Ok(text) => match serde_json::from_slice::<Value>(&text) {
            Ok(value) if value.is_object() => ReadAnswer::Object { head, text, value },
            _ => ReadAnswer::Unreadable(Response::from_parts(head, Body::full(text))),
        },
        // What was read of it is gone, so the client gets an empty answer with the upstream's status
        // rather than half of one that looks whole.
        Err(CollectError::TooLarge(_) | CollectError::Timeout(_) | CollectError::Broken) => {
            ReadAnswer::Unreadable(Response::from_parts(unframed(head), Body::empty()))
        }
    }
}

/// The upstream's answer with fields added.
pub(super) fn extended(
    head: response::Parts,
    text: &[u8],
    value: &Value,
    added: Map<String, Value>,
) -> Response<Body> {
    let joined = extend::extended(text, value, added);
    let mut head = unframed(head);
    head.headers.insert(header::CONTENT_LENGTH, joined.len().into());
    Response::from_parts(head, Body::full(Bytes::from(joined)))
}

/// A head without what described the old body.
fn unframed(mut head: response::Parts) -> response::Parts {
    for name in [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::ETAG, header::TRAILER] {
        head.headers.remove(name);
    }
    head.headers.remove("content-md5");
    head.headers.remove("digest");
    head.headers.remove("content-digest");
    head
}
