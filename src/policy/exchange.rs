//! One request from start to end on a state in memory: what the enforcement point does around a decision, in the
//! same order, with the same parts and without its effects. For tests of policies; a test holds it equal to the
//! running sidecar.
//!
//! It must not know sockets, clocks or test files. Tokens are not checked here: who is calling is given.

use std::net::IpAddr;
use std::sync::Arc;

use http::{Request, Response, StatusCode};
use serde_json::Value;

use super::body::form::Pairs;
use super::caller::Caller;
use super::decision::{Admission, Denial, NotFound};
use super::facts::Facts;
use super::find::Found;
use super::issue::{self, Order};
use super::snapshot::{
    Action, IssueRule, PolicySnapshot, PurposeRules, Route, SendRule, StatusRule, VerifyRule,
};
use super::verify::{self, Answer};
use super::{extend, judge, limit, status, wire};
use crate::domain::admit::{self, AdmitCommand, AdmitOutcome, Standing, Standpoint, admit};
use crate::domain::code::{Code, Entropy};
use crate::domain::id::{Purpose, Reference, RequestId};
use crate::domain::issue::{Expected, IssueCommand, IssueOutcome, issue as store};
use crate::domain::keyring::Keyring;
use crate::domain::outbox::Message;
use crate::domain::reason::Reason;
use crate::domain::state::State;
use crate::domain::subject::Subject;
use crate::domain::tally::Tally;
use crate::domain::time::Timestamp;
use crate::domain::verify::{self as verifying, Settlement, VerifyOutcome, settle};

/// What requests meet.
pub struct Stage<'a> {
    /// The policy in force.
    pub policy: &'a PolicySnapshot,
    /// The keys of the digests.
    pub keyring: &'a Keyring,
    /// Where codes and ids come from.
    pub entropy: &'a dyn Entropy,
    /// What is remembered.
    pub state: State,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Asked {
    /// As it arrived.
    pub request: Request<Vec<u8>>,
    /// Where it came from, as far as trusted proxies tell.
    pub client: IpAddr,
    /// Who its token says is calling. `None` without a valid token.
    pub caller: Option<Caller>,
}

/// What the wallet would do with a request that reaches it.
#[derive(Debug, Clone)]
pub enum Wallet {
    /// It answers.
    Answers(Response<Vec<u8>>),
    /// It is not reached, and nothing is sent.
    NotReached,
    /// It takes the request and does not answer in time.
    Silent,
}

/// A code that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Whose it is.
    pub subject: Subject,
    /// The challenge.
    pub reference: Reference,
    /// The code itself: codes of tests open nothing.
    pub code: String,
}

/// How a request ended.
#[derive(Debug)]
pub struct Exchange {
    /// What the client reads.
    pub response: Response<Vec<u8>>,
    /// The route that decided.
    pub route: Option<Arc<Route>>,
    /// What it was about, as far as that became known.
    pub purpose: Option<Purpose>,
    /// The path, in the policy, of the rule that refused.
    pub rule: Option<String>,
    /// Its id.
    pub request: RequestId,
    /// Why it was refused, if it was.
    pub denial: Option<Denial>,
    /// The challenge that it is about.
    pub reference: Option<Reference>,
    /// What the decision found and left.
    pub tally: Option<Tally>,
    /// How the reservation of a right code ended.
    pub settled: Option<Settlement>,
    /// Whether the request was let through to the wallet.
    pub forwarded: bool,
    /// The code that was made.
    pub made: Option<Made>,
    /// The mails that go out.
    pub messages: Vec<Message>,
}

type Decided = Result<Response<Vec<u8>>, Denial>;

