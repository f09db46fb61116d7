//! `identity`, `cors` and `audit`: algorithms and keys that fit, networks, origins, forms.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::DecodingKey;
use zeroize::Zeroizing;

use super::limits::{Limits, Place};
use super::{Resolver, distinct};
use crate::domain::pseudonym::{AuditForms, ClientForm, SubjectForm};
use crate::policy::diagnostic::{At, Code, Collector};
use crate::policy::document::Document;
use crate::policy::document::identity::{Audit, Cors, Jwt, Key};
use crate::policy::document::tree::Text;
use crate::policy::field::Field;
use crate::policy::scalar;
use crate::policy::snapshot::{CorsRules, IdentityRules, JwtAlgorithm, JwtRules, KeySource};

const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);
const MOST_LEEWAY: Duration = Duration::from_secs(300);
/// RFC 7518, section 3.2: a key as long as the digest, at the least.
const LONG_ENOUGH: usize = 32;

/// Algorithms of one family share a kind of key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Hmac,
    Rsa,
    Elliptic,
    Edwards,
}

impl Family {
    fn of(algorithm: JwtAlgorithm) -> Self {
        match algorithm {
            JwtAlgorithm::HS256 | JwtAlgorithm::HS384 | JwtAlgorithm::HS512 => Self::Hmac,
            JwtAlgorithm::RS256 => Self::Rsa,
            JwtAlgorithm::ES256 => Self::Elliptic,
            JwtAlgorithm::EdDSA => Self::Edwards,
        }
    }

    fn key(self) -> &'static str {
        match self {
            Self::Hmac => "a shared secret",
            Self::Rsa => "an RSA public key in PEM",
            Self::Elliptic => "a P-256 public key in PEM",
            Self::Edwards => "an Ed25519 public key in PEM",
        }
    }

    fn accepts(self, pem: &[u8]) -> bool {
        match self {
            Self::Hmac => false,
            Self::Rsa => DecodingKey::from_rsa_pem(pem).is_ok(),
            Self::Elliptic => DecodingKey::from_ec_pem(pem).is_ok(),
            Self::Edwards => DecodingKey::from_ed_pem(pem).is_ok(),
        }
    }
}

pub(super) fn compile(
    document: &Document,
    limits: &Limits,
    resolver: &dyn Resolver,
    out: &mut Collector<'_>,
) -> Option<IdentityRules> {
    let Some(identity) = &document.identity else {
        if !document.incomplete {
            out.report_set(Code::MissingField, "the set does not say who is calling")
                .advise("write an `identity` section into one of its files");
        }
        return None;
    };
    let rules = limits.resolve(&identity.limits, Place::Identity, out);
    let trusted_proxies =
        distinct(&identity.trusted_proxies, out).filter_map(|text| scalar::network(text, out)).collect();
    let strip =
        distinct(&identity.strip, out).filter_map(|text| scalar::removable_header(text, out)).collect();
    let jwt = identity.jwt.as_ref().and_then(|jwt| jwt_rules(jwt, resolver, out));
    Some(IdentityRules { jwt: jwt?, trusted_proxies, limits: rules, strip })
}

fn jwt_rules(jwt: &Jwt, resolver: &dyn Resolver, out: &mut Collector<'_>) -> Option<JwtRules> {
    let algorithms = algorithms(&jwt.algorithms, out);
    let family = algorithms.first().map(|algorithm| Family::of(*algorithm));
    let key = jwt.key.as_ref().and_then(|key| key_source(key, family, resolver, out));
    let claims = claims(jwt, out);
    let issuer = filled(jwt.issuer.as_ref(), "issuer", out);
    let audience = filled(jwt.audience.as_ref(), "audience", out);
    let leeway = match &jwt.leeway {
        Some(text) => scalar::span(text, Duration::ZERO..=MOST_LEEWAY, out),
        None => Some(DEFAULT_LEEWAY),
    };
    Some(JwtRules { algorithms, key: key?, claims, issuer, audience, leeway: leeway? })
}

