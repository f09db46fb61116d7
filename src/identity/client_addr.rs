//! Where a request comes from: the socket, or what trusted proxies say.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use http::header::HeaderName;

use crate::policy::snapshot::Network;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The client's address.
///
/// `peer` is the socket's. Only if it is a trusted proxy is `X-Forwarded-For` looked at, all its
/// lines as one list, from the right: each hop was written by the one to its right, so it is as good
/// as that one's word. The first hop that is no trusted proxy is the client. What cannot be read
/// ends the walk at the last hop that could: nobody can choose their address by writing rubbish to
/// the left of the real one.
pub fn client_ip(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut last = peer.to_canonical();
    if !is_trusted(last) {
        return last;
    }
    let lines: Vec<_> = headers.get_all(X_FORWARDED_FOR).iter().collect();
    for line in lines.into_iter().rev() {
        let Ok(line) = line.to_str() else { return last };
        for hop in line.rsplit(',') {
            let Some(address) = read_hop(hop) else { return last };
            last = address;
            if !is_trusted(address) {
                return last;
            }
        }
    }
    last
}

/// An address, perhaps with a port, which some proxies add; IPv6 with or without brackets.
fn read_hop(text: &str) -> Option<IpAddr> {
    let text = text.trim_matches([' ', '\t']);
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    let address = text
        .parse::<IpAddr>()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
        .or_else(bracketed)?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn check(peer: &str, lines: &[&str], expected: &str) {
        let trusted = [Network::parse("10.0.0.0/8").unwrap(), Network::parse("2001:db8::/32").unwrap()];
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        let found = client_ip(peer.parse().unwrap(), &headers, &trusted);
        assert_eq!(found, expected.parse::<IpAddr>().unwrap(), "{peer} {lines:?}");
    }

    #[test]
    fn a_stranger_cannot_name_its_own_address() {
        check("203.0.113.9", &["198.51.100.1"], "203.0.113.9");
        check("::ffff:203.0.113.9", &["198.51.100.1"], "203.0.113.9");
        check("203.0.113.9", &[], "203.0.113.9");
    }

    #[test]
    fn behind_trusted_proxies_the_first_untrusted_hop_from_the_right_is_the_client() {
        check("10.0.0.1", &["198.51.100.1"], "198.51.100.1");
        check("10.0.0.1", &["1.1.1.1, 198.51.100.1, 10.9.9.9"], "198.51.100.1");
        check("::ffff:10.0.0.1", &["198.51.100.1"], "198.51.100.1");
        check("2001:db8::1", &["2001:bad::7"], "2001:bad::7");
        check("10.0.0.1", &["::ffff:198.51.100.1"], "198.51.100.1");
    }

    #[test]
    fn several_header_lines_are_one_list() {
        check("10.0.0.1", &["1.1.1.1", "198.51.100.1, 10.0.0.3", "10.0.0.2"], "198.51.100.1");
    }

    #[test]
    fn ports_and_brackets_are_read() {
        check("10.0.0.1", &["198.51.100.1:4711"], "198.51.100.1");
        check("10.0.0.1", &["[2001:bad::7]:4711"], "2001:bad::7");
        check("10.0.0.1", &["[2001:bad::7]"], "2001:bad::7");
    }

    #[test]
    fn rubbish_ends_the_walk_at_the_last_good_hop() {
        check("10.0.0.1", &["unknown"], "10.0.0.1");
        check("10.0.0.1", &["198.51.100.1, , 10.0.0.2"], "10.0.0.2");
        check("10.0.0.1", &["198.51.100.1, 10.0.0.300"], "10.0.0.1");
        check("10.0.0.1", &["198.51.100.1,\u{fc}, 10.0.0.2"], "10.0.0.1");
        check("10.0.0.1", &["198.51.100.1", ""], "10.0.0.1");
        check("10.0.0.1", &["198.51.100.1; 10.0.0.2"], "10.0.0.1");
    }

    #[test]
    fn a_chain_of_trusted_proxies_alone_ends_at_its_far_end() {
        check("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3");
        check("10.0.0.1", &[], "10.0.0.1");
    }
}
