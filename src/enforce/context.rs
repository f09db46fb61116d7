//! What is known about one intercepted request from its head.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use http::{HeaderMap, HeaderValue, Request, header};

use super::Parts;
use super::audit::Known;
use super::handle::InForce;
use crate::domain::id::RequestId;
use crate::domain::subject::Subject;
use crate::identity::client_addr::client_ip;
use crate::policy::snapshot::Route;

/// One intercepted request.
pub struct Context {
    /// Its id, and the id of the decision on it.
    pub request: RequestId,
    /// The policy that it sees.
    pub in_force: Arc<InForce>,
    /// The route that decides on it.
    pub route: Arc<Route>,
    /// Who opened the connection.
    pub peer: IpAddr,
    /// The client, as far as trusted proxies tell.
    pub client: IpAddr,
    /// Its `Origin`, for the answer's CORS headers.
    pub origin: Option<HeaderValue>,
    /// Its trace id.
    pub trace: Option<String>,
    /// Its trace context, handed on to the mail it causes.
    pub traceparent: Option<String>,
    /// The caller, once known.
    pub subject: OnceLock<Subject>,
    /// What its audit line will say.
    pub known: Known,
}

impl Context {
    /// Reads the head.
    pub(super) fn new<B>(
        parts: &Parts,
        in_force: &Arc<InForce>,
        route: &Arc<Route>,
        request: &Request<B>,
        peer: IpAddr,
    ) -> Self {
        let headers = request.headers();
        let traceparent = traceparent(headers);
        Self {
            request: RequestId::mint(parts.entropy.as_ref()),
            in_force: Arc::clone(in_force),
            route: Arc::clone(route),
            peer,
            client: client_ip(peer, headers, &in_force.snapshot.identity.trusted_proxies),
            origin: headers.get(header::ORIGIN).cloned(),
            trace: traceparent.as_deref().and_then(|value| value.get(3..35)).map(str::to_owned),
            traceparent,
            subject: OnceLock::new(),
            known: Known::default(),
        }
    }
}

/// A well-formed `traceparent` (W3C Trace Context, section 3.2): `00-` trace id `-` parent id `-` flags.
fn traceparent(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("traceparent")?.to_str().ok()?;
    let mut parts = value.split('-');
    let is_hex = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let version = parts.next()?;
    let (trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?);
    let well_formed = is_hex(version, 2)
        && version != "ff"
        && is_hex(trace, 32)
        && is_hex(parent, 16)
        && is_hex(flags, 2)
        && trace.bytes().any(|b| b != b'0')
        && parent.bytes().any(|b| b != b'0')
        && (version != "00" || parts.next().is_none());
    well_formed.then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert("traceparent", HeaderValue::from_str(value).unwrap());
        traceparent(&headers)
    }

    #[test]
    fn only_a_well_formed_trace_context_is_taken() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(read(good).as_deref(), Some(good));
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-extra",
        ] {
            assert_eq!(read(bad), None, "{bad:?} was taken");
        }
    }
}
