//! What a call says: its query or its body, strictly. An unknown name is an error that tells the known
//! ones, because a misspelt filter would show, and a misspelt field would change, the wrong thing.

use std::fmt;
use std::net::IpAddr;

use serde::de::{DeserializeOwned, Error as DeError, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::rules::Rules;
use crate::domain::code::Code;
use crate::domain::id::{InvalidId, LimitName, Purpose, Reference};
use crate::domain::ledger::day::Day;
use crate::domain::ledger::page::{Cursor, LARGEST_PAGE, PageRequest};
use crate::domain::ledger::trail::Note;
use crate::domain::subject::{ClientAddr, Subject};
use crate::server::admin::reply::{Call, Refused};

/// A query without names.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// The query as a value with these fields, all of them texts.
///
/// # Errors
/// When a name is unknown or there twice, or a value is not one of its field.
pub(super) fn query<T: DeserializeOwned>(call: &Call<'_>) -> Result<T, Refused> {
    let mut fields = Map::new();
    for (name, value) in url::form_urlencoded::parse(call.query.unwrap_or_default().as_bytes()) {
        if fields.insert(name.to_string(), Value::String(value.into_owned())).is_some() {
            return Err(invalid("the query", &format!("`{name}` is there twice")));
        }
    }
    T::deserialize(Value::Object(fields)).map_err(|problem| invalid("the query", &problem.to_string()))
}

/// The JSON body as a value with these fields.
///
/// # Errors
/// When it is no JSON, a name is unknown or there twice, or a value is not one of its field.
pub(super) fn body<T: DeserializeOwned>(call: &Call<'_>) -> Result<T, Refused> {
    if call.query.is_some_and(|query| !query.is_empty()) {
        return Err(Refused::Invalid("the query: there is none here, everything is in the body".to_owned()));
    }
    let media_type = call.content_type.and_then(|value| value.split(';').next()).map(str::trim);
    if !media_type.is_some_and(|media_type| media_type.eq_ignore_ascii_case("application/json")) {
        return Err(Refused::MediaType);
    }
    // A list would be taken for the values of the fields in their order.
    if call.body.trim_ascii_start().first() != Some(&b'{') {
        return Err(Refused::Invalid("the body: must be a JSON object".to_owned()));
    }
    serde_json::from_slice(call.body).map_err(|problem| invalid("the body", &problem.to_string()))
}

/// The most characters that are repeated of one piece of a call, which may be as long as its sender likes.
const LONGEST_PIECE: usize = 64;

/// The most characters of a whole message.
const LONGEST_MESSAGE: usize = 512;

/// What is wrong with a part of a call. What it repeats of the call stands between backticks: that is cut to a bounded
/// length, as is the whole, and only printable characters are repeated.
fn invalid(part: &str, problem: &str) -> Refused {
    let cut = |text: &str, longest: usize| match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    };
    let pieces = problem.split('`').enumerate();
    let pieces =
        pieces.map(|(place, piece)| cut(piece, if place % 2 == 1 { LONGEST_PIECE } else { LONGEST_MESSAGE }));
    let message = format!("{part}: {}", pieces.collect::<Vec<_>>().join("`"));
    let printable: String = message.chars().filter(|c| !c.is_control()).collect();
    Refused::Invalid(cut(&printable, LONGEST_MESSAGE))
}

/// Reads an identifier out of a text.
fn parsed<'de, D: Deserializer<'de>, T>(
    from: D,
    parse: impl Fn(&str) -> Result<T, InvalidId>,
) -> Result<T, D::Error> {
    let text = String::deserialize(from)?;
    parse(&text).map_err(|problem| D::Error::custom(format!("`{}` {problem}", text.escape_debug())))
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident = $of:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub(super) struct $name(pub(super) $of);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                parsed(from, $of::parse).map(Self)
            }
        }
    };
}

identifier! {
    /// Whom it is about.
    OfSubject = Subject
}
identifier! {
    /// What codes are for.
    OfPurpose = Purpose
}
identifier! {
    /// A challenge.
    OfReference = Reference
}
identifier! {
    /// A limit.
    OfLimit = LimitName
}

identifier! {
    /// A day in UTC.
    OfDay = Day
}
identifier! {
    /// Where an earlier page ended.
    OfCursor = Cursor
}
identifier! {
    /// What an operator wrote: who asks, or why.
    OfNote = Note
}

/// A client's address.
#[derive(Debug, Clone, Copy)]
pub(super) struct OfClient(pub(super) ClientAddr);

impl<'de> Deserialize<'de> for OfClient {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let address = String::deserialize(from)?.parse::<IpAddr>();
        let address = address.map_err(|_| D::Error::custom("`client` must be an IP address"))?;
        Ok(Self(ClientAddr::of(address)))
    }
}

/// How many entries a page may have: 1 to 1000, 100 unless it is said.
#[derive(Debug, Clone, Copy)]
pub(super) struct PageSize(pub(super) u16);

impl PageSize {
    /// The page of this size, from the beginning or after another.
    pub(super) fn page(self, after: Option<OfCursor>) -> PageRequest {
        let page = PageRequest::first(self.0);
        match after {
            Some(OfCursor(cursor)) => page.after(cursor),
            None => page,
        }
    }
}

impl Default for PageSize {
    fn default() -> Self {
        Self(100)
    }
}

impl<'de> Deserialize<'de> for PageSize {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let size = String::deserialize(from)?.parse().ok().filter(|size| (1..=LARGEST_PAGE).contains(size));
        size.map(Self).ok_or_else(|| D::Error::custom(format!("`limit` must be 1 to {LARGEST_PAGE}")))
    }
}

