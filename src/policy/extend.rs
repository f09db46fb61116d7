//! What is added to the wallet's answer to an issuing request.

use std::time::Duration;

use http::{HeaderMap, header};
use serde_json::{Map, Value, json};

/// The longest answer that is read for its reference, in bytes. Longer ones pass unread.
pub const MAX_ANSWER: usize = 1024 * 1024;

/// Whether an answer with this head is read for its reference: JSON of moderate length, not compressed.
pub fn may_be_read(headers: &HeaderMap) -> bool {
    let media_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    let is_json = essence.eq_ignore_ascii_case("application/json")
        || (essence.len() > 5 && essence.to_ascii_lowercase().ends_with("+json"));
    let length =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    is_json
        && !headers.contains_key(header::CONTENT_ENCODING)
        && length.is_none_or(|length| length <= MAX_ANSWER)
}

/// What the client reads when its code is on the way.
pub fn sent(ttl: Duration) -> Map<String, Value> {
    fields(json!({ "otpSent": true, "otpExpiresIn": ttl.as_secs(), "nextStep": "otp_verification" }))
}

/// What the client reads when the upstream agreed and no code could be made.
pub fn not_sent() -> Map<String, Value> {
    fields(json!({
        "otpSent": false,
        "nextStep": "otp_verification",
        "warning": "No code could be sent. Ask for a new one in a moment.",
    }))
}

fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// The upstream's answer with fields added. Its own text is kept as it came, so that no number in it
/// changes, unless it already has one of the fields.
pub fn extended(text: &[u8], value: &Value, added: Map<String, Value>) -> Vec<u8> {
    let own = value.as_object();
    let clashes = own.is_some_and(|own| added.keys().any(|name| own.contains_key(name)));
    if clashes { merged(own, added) } else { spliced(text, own.is_some_and(Map::is_empty), &added) }
}

fn merged(own: Option<&Map<String, Value>>, added: Map<String, Value>) -> Vec<u8> {
    let mut all = own.cloned().unwrap_or_default();
    all.extend(added);
    Value::Object(all).to_string().into_bytes()
}

fn spliced(text: &[u8], is_empty: bool, added: &Map<String, Value>) -> Vec<u8> {
    let end = text.iter().rposition(|byte| *byte == b'}').unwrap_or(text.len());
    let mut joined = text.get(..end).unwrap_or(text).to_vec();
    let addition = Value::Object(added.clone()).to_string();
    if !is_empty {
        joined.push(b',');
    }
    joined.extend_from_slice(addition.trim_start_matches('{').as_bytes());
    joined
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn an_answer_is_read_when_it_is_plain_json_of_moderate_length() {
        let json = ("content-type", "application/json");
        for (headers, is_read) in [
            (vec![json], true),
            (vec![("content-type", "Application/JSON; charset=utf-8")], true),
            (vec![("content-type", "application/vnd.wallet+JSON")], true),
            (vec![("content-type", "+json")], false),
            (vec![("content-type", "text/html; charset=utf-8")], false),
            (vec![], false),
            (vec![json, ("content-encoding", "gzip")], false),
            (vec![("content-encoding", "gzip")], false),
            (vec![json, ("content-length", "1048576")], true),
            (vec![json, ("content-length", "1048577")], false),
        ] {
            let value = |(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
            let head: HeaderMap = headers.iter().copied().map(value).collect();
            assert_eq!(may_be_read(&head), is_read, "{headers:?}");
        }
    }

    #[test]
    fn who_reads_of_a_code_reads_how_long_it_is_good() {
        let expected = json!({ "otpSent": true, "otpExpiresIn": 300, "nextStep": "otp_verification" });
        assert_eq!(Value::Object(sent(Duration::from_secs(300))), expected);
    }

    fn joined(text: &str) -> String {
        let value: Value = serde_json::from_str(text).unwrap();
        let bytes = extended(text.as_bytes(), &value, fields(json!({ "otpSent": true })));
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn the_upstreams_own_text_is_kept_to_the_letter() {
        let text = r#"{ "id": 12345678901234567890123, "b": 1.10 }"#;
        assert_eq!(joined(text), r#"{ "id": 12345678901234567890123, "b": 1.10 ,"otpSent":true}"#);
        assert_eq!(joined("{}"), r#"{"otpSent":true}"#);
        assert_eq!(joined("{ }\n"), r#"{ "otpSent":true}"#);
    }

    #[test]
    fn a_field_that_the_upstream_also_sends_is_replaced_not_doubled() {
        assert_eq!(joined(r#"{"otpSent":false,"a":1}"#), r#"{"otpSent":true,"a":1}"#);
    }
}
