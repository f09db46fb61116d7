//! People who fund, ask again, guess and look, the same in two policies; and the log that the first of them writes.

use std::net::IpAddr;
use std::time::Duration;

use http::{Request, Response, header};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::domain::code::Entropy;
use crate::domain::keyring::{KeyId, Keyring};
use crate::domain::state::State;
use crate::domain::time::Timestamp;
use crate::domain::verify::Settlement;
use crate::policy::caller::Caller;
use crate::policy::decision::Denial;
use crate::policy::exchange::{Asked, Exchange, Made, Stage, Wallet};
use crate::policy::scenario::numbers::Numbers;
use crate::policy::snapshot::{Action, PolicySnapshot};
use crate::telemetry::audit::entry::{Decision, Entry, Of, What};
use crate::telemetry::audit::line;
use crate::telemetry::event::Settled;

/// What somebody does.
#[derive(Debug, Clone, Copy)]
pub enum Doing {
    Fund { agrees: bool },
    Send,
    Right { back: usize },
    Wrong,
    Look,
    NoToken,
}

/// Who does what, when.
#[derive(Debug, Clone, Copy)]
pub struct Deed {
    pub at: Timestamp,
    pub who: u64,
    pub doing: Doing,
    /// What the wallet does: mostly it answers.
    pub wallet: u64,
}

/// A life of so many deeds.
pub fn deeds(seed: u64, count: usize) -> Vec<Deed> {
    let numbers = Numbers::from(seed);
    let below = |bound: u64| {
        let mut bytes = [0; 8];
        numbers.fill(&mut bytes);
        u64::from_le_bytes(bytes) % bound
    };
    let mut at = Timestamp::from_millis(1_768_644_000_000);
    let people = 1 + below(4);
    let longest = [300, 5_000, 60_000, 400_000][below(4) as usize];
    let deed = |_| {
        at = at.plus(Duration::from_millis(below(longest)));
        let doing = match below(20) {
            0..4 => Doing::Fund { agrees: below(8) > 0 },
            4..8 => Doing::Send,
            8..11 => Doing::Right { back: 0 },
            11 => Doing::Right { back: 1 },
            12..17 => Doing::Wrong,
            17..19 => Doing::Look,
            _ => Doing::NoToken,
        };
        Deed { at, who: below(people), doing, wallet: below(20) }
    };
    (0..count).map(deed).collect()
}

/// What came of a deed.
pub struct Came {
    pub exchange: Exchange,
    /// Which deed made the code that was presented, or to whose reference one was guessed.
    pub about: Option<usize>,
}

/// Does all deeds under a policy. With `told`, codes are presented as there: those of the same deeds.
pub fn live(policy: &PolicySnapshot, deeds: &[Deed], told: Option<&[Came]>) -> Vec<Came> {
    let keyring = Keyring::new([(KeyId::parse("k1").unwrap(), Zeroizing::new([1; 32]))]).unwrap();
    let entropy = Numbers::from(policy.hash.as_str().bytes().map(u64::from).sum());
    let mut stage = Stage { policy, keyring: &keyring, entropy: &entropy, state: State::default() };
    let mut made: Vec<Option<Made>> = Vec::new();
    let mut all: Vec<Came> = Vec::new();
    for (index, deed) in deeds.iter().enumerate() {
        let own = |back: usize| {
            let of = |index: &usize| deeds[*index].who == deed.who && made[*index].is_some();
            (0..made.len()).rev().filter(of).nth(back)
        };
        let about = match (told, deed.doing) {
            (Some(told), _) => told[index].about,
            (None, Doing::Right { back }) => own(back),
            (None, Doing::Wrong) => own(0),
            _ => None,
        };
        let asked = ask(deed, about.and_then(|about| made[about].as_ref()));
        let exchange = stage.answer(&asked, &wallet(deed, index), deed.at);
        made.push(exchange.made.clone());
        all.push(Came { exchange, about });
    }
    all
}

fn ask(deed: &Deed, about: Option<&Made>) -> Asked {
    let (user, email) = (format!("u{}", deed.who), format!("u{}@example.com", deed.who));
    let reference = about.map_or("nothing-here", |made| made.reference.as_str());
    let right = about.map_or("000000", |made| &made.code);
    let (method, path, body) = match deed.doing {
        Doing::Fund { .. } => ("POST", "/api/wallet/fund", json!({ "amount": 5 })),
        Doing::Send => {
            ("POST", "/api/wallet/otp/send", json!({ "purpose": "wallet_funding", "email": email }))
        }
        Doing::Right { .. } => ("POST", "/api/wallet/verify-otp", verify(reference, right)),
        Doing::Wrong => ("POST", "/api/wallet/verify-otp", verify(reference, wrong(about))),
        Doing::Look | Doing::NoToken => ("GET", "/api/wallet/otp/status?purpose=wallet_funding", Value::Null),
    };
    let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::CONTENT_TYPE, "application/json")
        .body(bytes)
        .unwrap();
    let claims: Map<String, Value> = json!({ "id": user, "email": email }).as_object().unwrap().clone();
    let names = [("subject", "id"), ("email", "email")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    let caller = Caller::from_claims(&names.into(), &claims);
    let caller = caller.filter(|_| !matches!(deed.doing, Doing::NoToken));
    Asked { request, client: client(deed), caller }
}

