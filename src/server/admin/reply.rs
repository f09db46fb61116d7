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

    fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// Why a call is refused. Nothing was changed, unless the store failed.
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
    Store {
        /// Why not.
        error: StoreError,
        /// Whether a change was asked for, which may have been made.
        changing: bool,
    },
    /// Asked too often; the number of seconds to wait.
    TooOften(u64),
    /// There are no code keys to compare with.
    NoKeys,
}

impl Refused {
    /// The same of a call that was to change something.
    pub fn of_change(self) -> Self {
        match self {
            Self::Store { error, .. } => Self::Store { error, changing: true },
            other => other,
        }
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Store { error, changing: false }
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
            Refused::Store { error, changing } => {
                let maybe =
                    if changing { "; the change may have been made, look before you repeat it" } else { "" };
                let message = format!("{error}{maybe}");
                Self::error(S::SERVICE_UNAVAILABLE, "state_unavailable", &message)
                    .with(header::RETRY_AFTER, HeaderValue::from(1))
            }
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
