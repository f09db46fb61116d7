//! What every way of reaching a person has in common, and how it fails.

use async_trait::async_trait;

use crate::domain::id::RequestId;
use crate::domain::outbox::Envelope;

/// A way a message reaches a person.
#[async_trait]
pub trait Channel: Send + Sync {
    /// The word in policies, metrics and logs.
    fn name(&self) -> &'static str;

    /// Hands one message over. `Ok` means that the other side has taken responsibility for it. The
    /// same `id` on a later attempt marks the same message, so that a doubled one can be recognised.
    ///
    /// # Errors
    /// When it was not taken, or when it is not known whether it was.
    async fn deliver(&self, envelope: &Envelope, id: &RequestId) -> Result<(), DeliveryError>;

    /// Goes through everything that a delivery needs, without a message.
    ///
    /// # Errors
    /// As a delivery would fail now.
    async fn probe(&self) -> Result<(), DeliveryError>;
}

/// What a failure says about the next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// This message was refused for now.
    Transient,
    /// This message was refused for good.
    Permanent,
    /// Nothing is known about the message: the way to the relay is broken.
    Connection,
}

/// Why an attempt failed: the closed list behind the `reason` label of `otp_email_errors_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureReason {
    /// No connection, or it broke.
    Connect,
    /// The relay's name has no address.
    Dns,
    /// No encrypted connection that can be trusted.
    Tls,
    /// The relay does not accept the credentials, or wants some.
    Auth,
    /// A step or the whole attempt took too long.
    Timeout,
    /// The sender was refused.
    RejectedSender,
    /// The recipient was refused.
    RejectedRecipient,
    /// The message was refused.
    RejectedMessage,
    /// The relay asks to come back later (a 4xx reply).
    Busy,
    /// The relay does not speak SMTP as expected.
    Protocol,
}

impl FailureReason {
    /// Every reason, for series that must exist from the start.
    pub const ALL: [Self; 10] = [
        Self::Connect,
        Self::Dns,
        Self::Tls,
        Self::Auth,
        Self::Timeout,
        Self::RejectedSender,
        Self::RejectedRecipient,
        Self::RejectedMessage,
        Self::Busy,
        Self::Protocol,
    ];

    /// The word in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Dns => "dns",
            Self::Tls => "tls",
            Self::Auth => "auth",
            Self::Timeout => "timeout",
            Self::RejectedSender => "rejected_sender",
            Self::RejectedRecipient => "rejected_recipient",
            Self::RejectedMessage => "rejected_message",
            Self::Busy => "busy",
            Self::Protocol => "protocol",
        }
    }
}

/// Why a message was not taken. `detail` is put together from words of this program and numbers of
/// the protocol only. What the other side said is never part of it: relays quote addresses, messages
/// and sometimes credentials in their replies.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", .reason.as_str())]
pub struct DeliveryError {
    /// What it means for the next attempt.
    pub kind: FailureKind,
    /// Why, as one word.
    pub reason: FailureReason,
    /// Why, for a person.
    pub detail: String,
}

impl DeliveryError {
    /// A failure to reach or to trust the relay.
    pub fn connection(reason: FailureReason, detail: impl Into<String>) -> Self {
        Self { kind: FailureKind::Connection, reason, detail: detail.into() }
    }

    /// A refusal of this message for good.
    pub fn permanent(reason: FailureReason, detail: impl Into<String>) -> Self {
        Self { kind: FailureKind::Permanent, reason, detail: detail.into() }
    }

    /// A refusal of this message for now.
    pub fn transient(reason: FailureReason, detail: impl Into<String>) -> Self {
        Self { kind: FailureKind::Transient, reason, detail: detail.into() }
    }
}
