//! Who is asking, where a code goes, and where a request comes from: three kinds of personal data,
//! each with the only forms in which it may be shown.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use super::id::InvalidId;

/// The authenticated caller: the value of one claim of a verified token, never a body field.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject(Arc<str>);

impl Subject {
    /// Checks a claim's value.
    ///
    /// # Errors
    /// When it is empty, longer than 256 bytes or contains control characters.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        if text.is_empty() || text.len() > 256 || text.chars().any(char::is_control) {
            Err(InvalidId { expected: "1 to 256 bytes without control characters" })
        } else {
            Ok(Self(Arc::from(text)))
        }
    }

    /// The claim's value, for keys and digests. Logs use [`Subject::masked`].
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form for logs: itself, or masked when it looks like an address.
    pub fn masked(&self) -> String {
        if self.0.contains('@') { mask_address(&self.0) } else { self.0.to_string() }
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

/// The address that a code is sent to. Always a claim of the caller's token.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Recipient(Arc<str>);

impl Recipient {
    /// Checks the outer form of an address; the relay has the last word on the rest.
    ///
    /// # Errors
    /// When it is not `local@domain` of printable characters without spaces, at most 254 bytes
    /// (RFC 5321, section 4.5.3.1).
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let plain = text.len() <= 254
            && !text
                .chars()
                .any(|c| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>' | ',' | ';'));
        let parts = text.rsplit_once('@');
        match parts {
            Some((local, domain))
                if plain && !local.is_empty() && !domain.is_empty() && !local.contains('@') =>
            {
                Ok(Self(Arc::from(text)))
            }
            _ => Err(InvalidId { expected: "one e-mail address" }),
        }
    }

    /// The whole address, for the relay.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form for logs: the first letter and the domain.
    pub fn masked(&self) -> String {
        mask_address(&self.0)
    }

    /// Whether a client's spelling means this address (case aside).
    pub fn is_spelled(&self, text: &str) -> bool {
        self.0.to_lowercase() == text.trim().to_lowercase()
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

/// `u***@example.com`: enough to recognise one's own address, not enough to write to it.
pub fn mask_address(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((local, domain)) => {
            let first = local.chars().next().map(String::from).unwrap_or_default();
            format!("{first}***@{domain}")
        }
        None => "***".to_owned(),
    }
}

/// A line of text with every word that looks like an address masked.
pub fn mask_addresses(text: &str) -> String {
    let word = |word: &str| if word.contains('@') { mask_address(word) } else { word.to_owned() };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// A client's address as limits count it: IPv4 as it is, IPv6 by its /64 network, because one
/// customer usually holds that many addresses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientAddr(IpAddr);

impl ClientAddr {
    /// The unit that `address` is counted as.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(IpAddr::V4(v4)),
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                Self(IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)))
            }
        }
    }

    /// The address, or the network's first address.
    pub fn ip(self) -> IpAddr {
        self.0
    }
}

impl fmt::Display for ClientAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for ClientAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_ipv4() { "ClientAddr(v4)" } else { "ClientAddr(v6)" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_never_show_whole_in_debug_output() {
        let subject = Subject::parse("jane@example.com").unwrap();
        let recipient = Recipient::parse("jane@example.com").unwrap();
        assert_eq!(format!("{subject:?} {recipient:?}"), "j***@example.com j***@example.com");
        assert_eq!(Subject::parse("65f1c0ffee").unwrap().masked(), "65f1c0ffee");
    }

    #[test]
    fn a_subject_is_any_short_text_that_fits_on_one_line() {
        for good in ["a", "auth0|65f1 c0", "ümlaut", &"a".repeat(256)] {
            assert_eq!(Subject::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "a\nb", "a\u{7f}", &"a".repeat(257)] {
            assert!(Subject::parse(bad).is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn a_recipient_is_one_address_of_the_length_that_mail_can_carry() {
        for good in ["jane@example.com", "a@b", &format!("{}@b", "a".repeat(252))] {
            assert_eq!(Recipient::parse(good).unwrap().as_str(), good);
        }
        assert!(Recipient::parse(&format!("{}@b", "a".repeat(253))).is_err());
    }

    #[test]
    fn a_recipient_is_the_same_in_another_case() {
        let recipient = Recipient::parse("Jane@example.com").unwrap();
        assert!(recipient.is_spelled(" jane@EXAMPLE.com "));
        assert!(!recipient.is_spelled("jane@example.org"));
    }

    #[test]
    fn a_masked_address_keeps_its_first_letter_and_its_domain() {
        for (address, masked) in [("jane@example.com", "j***@example.com"), ("@b", "***@b"), ("none", "***")]
        {
            assert_eq!(mask_address(address), masked);
        }
    }

    #[test]
    fn addresses_within_a_text_are_masked_and_the_rest_stays() {
        let text = "called by jane@example.com, ticket 4711";
        assert_eq!(mask_addresses(text), "called by j***@example.com, ticket 4711");
        assert_eq!(mask_addresses("a@b,c@d"), "a***@d");
        assert_eq!(mask_addresses("  none "), "  none ");
    }

    #[test]
    fn a_recipient_cannot_smuggle_headers_or_further_addresses() {
        for bad in
            ["", "a", "@b", "a@", "a@b\r\nBcc: c@d", "a@b,c@d", "a b@c", "<a@b", "a@b>", "a@b@c", "a@b;c"]
        {
            assert!(Recipient::parse(bad).is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn ipv6_counts_by_network_and_mapped_ipv4_as_ipv4() {
        let of = |text: &str| ClientAddr::of(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:aaaa::1"), of("2001:db8:1:2::2"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_eq!(of("2001:db8:1:2:aaaa::1").to_string(), "2001:db8:1:2::");
        assert_eq!(of("::ffff:192.0.2.1").ip().to_string(), "192.0.2.1");
    }
}
