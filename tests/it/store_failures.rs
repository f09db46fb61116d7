//! A Redis that forgets its scripts, dies, freezes, comes back, or holds something else.

use std::sync::Arc;
use std::time::Duration;

use otp_sidecar::domain::admit::AdmitCommand;
use otp_sidecar::domain::issue::IssueOutcome;
use otp_sidecar::domain::time::ManualClock;
use otp_sidecar::domain::verify::VerifyOutcome;
use otp_sidecar::store::contract::{Challenges, Ledger, StoreError};
use otp_sidecar::store::redis::{RedisSettings, RedisStore};

use crate::store_world::{MINUTE, START, issue, own_take, patient, purpose, shared_take, standpoint, verify};
use crate::support::redis::RedisServer;

fn store(server: &RedisServer) -> RedisStore {
    RedisStore::new(&patient(server)).unwrap()
}

/// A store that gives up soon.
fn hasty(server: &RedisServer, max_in_flight: usize) -> RedisStore {
    let settings = RedisSettings { max_in_flight, ..RedisSettings::new(server.url()) };
    RedisStore::new(&settings).unwrap()
}

/// Calls until one succeeds. How long that may take is the test runner's patience.
async fn until_it_answers(store: &RedisStore) {
    while let Err(error) = store.health().await {
        assert!(!matches!(error, StoreError::Protocol(_)), "{error}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_script_flush_at_any_time_loses_no_decision() {
    let server = RedisServer::start();
    let store = store(&server);
    for code in 0..20 {
        let issued = store.issue(&issue("u1", "FUND-1", code)).await.unwrap().outcome;
        assert!(matches!(issued, IssueOutcome::Issued { .. }));
        server.ask::<()>(&["SCRIPT", "FLUSH"]);
        let outcome = store.verify(&verify("u1", "FUND-1", 255)).await.unwrap().outcome;
        if code < 3 {
            let counted =
                matches!(outcome, VerifyOutcome::Mismatch { left, .. } if left == 2 - u32::from(code));
            assert!(counted, "{outcome:?}");
        }
        server.ask::<()>(&["SCRIPT", "FLUSH"]);
    }
}

#[tokio::test]
async fn a_store_starts_without_redis_and_works_once_it_is_there() {
    let mut server = RedisServer::start();
    server.kill();
    let store = hasty(&server, 8);
    for _ in 0..10 {
        let error = store.issue(&issue("u1", "FUND-1", 1)).await.unwrap_err();
        assert!(matches!(error, StoreError::Unreachable(_) | StoreError::Deadline(_)), "{error}");
    }
    server.restart();
    until_it_answers(&store).await;
}

#[tokio::test]
async fn a_killed_redis_fails_every_call_and_is_found_again_on_its_port() {
    let mut server = RedisServer::start();
    let store = hasty(&server, 64);
    for _ in 0..3 {
        until_it_answers(&store).await;
        server.kill();
        for _ in 0..20 {
            let error = store.verify(&verify("u1", "FUND-1", 1)).await.unwrap_err();
            let fits =
                matches!(error, StoreError::Unreachable(_) | StoreError::Deadline(_) | StoreError::Failed(_));
            assert!(fits, "{error:?}");
        }
        server.restart();
    }
    until_it_answers(&store).await;
}

#[tokio::test]
async fn a_redis_restarted_while_nobody_called_costs_no_call() {
    let mut server = RedisServer::start();
    let store = store(&server);
    until_it_answers(&store).await;
    server.restart();
    // The end of the old connection is read by its driver before anything else happens here.
    tokio::time::sleep(Duration::from_millis(50)).await;
    store.issue(&issue("u1", "FUND-1", 1)).await.unwrap();
}

#[tokio::test]
async fn a_frozen_redis_ends_calls_at_the_deadline_and_more_than_allowed_at_once() {
    let server = RedisServer::start();
    let store = Arc::new(hasty(&server, 2));
    until_it_answers(&store).await;
    server.freeze();
    let calls = (0..3).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { store.verify(&verify("u1", "FUND-1", 1)).await.unwrap_err().kind() })
    });
    let mut kinds = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        kinds.push(call.await.unwrap());
    }
    kinds.sort_unstable();
    assert_eq!(kinds, ["deadline", "deadline", "overloaded"]);
    server.thaw();
    until_it_answers(&store).await;
}

#[tokio::test]
async fn a_dropped_call_does_not_shift_the_answers_of_others() {
    let server = RedisServer::start();
    let store = Arc::new(store(&server));
    for round in 0..100_u8 {
        let who = format!("u{round}");
        let first = verify(&who, "FUND-1", 1);
        let dropped =
            tokio::time::timeout(Duration::from_micros(u64::from(round) * 10), store.verify(&first));
        let _ = dropped.await;
        let issued = store.issue(&issue(&who, "FUND-1", 1)).await.unwrap().outcome;
        assert!(matches!(issued, IssueOutcome::Issued { .. }), "{issued:?}");
        let outcome = store.verify(&first).await.unwrap().outcome;
        assert!(matches!(outcome, VerifyOutcome::Reserved { .. }), "{outcome:?}");
    }
}

#[test]
fn a_store_outlives_the_runtime_that_first_called_it() {
    let server = RedisServer::start();
    let store = store(&server);
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for code in 0..5 {
        runtime().block_on(store.issue(&issue("u1", "FUND-1", code))).unwrap_or_else(|error| {
            // The connection died with its runtime; the next call opens another one.
            assert!(matches!(error, StoreError::Failed(_)), "{error}");
            runtime().block_on(store.issue(&issue("u1", "FUND-1", code))).unwrap()
        });
    }
}

