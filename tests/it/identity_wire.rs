//! Who is calling, from the outside: every token that must not hold, and key sets behind a URL.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Method, StatusCode};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use otp_sidecar::app::host::SystemClock;
use otp_sidecar::domain::time::Clock as _;
use serde_json::{Value, json};

use crate::support::backend::{Backend, Mood};
use crate::support::client::{Client, JWT_SECRET, token, token_with};
use crate::support::sidecar::{Folder, PATIENCE, Sidecar, Start};
use crate::support::wait::until;

const STATUS: &str = "/api/wallet/otp/status?purpose=wallet_funding";
const LATER: u64 = 4_102_444_800;

/// The shipped policy, for tests that are refused more often than it allows.
fn patient() -> Folder {
    Folder::with_shipped(&[("  limits: [unauthorized]         #", "  # ")])
}

fn claims() -> Value {
    json!({ "id": "jane", "email": "jane@example.com", "exp": LATER })
}

fn signed(algorithm: Algorithm, secret: &[u8], claims: &Value) -> String {
    encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(secret)).unwrap()
}

fn unsigned(algorithm: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.", part(&json!({ "alg": algorithm, "typ": "JWT" })), part(&claims()))
}

fn with_claim(name: &str, value: Value) -> String {
    let mut claims = claims();
    claims[name] = value;
    token_with(&claims)
}

fn bad_tokens() -> Vec<(&'static str, String)> {
    let good = token_with(&claims());
    let (front, _) = good.rsplit_once('.').unwrap();
    vec![
        ("empty", String::new()),
        ("garbage", "garbage".to_owned()),
        ("three parts of garbage", "a.b.c".to_owned()),
        ("expired", with_claim("exp", json!(1_500_000_000))),
        ("without an end", token_with(&json!({ "id": "jane", "email": "jane@example.com" }))),
        ("not valid yet", with_claim("nbf", json!(LATER - 1))),
        ("without a subject", token_with(&json!({ "email": "jane@example.com", "exp": LATER }))),
        ("with an empty subject", with_claim("id", json!(""))),
        ("with a list as subject", with_claim("id", json!(["jane"]))),
        ("by another key", signed(Algorithm::HS256, b"another-secret-that-is-32-bytes-long", &claims())),
        ("by another algorithm", signed(Algorithm::HS384, JWT_SECRET.as_bytes(), &claims())),
        ("without a signature", format!("{front}.")),
        ("with half a signature", good[..good.len() - 10].to_owned()),
        ("alg none", unsigned("none")),
        ("alg None", unsigned("None")),
        ("alg HS256, unsigned", unsigned("HS256")),
    ]
}

#[tokio::test]
async fn no_bad_token_opens_a_protected_route_and_all_get_the_same_answer() {
    let backend = Backend::start().await;
    let policies = patient();
    let sidecar = Start::before(&backend.url()).policies(policies.path()).ready();
    let mut answers = vec![("none", sidecar.client().get(STATUS).await)];
    for (name, token) in bad_tokens() {
        let client = sidecar.client().with_token(token);
        assert_eq!(client.fund(5_000).await.status, 401, "{name}");
        answers.push((name, client.get(STATUS).await));
    }
    for scheme in ["Basic dXNlcjpwYXNz".to_owned(), token("jane", "jane@example.com"), "Bearer".to_owned()] {
        let headers = [("authorization", scheme.as_str())];
        answers.push(("scheme", sidecar.client().call(Method::GET, STATUS, &headers, "".into()).await));
    }
    for (name, answer) in &answers {
        assert_eq!(answer.word(), (401, "unauthorized".to_owned()), "{name}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{name}");
        assert_eq!(answer.json()["details"], answers[0].1.json()["details"], "{name}: it tells too much");
    }
    assert!(backend.seen().is_empty(), "a bad token reached the backend");
    assert_eq!(sidecar.client().with_token(token_with(&claims())).get(STATUS).await.status, 200);
}

#[tokio::test]
async fn two_authorization_headers_are_refused_even_if_both_are_good() {
    let backend = Backend::start().await;
    let sidecar = Start::before(&backend.url()).ready();
    let value = format!("Bearer {}", token("jane", "jane@example.com"));
    let twice = [("authorization", value.as_str()), ("authorization", value.as_str())];
    let refused = sidecar.client().call(Method::GET, STATUS, &twice, "".into()).await;
    assert_eq!(refused.word(), (400, "invalid_request".to_owned()));
}

#[tokio::test]
async fn a_token_that_has_just_ended_is_accepted_within_the_leeway_only() {
    let backend = Backend::start().await;
    let sidecar = Start::before(&backend.url()).ready();
    let now = SystemClock.now().as_millis() / 1_000;
    for (ended, status) in [(now - 5, 200), (now - 120, 401)] {
        let client = sidecar.client().with_token(with_claim("exp", json!(ended)));
        assert_eq!(client.get(STATUS).await.status, status);
    }
}

