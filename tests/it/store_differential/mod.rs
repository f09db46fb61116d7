//! The rules of `domain` and the scripts in a real Redis, side by side: the same random commands at the
//! same times must have the same outcomes, leave the same census, and show operators the same.
//!
//! `TEST_SEED=…` repeats a run, `DIFFERENTIAL_COMMANDS=…` makes it longer.

mod coverage;
mod floors;
mod generator;
mod operators;
mod views;

use std::sync::Arc;

use otp_sidecar::domain::admit::{self, AdmitCommand, AdmitOutcome};
use otp_sidecar::domain::issue::{IssueCommand, IssueOutcome, issue};
use otp_sidecar::domain::ledger::clear::{ClearCommand, Cleared, clear};
use otp_sidecar::domain::ledger::counts::{AddOutcome, CountBatch};
use otp_sidecar::domain::ledger::limits::{ResetCommand, reset};
use otp_sidecar::domain::ledger::revoke::{RevokeCommand, Revoked, revoke};
use otp_sidecar::domain::ledger::view::Dated;
use otp_sidecar::domain::state::{Census, State};
use otp_sidecar::domain::tally::Tally;
use otp_sidecar::domain::time::{Clock, ManualClock, Timestamp};
use otp_sidecar::domain::verify::{self, SettleCommand, SettleOutcome, VerifyCommand, VerifyOutcome, settle};
use otp_sidecar::store::contract::{Challenges, Ledger, Stamped, StoreError};
use otp_sidecar::store::redis::RedisStore;

use self::coverage::Coverage;
use self::generator::{Generator, purposes};
use self::views::Views;
use crate::store_world::{START, patient};
use crate::support::random::Random;
use crate::support::redis::RedisServer;

/// Commands of the normal run.
const COMMANDS: usize = 24_000;
/// Commands until everything is forgotten and begins anew.
const EPISODE: usize = 400;
/// Commands from one census to the next.
const CENSUS_EVERY: usize = 5;
/// Commands from one look at all lists to the next.
const LISTS_EVERY: usize = 25;

#[derive(Debug, Clone)]
enum Command {
    Admit(AdmitCommand),
    Issue(IssueCommand),
    Verify(VerifyCommand),
    Settle(SettleCommand),
    Clear(ClearCommand),
    Revoke(RevokeCommand),
    Reset(ResetCommand),
    Add(CountBatch),
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Admit(AdmitOutcome),
    Issue(IssueOutcome),
    Verify(VerifyOutcome),
    Settle(SettleOutcome),
    Clear(Cleared),
    Revoke(Revoked),
    Reset(Vec<u32>),
    Add(AddOutcome),
}

impl Command {
    fn by_the_rules(&self, state: &mut State, now: Timestamp) -> (Outcome, Tally) {
        let outcome = match self {
            Self::Admit(command) => {
                let (outcome, tally) = admit::decide(state, command, now);
                return (Outcome::Admit(outcome), tally);
            }
            Self::Issue(command) => Outcome::Issue(issue(state, command, now)),
            Self::Verify(command) => {
                let (outcome, tally) = verify::decide(state, command, now);
                return (Outcome::Verify(outcome), tally);
            }
            Self::Settle(command) => Outcome::Settle(settle(state, command, now)),
            Self::Clear(command) => Outcome::Clear(clear(state, command, now)),
            Self::Revoke(command) => Outcome::Revoke(revoke(state, command, now)),
            Self::Reset(command) => Outcome::Reset(reset(state, command, now)),
            Self::Add(batch) => Outcome::Add(state.counts.add(batch, now)),
        };
        (outcome, Tally::default())
    }

