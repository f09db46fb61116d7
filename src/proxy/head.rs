//! Which requests may be forwarded at all. What two readers could read differently is refused here,
//! before anything is decided on it. The HTTP parser has already refused what is no HTTP/1 (folded
//! lines, NUL and bare CR in headers, broken lengths, spaces before colons, the HTTP/2 preface).

use http::header::{HOST, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, Uri, Version};

use super::headers::{Mark, Survey};

/// Why a request is refused because of its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// CONNECT: this is no tunnel.
    Connect,
    /// Neither HTTP/1.0 nor HTTP/1.1.
    Version,
    /// The target is neither a path, nor an `http` URL, nor `*` with OPTIONS, or not ASCII.
    Target,
    /// No Host in HTTP/1.1 (RFC 9112, 3.2).
    NoHost,
    /// More than one Host.
    ManyHosts,
    /// A Host that is no host and port. Some frameworks read a path out of it.
    BadHost,
    /// A transfer coding other than `chunked`, or more than one (RFC 9112, 6.1).
    TransferCoding,
    /// `Upgrade: h2c`: what follows would be HTTP/2, which nobody here judges.
    H2c,
}

impl Refusal {
    /// What is wrong, as a sentence for the client.
    pub fn details(self) -> &'static str {
        match self {
            Self::Connect => "CONNECT is not supported.",
            Self::Version => "Only HTTP/1.1 and HTTP/1.0 are supported.",
            Self::Target => "The request target is not a path.",
            Self::NoHost => "The Host header is missing.",
            Self::ManyHosts => "There is more than one Host header.",
            Self::BadHost => "The Host header is not a host and port.",
            Self::TransferCoding => "The only transfer coding supported is chunked.",
            Self::H2c => "Upgrading to HTTP/2 is not supported.",
        }
    }
}

/// Checks the head of a request as it arrived, and says which headers it has.
///
/// # Errors
/// The first reason to refuse it.
pub fn check(
    method: &Method,
    target: &Uri,
    version: Version,
    headers: &HeaderMap,
) -> Result<Survey, Refusal> {
    if method == Method::CONNECT {
        return Err(Refusal::Connect);
    }
    if version != Version::HTTP_11 && version != Version::HTTP_10 {
        return Err(Refusal::Version);
    }
    check_target(method, target)?;
    let survey = Survey::of(headers);
    check_host(target, version, headers)?;
    if survey.has(Mark::TransferEncoding) {
        check_framing(headers)?;
    }
    if survey.has(Mark::Upgrade) && headers.get_all(UPGRADE).iter().any(names_h2c) {
        return Err(Refusal::H2c);
    }
    Ok(survey)
}

fn check_target(method: &Method, target: &Uri) -> Result<(), Refusal> {
    // RFC 3986 has no such bytes. Servers that refuse them close their connection, servers that take them
    // read them in different ways.
    let is_ascii = target.path_and_query().is_none_or(|target| target.as_str().is_ascii());
    let is_fine = is_ascii
        && match (target.scheme_str(), target.authority()) {
            (None, None) => {
                target.path().starts_with('/') || (target.path() == "*" && method == Method::OPTIONS)
            }
            (Some("http" | "https"), Some(authority)) => is_host(authority.as_str().as_bytes()),
            _ => false,
        };
    if is_fine { Ok(()) } else { Err(Refusal::Target) }
}

fn check_host(target: &Uri, version: Version, headers: &HeaderMap) -> Result<(), Refusal> {
    let mut hosts = headers.get_all(HOST).iter();
    let Some(host) = hosts.next() else {
        let needs_none = version == Version::HTTP_10 || target.authority().is_some();
        return if needs_none { Ok(()) } else { Err(Refusal::NoHost) };
    };
    if hosts.next().is_some() {
        return Err(Refusal::ManyHosts);
    }
    if is_host(host.as_bytes()) { Ok(()) } else { Err(Refusal::BadHost) }
}

fn check_framing(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let Some(coding) = codings.next() else { return Ok(()) };
    // A length beside it is not here any more: the parser drops it (RFC 9112, 6.3), and what is forwarded
    // gets its framing anew.
    if codings.next().is_some() || !coding.as_bytes().eq_ignore_ascii_case(b"chunked") {
        return Err(Refusal::TransferCoding);
    }
    Ok(())
}

