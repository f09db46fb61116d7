//! The forms in which a person or an address is shown where it must be possible to tell which lines
//! belong together.
//!
//! A pseudonym is the beginning of an HMAC-SHA-256 (RFC 2104) under a key that is derived from the first
//! code key: the same on all replicas, and not to be reversed by trying all addresses without that key.
//! When the first code key changes, so do the pseudonyms.

use std::fmt;
use std::net::IpAddr;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::id::{Reference, hex};
use super::subject::{ClientAddr, Subject};

/// How many bytes of the HMAC are kept: among a million people the chance that two share a pseudonym is
/// one in thirty million.
const LENGTH: usize = 8;

/// How a caller is written into audit lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SubjectForm {
    /// As the token has it; what looks like an address masked, with its pseudonym.
    #[default]
    Plain,
    /// The pseudonym alone.
    Hash,
}

/// How a client's address is written into audit lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientForm {
    /// As it is.
    Full,
    /// Its network: /24 for IPv4, /48 for IPv6.
    Masked,
    /// The pseudonym of what limits count: the address, or the /64 network for IPv6.
    #[default]
    Hash,
}

/// `audit` of the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AuditForms {
    /// Callers.
    pub subject: SubjectForm,
    /// Client addresses.
    pub client: ClientForm,
}

/// Makes pseudonyms.
pub struct Pseudonyms {
    key: Zeroizing<[u8; 32]>,
}

impl Pseudonyms {
    /// Under this key.
    pub fn new(key: Zeroizing<[u8; 32]>) -> Self {
        Self { key }
    }

    /// A caller's pseudonym: `#` and 16 hexadecimal digits.
    pub fn subject(&self, subject: &Subject) -> String {
        self.of("subject", subject.as_str())
    }

    /// The pseudonym of a challenge's handle. A client may present anything as one, so it is not shown.
    pub fn reference(&self, reference: &Reference) -> String {
        self.of("reference", reference.as_str())
    }

    /// The pseudonym of a client, as limits count it.
    pub fn client(&self, client: ClientAddr) -> String {
        self.of("client", &client.to_string())
    }

    /// A caller in lines for people: as the token has it, or `j***@example.com#1f2e3d4c5b6a7988` when
    /// that looks like an address.
    pub fn shown(&self, subject: &Subject) -> String {
        let masked = subject.masked();
        if masked == subject.as_str() { masked } else { masked + &self.subject(subject) }
    }

    /// A caller in the form that the policy asks for.
    pub fn subject_as(&self, form: SubjectForm, subject: &Subject) -> String {
        match form {
            SubjectForm::Plain => self.shown(subject),
            SubjectForm::Hash => self.subject(subject),
        }
    }

    /// A client's address in the form that the policy asks for.
    pub fn client_as(&self, form: ClientForm, address: IpAddr) -> String {
        match (form, address.to_canonical()) {
            (ClientForm::Full, address) => address.to_string(),
            (ClientForm::Hash, address) => self.client(ClientAddr::of(address)),
            (ClientForm::Masked, IpAddr::V4(address)) => {
                let [a, b, c, _] = address.octets();
                format!("{a}.{b}.{c}.0/24")
            }
            (ClientForm::Masked, IpAddr::V6(address)) => {
                let [a, b, c, ..] = address.segments();
                format!("{}/48", std::net::Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
            }
        }
    }

    fn of(&self, kind: &str, text: &str) -> String {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.key.as_ref()).expect("HMAC takes keys of any length");
        for part in [kind, text] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        let digest = mac.finalize().into_bytes();
        format!("#{}", hex(digest.get(..LENGTH).unwrap_or_default()))
    }
}

impl fmt::Debug for Pseudonyms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pseudonyms(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn under(key: u8) -> Pseudonyms {
        Pseudonyms::new(Zeroizing::new([key; 32]))
    }

    fn subject(text: &str) -> Subject {
        Subject::parse(text).unwrap()
    }

    #[test]
    fn two_people_with_like_addresses_are_told_apart_and_neither_is_shown() {
        let names = under(1);
        let [jane, john] = ["jane@example.com", "john@example.com"].map(|text| names.shown(&subject(text)));
        assert_ne!(jane, john);
        for shown in [&jane, &john] {
            let (masked, pseudonym) = shown.split_once('#').unwrap();
            assert_eq!((masked, pseudonym.len()), ("j***@example.com", 16));
        }
        assert_eq!(jane, under(1).shown(&subject("jane@example.com")), "it is the same everywhere");
        assert_ne!(jane, under(2).shown(&subject("jane@example.com")), "it depends on the key");
    }

    #[test]
    fn an_id_that_is_no_address_is_shown_as_it_is_unless_the_policy_says_otherwise() {
        let (names, id) = (under(1), subject("user-17"));
        assert_eq!(names.subject_as(SubjectForm::Plain, &id), "user-17");
        let hidden = names.subject_as(SubjectForm::Hash, &id);
        assert!(hidden.starts_with('#') && hidden.len() == 17 && !hidden.contains("17user"), "{hidden}");
    }

    #[test]
    fn kinds_of_things_do_not_share_pseudonyms() {
        let names = under(1);
        let text = "FUND-1705948200123";
        assert_ne!(names.subject(&subject(text)), names.reference(&Reference::parse(text).unwrap()));
    }

    #[test]
    fn a_clients_address_is_shown_whole_or_by_its_network_or_as_limits_count_it() {
        let names = under(1);
        let at = |form, text: &str| names.client_as(form, text.parse().unwrap());
        assert_eq!(at(ClientForm::Full, "::ffff:203.0.113.77"), "203.0.113.77");
        assert_eq!(at(ClientForm::Masked, "203.0.113.77"), "203.0.113.0/24");
        assert_eq!(at(ClientForm::Masked, "2001:db8:1:2::77"), "2001:db8:1::/48");
        assert_eq!(at(ClientForm::Hash, "2001:db8::1"), at(ClientForm::Hash, "2001:db8::2"));
        assert_ne!(at(ClientForm::Hash, "203.0.113.77"), at(ClientForm::Hash, "203.0.113.78"));
    }
}
