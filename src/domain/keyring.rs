//! The keys under which codes are digested, and their rotation.
//!
//! A six-digit code has a million values: a plain hash of it is reversed in milliseconds. So the
//! store only ever holds HMAC-SHA-256 (RFC 2104) under a key it never sees, over the key id, the
//! subject, the reference and the code. A digest copied to another person's challenge, or to another
//! challenge of the same person, matches nothing.

use std::fmt;

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::code::Code;
use super::id::{InvalidId, Reference, hex};
use super::pseudonym::Pseudonyms;
use super::subject::Subject;

/// What the digest key is derived for (the `info` of HKDF, RFC 5869). Changing it makes every code
/// in every store unreadable.
const DIGEST_PURPOSE: &[u8] = b"otp-sidecar code digest v1";

/// What the print of a key is derived for.
const PRINT_PURPOSE: &[u8] = b"otp-sidecar key print v1";

/// What the key of pseudonyms is derived for.
const PSEUDONYM_PURPOSE: &[u8] = b"otp-sidecar pseudonyms v1";

/// The public name of a key: 1 to 16 letters, digits, `-` or `_`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(std::sync::Arc<str>);

impl KeyId {
    /// Checks a key's name.
    ///
    /// # Errors
    /// When it does not have the form above.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let fits = (1..=16).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if fits {
            Ok(Self(std::sync::Arc::from(text)))
        } else {
            Err(InvalidId { expected: "1 to 16 letters, digits, '-' or '_'" })
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes a name as it is stored beside a digest: with a print of the key, or without from an older version.
    ///
    /// # Errors
    /// When it has neither form.
    pub fn stored(text: &str) -> Result<Self, InvalidId> {
        match text.split_once('.') {
            None => Self::parse(text),
            Some((name, print)) => {
                let is_print = print.len() == 8 && print.bytes().all(|b| b.is_ascii_hexdigit());
                Self::parse(name).ok().filter(|_| is_print).map(|_| Self(text.into())).ok_or(InvalidId {
                    expected: "the name of a key, perhaps with a point and 8 hexadecimal digits",
                })
            }
        }
    }

    /// The name with a print of the key: two keys under one name, which replicas have when each made its
    /// own, are told apart by it. It says nothing of the key, being derived one way.
    fn with_print(&self, secret: &[u8; 32]) -> Self {
        let print = derive(secret, PRINT_PURPOSE);
        Self(format!("{}.{}", self.0, hex(&print[..4])).into())
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A keyed digest of one code, with the name of the key that made it.
#[derive(Clone)]
pub struct Digest {
    /// The key that made it: its name and its print.
    pub kid: KeyId,
    /// HMAC-SHA-256.
    pub mac: [u8; 32],
}

impl Digest {
    /// Whether both come from one key and one code. Takes the same time wherever they differ.
    pub fn matches(&self, other: &Self) -> bool {
        self.kid == other.kid && bool::from(self.mac.ct_eq(&other.mac))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({:?})", self.kid)
    }
}

struct Key {
    kid: KeyId,
    printed: KeyId,
    digest_key: Zeroizing<[u8; 32]>,
}

/// The configured keys: the first signs, all of them verify.
pub struct Keyring {
    keys: Vec<Key>,
    pseudonym_key: Zeroizing<[u8; 32]>,
}

impl Keyring {
    /// Derives the working keys from the configured ones, newest first. `None` without any key.
    pub fn new(keys: impl IntoIterator<Item = (KeyId, Zeroizing<[u8; 32]>)>) -> Option<Self> {
        let mut pseudonym_key = None;
        let keys: Vec<Key> = keys
            .into_iter()
            .map(|(kid, secret)| {
                pseudonym_key.get_or_insert_with(|| derive(&secret, PSEUDONYM_PURPOSE));
                let printed = kid.with_print(&secret);
                Key { kid, printed, digest_key: derive(&secret, DIGEST_PURPOSE) }
            })
            .collect();
        pseudonym_key.map(|pseudonym_key| Self { keys, pseudonym_key })
    }

    /// Names for people and addresses, under a key derived from the signing one.
    pub fn pseudonyms(&self) -> Pseudonyms {
        Pseudonyms::new(self.pseudonym_key.clone())
    }

    /// The digest under which a new code is stored.
    pub fn sign(&self, subject: &Subject, reference: &Reference, code: &Code) -> Digest {
        digest(&self.keys[0], subject, reference, code)
    }

    /// The digests that a presented code could have been stored under: one for each key.
    pub fn candidates(&self, subject: &Subject, reference: &Reference, code: &Code) -> Vec<Digest> {
        self.keys.iter().map(|key| digest(key, subject, reference, code)).collect()
    }

    /// The names of the keys, the signing one first.
    pub fn ids(&self) -> impl Iterator<Item = &KeyId> {
        self.keys.iter().map(|key| &key.kid)
    }

    /// The names of the keys with their prints, `k1.1f2e3d4c`: where they are equal, the keys are.
    pub fn prints(&self) -> impl Iterator<Item = &KeyId> {
        self.keys.iter().map(|key| &key.printed)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.ids()).finish()
    }
}

fn derive(secret: &[u8; 32], purpose: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0_u8; 32]);
    Hkdf::<Sha256>::new(None, secret)
        .expand(purpose, key.as_mut())
        .expect("32 bytes are within what HKDF-SHA-256 can give");
    key
}

