//! What of a request's and an answer's headers gets through. Pure functions, in place.
//!
//! Three kinds of headers are taken out of requests: those that end at this hop (RFC 9110, 7.6.1),
//! those that only an intermediary may set because backends believe them, and those that say where a
//! request came from, unless a trusted proxy says so. A name is judged as a CGI-like server would read
//! it, with `_` for `-`: there `X_OTP_Verified` and `X-OTP-Verified` are one variable.

use std::io::Write;
use std::net::IpAddr;

use http::header::{CONNECTION, FORWARDED, HOST, HeaderName, HeaderValue, TE, TRAILER, UPGRADE};
use http::{HeaderMap, header};

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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    EndToEnd,
    Connection,
    Te,
    Upgrade,
    Hop,
    Intermediary,
    Origin,
}

/// Cleans the headers of a request and adds where it came from. `Upgrade` and nothing else of its kind
/// stays when the client asks for a WebSocket. `Host` must have been checked.
pub fn prepare_request(headers: &mut HeaderMap, context: &Context<'_>) {
    let mut doomed: Vec<HeaderName> = Vec::new();
    let (mut connection, mut te, mut upgrade, mut proto, mut host) = (false, false, false, false, false);
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
                proto |= *name == X_FORWARDED_PROTO;
                host |= *name == X_FORWARDED_HOST;
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
    if headers.contains_key(TRAILER) {
        clean_announced_trailers(headers, context.intermediary);
    }
    add_origin(headers, context, proto, host);
}

/// The scheme that the client used, as far as a trusted proxy tells.
pub fn client_scheme(headers: &HeaderMap, context: &Context<'_>) -> &'static str {
    let is_https = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"https");
    let is_told = context.trusted && headers.get(&X_FORWARDED_PROTO).is_some_and(is_https);
    if is_told { "https" } else { "http" }
}

fn add_origin(headers: &mut HeaderMap, context: &Context<'_>, has_proto: bool, has_host: bool) {
    if let Some(peer) = address_value(context.peer) {
        if context.trusted {
            headers.append(X_FORWARDED_FOR.clone(), peer);
        } else {
            headers.insert(X_FORWARDED_FOR.clone(), peer);
        }
    }
    if !has_proto {
        headers.insert(X_FORWARDED_PROTO.clone(), HeaderValue::from_static("http"));
    }
    if !has_host && let Some(host) = headers.get(HOST).cloned() {
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

/// The bytes that stand for themselves in a name, whoever reads it.
const ORDINARY: [bool; 256] = {
    let mut ordinary = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        ordinary[byte as usize] = byte.is_ascii_alphanumeric() || byte == b'-';
        byte += 1;
    }
    ordinary
};

/// What kind of header it is. Most names are settled by their first letter.
fn kind_of(name: &str) -> Kind {
    let bytes = name.as_bytes();
    if !bytes.iter().all(|b| ORDINARY[usize::from(*b)]) {
        return kind_of_folded(name);
    }
    match bytes.first() {
        Some(b'c') if name == "connection" => Kind::Connection,
        Some(b'f') if name == FORWARDED.as_str() => Kind::Origin,
        Some(b'h') if name == "http2-settings" => Kind::Hop,
        Some(b'k') if name == "keep-alive" => Kind::Hop,
        Some(b'p') if name == "proxy" || name.starts_with("proxy-") => Kind::Hop,
        Some(b's') if name == "script-name" => Kind::Intermediary,
        Some(b't') if name == "te" => Kind::Te,
        Some(b't') if name == "transfer-encoding" => Kind::Hop,
        Some(b'u') if name == "upgrade" => Kind::Upgrade,
        Some(b'x') => kind_of_x(name),
        _ => Kind::EndToEnd,
    }
}

fn kind_of_x(name: &str) -> Kind {
    match name {
        "x-original-url"
        | "x-original-uri"
        | "x-rewrite-url"
        | "x-waws-unencoded-url"
        | "x-http-method-override"
        | "x-http-method"
        | "x-method-override" => Kind::Intermediary,
        "x-real-ip" | "x-forwarded-for" | "x-forwarded-proto" | "x-forwarded-host" | "x-forwarded-port" => {
            Kind::Origin
        }
        // An ingress replaces those above; what else is called so, such as a prefix for the path, it hands
        // on from the client.
        _ if name.starts_with("x-forwarded-") => Kind::Intermediary,
        _ if name.starts_with("x-otp-") => Kind::Intermediary,
        _ => Kind::EndToEnd,
    }
}

/// A name with `_` or another unusual character passes unless with `-` it would be one that matters.
fn kind_of_folded(name: &str) -> Kind {
    let plain = name.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    if kind_of(&plain) == Kind::EndToEnd && !is_for_all(&plain) { Kind::EndToEnd } else { Kind::Intermediary }
}

fn folds_to(name: &str, listed: &str) -> bool {
    name.len() == listed.len()
        && name.bytes().zip(listed.bytes()).all(|(a, b)| {
            let fold = |b: u8| if b.is_ascii_alphanumeric() { b.to_ascii_lowercase() } else { b'-' };
            fold(a) == fold(b)
        })
}

/// Whether a field is meant for every recipient. `Connection:` must not name such a field
/// (RFC 9110, 7.6.1), and it may not come as a trailer.
fn is_for_all(name: &str) -> bool {
    matches!(
        name,
        "authorization"
            | "baggage"
            | "cache-control"
            | "cookie"
            | "date"
            | "expect"
            | "host"
            | "idempotency-key"
            | "origin"
            | "pragma"
            | "range"
            | "referer"
            | "set-cookie"
            | "traceparent"
            | "tracestate"
            | "trailer"
            | "user-agent"
            | "vary"
            | "x-api-key"
            | "x-request-id"
    ) || name.starts_with("content-")
        || name.starts_with("accept")
        || name.starts_with("if-")
        || name.starts_with("sec-")
        || name.starts_with("access-control-")
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
