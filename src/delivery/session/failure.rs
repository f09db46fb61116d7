//! How a step of a conversation fails, and what a failure means for the next attempt.
//!
//! What the relay said is kept apart from what this program says about it: relays quote addresses,
//! messages and sometimes credentials in their replies. It never gets into a [`DeliveryError`].

use std::error::Error as StdError;
use std::io;

use lettre::transport::smtp::Error as SmtpError;

use crate::delivery::channel::{DeliveryError, FailureReason};

/// A step of a conversation, in the order in which they happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The relay's name is looked up.
    Resolve,
    /// A connection is opened.
    Connect,
    /// The relay says who it is and what it can do.
    Greeting,
    /// The connection is encrypted.
    Tls,
    /// User and password.
    Auth,
    /// Who sends.
    MailFrom,
    /// Who receives.
    RcptTo,
    /// The message is announced.
    Data,
    /// The message itself.
    Message,
    /// Nothing, to see whether the relay is there.
    Noop,
}

impl Step {
    /// Its name in texts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Resolve => "DNS",
            Self::Connect => "connecting",
            Self::Greeting => "the greeting",
            Self::Tls => "STARTTLS",
            Self::Auth => "AUTH",
            Self::MailFrom => "MAIL FROM",
            Self::RcptTo => "RCPT TO",
            Self::Data => "DATA",
            Self::Message => "the message",
            Self::Noop => "NOOP",
        }
    }
}

/// Why a step failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The relay's name has no address.
    NoAddress,
    /// The relay's name cannot be resolved.
    UnknownName,
    /// The resolver did not answer in time.
    ResolverSilent,
    /// No connection came about.
    Unreachable(io::ErrorKind),
    /// No answer in time.
    Silent,
    /// The relay offers no STARTTLS, and it is required.
    NoStartTls,
    /// There is a password, and no encryption to send it under.
    PasswordInClear,
    /// The certificate comes from an authority that is not trusted.
    UnknownAuthority,
    /// The certificate is for another host name.
    WrongName,
    /// The certificate has expired.
    Expired,
    /// The certificate is not valid in another way.
    InvalidCertificate,
    /// The other side does not speak TLS where it should.
    NotTls,
    /// The handshake failed.
    HandshakeFailed,
    /// The other side broke the handshake off.
    HandshakeBroken,
    /// The relay offers no way to log in that this program knows.
    NoMechanism,
    /// A negative reply.
    Refused {
        /// Its code (RFC 5321, section 4.2).
        code: u16,
        /// Its enhanced status (RFC 3463).
        enhanced: Option<String>,
    },
    /// The relay takes no address with characters outside ASCII.
    AsciiOnly,
    /// The connection failed.
    Broken(io::ErrorKind),
    /// The relay closed the connection.
    Closed,
    /// The other side does not speak SMTP.
    NotSmtp,
    /// The message cannot be sent to anybody as it is.
    Unusable(DeliveryError),
}

/// A step that failed.
#[derive(Clone)]
pub struct Failure {
    /// Which.
    pub step: Step,
    /// Why.
    pub cause: Cause,
    /// What the relay said, as it said it. May quote anything, a password too.
    pub(in crate::delivery) said: Option<String>,
}

impl Failure {
    /// A failure in which the relay said nothing.
    pub(in crate::delivery) fn of(step: Step, cause: Cause) -> Self {
        Self { step, cause, said: None }
    }

    /// What a failed call of the library means. Its own classes leave failures to connect and to encrypt
    /// without any, so the cause is looked up.
    pub(in crate::delivery) fn classify(step: Step, error: &SmtpError) -> Self {
        if let Some(code) = error.status() {
            let said = error.source().map(ToString::to_string);
            let enhanced = said.as_deref().and_then(enhanced_status);
            return Self { step, cause: Cause::Refused { code: u16::from(code), enhanced }, said };
        }
        Self::of(step, cause_without_reply(step, error))
    }

    /// The same as the channel tells it.
    pub(in crate::delivery) fn error(&self) -> DeliveryError {
        let detail = self.detail();
        let broken = |reason| DeliveryError::connection(reason, detail.clone());
        match &self.cause {
            Cause::NoAddress | Cause::UnknownName | Cause::ResolverSilent => broken(FailureReason::Dns),
            Cause::Unreachable(io::ErrorKind::TimedOut) | Cause::Silent => broken(FailureReason::Timeout),
            Cause::Unreachable(_) | Cause::Broken(_) | Cause::Closed => broken(FailureReason::Connect),
            Cause::NoStartTls
            | Cause::PasswordInClear
            | Cause::UnknownAuthority
            | Cause::WrongName
            | Cause::Expired
            | Cause::InvalidCertificate
            | Cause::NotTls
            | Cause::HandshakeFailed
            | Cause::HandshakeBroken => broken(FailureReason::Tls),
            Cause::NoMechanism => broken(FailureReason::Auth),
            Cause::Refused { code, .. } => refused(self.step, *code, detail),
            Cause::AsciiOnly => DeliveryError::permanent(FailureReason::RejectedRecipient, detail),
            Cause::NotSmtp => broken(FailureReason::Protocol),
            Cause::Unusable(error) => error.clone(),
        }
    }