fn algorithms(list: &[Text], out: &mut Collector<'_>) -> Vec<JwtAlgorithm> {
    let words = [
        ("HS256", JwtAlgorithm::HS256),
        ("HS384", JwtAlgorithm::HS384),
        ("HS512", JwtAlgorithm::HS512),
        ("RS256", JwtAlgorithm::RS256),
        ("ES256", JwtAlgorithm::ES256),
        ("EdDSA", JwtAlgorithm::EdDSA),
    ];
    let mut accepted: Vec<JwtAlgorithm> = Vec::new();
    for text in distinct(list, out) {
        if text.text.eq_ignore_ascii_case("none") {
            out.report(Code::AlgorithmNone, text.at, "`none` accepts tokens that anybody can write")
                .advise("name the algorithm that the backend signs its tokens with, such as HS256");
            continue;
        }
        let Some(algorithm) = scalar::word(text, &words, out) else { continue };
        match accepted.first() {
            Some(first) if Family::of(*first) != Family::of(algorithm) => {
                let message = format!("`{algorithm:?}` needs another kind of key than `{first:?}`");
                out.report(Code::MixedAlgorithms, text.at, message)
                    .advise("keep algorithms of one kind: HS256, HS384 and HS512 together, the others alone");
            }
            _ => accepted.push(algorithm),
        }
    }
    accepted
}

fn claims(jwt: &Jwt, out: &mut Collector<'_>) -> BTreeMap<String, String> {
    let mut claims = BTreeMap::new();
    for (name, in_token) in &jwt.claims {
        if Field::parse(&format!("claims.{}", name.text)).is_err() {
            out.report(Code::Name, name.at, format!("`{}` is not a name", name.text))
                .advise("use letters, digits, '_' and '-'");
        }
        if in_token.text.is_empty() {
            out.report(Code::Empty, in_token.at, "the claim has no name")
                .advise("write its name in the token, such as `sub`");
        }
        claims.insert(name.text.clone(), in_token.text.clone());
    }
    if !claims.contains_key("subject") {
        let at = jwt.claims.first().map_or(jwt.at, |(name, _)| name.at);
        out.report(Code::NoSubject, At { width: 0, ..at }, "no claim says who the caller is")
            .advise("add `subject: sub`, with the name that the claim has in the token");
    }
    claims
}

fn filled(text: Option<&Text>, name: &str, out: &mut Collector<'_>) -> Option<String> {
    let text = text?;
    if text.text.is_empty() {
        out.report(Code::Empty, text.at, format!("`{name}` is empty")).advise("leave it out to accept any");
        return None;
    }
    Some(text.text.clone())
}

fn key_source(
    key: &Key,
    family: Option<Family>,
    resolver: &dyn Resolver,
    out: &mut Collector<'_>,
) -> Option<KeySource> {
    match (&key.env, &key.file, &key.jwks_url) {
        (Some(name), None, None) => match resolver.env(&name.text) {
            Some(value) => held_key(Zeroizing::new(value.into_bytes()), name, family?, out),
            None if resolver.passes_over_keys() => Some(KeySource::Unread),
            None => {
                let message = format!("the environment variable `{}` is not set", name.text);
                out.report(Code::KeyUnreadable, name.at, message)
                    .advise("set it where the sidecar is started, or use `file:`");
                None
            }
        },
        (None, Some(path), None) => match resolver.file(Path::new(&path.text)) {
            Ok(bytes) => held_key(without_line_end(Zeroizing::new(bytes)), path, family?, out),
            Err(_) if resolver.passes_over_keys() => Some(KeySource::Unread),
            Err(error) => {
                out.report(Code::KeyUnreadable, path.at, format!("`{}` cannot be read: {error}", path.text))
                    .advise("write the path of a file that the sidecar may read");
                None
            }
        },
        (None, None, Some(url)) => key_set(url, family, out),
        _ => {
            out.report(Code::KeySource, key.at, "a key comes from exactly one place")
                .advise("write one of `env: NAME`, `file: /path` and `jwks_url: https://…`");
            None
        }
    }
}