/// The purpose that is named, or all of them.
///
/// # Errors
/// When the policy in force does not have it.
pub(super) fn purposes(rules: &Rules, named: Option<OfPurpose>) -> Result<Vec<Purpose>, Refused> {
    let Some(OfPurpose(named)) = named else { return Ok(rules.purpose_names()) };
    if rules.purpose(&named).is_some() {
        return Ok(vec![named]);
    }
    let known: Vec<&str> = rules.purposes.iter().map(|purpose| purpose.name.as_str()).collect();
    Err(Refused::Invalid(format!("there is no purpose `{named}`: the policy has {}", known.join(", "))))
}

/// A code that is to be compared. No error repeats it.
pub(super) struct OfCode(pub(super) Code);

impl<'de> Deserialize<'de> for OfCode {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Digits)
    }
}

/// Reads digits, as text only: a number has lost its leading zeros.
struct Digits;

const NO_CODE: &str = "`code` must be the digits of a code, at most 10, as a text";

impl<'de> Visitor<'de> for Digits {
    type Value = OfCode;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the digits of a code")
    }

    fn visit_str<E: DeError>(self, text: &str) -> Result<OfCode, E> {
        Code::presented(text, None).map(OfCode).ok_or_else(|| E::custom(NO_CODE))
    }

    // The errors that serde would make repeat what they found.

    fn visit_bool<E: DeError>(self, _: bool) -> Result<OfCode, E> {
        Err(E::custom(NO_CODE))
    }

    fn visit_i64<E: DeError>(self, _: i64) -> Result<OfCode, E> {
        Err(E::custom(NO_CODE))
    }

    fn visit_u64<E: DeError>(self, _: u64) -> Result<OfCode, E> {
        Err(E::custom(NO_CODE))
    }

    fn visit_f64<E: DeError>(self, _: f64) -> Result<OfCode, E> {
        Err(E::custom(NO_CODE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Method;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Filter {
        purpose: Option<OfPurpose>,
        #[serde(default)]
        limit: PageSize,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Guess {
        #[allow(dead_code, reason = "only that it can be read matters")]
        code: OfCode,
    }

    fn call<'a>(query: Option<&'a str>, content_type: Option<&'a str>, body: &'a str) -> Call<'a> {
        Call { method: &Method::GET, path: "/-/locks", query, content_type, body: body.as_bytes() }
    }

    fn told(refused: Refused) -> String {
        match refused {
            Refused::Invalid(message) => message,
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_query_is_read_strictly_and_told_what_there_is() {
        let read = |query| super::query::<Filter>(&call(Some(query), None, "")).map_err(told);
        let filter = read("purpose=wallet_funding&limit=7").unwrap();
        assert_eq!((filter.purpose.unwrap().0.as_str(), filter.limit.0), ("wallet_funding", 7));
        assert_eq!(read("").unwrap().limit.0, 100);
        for (query, word) in [
            ("purposes=x", "expected `purpose` or `limit`"),
            ("limit=0", "1 to 1000"),
            ("limit=1001", "1 to 1000"),
            ("limit=-1", "1 to 1000"),
            ("limit=7&limit=8", "twice"),
            ("purpose=Wallet", "must be"),
        ] {
            assert!(read(query).unwrap_err().contains(word), "{query}: {}", read(query).unwrap_err());
        }
    }

    #[test]
    fn what_a_refusal_repeats_is_short_and_printable() {
        let long = "x".repeat(40_000);
        for (query, body) in [
            (Some(format!("{long}=1")), String::new()),
            (Some(format!("{long}=1&{long}=2")), String::new()),
            (Some(format!("purpose={long}%60%60{long}")), String::new()),
            (Some("%1b%5b31m%00=1".to_owned()), String::new()),
            (None, format!("{{\"{long}\":1}}")),
            (None, format!("{{\"`{}\":1}}", "a`".repeat(20_000))),
            (None, "{\"\\u001b[31m\\u0007\":1}".to_owned()),
        ] {
            let call = call(query.as_deref(), Some("application/json"), &body);
            let refused = match query {
                Some(_) => super::query::<Filter>(&call).map(|_| ()),
                None => super::body::<Guess>(&call).map(|_| ()),
            };
            let message = told(refused.unwrap_err());
            assert!(message.len() < 600 && !message.chars().any(char::is_control), "{message:?}");
        }
        let misspelt = super::query::<Filter>(&call(Some("purposes=x"), None, ""));
        let message = "the query: unknown field `purposes`, expected `purpose` or `limit`";
        assert_eq!(told(misspelt.unwrap_err()), message);
    }

    #[test]
    fn a_body_is_json_that_says_so() {
        let read =
            |content_type, body: &str| super::body::<Guess>(&call(None, content_type, body)).map(|_| ());
        assert!(read(Some("application/json; charset=utf-8"), r#"{"code":"123456"}"#).is_ok());
        assert!(matches!(read(None, r#"{"code":"123456"}"#), Err(Refused::MediaType)));
        assert!(matches!(read(Some("text/plain"), r#"{"code":"123456"}"#), Err(Refused::MediaType)));
        assert!(read(Some("application/json"), r#"["123456"]"#).is_err());
        let with_query = Call { query: Some("a=b"), ..call(None, Some("application/json"), "{}") };
        assert!(super::body::<Guess>(&with_query).is_err());
    }

    #[test]
    fn no_error_repeats_a_code() {
        let wrong = [
            "987654",
            "\"987654x\"",
            "\"98765432109\"",
            "98765.4",
            "-987654",
            "[987654]",
            "{\"987654\":1}",
            "true",
        ];
        for code in wrong {
            let body = format!("{{\"code\":{code}}}");
            let refused = super::body::<Guess>(&call(None, Some("application/json"), &body)).map(|_| ());
            let message = told(refused.unwrap_err());
            assert!(!message.contains("9876"), "{message}");
        }
    }
}
