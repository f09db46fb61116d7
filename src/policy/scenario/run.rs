//! Runs a test: makes its requests, moves its clock, and stops at the first step that is not as expected.

use std::time::Duration;

use http::{Request, Response, StatusCode, header};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::compare::{Difference, differences};
use super::numbers::Numbers;
use super::{Ask, Payload, Presented, Test, WalletSays, When};
use crate::domain::keyring::{KeyId, Keyring};
use crate::domain::state::State;
use crate::domain::time::Timestamp;
use crate::policy::caller::Caller;
use crate::policy::diagnostic::At;
use crate::policy::exchange::{Asked, Exchange, Made, Stage, Wallet};
use crate::policy::field::{Field, Source};
use crate::policy::find::Found;
use crate::policy::snapshot::{Action, PolicySnapshot, VerifyRule};

/// How a test went.
#[derive(Debug)]
pub struct Outcome {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub at: At,
    /// How many steps it has, each repetition counted.
    pub steps: u32,
    /// What was asked and answered, up to the first failure.
    pub history: Vec<Played>,
    /// What was not as expected in the last of them. Empty: it passed.
    pub differences: Vec<Difference>,
}

/// One request and its answer, in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Played {
    /// Where its step stands.
    pub at: At,
    /// How long after the start.
    pub after: Duration,
    /// Which repetition it is, from 1, and of how many.
    pub turn: (u32, u32),
    /// Method and path.
    pub request: String,
    /// The status of the answer.
    pub status: u16,
    /// The word in `error`.
    pub error: Option<String>,
    /// The rule that refused.
    pub rule: Option<String>,
}

impl Outcome {
    /// Whether everything was as expected.
    pub fn passed(&self) -> bool {
        self.differences.is_empty()
    }
}

/// Runs one test on a state of its own.
pub fn run(test: &Test, policy: &PolicySnapshot) -> Outcome {
    let steps = test.steps.iter().map(|step| step.times).sum();
    let mut outcome =
        Outcome { name: test.name.clone(), at: test.at, steps, history: Vec::new(), differences: Vec::new() };
    let Some(keyring) = keyring() else { return outcome };
    let entropy = Numbers::from(0);
    let stage = Stage { policy, keyring: &keyring, entropy: &entropy, state: State::default() };
    let mut play = Play { stage, made: Vec::new(), answered: 0 };
    let mut now = test.start;
    for step in &test.steps {
        now = match step.when {
            When::Since(after) => test.start.plus(after),
            When::Later(by) => now.plus(by),
        };
        for turn in 1..=step.times {
            if turn > 1 {
                now = now.plus(step.every);
            }
            let place = Played {
                at: step.at,
                after: now.since(test.start),
                turn: (turn, step.times),
                request: format!("{} {}", step.ask.method, step.ask.target),
                status: 0,
                error: None,
                rule: None,
            };
            let found = play.turn(&step.ask, step.wallet.as_ref(), now);
            let (exchange, caller) = match found {
                Ok(found) => found,
                Err(problem) => {
                    outcome.history.push(place);
                    outcome.differences.push(Difference::impossible(step.at, problem));
                    return outcome;
                }
            };
            outcome.history.push(told(place, &exchange));
            outcome.differences =
                differences(&step.expectations, &exchange, caller.as_ref(), &mut play.stage, now);
            play.made.extend(exchange.made);
            if !outcome.passed() {
                return outcome;
            }
        }
    }
    outcome
}

fn told(place: Played, exchange: &Exchange) -> Played {
    let body: Value = serde_json::from_slice(exchange.response.body()).unwrap_or_default();
    Played {
        status: exchange.response.status().as_u16(),
        error: body.get("error").and_then(Value::as_str).map(str::to_owned),
        rule: exchange.rule.clone(),
        ..place
    }
}

/// The keys of tests. Nothing is protected by them.
fn keyring() -> Option<Keyring> {
    Keyring::new([(KeyId::parse("test").ok()?, Zeroizing::new([7; 32]))])
}

struct Play<'a> {
    stage: Stage<'a>,
    /// Every code so far, oldest first.
    made: Vec<Made>,
    /// How many references the wallet has given.
    answered: u32,
}

