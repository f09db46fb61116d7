//! What kind of header a name is, and which kinds a request has.

use http::HeaderMap;
use http::header::{FORWARDED, HOST, HeaderName, ORIGIN, TRAILER, TRANSFER_ENCODING};

/// Who a header is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    EndToEnd,
    Connection,
    Te,
    Upgrade,
    Hop,
    Intermediary,
    Origin,
}

/// A header, or a kind of header, that somebody looks for in requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// `Host`.
    Host = 1,
    /// `Transfer-Encoding`.
    TransferEncoding = 2,
    /// `Upgrade`.
    Upgrade = 4,
    /// `Origin`.
    Origin = 8,
    /// `Trailer`.
    Trailer = 16,
    /// One that does not simply pass, whatever the policy adds to those.
    Special = 32,
}

/// Which headers a request has, found in one pass: looking up each of them would cost more than all that is
/// done with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Survey(u8);

impl Survey {
    /// Of these headers, as they are now.
    pub fn of(headers: &HeaderMap) -> Self {
        Self(headers.keys().fold(0, |seen, name| seen | marks_of(name)))
    }

    /// Whether there is one like this.
    pub fn has(self, mark: Mark) -> bool {
        self.0 & mark as u8 != 0
    }

    /// Whether each header passes as it is, unless the policy says otherwise.
    pub(super) fn is_plain(self) -> bool {
        !self.has(Mark::Special) && !self.has(Mark::Trailer)
    }
}

fn marks_of(name: &HeaderName) -> u8 {
    match kind_of(name.as_str()) {
        Kind::EndToEnd if *name == HOST => Mark::Host as u8,
        Kind::EndToEnd if *name == ORIGIN => Mark::Origin as u8,
        Kind::EndToEnd if *name == TRAILER => Mark::Trailer as u8,

        Kind::EndToEnd => 0,
        Kind::Upgrade => Mark::Upgrade as u8 | Mark::Special as u8,
        Kind::Hop if *name == TRANSFER_ENCODING => Mark::TransferEncoding as u8 | Mark::Special as u8,
        Kind::Hop | Kind::Connection | Kind::Te | Kind::Intermediary | Kind::Origin => Mark::Special as u8,
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
pub(super) fn kind_of(name: &str) -> Kind {
    let bytes = name.as_bytes();
    // Without a way out in between: names are short.
    if !bytes.iter().fold(true, |all, b| all & ORDINARY[usize::from(*b)]) {
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
        Some(b't') if name == TRANSFER_ENCODING.as_str() => Kind::Hop,
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
#[cold]
#[inline(never)]
fn kind_of_folded(name: &str) -> Kind {
    let plain = name.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    if kind_of(&plain) == Kind::EndToEnd && !is_for_all(&plain) { Kind::EndToEnd } else { Kind::Intermediary }
}

pub(super) fn folds_to(name: &str, listed: &str) -> bool {
    name.len() == listed.len()
        && name.bytes().zip(listed.bytes()).all(|(a, b)| {
            let fold = |b: u8| if b.is_ascii_alphanumeric() { b.to_ascii_lowercase() } else { b'-' };
            fold(a) == fold(b)
        })
}

/// Whether a field is meant for every recipient. `Connection:` must not name such a field
/// (RFC 9110, 7.6.1), and it may not come as a trailer.
pub(super) fn is_for_all(name: &str) -> bool {
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
