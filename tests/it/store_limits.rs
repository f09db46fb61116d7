//! Limits against a plain model: the list of all times that were ever taken.

use std::time::Duration;

use otp_sidecar::domain::admit::{AdmitCommand, AdmitOutcome, Refusal};
use otp_sidecar::domain::tally::Change;
use otp_sidecar::domain::time::Timestamp;
use otp_sidecar::domain::window::Take;

use crate::store_world::{World, own_take, shared_take};
use crate::support::random::Random;

const ROUNDS: usize = 2_000;

#[tokio::test]
async fn a_limit_in_memory_lets_at_most_max_through_in_any_window() {
    check(World::memory()).await;
}

#[tokio::test]
async fn a_limit_in_redis_lets_at_most_max_through_in_any_window() {
    check(World::redis()).await;
}

async fn check(world: World) {
    let seed = Random::fresh_seed();
    let mut random = Random::new(seed);
    for (number, max) in [1, 2, 3, 7, 12].into_iter().enumerate() {
        for take in [own_take(&format!("own{number}"), max, "u1"), shared_take(&format!("all{number}"), max)]
        {
            let take = Take { per: Duration::from_millis(50), ..take };
            follow(&world, &take, &mut random, seed).await;
        }
    }
}

/// Random steps, most of them about as long as it takes for room to come free.
async fn follow(world: &World, take: &Take, random: &mut Random, seed: u64) {
    let command = AdmitCommand { standpoint: None, takes: vec![take.clone()] };
    let (mut taken, mut refused): (Vec<Timestamp>, usize) = (Vec::new(), 0);
    for step in 0..ROUNDS / 8 {
        let now = world.now();
        let stamped = world.store.admit(&command).await.unwrap();
        let told = stamped.tally.limits[0].used;
        let in_window = taken.iter().filter(|taken| taken.plus(take.per) > now).count() as u32;
        let counted = match &stamped.outcome {
            AdmitOutcome::Admitted(_) => Change { before: in_window, after: in_window + 1 },
            AdmitOutcome::Refused(_) => Change::none(take.max),
        };
        assert_eq!(told, Some(counted), "seed {seed}, step {step} of {:?}", take.limit);
        match (stamped.outcome, opens_at(&taken, take, now)) {
            (AdmitOutcome::Admitted(_), None) => taken.push(now),
            (AdmitOutcome::Refused(Refusal::Limited(limited)), Some(opens)) => {
                assert_eq!(limited.retry_at, opens, "seed {seed}, step {step} of {:?}", take.limit);
                refused += 1;
            }
            (outcome, model) => {
                panic!("seed {seed}, step {step} of {:?}: {outcome:?}, the model says {model:?}", take.limit)
            }
        }
        let longest = 2 * 50 / u64::from(take.max);
        let wait = match opens_at(&taken, take, now) {
            Some(opens) if random.chance(60) => {
                (opens.since(now).as_millis() as u64 + random.below(3)).max(1) - 1
            }
            _ => random.below(longest),
        };
        world.wait(Duration::from_millis(wait));
    }
    let (let_through, least) = (taken.len(), ROUNDS / 8 / 10);
    assert!(
        let_through >= least && refused >= least,
        "seed {seed}: {let_through} through, {refused} refused"
    );
}

/// The definition itself: nothing fits while a window that ends now already holds `max`.
fn opens_at(taken: &[Timestamp], take: &Take, now: Timestamp) -> Option<Timestamp> {
    let is_full_at = |time: Timestamp| {
        taken.iter().filter(|taken| taken.plus(take.per) > time).count() >= take.max as usize
    };
    if !is_full_at(now) {
        return None;
    }
    taken.iter().map(|taken| taken.plus(take.per)).filter(|end| *end > now).find(|end| !is_full_at(*end))
}

#[tokio::test]
async fn a_store_that_is_to_be_brief_decides_alike_and_tells_nothing_of_limits() {
    let world = World::redis_briefly();
    let take = own_take("own", 2, "u1");
    let command = AdmitCommand { standpoint: None, takes: vec![take] };
    for expected in [true, true, false] {
        let stamped = world.store.admit(&command).await.unwrap();
        assert_eq!(matches!(stamped.outcome, AdmitOutcome::Admitted(_)), expected);
        assert_eq!(stamped.tally.limits[0].used, None);
    }
}