impl Play<'_> {
    fn turn(
        &mut self,
        ask: &Ask,
        wallet: Option<&WalletSays>,
        now: Timestamp,
    ) -> Result<(Exchange, Option<Caller>), String> {
        let policy = self.stage.policy;
        let caller = match &ask.claims {
            None => None,
            Some(claims) => {
                Some(Caller::from_claims(&policy.identity.jwt.claims, claims).ok_or_else(|| {
                    "the claims make no caller: the subject's is missing, or one is a list or a mapping"
                        .to_owned()
                })?)
            }
        };
        let request = self.request(ask, caller.as_ref())?;
        let wallet = self.wallet(&request, wallet);
        let asked = Asked { request, client: ask.client, caller: caller.clone() };
        Ok((self.stage.answer(&asked, &wallet, now), caller))
    }

    fn request(&self, ask: &Ask, caller: Option<&Caller>) -> Result<Request<Vec<u8>>, String> {
        let mut body = ask.body.clone();
        let mut target = ask.target.to_string();
        if let Some(code) = &ask.code {
            let rule = self.verify_rule(ask)?;
            let own: Vec<&Made> = self
                .made
                .iter()
                .filter(|made| caller.is_some_and(|caller| caller.subject == made.subject))
                .collect();
            let reference = match (&ask.reference, own.last()) {
                (Some(reference), _) => reference.clone(),
                (None, Some(newest)) => newest.reference.as_str().to_owned(),
                (None, None) => "nothing-was-issued".to_owned(),
            };
            put(&mut body, &mut target, &rule.reference, &reference)?;
            put(&mut body, &mut target, &rule.code, &self.code(code, &own)?)?;
        }
        let mut request = Request::builder().method(&ask.method).uri(target);
        if let Some(headers) = request.headers_mut() {
            let is_given = ask.headers.iter().any(|(name, _)| name == header::CONTENT_TYPE);
            if body != Payload::Nothing && !is_given {
                headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
            }
            for (name, value) in &ask.headers {
                headers.append(name, value.clone());
            }
        }
        request.body(bytes(&body)).map_err(|error| format!("this is no request: {error}"))
    }

    fn verify_rule(&self, ask: &Ask) -> Result<&VerifyRule, String> {
        let headers = header::HeaderMap::new();
        if let Found::Route { route, .. } = self.stage.policy.find(&ask.method, ask.target.path(), &headers)
            && let Action::Verify(rule) = &route.action
        {
            return Ok(rule);
        }
        Err(format!("`code` is for routes with `verify`, and {} {} is none", ask.method, ask.target.path()))
    }

    fn code(&self, which: &Presented, own: &[&Made]) -> Result<String, String> {
        let newest = |back: usize| own.iter().rev().nth(back).map(|made| made.code.clone());
        match which {
            Presented::Right => newest(0).ok_or_else(|| "no code was issued to this caller yet".to_owned()),
            Presented::Previous => {
                newest(1).ok_or_else(|| "fewer than two codes were issued to this caller yet".to_owned())
            }
            Presented::Literal(code) => Ok(code.clone()),
            Presented::Wrong => {
                let width = newest(0).map_or(6, |code| code.len());
                let is_free = |code: &String| self.made.iter().all(|made| made.code != *code);
                let mut all = (0_u32..).map(|number| format!("{number:0width$}"));
                all.find(is_free).ok_or_else(|| "every code was issued".to_owned())
            }
        }
    }

    /// What the wallet does: what the step says, or it agrees, with a reference where the policy looks for one.
    fn wallet(&mut self, request: &Request<Vec<u8>>, says: Option<&WalletSays>) -> Wallet {
        let (status, body) = match says {
            Some(WalletSays::Unreachable) => return Wallet::NotReached,
            Some(WalletSays::Timeout) => return Wallet::Silent,
            Some(WalletSays::Answers { status, body }) => (*status, body.clone()),
            None => (StatusCode::OK, Payload::Nothing),
        };
        let body = match body {
            Payload::Nothing => self.agreement(request, status),
            other => other,
        };
        let mut response = Response::new(bytes(&body));
        *response.status_mut() = status;
        let kind = if matches!(body, Payload::Object(_)) { "application/json" } else { "text/plain" };
        response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
        Wallet::Answers(response)
    }

    fn agreement(&mut self, request: &Request<Vec<u8>>, status: StatusCode) -> Payload {
        let mut answer = Map::new();
        answer.insert("success".to_owned(), Value::Bool(status.is_success()));
        let found = self.stage.policy.find(request.method(), request.uri().path(), request.headers());
        if let Found::Route { route, .. } = found
            && let Action::Issue(rule) = &route.action
            && status.is_success()
        {
            self.answered += 1;
            insert(&mut answer, &rule.reference.path, json!(format!("TEST-{}", self.answered)));
        }
        Payload::Object(answer)
    }
}

/// Puts a value where a selector looks, unless something is there already.
fn put(body: &mut Payload, target: &mut String, field: &Field, value: &str) -> Result<(), String> {
    match (field.source, body) {
        (Source::Query, _) => {
            let joint = if target.contains('?') { '&' } else { '?' };
            target.push_str(&format!("{joint}{}={value}", field.path.join(".")));
        }
        (Source::Body, Payload::Object(members)) => insert(members, &field.path, json!(value)),
        (Source::Body, body @ Payload::Nothing) => {
            let mut members = Map::new();
            insert(&mut members, &field.path, json!(value));
            *body = Payload::Object(members);
        }
        _ => {
            return Err(format!("`code` cannot be put at `{field}` of this request: write it into the body"));
        }
    }
    Ok(())
}

fn insert(members: &mut Map<String, Value>, path: &[String], value: Value) {
    match path {
        [] => {}
        [name] => {
            members.entry(name.clone()).or_insert(value);
        }
        [name, deeper @ ..] => {
            if let Value::Object(inner) = members.entry(name.clone()).or_insert_with(|| json!({})) {
                insert(inner, deeper, value);
            }
        }
    }
}

fn bytes(body: &Payload) -> Vec<u8> {
    match body {
        Payload::Nothing => Vec::new(),
        Payload::Object(members) => Value::Object(members.clone()).to_string().into_bytes(),
        Payload::Text(text) => text.clone().into_bytes(),
    }
}
