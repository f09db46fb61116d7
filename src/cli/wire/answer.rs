//! Answers of a wallet.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

/// An answer, read whole.
pub(in crate::cli) struct Answer {
    /// Its status.
    pub(in crate::cli) status: StatusCode,
    /// Its headers.
    pub(in crate::cli) headers: HeaderMap,
    /// Its body.
    pub(in crate::cli) body: Bytes,
    /// From the first byte of the request to the last one of the answer.
    pub(in crate::cli) took: Duration,
}

impl Answer {
    /// The body as JSON; null when it is none.
    pub(in crate::cli) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// A header's value, if it is text.
    pub(in crate::cli) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The field behind a path of names with dots between them.
    pub(in crate::cli) fn field(&self, path: &str) -> Option<Value> {
        let json = self.json();
        path.split('.').try_fold(&json, |value, name| value.get(name)).cloned()
    }

    /// The sidecar's machine word for a refusal.
    pub(in crate::cli) fn word(&self) -> Option<String> {
        self.field("error")?.as_str().map(str::to_owned)
    }

    /// Whether the sidecar itself gave this answer: only it puts an id of its decision into one.
    pub(in crate::cli) fn is_of_the_sidecar(&self) -> bool {
        self.field("decisionId").is_some()
    }

    /// Status, word and message on one line.
    pub(in crate::cli) fn summary(&self) -> String {
        let mut text = self.status.as_u16().to_string();
        if let Some(word) = self.word() {
            text.push_str(&format!(" {word}"));
        }
        if let Some(message) = self.field("message").as_ref().and_then(Value::as_str) {
            text.push_str(&format!(": {}", message.chars().take(120).collect::<String>()));
        }
        text
    }
}

/// An answer to something that may not even be HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Spoken {
    /// The status; `None` when the connection was closed without an answer.
    pub(in crate::cli) status: Option<u16>,
    /// Head and body as text.
    pub(in crate::cli) text: String,
}

impl Spoken {
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let status =
            text.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)).and_then(|word| word.parse().ok());
        Self { status, text }
    }

    /// Whether the sidecar itself gave this answer.
    pub(in crate::cli) fn is_of_the_sidecar(&self) -> bool {
        self.text.contains("\"decisionId\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_and_silence_has_none() {
        assert_eq!(Spoken::parse(b"HTTP/1.1 404 Not Found\r\n\r\n").status, Some(404));
        assert_eq!(Spoken::parse(b"HTTP/1.0 200\r\n").status, Some(200));
        for other in [&b""[..], b"HTTP/1.1", b"HTTP/1.1 x", b"HTTP/2 200", b"HTTP/1.1 \xff\xff\xff"] {
            assert_eq!(Spoken::parse(other).status, None);
        }
    }

    #[test]
    fn fields_are_found_behind_dots() {
        let answer = Answer {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: Bytes::from_static(br#"{"data":{"balance":7},"error":"locked","message":"no"}"#),
            took: Duration::ZERO,
        };
        assert_eq!(answer.field("data.balance"), Some(Value::from(7)));
        assert_eq!(answer.field("data.x"), None);
        assert_eq!(answer.summary(), "200 locked: no");
    }
}
