//! JSON Web Tokens (RFC 7519) as JWS in compact form (RFC 7515), by the advice of RFC 8725.
//!
//! The policy says which algorithms there are; a token can only choose among them, and the key decides
//! whether it can check that choice. Whatever else a header offers (`jwk`, `jku`, `x5u`, …) is not read.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::jwks::{JwksRegistry, RemoteKeys};
use super::key::{InvalidKey, Key, KeyKind, algorithm_name};
use crate::domain::time::{Timestamp, millis};
use crate::policy::caller::{Caller, SUBJECT};
use crate::policy::snapshot::{IdentityRules, JwtAlgorithm, KeySource};

/// The longest `Authorization` header that is looked at, in bytes.
pub const LONGEST_HEADER: usize = 8 * 1024;

/// How long a request waits for a key set that is being fetched.
pub const PATIENCE: Duration = Duration::from_secs(1);

/// Why a token is refused. For logs and metrics; clients get the same answer for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rejection {
    /// There is no `Authorization` header.
    Missing,
    /// The header or the token does not have the right form.
    Malformed,
    /// The policy does not list the algorithm.
    Algorithm,
    /// The key set does not have the key.
    UnknownKey,
    /// The signature is not one by the key.
    Signature,
    /// `exp` is over.
    Expired,
    /// `nbf` is not reached.
    NotYetValid,
    /// `iss` is another.
    Issuer,
    /// `aud` is another.
    Audience,
    /// A claim is missing or of the wrong type.
    Claim,
}

impl Rejection {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Missing,
        Self::Malformed,
        Self::Algorithm,
        Self::UnknownKey,
        Self::Signature,
        Self::Expired,
        Self::NotYetValid,
        Self::Issuer,
        Self::Audience,
        Self::Claim,
    ];

    /// The word for logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Algorithm => "algorithm",
            Self::UnknownKey => "unknown_key",
            Self::Signature => "signature",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Claim => "claim",
        }
    }
}

/// Why there is no caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The token is not accepted.
    #[error("the token is refused: {}", .0.as_str())]
    Unauthorized(Rejection),
    /// No key set could be fetched yet. The token was not judged.
    #[error("no key set could be fetched yet")]
    Unavailable,
}

/// Why a policy's identity rules cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentitySetupError {
    /// `algorithms` is empty.
    #[error("identity.jwt.algorithms is empty: list at least one")]
    NoAlgorithm,
    /// `algorithms` needs several kinds of keys, but there is one.
    #[error(
        "identity.jwt.algorithms needs keys of different kinds: list HS* alone, or one of RS256, ES256, EdDSA"
    )]
    MixedAlgorithms,
    /// The key cannot check what `algorithms` lists.
    #[error(
        "identity.jwt.key does not fit identity.jwt.algorithms: HS* needs a secret, the others a public key"
    )]
    KindOfKey,
    /// The key is not usable.
    #[error("identity.jwt.key: {0}")]
    Key(#[from] InvalidKey),
    /// There is no key.
    #[error("identity.jwt.key was not read")]
    NoKey,
    /// The URL is not usable.
    #[error("identity.jwt.key.jwks_url must be http:// or https://, without user name and password")]
    Url,
    /// No claim identifies the caller.
    #[error("identity.jwt.claims must name the claim for `subject`")]
    NoSubject,
}

/// Checks bearer tokens by the rules of one policy.
#[derive(Debug)]
pub struct Authenticator {
    algorithms: Vec<JwtAlgorithm>,
    keys: Keys,
    claims: BTreeMap<String, String>,
    issuer: Option<String>,
    audience: Option<String>,
    leeway: u64,
}

#[derive(Debug)]
enum Keys {
    Fixed(Key),
    Remote(Arc<RemoteKeys>),
}

/// What is read of a token's header. `serde` refuses a member that comes twice.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<IgnoredAny>,
}

/// The three parts of a token.
struct Parts<'a> {
    message: &'a str,
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
}

