//! What reports tell gets from a running sidecar into the store, and nothing about anybody with it.

use otp_sidecar::domain::id::{LimitName, Purpose, RouteName};
use otp_sidecar::domain::ledger::counts::{CountKey, Counts};
use otp_sidecar::domain::ledger::day::Day;
use otp_sidecar::domain::reason::Reason;
use otp_sidecar::domain::time::Timestamp;
use otp_sidecar::lab::mailbox::Mailbox;
use otp_sidecar::store::contract::Ledger;
use otp_sidecar::store::redis::RedisStore;

use crate::store_world::patient;
use crate::support::backend::Backend;
use crate::support::redis::RedisServer;
use crate::support::sidecar::{Sidecar, Start, funded, mailbox, wrong};

fn purpose() -> Purpose {
    Purpose::parse("wallet_funding").unwrap()
}

/// Everything that is counted, of whatever day it is by now.
async fn counted(server: &RedisServer) -> Counts {
    let store = RedisStore::new(&patient(server)).unwrap();
    let nothing = store.counts(Day::of(Timestamp::default()), Day::of(Timestamp::default())).await.unwrap();
    let today = Day::of(nothing.at);
    let mut all = Counts::default();
    for day in store.counts(today.back(1), today).await.unwrap().value {
        all.add_all(&day.counts);
    }
    all
}

/// Fund, a wrong code, the right code.
async fn funds_a_wallet(sidecar: &Sidecar, mailbox: &Mailbox) -> String {
    let jane = sidecar.client().as_user("jane");
    let (reference, code) = funded(&jane, mailbox).await;
    assert_eq!(jane.verify(&reference, &wrong(&code)).await.status, 400);
    assert_eq!(jane.verify(&reference, &code).await.status, 200);
    reference
}

async fn ends(sidecar: Sidecar) {
    sidecar.signal("-TERM");
    let (status, lines) = sidecar.ended().await;
    assert!(status.success(), "{lines:#?}");
}

#[tokio::test]
async fn two_replicas_count_into_one_day_and_nobodys_name_gets_in() {
    let (backend, mailbox, server) = (Backend::start().await, mailbox().await, RedisServer::start());
    let start = || Start::before(&backend.url()).mail(&mailbox).redis(&server).ready();
    let (one, other) = (start(), start());
    let reference = funds_a_wallet(&one, &mailbox).await;
    funds_a_wallet(&other, &mailbox).await;
    ends(one).await;
    ends(other).await;
    let counts = counted(&server).await;
    let verify = RouteName::parse("verify").unwrap();
    for (key, number) in [
        (CountKey::Issued(purpose()), 2),
        (CountKey::Compared(purpose()), 4),
        (CountKey::Verified(purpose()), 2),
        (CountKey::Failed(Some(purpose()), Reason::Invalid), 2),
        (CountKey::Decided(verify.clone(), Reason::Verified), 2),
        (CountKey::Decided(verify, Reason::Invalid), 2),
        (CountKey::MailAccepted, 2),
        (CountKey::LimitHit(LimitName::parse("verify").unwrap()), 0),
    ] {
        assert_eq!(counts.get(&key), number, "{key:?}: {counts:?}");
    }
    let hours: u64 = (0..24).map(|hour| counts.get(&CountKey::IssuedInHour(hour))).sum();
    let within: u64 =
        (0..=u8::MAX).map(|place| counts.get(&CountKey::VerifiedWithin(purpose(), place))).sum();
    assert_eq!((hours, within), (2, 2));
    for key in server.ask::<Vec<String>>(&["KEYS", "*:counts:*"]) {
        let text = server.ask::<Vec<String>>(&["HGETALL", &key]).join(" ");
        for secret in ["jane", "@", "127.0.0.1", &reference] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

#[tokio::test]
async fn what_was_counted_while_redis_was_away_is_added_when_it_is_back() {
    let (backend, mailbox, mut server) = (Backend::start().await, mailbox().await, RedisServer::start());
    let sidecar = Start::before(&backend.url()).mail(&mailbox).redis(&server).ready();
    let jane = sidecar.client().as_user("jane");
    server.kill();
    for _ in 0..4 {
        assert_eq!(jane.fund(5_000).await.status, 503);
    }
    server.restart();
    ends(sidecar).await;
    let fund = RouteName::parse("fund").unwrap();
    assert_eq!(counted(&server).await.get(&CountKey::Decided(fund, Reason::StateUnavailable)), 4);
}
