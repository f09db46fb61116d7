//! One SMTP conversation (RFC 5321, with RFC 3207 and RFC 4954), step by step.
//!
//! Each step knows its name, so a failure is told by where it happened, and whoever wants can [`Watch`].
//! A conversation is owned by
//! the attempt that leads it: one that was left half-way is closed, never used again, or the next
//! person's mail would be read as the rest of this one.

pub mod failure;

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
use lettre::transport::smtp::response::Response;
use tokio::net::{TcpStream, lookup_host};

use self::failure::{Cause, Failure, Step};
use crate::delivery::channel::{DeliveryError, FailureKind};
use crate::delivery::mail::Mail;
use crate::delivery::preface::Preface;
use crate::delivery::settings::Timing;
use crate::delivery::target::{SmtpTarget, TlsMode, is_loopback};

/// Follows a conversation from the side.
pub(super) trait Watch: Send {
    /// A step begins, and so the one before has gone well.
    fn begins(&mut self, step: Step);
    /// These are the relay's addresses.
    fn resolved(&mut self, _addresses: &[SocketAddr]) {}
    /// This one of them took the connection.
    fn connected(&mut self, _address: Option<SocketAddr>) {}
    /// Whether a connection may be spent on seeing more.
    fn is_thorough(&self) -> bool {
        false
    }
}

/// Nobody follows.
struct Unwatched;

