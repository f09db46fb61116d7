//! What a store promises, as narrow traits: whoever decides sees [`Challenges`], whoever sends mail
//! sees [`Outbox`], whoever operates sees [`Ledger`].

use std::time::Duration;

use async_trait::async_trait;

use crate::domain::admit::{AdmitCommand, AdmitOutcome};
use crate::domain::id::Purpose;
use crate::domain::issue::{IssueCommand, IssueOutcome};
use crate::domain::ledger::clear::{ClearCommand, Cleared};
use crate::domain::ledger::counts::{AddOutcome, CountBatch, DayCounts};
use crate::domain::ledger::day::Day;
use crate::domain::ledger::examine::{Examination, ExamineCommand};
use crate::domain::ledger::inventory::{Inventory, Swept};
use crate::domain::ledger::limits::{ResetCommand, Usage};
use crate::domain::ledger::page::{Page, PageRequest};
use crate::domain::ledger::revoke::{RevokeCommand, Revoked};
use crate::domain::ledger::trail::{Operation, Record};
use crate::domain::ledger::view::{AccountView, ChallengeView, Dated, LockView};
use crate::domain::outbox::Message;
use crate::domain::state::Census;
use crate::domain::subject::Subject;
use crate::domain::tally::Tally;
use crate::domain::time::Timestamp;
use crate::domain::verify::{SettleCommand, SettleOutcome, VerifyCommand, VerifyOutcome};
use crate::domain::window::Take;

/// An outcome, and the time on the store's clock at which it was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamped<T> {
    /// The store's time. Everything that is told in seconds from now counts from here.
    pub at: Timestamp,
    /// What was decided.
    pub outcome: T,
    /// What was found counted, and what was counted: empty where nothing is, and without numbers of limits
    /// from a store that does not tell them.
    pub tally: Tally,
}

/// Why there is no outcome. In each case the command may or may not have taken effect, unless the
/// variant says otherwise; the caller refuses.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No answer within the deadline.
    #[error("the store did not answer within {0:?}")]
    Deadline(Duration),
    /// Not connected, and nothing was sent.
    #[error("the store is not reachable: {0}")]
    Unreachable(String),
    /// As many commands as are allowed are under way. Nothing was sent.
    #[error("too many commands are waiting for the store")]
    Overloaded,
    /// The connection broke or the store refused the command.
    #[error("the store failed: {0}")]
    Failed(String),
    /// The store answered something that this version does not understand.
    #[error("the store answered in an unexpected form: {0}")]
    Protocol(String),
}

impl StoreError {
    /// Whether the command was surely not carried out.
    pub fn is_unsent(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Overloaded)
    }

    /// The word for metrics and logs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Deadline(_) => "deadline",
            Self::Unreachable(_) => "unreachable",
            Self::Overloaded => "overloaded",
            Self::Failed(_) => "failed",
            Self::Protocol(_) => "protocol",
        }
    }
}

/// Decisions. Each call is one atomic step.
#[async_trait]
pub trait Challenges: Send + Sync {
    /// [`crate::domain::admit::decide`].
    async fn admit(&self, command: &AdmitCommand) -> Result<Stamped<AdmitOutcome>, StoreError>;

    /// [`crate::domain::issue::issue`].
    async fn issue(&self, command: &IssueCommand) -> Result<Stamped<IssueOutcome>, StoreError>;

    /// [`crate::domain::verify::decide`].
    async fn verify(&self, command: &VerifyCommand) -> Result<Stamped<VerifyOutcome>, StoreError>;

    /// [`crate::domain::verify::settle`].
    async fn settle(&self, command: &SettleCommand) -> Result<Stamped<SettleOutcome>, StoreError>;
}

/// What a health check found out about the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreHealth {
    /// `memory` or `redis`.
    pub kind: &'static str,
    /// How long the answer took.
    pub latency: Duration,
    /// Whether it may drop what it should remember, or does not say that it never does.
    pub may_evict: bool,
    /// What an operator should mend, such as an eviction policy that forgives locks.
    pub warnings: Vec<String>,
}

