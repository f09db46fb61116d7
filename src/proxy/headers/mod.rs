//! What of a request's and an answer's headers gets through. Pure functions, in place.
//!
//! Three kinds of headers are taken out of requests: those that end at this hop (RFC 9110, 7.6.1),
//! those that only an intermediary may set because backends believe them, and those that say where a
//! request came from, unless a trusted proxy says so. A name is judged as a CGI-like server would read
//! it, with `_` for `-`: there `X_OTP_Verified` and `X-OTP-Verified` are one variable.

mod kind;

use std::io::Write;
use std::net::IpAddr;

use http::header::{CONNECTION, HOST, HeaderName, HeaderValue, TE, TRAILER, UPGRADE};
use http::{HeaderMap, header};

use kind::{Kind, folds_to, is_for_all, kind_of};
pub use kind::{Mark, Survey};

static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
static X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Who sent the request, and what else the policy keeps from it.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The other end of the socket.
    pub peer: IpAddr,
    /// Whether it is a proxy whose `X-Forwarded-*` are believed.
    pub trusted: bool,
    /// Further names that only an intermediary may set.
    pub intermediary: &'a [HeaderName],
}

/// Cleans the headers of a request and adds where it came from. `Upgrade` and nothing else of its kind
/// stays when the client asks for a WebSocket. `Host` must have been checked, and the survey be of these
/// headers.
pub fn prepare_request(headers: &mut HeaderMap, survey: Survey, context: &Context<'_>) {
    debug_assert_eq!(survey, Survey::of(headers));
    let told = if survey.is_plain() && context.intermediary.is_empty() {
        Told::default()
    } else {
        take_out(headers, survey, context)
    };
    add_origin(headers, context, told);
}

/// What a trusted proxy told of where a request came from.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    proto: bool,
    host: bool,
}

fn take_out(headers: &mut HeaderMap, survey: Survey, context: &Context<'_>) -> Told {
    let mut doomed: Vec<HeaderName> = Vec::new();
    let (mut connection, mut te, mut upgrade, mut told) = (false, false, false, Told::default());
    for name in headers.keys() {
        match kind_of(name.as_str()) {
            Kind::EndToEnd if context.intermediary.is_empty() => {}
            Kind::EndToEnd => {
                if context.intermediary.iter().any(|listed| folds_to(name.as_str(), listed.as_str())) {
                    doomed.push(name.clone());
                }
            }
            Kind::Connection => connection = true,
            Kind::Te => te = true,
            Kind::Upgrade => upgrade = true,
            Kind::Origin if context.trusted => {
                told.proto |= *name == X_FORWARDED_PROTO;
                told.host |= *name == X_FORWARDED_HOST;
            }
            Kind::Hop | Kind::Intermediary | Kind::Origin => doomed.push(name.clone()),
        }
    }
    let keeps_upgrade = upgrade && asks_for_websocket(headers);
    if connection {
        drop_named_by_connection(headers);
    }
    if te {
        keep_trailers_alone(headers);
    }
    if upgrade && !keeps_upgrade {
        headers.remove(UPGRADE);
    }
    for name in doomed {
        headers.remove(name);
    }
    if survey.has(Mark::Trailer) {
        clean_announced_trailers(headers, context.intermediary);
    }
    told
}

/// The scheme that the client used, as far as a trusted proxy tells.
pub fn client_scheme(headers: &HeaderMap, context: &Context<'_>) -> &'static str {
    let is_https = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"https");
    let is_told = context.trusted && headers.get(&X_FORWARDED_PROTO).is_some_and(is_https);
    if is_told { "https" } else { "http" }
}

fn add_origin(headers: &mut HeaderMap, context: &Context<'_>, told: Told) {
    if let Some(peer) = address_value(context.peer) {
        if context.trusted {
            headers.append(X_FORWARDED_FOR.clone(), peer);
        } else {
            headers.insert(X_FORWARDED_FOR.clone(), peer);
        }
    }
    if !told.proto {
        headers.insert(X_FORWARDED_PROTO.clone(), HeaderValue::from_static("http"));
    }
    if !told.host
        && let Some(host) = headers.get(HOST).cloned()
    {
        headers.insert(X_FORWARDED_HOST.clone(), host);
    }
}

