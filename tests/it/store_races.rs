//! A thousand at once: a right code passes once, and wrong ones are all counted.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use otp_sidecar::domain::admit::{AdmitCommand, AdmitOutcome, Refusal, admit};
use otp_sidecar::domain::issue::{IssueCommand, IssueOutcome, issue};
use otp_sidecar::domain::state::State;
use otp_sidecar::domain::tally::Tally;
use otp_sidecar::domain::time::ManualClock;
use otp_sidecar::domain::verify::{
    SettleCommand, SettleOutcome, VerifyCommand, VerifyOutcome, settle, verify,
};
use otp_sidecar::store::contract::{Challenges, Stamped, StoreError};
use otp_sidecar::store::memory::MemoryStore;
use otp_sidecar::store::redis::RedisStore;

use crate::store_world::{START, issue as an_issue, patient, request, rule, verify as a_verify};
use crate::support::redis::RedisServer;

const TRIES: u64 = 1_000;
const THREADS: u64 = 4;

/// Presents one code from several threads, each with a runtime of its own and all its tries at once.
fn race(replicas: &[Arc<dyn Challenges>], code: u8) -> Vec<VerifyOutcome> {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let keeper = runtime();
    for replica in replicas {
        keeper.block_on(replica.issue(&an_issue("u1", "FUND-1", 1))).unwrap();
    }
    let run = |thread: u64| {
        let tries = (0..TRIES / THREADS).map(|number| {
            let replica = replicas[(number % replicas.len() as u64) as usize].clone();
            let request = request(thread * TRIES + number);
            let command = VerifyCommand { request, ..a_verify("u1", "FUND-1", code) };
            async move { replica.verify(&command).await.unwrap().outcome }
        });
        runtime().block_on(async {
            let tasks: Vec<_> = tries.map(tokio::spawn).collect();
            let mut outcomes = Vec::new();
            for task in tasks {
                outcomes.push(task.await.unwrap());
            }
            outcomes
        })
    };
    let (done, ended) = tokio::sync::oneshot::channel::<()>();
    std::thread::scope(|scope| {
        // Connections are driven by the runtime that made the first call.
        let keeper = scope.spawn(move || keeper.block_on(async { ended.await.unwrap_or_default() }));
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || run(thread))).collect();
        let outcomes = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        drop(done);
        keeper.join().unwrap();
        outcomes
    })
}

fn one_passes(outcomes: &[VerifyOutcome]) -> Result<(), String> {
    let is_spent = |outcome: &&VerifyOutcome| matches!(outcome, VerifyOutcome::Spent { .. });
    let is_reserved = |outcome: &&VerifyOutcome| matches!(outcome, VerifyOutcome::Reserved { .. });
    let (reserved, spent) =
        (outcomes.iter().filter(is_reserved).count(), outcomes.iter().filter(is_spent).count());
    let fits = reserved == 1 && spent == outcomes.len() - 1;
    if fits { Ok(()) } else { Err(format!("{reserved} reserved and {spent} spent of {}", outcomes.len())) }
}

fn no_more_than_the_rule_allows_are_compared(outcomes: &[VerifyOutcome]) -> Result<(), String> {
    let is_locked = |outcome: &&VerifyOutcome| matches!(outcome, VerifyOutcome::Refused(Refusal::Locked(_)));
    let is_mismatch = |outcome: &&VerifyOutcome| matches!(outcome, VerifyOutcome::Mismatch { .. });
    let (compared, locked) =
        (outcomes.iter().filter(is_mismatch).count(), outcomes.iter().filter(is_locked).count());
    let fits = compared == rule().after as usize && locked == outcomes.len() - compared;
    if fits { Ok(()) } else { Err(format!("{compared} compared and {locked} locked of {}", outcomes.len())) }
}

fn memory() -> Vec<Arc<dyn Challenges>> {
    vec![Arc::new(MemoryStore::new(Arc::new(ManualClock::at(START))))]
}

/// Two replicas on one Redis.
fn redis(server: &RedisServer) -> Vec<Arc<dyn Challenges>> {
    let replica = || Arc::new(RedisStore::new(&patient(server)).unwrap()) as Arc<dyn Challenges>;
    vec![replica(), replica()]
}

#[test]
fn of_a_thousand_right_codes_one_passes() {
    let server = RedisServer::start();
    for replicas in [memory(), redis(&server)] {
        assert_eq!(one_passes(&race(&replicas, 1)), Ok(()));
    }
}

#[test]
fn of_a_thousand_wrong_codes_three_are_compared() {
    let server = RedisServer::start();
    for replicas in [memory(), redis(&server)] {
        assert_eq!(no_more_than_the_rule_allows_are_compared(&race(&replicas, 9)), Ok(()));
    }
}

#[test]
fn a_store_that_reads_and_then_writes_is_caught() {
    let racy = || vec![Arc::new(Racy::default()) as Arc<dyn Challenges>];
    assert!(one_passes(&race(&racy(), 1)).is_err());
    assert!(no_more_than_the_rule_allows_are_compared(&race(&racy(), 9)).is_err());
}

/// The same rules, but with a moment between reading the state and writing it back.
#[derive(Default)]
struct Racy(Mutex<State>);

impl Racy {
    async fn decide<C, T>(
        &self,
        command: &C,
        rule: fn(&mut State, &C, otp_sidecar::domain::time::Timestamp) -> T,
    ) -> Result<Stamped<T>, StoreError> {
        let mut state = self.0.lock().unwrap().clone();
        tokio::time::sleep(Duration::from_millis(1)).await;
        let outcome = rule(&mut state, command, START);
        *self.0.lock().unwrap() = state;
        Ok(Stamped { at: START, outcome, tally: Tally::default() })
    }
}

#[async_trait]
impl Challenges for Racy {
    async fn admit(&self, command: &AdmitCommand) -> Result<Stamped<AdmitOutcome>, StoreError> {
        self.decide(command, admit).await
    }

    async fn issue(&self, command: &IssueCommand) -> Result<Stamped<IssueOutcome>, StoreError> {
        self.decide(command, issue).await
    }

    async fn verify(&self, command: &VerifyCommand) -> Result<Stamped<VerifyOutcome>, StoreError> {
        self.decide(command, verify).await
    }

    async fn settle(&self, command: &SettleCommand) -> Result<Stamped<SettleOutcome>, StoreError> {
        self.decide(command, settle).await
    }
}
