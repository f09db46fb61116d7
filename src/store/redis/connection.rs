//! One connection to one Redis, opened on demand and replaced when it is broken.
//!
//! It must not know what the commands mean. What it promises:
//! - A call ends within the deadline, waiting for a connection included.
//! - No more calls than allowed are under way at once; the next one fails at once.
//! - No command is ever sent twice. One that ended without an answer may have taken effect.
//! - A call may be dropped at any point: its answer is then read and thrown away.
//! - Nothing runs while nobody calls. A failed attempt to connect is repeated by the next call that
//!   comes [`RETRY_AFTER`] later, and calls before that fail at once.
//!
//! The connection is driven by a task on one runtime, its home: the one that was named, or else the
//! one that made the first call. Calls may come from any runtime with timers enabled. When the home has
//! gone or no longer runs, the runtime of the next call takes its place.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, ConnectionAddr, PushInfo, PushKind, Value};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, timeout, timeout_at};

use super::fault::{describe, describe_refusal};
use super::script::Call;
use super::settings::{RedisSettings, SettingsError, client};
use crate::store::contract::StoreError;

/// How long after a failed attempt to connect the next one may begin.
const RETRY_AFTER: Duration = Duration::from_millis(50);

/// How long an attempt to connect may take, TLS and authentication included.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);

/// The connection, whatever state it is in.
pub struct Connection {
    client: Client,
    deadline: Duration,
    max_in_flight: usize,
    permits: Semaphore,
    home: Mutex<Option<Handle>>,
    slot: Arc<Mutex<Slot>>,
}

enum Slot {
    Closed { last_failure: Option<(Instant, String)> },
    Opening { since: Instant, ended: watch::Receiver<()> },
    Open(Open),
}

/// A connection that worked when it was last looked at.
#[derive(Clone)]
struct Open {
    connection: MultiplexedConnection,
    life: Arc<Life>,
}

#[derive(Default)]
struct Life {
    /// Counts answers, so that a call that got none can tell a slow command from a dead connection.
    answers: AtomicU64,
    /// Set when the peer has closed it.
    ended: AtomicBool,
}

enum Look {
    Open(Open),
    Opening(watch::Receiver<()>),
    Failed(String),
}

impl Connection {
    /// Prepares a connection. Nothing is sent, and Redis need not be there.
    ///
    /// # Errors
    /// When the settings can never work.
    pub fn prepare(settings: &RedisSettings, home: Option<Handle>) -> Result<Self, SettingsError> {
        if settings.deadline.is_zero() || settings.max_in_flight == 0 {
            return Err(SettingsError::Zero);
        }
        let max_in_flight = settings.max_in_flight.min(Semaphore::MAX_PERMITS);
        Ok(Self {
            client: client(&settings.url)?,
            deadline: settings.deadline,
            max_in_flight,
            permits: Semaphore::new(max_in_flight),
            home: Mutex::new(home),
            slot: Arc::new(Mutex::new(Slot::Closed { last_failure: None })),
        })
    }

    /// Runs a script.
    ///
    /// # Errors
    /// When there is no answer, or the answer is an error.
    pub async fn call(&self, call: &Call) -> Result<Value, StoreError> {
        let _permit = self.permits.try_acquire().map_err(|_| StoreError::Overloaded)?;
        let by = Instant::now() + self.deadline;
        match self.exchange(call.by_hash(), by).await? {
            Value::ServerError(error) if error.code() == "NOSCRIPT" => {
                accept(self.exchange(&call.in_full(), by).await?)
            }
            answer => accept(answer),
        }
    }

    /// Sends any other command.
    ///
    /// # Errors
    /// When there is no answer, or the answer is an error.
    pub async fn query(&self, command: &Cmd) -> Result<Value, StoreError> {
        let _permit = self.permits.try_acquire().map_err(|_| StoreError::Overloaded)?;
        accept(self.exchange(command, Instant::now() + self.deadline).await?)
    }

    async fn exchange(&self, command: &Cmd, by: Instant) -> Result<Value, StoreError> {
        let late = |_| StoreError::Deadline(self.deadline);
        let Open { mut connection, life } = timeout_at(by, self.open()).await.map_err(late)??;
        let answers_before = life.answers.load(Ordering::Relaxed);
        match timeout_at(by, connection.send_packed_command(command)).await {
            Ok(Ok(answer)) => {
                life.answers.fetch_add(1, Ordering::Relaxed);
                if is_from_a_replica(&answer) {
                    // After a failover the address may lead to the new primary.
                    self.retire(&life, Some("it is a read-only replica"));
                }
                Ok(answer)
            }
            Ok(Err(error)) => {
                self.retire(&life, None);
                Err(StoreError::Failed(describe(&error)))
            }
            Err(elapsed) => {
                if life.answers.load(Ordering::Relaxed) == answers_before {
                    // A dead peer does not say goodbye, and TCP would wait minutes for it.
                    self.retire(&life, None);
                }
                Err(late(elapsed))
            }
        }
    }

