//! A state with a clock that the test moves, and short ways to say what is done to it.

use std::time::Duration;

use crate::domain::admit::{AdmitCommand, AdmitOutcome, Refusal, Standing, Standpoint, admit};
use crate::domain::binding::Binding;
use crate::domain::id::{LimitName, Purpose, Reference, RequestId};
use crate::domain::issue::{Expected, IssueCommand, IssueOutcome, issue};
use crate::domain::keyring::{Digest, KeyId};
use crate::domain::lockout::LockoutRule;
use crate::domain::state::State;
use crate::domain::subject::Subject;
use crate::domain::time::Timestamp;
use crate::domain::verify::{
    SettleCommand, SettleOutcome, Settlement, VerifyCommand, VerifyOutcome, settle, verify,
};
use crate::domain::window::{Count, Limited, Owner, Take};

pub const MINUTE: Duration = Duration::from_secs(60);
pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long the codes of these tests live.
pub const TTL: Duration = Duration::from_secs(300);
/// The least that time moves.
pub const TICK: Duration = Duration::from_millis(1);

pub struct World {
    pub state: State,
    pub now: Timestamp,
}

impl World {
    pub fn new() -> Self {
        Self { state: State::default(), now: Timestamp::from_millis(1_700_000_000_000) }
    }

    /// A world in which `FUND-1` of u1 has each of these codes, all issued at once.
    pub fn with_codes(codes: &[u8]) -> Self {
        let mut world = Self::new();
        for code in codes {
            world.issued(&issuing("FUND-1", *code));
        }
        world
    }

    pub fn wait(&mut self, time: Duration) {
        self.now = self.now.plus(time);
    }

    pub fn admit(&mut self, takes: &[Take]) -> AdmitOutcome {
        self.admit_as(None, takes)
    }

    pub fn admit_as(&mut self, standpoint: Option<Standpoint>, takes: &[Take]) -> AdmitOutcome {
        admit(&mut self.state, &AdmitCommand { standpoint, takes: takes.to_vec() }, self.now)
    }

    pub fn issue(&mut self, command: &IssueCommand) -> IssueOutcome {
        issue(&mut self.state, command, self.now)
    }

    pub fn issued(&mut self, command: &IssueCommand) {
        let outcome = self.issue(command);
        assert_eq!(outcome, IssueOutcome::Issued { expires_at: self.now.plus(command.ttl) });
    }

    pub fn verify(&mut self, command: &VerifyCommand) -> VerifyOutcome {
        verify(&mut self.state, command, self.now)
    }

    /// u1 presents a code for `FUND-1`.
    pub fn guess(&mut self, code: u8) -> VerifyOutcome {
        self.verify(&presenting("FUND-1", code))
    }

    /// Presents wrong codes.
    pub fn fail(&mut self, times: u32) {
        for _ in 0..times {
            let outcome = self.guess(200);
            assert!(matches!(outcome, VerifyOutcome::Mismatch { .. }), "{outcome:?}");
        }
    }

    pub fn settle(&mut self, command: &SettleCommand) -> SettleOutcome {
        settle(&mut self.state, command, self.now)
    }

    /// What is known of u1 and the one purpose of most tests.
    pub fn standing(&mut self) -> Standing {
        match self.admit_as(Some(standpoint(false)), &[]) {
            AdmitOutcome::Admitted(standing) => standing,
            refused => panic!("{refused:?}"),
        }
    }

    /// The reference that is pending for u1.
    pub fn pending(&mut self) -> Option<Reference> {
        self.standing().pending.map(|pending| pending.reference)
    }
}

pub fn funding() -> Purpose {
    Purpose::parse("wallet_funding").unwrap()
}

pub fn deduction() -> Purpose {
    Purpose::parse("wallet_deduction").unwrap()
}

pub fn subject(name: &str) -> Subject {
    Subject::parse(name).unwrap()
}

pub fn reference(text: &str) -> Reference {
    Reference::parse(text).unwrap()
}

pub fn request(number: u8) -> RequestId {
    RequestId::parse(&format!("{number:032x}")).unwrap()
}

pub fn digest(kid: &str, code: u8) -> Digest {
    Digest { kid: KeyId::parse(kid).unwrap(), mac: [code; 32] }
}

pub fn amount(value: &str) -> Binding {
    Binding::of([("amount", value)])
}

/// Three failures lock for 15 minutes, ten disable.
pub fn rule() -> LockoutRule {
    LockoutRule { after: 3, lock_for: 15 * MINUTE, escalate: 2, at_most: DAY, disable_after: 10 }
}

/// A code for u1, whatever is pending.
pub fn issuing(under: &str, code: u8) -> IssueCommand {
    IssueCommand {
        subject: subject("u1"),
        purpose: funding(),
        reference: reference(under),
        expected: Expected::Anything,
        binding: amount("5000"),
        digest: digest("k1", code),
        ttl: TTL,
        live: 2,
        cooldown: Duration::ZERO,
    }
}

/// u1 presents a code, in request 1.
pub fn presenting(under: &str, code: u8) -> VerifyCommand {
    VerifyCommand {
        subject: subject("u1"),
        reference: reference(under),
        request: request(1),
        candidates: vec![digest("k1", code)],
        lockouts: [(funding(), rule()), (deduction(), rule())].into(),
        takes: Vec::new(),
    }
}

/// Request 1 of u1 ends.
pub fn settling(under: &str, settlement: Settlement) -> SettleCommand {
    SettleCommand { subject: subject("u1"), reference: reference(under), request: request(1), settlement }
}

pub fn standpoint(refuse_locked: bool) -> Standpoint {
    Standpoint { subject: subject("u1"), purpose: funding(), refuse_locked }
}

/// `max` a minute for u1.
pub fn own(limit: &str, max: u32) -> Take {
    Take {
        limit: LimitName::parse(limit).unwrap(),
        owner: Owner { subject: Some(subject("u1")), ..Owner::default() },
        max,
        per: MINUTE,
        count: Count::All,
    }
}

/// `max` a minute for everyone.
pub fn shared(limit: &str, max: u32) -> Take {
    Take { owner: Owner::default(), ..own(limit, max) }
}

pub fn is_admitted(outcome: &AdmitOutcome) -> bool {
    matches!(outcome, AdmitOutcome::Admitted(_))
}

pub fn full(take: &Take, retry_at: Timestamp) -> Refusal {
    Refusal::Limited(Limited { limit: take.limit.clone(), max: take.max, retry_at })
}