impl Watch for Unwatched {
    fn begins(&mut self, _step: Step) {}
}

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
        self.open_watched(&mut Unwatched).await.map_err(|failure| failure.error())
    }

    /// [`Relay::open`], followed step by step.
    pub(super) async fn open_watched(&self, watch: &mut dyn Watch) -> Result<Session, Failure> {
        watch.begins(Step::Resolve);
        let addresses = self.resolve().await.map_err(|cause| Failure::of(Step::Resolve, cause))?;
        watch.resolved(&addresses);
        watch.begins(Step::Connect);
        let connection = match (self.target.tls, &self.tls) {
            (TlsMode::Implicit, Some(tls)) => self.connect_encrypted(&addresses, tls, watch).await?,
            _ => self.connect_in_the_clear(&addresses, watch).await?,
        };
        let mut session = Session { connection, timing: self.timing };
        self.upgrade(&mut session, watch).await?;
        self.authenticate(&mut session, watch).await?;
        Ok(session)
    }

    async fn resolve(&self) -> Result<Vec<SocketAddr>, Cause> {
        let name = (self.target.host.as_str(), self.target.port);
        match tokio::time::timeout(self.timing.connect, lookup_host(name)).await {
            Ok(Ok(found)) => {
                let found: Vec<_> = found.collect();
                if found.is_empty() { Err(Cause::NoAddress) } else { Ok(found) }
            }
            Ok(Err(_)) => Err(Cause::UnknownName),
            Err(_) => Err(Cause::ResolverSilent),
        }
    }

    /// The library connects, encrypts and reads the greeting in one, so whoever watches sees the first
    /// of these on a connection of its own.
    async fn connect_encrypted(
        &self,
        addresses: &[SocketAddr],
        tls: &TlsParameters,
        watch: &mut dyn Watch,
    ) -> Result<AsyncSmtpConnection, Failure> {
        if watch.is_thorough() {
            let stream = self.reach(addresses).await.map_err(|cause| Failure::of(Step::Connect, cause))?;
            watch.connected(stream.peer_addr().ok());
        }
        watch.begins(Step::Tls);
        let connect = AsyncSmtpConnection::connect_tokio1(
            addresses,
            Some(self.timing.connect),
            &self.hello,
            Some(tls.clone()),
            None,
        );
        let connection = step(Step::Connect, self.timing.connect + self.timing.command, connect).await?;
        watch.begins(Step::Greeting);
        Ok(connection)
    }

    async fn connect_in_the_clear(
        &self,
        addresses: &[SocketAddr],
        watch: &mut dyn Watch,
    ) -> Result<AsyncSmtpConnection, Failure> {
        let stream = self.reach(addresses).await.map_err(|cause| Failure::of(Step::Connect, cause))?;
        watch.connected(stream.peer_addr().ok());
        watch.begins(Step::Greeting);
        let stream = Box::new(Preface::new(stream));
        let greet = AsyncSmtpConnection::connect_with_transport(stream, &self.hello);
        step(Step::Greeting, self.timing.command, greet).await
    }

    /// The first of the addresses that takes a connection.
    async fn reach(&self, addresses: &[SocketAddr]) -> Result<TcpStream, Cause> {
        let mut last = io::ErrorKind::AddrNotAvailable;
        for address in addresses {
            match tokio::time::timeout(self.timing.connect, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = error.kind(),
                Err(_) => last = io::ErrorKind::TimedOut,
            }
        }
        Err(Cause::Unreachable(last))
    }

    async fn upgrade(&self, session: &mut Session, watch: &mut dyn Watch) -> Result<(), Failure> {
        let Some(tls) = self.tls.as_ref().filter(|_| self.target.tls != TlsMode::Implicit) else {
            return Ok(());
        };
        if session.connection.can_starttls() {
            watch.begins(Step::Tls);
            let upgrade = session.connection.starttls(tls.clone(), &self.hello);
            step(Step::Tls, self.timing.command, upgrade).await
        } else if self.target.tls == TlsMode::Required {
            watch.begins(Step::Tls);
            Err(Failure::of(Step::Tls, Cause::NoStartTls))
        } else {
            Ok(())
        }
    }

    async fn authenticate(&self, session: &mut Session, watch: &mut dyn Watch) -> Result<(), Failure> {
        let Some(credentials) = &self.credentials else { return Ok(()) };
        watch.begins(Step::Auth);
        if !session.connection.is_encrypted() && !is_loopback(&self.target.host) {
            return Err(Failure::of(Step::Tls, Cause::PasswordInClear));
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
        self.send_watched(mail, &mut Unwatched).await.map(drop).map_err(|failure| {
            let error = failure.error();
            let try_afresh = failure.step != Step::Message && error.kind == FailureKind::Connection;
            SendError { error, try_afresh }
        })
    }

    /// [`Session::send`], followed step by step. Gives the relay's last words.
    pub(super) async fn send_watched(
        &mut self,
        mail: &Mail,
        watch: &mut dyn Watch,
    ) -> Result<Response, Failure> {
        self.announce(mail, watch).await?;
        watch.begins(Step::Message);
        // Relays that scan take long here, and giving up early makes doubles: the attempt's own
        // limit is enough.
        step(Step::Message, self.timing.attempt, self.connection.message(&mail.bytes)).await
    }

    async fn announce(&mut self, mail: &Mail, watch: &mut dyn Watch) -> Result<(), Failure> {
        let limit = self.timing.command;
        watch.begins(Step::MailFrom);
        let sender = MailFrom::new(Some(mail.from.clone()), self.parameters(mail)?);
        step(Step::MailFrom, limit, self.connection.command(sender)).await?;
        watch.begins(Step::RcptTo);
        let recipient = Rcpt::new(mail.to.clone(), Vec::new());
        step(Step::RcptTo, limit, self.connection.command(recipient)).await?;
        watch.begins(Step::Data);
        step(Step::Data, limit, self.connection.command(Data)).await.map(drop)
    }

    /// Only an address outside ASCII makes a mail so (RFC 6531).
    fn parameters(&self, mail: &Mail) -> Result<Vec<MailParameter>, Failure> {
        if mail.bytes.is_ascii() && mail.to.user().is_ascii() {
            return Ok(Vec::new());
        }
        if !self.connection.server_info().supports_feature(Extension::SmtpUtfEight) {
            return Err(Failure::of(Step::RcptTo, Cause::AsciiOnly));
        }
        Ok(vec![MailParameter::SmtpUtfEight, MailParameter::Body(MailBodyParameter::EightBitMime)])
    }

    /// Asks for nothing.
    pub(super) async fn noop(&mut self) -> Result<(), DeliveryError> {
        let asked = step(Step::Noop, self.timing.command, self.connection.command(Noop)).await;
        asked.map(drop).map_err(|failure| failure.error())
    }

    /// Says goodbye, as far as the relay listens.
    pub(super) async fn quit(mut self) {
        let _ = tokio::time::timeout(Duration::from_secs(1), self.connection.command(Quit)).await;
    }
}

async fn step<T>(
    step: Step,
    limit: Duration,
    doing: impl Future<Output = Result<T, SmtpError>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(limit, doing).await {
        Ok(result) => result.map_err(|error| Failure::classify(step, &error)),
        Err(_) => Err(Failure::of(step, Cause::Silent)),
    }
}