impl Stage<'_> {
    /// Answers one request.
    pub fn answer(&mut self, asked: &Asked, wallet: &Wallet, at: Timestamp) -> Exchange {
        let id = RequestId::mint(self.entropy);
        let mut run = Run {
            stage: self,
            asked,
            wallet,
            at,
            id,
            route: None,
            purpose: None,
            reference: None,
            tally: None,
            settled: None,
            forwarded: false,
            made: None,
            messages: Vec::new(),
        };
        let decided = run.decide();
        run.end(decided)
    }

    /// Failures, lock and pending challenge of a subject and purpose. Changes nothing.
    pub fn standing(&mut self, subject: &Subject, purpose: &Purpose, at: Timestamp) -> Standing {
        let standpoint =
            Standpoint { subject: subject.clone(), purpose: purpose.clone(), refuse_locked: false };
        let command = AdmitCommand { standpoint: Some(standpoint), takes: Vec::new() };
        match admit(&mut self.state, &command, at) {
            AdmitOutcome::Admitted(standing) => standing,
            AdmitOutcome::Refused(_) => Standing::default(),
        }
    }
}

struct Run<'r, 'a> {
    stage: &'r mut Stage<'a>,
    asked: &'r Asked,
    wallet: &'r Wallet,
    at: Timestamp,
    id: RequestId,
    route: Option<Arc<Route>>,
    purpose: Option<Purpose>,
    reference: Option<Reference>,
    tally: Option<Tally>,
    settled: Option<Settlement>,
    forwarded: bool,
    made: Option<Made>,
    messages: Vec<Message>,
}

