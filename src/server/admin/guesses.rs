//! How fast the admin token can be guessed. This module knows no tokens.
//!
//! Tokens that come from one address are compared one after another, and after a wrong one the next waits. Who asks
//! from another address notices nothing of it. Who shares the address waits in turn with whoever guesses; only when
//! too many wait already is a call told to come again, because they must not take all of the address's connections
//! from those who ask whether the sidecar lives.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;

use crate::domain::subject::ClientAddr;

/// How long the next comparison waits after a wrong token: ten guesses a second.
const PAUSE: Duration = Duration::from_millis(100);

/// How many calls of one address may wait for their turn: half of its connections.
const MOST_WAITING: usize = super::MAX_OF_ONE_PEER / 2;

/// One comparison at a time for each address; IPv6 addresses by /64.
#[derive(Default)]
pub struct Guesses(Mutex<HashMap<ClientAddr, Arc<tokio::sync::Mutex<()>>>>);

/// The right to compare one token. The next of its address waits until it is dropped.
#[must_use]
pub struct Turn(OwnedMutexGuard<()>);

impl Guesses {
    /// Waits until a token of this address may be compared; `None` if too many of it wait already. Who gives up
    /// waiting delays nobody.
    pub async fn turn(&self, peer: IpAddr) -> Option<Turn> {
        let own = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            // Whoever waits or compares holds one too.
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            let own = Arc::clone(turns.entry(ClientAddr::of(peer)).or_default());
            // The map's, this one's, and those of all who wait or compare.
            if Arc::strong_count(&own) > 2 + MOST_WAITING {
                return None;
            }
            own
        };
        Some(Turn(own.lock_owned().await))
    }
}

impl Turn {
    /// It was wrong: the next one waits, also when whoever guessed has hung up.
    pub fn was_wrong(self) {
        tokio::spawn(async move {
            tokio::time::sleep(PAUSE).await;
            drop(self.0);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn one_address_has_ten_guesses_a_second_also_if_it_hangs_up_after_each() {
        let (guesses, begin) = (Guesses::default(), Instant::now());
        for last in 0..21 {
            let peer = address(&format!("2001:db8::{last:x}"));
            guesses.turn(peer).await.unwrap().was_wrong();
        }
        assert_eq!(begin.elapsed(), 20 * PAUSE);
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_from_elsewhere_does_not_wait_and_who_shares_the_address_gets_a_turn() {
        let (guesses, begin) = (Arc::new(Guesses::default()), Instant::now());
        let (bad, good) = (address("192.0.2.1"), address("192.0.2.2"));
        let flood: Vec<_> = (0..5)
            .map(|_| {
                let guesses = Arc::clone(&guesses);
                tokio::spawn(async move { guesses.turn(bad).await.unwrap().was_wrong() })
            })
            .collect();
        tokio::task::yield_now().await;
        drop(guesses.turn(good).await.unwrap());
        assert_eq!(begin.elapsed(), Duration::ZERO);
        drop(guesses.turn(bad).await.unwrap());
        assert_eq!(begin.elapsed(), 5 * PAUSE, "right ones cost nothing");
        drop(guesses.turn(bad).await.unwrap());
        assert_eq!(begin.elapsed(), 5 * PAUSE);
        for guess in flood {
            guess.await.unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_wait_do_not_take_all_connections_of_their_address() {
        let guesses = Arc::new(Guesses::default());
        let (bad, good) = (address("192.0.2.1"), address("192.0.2.2"));
        guesses.turn(bad).await.unwrap().was_wrong();
        let waiting: Vec<_> = (0..2 * MOST_WAITING)
            .map(|_| {
                let guesses = Arc::clone(&guesses);
                tokio::spawn(async move { guesses.turn(bad).await.map(Turn::was_wrong).is_some() })
            })
            .collect();
        tokio::task::yield_now().await;
        assert!(guesses.turn(bad).await.is_none());
        assert!(guesses.turn(good).await.is_some());
        let mut had_a_turn = 0;
        for waits in waiting {
            had_a_turn += usize::from(waits.await.unwrap());
        }
        assert_eq!(had_a_turn, MOST_WAITING);
        assert!(guesses.turn(bad).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_waiting_delays_nobody_and_nothing_is_kept_of_those_who_left() {
        let (guesses, begin) = (Guesses::default(), Instant::now());
        let peer = address("192.0.2.1");
        guesses.turn(peer).await.unwrap().was_wrong();
        for _ in 0..50 {
            assert!(tokio::time::timeout(Duration::from_millis(1), guesses.turn(peer)).await.is_err());
        }
        drop(guesses.turn(peer).await.unwrap());
        assert_eq!(begin.elapsed(), PAUSE);
        drop(guesses.turn(address("192.0.2.2")).await.unwrap());
        assert_eq!(guesses.0.lock().unwrap().len(), 1);
    }
}
