//! E-mail through one SMTP relay, on connections that are kept for a while.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::delivery::channel::{Channel, DeliveryError, FailureKind, FailureReason};
use crate::delivery::mail::{Mail, compose};
use crate::delivery::session::{Relay, Session};
use crate::delivery::settings::{Sender, Settings, Timing};
use crate::domain::id::RequestId;
use crate::domain::outbox::Envelope;
use crate::domain::time::Clock;

pub use crate::delivery::session::SettingsError;

/// How many idle connections are kept. More at once are opened and closed.
const KEPT: usize = 8;

/// The e-mail channel.
pub struct EmailChannel {
    relay: Relay,
    from: Sender,
    timing: Timing,
    clock: Arc<dyn Clock>,
    idle: Mutex<Vec<Idle>>,
    refused_login: Mutex<Option<RefusedLogin>>,
}

/// A conversation between two mails. It is owned outright by whoever takes it, and comes back only
/// after a mail went through: an attempt that is cancelled half-way closes its connection.
struct Idle {
    session: Session,
    since: Instant,
}

struct RefusedLogin {
    until: Instant,
    error: DeliveryError,
}

impl EmailChannel {
    /// Prepares the channel. Nothing is sent yet; the file of authorities is read.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(settings: Settings, clock: Arc<dyn Clock>) -> Result<Self, SettingsError> {
        let Settings { target, from, timing } = settings;
        let relay = Relay::new(target, timing)?;
        Ok(Self { relay, from, timing, clock, idle: Mutex::default(), refused_login: Mutex::default() })
    }

    /// Says goodbye on the connections that are kept.
    pub async fn close(&self) {
        let idle = std::mem::take(&mut *lock(&self.idle));
        for kept in idle {
            kept.session.quit().await;
        }
    }

    /// A connection that went through a mail not long ago, if there is one. Older ones are closed.
    fn take_idle(&self) -> Option<Session> {
        let mut idle = lock(&self.idle);
        idle.retain(|kept| kept.since.elapsed() < self.timing.idle);
        idle.pop().map(|kept| kept.session)
    }

    fn keep(&self, session: Session) {
        let mut idle = lock(&self.idle);
        if idle.len() < KEPT {
            idle.push(Idle { session, since: Instant::now() });
        }
    }

    /// A relay that closed one connection, by a restart or after its own limit, closed the others too.
    fn drop_idle(&self) {
        lock(&self.idle).clear();
    }

    async fn open(&self) -> Result<Session, DeliveryError> {
        if let Some(error) = self.login_refused_lately() {
            return Err(error);
        }
        let opened = self.relay.open().await;
        if let Err(error) = &opened
            && error.reason == FailureReason::Auth
            && error.kind == FailureKind::Connection
        {
            let until = Instant::now() + self.timing.after_refused_login;
            *lock(&self.refused_login) = Some(RefusedLogin { until, error: error.clone() });
        }
        opened
    }

    fn login_refused_lately(&self) -> Option<DeliveryError> {
        lock(&self.refused_login)
            .as_ref()
            .filter(|refused| Instant::now() < refused.until)
            .map(|refused| refused.error.clone())
    }

    async fn send(&self, mail: &Mail) -> Result<(), DeliveryError> {
        if let Some(mut session) = self.take_idle() {
            match session.send(mail).await {
                Ok(()) => {
                    self.keep(session);
                    return Ok(());
                }
                Err(failed) if failed.try_afresh => self.drop_idle(),
                Err(failed) => return Err(failed.error),
            }
        }
        let mut session = self.open().await?;
        session.send(mail).await.map_err(|failed| failed.error)?;
        self.keep(session);
        Ok(())
    }

    async fn check(&self) -> Result<(), DeliveryError> {
        let mut session = self.open().await?;
        session.noop().await?;
        self.keep(session);
        Ok(())
    }

    async fn within<F>(&self, limit: Duration, attempt: F) -> Result<(), DeliveryError>
    where
        F: Future<Output = Result<(), DeliveryError>> + Send,
    {
        tokio::time::timeout(limit, attempt).await.unwrap_or_else(|_| {
            let detail = "the attempt as a whole took too long";
            Err(DeliveryError::connection(FailureReason::Timeout, detail))
        })
    }
}

#[async_trait]
impl Channel for EmailChannel {
    fn name(&self) -> &'static str {
        "email"
    }

    /// One attempt. A kept connection that turns out to be closed is replaced within the attempt,
    /// because nothing was sent on it. If the connection breaks after the message and before the
    /// relay's answer, the mail may arrive twice, both times with the same `Message-ID`.
    async fn deliver(&self, envelope: &Envelope, id: &RequestId) -> Result<(), DeliveryError> {
        let mail = compose(&self.from, envelope, id, self.clock.now())?;
        self.within(self.timing.attempt, self.send(&mail)).await
    }

    /// A new connection each time: one that is open already does not tell whether the relay still
    /// takes the credentials. It is kept for the next mail.
    async fn probe(&self) -> Result<(), DeliveryError> {
        self.within(self.timing.attempt, self.check()).await
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
