//! One SMTP conversation (RFC 5321, with RFC 3207 and RFC 4954), step by step.
//!
//! Each step knows its name, so a failure is told by where it happened. A conversation is owned by
//! the attempt that leads it: one that was left half-way is closed, never used again, or the next
//! person's mail would be read as the rest of this one.

use std::error::Error as StdError;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail as MailFrom, Noop, Quit, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use tokio::net::{TcpStream, lookup_host};

use crate::delivery::channel::{DeliveryError, FailureKind, FailureReason};
use crate::delivery::mail::Mail;
use crate::delivery::preface::Preface;
use crate::delivery::settings::Timing;
use crate::delivery::target::{SmtpTarget, TlsMode, is_loopback};

/// How to begin a conversation.
pub(super) struct Relay {
    target: SmtpTarget,
    credentials: Option<Credentials>,
    tls: Option<TlsParameters>,
    hello: ClientId,
    timing: Timing,
}

/// The relay cannot even be tried.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file named by `ca` cannot be read.
    #[error(
        "cannot read {}, which ca= of --smtp names: {problem}. It must be a PEM file that the sidecar may read",
        path.display()
    )]
    CaUnreadable {
        /// What `ca` names.
        path: PathBuf,
        /// Why it cannot be read.
        problem: io::Error,
    },
    /// The file named by `ca` holds no certificate.
    #[error("{}, which ca= of --smtp names, holds no valid certificate in PEM (-----BEGIN …)", .0.display())]
    CaInvalid(PathBuf),
    /// TLS could not be set up for that host.
    #[error("TLS to the relay cannot be set up: its certificates or its host name are not usable")]
    Tls,
}

impl Relay {
    /// Reads the authorities to trust.
    pub(super) fn new(target: SmtpTarget, timing: Timing) -> Result<Self, SettingsError> {
        let tls = match target.tls {
            TlsMode::None => None,
            _ => Some(tls_parameters(&target)?),
        };
        let credentials = target
            .credentials
            .as_ref()
            .map(|login| Credentials::new(login.user.clone(), login.password.to_string()));
        Ok(Self { target, credentials, tls, hello: ClientId::default(), timing })
    }

    /// Connects, encrypts and authenticates.
    pub(super) async fn open(&self) -> Result<Session, DeliveryError> {
        let addresses = self.resolve().await?;
        let connection = match (self.target.tls, &self.tls) {
            (TlsMode::Implicit, Some(tls)) => self.connect_encrypted(&addresses, tls).await?,
            _ => self.connect_in_the_clear(&addresses).await?,
        };
        let mut session = Session { connection, timing: self.timing };
        self.upgrade(&mut session).await?;
        self.authenticate(&mut session).await?;
        Ok(session)
    }

    async fn resolve(&self) -> Result<Vec<SocketAddr>, DeliveryError> {
        let failed = |detail: &str| DeliveryError::connection(FailureReason::Dns, detail);
        let name = (self.target.host.as_str(), self.target.port);
        match tokio::time::timeout(self.timing.connect, lookup_host(name)).await {
            Ok(Ok(found)) => {
                let found: Vec<_> = found.collect();
                if found.is_empty() { Err(failed("the relay's name has no address")) } else { Ok(found) }
            }
            Ok(Err(_)) => Err(failed("the relay's name cannot be resolved")),
            Err(_) => Err(failed("the resolver did not answer in time")),
        }
    }

    async fn connect_encrypted(
        &self,
        addresses: &[SocketAddr],
        tls: &TlsParameters,
    ) -> Result<AsyncSmtpConnection, DeliveryError> {
        let connect = AsyncSmtpConnection::connect_tokio1(
            addresses,
            Some(self.timing.connect),
            &self.hello,
            Some(tls.clone()),
            None,
        );
        step(Step::Connect, self.timing.connect + self.timing.command, connect).await
    }

    async fn connect_in_the_clear(
        &self,
        addresses: &[SocketAddr],
    ) -> Result<AsyncSmtpConnection, DeliveryError> {
        let mut last = io::ErrorKind::AddrNotAvailable;
        for address in addresses {
            match tokio::time::timeout(self.timing.connect, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    let stream = Box::new(Preface::new(stream));
                    let greet = AsyncSmtpConnection::connect_with_transport(stream, &self.hello);
                    return step(Step::Greeting, self.timing.command, greet).await;
                }
                Ok(Err(error)) => last = error.kind(),
                Err(_) => last = io::ErrorKind::TimedOut,
            }
        }
        Err(unreachable(last))
    }

    async fn upgrade(&self, session: &mut Session) -> Result<(), DeliveryError> {
        let Some(tls) = self.tls.as_ref().filter(|_| self.target.tls != TlsMode::Implicit) else {
            return Ok(());
        };
        if session.connection.can_starttls() {
            let upgrade = session.connection.starttls(tls.clone(), &self.hello);
            step(Step::StartTls, self.timing.command, upgrade).await
        } else if self.target.tls == TlsMode::Required {
            Err(DeliveryError::connection(FailureReason::Tls, "the relay does not offer STARTTLS"))
        } else {
            Ok(())
        }
    }

    async fn authenticate(&self, session: &mut Session) -> Result<(), DeliveryError> {
        let Some(credentials) = &self.credentials else { return Ok(()) };
        if !session.connection.is_encrypted() && !is_loopback(&self.target.host) {
            let detail = "the relay offers no encryption, and the password is not sent without it";
            return Err(DeliveryError::connection(FailureReason::Tls, detail));
        }
        let login = session.connection.auth(DEFAULT_MECHANISMS, credentials);
        step(Step::Auth, self.timing.command, login).await.map(drop)
    }
}