fn verify(reference: &str, code: &str) -> Value {
    json!({ "transaction_reference": reference, "otp": code })
}

/// No code is drawn twice in so short a life.
fn wrong(about: Option<&Made>) -> &'static str {
    if about.is_some_and(|made| made.code == "999999") { "999998" } else { "999999" }
}

fn client(deed: &Deed) -> IpAddr {
    IpAddr::from([192, 0, 2, (deed.who % 2) as u8])
}

fn wallet(deed: &Deed, index: usize) -> Wallet {
    match (deed.wallet, deed.doing) {
        (0, _) => Wallet::NotReached,
        (1, _) => Wallet::Silent,
        (_, Doing::Fund { agrees: false }) => Wallet::Answers(answer(400, &json!({ "success": false }))),
        _ => Wallet::Answers(answer(200, &json!({ "transactionReference": format!("FUND-{index}") }))),
    }
}

fn answer(status: u16, body: &Value) -> Response<Vec<u8>> {
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/json")
        .body(body.to_string().into_bytes())
        .unwrap()
}

/// The audit log of a life, deed by deed.
pub fn log(policy: &PolicySnapshot, deeds: &[Deed], lived: &[Came]) -> Vec<Vec<String>> {
    let keyring = Keyring::new([(KeyId::parse("k1").unwrap(), Zeroizing::new([1; 32]))]).unwrap();
    let names = keyring.pseudonyms();
    let write = |(deed, came): (&Deed, &Came)| {
        let mut lines = Vec::new();
        for what in whats(policy, deed, &came.exchange) {
            let mut bytes = Vec::new();
            line::write(&Entry { time: deed.at, lost: 0, what }, &names, &mut bytes);
            lines.push(String::from_utf8(bytes).unwrap());
        }
        lines
    };
    deeds.iter().zip(lived).map(write).collect()
}

fn whats(policy: &PolicySnapshot, deed: &Deed, exchange: &Exchange) -> Vec<What> {
    let Some(route) = &exchange.route else { return Vec::new() };
    let subject = (!matches!(deed.doing, Doing::NoToken))
        .then(|| crate::domain::subject::Subject::parse(&format!("u{}", deed.who)).unwrap());
    let of = || Of {
        request: exchange.request.clone(),
        trace: None,
        route: route.name.clone(),
        subject: subject.clone(),
        forms: policy.audit,
    };
    let denial = exchange.denial.as_ref().filter(|_| !exchange.forwarded);
    let is_verify = matches!(route.action, Action::Verify(_));
    let right = match denial {
        None => is_verify.then_some(true),
        Some(Denial::CodeInvalid { .. } | Denial::Locked { set_now: true, .. }) => Some(false),
        Some(_) => None,
    };
    let reason = match (denial, &route.action) {
        (Some(denial), _) => denial.reason().as_str(),
        (None, Action::Verify(_)) => "matched",
        (None, Action::Send(_)) => "issued",
        (None, Action::Status(_)) => "told",
        (None, _) => "admitted",
    };
    let knows = is_verify || (matches!(route.action, Action::Send(_)) && denial.is_none());
    let decision = What::Decision(Decision {
        of: of(),
        policy: policy.hash.clone(),
        action: route.action.word(),
        outcome: if denial.is_some() { "refused" } else { "allowed" },
        reason,
        rule: exchange.rule.clone().filter(|_| denial.is_some()),
        until: denial.and_then(Denial::until),
        purpose: exchange.purpose.clone(),
        reference: exchange.reference.clone().filter(|_| knows),
        right,
        client: client(deed),
        tally: exchange.tally.clone().unwrap_or_default(),
    });
    let mut all = vec![decision];
    if let (Some(made), Some(purpose)) = (&exchange.made, &exchange.purpose) {
        let ttl = policy.purposes[purpose].ttl;
        all.push(What::Code {
            of: of(),
            purpose: purpose.clone(),
            result: Ok((made.reference.clone(), ttl)),
        });
    }
    if let (Some(true), Some(purpose)) = (right, &exchange.purpose) {
        let result = match exchange.settled {
            Some(Settlement::Commit) => Settled::Committed,
            Some(Settlement::Release) => Settled::Released,
            None => Settled::Unknown,
        };
        all.push(What::Settled { of: of(), purpose: purpose.clone(), result, age: Duration::ZERO });
    }
    all
}