#[tokio::test]
async fn a_token_cannot_say_more_than_who_it_is_for() {
    let backend = Backend::start().await;
    let sidecar = Start::before(&backend.url()).ready();
    // An address of somebody else in the body, none in the token: nothing to send to.
    let client = sidecar.client().with_token(token_with(&json!({ "id": "jane", "exp": LATER })));
    let refused = client.send("wallet_funding", "mallory@example.com").await;
    assert!(refused.status.is_client_error(), "{}", refused.text());
    assert!(client.fund(5_000).await.status.is_client_error());
    assert!(backend.seen().is_empty());
}

/// A pair of keys from RFC 8032, section 7.1: seed and public key.
struct Pair {
    kid: &'static str,
    seed: [u8; 32],
    public: &'static str,
}

const FIRST: Pair = Pair {
    kid: "first",
    seed: [
        0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44,
        0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
    ],
    public: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
};

const SECOND: Pair = Pair {
    kid: "second",
    seed: [
        0x4c, 0xcd, 0x08, 0x9b, 0x28, 0xff, 0x96, 0xda, 0x9d, 0xb6, 0xc3, 0x46, 0xec, 0x11, 0x4e, 0x0f, 0x5b,
        0x8a, 0x31, 0x9f, 0x35, 0xab, 0xa6, 0x24, 0xda, 0x8c, 0xf6, 0xed, 0x4f, 0xb8, 0xa6, 0xfb,
    ],
    public: "PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw",
};

impl Pair {
    fn token(&self) -> String {
        // PKCS #8 (RFC 8410, section 7) around the seed.
        let mut der =
            vec![0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22];
        der.extend([0x04, 0x20]);
        der.extend(self.seed);
        let header = Header { kid: Some(self.kid.to_owned()), ..Header::new(Algorithm::EdDSA) };
        encode(&header, &claims(), &EncodingKey::from_ed_der(&der)).unwrap()
    }

    fn published(&self) -> Value {
        json!({ "kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": self.kid, "x": self.public })
    }
}

/// A sidecar whose keys are behind the `/keys` of this provider.
fn start_with_keys_of(provider: &Backend, backend: &Backend) -> (Sidecar, Folder) {
    let url = format!("key: {{ jwks_url: {}/keys }}", provider.url());
    let policies = Folder::with_shipped(&[
        ("  limits: [unauthorized]         #", "  # "),
        ("algorithms: [HS256]", "algorithms: [EdDSA]"),
        ("key: { env: JWT_SECRET }", &url),
        ("status:       { max: 10,", "status:       { max: 100000,"),
    ]);
    (Start::before(&backend.url()).policies(policies.path()).ready(), policies)
}

async fn until_accepted(client: &Client, pair: &Pair) {
    let client = client.with_token(pair.token());
    until(pair.kid, PATIENCE, async || client.get(STATUS).await.status == 200).await;
}

#[tokio::test]
async fn before_the_first_key_set_nobody_is_judged_and_afterwards_keys_rotate() {
    let (provider, backend) = (Backend::start().await, Backend::start().await);
    provider.next("/keys", Mood::Answer(StatusCode::INTERNAL_SERVER_ERROR, json!({})));
    let published = |pairs: &[&Pair]| {
        let keys: Vec<Value> = pairs.iter().map(|pair| pair.published()).collect();
        Mood::Answer(StatusCode::OK, json!({ "keys": keys }))
    };
    provider.next("/keys", published(&[&FIRST]));
    provider.next("/keys", published(&[&SECOND, &FIRST]));
    let (sidecar, _policies) = start_with_keys_of(&provider, &backend);
    let client = sidecar.client();

    provider.wait_for(1).await;
    let early = client.with_token(FIRST.token()).get(STATUS).await;
    assert_eq!(early.word(), (503, "identity_unavailable".to_owned()));
    assert!(early.header("retry-after").is_some());
    assert_eq!(client.get("/api/wallet/balance").await.status, 200, "the rest passes");

    until_accepted(&client, &FIRST).await;
    assert_eq!(client.with_token(SECOND.token()).get(STATUS).await.status, 401, "not published yet");
    let confused = signed(Algorithm::HS256, FIRST.public.as_bytes(), &claims());
    assert_eq!(client.with_token(confused).get(STATUS).await.status, 401, "a public key is no secret");
    until_accepted(&client, &SECOND).await;
    until_accepted(&client, &FIRST).await;

    drop(provider);
    until_accepted(&client, &FIRST).await;
    until_accepted(&client, &SECOND).await;
}
