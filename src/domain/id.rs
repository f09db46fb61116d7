//! Names and handles. Each is its own type, so that one cannot be taken for another.

use std::fmt;
use std::sync::Arc;

use super::code::Entropy;

/// Why a text is not the identifier it was meant to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidId {
    /// What was expected, as a phrase that completes "must be …".
    pub expected: &'static str,
}

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "must be {}", self.expected)
    }
}

impl std::error::Error for InvalidId {}

/// Defines a cheaply cloned name that policies give to their parts.
macro_rules! policy_name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks a name.
            ///
            /// # Errors
            /// When the text is not 1 to 64 of `a-z`, `0-9`, `_`, `-`, starting with a letter.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                if is_policy_name(text) {
                    Ok(Self(Arc::from(text)))
                } else {
                    Err(InvalidId {
                        expected: "1 to 64 of a-z, 0-9, '_' and '-', starting with a letter",
                    })
                }
            }

            /// The name as written in the policy.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

policy_name! {
    /// What a code is for, such as `wallet_funding`.
    Purpose
}
policy_name! {
    /// The name of a rate limit.
    LimitName
}
policy_name! {
    /// The name of a route.
    RouteName
}

impl LimitName {
    /// The name under which a resend that comes too soon is counted and answered.
    pub fn resend_cooldown() -> Self {
        Self(Arc::from("resend-cooldown"))
    }

    /// The name under which comparisons that operators ask for are counted. No policy can use it.
    pub fn explain_code() -> Self {
        Self(Arc::from("-explain-code"))
    }
}

fn is_policy_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && text.len() <= 64
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
}

/// The client's handle on a challenge: `transactionReference` in answers, `transaction_reference`
/// in requests.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference(Arc<str>);

impl Reference {
    /// Checks a reference against the wire format `^[A-Za-z0-9_-]{5,100}$`.
    ///
    /// # Errors
    /// When the text does not have that form.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let fits = (5..=100).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if fits {
            Ok(Self(Arc::from(text)))
        } else {
            Err(InvalidId { expected: "5 to 100 letters, digits, '_' or '-'" })
        }
    }

    /// Mints `OTP-` and 128 random bits, for a code that no transaction of the wallet stands behind.
    pub fn mint(entropy: &dyn Entropy) -> Self {
        Self(Arc::from(format!("OTP-{}", random_hex(entropy)).as_str()))
    }

    /// The reference as it travels.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One request's id and at the same time the id of the decision on it (`decisionId` in answers).
/// Always minted here, never taken from a header: a reservation is owned by it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// Mints 128 random bits.
    pub fn mint(entropy: &dyn Entropy) -> Self {
        Self(Arc::from(random_hex(entropy).as_str()))
    }

    /// Takes an id that this program minted earlier, from its store or its audit log.
    ///
    /// # Errors
    /// When the text is not 32 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let fits = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if fits {
            Ok(Self(Arc::from(text)))
        } else {
            Err(InvalidId { expected: "32 lower-case hexadecimal digits" })
        }
    }

    /// 32 lower-case hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One process, from its start to its end. It says nothing about where it runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId(Arc<str>);

impl InstanceId {
    /// Mints 128 random bits.
    pub fn mint(entropy: &dyn Entropy) -> Self {
        Self(Arc::from(random_hex(entropy).as_str()))
    }

    /// Takes an id that this program minted earlier.
    ///
    /// # Errors
    /// When the text is not 32 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        RequestId::parse(text).map(|RequestId(digits)| Self(digits))
    }

    /// 32 lower-case hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The first 16 hexadecimal digits of the SHA-256 of a policy set: equal on replicas that run the
/// same policy.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PolicyHash(Arc<str>);

impl PolicyHash {
    /// Wraps an already computed digest.
    pub fn from_hex(hex: &str) -> Self {
        Self(Arc::from(hex))
    }

    /// The hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PolicyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn random_hex(entropy: &dyn Entropy) -> String {
    let mut bytes = [0_u8; 16];
    entropy.fill(&mut bytes);
    hex(&bytes)
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_follow_the_wire_format() {
        for good in ["FUND-1705948200123-abc12345", "txn_test123", "abcde", &"x".repeat(100)] {
            assert_eq!(Reference::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "abcd", "with space", "a/b/c/d", "ümlaut", &"x".repeat(101), "abcde\n"] {
            assert!(Reference::parse(bad).is_err(), "{bad:?} was taken");
        }
    }

    struct Counting;

    impl Entropy for Counting {
        fn fill(&self, buffer: &mut [u8]) {
            for (byte, number) in buffer.iter_mut().zip((0..=u8::MAX).step_by(17)) {
                *byte = number;
            }
        }
    }

    #[test]
    fn minted_ids_are_128_random_bits_in_lower_case_hexadecimal() {
        let digits = "00112233445566778899aabbccddeeff";
        let id = RequestId::mint(&Counting);
        assert_eq!((id.as_str(), id.to_string().as_str()), (digits, digits));
        assert_eq!(RequestId::parse(digits), Ok(id));
        assert_eq!(Reference::mint(&Counting).as_str(), format!("OTP-{digits}"));
    }

    #[test]
    fn what_this_program_did_not_mint_is_no_request_id() {
        for bad in ["", "0", &"0".repeat(31), &"0".repeat(33), &"A".repeat(32), &"g".repeat(32)] {
            let error = RequestId::parse(bad).unwrap_err();
            assert_eq!(error.to_string(), "must be 32 lower-case hexadecimal digits", "{bad:?}");
        }
    }

    #[test]
    fn a_policy_hash_shows_as_it_was_computed() {
        let hash = PolicyHash::from_hex("0123456789abcdef");
        assert_eq!((hash.as_str(), hash.to_string().as_str()), ("0123456789abcdef", "0123456789abcdef"));
    }

    #[test]
    fn policy_names_are_safe_as_labels_and_keys() {
        for good in ["wallet_funding", "a", "a-1", &"a".repeat(64)] {
            assert_eq!(Purpose::parse(good).unwrap().to_string(), good);
        }
        for bad in ["", "Fund", "1st", "a:b", "a b", "-a", &"a".repeat(65)] {
            assert!(LimitName::parse(bad).is_err(), "{bad:?} was taken");
        }
    }
}