fn tls_parameters(target: &SmtpTarget) -> Result<TlsParameters, SettingsError> {
    let mut builder = TlsParameters::builder(target.host.clone());
    if let Some(path) = &target.ca_file {
        let pem = std::fs::read(path)
            .map_err(|problem| SettingsError::CaUnreadable { path: path.clone(), problem })?;
        let invalid = || SettingsError::CaInvalid(path.clone());
        if !String::from_utf8_lossy(&pem).contains("-----BEGIN CERTIFICATE-----") {
            return Err(invalid());
        }
        let authority = Certificate::from_pem(&pem).map_err(|_| invalid())?;
        builder = builder.certificate_store(CertificateStore::None).add_root_certificate(authority);
    }
    builder.build().map_err(|_| SettingsError::Tls)
}

/// A relay that listens to us.
pub(super) struct Session {
    connection: AsyncSmtpConnection,
    timing: Timing,
}

/// A send that failed.
pub(super) struct SendError {
    /// Why.
    pub(super) error: DeliveryError,
    /// Whether the relay had seen nothing of the message itself, and the conversation is to blame: on
    /// another connection the same mail can be sent without becoming two.
    pub(super) try_afresh: bool,
}

impl Session {
    /// Hands one mail over. After an error this session must not be used again.
    pub(super) async fn send(&mut self, mail: &Mail) -> Result<(), SendError> {
        self.announce(mail).await.map_err(|error| {
            let try_afresh = error.kind == FailureKind::Connection;
            SendError { error, try_afresh }
        })?;
        // Relays that scan take long here, and giving up early makes doubles: the attempt's own
        // limit is enough.
        step(Step::Message, self.timing.attempt, self.connection.message(&mail.bytes))
            .await
            .map(drop)
            .map_err(|error| SendError { error, try_afresh: false })
    }

    async fn announce(&mut self, mail: &Mail) -> Result<(), DeliveryError> {
        let limit = self.timing.command;
        let sender = MailFrom::new(Some(mail.from.clone()), self.parameters(mail)?);
        step(Step::MailFrom, limit, self.connection.command(sender)).await?;
        let recipient = Rcpt::new(mail.to.clone(), Vec::new());
        step(Step::RcptTo, limit, self.connection.command(recipient)).await?;
        step(Step::Data, limit, self.connection.command(Data)).await.map(drop)
    }

    /// Only an address outside ASCII makes a mail so (RFC 6531).
    fn parameters(&self, mail: &Mail) -> Result<Vec<MailParameter>, DeliveryError> {
        if mail.bytes.is_ascii() && mail.to.user().is_ascii() {
            return Ok(Vec::new());
        }
        if !self.connection.server_info().supports_feature(Extension::SmtpUtfEight) {
            let detail = "the relay takes no address with characters outside ASCII";
            return Err(DeliveryError::permanent(FailureReason::RejectedRecipient, detail));
        }
        Ok(vec![MailParameter::SmtpUtfEight, MailParameter::Body(MailBodyParameter::EightBitMime)])
    }

    /// Asks for nothing.
    pub(super) async fn noop(&mut self) -> Result<(), DeliveryError> {
        step(Step::Noop, self.timing.command, self.connection.command(Noop)).await.map(drop)
    }

    /// Says goodbye, as far as the relay listens.
    pub(super) async fn quit(mut self) {
        let _ = tokio::time::timeout(Duration::from_secs(1), self.connection.command(Quit)).await;
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Connect,
    Greeting,
    StartTls,
    Auth,
    MailFrom,
    RcptTo,
    Data,
    Message,
    Noop,
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::Connect => "connecting",
            Self::Greeting => "the greeting",
            Self::StartTls => "STARTTLS",
            Self::Auth => "AUTH",
            Self::MailFrom => "MAIL FROM",
            Self::RcptTo => "RCPT TO",
            Self::Data => "DATA",
            Self::Message => "the message",
            Self::Noop => "NOOP",
        }
    }
}

