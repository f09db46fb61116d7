//! What the calls that need the admin token answer, before it becomes bytes.

use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use serde_json::{Value, json};

use crate::store::contract::StoreError;

/// A call, its body read whole.
#[derive(Debug)]
pub struct Call<'a> {
    /// The method.
    pub method: &'a Method,
    /// The path.
    pub path: &'a str,
    /// What stands after the `?`.
    pub query: Option<&'a str>,
    /// The value of `Content-Type`.
    pub content_type: Option<&'a str>,
    /// The body.
    pub body: &'a [u8],
}

/// A status, a document, and headers beside those that every answer has.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The document.
    pub body: Value,
    /// Further headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl Reply {
    /// It was done, or here it is.
    pub fn ok(body: Value) -> Self {
        Self { status: StatusCode::OK, body, headers: Vec::new() }
    }

    /// It was not done, for the reason behind this word.
    pub fn error(status: StatusCode, word: &str, message: &str) -> Self {
        let body = json!({ "success": false, "error": word, "message": message });
        Self { status, body, headers: Vec::new() }
    }

    fn unavailable(message: &str) -> Self {
        Self::error(StatusCode::SERVICE_UNAVAILABLE, "state_unavailable", message)
            .with(header::RETRY_AFTER, HeaderValue::from(1))
    }

    fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// Why a call is refused. Nothing was changed, unless [`Refused::Unknown`] says otherwise.
#[derive(Debug)]
pub enum Refused {
    /// The call is not what it should be; the text says what to write.
    Invalid(String),
    /// There is no such call.
    NotFound,
    /// The path has other methods.
    Method(&'static str),
    /// The body is no JSON, as its type says.
    MediaType,
    /// The store gave no answer.
    Store(StoreError),
    /// The same, and the change that was asked for may have been made, or a part of it.
    Unknown {
        /// Why there is no answer.
        error: StoreError,
        /// The command that shows whether it was.
        look: &'static str,
    },
    /// Asked too often; the number of seconds to wait.
    TooOften(u64),
    /// There are no code keys to compare with.
    NoKeys,
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Refused> for Reply {
    fn from(refused: Refused) -> Self {
        use StatusCode as S;
        match refused {
            Refused::Invalid(message) => Self::error(S::BAD_REQUEST, "invalid_request", &message),
            Refused::NotFound => Self::error(S::NOT_FOUND, "not_found", "There is no such call."),
            Refused::Method(allowed) => {
                Self::error(S::METHOD_NOT_ALLOWED, "method_not_allowed", "See the Allow header.")
                    .with(header::ALLOW, HeaderValue::from_static(allowed))
            }
            Refused::MediaType => Self::error(
                S::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "Send JSON, with `Content-Type: application/json`.",
            ),
            Refused::Store(error) => Self::unavailable(&error.to_string()),
            Refused::Unknown { error, look } => Self::unavailable(&format!(
                "{error}. The change may have been made, or a part of it: look with `{look}`, or in \
                 `GET /-/operations`, before you repeat it"
            )),
            Refused::TooOften(seconds) => Self::error(
                S::TOO_MANY_REQUESTS,
                "rate_limited",
                "Codes of one person may be compared ten times a minute, those of all people sixty times.",
            )
            .with(header::RETRY_AFTER, HeaderValue::from(seconds)),
            Refused::NoKeys => Self::error(
                S::UNPROCESSABLE_ENTITY,
                "no_code_keys",
                "Without code keys nothing can be compared: give --code-keys-file.",
            ),
        }
    }
}
