//! Messages on their way to a person.
//!
//! A message is a finished envelope: it was rendered when its code was made, so sending it needs
//! neither policy nor templates, and any replica of any version can do it once the queue is shared.

use std::fmt;

use zeroize::Zeroizing;

use super::id::{Purpose, RequestId};
use super::subject::Recipient;
use super::time::Timestamp;

/// What a message says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// It carries a code.
    Code,
    /// It tells that a lock has begun.
    LockNotice,
}

impl MessageKind {
    /// The word for logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::LockNotice => "lock_notice",
        }
    }
}

/// A rendered message. Its texts carry the code, so they are wiped on drop and never shown.
pub struct Envelope {
    /// Where it goes.
    pub recipient: Recipient,
    /// The subject line. Never carries the code: it shows on lock screens.
    pub subject: String,
    /// The plain-text part.
    pub text: Zeroizing<String>,
    /// The HTML part.
    pub html: Option<Zeroizing<String>>,
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Envelope(to {})", self.recipient.masked())
    }
}

/// A message in the queue.
#[derive(Debug)]
pub struct Message {
    /// The request that asked for it.
    pub request: RequestId,
    /// What it is about.
    pub purpose: Purpose,
    /// What it says.
    pub kind: MessageKind,
    /// What is sent.
    pub envelope: Envelope,
    /// When it was queued.
    pub queued_at: Timestamp,
    /// From then on it is worth nothing: a code is dead, a notice is stale.
    pub worthless_at: Timestamp,
    /// The W3C trace context of the request that asked for it.
    pub traceparent: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_message_has_a_word_of_its_own() {
        assert_eq!(MessageKind::Code.as_str(), "code");
        assert_eq!(MessageKind::LockNotice.as_str(), "lock_notice");
    }
}
