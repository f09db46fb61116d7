//! What only Redis needs: keys without an end, keys that nobody knows, memory, a server that dies while counts are
//! written, replicas that count and operators that interfere at the same time.

use std::sync::Arc;
use std::time::Duration;

use otp_sidecar::domain::admit::AdmitCommand;
use otp_sidecar::domain::id::InstanceId;
use otp_sidecar::domain::ledger::clear::ClearCommand;
use otp_sidecar::domain::ledger::counts::{AddOutcome, CountBatch, CountKey, Counts};
use otp_sidecar::domain::ledger::day::Day;
use otp_sidecar::domain::ledger::examine::{ExamineCommand, Presented};
use otp_sidecar::domain::ledger::inventory::Kind;
use otp_sidecar::domain::ledger::limits::ResetCommand;
use otp_sidecar::domain::ledger::page::PageRequest;
use otp_sidecar::domain::ledger::revoke::{RevokeCommand, Revoked, Target};
use otp_sidecar::domain::ledger::trail::{Note, Operation};
use otp_sidecar::domain::time::Timestamp;
use otp_sidecar::domain::verify::{VerifyCommand, VerifyOutcome};
use otp_sidecar::store::contract::{Challenges, Ledger};
use otp_sidecar::store::redis::{RedisSettings, RedisStore};

use crate::store_world::{issue, own_take, patient, purpose, reference, request, subject, verify};
use crate::support::redis::RedisServer;

fn operation() -> Operation {
    Operation { by: Note::parse("jane").unwrap(), reason: Note::parse("upkeep").unwrap() }
}

fn store(server: &RedisServer) -> Arc<RedisStore> {
    Arc::new(RedisStore::new(&patient(server)).unwrap())
}

async fn today(store: &RedisStore) -> Day {
    Day::of(store.counts(Day::parse("1970-01-01").unwrap(), Day::of(Timestamp::default())).await.unwrap().at)
}

fn batch(sequence: u64, day: Day) -> CountBatch {
    let mut counts = Counts::default();
    counts.add(CountKey::Issued(purpose()), sequence);
    CountBatch { instance: InstanceId::parse(&"a".repeat(32)).unwrap(), sequence, day, counts }
}

async fn issued(store: &RedisStore, day: Day) -> u64 {
    let days = store.counts(day.back(1), day.next()).await.unwrap().value;
    days.iter().map(|day| day.counts.get(&CountKey::Issued(purpose()))).sum()
}

#[tokio::test]
async fn a_sweep_mends_what_expiry_cannot_and_an_inventory_says_so_before() {
    let server = RedisServer::start();
    let store = store(&server);
    store.issue(&issue("u1", "FUND-1", 1)).await.unwrap();
    let lasting = "{otp:07}:limit:send-hour::[]:u9";
    server.ask::<()>(&["RPUSH", lasting, "1000"]);
    server.ask::<()>(&["ZADD", "{otp:07}:locked:wallet_funding", "1000", "u8"]);
    server.ask::<()>(&["HSET", "{otp:03}:counts:2019-01-01", "issued:wallet_funding", "4"]);
    server.ask::<()>(&["SET", "{otp:07}:moon:u9", "1"]);
    server.ask::<()>(&["SET", "somebody-elses", "1"]);
    let inventory = store.inventory().await.unwrap();
    assert_eq!((inventory.complete, inventory.without_expiry, inventory.unknown), (true, 3, 1));
    assert_eq!(inventory.unknown_examples, ["{otp:07}:moon:u9"]);
    let swept = store.sweep(&operation()).await.unwrap();
    assert_eq!((swept.looked_at, swept.complete), (7, true), "{swept:?}");
    assert_eq!((swept.locked_removed, swept.days_removed, swept.expiries_set), (1, 1, 1), "{swept:?}");
    assert!(swept.expired_by_itself.is_some());
    assert!(server.ask::<i64>(&["PTTL", lasting]) > 0);
    assert_eq!(server.ask::<String>(&["GET", "{otp:07}:moon:u9"]), "1");
    let inventory = store.inventory().await.unwrap();
    assert_eq!((inventory.without_expiry, inventory.unknown), (0, 1));
    assert!(!store.sweep(&operation()).await.unwrap().changed());
}