impl Authenticator {
    /// Prepares the rules of a policy. Touches no network: a key set is fetched in the background.
    ///
    /// # Errors
    /// When key, algorithms and claims do not go together.
    pub fn new(rules: &IdentityRules, registry: &JwksRegistry) -> Result<Self, IdentitySetupError> {
        let jwt = &rules.jwt;
        if !jwt.claims.contains_key(SUBJECT) {
            return Err(IdentitySetupError::NoSubject);
        }
        Ok(Self {
            algorithms: jwt.algorithms.clone(),
            keys: Keys::new(&jwt.key, &jwt.algorithms, registry)?,
            claims: jwt.claims.clone(),
            issuer: jwt.issuer.clone(),
            audience: jwt.audience.clone(),
            leeway: millis(jwt.leeway),
        })
    }

    /// Who is calling. As [`Authenticator::authenticate`], except that a token under a key that is not
    /// known yet may wait for a key set that is being fetched, at most [`PATIENCE`]. So the first
    /// request after a start or a key rotation passes.
    ///
    /// # Errors
    /// As [`Authenticator::authenticate`].
    pub async fn identify(&self, headers: &HeaderMap, now: Timestamp) -> Result<Caller, IdentityError> {
        let first = self.authenticate(headers, now);
        let unknown_yet = matches!(
            first,
            Err(IdentityError::Unavailable | IdentityError::Unauthorized(Rejection::UnknownKey))
        );
        match &self.keys {
            Keys::Remote(keys) if unknown_yet => {
                // Also when there was nothing to wait for: the fetch may have ended just now.
                keys.refresh(PATIENCE).await;
                self.authenticate(headers, now)
            }
            _ => first,
        }
    }

    /// Who is calling, by the keys at hand. Never waits.
    ///
    /// There must be exactly one `Authorization` header with one bearer token. `exp` must be there: a
    /// token that never ends cannot be taken back. `iss` and `aud` are checked when the policy names one.
    ///
    /// # Errors
    /// When the token is not accepted, or there is no key set yet.
    pub fn authenticate(&self, headers: &HeaderMap, now: Timestamp) -> Result<Caller, IdentityError> {
        let parts = split(bearer(headers)?)?;
        let header: Header = decode(parts.header)?;
        if header.crit.is_some() {
            return Err(refuse(Rejection::Malformed));
        }
        let algorithm = self
            .algorithms
            .iter()
            .copied()
            .find(|algorithm| algorithm_name(*algorithm) == header.alg)
            .ok_or(refuse(Rejection::Algorithm))?;
        self.keys.check(algorithm, header.kid.as_deref(), &parts)?;
        let payload: Map<String, Value> = decode(parts.payload)?;
        self.check_times(&payload, now)?;
        self.check_parties(&payload)?;
        Caller::from_claims(&self.claims, &payload).ok_or(refuse(Rejection::Claim))
    }

    /// `nbf ≤ now < exp`, give or take the leeway (RFC 7519, sections 4.1.4 and 4.1.5).
    fn check_times(&self, payload: &Map<String, Value>, now: Timestamp) -> Result<(), IdentityError> {
        let now = now.as_millis();
        let exp = date(payload, "exp")?.ok_or(refuse(Rejection::Claim))?;
        if now >= exp.saturating_add(self.leeway) {
            return Err(refuse(Rejection::Expired));
        }
        match date(payload, "nbf")? {
            Some(nbf) if now.saturating_add(self.leeway) < nbf => Err(refuse(Rejection::NotYetValid)),
            _ => Ok(()),
        }
    }

    fn check_parties(&self, payload: &Map<String, Value>) -> Result<(), IdentityError> {
        let is = |value: &Value, expected: &str| value.as_str() == Some(expected);
        if let Some(issuer) = &self.issuer
            && !payload.get("iss").is_some_and(|iss| is(iss, issuer))
        {
            return Err(refuse(Rejection::Issuer));
        }
        let Some(audience) = &self.audience else { return Ok(()) };
        let is_meant = match payload.get("aud") {
            Some(Value::Array(all)) => all.iter().any(|aud| is(aud, audience)),
            Some(aud) => is(aud, audience),
            None => false,
        };
        if is_meant { Ok(()) } else { Err(refuse(Rejection::Audience)) }
    }
}