    /// The open connection. Waits while one is being opened.
    async fn open(&self) -> Result<Open, StoreError> {
        loop {
            match self.look() {
                Look::Open(open) => return Ok(open),
                Look::Failed(why) => return Err(StoreError::Unreachable(why)),
                // The sender says nothing; it is dropped when the attempt has ended.
                Look::Opening(mut ended) => _ = timeout(CONNECT_WITHIN * 2, ended.changed()).await,
            }
        }
    }

    fn look(&self) -> Look {
        let mut slot = lock(&self.slot);
        match &*slot {
            Slot::Open(open) if !open.life.ended.load(Ordering::Acquire) => return Look::Open(open.clone()),
            Slot::Open(_) | Slot::Closed { last_failure: None } => {}
            Slot::Closed { last_failure: Some((at, why)) } => {
                if at.elapsed() < RETRY_AFTER {
                    return Look::Failed(why.clone());
                }
            }
            Slot::Opening { since, ended } => {
                if ended.has_changed().is_ok() && since.elapsed() < CONNECT_WITHIN * 2 {
                    return Look::Opening(ended.clone());
                }
                // The attempt ended without a word, or never ran: its runtime is not to be relied on.
                *lock(&self.home) = None;
            }
        }
        let (ends, ended) = watch::channel(());
        *slot = Slot::Opening { since: Instant::now(), ended: ended.clone() };
        self.home().spawn(attempt(self.client.clone(), self.slot.clone(), self.max_in_flight, ends));
        Look::Opening(ended)
    }

    fn home(&self) -> Handle {
        lock(&self.home).get_or_insert_with(Handle::current).clone()
    }

    /// Takes a connection out of use. Calls that already wait for its answers go on waiting. With a
    /// reason, the next one is not opened at once.
    fn retire(&self, life: &Arc<Life>, reason: Option<&str>) {
        let mut slot = lock(&self.slot);
        if matches!(&*slot, Slot::Open(open) if Arc::ptr_eq(&open.life, life)) {
            let last_failure = reason.map(|reason| (Instant::now(), reason.to_owned()));
            *slot = Slot::Closed { last_failure };
        }
    }
}

/// No code that holds one of these locks can panic half-way through a change.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Opens a connection, leaves it or the failure in the slot, and drops `ends`.
async fn attempt(client: Client, slot: Arc<Mutex<Slot>>, queue: usize, ends: watch::Sender<()>) {
    let life = Arc::new(Life::default());
    let watched = life.clone();
    let note_the_end = move |push: PushInfo| {
        if push.kind == PushKind::Disconnection {
            watched.ended.store(true, Ordering::Release);
        }
        Ok::<(), std::convert::Infallible>(())
    };
    // Deadlines are kept here, for the whole call, and the crate never repeats a command by itself.
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(None)
        .set_response_timeout(None)
        .set_pipeline_buffer_size(queue)
        .set_push_sender(note_the_end);
    let opened = timeout(CONNECT_WITHIN, client.get_multiplexed_async_connection_with_config(&config)).await;
    let result = match opened {
        Ok(Ok(connection)) => Slot::Open(Open { connection, life }),
        Ok(Err(error)) => Slot::Closed { last_failure: Some((Instant::now(), describe(&error))) },
        Err(_) => {
            // A Redis without TLS takes the first bytes of a handshake for a command that is not complete.
            let is_tls = matches!(client.get_connection_info().addr(), ConnectionAddr::TcpTls { .. });
            let hint = if is_tls { "; does it speak TLS on this port?" } else { "" };
            let why = format!("no connection within {CONNECT_WITHIN:?}{hint}");
            Slot::Closed { last_failure: Some((Instant::now(), why)) }
        }
    };
    let mut slot = lock(&slot);
    // An attempt that was given up meanwhile must not push out what came after it.
    if matches!(&*slot, Slot::Opening { .. }) {
        *slot = result;
    }
    drop(slot);
    drop(ends);
}

fn accept(answer: Value) -> Result<Value, StoreError> {
    match answer {
        Value::ServerError(error) => Err(StoreError::Failed(describe_refusal(&error))),
        answer => Ok(answer),
    }
}

fn is_from_a_replica(answer: &Value) -> bool {
    matches!(answer, Value::ServerError(error) if error.code() == "READONLY")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_lets_nothing_through_is_refused() {
        let settings = RedisSettings::new("redis://127.0.0.1/");
        let refused = |settings| matches!(Connection::prepare(&settings, None), Err(SettingsError::Zero));
        assert!(refused(RedisSettings { max_in_flight: 0, ..settings.clone() }));
        assert!(refused(RedisSettings { deadline: Duration::ZERO, ..settings }));
    }
}
