//! One verification key. It knows its kind, and checks signatures of that kind only: an RSA public
//! key cannot be taken for the secret of an HMAC, whatever a token's header says.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};

use crate::policy::snapshot::JwtAlgorithm;

/// The sizes of RSA keys that are accepted, in bits (RFC 7518, section 3.3).
const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=8_192;

/// What a key can check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// HMAC with any of the three hashes.
    Secret,
    /// RSASSA-PKCS1-v1_5.
    Rsa,
    /// ECDSA on P-256.
    P256,
    /// Ed25519.
    Ed25519,
}

impl KeyKind {
    /// The kind of key that signatures of this algorithm are checked with.
    pub fn of(algorithm: JwtAlgorithm) -> Self {
        match algorithm {
            JwtAlgorithm::HS256 | JwtAlgorithm::HS384 | JwtAlgorithm::HS512 => Self::Secret,
            JwtAlgorithm::RS256 => Self::Rsa,
            JwtAlgorithm::ES256 => Self::P256,
            JwtAlgorithm::EdDSA => Self::Ed25519,
        }
    }
}

/// The `alg` of a token's header (RFC 7518, section 3.1; RFC 8037, section 3.1). Case matters.
pub fn algorithm_name(algorithm: JwtAlgorithm) -> &'static str {
    match algorithm {
        JwtAlgorithm::HS256 => "HS256",
        JwtAlgorithm::HS384 => "HS384",
        JwtAlgorithm::HS512 => "HS512",
        JwtAlgorithm::RS256 => "RS256",
        JwtAlgorithm::ES256 => "ES256",
        JwtAlgorithm::EdDSA => "EdDSA",
    }
}

/// Why something is no key, and what to give instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidKey(pub &'static str);

/// A key that checks signatures of one kind.
#[derive(Debug)]
pub struct Key {
    kind: KeyKind,
    material: DecodingKey,
}

impl Key {
    /// The shared secret of an HMAC.
    ///
    /// # Errors
    /// When it is empty, or is a key of another kind in PEM: then anyone who has that public key
    /// could sign.
    pub fn secret(bytes: &[u8]) -> Result<Self, InvalidKey> {
        if bytes.is_empty() {
            return Err(InvalidKey("the secret is empty"));
        }
        if contains(bytes, b"-----BEGIN ") {
            return Err(InvalidKey(
                "the secret is a key in PEM: list RS256, ES256 or EdDSA under `algorithms`, or give a real secret",
            ));
        }
        Ok(Self { kind: KeyKind::Secret, material: DecodingKey::from_secret(bytes) })
    }

    /// A public key in PEM.
    ///
    /// # Errors
    /// When it is not exactly one public key of this kind.
    pub fn public_pem(pem: &[u8], kind: KeyKind) -> Result<Self, InvalidKey> {
        let text = std::str::from_utf8(pem).map_err(|_| InvalidKey("the key is not in PEM"))?;
        check_label(text)?;
        match kind {
            KeyKind::Secret => Err(InvalidKey("a public key cannot check HMAC signatures")),
            KeyKind::Rsa => rsa_of_pem(pem),
            KeyKind::P256 => p256_of_pem(text),
            KeyKind::Ed25519 => DecodingKey::from_ed_pem(pem)
                .ok()
                .and_then(|key| Self::ed25519(key.try_get_as_bytes().ok()?))
                .ok_or(InvalidKey("the key is not an Ed25519 public key, which EdDSA needs")),
        }
    }

    /// An RSA public key of its modulus and exponent, big-endian. `None` if its size is not accepted.
    pub fn rsa(n: &[u8], e: &[u8]) -> Option<Self> {
        let first = n.iter().position(|byte| *byte != 0)?;
        let n = n.get(first..)?;
        let bits = n.len() * 8 - n.first()?.leading_zeros() as usize;
        let material = DecodingKey::from_rsa_raw_components(n, e);
        (RSA_BITS.contains(&bits) && !e.is_empty()).then_some(Self { kind: KeyKind::Rsa, material })
    }