/// What operators see and do.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Whether the store answers, and what is wrong with its settings.
    async fn health(&self) -> Result<StoreHealth, StoreError>;

    /// Pending codes and locked subjects of these purposes.
    async fn census(&self, purposes: &[Purpose]) -> Result<Census, StoreError>;

    /// [`crate::domain::ledger::list::locks`]: subjects locked or disabled now, a page at a time. With Redis the
    /// work of each call is bounded by the page, and the order is by purpose, shard, end of the lock.
    async fn locks(&self, purposes: &[Purpose], page: &PageRequest) -> Result<Page<LockView>, StoreError>;

    /// [`crate::domain::ledger::list::challenges`]: pending codes, a page at a time, as above.
    async fn challenges(
        &self,
        purposes: &[Purpose],
        page: &PageRequest,
    ) -> Result<Page<ChallengeView>, StoreError>;

    /// [`crate::domain::ledger::list::account`]: everything live about one subject. One entry for each purpose.
    async fn account(
        &self,
        subject: &Subject,
        purposes: &[Purpose],
    ) -> Result<Dated<Vec<AccountView>>, StoreError>;

    /// [`crate::domain::ledger::limits::usage`]: how full limits are. One entry for each take. Counts nothing.
    async fn usage(&self, takes: &[Take]) -> Result<Dated<Vec<Usage>>, StoreError>;

    /// [`crate::domain::ledger::examine::examine`]: stored codes beside a presented one. Counts nothing, so only
    /// operators may ask.
    async fn examine(&self, command: &ExamineCommand) -> Result<Dated<Vec<Examination>>, StoreError>;

    /// [`crate::domain::ledger::clear::clear`], and its record, in one atomic step.
    async fn clear(&self, command: &ClearCommand) -> Result<Dated<Cleared>, StoreError>;

    /// [`crate::domain::ledger::revoke::revoke`], and its record, in one atomic step.
    async fn revoke(&self, command: &RevokeCommand) -> Result<Dated<Revoked>, StoreError>;

    /// [`crate::domain::ledger::limits::reset`]: how many events each limit forgot. Each limit and its record are one
    /// atomic step; after an error some may have been reset.
    async fn reset(&self, command: &ResetCommand) -> Result<Dated<Vec<u32>>, StoreError>;

    /// The newest records of what operators changed, newest first: about one subject, or all. At most
    /// [`crate::domain::ledger::page::LARGEST_PAGE`].
    async fn operations(
        &self,
        limit: u16,
        subject: Option<&Subject>,
    ) -> Result<Dated<Vec<Record>>, StoreError>;

    /// [`crate::domain::ledger::counts::CountBook::add`]: adds what an instance counted, once however often it is sent.
    async fn add_counts(&self, batch: &CountBatch) -> Result<Dated<AddOutcome>, StoreError>;

    /// [`crate::domain::ledger::counts::CountBook::read`]: the counts of each day of a range that can still be known, oldest
    /// first, of all replicas. Not atomic.
    async fn counts(&self, from: Day, to: Day) -> Result<Dated<Vec<DayCounts>>, StoreError>;

    /// How much is held of each kind, and what the server says about itself. Looks at every key in small steps,
    /// so it may take seconds, and is not atomic.
    async fn inventory(&self) -> Result<Inventory, StoreError>;

    /// Removes what expiry cannot, in small steps, and records that it was asked for. Nothing that a decision
    /// could still read is touched.
    async fn sweep(&self, operation: &Operation) -> Result<Swept, StoreError>;
}

/// Decisions and operations together, for the composition root.
pub trait Store: Challenges + Ledger {}

impl<T: Challenges + Ledger> Store for T {}

/// The queue has no room. Nothing was queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the queue of messages is full")]
pub struct OutboxFull;

/// A place in the queue, held before a code is stored: a code that cannot be sent must not push out
/// one that was.
pub trait Slot: Send {
    /// Puts the message into the queue. Dropping the slot instead gives the place back.
    fn put(self: Box<Self>, message: Message);
}

/// How an attempt to deliver ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ack {
    /// It is with the relay, or it is given up: forget it.
    Done,
    /// Offer it again then.
    RetryAt(Timestamp),
}

/// A message that a dispatcher holds, with the number of attempts made before this one.
#[derive(Debug)]
pub struct Claimed {
    /// What is to be sent.
    pub message: Message,
    /// 0 for the first attempt.
    pub attempt: u32,
}

/// How full the queue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutboxDepth {
    /// Messages queued, waiting for a retry or held by a dispatcher.
    pub messages: usize,
    /// When the oldest of them was queued.
    pub oldest: Option<Timestamp>,
}

/// Messages on their way. In process for now; the durable outbox of a later version claims and
/// acknowledges rows of the store behind this same trait.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Holds a place.
    ///
    /// # Errors
    /// When the queue is full.
    fn reserve(&self) -> Result<Box<dyn Slot>, OutboxFull>;

    /// Waits for the next message that is due. `None` once the outbox is closed and nothing is left.
    async fn claim(&self) -> Option<Claimed>;

    /// Says how an attempt ended. Every claimed message must be acknowledged.
    fn ack(&self, claimed: Claimed, ack: Ack);

    /// Takes no more; what is queued is still handed out, without waiting for retry times.
    fn close(&self);

    /// How full it is.
    fn depth(&self) -> OutboxDepth;
}
