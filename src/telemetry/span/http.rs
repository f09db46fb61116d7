//! What the semantic conventions of OpenTelemetry say of HTTP (version 1.23 and later, the stable part), as
//! far as it cannot hold anything about a person.

use http::{Method, StatusCode, Version};
use opentelemetry::trace::SpanKind;
use opentelemetry::{KeyValue, StringValue};

use super::{RequestSpan, Span, Trace};

/// Where the upstream is, as attributes.
#[derive(Debug, Clone)]
pub struct ServerAddress {
    address: StringValue,
    port: Option<u16>,
}

impl ServerAddress {
    /// A host, or the path of a unix socket, which has no port.
    pub fn new(address: &str, port: Option<u16>) -> Self {
        Self { address: StringValue::from(std::sync::Arc::<str>::from(address)), port }
    }
}

/// The method as an attribute: an unknown one is whatever a client wrote.
fn known(method: &Method) -> Option<&'static str> {
    const KNOWN: [&str; 9] = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT"];
    KNOWN.into_iter().find(|known| *known == method.as_str())
}

fn set_method(span: &mut Span, method: &Method) {
    let known = known(method);
    span.set("http.request.method", known.unwrap_or("_OTHER"));
    span.name = known.unwrap_or("HTTP").into();
}

impl RequestSpan {
    /// Notes what the request's head says.
    pub fn asked(&mut self, method: &Method, version: Version, scheme: &'static str) {
        set_method(&mut self.span, method);
        self.span.set("url.scheme", scheme);
        if let Some(version) = name_of(version) {
            self.span.set("network.protocol.version", version);
        }
    }

    /// Ends it with the answer's status. An error is only what the server's side did wrong.
    pub fn answered(mut self, status: StatusCode) {
        self.name_after_route();
        self.span.set("http.response.status_code", i64::from(status.as_u16()));
        if status.is_server_error() {
            self.span.fail(status.as_str().to_owned());
        }
    }

    pub(super) fn name_after_route(&mut self) {
        let Some(template) = self.conclude() else { return };
        self.span.name = format!("{} {template}", self.span.name).into();
        if !template.contains('{') {
            self.span.set("url.path", template.clone());
        }
        self.span.set("http.route", template);
    }
}

impl Trace {
    /// A call to the upstream.
    pub fn call(&self, method: &Method, server: &ServerAddress) -> Option<Span> {
        let mut span = self.ask("HTTP", SpanKind::Client)?;
        set_method(&mut span, method);
        span.attributes.push(KeyValue::new("server.address", server.address.clone()));
        if let Some(port) = server.port {
            span.set("server.port", i64::from(port));
        }
        Some(span)
    }
}

impl Span {
    /// Ends a call with its answer's status. To the caller, a 4xx is an error too.
    pub fn answered(mut self, status: StatusCode) {
        self.set("http.response.status_code", i64::from(status.as_u16()));
        if status.is_client_error() || status.is_server_error() {
            self.fail(status.as_str().to_owned());
        }
    }

    /// Ends it with the word for what failed.
    pub fn failed(mut self, word: &'static str) {
        self.fail(word);
    }
}

fn name_of(version: Version) -> Option<&'static str> {
    match version {
        Version::HTTP_10 => Some("1.0"),
        Version::HTTP_11 => Some("1.1"),
        _ => None,
    }
}
