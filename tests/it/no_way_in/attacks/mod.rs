//! Everything that is tried to reach a protected handler without a right code.

mod bodies;
mod framing;
mod heads;
mod paths;

pub use bodies::is_same;
use serde_json::{Value, json};

use super::wire::Draft;
use crate::support::client::token;

/// The paths whose handlers want a right code.
pub const VERIFY: [&str; 3] = ["/api/wallet/verify-otp", "/api/wallet/otp/verify", "/api/wallet/deduct"];
/// The paths whose handlers want a caller, to send a code to.
pub const FUND: [&str; 2] = ["/api/wallet/fund", "/api/wallets/w-1/fund"];
/// The paths that the sidecar answers itself.
pub const OWN: [(&str, &str); 2] = [("POST", "/api/wallet/otp/send"), ("GET", "/api/wallet/otp/status")];

/// What an attack plays with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Means {
    Path,
    Method,
    Head,
    Body,
    Framing,
}

impl Means {
    /// One in how many is tried where a sample is enough.
    pub fn share(self) -> usize {
        match self {
            Self::Path => 20,
            Self::Body | Self::Framing => 5,
            Self::Method | Self::Head => 1,
        }
    }
}

/// One attack, known again by its number in `X-Mark`.
pub struct Attack {
    pub means: Means,
    pub bytes: Vec<u8>,
    /// Whether the bytes may be other than one whole request.
    pub is_burst: bool,
    /// Whether the caller is known, so that `fund` may be admitted.
    pub has_caller: bool,
    /// What `fund` must get when it is admitted, where that can be said.
    pub judged: Option<Value>,
}

/// Somebody with a pending challenge and no idea of its code.
#[derive(Clone)]
pub struct Guesser {
    pub token: String,
    pub reference: String,
    pub wrong_code: String,
}

impl Guesser {
    fn guess(&self) -> Value {
        json!({ "otp": self.wrong_code, "transaction_reference": self.reference })
    }
}

/// The attacks so far.
pub struct Attacks {
    guessers: Vec<Guesser>,
    all: Vec<Attack>,
}

/// Every attack, in the order of their marks.
pub fn all(guessers: &[Guesser]) -> Vec<Attack> {
    let mut attacks = Attacks { guessers: guessers.to_vec(), all: Vec::new() };
    paths::add(&mut attacks);
    heads::add_methods(&mut attacks);
    heads::add_headers(&mut attacks);
    bodies::add(&mut attacks);
    framing::add(&mut attacks);
    attacks.all
}

impl Attacks {
    /// Whose turn it is: each may only be wrong so often before being locked.
    fn guesser(&self) -> Guesser {
        self.guessers[self.all.len() % self.guessers.len()].clone()
    }

    /// A stranger with a good token, who is somebody else each time.
    fn stranger(&self) -> String {
        let name = format!("stranger-{}", self.all.len());
        token(&name, &format!("{name}@example.com"))
    }

    /// What a client sends to this path, with as much right to as an attacker has.
    fn ordinary(&self, path: &str) -> Draft {
        if VERIFY.contains(&path) {
            let guesser = self.guesser();
            Draft::new("POST", path).bearer(&guesser.token).json(guesser.guess())
        } else if FUND.contains(&path) {
            Draft::new("POST", path).bearer(&self.stranger()).json(json!({ "amount": 5_000 }))
        } else {
            let (method, _) = OWN.iter().find(|(_, own)| *own == path).unwrap();
            match *method {
                "GET" => Draft::new("GET", path),
                method => Draft::new(method, path).json(json!({ "purpose": "wallet_funding" })),
            }
        }
    }

    fn one(&mut self, means: Means, draft: Draft) {
        self.one_judged(means, draft, None);
    }

    fn one_judged(&mut self, means: Means, draft: Draft, judged: Option<Value>) {
        let bytes = draft.header("X-Mark", &self.all.len().to_string()).bytes();
        self.all.push(Attack { means, bytes, is_burst: false, has_caller: true, judged });
    }

    fn burst(&mut self, bytes: Vec<u8>) {
        self.all.push(Attack {
            means: Means::Framing,
            bytes,
            is_burst: true,
            has_caller: false,
            judged: None,
        });
    }
}

/// Every protected path.
fn protected() -> impl Iterator<Item = &'static str> {
    VERIFY.into_iter().chain(FUND).chain(OWN.into_iter().map(|(_, path)| path))
}
