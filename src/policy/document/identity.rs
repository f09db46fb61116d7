//! `identity`, `cors` and `audit`: who is calling, and who may be seen.

use super::fields::{Fields, named, text};
use super::tree::{Node, Text};
use crate::policy::diagnostic::{At, Collector};

/// `identity`.
#[derive(Debug)]
pub struct Identity {
    /// Its place.
    pub at: At,
    /// How bearer tokens are checked.
    pub jwt: Option<Jwt>,
    /// Names of limits for refused tokens.
    pub limits: Vec<Text>,
    /// Networks whose forwarding headers are believed.
    pub trusted_proxies: Vec<Text>,
    /// Request headers taken away on protected routes.
    pub strip: Vec<Text>,
}

/// `identity.jwt`.
#[derive(Debug)]
pub struct Jwt {
    /// Its place.
    pub at: At,
    /// Accepted algorithms.
    pub algorithms: Vec<Text>,
    /// Where the key is.
    pub key: Option<Key>,
    /// Our name → the token's name.
    pub claims: Vec<(Text, Text)>,
    /// The only `iss`.
    pub issuer: Option<Text>,
    /// The only `aud`.
    pub audience: Option<Text>,
    /// How far clocks may differ.
    pub leeway: Option<Text>,
}

/// `identity.jwt.key`.
#[derive(Debug)]
pub struct Key {
    /// Its place.
    pub at: At,
    /// An environment variable.
    pub env: Option<Text>,
    /// A file.
    pub file: Option<Text>,
    /// A key set.
    pub jwks_url: Option<Text>,
}

/// `cors`.
#[derive(Debug)]
pub struct Cors {
    /// Its place.
    pub at: At,
    /// Origins, or `*`.
    pub allow_origins: Vec<Text>,
}

/// `audit`.
#[derive(Debug)]
pub struct Audit {
    /// Its place.
    pub at: At,
    /// The form of callers.
    pub subject: Option<Text>,
    /// The form of client addresses.
    pub client_address: Option<Text>,
}

impl Audit {
    pub(super) fn read(node: Node, out: &mut Collector<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, "`audit`", &["subject", "client_address"], out)?;
        Some(Self {
            at: fields.at,
            subject: fields.text("subject", out),
            client_address: fields.text("client_address", out),
        })
    }
}

impl Identity {
    pub(super) fn read(node: Node, out: &mut Collector<'_>) -> Option<Self> {
        const KNOWN: &[&str] = &["jwt", "limits", "trusted_proxies", "strip"];
        let mut fields = Fields::open(node, "`identity`", KNOWN, out)?;
        let jwt = fields.need("jwt", "{ algorithms: [HS256], key: …, claims: … }", out);
        Some(Self {
            at: fields.at,
            jwt: jwt.and_then(|node| Jwt::read(node, out)),
            limits: fields.texts("limits", out),
            trusted_proxies: fields.texts("trusted_proxies", out),
            strip: fields.texts("strip", out),
        })
    }
}

impl Jwt {
    fn read(node: Node, out: &mut Collector<'_>) -> Option<Self> {
        const KNOWN: &[&str] = &["algorithms", "key", "claims", "issuer", "audience", "leeway"];
        let mut fields = Fields::open(node, "`identity.jwt`", KNOWN, out)?;
        let key = fields.need("key", "{ env: JWT_SECRET }", out);
        let claims = fields.need("claims", "{ subject: sub, email: email }", out);
        let claims = claims.map(|node| named(node, "`claims`", out)).unwrap_or_default();
        Some(Self {
            at: fields.at,
            algorithms: fields.need_texts("algorithms", "[HS256]", out),
            key: key.and_then(|node| Key::read(node, out)),
            claims: claims
                .into_iter()
                .filter_map(|(name, node)| Some((name, text(node, "the name of a claim", out)?)))
                .collect(),
            issuer: fields.text("issuer", out),
            audience: fields.text("audience", out),
            leeway: fields.text("leeway", out),
        })
    }
}

impl Key {
    fn read(node: Node, out: &mut Collector<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, "`key`", &["env", "file", "jwks_url"], out)?;
        Some(Self {
            at: fields.at,
            env: fields.text("env", out),
            file: fields.text("file", out),
            jwks_url: fields.text("jwks_url", out),
        })
    }
}

impl Cors {
    pub(super) fn read(node: Node, out: &mut Collector<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, "`cors`", &["allow_origins"], out)?;
        Some(Self { at: fields.at, allow_origins: fields.need_texts("allow_origins", "[\"*\"]", out) })
    }
}
