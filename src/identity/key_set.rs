//! JSON Web Key Sets (RFC 7517): which keys of one are usable, and which of them a token means.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

use super::key::{Key, KeyKind};

/// How many keys of a set are looked at.
const MOST_KEYS: usize = 64;

/// Why a document is no key set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeySet {
    /// It is not JSON of the right form.
    #[error("the answer is no JSON Web Key Set")]
    Form,
    /// It has no RSA, P-256 or Ed25519 key for signatures.
    #[error("the key set has no key that could check RS256, ES256 or EdDSA signatures")]
    NoUsableKey,
}

/// The usable keys of a set. Never empty, never a secret.
#[derive(Debug)]
pub struct KeySet {
    keys: Vec<NamedKey>,
}

#[derive(Debug)]
struct NamedKey {
    id: Option<String>,
    key: Key,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

/// A key as it stands in a set (RFC 7517, section 4; RFC 7518, section 6; RFC 8037, section 2).
#[derive(Deserialize)]
struct Entry {
    kty: String,
    #[serde(rename = "use")]
    used_for: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl KeySet {
    /// Reads a set. Keys that are of another kind, for another use or broken are left out, as
    /// RFC 7517, section 5 asks.
    ///
    /// # Errors
    /// When it is no set, or nothing in it is usable.
    pub fn parse(json: &[u8]) -> Result<Self, InvalidKeySet> {
        let document: Document = serde_json::from_slice(json).map_err(|_| InvalidKeySet::Form)?;
        let entries = document.keys.into_iter().take(MOST_KEYS);
        let keys: Vec<_> = entries
            .filter_map(|entry| serde_json::from_value::<Entry>(entry).ok())
            .filter_map(|entry| Some(NamedKey { key: entry.to_key()?, id: entry.kid }))
            .collect();
        if keys.is_empty() { Err(InvalidKeySet::NoUsableKey) } else { Ok(Self { keys }) }
    }

    /// The keys that a token may be signed with: those of its `kid` and kind, or without a `kid` the
    /// only one of its kind. Empty when the set does not know the key.
    pub fn candidates(&self, kid: Option<&str>, kind: KeyKind) -> Vec<&Key> {
        let fitting = self.keys.iter().filter(|named| named.key.kind() == kind);
        match kid {
            Some(kid) => {
                fitting.filter(|named| named.id.as_deref() == Some(kid)).map(|named| &named.key).collect()
            }
            None => {
                let all: Vec<_> = fitting.map(|named| &named.key).collect();
                if all.len() == 1 { all } else { Vec::new() }
            }
        }
    }

    /// How many usable keys there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none, which never happens.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

impl Entry {
    fn to_key(&self) -> Option<Key> {
        let verifies = |ops: &Vec<String>| ops.iter().any(|op| op == "verify");
        if self.used_for.as_deref().is_some_and(|used_for| used_for != "sig")
            || !self.key_ops.as_ref().is_none_or(verifies)
        {
            return None;
        }
        let alg_is = |names: &[&str]| self.alg.as_deref().is_none_or(|alg| names.contains(&alg));
        match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) if alg_is(&["RS256"]) => Key::rsa(&decode(&self.n)?, &decode(&self.e)?),
            ("EC", Some("P-256")) if alg_is(&["ES256"]) => Key::p256(&decode(&self.x)?, &decode(&self.y)?),
            ("OKP", Some("Ed25519")) if alg_is(&["EdDSA", "Ed25519"]) => Key::ed25519(&decode(&self.x)?),
            _ => None,
        }
    }
}

fn decode(text: &Option<String>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text.as_ref()?.trim_end_matches('=')).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(keys: &str) -> Result<KeySet, InvalidKeySet> {
        KeySet::parse(format!("{{\"keys\":[{keys}]}}").as_bytes())
    }

    fn ed(members: &str) -> String {
        let x = URL_SAFE_NO_PAD.encode([7_u8; 32]);
        format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}"{members}}}"#)
    }

    #[test]
    fn keys_for_another_use_are_left_out() {
        for members in [
            "",
            r#","use":"sig""#,
            r#","key_ops":["verify"]"#,
            r#","alg":"EdDSA","kid":"a","x5c":["zz"]"#,
            r#","alg":"Ed25519""#,
        ] {
            assert_eq!(set(&ed(members)).unwrap().len(), 1, "{members}");
        }
        for members in [
            r#","use":"enc""#,
            r#","alg":"ES256""#,
            r#","alg":"ECDH-ES""#,
            r#","key_ops":["encrypt"]"#,
            r#","key_ops":[]"#,
            r#","kid":7"#,
        ] {
            assert_eq!(set(&ed(members)).err(), Some(InvalidKeySet::NoUsableKey), "{members}");
        }
    }

    #[test]
    fn secrets_and_broken_keys_are_left_out_and_the_rest_stays() {
        let small = URL_SAFE_NO_PAD.encode([0xff_u8; 128]);
        let coordinate = URL_SAFE_NO_PAD.encode([1_u8; 31]);
        for key in [
            r#"{"kty":"oct","k":"c2VjcmV0"}"#.to_owned(),
            format!(r#"{{"kty":"RSA","n":"{small}","e":"AQAB"}}"#),
            r#"{"kty":"RSA","n":"","e":"AQAB"}"#.to_owned(),
            r#"{"kty":"RSA"}"#.to_owned(),
            format!(r#"{{"kty":"EC","crv":"P-256","x":"{coordinate}","y":"{coordinate}"}}"#),
            r#"{"kty":"OKP","crv":"X25519","x":"AAAA"}"#.to_owned(),
            "7".to_owned(),
            "null".to_owned(),
            "{}".to_owned(),
        ] {
            assert_eq!(set(&key).err(), Some(InvalidKeySet::NoUsableKey), "{key}");
            assert_eq!(set(&format!("{key},{}", ed(""))).unwrap().len(), 1, "{key}");
        }
    }

    #[test]
    fn rubbish_is_no_set() {
        for json in ["", "{", "[]", "{}", r#"{"keys":7}"#, "<html>", "\u{0}"] {
            assert_eq!(KeySet::parse(json.as_bytes()).err(), Some(InvalidKeySet::Form), "{json:?}");
        }
        assert_eq!(set("").err(), Some(InvalidKeySet::NoUsableKey));
    }

    #[test]
    fn a_token_that_names_no_key_is_checked_only_when_one_key_fits() {
        let (a, b) = (ed(r#","kid":"a""#), ed(r#","kid":"b""#));
        let both = set(&format!("{a},{b}")).unwrap();
        assert_eq!(both.candidates(None, KeyKind::Ed25519).len(), 0);
        assert_eq!(both.candidates(Some("a"), KeyKind::Ed25519).len(), 1);
        assert_eq!(both.candidates(Some("A"), KeyKind::Ed25519).len(), 0);
        assert_eq!(both.candidates(Some("a"), KeyKind::Rsa).len(), 0);
        assert_eq!(set(&a).unwrap().candidates(None, KeyKind::Ed25519).len(), 1);
        assert_eq!(set(&a).unwrap().candidates(None, KeyKind::Secret).len(), 0);
    }
}