/// A mounted secret often ends with the line end of the editor that made it.
fn without_line_end(mut bytes: Zeroizing<Vec<u8>>) -> Zeroizing<Vec<u8>> {
    for end in [b'\n', b'\r'] {
        if bytes.last() == Some(&end) {
            bytes.pop();
        }
    }
    bytes
}

fn held_key(
    value: Zeroizing<Vec<u8>>,
    place: &Text,
    family: Family,
    out: &mut Collector<'_>,
) -> Option<KeySource> {
    if value.is_empty() {
        out.report(Code::KeyUnreadable, place.at, format!("`{}` is empty", place.text))
            .advise("put the key there");
        return None;
    }
    let is_pem = value.trim_ascii_start().starts_with(b"-----BEGIN");
    if family == Family::Hmac && !is_pem {
        if value.len() < LONG_ENOUGH {
            let message = format!("the secret has {} bytes: short ones can be guessed", value.len());
            out.report(Code::ShortSecret, place.at, message)
                .advise("use at least 32 random bytes (RFC 7518, section 3.2)");
        }
        return Some(KeySource::Secret(Arc::new(value)));
    }
    let is_private = value.windows(11).any(|part| part == b"PRIVATE KEY");
    if family != Family::Hmac && !is_private && family.accepts(&value) {
        return Some(KeySource::PublicPem(Arc::new(value.to_vec())));
    }
    let message = match family {
        Family::Hmac => "a key in PEM is not a secret: everybody may know a public key".to_owned(),
        _ if is_private => "this is a private key, and the sidecar only needs the public one".to_owned(),
        family => format!("`{}` does not hold {}", place.text, family.key()),
    };
    out.report(Code::KeyKind, place.at, message)
        .advise(format!("the algorithms under `identity.jwt.algorithms` need {}", family.key()));
    None
}

fn key_set(text: &Text, family: Option<Family>, out: &mut Collector<'_>) -> Option<KeySource> {
    if family == Some(Family::Hmac) {
        out.report(Code::KeyKind, text.at, "a key set holds public keys, and HMAC needs a secret")
            .advise("use `env:` or `file:` for the secret, or RS256, ES256 or EdDSA with the key set");
        return None;
    }
    let url = url::Url::parse(&text.text).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none()
    });
    if url.is_none() {
        out.report(Code::Url, text.at, "this is not the address of a key set")
            .advise("write an `https://…` URL without user and password");
    }
    url.map(KeySource::Jwks)
}

/// In which form audit lines show people.
pub(super) fn audit(audit: Option<&Audit>, out: &mut Collector<'_>) -> AuditForms {
    const SUBJECT: &[(&str, SubjectForm)] = &[("plain", SubjectForm::Plain), ("hash", SubjectForm::Hash)];
    const CLIENT: &[(&str, ClientForm)] =
        &[("full", ClientForm::Full), ("masked", ClientForm::Masked), ("hash", ClientForm::Hash)];
    let Some(audit) = audit else { return AuditForms::default() };
    let subject = audit.subject.as_ref().and_then(|text| scalar::word(text, SUBJECT, out));
    let client = audit.client_address.as_ref().and_then(|text| scalar::word(text, CLIENT, out));
    AuditForms { subject: subject.unwrap_or_default(), client: client.unwrap_or_default() }
}

pub(super) fn cors(cors: Option<&Cors>, out: &mut Collector<'_>) -> CorsRules {
    let Some(cors) = cors else { return CorsRules::Off };
    let mut origins = Vec::new();
    for text in distinct(&cors.allow_origins, out) {
        if text.text == "*" && cors.allow_origins.len() == 1 {
            return CorsRules::Any;
        }
        let origin = url::Url::parse(&text.text)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .map(|url| url.origin().ascii_serialization());
        match origin {
            Some(origin) if origin == text.text => origins.push(origin),
            origin => {
                let advice = match origin {
                    Some(origin) => format!("write `{origin}`"),
                    None => "write origins such as `https://shop.example`, or `\"*\"` alone".to_owned(),
                };
                out.report(Code::Origin, text.at, format!("`{}` is not an origin", text.text)).advise(advice);
            }
        }
    }
    CorsRules::Origins(origins)
}
