//! One compiled, immutable set of policies. A request sees exactly one.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Method;

use super::field::Field;
use super::route::RouteIndex;
use super::share::Share;
use super::template::Template;
use crate::domain::code::Digits;
use crate::domain::id::{LimitName, PolicyHash, Purpose, RouteName};
use crate::domain::lockout::LockoutRule;
use crate::domain::pseudonym::AuditForms;
use crate::domain::window::Count;

/// Everything that policies say, ready to be applied.
#[derive(Debug)]
pub struct PolicySnapshot {
    /// Equal on replicas that run the same policy.
    pub hash: PolicyHash,
    /// Who is calling.
    pub identity: IdentityRules,
    /// What browsers on other origins may read of the sidecar's own answers.
    pub cors: CorsRules,
    /// In which form audit lines show people.
    pub audit: AuditForms,
    /// Further request headers that only an intermediary may set, lower-case.
    pub intermediary_headers: Vec<http::HeaderName>,
    /// What `policy check` holds the set to. Serving does not depend on it.
    pub budget: BudgetRules,
    /// The purposes, by name.
    pub purposes: BTreeMap<Purpose, Arc<PurposeRules>>,
    /// The limits, by name.
    pub limits: BTreeMap<LimitName, Arc<LimitRule>>,
    /// The routes, in the order of the files.
    pub routes: Vec<Arc<Route>>,
    /// Which of them a path names.
    pub index: RouteIndex,
    /// Paths that an earlier set protected and this one gives up on purpose.
    pub unprotected: Vec<String>,
}

/// `identity`.
#[derive(Debug, Clone)]
pub struct IdentityRules {
    /// How bearer tokens are checked.
    pub jwt: JwtRules,
    /// Networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// Limits that turn a flood of 401 into 429.
    pub limits: Vec<Arc<LimitRule>>,
    /// Request headers taken away on protected routes, such as `cookie`.
    pub strip: Vec<http::HeaderName>,
}

/// `identity.jwt`.
#[derive(Debug, Clone)]
pub struct JwtRules {
    /// The algorithms a token may be signed with. Never empty, never `none`, one kind of key.
    pub algorithms: Vec<JwtAlgorithm>,
    /// Where the key comes from.
    pub key: KeySource,
    /// Our name of a claim (`subject`, `email`, …) → its name in the token.
    pub claims: BTreeMap<String, String>,
    /// The only accepted `iss`.
    pub issuer: Option<String>,
    /// The only accepted `aud`.
    pub audience: Option<String>,
    /// How far clocks may differ for `exp` and `nbf`.
    pub leeway: Duration,
}

/// A signature algorithm of RFC 7518 or RFC 8037 that is accepted in tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JwtAlgorithm {
    /// HMAC with SHA-256.
    HS256,
    /// HMAC with SHA-384.
    HS384,
    /// HMAC with SHA-512.
    HS512,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// Ed25519.
    EdDSA,
}

/// Where the verification key comes from. The loader has already read environment and files, so a
/// snapshot needs neither.
#[derive(Clone)]
pub enum KeySource {
    /// The secret of an HMAC algorithm.
    Secret(Arc<zeroize::Zeroizing<Vec<u8>>>),
    /// A public key in PEM.
    PublicPem(Arc<Vec<u8>>),
    /// A JSON Web Key Set (RFC 7517) behind this URL.
    Jwks(url::Url),
    /// A key that was not to be had where the set was only looked at. No token can be checked by it.
    Unread,
}

impl std::fmt::Debug for KeySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Secret(_) => f.write_str("Secret(***)"),
            Self::PublicPem(_) => f.write_str("PublicPem"),
            Self::Jwks(url) => write!(f, "Jwks({url})"),
            Self::Unread => f.write_str("Unread"),
        }
    }
}

/// A network in CIDR notation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// The network's address, its host bits zero.
    pub address: IpAddr,
    /// How many leading bits count.
    pub prefix: u8,
}

/// `cors`, for the sidecar's own answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CorsRules {
    /// No CORS headers.
    Off,
    /// Any origin (`["*"]`).
    Any,
    /// These origins, exactly as browsers send them.
    Origins(Vec<String>),
}

/// `budget`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetRules {
    /// How likely it may be that a code of one subject is guessed within a year.
    pub per_subject_year: Share,
    /// How many right codes of each purpose an owner is assumed to enter in any 24 hours.
    pub owner_codes_per_day: u32,
}

impl Default for BudgetRules {
    fn default() -> Self {
        Self { per_subject_year: Share::ONE_PERCENT, owner_codes_per_day: 10 }
    }
}

/// One rate limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitRule {
    /// Its name.
    pub name: LimitName,
    /// How many fit into any window.
    pub max: u32,
    /// The length of the window.
    pub per: Duration,
    /// What is counted apart from what. Everything false: one bucket for everyone.
    pub by: CountedBy,
    /// What is counted.
    pub count: Count,
}

