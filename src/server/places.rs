//! Places for connections: how many there are, and who gives one up when all are taken.
//!
//! A connection on which nothing happens is *parked* (see `connection`) and holds its place only for as
//! long as nobody else needs it. So does one whose head is not whole after a while. Otherwise a few sockets
//! that never say a word, or never end one, would keep everybody out until their timeout.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// All places of a listener.
#[derive(Debug)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    taken: AtomicUsize,
    emptied: Notify,
    parked: Mutex<Parked>,
    /// There is another connection to ask.
    changed: Notify,
}

/// The parked connections, the one parked first in front.
#[derive(Debug, Default)]
struct Parked {
    waiting: BTreeMap<u64, Option<Waker>>,
    next: u64,
    /// Somebody waits for a place and there was nobody to ask.
    is_wanted: bool,
    /// The connection that was asked to go, and has not yet gone or declined. Never more than one.
    asked: Option<u64>,
}

impl Places {
    pub(super) fn new(count: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(count)),
            taken: AtomicUsize::new(0),
            emptied: Notify::new(),
            parked: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// A place. When all are taken, the connection that has been parked longest is asked to go; when
    /// none is parked, this waits. To be called by one task only.
    pub(super) async fn take(self: &Arc<Self>) -> Place {
        loop {
            if let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() {
                return Place::new(self, permit);
            }
            self.ask();
            tokio::select! {
                biased;
                permit = Arc::clone(&self.free).acquire_owned() => {
                    // The semaphore is never closed.
                    let Ok(permit) = permit else { continue };
                    return Place::new(self, permit);
                }
                () = self.changed.notified() => {}
            }
        }
    }

    /// Asks the connection that was parked first to go, unless another one is about to.
    fn ask(&self) {
        let mut parked = self.parked();
        if parked.asked.is_some() {
            return;
        }
        let first = parked.waiting.pop_first();
        parked.asked = first.as_ref().map(|(ticket, _)| *ticket);
        parked.is_wanted = first.is_none();
        drop(parked);
        if let Some((_, Some(waker))) = first {
            waker.wake();
        }
    }

    /// How many connections are left at the deadline.
    pub(super) async fn wait_until_empty(&self, deadline: Instant) -> usize {
        loop {
            let left = self.taken.load(Ordering::Acquire);
            if left == 0 || tokio::time::timeout_at(deadline, self.emptied.notified()).await.is_err() {
                return self.taken.load(Ordering::Acquire);
            }
        }
    }

    fn parked(&self) -> MutexGuard<'_, Parked> {
        self.parked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one open connection. Given back also when its task panics.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    fn new(places: &Arc<Places>, permit: OwnedSemaphorePermit) -> Self {
        places.taken.fetch_add(1, Ordering::AcqRel);
        Self { places: Arc::clone(places), _permit: permit }
    }

    /// From now on others may need the place more.
    pub(super) fn park(&self) -> Stay<'_> {
        let mut parked = self.places.parked();
        let ticket = parked.next;
        parked.next += 1;
        parked.waiting.insert(ticket, None);
        let is_wanted = std::mem::take(&mut parked.is_wanted);
        drop(parked);
        if is_wanted {
            self.places.changed.notify_one();
        }
        Stay { places: &self.places, ticket }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.places.taken.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.places.emptied.notify_one();
        }
    }
}

/// A parked connection. Dropping it ends the parking, and with it the connection.
#[derive(Debug)]
pub(super) struct Stay<'a> {
    places: &'a Places,
    ticket: u64,
}

impl Stay<'_> {
    /// The connection goes on. If it was asked to go, another one has to.
    pub(super) fn resume(self) {
        if self.end() {
            self.places.changed.notify_one();
        }
    }

    /// Whether the connection had been asked to go.
    fn end(&self) -> bool {
        let mut parked = self.places.parked();
        parked.waiting.remove(&self.ticket);
        let was_asked = parked.asked == Some(self.ticket);
        if was_asked {
            parked.asked = None;
        }
        was_asked
    }

    /// Ready when the connection should go.
    pub(super) fn poll_asked(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut parked = self.places.parked();
        match parked.waiting.get_mut(&self.ticket) {
            None => Poll::Ready(()),
            Some(Some(waker)) if waker.will_wake(cx.waker()) => Poll::Pending,
            Some(waker) => {
                *waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Stay<'_> {
    fn drop(&mut self) {
        // Whoever waits for the place hears of it when it is free.
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use std::future::{Future, poll_fn};
    use std::pin::Pin;

    use super::*;

    async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
        poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
    }

    async fn is_asked(stay: &Stay<'_>) -> bool {
        poll_fn(|cx| Poll::Ready(stay.poll_asked(cx).is_ready())).await
    }

    #[tokio::test]
    async fn the_connection_parked_first_is_asked_and_the_next_when_it_stays() {
        let places = Arc::new(Places::new(3));
        let (first, second, busy) = (places.take().await, places.take().await, places.take().await);
        let (one, two) = (first.park(), second.park());
        let mut further = std::pin::pin!(places.take());
        assert!(poll_once(further.as_mut()).await.is_pending());
        assert!(is_asked(&one).await && !is_asked(&two).await);
        assert!(poll_once(further.as_mut()).await.is_pending());
        assert!(!is_asked(&two).await, "two were asked for one place");
        one.resume();
        assert!(poll_once(further.as_mut()).await.is_pending());
        assert!(is_asked(&two).await);
        drop(two);
        drop(second);
        assert!(poll_once(further.as_mut()).await.is_ready());
        drop((first, busy));
    }

    #[tokio::test]
    async fn who_is_parked_while_somebody_waits_is_asked() {
        let places = Arc::new(Places::new(1));
        let only = places.take().await;
        let mut further = std::pin::pin!(places.take());
        assert!(poll_once(further.as_mut()).await.is_pending());
        let stay = only.park();
        assert!(poll_once(further.as_mut()).await.is_pending());
        assert!(is_asked(&stay).await);
    }

    #[tokio::test]
    async fn nobody_is_asked_while_places_are_free() {
        let places = Arc::new(Places::new(2));
        let first = places.take().await;
        let stay = first.park();
        let second = places.take().await;
        assert!(!is_asked(&stay).await);
        drop(second);
        let _third = places.take().await;
        assert!(!is_asked(&stay).await);
    }
}