/// Letters, digits and what may stand in a name, an address or a port. Nothing that ends a host for
/// one reader and not for another.
fn is_host(host: &[u8]) -> bool {
    let is_part = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'_' | b'[' | b']');
    !host.is_empty() && host.iter().all(is_part)
}

fn names_h2c(value: &HeaderValue) -> bool {
    value.as_bytes().split(|b| *b == b',').any(|name| {
        let name = name.trim_ascii();
        name.get(..2).is_some_and(|start| start.eq_ignore_ascii_case(b"h2"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: &str, target: &str, headers: &[(&str, &str)]) -> Result<(), Refusal> {
        check_version(method, target, Version::HTTP_11, headers)
    }

    fn check_version(
        method: &str,
        target: &str,
        version: Version,
        headers: &[(&str, &str)],
    ) -> Result<(), Refusal> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                http::HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        super::check(&method, &target.parse().unwrap(), version, &map).map(drop)
    }

    #[test]
    fn ordinary_requests_are_fine() {
        let host = ("host", "wallet.example:8080");
        assert_eq!(check("GET", "/", &[host]), Ok(()));
        assert_eq!(check("TRACE", "/a?b=c", &[("host", "[::1]:80")]), Ok(()));
        assert_eq!(check("OPTIONS", "*", &[host]), Ok(()));
        assert_eq!(check("GET", "http://other.example/a", &[host]), Ok(()));
        assert_eq!(check("POST", "/", &[host, ("transfer-encoding", "Chunked")]), Ok(()));
        assert_eq!(check("GET", "/", &[host, ("upgrade", "websocket")]), Ok(()));
        assert_eq!(check_version("GET", "/", Version::HTTP_10, &[]), Ok(()));
    }

    #[test]
    fn bytes_that_no_target_has_are_refused() {
        let host = ("host", "a");
        assert_eq!(check("GET", "/caf\u{e9}", &[host]), Err(Refusal::Target));
        assert_eq!(check("GET", "/a?b=\u{e9}", &[host]), Err(Refusal::Target));
        assert_eq!(check("GET", "/caf%C3%A9", &[host]), Ok(()));
    }

    #[test]
    fn a_host_is_one_host_and_nothing_else() {
        assert_eq!(check("GET", "/", &[]), Err(Refusal::NoHost));
        assert_eq!(check("GET", "/", &[("host", "a"), ("host", "a")]), Err(Refusal::ManyHosts));
        for bad in ["", "a/b", "a?b", "a#b", "u@a", "a b", "a\\b", "a,b", "a\tb", "a%2fb", "a;b"] {
            assert_eq!(check("GET", "/", &[("host", bad)]), Err(Refusal::BadHost), "{bad:?}");
        }
    }

    #[test]
    fn targets_that_are_no_path_are_refused() {
        let host = ("host", "a");
        assert_eq!(check("GET", "*", &[host]), Err(Refusal::Target));
        assert_eq!(check("GET", "wallet.example", &[host]), Err(Refusal::Target));
        assert_eq!(check("GET", "ftp://wallet.example/", &[host]), Err(Refusal::Target));
        assert_eq!(check("GET", "http://u:p@wallet.example/", &[host]), Err(Refusal::Target));
        assert_eq!(check("CONNECT", "wallet.example:443", &[host]), Err(Refusal::Connect));
    }

    #[test]
    fn framing_that_two_readers_may_read_differently_is_refused() {
        let host = ("host", "a");
        let chunked = ("transfer-encoding", "chunked");
        assert_eq!(check("POST", "/", &[host, chunked, chunked]), Err(Refusal::TransferCoding));
        for coding in ["gzip, chunked", "chunked, identity", "identity", "xchunked", "chunked;a=b", ""] {
            let refused = check("POST", "/", &[host, ("transfer-encoding", coding)]);
            assert_eq!(refused, Err(Refusal::TransferCoding), "{coding:?}");
        }
    }

    #[test]
    fn nobody_gets_from_here_to_http_2() {
        for upgrade in ["h2c", "H2C", "websocket, h2c", "h2"] {
            assert_eq!(check("GET", "/", &[("host", "a"), ("upgrade", upgrade)]), Err(Refusal::H2c));
        }
        assert_eq!(check_version("GET", "/", Version::HTTP_2, &[]), Err(Refusal::Version));
    }
}