impl LimitRule {
    /// The most events of one owner that fit into any window of this length: as many windows of its own
    /// as cover it, each full.
    pub fn most_in(&self, span: Duration) -> u64 {
        let windows = span.as_millis().div_ceil(self.per.as_millis().max(1));
        u64::from(self.max).saturating_mul(u64::try_from(windows).unwrap_or(u64::MAX))
    }
}

/// `by` of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CountedBy {
    /// Each caller has a bucket of their own.
    pub subject: bool,
    /// Each purpose has one.
    pub purpose: bool,
    /// Each client address has one.
    pub client: bool,
}

/// One purpose.
#[derive(Debug)]
pub struct PurposeRules {
    /// Its name.
    pub name: Purpose,
    /// How many digits a code has.
    pub digits: Digits,
    /// How long a code lives. At most 10 minutes.
    pub ttl: Duration,
    /// How many of the newest codes of a challenge are valid.
    pub live: u8,
    /// How long after a code the next one may be sent again. Zero: at once.
    pub cooldown: Duration,
    /// When and how long a subject is locked out.
    pub lockout: LockoutRule,
    /// Limits that every issue counts under, by `issue` and by `send`.
    pub limits: Vec<Arc<LimitRule>>,
    /// The way a code reaches a person.
    pub channel: Channel,
    /// What the mail that carries a code says.
    pub template: Template,
    /// What the mail that tells of a lock says.
    pub lock_notice: Template,
    /// The claim that holds the address, for the mail that tells of a lock.
    pub address_claim: Option<Field>,
}

/// A way a code reaches a person. More of them come later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// SMTP.
    Email,
}

impl Channel {
    /// The word in policies, metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
        }
    }
}

/// One route.
#[derive(Debug)]
pub struct Route {
    /// Its name, the `route` label of metrics.
    pub name: RouteName,
    /// The methods it decides on. HEAD counts as GET.
    pub methods: Vec<Method>,
    /// Its paths, as the upstream gets them.
    pub paths: Vec<String>,
    /// What happens to other methods.
    pub other_methods: OtherMethods,
    /// Limits of the route itself.
    pub limits: Vec<Arc<LimitRule>>,
    /// What it does.
    pub action: Action,
    /// Every selected request field, for the check that no other spelling of one is present.
    pub selected: Vec<Field>,
}

/// `match.other_methods`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherMethods {
    /// 405 with `Allow`.
    Refuse,
    /// They pass through.
    Forward,
}

/// What a route does.
#[derive(Debug)]
pub enum Action {
    /// Forwards, and issues a code when the upstream agrees.
    Issue(IssueRule),
    /// Forwards only with a right code.
    Verify(VerifyRule),
    /// Sends a code, answered by the sidecar.
    Send(SendRule),
    /// Tells the state of a code, answered by the sidecar.
    Status(StatusRule),
    /// Forwards within the route's limits.
    Limit,
}

impl Action {
    /// The word of its section in the policy; a route with none of them only has limits.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Issue(_) => "issue",
            Self::Verify(_) => "verify",
            Self::Send(_) => "send",
            Self::Status(_) => "status",
            Self::Limit => "limits",
        }
    }
}

impl Action {
    /// The word of audit lines.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Limit => "limit",
            other => other.as_str(),
        }
    }
}

/// `issue`.
#[derive(Debug)]
pub struct IssueRule {
    /// What the code is for.
    pub purpose: Arc<PurposeRules>,
    /// Where the upstream's answer has the reference.
    pub reference: Field,
    /// Where the code goes.
    pub recipient: RecipientRule,
    /// Name → request field that the code is tied to.
    pub bind: Vec<(String, Field)>,
}

/// `verify`.
#[derive(Debug)]
pub struct VerifyRule {
    /// Where the request has the code.
    pub code: Field,
    /// Where the request has the reference.
    pub reference: Field,
    /// Statuses of the upstream after which the same code may be tried again.
    pub retryable: Vec<u16>,
    /// The purposes whose codes are taken. To this route, a challenge of another one does not exist.
    pub purposes: Vec<Arc<PurposeRules>>,
    /// Their lockouts, as a verify command carries them: that is how the store knows the purposes too.
    pub lockouts: Arc<[(Purpose, LockoutRule)]>,
}

/// `send`.
#[derive(Debug)]
pub struct SendRule {
    /// Where the request names the purpose.
    pub purpose: Field,
    /// Where the code goes.
    pub recipient: RecipientRule,
}

/// `status`.
#[derive(Debug)]
pub struct StatusRule {
    /// Where the request names the purpose.
    pub purpose: Field,
}

/// `recipient`: the address is always a claim; a client may be asked to name it too.
#[derive(Debug, Clone)]
pub struct RecipientRule {
    /// The claim that holds the address.
    pub claim: Field,
    /// A request field that must spell the same address, when it is there.
    pub named_by: Option<Field>,
}