    /// A point on P-256 of its coordinates, 32 bytes each.
    pub fn p256(x: &[u8], y: &[u8]) -> Option<Self> {
        let encode = |bytes: &[u8]| (bytes.len() == 32).then(|| URL_SAFE_NO_PAD.encode(bytes));
        let material = DecodingKey::from_ec_components(&encode(x)?, &encode(y)?).ok()?;
        Some(Self { kind: KeyKind::P256, material })
    }

    /// An Ed25519 public key of 32 bytes.
    pub fn ed25519(x: &[u8]) -> Option<Self> {
        (x.len() == 32).then(|| Self { kind: KeyKind::Ed25519, material: DecodingKey::from_ed_der(x) })
    }

    /// What it can check.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// Whether `signature` (base64url, as in a token) is one of `message` by this key. Always false
    /// when the algorithm does not fit the kind of the key.
    pub fn verifies(&self, algorithm: JwtAlgorithm, message: &[u8], signature: &str) -> bool {
        KeyKind::of(algorithm) == self.kind
            && jsonwebtoken::crypto::verify(signature, message, &self.material, library_name(algorithm))
                .unwrap_or(false)
    }
}

fn library_name(algorithm: JwtAlgorithm) -> Algorithm {
    match algorithm {
        JwtAlgorithm::HS256 => Algorithm::HS256,
        JwtAlgorithm::HS384 => Algorithm::HS384,
        JwtAlgorithm::HS512 => Algorithm::HS512,
        JwtAlgorithm::RS256 => Algorithm::RS256,
        JwtAlgorithm::ES256 => Algorithm::ES256,
        JwtAlgorithm::EdDSA => Algorithm::EdDSA,
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// The parser takes private keys and certificates for public keys too; the sidecar should hold no
/// private key, and what key of a certificate it would find is not certain.
fn check_label(text: &str) -> Result<(), InvalidKey> {
    let mut labels = text.lines().filter_map(|line| line.trim().strip_prefix("-----BEGIN "));
    let (first, second) = (labels.next(), labels.next());
    match first.map(|label| label.trim_end_matches('-')) {
        _ if second.is_some() => Err(InvalidKey("the file holds more than one key: leave one")),
        Some("PUBLIC KEY" | "RSA PUBLIC KEY") => Ok(()),
        Some("CERTIFICATE") => {
            Err(InvalidKey("this is a certificate: take its key with `openssl x509 -pubkey -noout`"))
        }
        Some(label) if label.ends_with("PRIVATE KEY") => Err(InvalidKey(
            "this is a private key, which must not be here: give the public key (`openssl pkey -pubout`)",
        )),
        _ => Err(InvalidKey("the key is not a public key in PEM")),
    }
}

fn rsa_of_pem(pem: &[u8]) -> Result<Key, InvalidKey> {
    let wrong = InvalidKey("the key is not an RSA public key of 2048 to 8192 bits, which RS256 needs");
    let key = DecodingKey::from_rsa_pem(pem).map_err(|_| wrong)?;
    let DecodingKeyKind::SecretOrDer(der) = key.kind() else { return Err(wrong) };
    let components = (DEFAULT_PROVIDER.key_utils.rsa_pub_components_from_public_key)(der);
    let (n, e) = components.map_err(|_| wrong)?;
    Key::rsa(&n, &e).ok_or(wrong)
}

fn p256_of_pem(text: &str) -> Result<Key, InvalidKey> {
    /// The object identifier of the curve, 1.2.840.10045.3.1.7, in DER. Other curves have points of
    /// the same size.
    const P256_OID: [u8; 10] = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    let wrong = InvalidKey("the key is not a public key on P-256, which ES256 needs");
    let body: String = text.lines().filter(|line| !line.contains("-----")).map(str::trim).collect();
    let der = STANDARD.decode(body).map_err(|_| wrong)?;
    let key = DecodingKey::from_ec_pem(text.as_bytes()).map_err(|_| wrong)?;
    match key.try_get_as_bytes() {
        Ok([4, point @ ..]) if point.len() == 64 && contains(&der, &P256_OID) => {
            let (x, y) = point.split_at(32);
            Key::p256(x, y).ok_or(wrong)
        }
        _ => Err(wrong),
    }
}