async fn step<T>(
    step: Step,
    limit: Duration,
    doing: impl Future<Output = Result<T, SmtpError>>,
) -> Result<T, DeliveryError> {
    match tokio::time::timeout(limit, doing).await {
        Ok(result) => result.map_err(|error| classify(step, &error)),
        Err(_) => Err(timed_out(step)),
    }
}

fn timed_out(step: Step) -> DeliveryError {
    DeliveryError::connection(FailureReason::Timeout, format!("no answer in time at {}", step.name()))
}

fn unreachable(kind: io::ErrorKind) -> DeliveryError {
    let reason =
        if kind == io::ErrorKind::TimedOut { FailureReason::Timeout } else { FailureReason::Connect };
    DeliveryError::connection(reason, format!("the relay cannot be reached: {kind}"))
}

/// The library's own classes leave failures to connect and to encrypt without any, so the cause is
/// looked up. Its texts are not used: they repeat what the relay said.
fn classify(step: Step, error: &SmtpError) -> DeliveryError {
    if let Some(code) = error.status() {
        return refused(step, u16::from(code), enhanced_status(error));
    }
    if error.is_client() && step == Step::Auth {
        let detail = "the relay offers neither AUTH PLAIN nor AUTH LOGIN";
        return DeliveryError::connection(FailureReason::Auth, detail);
    }
    if let Some(tls) = cause::<rustls::Error>(error) {
        return DeliveryError::connection(FailureReason::Tls, untrusted(tls));
    }
    let kind = cause::<io::Error>(error).map(io::Error::kind);
    match (step, kind) {
        (_, Some(io::ErrorKind::TimedOut)) => timed_out(step),
        (Step::Connect, Some(io::ErrorKind::UnexpectedEof)) | (Step::StartTls, _) => {
            DeliveryError::connection(FailureReason::Tls, "the relay broke off the TLS handshake")
        }
        (_, Some(kind)) => {
            let detail = format!("the connection failed at {}: {kind}", step.name());
            DeliveryError::connection(FailureReason::Connect, detail)
        }
        (_, None) if is_end_of_stream(error) => {
            let detail = format!("the relay closed the connection at {}", step.name());
            DeliveryError::connection(FailureReason::Connect, detail)
        }
        (_, None) => {
            let detail = format!("the relay answered something other than SMTP at {}", step.name());
            DeliveryError::connection(FailureReason::Protocol, detail)
        }
    }
}

/// Why an encrypted connection did not come about. A certificate's own words are left out.
fn untrusted(error: &rustls::Error) -> &'static str {
    use rustls::CertificateError as Certificate;
    match error {
        rustls::Error::InvalidCertificate(certificate) => match certificate {
            Certificate::UnknownIssuer => {
                "the relay's certificate comes from an unknown authority; name it with ca=/path/ca.pem"
            }
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
                "the relay's certificate is for another host name"
            }
            Certificate::Expired | Certificate::ExpiredContext { .. } => {
                "the relay's certificate has expired"
            }
            _ => "the relay's certificate is not valid",
        },
        rustls::Error::InvalidMessage(_) => {
            "the relay does not speak TLS on this port; smtp:// begins in the clear, smtps:// does not"
        }
        _ => "the TLS handshake failed",
    }
}

/// What a negative reply means at a step.
fn refused(step: Step, code: u16, enhanced: Option<String>) -> DeliveryError {
    let enhanced = enhanced.map(|status| format!(" {status}")).unwrap_or_default();
    let detail = format!("the relay answered {code}{enhanced} to {}", step.name());
    match (code, step) {
        // RFC 5321, section 3.8: it says that and hangs up, whatever it was asked.
        (421, _) => DeliveryError::connection(FailureReason::Busy, detail),
        (400..=499, Step::Auth) => DeliveryError::transient(FailureReason::Auth, detail),
        (400..=499, _) => DeliveryError::transient(FailureReason::Busy, detail),
        // RFC 4954, section 6: these speak of credentials wherever they come.
        (530 | 534 | 535 | 538, _) | (_, Step::Auth) => {
            DeliveryError::connection(FailureReason::Auth, detail)
        }
        (_, Step::StartTls) => DeliveryError::connection(FailureReason::Tls, detail),
        (_, Step::MailFrom) => DeliveryError::permanent(FailureReason::RejectedSender, detail),
        (_, Step::RcptTo) => DeliveryError::permanent(FailureReason::RejectedRecipient, detail),
        (_, Step::Data | Step::Message) => DeliveryError::permanent(FailureReason::RejectedMessage, detail),
        (_, Step::Connect | Step::Greeting | Step::Noop) => {
            DeliveryError::connection(FailureReason::Protocol, detail)
        }
    }
}

/// The first word of a reply, if it is a status of RFC 3463 and nothing else.
fn enhanced_status(error: &SmtpError) -> Option<String> {
    let text = error.source()?.to_string();
    let word = text.split_whitespace().next()?;
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
