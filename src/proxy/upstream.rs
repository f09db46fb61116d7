//! The wallet backend, and how to connect to it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper_util::rt::TokioIo;

use super::bell;
use super::body::Body;
use super::failure::UpstreamError;
use super::pool::{Link, Pool};
use super::target::{Stream, Target};

/// How to talk to the backend.
#[derive(Debug, Clone)]
pub struct UpstreamSettings {
    /// Where it is.
    pub target: Target,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long the head of an answer may take, counted from the last progress of the request.
    pub answer_timeout: Duration,
    /// How long a client may take for each KiB of a body, and so also how long it may pause.
    pub upload_timeout: Duration,
}

impl UpstreamSettings {
    /// The defaults, for this target.
    pub fn new(target: Target) -> Self {
        Self {
            target,
            connect_timeout: Duration::from_secs(1),
            answer_timeout: Duration::from_secs(30),
            upload_timeout: Duration::from_secs(30),
        }
    }
}

/// The backend, with its pool of connections.
#[derive(Debug)]
pub struct Upstream {
    pub(super) settings: UpstreamSettings,
    pub(super) pool: Arc<Pool<Body>>,
    /// For requests that came without a Host.
    pub(super) host: HeaderValue,
}

impl Upstream {
    /// A backend. Connects to nothing yet.
    pub fn new(settings: UpstreamSettings) -> Self {
        let host = match &settings.target {
            Target::Tcp { host, port } if host.contains(':') => format!("[{host}]:{port}"),
            Target::Tcp { host, port } => format!("{host}:{port}"),
            Target::Unix(_) => "localhost".to_owned(),
        };
        let host = HeaderValue::from_str(&host).unwrap_or(HeaderValue::from_static("localhost"));
        Self { settings, pool: Arc::default(), host }
    }

    /// Where it is.
    pub fn target(&self) -> &Target {
        &self.settings.target
    }

    /// A new connection, driven by a task of its own.
    pub(super) async fn connect(&self) -> Result<Box<Link<Body>>, UpstreamError> {
        let (sender, connection) = self.open().await?;
        tokio::spawn(bell::drive(connection));
        let alarm = Box::pin(tokio::time::sleep(self.settings.answer_timeout));
        Ok(Box::new(Link { sender, alarm, rested_at: None, is_kept: true }))
    }

    /// A new connection that nobody drives yet.
    pub(super) async fn open(
        &self,
    ) -> Result<(SendRequest<Body>, Connection<TokioIo<Stream>, Body>), UpstreamError> {
        let limit = self.settings.connect_timeout;
        let stream = match tokio::time::timeout(limit, Stream::connect(&self.settings.target)).await {
            Ok(connected) => connected.map_err(UpstreamError::NotSent)?,
            Err(_) => return Err(UpstreamError::NotSent(io::ErrorKind::TimedOut.into())),
        };
        Builder::new()
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| UpstreamError::NotSent(io::Error::other(error)))
    }
}