#[test]
fn two_runtimes_call_one_store_at_once() {
    let server = RedisServer::start();
    let store = store(&server);
    let both_done = tokio::sync::Barrier::new(2);
    let work = &|who: &'static str| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            for code in 0..200 {
                store.issue(&issue(who, "FUND-1", code)).await.unwrap();
            }
            // The first caller drives the connection, so it runs until both are done.
            both_done.wait().await;
        });
    };
    std::thread::scope(|scope| {
        let threads = ["u1", "u2"].map(|who| scope.spawn(move || work(who)));
        assert!(threads.into_iter().all(|thread| thread.join().is_ok()));
    });
}

#[tokio::test]
async fn a_key_that_holds_something_else_is_an_error_and_not_a_pass() {
    let server = RedisServer::start();
    let store = store(&server);
    store.issue(&issue("u1", "FUND-1", 1)).await.unwrap();
    for key in server.ask::<Vec<String>>(&["KEYS", "*:challenge:*"]) {
        server.ask::<()>(&["SET", &key, "x"]);
    }
    let error = store.verify(&verify("u1", "FUND-1", 1)).await.unwrap_err();
    assert!(matches!(&error, StoreError::Failed(why) if why.contains("WRONGTYPE")), "{error}");
}

#[tokio::test]
async fn every_key_outlives_what_it_remembers_and_no_key_stays_for_ever() {
    let server = RedisServer::start();
    let store = store(&server);
    let takes = vec![own_take("own", 3, "u1"), shared_take("address", 3)];
    let admit = AdmitCommand { standpoint: Some(standpoint("u1", true)), takes };
    store.admit(&admit).await.unwrap();
    store.issue(&issue("u1", "FUND-1", 1)).await.unwrap();
    for _ in 0..3 {
        store.verify(&verify("u1", "FUND-1", 9)).await.unwrap();
    }
    // A new code lives for minutes; the failures must not be forgotten with it.
    store.issue(&issue("u1", "FUND-1", 2)).await.unwrap();
    let (minute, day) = (60_000_i64, 24 * 60 * 60_000_i64);
    let kinds = [
        ("limit", minute),
        ("challenge", 35 * minute),
        ("account", 400 * day),
        ("pending", day),
        ("locked", 400 * day),
    ];
    for (kind, least) in kinds {
        let keys: Vec<String> = server.ask(&["KEYS", &format!("{{otp:??}}:{kind}:*")]);
        assert!(!keys.is_empty(), "no key of kind {kind}");
        for key in keys {
            let left: i64 = server.ask(&["PTTL", &key]);
            // The lock of 15 minutes comes on top of an account's 400 days.
            assert!(left > least - minute && left <= least + 15 * minute, "{key}: {left} ms, not {least}");
        }
    }
}

#[tokio::test]
async fn lists_of_subjects_do_not_grow_where_nobody_counts() {
    let (server, clock) = (RedisServer::start(), Arc::new(ManualClock::at(START)));
    let store = store(&server).on_clock(clock.clone());
    let listed = |kind: &str| -> u64 {
        let keys: Vec<String> = server.ask(&["KEYS", &format!("{{otp:??}}:{kind}:*")]);
        keys.iter().map(|key| server.ask::<u64>(&["ZCARD", key])).sum()
    };
    for generation in 0..3 {
        // So many that each shard has some of each generation.
        for number in 0..200 {
            let who = format!("u{generation}-{number}");
            store.issue(&issue(&who, "FUND-1", 1)).await.unwrap();
            for _ in 0..3 {
                store.verify(&verify(&who, "FUND-1", 9)).await.unwrap();
            }
        }
        assert_eq!((listed("pending"), listed("locked")), (200, 200), "generation {generation}");
        clock.advance(60 * MINUTE);
    }
    // Nothing is taken out by counting, and what is over is not counted.
    let census = store.census(&[purpose()]).await.unwrap();
    assert_eq!((census.pending[&purpose()], census.locked[&purpose()]), (0, 0));
    assert_eq!((listed("pending"), listed("locked")), (200, 200));
}

#[tokio::test]
async fn an_eviction_policy_that_forgives_locks_is_told() {
    let server = RedisServer::start();
    let store = store(&server);
    let healthy = store.health().await.unwrap();
    assert_eq!((healthy.kind, healthy.warnings.len()), ("redis", 0));
    server.ask::<()>(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    let warnings = store.health().await.unwrap().warnings;
    assert!(warnings.len() == 1 && warnings[0].contains("noeviction"), "{warnings:?}");
    server.ask::<()>(&["ACL", "SETUSER", "default", "-info", "-config"]);
    let warnings = store.health().await.unwrap().warnings;
    assert!(warnings.len() == 1 && warnings[0].contains("unknown"), "{warnings:?}");
    store.census(&[purpose()]).await.unwrap();
}

#[tokio::test]
async fn a_replica_refuses_and_is_told_until_it_becomes_the_primary() {
    let server = RedisServer::start();
    let store = store(&server);
    store.issue(&issue("u1", "FUND-1", 1)).await.unwrap();
    server.ask::<()>(&["REPLICAOF", "127.0.0.1", "1"]);
    let error = store.issue(&issue("u1", "FUND-1", 2)).await.unwrap_err();
    assert!(matches!(&error, StoreError::Failed(why) if why.contains("READONLY")), "{error}");
    until_it_answers(&store).await;
    let warnings = store.health().await.unwrap().warnings;
    assert!(warnings.len() == 1 && warnings[0].contains("replica"), "{warnings:?}");
    server.ask::<()>(&["REPLICAOF", "NO", "ONE"]);
    store.issue(&issue("u1", "FUND-1", 2)).await.unwrap();
}