    /// What happened, in words of this program and numbers of the protocol only.
    pub fn detail(&self) -> String {
        let at = self.step.name();
        match &self.cause {
            Cause::NoAddress => "the relay's name has no address".to_owned(),
            Cause::UnknownName => "the relay's name cannot be resolved".to_owned(),
            Cause::ResolverSilent => "the resolver did not answer in time".to_owned(),
            Cause::Unreachable(kind) => format!("the relay cannot be reached: {kind}"),
            Cause::Silent => format!("no answer in time at {at}"),
            Cause::NoStartTls => "the relay does not offer STARTTLS".to_owned(),
            Cause::PasswordInClear => {
                "the relay offers no encryption, and the password is not sent without it".to_owned()
            }
            Cause::UnknownAuthority => {
                "the relay's certificate comes from an unknown authority; name it with ca=/path/ca.pem"
                    .to_owned()
            }
            Cause::WrongName => "the relay's certificate is for another host name".to_owned(),
            Cause::Expired => "the relay's certificate has expired".to_owned(),
            Cause::InvalidCertificate => "the relay's certificate is not valid".to_owned(),
            Cause::NotTls => {
                "the relay does not speak TLS on this port; smtp:// begins in the clear, smtps:// does not"
                    .to_owned()
            }
            Cause::HandshakeFailed => "the TLS handshake failed".to_owned(),
            Cause::HandshakeBroken => "the relay broke off the TLS handshake".to_owned(),
            Cause::NoMechanism => "the relay offers neither AUTH PLAIN nor AUTH LOGIN".to_owned(),
            Cause::Refused { code, enhanced } => {
                let enhanced = enhanced.as_ref().map(|status| format!(" {status}")).unwrap_or_default();
                format!("the relay answered {code}{enhanced} to {at}")
            }
            Cause::AsciiOnly => "the relay takes no address with characters outside ASCII".to_owned(),
            Cause::Broken(kind) => format!("the connection failed at {at}: {kind}"),
            Cause::Closed => format!("the relay closed the connection at {at}"),
            Cause::NotSmtp => format!("the relay answered something other than SMTP at {at}"),
            Cause::Unusable(error) => error.detail.clone(),
        }
    }
}

fn cause_without_reply(step: Step, error: &SmtpError) -> Cause {
    if error.is_client() && step == Step::Auth {
        return Cause::NoMechanism;
    }
    if let Some(tls) = cause::<rustls::Error>(error) {
        return untrusted(tls);
    }
    let kind = cause::<io::Error>(error).map(io::Error::kind);
    match (step, kind) {
        (_, Some(io::ErrorKind::TimedOut)) => Cause::Silent,
        (Step::Connect, Some(io::ErrorKind::UnexpectedEof)) | (Step::Tls, _) => Cause::HandshakeBroken,
        (_, Some(kind)) => Cause::Broken(kind),
        (_, None) if is_end_of_stream(error) => Cause::Closed,
        (_, None) => Cause::NotSmtp,
    }
}

/// Why an encrypted connection did not come about. A certificate's own words are left out.
fn untrusted(error: &rustls::Error) -> Cause {
    use rustls::CertificateError as Certificate;
    match error {
        rustls::Error::InvalidCertificate(certificate) => match certificate {
            Certificate::UnknownIssuer => Cause::UnknownAuthority,
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => Cause::WrongName,
            Certificate::Expired | Certificate::ExpiredContext { .. } => Cause::Expired,
            _ => Cause::InvalidCertificate,
        },
        rustls::Error::InvalidMessage(_) => Cause::NotTls,
        _ => Cause::HandshakeFailed,
    }
}

/// What a negative reply means at a step.
fn refused(step: Step, code: u16, detail: String) -> DeliveryError {
    match (code, step) {
        // RFC 5321, section 3.8: it says that and hangs up, whatever it was asked.
        (421, _) => DeliveryError::connection(FailureReason::Busy, detail),
        (400..=499, Step::Auth) => DeliveryError::transient(FailureReason::Auth, detail),
        (400..=499, _) => DeliveryError::transient(FailureReason::Busy, detail),
        // RFC 4954, section 6: these speak of credentials wherever they come.
        (530 | 534 | 535 | 538, _) | (_, Step::Auth) => {
            DeliveryError::connection(FailureReason::Auth, detail)
        }
        (_, Step::Tls) => DeliveryError::connection(FailureReason::Tls, detail),
        (_, Step::MailFrom) => DeliveryError::permanent(FailureReason::RejectedSender, detail),
        (_, Step::RcptTo) => DeliveryError::permanent(FailureReason::RejectedRecipient, detail),
        (_, Step::Data | Step::Message) => DeliveryError::permanent(FailureReason::RejectedMessage, detail),
        (_, Step::Resolve | Step::Connect | Step::Greeting | Step::Noop) => {
            DeliveryError::connection(FailureReason::Protocol, detail)
        }
    }
}

/// The first word of a reply, if it is a status of RFC 3463 and nothing else.
fn enhanced_status(said: &str) -> Option<String> {
    let word = said.split_whitespace().next()?;
    let parts: Vec<&str> = word.split('.').collect();
    let number =
        |part: &str, longest| (1..=longest).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    match parts.as_slice() {
        [class, subject, detail] if number(class, 1) && number(subject, 1) && number(detail, 3) => {
            Some(word.to_owned())
        }
        _ => None,
    }
}

fn is_end_of_stream(error: &SmtpError) -> bool {
    error.is_response() && error.source().is_some_and(|source| source.to_string() == "incomplete response")
}

/// The first error of a type among the causes. An I/O error hides its own cause from `source`.
fn cause<E: StdError + 'static>(error: &SmtpError) -> Option<&E> {
    let mut next = error.source();
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}
