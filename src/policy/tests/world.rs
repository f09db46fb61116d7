//! One compiled policy set, and short ways to say what a request on it looks like.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use zeroize::Zeroizing;

use super::files::World;
use crate::domain::code::Entropy;
use crate::domain::id::{Purpose, Reference, RequestId};
use crate::domain::keyring::{KeyId, Keyring};
use crate::domain::subject::{Recipient, Subject};
use crate::domain::time::Timestamp;
use crate::domain::window::Take;
use crate::policy::body::{JudgedBody, form};
use crate::policy::caller::Caller;
use crate::policy::compile::compile;
use crate::policy::facts::Facts;
use crate::policy::snapshot::{PolicySnapshot, PurposeRules, Route};
use crate::policy::source::SourceFile;

const POLICY: &str = r"
version: 1
identity:
  jwt:
    algorithms: [HS256]
    key: { env: JWT_SECRET }
    claims: { subject: id, email: email }
limits:
  of-caller:   { max: 10,  per: 1m,  by: [subject] }
  of-purpose:  { max: 5,   per: 1h,  by: [subject, purpose] }
  of-address:  { max: 60,  per: 1m,  by: [client_ip] }
  of-everyone: { max: 900, per: 1m,  by: [everyone] }
  of-failures: { max: 4,   per: 15m, by: [subject], count: failures }
purposes:
  wallet_funding:
    code:    { digits: 6, ttl: 5m, live: 2 }
    lockout: { after: 3, for: 15m }
    resend:  { cooldown: 30s }
    limits:  [of-purpose]
  wallet_deduction:
    code:    { digits: 8, ttl: 2m, live: 1 }
    lockout: { after: 5, for: 1h }
routes:
  - name: fund
    match: { methods: [POST], path: /api/wallet/fund }
    limits: [of-caller, of-address]
    issue:
      purpose: wallet_funding
      reference: response.body.data.reference
      recipient: claims.email
      bind: { amount: request.body.amount, to: request.query.to }
  - name: verify
    match: { methods: [POST], path: /api/wallet/verify-otp }
    limits: [of-failures]
    verify:
      code: request.body.otp
      reference: request.body.transaction_reference
      retryable: [409, 503]
  - name: send
    match: { methods: [POST], path: /api/wallet/otp/send }
    send:
      purpose: request.body.purpose
      recipient: { from: request.body.email, must_equal: claims.email }
  - name: status
    match: { methods: [GET], path: /api/wallet/otp/status }
    limits: [of-purpose]
    status: { purpose: request.query.purpose }
  - name: balance
    match: { methods: [GET], path: /api/wallet/balance, other_methods: forward }
    limits: [of-everyone, of-address]
  - name: read-cards
    match: { methods: [GET], path: /api/wallet/cards }
    limits: [of-address]
  - name: add-card
    match: { methods: [POST], path: /api/wallet/cards }
    limits: [of-address, of-caller]
";

pub fn snapshot() -> PolicySnapshot {
    snapshot_with("", "")
}

/// The same with the first `from` replaced.
pub fn snapshot_with(from: &str, to: &str) -> PolicySnapshot {
    assert!(POLICY.contains(from));
    let files = [SourceFile { path: "policy.yaml".to_owned(), text: POLICY.replacen(from, to, 1) }];
    compile(&files, &World).unwrap_or_else(|errors| panic!("{errors}")).snapshot
}

pub fn route<'a>(snapshot: &'a PolicySnapshot, name: &str) -> &'a Route {
    snapshot.routes.iter().find(|route| route.name.as_str() == name).unwrap()
}

pub fn purpose<'a>(snapshot: &'a PolicySnapshot, name: &str) -> &'a PurposeRules {
    &snapshot.purposes[&Purpose::parse(name).unwrap()]
}

/// The time at which things are decided.
pub const NOW: Timestamp = Timestamp::from_millis(1_768_644_000_000);

pub fn later(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

pub fn subject() -> Subject {
    Subject::parse("u1").unwrap()
}

pub fn reference(text: &str) -> Reference {
    Reference::parse(text).unwrap()
}

pub fn recipient(text: &str) -> Recipient {
    Recipient::parse(text).unwrap()
}

pub fn request() -> RequestId {
    RequestId::parse(&"7".repeat(32)).unwrap()
}

/// A caller with these claims.
pub fn caller(claims: &[(&str, &str)]) -> Caller {
    let claims: BTreeMap<String, String> =
        claims.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Caller::new(subject(), claims)
}

pub fn client() -> IpAddr {
    "192.0.2.7".parse().unwrap()
}

/// What u1, Jane, says with this JSON body and this query.
pub fn facts(body: &str, query: &str) -> Facts {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Facts {
        caller: caller(&[("email", "Jane@example.com")]),
        client: client(),
        body: (!body.is_empty()).then(|| JudgedBody::parse(&headers, body.as_bytes()).unwrap()),
        query: form::parse_query(query).unwrap(),
    }
}

/// Limit by limit, what tells its owner apart: `s` the subject, `p` the purpose, `c` the client.
pub fn owners(takes: &[Take]) -> Vec<(&str, String)> {
    let describe = |take: &Take| {
        let subject = take.owner.subject.as_ref().map(|subject| format!("s={}", subject.as_str()));
        let purpose = take.owner.purpose.as_ref().map(|purpose| format!("p={purpose}"));
        let client = take.owner.client.map(|client| format!("c={client}"));
        [subject, purpose, client].into_iter().flatten().collect::<Vec<_>>().join(" ")
    };
    takes.iter().map(|take| (take.limit.as_str(), describe(take))).collect()
}

/// Keys of these names, the first of which signs.
pub fn keyring(names: &[&str]) -> Keyring {
    let key = |name: &&str| (KeyId::parse(name).unwrap(), Zeroizing::new([name.as_bytes()[0]; 32]));
    Keyring::new(names.iter().map(key)).unwrap()
}

/// A generator that always says the same.
pub struct Constant(pub u8);

impl Entropy for Constant {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(self.0);
    }
}
