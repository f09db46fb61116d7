//! Messages waiting in this process.
//!
//! The queue is bounded: a place is reserved before a code is stored, so a full queue refuses a new
//! code instead of losing an old one. It knows nothing of relays; when to try again is decided by
//! whoever acknowledges. A crash loses what is queued, which a durable outbox behind the same trait
//! will mend.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;

use crate::domain::outbox::Message;
use crate::domain::time::{Clock, Timestamp};
use crate::store::contract::{Ack, Claimed, Outbox, OutboxDepth, OutboxFull, Slot};

/// The bounded queue of one process. Places may be taken on one runtime and messages claimed on
/// another; claiming needs a runtime with a timer.
pub struct ProcessOutbox {
    shared: Arc<Shared>,
}

struct Shared {
    capacity: usize,
    clock: Arc<dyn Clock>,
    queue: Mutex<Queue>,
    /// Something became due earlier than the claimers knew, or the last message is gone.
    changed: Notify,
}

#[derive(Default)]
struct Queue {
    /// By when they are due, then by arrival.
    waiting: BTreeMap<(Timestamp, u64), Claimed>,
    arrivals: u64,
    reserved: usize,
    held: usize,
    /// How many messages, waiting or held, were queued at a time.
    queued_at: BTreeMap<Timestamp, usize>,
    closed: bool,
}

/// What a claimer finds.
enum Next {
    Due(Claimed),
    Wait(Option<Duration>),
    Drained,
}

impl ProcessOutbox {
    /// A queue with `capacity` places, for messages that are reserved, waiting or held together.
    pub fn new(capacity: usize, clock: Arc<dyn Clock>) -> Self {
        let shared = Shared { capacity, clock, queue: Mutex::default(), changed: Notify::new() };
        Self { shared: Arc::new(shared) }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn places_taken(&self) -> usize {
        self.reserved + self.waiting.len() + self.held
    }

    fn insert(&mut self, due: Timestamp, claimed: Claimed) {
        self.arrivals += 1;
        self.waiting.insert((due, self.arrivals), claimed);
    }

    fn next(&mut self, now: Timestamp) -> Next {
        let Some(first) = self.waiting.first_entry() else {
            let over = self.closed && self.places_taken() == 0;
            return if over { Next::Drained } else { Next::Wait(None) };
        };
        let due = first.key().0;
        if due > now {
            return Next::Wait(Some(due.since(now)));
        }
        let claimed = first.remove();
        self.held += 1;
        Next::Due(claimed)
    }

    fn forget(&mut self, queued_at: Timestamp) {
        if let Some(count) = self.queued_at.get_mut(&queued_at) {
            *count -= 1;
            if *count == 0 {
                self.queued_at.remove(&queued_at);
            }
        }
    }
}

#[async_trait]
impl Outbox for ProcessOutbox {
    fn reserve(&self) -> Result<Box<dyn Slot>, OutboxFull> {
        let mut queue = self.shared.lock();
        if queue.closed || queue.places_taken() >= self.shared.capacity {
            return Err(OutboxFull);
        }
        queue.reserved += 1;
        Ok(Box::new(Place { shared: Arc::clone(&self.shared), used: false }))
    }

    async fn claim(&self) -> Option<Claimed> {
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            // Listens from here on, so that nothing put between the look and the wait is missed.
            changed.as_mut().enable();
            let now = self.shared.clock.now();
            let next = self.shared.lock().next(now);
            match next {
                Next::Due(claimed) => return Some(claimed),
                Next::Drained => return None,
                Next::Wait(None) => changed.await,
                Next::Wait(Some(wait)) => {
                    // Either way the queue is looked at again.
                    let _ = tokio::time::timeout(wait, changed).await;
                }
            }
        }
    }

    fn ack(&self, mut claimed: Claimed, ack: Ack) {
        let mut queue = self.shared.lock();
        queue.held = queue.held.saturating_sub(1);
        match ack {
            Ack::Done => queue.forget(claimed.message.queued_at),
            Ack::RetryAt(due) => {
                claimed.attempt = claimed.attempt.saturating_add(1);
                queue.insert(due, claimed);
            }
        }
        let over = queue.closed && queue.places_taken() == 0;
        drop(queue);
        self.shared.wake(over);
    }

    /// Takes no more. Everything that waits now becomes due at once; a message that is put back
    /// after this waits for its time again, or a dead relay would be called without a pause. Places
    /// reserved before may still be used.
    fn close(&self) {
        let now = self.shared.clock.now();
        let mut queue = self.shared.lock();
        queue.closed = true;
        let waiting = std::mem::take(&mut queue.waiting);
        queue.waiting =
            waiting.into_iter().map(|((due, arrival), claimed)| ((due.min(now), arrival), claimed)).collect();
        drop(queue);
        self.shared.changed.notify_waiters();
    }

    fn depth(&self) -> OutboxDepth {
        let queue = self.shared.lock();
        OutboxDepth {
            messages: queue.waiting.len() + queue.held,
            oldest: queue.queued_at.first_key_value().map(|(queued_at, _)| *queued_at),
        }
    }
}

impl Shared {
    fn wake(&self, everyone: bool) {
        if everyone {
            self.changed.notify_waiters();
        } else {
            self.changed.notify_one();
        }
    }
}

struct Place {
    shared: Arc<Shared>,
    used: bool,
}

impl Slot for Place {
    fn put(mut self: Box<Self>, message: Message) {
        let now = self.shared.clock.now();
        let mut queue = self.shared.lock();
        queue.reserved = queue.reserved.saturating_sub(1);
        *queue.queued_at.entry(message.queued_at).or_default() += 1;
        queue.insert(now, Claimed { message, attempt: 0 });
        drop(queue);
        self.used = true;
        self.shared.changed.notify_one();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.used {
            return;
        }
        let mut queue = self.shared.lock();
        queue.reserved = queue.reserved.saturating_sub(1);
        let over = queue.closed && queue.places_taken() == 0;
        drop(queue);
        self.shared.wake(over);
    }
}

#[cfg(test)]
mod tests;
