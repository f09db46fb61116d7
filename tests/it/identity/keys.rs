//! Keys and tokens, made while the test runs.

use std::sync::LazyLock;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P256K1_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RsaKeyPair, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

/// A signing key with its public half.
pub struct Signer {
    pub algorithm: Algorithm,
    private: EncodingKey,
    /// SubjectPublicKeyInfo; empty for a secret.
    public_der: Vec<u8>,
    jwk: Value,
}

/// Making an RSA key takes a while: two serve all tests.
pub static RSA: LazyLock<[Signer; 2]> = LazyLock::new(|| [Signer::rsa(), Signer::rsa()]);

impl Signer {
    pub fn secret(algorithm: Algorithm, secret: &[u8]) -> Self {
        let jwk = json!({ "kty": "oct", "k": base64url(secret) });
        Self { algorithm, private: EncodingKey::from_secret(secret), public_der: Vec::new(), jwk }
    }

    fn rsa() -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let pkcs8 = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
        let public = pair.public_key();
        let parts = RsaPublicKeyComponents::<Vec<u8>>::from(public);
        let public_der = AsDer::<aws_lc_rs::encoding::PublicKeyX509Der<'_>>::as_der(public).unwrap();
        Self {
            algorithm: Algorithm::RS256,
            private: EncodingKey::from_rsa_pem(&pem("PRIVATE KEY", pkcs8.as_ref())).unwrap(),
            public_der: public_der.as_ref().to_vec(),
            jwk: json!({ "kty": "RSA", "n": base64url(&parts.n), "e": base64url(&parts.e) }),
        }
    }

    pub fn p256() -> Self {
        Self::ec(&ECDSA_P256_SHA256_FIXED_SIGNING, Algorithm::ES256, "P-256")
    }

    pub fn p384() -> Self {
        Self::ec(&ECDSA_P384_SHA384_FIXED_SIGNING, Algorithm::ES384, "P-384")
    }

    /// Bitcoin's curve, whose points are as long as those of P-256. No token algorithm here uses it.
    pub fn secp256k1() -> Self {
        Self::ec(&ECDSA_P256K1_SHA256_ASN1_SIGNING, Algorithm::ES256, "secp256k1")
    }

    fn ec(curve: &'static EcdsaSigningAlgorithm, algorithm: Algorithm, name: &str) -> Self {
        let pair = EcdsaKeyPair::generate(curve).unwrap();
        let point = &pair.public_key().as_ref()[1..];
        let (x, y) = point.split_at(point.len() / 2);
        let public_der =
            AsDer::<aws_lc_rs::encoding::PublicKeyX509Der<'_>>::as_der(pair.public_key()).unwrap();
        Self {
            algorithm,
            private: EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref()),
            public_der: public_der.as_ref().to_vec(),
            jwk: json!({ "kty": "EC", "crv": name, "x": base64url(x), "y": base64url(y) }),
        }
    }

    pub fn ed25519() -> Self {
        let pair = Ed25519KeyPair::generate().unwrap();
        let public_der =
            AsDer::<aws_lc_rs::encoding::PublicKeyX509Der<'_>>::as_der(pair.public_key()).unwrap();
        Self {
            algorithm: Algorithm::EdDSA,
            private: EncodingKey::from_ed_der(pair.to_pkcs8v1().unwrap().as_ref()),
            public_der: public_der.as_ref().to_vec(),
            jwk: json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(pair.public_key().as_ref()) }),
        }
    }

    /// The public key as an operator would put it into a file.
    pub fn public_pem(&self) -> Vec<u8> {
        pem("PUBLIC KEY", &self.public_der)
    }

    /// The public key as a key set lists it.
    pub fn jwk(&self, kid: &str) -> Value {
        let mut jwk = self.jwk.clone();
        jwk["kid"] = json!(kid);
        jwk["use"] = json!("sig");
        jwk
    }

    /// A token with an ordinary header.
    pub fn token(&self, claims: &Value) -> String {
        self.token_with(&json!({ "typ": "JWT", "alg": format!("{:?}", self.algorithm) }), claims)
    }

    /// A token that names its key.
    pub fn token_of(&self, kid: &str, claims: &Value) -> String {
        self.token_with(&json!({ "alg": format!("{:?}", self.algorithm), "kid": kid }), claims)
    }

    /// A token with any header, rightly signed.
    pub fn token_with(&self, header: &Value, claims: &Value) -> String {
        self.sign(&header.to_string(), &claims.to_string())
    }

    /// A token of any texts, rightly signed.
    pub fn sign(&self, header: &str, payload: &str) -> String {
        let message = format!("{}.{}", base64url(header.as_bytes()), base64url(payload.as_bytes()));
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &self.private, self.algorithm).unwrap();
        format!("{message}.{signature}")
    }
}

pub fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub fn pem(label: &str, der: &[u8]) -> Vec<u8> {
    let body = STANDARD.encode(der);
    let lines: Vec<&str> =
        body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n")).into_bytes()
}