/// Every part is preceded by its length, so that no two different inputs are digested alike.
fn digest(key: &Key, subject: &Subject, reference: &Reference, code: &Code) -> Digest {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key.digest_key.as_ref()).expect("HMAC takes keys of any length");
    for part in [key.kid.as_str(), subject.as_str(), reference.as_str(), code.expose()] {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part.as_bytes());
    }
    Digest { kid: key.printed.clone(), mac: mac.finalize().into_bytes().into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(ids: &[&str]) -> Keyring {
        let key = |id: &&str| (KeyId::parse(id).unwrap(), Zeroizing::new([id.as_bytes()[0]; 32]));
        Keyring::new(ids.iter().map(key)).unwrap()
    }

    fn case(subject: &str, reference: &str, code: &str) -> (Subject, Reference, Code) {
        (
            Subject::parse(subject).unwrap(),
            Reference::parse(reference).unwrap(),
            Code::presented(code, None).unwrap(),
        )
    }

    #[test]
    fn a_key_has_a_short_plain_name() {
        for good in ["a", "2026-11_B", &"a".repeat(16)] {
            assert_eq!(KeyId::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "a:b", "a b", "ä", &"a".repeat(17)] {
            assert!(KeyId::parse(bad).is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn a_stored_name_of_a_key_has_its_print_or_none() {
        for good in ["a", "k1.1f2e3d4c"] {
            assert_eq!(KeyId::stored(good).unwrap().as_str(), good);
        }
        for print in ring(&["b"]).prints() {
            assert_eq!(KeyId::stored(print.as_str()).as_ref(), Ok(print));
        }
        for bad in ["", ".1f2e3d4c", "k1.", "k1.1f2e3d4", "k1.1f2e3d4x", "k1.1f2e3d4c.5"] {
            assert!(KeyId::stored(bad).is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn a_keyring_has_at_least_one_key_and_names_them_in_order() {
        assert!(Keyring::new([]).is_none());
        let names: Vec<_> = ring(&["b", "a"]).ids().map(|kid| kid.as_str().to_owned()).collect();
        assert_eq!(names, ["b", "a"]);
    }

    #[test]
    fn a_digest_holds_for_one_subject_one_reference_and_one_code() {
        let ring = ring(&["a"]);
        let (subject, reference, code) = case("u1", "FUND-1", "603645");
        let signed = ring.sign(&subject, &reference, &code);
        for (s, r, c) in [("u2", "FUND-1", "603645"), ("u1", "FUND-2", "603645"), ("u1", "FUND-1", "603646")]
        {
            let (subject, reference, code) = case(s, r, c);
            assert!(!ring.candidates(&subject, &reference, &code)[0].matches(&signed));
        }
        assert!(ring.candidates(&subject, &reference, &code)[0].matches(&signed));
    }

    /// Computed by another program. When this fails, no code that is stored anywhere can be read any more.
    #[test]
    fn the_digest_is_hmac_under_a_key_that_hkdf_derives_from_the_secret() {
        let secret = std::array::from_fn(|index| index as u8);
        let ring = Keyring::new([(KeyId::parse("k1").unwrap(), Zeroizing::new(secret))]).unwrap();
        let (subject, reference, code) = case("u1", "FUND-1", "603645");
        assert_eq!(
            crate::domain::id::hex(&ring.sign(&subject, &reference, &code).mac),
            "d131f213e7c69c91a452d7e5158fc4eea2bc313ea142e95d36b661221dfb50d9"
        );
    }

    #[test]
    fn parts_cannot_be_shifted_into_one_another() {
        let ring = ring(&["a"]);
        let (s1, r1, code) = case("u1", "FUND-12", "603645");
        let (s2, r2, _) = case("u1F", "UND-12", "603645");
        assert!(!ring.sign(&s1, &r1, &code).matches(&ring.sign(&s2, &r2, &code)));
    }

    #[test]
    fn an_older_key_still_verifies_after_rotation() {
        let (subject, reference, code) = case("u1", "FUND-1", "603645");
        let signed = ring(&["a"]).sign(&subject, &reference, &code);
        let rotated = ring(&["b", "a"]);
        assert!(rotated.candidates(&subject, &reference, &code).iter().any(|d| d.matches(&signed)));
        assert_eq!(Some(&rotated.sign(&subject, &reference, &code).kid), rotated.prints().next());
    }

    #[test]
    fn two_keys_under_one_name_are_told_apart() {
        let print = |byte: u8| {
            let key = (KeyId::parse("k1").unwrap(), Zeroizing::new([byte; 32]));
            let ring = Keyring::new([key]).unwrap();
            let (subject, reference, code) = case("u1", "FUND-1", "603645");
            let print = ring.prints().next().unwrap().clone();
            assert_eq!(ring.sign(&subject, &reference, &code).kid, print);
            assert_eq!(ring.ids().next().unwrap().as_str(), "k1");
            print.as_str().to_owned()
        };
        assert_eq!(print(1), print(1));
        assert_ne!(print(1), print(2));
        assert!(print(1).starts_with("k1.") && print(1).len() == 11, "{}", print(1));
    }

    #[test]
    fn one_key_under_two_names_gives_two_digests() {
        let secret = || Zeroizing::new([7; 32]);
        let ring =
            Keyring::new([(KeyId::parse("a").unwrap(), secret()), (KeyId::parse("b").unwrap(), secret())])
                .unwrap();
        let (subject, reference, code) = case("u1", "FUND-1", "603645");
        let both = ring.candidates(&subject, &reference, &code);
        assert_ne!(both[0].mac, both[1].mac);
    }
}