    async fn by_the_scripts(&self, store: &RedisStore) -> Result<Stamped<Outcome>, StoreError> {
        fn wrap<T>(stamped: Stamped<T>, outcome: fn(T) -> Outcome) -> Stamped<Outcome> {
            Stamped { at: stamped.at, outcome: outcome(stamped.outcome), tally: stamped.tally }
        }
        fn dated<T>(dated: Dated<T>, outcome: fn(T) -> Outcome) -> Stamped<Outcome> {
            Stamped { at: dated.at, outcome: outcome(dated.value), tally: Tally::default() }
        }
        Ok(match self {
            Self::Admit(command) => wrap(store.admit(command).await?, Outcome::Admit),
            Self::Issue(command) => wrap(store.issue(command).await?, Outcome::Issue),
            Self::Verify(command) => wrap(store.verify(command).await?, Outcome::Verify),
            Self::Settle(command) => wrap(store.settle(command).await?, Outcome::Settle),
            Self::Clear(command) => dated(store.clear(command).await?, Outcome::Clear),
            Self::Revoke(command) => dated(store.revoke(command).await?, Outcome::Revoke),
            Self::Reset(command) => dated(store.reset(command).await?, Outcome::Reset),
            Self::Add(batch) => dated(store.add_counts(batch).await?, Outcome::Add),
        })
    }
}

#[tokio::test]
async fn the_scripts_decide_as_the_rules_do() {
    let seed = Random::fresh_seed();
    let commands = std::env::var("DIFFERENTIAL_COMMANDS").ok().and_then(|text| text.parse().ok());
    let commands: usize = commands.unwrap_or(COMMANDS);
    let server = RedisServer::start();
    let clock = Arc::new(ManualClock::at(START));
    let store = RedisStore::new(&patient(&server)).unwrap().on_clock(clock.clone());
    let (mut random, mut coverage) = (Random::new(seed), Coverage::default());
    for episode in 0..commands / EPISODE {
        server.ask::<()>(&["FLUSHALL"]);
        let place = format!("seed {seed}, episode {episode}");
        run_episode(&store, &clock, &mut random, &mut coverage, &place).await;
        let without_expiry = keys_without_expiry(&server);
        assert!(without_expiry.is_empty(), "{place}: {without_expiry:?} would stay for ever");
    }
    coverage.check(commands, seed);
}

async fn run_episode(
    store: &RedisStore,
    clock: &ManualClock,
    random: &mut Random,
    coverage: &mut Coverage,
    place: &str,
) {
    let (mut state, mut generator) = (State::default(), Generator::default());
    for step in 0..EPISODE {
        clock.advance(generator.wait(random, clock.now()));
        let now = clock.now();
        let command = generator.command(random, now);
        let before = state.clone();
        let (outcome, tally) = command.by_the_rules(&mut state, now);
        let decided = command.by_the_scripts(store).await;
        let expected = Stamped { at: now, outcome, tally };
        let decided = decided.unwrap_or_else(|error| panic!("{place}, step {step}: {error}\n{command:#?}"));
        assert_eq!(decided, expected, "{place}, step {step}: {command:#?}\n{before:#?}");
        let Stamped { outcome, tally, .. } = decided;
        coverage.note_tally(&tally);
        coverage.note(&generator, &command, &outcome, &before, now);
        generator.learn(&command, &outcome, now);
        if step % CENSUS_EVERY == 0 {
            let counted = store.census(&purposes()).await.unwrap();
            assert_eq!(counted, by_purpose(&state, now), "{place}, census after step {step}: {command:#?}");
            let place = format!("{place}, views after step {step}: {command:#?}");
            let views = Views { store, state: &state, now, place: &place };
            views.of_one_person(&generator, random, coverage).await;
            if step % LISTS_EVERY == 0 {
                views.of_all(random, coverage).await;
                views::note_locks(coverage, &state, now);
            }
        }
    }
}

/// The rules' census, with the zeros that a store adds.
fn by_purpose(state: &State, now: Timestamp) -> Census {
    let mut census = state.census(now);
    for purpose in purposes() {
        census.pending.entry(purpose.clone()).or_default();
        census.locked.entry(purpose).or_default();
    }
    census
}

fn keys_without_expiry(server: &RedisServer) -> Vec<String> {
    let script = "local lasting = {} \
                  for _, key in ipairs(redis.call('KEYS', '*')) do \
                  if redis.call('PTTL', key) < 0 then lasting[#lasting + 1] = key end end return lasting";
    server.ask(&["EVAL", script, "0"])
}