/// Cleans the headers of an answer. A protocol switch keeps its `Upgrade`.
pub fn prepare_answer(headers: &mut HeaderMap, is_switch: bool) {
    let mut doomed: Vec<HeaderName> = Vec::new();
    let mut connection = false;
    for name in headers.keys() {
        match kind_of(name.as_str()) {
            Kind::Connection => connection = true,
            Kind::Upgrade if is_switch => {}
            // hyper writes the framing anew, and needs to see that this one was chunked.
            Kind::Hop if *name == header::TRANSFER_ENCODING => {}
            Kind::Hop if name.as_str().starts_with("proxy-auth") => {}
            Kind::Te | Kind::Upgrade | Kind::Hop => doomed.push(name.clone()),
            Kind::EndToEnd | Kind::Intermediary | Kind::Origin => {}
        }
    }
    if connection {
        drop_named_by_connection(headers);
    }
    for name in doomed {
        headers.remove(name);
    }
}

/// Takes out of a request's trailers what would not get through as a header.
pub fn clean_trailers(trailers: &mut HeaderMap) {
    let doomed: Vec<HeaderName> =
        trailers.keys().filter(|name| !may_be_trailer(name.as_str())).cloned().collect();
    for name in doomed {
        trailers.remove(name);
    }
}

fn may_be_trailer(name: &str) -> bool {
    kind_of(name) == Kind::EndToEnd && !is_for_all(name)
}

/// Only announced trailers are sent on, so what is not announced does not get through.
fn clean_announced_trailers(headers: &mut HeaderMap, intermediary: &[HeaderName]) {
    let mut kept: Vec<HeaderValue> = Vec::new();
    for value in headers.get_all(TRAILER) {
        for name in value.as_bytes().split(|b| *b == b',') {
            let Ok(name) = HeaderName::from_bytes(name.trim_ascii()) else { continue };
            let listed = intermediary.iter().any(|listed| folds_to(name.as_str(), listed.as_str()));
            if may_be_trailer(name.as_str()) && !listed {
                kept.push(HeaderValue::from(name));
            }
        }
    }
    headers.remove(TRAILER);
    for name in kept {
        headers.append(TRAILER, name);
    }
}

/// Whether the client asks for a WebSocket (RFC 6455, 4.1) and for nothing else.
fn asks_for_websocket(headers: &HeaderMap) -> bool {
    let mut upgrades = headers.get_all(UPGRADE).iter();
    let is_websocket =
        upgrades.next().is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"));
    is_websocket
        && upgrades.next().is_none()
        && tokens(headers).any(|token| token.eq_ignore_ascii_case(b"upgrade"))
}

fn tokens(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    headers.get_all(CONNECTION).iter().flat_map(|value| {
        value.as_bytes().split(|b| *b == b',').map(<[u8]>::trim_ascii).filter(|token| !token.is_empty())
    })
}

fn drop_named_by_connection(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = tokens(headers)
        .filter(|token| !token.eq_ignore_ascii_case(b"keep-alive") && !token.eq_ignore_ascii_case(b"close"))
        .filter_map(|token| HeaderName::from_bytes(token).ok())
        .filter(|name| kind_of(name.as_str()) == Kind::EndToEnd && !is_for_all(name.as_str()))
        .collect();
    headers.remove(CONNECTION);
    for name in named {
        headers.remove(name);
    }
}

fn keep_trailers_alone(headers: &mut HeaderMap) {
    let wants_trailers = headers.get_all(TE).iter().any(|value| {
        value
            .as_bytes()
            .split(|b| *b == b',')
            .any(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"trailers"))
    });
    if wants_trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    } else {
        headers.remove(TE);
    }
}

/// An address as `X-Forwarded-For` has it. IPv4 behind an IPv6 socket is written as IPv4.
fn address_value(address: IpAddr) -> Option<HeaderValue> {
    let mut buffer = [0_u8; 45];
    let mut rest = buffer.as_mut_slice();
    match address.to_canonical() {
        IpAddr::V4(address) => write_dotted(&mut rest, address.octets()),
        IpAddr::V6(address) => write!(rest, "{address}"),
    }
    .ok()?;
    let left = rest.len();
    let written = buffer.len() - left;
    HeaderValue::from_bytes(buffer.get(..written)?).ok()
}

/// As `Display` writes it, at a tenth of the price; every request asks for it.
fn write_dotted(rest: &mut &mut [u8], octets: [u8; 4]) -> std::io::Result<()> {
    for (place, octet) in octets.into_iter().enumerate() {
        let digits = [b'.', b'0' + octet / 100, b'0' + octet / 10 % 10, b'0' + octet % 10];
        let (dot, skipped) = (usize::from(place > 0), usize::from(octet < 100) + usize::from(octet < 10));
        rest.write_all(digits.get(..dot).unwrap_or_default())?;
        rest.write_all(digits.get(1 + skipped..).unwrap_or_default())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
