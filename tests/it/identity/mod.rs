//! Who is calling: hostile tokens, and key sets that come, go and change.

mod https;
mod key_server;
mod key_sets;
mod keys;
mod tokens;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderValue};
use otp_sidecar::domain::time::Timestamp;
use otp_sidecar::policy::snapshot::{IdentityRules, JwtAlgorithm, JwtRules, KeySource};
use serde_json::{Value, json};

/// The time of every test, in seconds.
const NOW: u64 = 1_768_644_000;

fn now() -> Timestamp {
    Timestamp::from_millis(NOW * 1000)
}

fn rules(algorithms: &[JwtAlgorithm], key: KeySource) -> IdentityRules {
    let claims = [("subject", "id"), ("email", "email"), ("vip", "vip")];
    IdentityRules {
        jwt: JwtRules {
            algorithms: algorithms.to_vec(),
            key,
            claims: BTreeMap::from(claims.map(|(ours, theirs)| (ours.to_owned(), theirs.to_owned()))),
            issuer: None,
            audience: None,
            leeway: Duration::ZERO,
        },
        trusted_proxies: Vec::new(),
        limits: Vec::new(),
        strip: Vec::new(),
    }
}

fn secret(bytes: &[u8]) -> KeySource {
    KeySource::Secret(Arc::new(bytes.to_vec().into()))
}

fn public(pem: Vec<u8>) -> KeySource {
    KeySource::PublicPem(Arc::new(pem))
}

/// The claims of a good token, as the wallet's backends make them.
fn claims() -> Value {
    json!({ "id": "65f1c0ffee", "email": "jane@example.com", "role": "user", "iat": NOW - 60, "exp": NOW + 60 })
}

/// The claims of a good token, with some replaced; `null` takes one away.
fn claims_with(changes: Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    claims
}

fn headers(lines: &[String]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(AUTHORIZATION, HeaderValue::from_bytes(line.as_bytes()).unwrap());
    }
    headers
}

fn bearer(token: &str) -> HeaderMap {
    headers(&[format!("Bearer {token}")])
}
