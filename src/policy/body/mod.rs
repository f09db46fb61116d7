//! Bodies of protected routes: read once, strictly, and written anew for the upstream, so that it cannot
//! see other values than those that were judged.
//!
//! Knows no routes. Nothing of a body is ever in an error or in debug output: it may hold a code.

pub mod form;
pub mod json;
pub mod names;

use std::borrow::Cow;
use std::fmt;

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName};

use form::Pairs;
use json::Json;

/// One JSON object or one form, with no name twice.
#[derive(Clone, PartialEq, Eq)]
pub struct JudgedBody {
    content: Content,
}

#[derive(Clone, PartialEq, Eq)]
enum Content {
    Object(Vec<(String, Json)>),
    Form(Pairs),
}

/// Why a body is not taken. The texts are made for the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyRefusal {
    /// 415: another kind of body.
    UnsupportedMediaType(String),
    /// 400: of the right kind, but broken or ambiguous.
    Invalid(String),
}

/// A selected value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Scalar<'a> {
    /// A string, or any value of a form.
    Text(&'a str),
    /// A number, spelt as it came.
    Number(&'a str),
    /// `true` or `false`.
    Bool(bool),
}

impl<'a> Scalar<'a> {
    /// The value as a text.
    pub fn text(self) -> &'a str {
        match self {
            Self::Text(text) | Self::Number(text) => text,
            Self::Bool(true) => "true",
            Self::Bool(false) => "false",
        }
    }
}

/// How many names one object, form or query may have. Some readers stop counting at a thousand.
const MAX_NAMES: usize = 256;
/// How many bytes a name may have, decoded. Every name is compared with every selected field.
const MAX_NAME: usize = 128;

const WHAT_TO_SEND: &str = "send one JSON object (Content-Type: application/json) or one form \
                            (Content-Type: application/x-www-form-urlencoded)";

impl JudgedBody {
    /// Reads a body that has arrived whole.
    ///
    /// # Errors
    /// When the headers do not name exactly one of the two kinds, in UTF-8 and without a content coding, or
    /// when the bytes have no reading that all readers share.
    pub fn parse(headers: &HeaderMap, bytes: &[u8]) -> Result<Self, BodyRefusal> {
        if bytes.is_empty() {
            return Err(BodyRefusal::Invalid(format!("the body is empty: {WHAT_TO_SEND}")));
        }
        refuse_coding(headers)?;
        let content = match media_type(headers)? {
            Media::Json => object(bytes),
            Media::Form => form(bytes),
        };
        content.map(|content| Self { content }).map_err(BodyRefusal::Invalid)
    }

    /// The `Content-Type` of [`JudgedBody::serialise`].
    pub fn content_type(&self) -> &'static str {
        match self.content {
            Content::Object(_) => "application/json",
            Content::Form(_) => "application/x-www-form-urlencoded",
        }
    }

    /// The bytes for the upstream: of the same kind, in one spelling.
    pub fn serialise(&self) -> Vec<u8> {
        match &self.content {
            Content::Object(members) => {
                let mut text = String::new();
                json::write_object(members, &mut text);
                text.into_bytes()
            }
            Content::Form(pairs) => form::serialise_pairs(pairs).into_bytes(),
        }
    }

    /// The value that a selector names; `None` when it is missing, `null`, or no single value. A form has
    /// no values deeper than one name.
    pub fn get(&self, path: &[String]) -> Option<Scalar<'_>> {
        let (first, deeper) = path.split_first()?;
        match &self.content {
            Content::Form(pairs) if deeper.is_empty() => {
                pairs.iter().find(|(name, _)| name == first).map(|(_, value)| Scalar::Text(value))
            }
            Content::Form(_) => None,
            Content::Object(members) => {
                let mut value = member(members, first)?;
                for name in deeper {
                    let Json::Object(members) = value else { return None };
                    value = member(members, name)?;
                }
                scalar(value)
            }
        }
    }
}

impl fmt::Debug for JudgedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JudgedBody").field("content_type", &self.content_type()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Scalar<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scalar(***)")
    }
}

fn member<'a>(members: &'a [(String, Json)], name: &str) -> Option<&'a Json> {
    members.iter().find(|(there, _)| there == name).map(|(_, value)| value)
}

fn scalar(value: &Json) -> Option<Scalar<'_>> {
    match value {
        Json::Text(text) => Some(Scalar::Text(text)),
        Json::Number(digits) => Some(Scalar::Number(digits)),
        Json::Bool(value) => Some(Scalar::Bool(*value)),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

fn object(bytes: &[u8]) -> Result<Content, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "the body is not UTF-8".to_owned())?;
    if text.starts_with('\u{feff}') {
        return Err("the body begins with a byte order mark".to_owned());
    }
    let value = Json::parse(text)?;
    names::refuse_dangerous_members(&value)?;
    match value {
        Json::Object(members) => Ok(Content::Object(members)),
        _ => Err(format!("the body is no object: {WHAT_TO_SEND}")),
    }
}

fn form(bytes: &[u8]) -> Result<Content, String> {
    let pairs = form::parse(bytes, "form")?;
    names::refuse_dangerous_pairs(&pairs)?;
    match form::duplicate(&pairs) {
        Some(_) => Err("the form has one name twice".to_owned()),
        None => Ok(Content::Form(pairs)),
    }
}

#[derive(Clone, Copy)]
enum Media {
    Json,
    Form,
}

fn media_type(headers: &HeaderMap) -> Result<Media, BodyRefusal> {
    let refuse = |what: Cow<'_, str>| BodyRefusal::UnsupportedMediaType(format!("{what}: {WHAT_TO_SEND}"));
    let value = only(headers, &CONTENT_TYPE)
        .map_err(|what| refuse(what.into()))?
        .ok_or_else(|| refuse("there is no Content-Type".into()))?;
    let mut parts = value.split(';').map(str::trim);
    let media = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "application/json" => Media::Json,
        "application/x-www-form-urlencoded" => Media::Form,
        _ => return Err(refuse("this Content-Type is not taken here".into())),
    };
    match (parts.next(), parts.next()) {
        (None, _) => Ok(media),
        (Some(parameter), None) if is_utf8_charset(parameter) => Ok(media),
        _ => Err(refuse("Content-Type takes no parameter but `charset=utf-8`".into())),
    }
}

fn is_utf8_charset(parameter: &str) -> bool {
    parameter.split_once('=').is_some_and(|(name, value)| {
        name.eq_ignore_ascii_case("charset")
            && (value.eq_ignore_ascii_case("utf-8") || value.eq_ignore_ascii_case("\"utf-8\""))
    })
}

fn refuse_coding(headers: &HeaderMap) -> Result<(), BodyRefusal> {
    match only(headers, &CONTENT_ENCODING) {
        Ok(None) => Ok(()),
        Ok(Some(coding)) if coding.trim().eq_ignore_ascii_case("identity") => Ok(()),
        _ => Err(BodyRefusal::UnsupportedMediaType("send the body without a Content-Encoding".to_owned())),
    }
}

/// The one value of a header, if it is there.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, &'static str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| "a header is not ASCII"),
        _ => Err("a header is there twice"),
    }
}

#[cfg(test)]
mod tests;