#[tokio::test]
async fn an_inventory_measures_a_sample_and_tells_what_the_server_says() {
    let server = RedisServer::start_with(|_| vec!["--maxmemory".into(), "512mb".into()]);
    let store = store(&server);
    for number in 0..1_500 {
        store.issue(&issue(&format!("u{number}"), "FUND-1", 1)).await.unwrap();
    }
    let inventory = store.inventory().await.unwrap();
    let held = |kind| inventory.held.iter().find(|held| held.kind == kind).unwrap();
    let challenges = held(Kind::Challenge);
    assert_eq!((challenges.keys, held(Kind::Account).keys, held(Kind::Pending).keys), (1_500, 1_500, 16));
    assert!((1..1_500).contains(&challenges.sampled), "{challenges:?}");
    let bytes = challenges.bytes.unwrap();
    assert!((150_000..3_000_000).contains(&bytes), "{challenges:?}");
    let facts = inventory.server.unwrap();
    assert_eq!((facts.max_memory, facts.role.as_deref()), (Some(512 << 20), Some("master")));
    assert_eq!((facts.eviction.as_deref(), facts.replicas), (Some("noeviction"), Some(0)));
    assert_eq!((facts.persistence.aof, facts.persistence.save.as_deref()), (Some(false), Some("")));
    assert!(facts.version.is_some() && facts.used_memory > Some(1 << 16) && facts.expired_keys.is_some());
}

#[tokio::test]
async fn a_user_who_may_not_walk_is_told_so_and_the_rest() {
    let server = RedisServer::start();
    let acl = "ACL SETUSER blind on >secret ~* -@all +hello +auth +select +ping +info +time +config|get";
    server.ask::<()>(&acl.split(' ').collect::<Vec<_>>());
    let url = server.url().replace("redis://", "redis://blind:secret@");
    let store = RedisStore::new(&RedisSettings { url, ..patient(&server) }).unwrap();
    let inventory = store.inventory().await.unwrap();
    assert!(!inventory.complete && inventory.problem.unwrap().contains("NOPERM"));
    assert!(inventory.server.unwrap().version.is_some());
}

