//! The shared store: every decision is one script in one round trip.
//!
//! Time is Redis's own, so replicas need no common clock. Key expiry only collects garbage; decisions
//! read the times that are stored. A call that ends in [`StoreError::Deadline`] or
//! [`StoreError::Failed`] may have taken effect: a code may have been counted or reserved. Nothing is
//! retried here, because a second run of a script that counts is a second count.

mod connection;
mod fault;
mod health;
mod ledger;
pub mod keys;
mod reply;
pub mod script;
mod settings;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::runtime::Handle;

use self::connection::Connection;
use self::keys::SubjectKeys;
use self::script::{Call, Script};
pub use self::settings::{RedisSettings, SettingsError};
use super::contract::{Challenges, Stamped, StoreError};
use crate::domain::admit::{AdmitCommand, AdmitOutcome};
use crate::domain::issue::{Expected, IssueCommand, IssueOutcome};
use crate::domain::time::{Clock, Timestamp};
use crate::domain::verify::{SettleCommand, SettleOutcome, Settlement, VerifyCommand, VerifyOutcome};

/// A store in Redis 6.2 or later, shared by any number of replicas.
///
/// Both the runtime of the traffic and the one of background work may call the same store. Its
/// connection is driven by the runtime given to [`RedisStore::driven_by`], or else by the one that makes
/// the first call; when that runtime ends, the caller's takes over.
pub struct RedisStore {
    connection: Connection,
    clock: Option<Arc<dyn Clock>>,
    tells: bool,
}

impl RedisStore {
    /// A store that is driven by the runtime of the first call. Redis need not be there yet: calls
    /// fail until it is, and then succeed.
    ///
    /// # Errors
    /// When the settings can never work.
    pub fn new(settings: &RedisSettings) -> Result<Self, SettingsError> {
        Ok(Self { connection: Connection::prepare(settings, None)?, clock: None, tells: true })
    }

    /// A store that is driven by this runtime.
    ///
    /// # Errors
    /// When the settings can never work.
    pub fn driven_by(settings: &RedisSettings, runtime: Handle) -> Result<Self, SettingsError> {
        Ok(Self { connection: Connection::prepare(settings, Some(runtime))?, clock: None, tells: true })
    }

    /// Decides by this clock instead of the one of Redis. For tests: keys still expire by Redis's.
    #[must_use]
    pub fn on_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock: Some(clock), ..self }
    }

    /// Tells nothing of what limits counted, which nobody reads without an audit log.
    #[must_use]
    pub fn briefly(self) -> Self {
        Self { tells: false, ..self }
    }

    fn script<'k>(&self, script: &'static Script, keys: impl ExactSizeIterator<Item = &'k str>) -> Call {
        Call::new(script, self.now(), keys)
    }

    fn now(&self) -> Option<Timestamp> {
        self.clock.as_ref().map(|clock| clock.now())
    }
}

fn names(keys: &[String]) -> impl ExactSizeIterator<Item = &str> {
    keys.iter().map(String::as_str)
}

#[async_trait]
impl Challenges for RedisStore {
    async fn admit(&self, command: &AdmitCommand) -> Result<Stamped<AdmitOutcome>, StoreError> {
        let mut keys = Vec::with_capacity(1 + command.takes.len());
        let (mut mode, mut purpose, mut challenges) = ("", "", String::new());
        if let Some(at) = &command.standpoint {
            let own = SubjectKeys::of(&at.subject);
            keys.push(own.account(&at.purpose));
            mode = if at.refuse_locked { "refuse" } else { "tell" };
            purpose = at.purpose.as_str();
            challenges = own.challenge_prefix();
        }
        keys.extend(script::buckets(&command.takes));
        let script = if self.tells { &script::ADMIT } else { &script::ADMIT_BRIEFLY };
        let call = self.script(script, names(&keys)).text(mode).text(purpose).text(&challenges);
        let answer = self.connection.call(&call.takes(&command.takes)).await?;
        reply::admit(answer, command)
    }

    async fn issue(&self, command: &IssueCommand) -> Result<Stamped<IssueOutcome>, StoreError> {
        let own = SubjectKeys::of(&command.subject);
        let keys = [
            own.challenge(&command.reference),
            own.account(&command.purpose),
            own.shard().pending(&command.purpose),
        ];
        let expected = match &command.expected {
            Expected::Anything => "*",
            Expected::Nothing => "",
            Expected::Pending(reference) => reference.as_str(),
        };
        let call = self
            .script(&script::ISSUE, names(&keys))
            .text(&own.challenge_prefix())
            .text(command.reference.as_str())
            .text(command.purpose.as_str())
            .text(command.subject.as_str())
            .text(expected)
            .text(&command.binding.encode())
            .text(&script::digest_text(&command.digest))
            .duration(command.ttl)
            .number(u64::from(command.live.max(1)))
            .duration(command.cooldown);
        reply::issue(self.connection.call(&call).await?)
    }

    async fn verify(&self, command: &VerifyCommand) -> Result<Stamped<VerifyOutcome>, StoreError> {
        let own = SubjectKeys::of(&command.subject);
        let mut keys = Vec::with_capacity(1 + command.takes.len());
        keys.push(own.challenge(&command.reference));
        keys.extend(script::buckets(&command.takes));
        let script = if self.tells { &script::VERIFY } else { &script::VERIFY_BRIEFLY };
        let call = self
            .script(script, names(&keys))
            .text(&own.account_prefix())
            .text(&own.shard().locked_prefix())
            .text(command.subject.as_str())
            .text(command.request.as_str())
            .text(&script::candidates_text(&command.candidates))
            .text(&script::lockouts_text(&command.lockouts))
            .takes(&command.takes);
        reply::verify(self.connection.call(&call).await?, &command.takes)
    }

    async fn settle(&self, command: &SettleCommand) -> Result<Stamped<SettleOutcome>, StoreError> {
        let own = SubjectKeys::of(&command.subject);
        let keys = [own.challenge(&command.reference)];
        let settlement = match command.settlement {
            Settlement::Commit => "commit",
            Settlement::Release => "release",
        };
        let call = self
            .script(&script::SETTLE, names(&keys))
            .text(&own.account_prefix())
            .text(&own.shard().pending_prefix())
            .text(command.subject.as_str())
            .text(command.reference.as_str())
            .text(command.request.as_str())
            .text(settlement);
        reply::settle(self.connection.call(&call).await?)
    }
}
