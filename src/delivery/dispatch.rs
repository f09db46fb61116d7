//! From the outbox to a channel: claim, deliver, acknowledge, tell.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use crate::delivery::channel::{Channel, DeliveryError};
use crate::delivery::retry::{Verdict, judge};
use crate::domain::code::Entropy;
use crate::domain::id::{Purpose, RequestId};
use crate::domain::outbox::{Message, MessageKind};
use crate::domain::subject::Recipient;
use crate::domain::time::{Clock, Timestamp};
use crate::store::contract::{Ack, Claimed, Outbox};

/// What happened to a message. It carries nothing that the message says.
#[derive(Debug, Clone)]
pub struct DeliveryEvent<'a> {
    /// The channel's word.
    pub channel: &'static str,
    /// The request that asked for the message.
    pub request: &'a RequestId,
    /// What it is about.
    pub purpose: &'a Purpose,
    /// What it says.
    pub kind: MessageKind,
    /// Where it goes; shown masked.
    pub recipient: &'a Recipient,
    /// The trace that it belongs to.
    pub traceparent: Option<&'a str>,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// How long the attempt took. Zero if there was none.
    pub latency: Duration,
    /// How long ago the message was queued.
    pub age: Duration,
    /// How it ended.
    pub outcome: DeliveryOutcome<'a>,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryOutcome<'a> {
    /// The relay has it.
    Delivered,
    /// It failed and is tried again.
    Retried {
        /// Why it failed.
        error: &'a DeliveryError,
        /// When it is tried again.
        at: Timestamp,
    },
    /// It failed and is not tried again: it was refused for good, or time is up.
    GivenUp {
        /// Why the last attempt failed.
        error: &'a DeliveryError,
    },
    /// It was worth nothing any more when its turn came. No attempt was made.
    Expired,
}

/// Who is told about deliveries.
pub trait DeliverySink: Send + Sync {
    /// Called once for every attempt, and once for a message that expired without one.
    fn delivery(&self, event: &DeliveryEvent<'_>);
}

/// Sends what the outbox holds.
pub struct Dispatcher {
    /// Where messages come from.
    pub outbox: Arc<dyn Outbox>,
    /// How they leave.
    pub channel: Arc<dyn Channel>,
    /// Who is told.
    pub sink: Arc<dyn DeliverySink>,
    /// The time by which messages expire.
    pub clock: Arc<dyn Clock>,
    /// Spreads retries.
    pub entropy: Arc<dyn Entropy>,
    /// How many attempts may be under way at once. At least 1.
    pub concurrency: usize,
}

impl Dispatcher {
    /// Works until the outbox is closed and empty, or until `deadline` completes, which abandons the
    /// attempts under way. Returns how many messages were left.
    pub async fn run(&self, deadline: impl Future<Output = ()> + Send) -> usize {
        let workers = join_all((0..self.concurrency.max(1)).map(|_| self.work()));
        tokio::select! {
            biased;
            _ = workers => {}
            () = deadline => {}
        }
        self.outbox.depth().messages
    }

    async fn work(&self) {
        while let Some(claimed) = self.outbox.claim().await {
            let held = Held { dispatcher: self, claimed: Some(claimed) };
            self.attempt(held).await;
        }
    }

    async fn attempt(&self, mut held: Held<'_>) {
        let Some(Claimed { message, attempt }) = &held.claimed else { return };
        if self.clock.now() >= message.worthless_at {
            self.tell(message, *attempt, Duration::ZERO, DeliveryOutcome::Expired);
            return held.settle(Ack::Done);
        }
        let started = Instant::now();
        let result = self.channel.deliver(&message.envelope, &message.request).await;
        let latency = started.elapsed();
        let result = result.as_ref().copied();
        let verdict = judge(result, *attempt, self.clock.now(), message.worthless_at, self.dice());
        let outcome = match (result, verdict) {
            (Ok(()), _) => DeliveryOutcome::Delivered,
            (Err(error), Verdict::RetryAt(at)) => DeliveryOutcome::Retried { error, at },
            (Err(error), _) => DeliveryOutcome::GivenUp { error },
        };
        self.tell(message, *attempt, latency, outcome);
        held.settle(verdict.ack());
    }

    fn tell(&self, message: &Message, attempt: u32, latency: Duration, outcome: DeliveryOutcome<'_>) {
        self.sink.delivery(&DeliveryEvent {
            channel: self.channel.name(),
            request: &message.request,
            purpose: &message.purpose,
            kind: message.kind,
            recipient: &message.envelope.recipient,
            traceparent: message.traceparent.as_deref(),
            attempt: attempt.saturating_add(1),
            latency,
            age: self.clock.now().since(message.queued_at),
            outcome,
        });
    }

    fn dice(&self) -> u16 {
        let mut bytes = [0_u8; 2];
        self.entropy.fill(&mut bytes);
        u16::from_le_bytes(bytes)
    }
}

/// A claimed message. Whatever ends the attempt, also its being dropped half-way, the outbox hears of
/// it: a message that nobody settled goes back.
struct Held<'a> {
    dispatcher: &'a Dispatcher,
    claimed: Option<Claimed>,
}

impl Held<'_> {
    fn settle(&mut self, ack: Ack) {
        if let Some(claimed) = self.claimed.take() {
            self.dispatcher.outbox.ack(claimed, ack);
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let now = self.dispatcher.clock.now();
        self.settle(Ack::RetryAt(now));
    }
}