#[tokio::test]
async fn the_documented_user_may_do_everything_that_operators_need() {
    let server = RedisServer::start();
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/state.md");
    let page = std::fs::read_to_string(page).unwrap();
    let acl = page.lines().find(|line| line.starts_with("ACL SETUSER sidecar ")).unwrap();
    server.ask::<()>(&acl.replace("PASSWORD", "secret").split(' ').collect::<Vec<_>>());
    let url = server.url().replace("redis://", "redis://sidecar:secret@");
    let store = RedisStore::new(&RedisSettings { url, ..patient(&server) }).unwrap();
    for number in 0..3 {
        let who = format!("u{number}");
        store.issue(&issue(&who, "FUND-1", 1)).await.unwrap();
        for _ in 0..3 {
            store.verify(&verify(&who, "FUND-1", 9)).await.unwrap();
        }
    }
    let (first, take) = (PageRequest::first(1), own_take("burst", 1, "u1"));
    for _ in 0..2 {
        store.admit(&AdmitCommand { standpoint: None, takes: vec![take.clone()] }).await.unwrap();
    }
    let page = store.locks(&[purpose()], &first).await.unwrap();
    store.locks(&[purpose()], &first.clone().after(page.next.unwrap())).await.unwrap();
    store.challenges(&[purpose()], &first).await.unwrap();
    store.account(&subject("u1"), &[purpose()]).await.unwrap();
    assert_eq!(store.usage(std::slice::from_ref(&take)).await.unwrap().value[0].used, 1);
    let presented = vec![Presented { reference: reference("FUND-1"), candidates: Vec::new() }];
    store.examine(&ExamineCommand { subject: subject("u1"), presented }).await.unwrap();
    let forgive = vec![take.clone()];
    let (subject, operation) = (subject("u1"), operation());
    let clear = ClearCommand { subject: subject.clone(), purpose: purpose(), forgive, operation };
    store.clear(&clear).await.unwrap();
    let (target, operation) = (Target::Pending(purpose()), clear.operation.clone());
    store.revoke(&RevokeCommand { subject, target, operation: operation.clone() }).await.unwrap();
    store.reset(&ResetCommand { takes: vec![take], operation: operation.clone() }).await.unwrap();
    let day = today(&store).await;
    store.add_counts(&batch(1, day)).await.unwrap();
    assert_eq!(issued(&store, day).await, 1);
    server.ask::<()>(&["PERSIST", "{otp:03}:batches:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]);
    server.ask::<()>(&["HSET", "{otp:03}:counts:2019-01-01", "issued:wallet_funding", "4"]);
    let inventory = store.inventory().await.unwrap();
    assert_eq!((inventory.complete, inventory.problem, inventory.without_expiry), (true, None, 2));
    let swept = store.sweep(&operation).await.unwrap();
    assert_eq!((swept.complete, swept.expiries_set, swept.days_removed), (true, 1, 1));
    assert_eq!(store.operations(10, None).await.unwrap().value.len(), 4);
}

#[tokio::test]
async fn counts_that_are_sent_a_hundred_times_at_once_are_added_once() {
    let server = RedisServer::start();
    let (one, other) = (store(&server), store(&server));
    let day = today(&one).await;
    for sequence in 1..=20 {
        let sends = (0..100).map(|number| {
            let replica = if number % 2 == 0 { one.clone() } else { other.clone() };
            tokio::spawn(async move { replica.add_counts(&batch(sequence, day)).await.unwrap().value })
        });
        let mut added = 0;
        for send in sends.collect::<Vec<_>>() {
            added += usize::from(send.await.unwrap() == AddOutcome::Added);
        }
        assert_eq!(added, 1, "{sequence}");
    }
    assert_eq!(issued(&one, day).await, (1..=20).sum::<u64>());
}

#[tokio::test]
async fn counts_sent_again_after_redis_was_killed_are_neither_lost_nor_doubled() {
    let folder = std::env::temp_dir().join(format!("otp-sidecar-{}-aof", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let dir = folder.display().to_string();
    let settings = ["--appendonly", "yes", "--appendfsync", "always", "--dir", &dir].map(str::to_owned);
    let mut server = RedisServer::start_with(|_| settings.to_vec());
    let store = Arc::new(RedisStore::new(&RedisSettings::new(server.url())).unwrap());
    let day = today(&store).await;
    for sequence in 1..=60 {
        let batch = batch(sequence, day);
        if sequence % 12 == 0 {
            // In the middle of a call, which may or may not have taken effect.
            let sent = {
                let (store, batch) = (store.clone(), batch.clone());
                async move { store.add_counts(&batch).await }
            };
            let sent = tokio::spawn(sent);
            tokio::task::yield_now().await;
            server.restart();
            let _perhaps = sent.await.unwrap();
        }
        while let Err(error) = store.add_counts(&batch).await {
            assert_ne!(error.kind(), "protocol", "{error}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    assert_eq!(issued(&store, day).await, (1..=60).sum::<u64>());
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_code_is_revoked_or_passes_but_never_both() {
    let server = RedisServer::start();
    let (one, other) = (store(&server), store(&server));
    let (mut revoked, mut passed) = (0, 0);
    for round in 0..300_u64 {
        let under = format!("FUND-{round}");
        one.issue(&issue("u1", &under, 1)).await.unwrap();
        let tries: Vec<_> = (0..6)
            .map(|number| {
                let replica = if number % 2 == 0 { one.clone() } else { other.clone() };
                let command =
                    VerifyCommand { request: request(round * 10 + number), ..verify("u1", &under, 1) };
                tokio::spawn(async move { replica.verify(&command).await.unwrap().outcome })
            })
            .collect();
        if round % 3 == 0 {
            tokio::task::yield_now().await;
        }
        let target = Target::Reference(reference(&under));
        let command = RevokeCommand { subject: subject("u1"), target, operation: operation() };
        let answer = other.revoke(&command).await.unwrap().value;
        let after = one.verify(&verify("u1", &under, 1)).await.unwrap().outcome;
        assert!(!matches!(after, VerifyOutcome::Reserved { .. }), "{after:?}");
        let mut reserved = 0;
        for attempt in tries {
            reserved += u32::from(matches!(attempt.await.unwrap(), VerifyOutcome::Reserved { .. }));
        }
        match answer {
            Revoked::Revoked { .. } => assert_eq!(reserved, 0, "round {round}"),
            Revoked::Reserved { .. } => assert_eq!(reserved, 1, "round {round}"),
            Revoked::Nothing => panic!("round {round}: nothing to revoke"),
        }
        revoked += u32::from(reserved == 0);
        passed += reserved;
    }
    assert_eq!(revoked + passed, 300);
}

#[tokio::test]
async fn guesses_during_clearings_are_all_counted_and_the_list_agrees_with_the_accounts() {
    let server = RedisServer::start();
    let (one, other) = (store(&server), store(&server));
    for round in 0..60 {
        let who = format!("u{round}");
        one.issue(&issue(&who, "FUND-1", 1)).await.unwrap();
        let guesses: Vec<_> = (0..40)
            .map(|number| {
                let replica = if number % 2 == 0 { one.clone() } else { other.clone() };
                let command = verify(&who, "FUND-1", 9);
                tokio::spawn(async move { replica.verify(&command).await.unwrap().outcome })
            })
            .collect();
        let command = ClearCommand {
            subject: subject(&who),
            purpose: purpose(),
            forgive: Vec::new(),
            operation: operation(),
        };
        let mut forgiven = 0;
        for _ in 0..3 {
            forgiven += other.clear(&command).await.unwrap().value.before.consecutive;
        }
        let mut compared = 0;
        for guess in guesses {
            compared += u32::from(matches!(guess.await.unwrap(), VerifyOutcome::Mismatch { .. }));
        }
        let view = one.account(&subject(&who), &[purpose()]).await.unwrap().value.remove(0);
        assert_eq!(view.account.consecutive + forgiven, compared, "round {round}");
        let locked = one.census(&[purpose()]).await.unwrap().locked[&purpose()];
        assert_eq!(locked, u64::from(view.lock.is_some()), "round {round}");
        other.clear(&command).await.unwrap();
    }
}