impl Keys {
    fn new(
        source: &KeySource,
        algorithms: &[JwtAlgorithm],
        registry: &JwksRegistry,
    ) -> Result<Self, IdentitySetupError> {
        let first = *algorithms.first().ok_or(IdentitySetupError::NoAlgorithm)?;
        let kind = KeyKind::of(first);
        let is_mixed = algorithms.iter().any(|algorithm| KeyKind::of(*algorithm) != kind);
        let has_secret = algorithms.iter().any(|algorithm| KeyKind::of(*algorithm) == KeyKind::Secret);
        let wants_secret = matches!(source, KeySource::Secret(_));
        if is_mixed && (has_secret || !matches!(source, KeySource::Jwks(_))) {
            return Err(IdentitySetupError::MixedAlgorithms);
        }
        if has_secret != wants_secret && !matches!(source, KeySource::Unread) {
            return Err(IdentitySetupError::KindOfKey);
        }
        match source {
            KeySource::Unread => Err(IdentitySetupError::NoKey),
            KeySource::Secret(secret) => Ok(Self::Fixed(Key::secret(secret)?)),
            KeySource::PublicPem(pem) => Ok(Self::Fixed(Key::public_pem(pem, kind)?)),
            KeySource::Jwks(url) => {
                let is_web = matches!(url.scheme(), "http" | "https") && url.has_host();
                if !is_web || !url.username().is_empty() || url.password().is_some() {
                    return Err(IdentitySetupError::Url);
                }
                Ok(Self::Remote(registry.keys(url)))
            }
        }
    }

    fn check(
        &self,
        algorithm: JwtAlgorithm,
        kid: Option<&str>,
        parts: &Parts<'_>,
    ) -> Result<(), IdentityError> {
        let verifies = |key: &Key| key.verifies(algorithm, parts.message.as_bytes(), parts.signature);
        let is_signed = match self {
            // One key: nothing to choose, whatever the token calls it.
            Self::Fixed(key) => verifies(key),
            Self::Remote(keys) => {
                let set = keys.current().ok_or(IdentityError::Unavailable)?;
                let candidates = set.candidates(kid, KeyKind::of(algorithm));
                if candidates.is_empty() {
                    return Err(refuse(Rejection::UnknownKey));
                }
                candidates.into_iter().any(verifies)
            }
        };
        if is_signed { Ok(()) } else { Err(refuse(Rejection::Signature)) }
    }
}

fn refuse(rejection: Rejection) -> IdentityError {
    IdentityError::Unauthorized(rejection)
}

/// The one token of the one `Authorization` header (RFC 6750, section 2.1).
fn bearer(headers: &HeaderMap) -> Result<&str, IdentityError> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let line = lines.next().ok_or(refuse(Rejection::Missing))?;
    if lines.next().is_some() || line.len() > LONGEST_HEADER {
        return Err(refuse(Rejection::Malformed));
    }
    let (scheme, token) = line.to_str().ok().and_then(|line| line.split_once(' ')).unwrap_or_default();
    if scheme.eq_ignore_ascii_case("bearer") {
        Ok(token.trim_matches(' '))
    } else {
        Err(refuse(Rejection::Malformed))
    }
}

/// Exactly three parts of base64url without padding, none of them empty.
fn split(token: &str) -> Result<Parts<'_>, IdentityError> {
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    token
        .rsplit_once('.')
        .and_then(|(message, signature)| {
            let (header, payload) = message.split_once('.')?;
            let parts = Parts { message, header, payload, signature };
            [header, payload, signature].into_iter().all(is_part).then_some(parts)
        })
        .ok_or(refuse(Rejection::Malformed))
}

fn decode<T: for<'de> Deserialize<'de>>(part: &str) -> Result<T, IdentityError> {
    let json = URL_SAFE_NO_PAD.decode(part).map_err(|_| refuse(Rejection::Malformed))?;
    serde_json::from_slice(&json).map_err(|_| refuse(Rejection::Malformed))
}

/// A NumericDate in milliseconds: seconds since the epoch, perhaps with a fraction.
fn date(payload: &Map<String, Value>, name: &str) -> Result<Option<u64>, IdentityError> {
    match payload.get(name) {
        None => Ok(None),
        Some(value) => {
            let seconds = value.as_f64().ok_or(refuse(Rejection::Claim))?;
            // Saturates: before the epoch is the epoch, beyond the end of time is the end.
            Ok(Some((seconds * 1000.0) as u64))
        }
    }
}
