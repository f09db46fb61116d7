//! What the e-mail channel is told at start.

use std::fmt;
use std::time::Duration;

use lettre::message::Mailbox;

use crate::delivery::target::SmtpTarget;
use crate::domain::subject::mask_address;

/// Where mail goes, from whom, and how long each part of that may take.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The relay.
    pub target: SmtpTarget,
    /// The sender.
    pub from: Sender,
    /// The time limits.
    pub timing: Timing,
}

/// Time limits of the e-mail channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// For the resolver, and for connecting to one address.
    pub connect: Duration,
    /// For one command and its reply, and for a TLS handshake.
    pub command: Duration,
    /// For everything that one attempt does.
    pub attempt: Duration,
    /// How long a connection may be idle and still be used again.
    pub idle: Duration,
    /// How long the relay is left alone after it refused the credentials: providers lock mailboxes
    /// whose password is tried over and over.
    pub after_refused_login: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            command: Duration::from_secs(5),
            attempt: Duration::from_secs(15),
            idle: Duration::from_secs(60),
            after_refused_login: Duration::from_secs(30),
        }
    }
}

/// The sender of all mail: an address, or a name and an address.
#[derive(Clone, PartialEq, Eq)]
pub struct Sender(Mailbox);

/// The text is not a sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the sender must be one address with an ASCII domain: write otp@example.com or \"Wallet <otp@example.com>\""
)]
pub struct InvalidSender;

impl Sender {
    /// Takes `otp@example.com` or `Wallet <otp@example.com>`.
    ///
    /// # Errors
    /// When it is neither.
    pub fn parse(text: &str) -> Result<Self, InvalidSender> {
        let mailbox: Mailbox = text.trim().parse().map_err(|_| InvalidSender)?;
        let name_is_plain = mailbox.name.as_deref().is_none_or(|name| !name.chars().any(char::is_control));
        let address: &str = mailbox.email.as_ref();
        if name_is_plain && address.is_ascii() { Ok(Self(mailbox)) } else { Err(InvalidSender) }
    }

    /// The parsed form.
    pub(super) fn mailbox(&self) -> &Mailbox {
        &self.0
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&mask_address(self.0.email.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_is_an_address_with_or_without_a_name() {
        for good in ["otp@example.com", "Wallet <otp@example.com>", "\"Wallet, Inc.\" <otp@example.com>"] {
            assert!(Sender::parse(good).is_ok(), "{good:?} was refused");
        }
        for bad in ["", "otp", "otp@", "a@b.c, d@e.f", "otp@example.com\r\nBcc: x@y.z", "otp@exämple.com"] {
            assert!(Sender::parse(bad).is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn a_sender_never_shows_whole_in_debug_output() {
        let sender = Sender::parse("Wallet <otp@example.com>").unwrap();
        assert_eq!(format!("{sender:?}"), "o***@example.com");
    }
}