impl<'r> Run<'r, '_> {
    fn end(self, decided: Decided) -> Exchange {
        let origin = self.asked.request.headers().get(http::header::ORIGIN);
        let denial = decided.as_ref().err().cloned();
        let response = decided.unwrap_or_else(|denial| {
            wire::deny(&denial, &self.stage.policy.cors, origin, &self.id).map(String::into_bytes)
        });
        let named = self.route.as_ref().zip(denial.as_ref());
        let rule = named.and_then(|(route, denial)| denial.rule(route, self.purpose.as_ref()));
        Exchange {
            response,
            route: self.route,
            purpose: self.purpose,
            rule,
            request: self.id,
            denial,
            reference: self.reference,
            tally: self.tally,
            settled: self.settled,
            forwarded: self.forwarded,
            made: self.made,
            messages: self.messages,
        }
    }

    fn decide(&mut self) -> Decided {
        let request = &self.asked.request;
        let (uri, headers, policy) = (request.uri(), request.headers(), self.stage.policy);
        match policy.find(request.method(), uri.path(), headers) {
            Found::Unguarded(admission) => self.pass(admission),
            Found::OtherMethod { admission, .. } => {
                judge::other_method(headers, uri.query().unwrap_or_default())?;
                self.pass(admission)
            }
            Found::Preflight { admission, .. } => {
                judge::preflight(headers, !request.body().is_empty())?;
                self.pass(admission)
            }
            Found::Refused { route, denial } => {
                self.route = route.map(Arc::clone);
                Err(denial)
            }
            Found::Route { route, .. } => {
                self.route = Some(Arc::clone(route));
                self.guard(&Arc::clone(route))
            }
        }
    }

    /// The request goes on to the wallet.
    fn forward(&mut self, _admission: Admission) -> Result<Response<Vec<u8>>, (Answer, Denial)> {
        self.forwarded = true;
        match self.wallet {
            Wallet::Answers(response) => Ok(response.clone()),
            Wallet::NotReached => Err((Answer::NotSent, Denial::UpstreamUnavailable { was_sent: false })),
            Wallet::Silent => Err((Answer::Unclear, Denial::UpstreamTimeout)),
        }
    }

    fn pass(&mut self, admission: Admission) -> Decided {
        self.forward(admission).map_err(|(_, denial)| denial)
    }

    fn guard(&mut self, route: &Route) -> Decided {
        let request = &self.asked.request;
        judge::head(request.headers())?;
        if let Action::Limit = route.action {
            return self.within_limits(route);
        }
        let caller = self.authenticate()?;
        let facts = self.judge(route, caller)?;
        match &route.action {
            Action::Issue(rule) => self.issue(route, rule, &facts),
            Action::Verify(rule) => self.verify(route, rule, &facts),
            Action::Send(rule) => self.send(route, rule, &facts),
            Action::Status(rule) => self.status(route, rule, &facts),
            Action::Limit => Err(Denial::Internal),
        }
    }

    fn admit(&mut self, command: &AdmitCommand) -> AdmitOutcome {
        let (outcome, tally) = admit::decide(&mut self.stage.state, command, self.at);
        self.tally = Some(tally);
        outcome
    }

    fn authenticate(&mut self) -> Result<Caller, Denial> {
        if let Some(caller) = &self.asked.caller {
            return Ok(caller.clone());
        }
        let Some(command) = limit::without_caller(&self.stage.policy.identity, self.asked.client) else {
            return Err(Denial::Unauthorized);
        };
        Err(limit::unauthorized(self.admit(&command), self.at))
    }

    fn judge(&self, route: &Route, caller: Caller) -> Result<Facts, Denial> {
        let request = &self.asked.request;
        let query: Pairs = judge::query(request.uri().query().unwrap_or_default())?;
        let body = if judge::takes_body(request.method()) {
            Some(judge::body(request.headers(), request.body())?)
        } else if request.body().is_empty() {
            None
        } else {
            return Err(judge::no_body(request.method()));
        };
        judge::spellings(route, body.as_ref(), &query)?;
        Ok(Facts { caller, client: self.asked.client, body, query })
    }

    fn within_limits(&mut self, route: &Route) -> Decided {
        let caller = if limit::needs_caller(route) { Some(self.authenticate()?) } else { None };
        let command = limit::before(route, caller.as_ref(), self.asked.client);
        let outcome = self.admit(&command);
        let (admission, _) = issue::admitted(outcome, self.at)?;
        self.pass(admission)
    }

    fn issue(&mut self, route: &Route, rule: &IssueRule, facts: &Facts) -> Decided {
        self.purpose = Some(rule.purpose.name.clone());
        let binding = facts.binding(&rule.bind)?;
        let recipient = facts.recipient(&rule.recipient)?;
        let command = issue::before(route, &rule.purpose, facts);
        let outcome = self.admit(&command);
        let (admission, _) = issue::admitted(outcome, self.at)?;
        let response = self.pass(admission)?;
        let Some(value) = readable(&response) else { return Ok(response) };
        let made = match issue::reference_in(rule, &value) {
            None => Err(Reason::NoReference),
            Some(reference) => {
                let id = self.id.clone();
                self.make(Order {
                    purpose: &rule.purpose,
                    subject: facts.subject(),
                    recipient,
                    reference,
                    expected: Expected::Anything,
                    binding,
                    request: &id,
                    at: self.at,
                })
            }
        };
        let fields = match made {
            Ok(IssueOutcome::Issued { .. }) => extend::sent(rule.purpose.ttl),
            _ => extend::not_sent(),
        };
        Ok(response.map(|text| extend::extended(&text, &value, fields)))
    }

    /// Makes a code, and notes it: a digest says which of the numbers in the mail it is.
    fn make(&mut self, order: Order<'_>) -> Result<IssueOutcome, Reason> {
        let digits = usize::from(order.purpose.digits.get());
        let (command, message) =
            issue::mint(order, self.stage.keyring, self.stage.entropy).map_err(|_| Reason::TemplateFailed)?;
        let code = self.code_in(&command, &message.envelope.text, digits);
        match store(&mut self.stage.state, &command, self.at) {
            IssueOutcome::Spent => Err(Reason::ReferenceSpent),
            IssueOutcome::Issued { expires_at } => {
                self.reference = Some(command.reference.clone());
                self.made =
                    code.map(|code| Made { subject: command.subject, reference: command.reference, code });
                self.messages.push(message);
                Ok(IssueOutcome::Issued { expires_at })
            }
            other => Ok(other),
        }
    }

    fn code_in(&self, command: &IssueCommand, text: &str, digits: usize) -> Option<String> {
        let mut runs = text.split(|c: char| !c.is_ascii_digit()).filter(|run| run.len() == digits);
        let is_it = |run: &&str| {
            Code::presented(run, None).is_some_and(|code| {
                let digest = self.stage.keyring.sign(&command.subject, &command.reference, &code);
                digest.matches(&command.digest)
            })
        };
        runs.find(is_it).map(str::to_owned)
    }

    fn verify(&mut self, route: &Route, rule: &VerifyRule, facts: &Facts) -> Decided {
        let command = verify::before(route, rule, facts, self.stage.keyring, &self.id)?;
        let (outcome, tally) = verifying::decide(&mut self.stage.state, &command, self.at);
        self.reference = Some(command.reference.clone());
        self.purpose = tally.account.as_ref().map(|account| account.purpose.clone());
        self.tally = Some(tally);
        if let VerifyOutcome::Mismatch { purpose, lock: Some(lock), .. } = &outcome
            && let Some(rules) = self.stage.policy.purposes.get(purpose)
        {
            // A token without an address, and a notice that cannot be written, only cost the notice.
            let notice = verify::lock_notice(rules, facts, *lock, &self.id, self.at);
            self.messages.extend(notice.ok().flatten());
        }
        let (admission, hold) = verify::reserved(command, outcome, self.at)?;
        let (answer, decided) = match self.forward(admission) {
            Ok(response) => (Answer::Status(response.status().as_u16()), Ok(response)),
            Err((answer, denial)) => (answer, Err(denial)),
        };
        if let Some(command) = hold.settle(rule, answer) {
            self.settled = Some(command.settlement);
            settle(&mut self.stage.state, &command, self.at);
        }
        decided
    }

    fn send(&mut self, route: &Route, rule: &SendRule, facts: &Facts) -> Decided {
        let purpose = Arc::clone(facts.purpose(&rule.purpose, &self.stage.policy.purposes)?);
        self.purpose = Some(purpose.name.clone());
        let recipient = facts.recipient(&rule.recipient)?;
        let command = issue::before(route, &purpose, facts);
        let outcome = self.admit(&command);
        let (_, standing) = issue::admitted(outcome, self.at)?;
        let (reference, expected, binding) = issue::resend(standing.pending, self.stage.entropy)?;
        let id = self.id.clone();
        let order = Order {
            purpose: &purpose,
            subject: facts.subject(),
            recipient,
            reference: reference.clone(),
            expected,
            binding,
            request: &id,
            at: self.at,
        };
        match self.make(order).map_err(issue::not_made)? {
            IssueOutcome::Issued { .. } => Ok(self.own(&wire::sent_json(&purpose, &reference))),
            IssueOutcome::TooSoon { retry_at } => Err(issue::too_soon(retry_at, self.at)),
            IssueOutcome::Stale | IssueOutcome::Spent => Err(Denial::CodeNotFound(NotFound::Superseded)),
        }
    }

    fn status(&mut self, route: &Route, rule: &StatusRule, facts: &Facts) -> Decided {
        let purpose: Arc<PurposeRules> =
            Arc::clone(facts.purpose(&rule.purpose, &self.stage.policy.purposes)?);
        self.purpose = Some(purpose.name.clone());
        let outcome = self.admit(&status::before(route, &purpose, facts));
        let (_, standing) = issue::admitted(outcome, self.at)?;
        Ok(self.own(&wire::status_json(&status::view(&purpose, &standing, self.at))))
    }

    /// An answer of the sidecar's own.
    fn own(&self, body: &Value) -> Response<Vec<u8>> {
        let origin = self.asked.request.headers().get(http::header::ORIGIN);
        wire::json(StatusCode::OK, body, &self.stage.policy.cors, origin).map(String::into_bytes)
    }
}

/// What a wallet that agreed says, where it is a JSON object.
fn readable(response: &Response<Vec<u8>>) -> Option<Value> {
    let may = response.status().is_success() && extend::may_be_read(response.headers());
    let value: Value = serde_json::from_slice(response.body()).ok().filter(|_| may)?;
    value.is_object().then_some(value)
}
