//! Tests of a policy as people write them (`docs/policy-tests.md`): requests on a clock that stands still between them,
//! and what is expected of the answers.
//!
//! It must not know where files come from or how a result is shown. What happens to a request is decided in
//! [`super::exchange`]; here it is only asked and compared.

pub mod compare;
pub mod numbers;
pub mod read;
pub mod run;

#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use serde_json::{Map, Value};

use super::diagnostic::At;
use super::document::tree::Text;
use crate::domain::outbox::MessageKind;
use crate::domain::time::Timestamp;

/// One file of tests.
#[derive(Debug)]
pub struct Suite {
    /// The policy set, as the file names it: relative to the file. `None`: the folder above the file's.
    pub policy: Option<Text>,
    /// The tests, in the order of the file.
    pub tests: Vec<Test>,
}

/// One test: its steps share a state that is empty at first.
#[derive(Debug)]
pub struct Test {
    /// What it shows, as a sentence.
    pub name: String,
    /// Where it stands.
    pub at: At,
    /// When it starts.
    pub start: Timestamp,
    /// What happens, in this order.
    pub steps: Vec<Step>,
}

/// One request, or the same one several times.
#[derive(Debug, Clone)]
pub struct Step {
    /// Where it stands.
    pub at: At,
    /// When it is made.
    pub when: When,
    /// How often.
    pub times: u32,
    /// How long after each other.
    pub every: Duration,
    /// The request.
    pub ask: Ask,
    /// What the wallet would do with it. `None`: it agrees.
    pub wallet: Option<WalletSays>,
    /// What must come of it, each time.
    pub expectations: Vec<Expectation>,
}

/// When a step is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// So long after the start.
    Since(Duration),
    /// So long after the step before.
    Later(Duration),
}

/// A request as a test writes it.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Its method.
    pub method: Method,
    /// Path and query.
    pub target: Uri,
    /// What its token says. `None`: it has no valid one.
    pub claims: Option<Map<String, Value>>,
    /// Where it comes from.
    pub client: IpAddr,
    /// Its headers; one without a value is not sent.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Its body.
    pub body: Payload,
    /// The code that it presents, where the route looks for it.
    pub code: Option<Presented>,
    /// The reference that it names, where the route looks for it. `None`: the one of the newest code.
    pub reference: Option<String>,
}

/// A body.
#[derive(Debug, Clone, PartialEq)]
pub enum Payload {
    /// None.
    Nothing,
    /// A JSON object.
    Object(Map<String, Value>),
    /// Text as it is.
    Text(String),
}

/// Which code is presented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presented {
    /// The newest one of the caller.
    Right,
    /// The one before the newest.
    Previous,
    /// One that nobody was sent.
    Wrong,
    /// This one.
    Literal(String),
}

/// What the wallet does with a request.
#[derive(Debug, Clone, PartialEq)]
pub enum WalletSays {
    /// It answers. A status without a body gets one that agrees.
    Answers {
        /// The status.
        status: StatusCode,
        /// The body.
        body: Payload,
    },
    /// It is not reached.
    Unreachable,
    /// It takes the request and says nothing.
    Timeout,
}

/// One thing that is expected.
#[derive(Debug, Clone)]
pub struct Expectation {
    /// Where it stands.
    pub at: At,
    /// What.
    pub want: Want,
}

/// What can be expected.
#[derive(Debug, Clone)]
pub enum Want {
    /// The status.
    Status(u16),
    /// The word in `error`; `None`: no refusal.
    Error(Option<String>),
    /// The rule that refused; `None`: no rule of the policy did.
    Rule(Option<String>),
    /// The route that decided; `None`: no route did.
    Route(Option<String>),
    /// A header; `None`: it is not there.
    Header(HeaderName, Option<String>),
    /// A field of the answer, by its path; null also means that it is not there.
    Field(Vec<String>, Value),
    /// Whether the request was let through to the wallet.
    Forwarded(bool),
    /// The lock of caller and purpose after the request.
    Lock(Locked, Option<String>),
    /// The failures of caller and purpose after the request.
    Failures(u32, Option<String>),
    /// The mails that go out, and no others.
    Mails(Vec<Mail>),
}

/// A lock that is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locked {
    /// None.
    Free,
    /// For so long from now on.
    For(Duration),
    /// Until an operator clears it.
    Disabled,
}

/// A mail that is expected.
#[derive(Debug, Clone, Default)]
pub struct Mail {
    /// Whose address it goes to.
    pub to: Option<String>,
    /// What it says.
    pub kind: Option<MessageKind>,
    /// What its code is for.
    pub purpose: Option<String>,
    /// Its subject line.
    pub subject: Option<String>,
    /// What is in its text.
    pub contains: Vec<String>,
}
