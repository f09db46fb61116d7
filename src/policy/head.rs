//! Request heads that mean one thing to this proxy and could mean another to the server behind it.

use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, Method, Uri};

/// Refuses a request head whose target or `Host` is not plain. `None` for a head that may go on; otherwise
/// a sentence for the client of a 400.
///
/// The target must be a path or an absolute `http` or `https` URL (`*` only for OPTIONS). There is at most
/// one `Host`, and both it and the authority of an absolute target are a host and an optional port, nothing
/// more: no user, no path, no spaces (RFC 9110, section 7.2; RFC 9112, section 3.2).
pub fn refuse_head(method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let refusal = match (uri.scheme_str(), uri.authority(), uri.path()) {
        _ if method == Method::CONNECT => "CONNECT is not served",
        (None, None, "*") if method == Method::OPTIONS => return refuse_host(headers),
        (None, None, path) if path.starts_with('/') => return refuse_host(headers),
        (Some("http" | "https"), Some(authority), path) if path.starts_with('/') => {
            if is_plain_authority(authority) {
                return refuse_host(headers);
            }
            "the target has more than a host and a port before its path"
        }
        _ => "the target is no path",
    };
    Some(refusal.to_owned())
}

fn is_plain_authority(authority: &Authority) -> bool {
    is_host(authority.as_str().as_bytes())
}

fn refuse_host(headers: &HeaderMap) -> Option<String> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(_), Some(_)) => Some("there is more than one Host header".to_owned()),
        (Some(host), None) if !is_host(host.as_bytes()) => Some("the Host header is no host".to_owned()),
        _ => None,
    }
}

/// `name`, `name:port`, `1.2.3.4:port` or `[::1]:port`.
fn is_host(text: &[u8]) -> bool {
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    let (host_is_plain, rest) = match text {
        [b'[', literal @ ..] => {
            let end = literal.iter().position(|b| *b == b']').unwrap_or(literal.len());
            let (address, rest) = literal.split_at(end);
            let plain = !address.is_empty()
                && address.iter().all(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.'));
            (plain && !rest.is_empty(), rest.get(1..).unwrap_or_default())
        }
        _ => {
            let end = text.iter().position(|b| *b == b':').unwrap_or(text.len());
            let (name, rest) = text.split_at(end);
            (!name.is_empty() && name.iter().all(is_name), rest)
        }
    };
    let port_is_plain = match rest {
        [] => true,
        [b':', port @ ..] => port.len() <= 5 && port.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    host_is_plain && port_is_plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn check(method: &Method, target: &str, hosts: &[&'static str], passes: bool) {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(HOST, HeaderValue::from_static(host));
        }
        let uri: Uri = target.parse().unwrap();
        assert_eq!(refuse_head(method, &uri, &headers).is_none(), passes, "{method} {target} {hosts:?}");
    }

    #[test]
    fn ordinary_heads_pass() {
        for host in ["wallet", "wallet:3000", "api.example.com", "127.0.0.1:80", "[::1]:8080", "my_service-1"]
        {
            check(&Method::GET, "/api", &[host], true);
            check(&Method::GET, &format!("http://{host}/api"), &[host], true);
        }
        check(&Method::GET, "/", &[], true);
        check(&Method::OPTIONS, "*", &["wallet"], true);
    }

    #[test]
    fn targets_that_are_no_paths_are_refused() {
        check(&Method::CONNECT, "wallet:443", &["wallet"], false);
        check(&Method::GET, "wallet:443", &["wallet"], false);
        check(&Method::GET, "*", &["wallet"], false);
        check(&Method::GET, "ftp://wallet/api", &["wallet"], false);
        check(&Method::GET, "http://user@wallet/api", &["wallet"], false);
        check(&Method::GET, "http://user:pw@wallet/api", &["wallet"], false);
    }

    #[test]
    fn a_host_header_is_one_host() {
        for host in [
            "",
            "wallet/api/wallet/fund",
            "x/api",
            "a b",
            "a,b",
            "user@wallet",
            "wallet:80:90",
            "wallet:x",
            "[::1",
            "[]",
            "[::1]x",
            "[x]",
            "wallet?x",
            "wallet#x",
            "wallet\\x",
            "wallet:123456",
            ":80",
            "w%61llet",
        ] {
            check(&Method::GET, "/", &[host], false);
        }
        check(&Method::GET, "/", &["wallet", "wallet"], false);
    }
}
