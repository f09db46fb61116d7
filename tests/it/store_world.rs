//! A store with a clock that the test moves, and short ways to say what is done to it.

use std::sync::Arc;
use std::time::Duration;

use otp_sidecar::domain::admit::{AdmitCommand, AdmitOutcome, Standing, Standpoint};
use otp_sidecar::domain::binding::Binding;
use otp_sidecar::domain::id::{LimitName, Purpose, Reference, RequestId};
use otp_sidecar::domain::issue::{Expected, IssueCommand, IssueOutcome};
use otp_sidecar::domain::keyring::{Digest, KeyId};
use otp_sidecar::domain::lockout::LockoutRule;
use otp_sidecar::domain::subject::{ClientAddr, Subject};
use otp_sidecar::domain::time::{Clock, ManualClock, Timestamp};
use otp_sidecar::domain::verify::{SettleCommand, SettleOutcome, Settlement, VerifyCommand, VerifyOutcome};
use otp_sidecar::domain::window::{Count, Owner, Take};
use otp_sidecar::store::contract::Store;
use otp_sidecar::store::memory::MemoryStore;
use otp_sidecar::store::redis::{RedisSettings, RedisStore};

use crate::support::redis::RedisServer;

/// Where the test clocks begin: far beyond the present, so that Redis, whose keys expire by the real
/// time, forgets nothing while a test runs.
pub const START: Timestamp = Timestamp::from_millis(4_000_000_000_000);

pub const MINUTE: Duration = Duration::from_secs(60);

/// Runs each behaviour against each store.
macro_rules! on_every_store {
    ($($behaviour:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test] async fn $behaviour() { super::$behaviour(crate::store_world::World::memory()).await })*
        }
        mod redis {
            $(#[tokio::test] async fn $behaviour() { super::$behaviour(crate::store_world::World::redis()).await })*
        }
    };
}

pub(crate) use on_every_store;

/// One store, and the clock by which it decides.
pub struct World {
    pub store: Arc<dyn Store>,
    pub clock: Arc<ManualClock>,
    /// Runs as long as the world.
    _server: Option<RedisServer>,
}

impl World {
    pub fn memory() -> Self {
        let clock = Arc::new(ManualClock::at(START));
        Self { store: Arc::new(MemoryStore::new(clock.clone())), clock, _server: None }
    }

    pub fn redis() -> Self {
        Self::in_redis(|store| store)
    }

    /// Without what is told of limits.
    pub fn redis_briefly() -> Self {
        Self::in_redis(RedisStore::briefly)
    }

    fn in_redis(how: fn(RedisStore) -> RedisStore) -> Self {
        let (clock, server) = (Arc::new(ManualClock::at(START)), RedisServer::start());
        let store = how(RedisStore::new(&patient(&server)).unwrap().on_clock(clock.clone()));
        Self { store: Arc::new(store), clock, _server: Some(server) }
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn wait(&self, time: Duration) {
        self.clock.advance(time);
    }

    pub async fn admit(&self, command: &AdmitCommand) -> AdmitOutcome {
        self.store.admit(command).await.unwrap().outcome
    }

    pub async fn issue(&self, command: &IssueCommand) -> IssueOutcome {
        self.store.issue(command).await.unwrap().outcome
    }

    pub async fn verify(&self, command: &VerifyCommand) -> VerifyOutcome {
        self.store.verify(command).await.unwrap().outcome
    }

    pub async fn settle(&self, command: &SettleCommand) -> SettleOutcome {
        self.store.settle(command).await.unwrap().outcome
    }

    /// Issues `code` for `FUND-1` of u1, whatever is pending.
    pub async fn issued(&self, code: u8) -> Timestamp {
        match self.issue(&issue("u1", "FUND-1", code)).await {
            IssueOutcome::Issued { expires_at } => expires_at,
            other => panic!("not issued: {other:?}"),
        }
    }

    /// What is known of u1, without any limit.
    pub async fn standing(&self) -> Standing {
        let look = AdmitCommand { standpoint: Some(standpoint("u1", false)), takes: Vec::new() };
        match self.admit(&look).await {
            AdmitOutcome::Admitted(standing) => standing,
            other => panic!("not admitted: {other:?}"),
        }
    }

    /// Subjects with a live code, and locked ones, for the one purpose of these tests.
    pub async fn census(&self) -> (u64, u64) {
        let census = self.store.census(&[purpose()]).await.unwrap();
        (census.pending[&purpose()], census.locked[&purpose()])
    }
}

/// A deadline that a busy machine does not miss.
pub fn patient(server: &RedisServer) -> RedisSettings {
    RedisSettings { deadline: Duration::from_secs(30), ..RedisSettings::new(server.url()) }
}

pub fn purpose() -> Purpose {
    Purpose::parse("wallet_funding").unwrap()
}

pub fn subject(text: &str) -> Subject {
    Subject::parse(text).unwrap()
}

pub fn reference(text: &str) -> Reference {
    Reference::parse(text).unwrap()
}

pub fn request(number: u64) -> RequestId {
    RequestId::parse(&format!("{number:032x}")).unwrap()
}

pub fn digest(kid: &str, code: u8) -> Digest {
    Digest { kid: KeyId::parse(kid).unwrap(), mac: [code; 32] }
}

pub fn rule() -> LockoutRule {
    LockoutRule {
        after: 3,
        lock_for: 15 * MINUTE,
        escalate: 2,
        at_most: 24 * 60 * MINUTE,
        disable_after: 100,
    }
}

/// `max` a minute for one subject.
pub fn own_take(limit: &str, max: u32, of: &str) -> Take {
    Take {
        limit: LimitName::parse(limit).unwrap(),
        owner: Owner { subject: Some(subject(of)), ..Owner::default() },
        max,
        per: MINUTE,
        count: Count::All,
    }
}

/// `max` a minute for one address.
pub fn shared_take(limit: &str, max: u32) -> Take {
    let client = Some(ClientAddr::of("192.0.2.1".parse().unwrap()));
    Take { owner: Owner { client, ..Owner::default() }, ..own_take(limit, max, "u1") }
}

pub fn standpoint(of: &str, refuse_locked: bool) -> Standpoint {
    Standpoint { subject: subject(of), purpose: purpose(), refuse_locked }
}

/// Lives five minutes, beside at most one other.
pub fn issue(of: &str, under: &str, code: u8) -> IssueCommand {
    IssueCommand {
        subject: subject(of),
        purpose: purpose(),
        reference: reference(under),
        expected: Expected::Anything,
        binding: Binding::of([("amount", "5000")]),
        digest: digest("a", code),
        ttl: 5 * MINUTE,
        live: 2,
        cooldown: Duration::ZERO,
    }
}

/// By request 1, with key `a`, without limits.
pub fn verify(of: &str, under: &str, code: u8) -> VerifyCommand {
    VerifyCommand {
        subject: subject(of),
        reference: reference(under),
        request: request(1),
        candidates: vec![digest("a", code)],
        lockouts: Arc::from([(purpose(), rule())]),
        takes: Vec::new(),
    }
}

/// By request 1.
pub fn settle(of: &str, under: &str, settlement: Settlement) -> SettleCommand {
    SettleCommand { subject: subject(of), reference: reference(under), request: request(1), settlement }
}
