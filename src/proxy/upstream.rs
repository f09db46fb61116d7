//! Where the wallet backend is, and how to connect to it.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::HeaderValue;
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use super::bell;
use super::body::{Body, BodyError};
use super::pool::{Link, Pool};

/// The address of the backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A name or an address, and a port.
    Tcp {
        /// Resolved anew for each connection.
        host: String,
        /// The port.
        port: u16,
    },
    /// A unix socket.
    Unix(PathBuf),
}

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

/// Why there is no answer, and what is known about the request.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// Nothing of the request left this process.
    #[error("could not connect to the upstream: {0}")]
    NotSent(#[source] io::Error),
    /// It was sent, and no answer came in time. The upstream may have acted on it.
    #[error("the upstream did not answer within {0:?}")]
    Timeout(Duration),
    /// It was sent, at least in part, and the connection broke or the answer was no HTTP. The upstream
    /// may have acted on it.
    #[error("the connection to the upstream broke: {0}")]
    Unclear(#[source] hyper::Error),
    /// The upstream switched to a protocol that was not asked for.
    #[error("the upstream switched protocols without being asked to")]
    Switched,
    /// The client broke off or stalled while it sent the body. The upstream got a part of it.
    #[error("the request broke off: {0}")]
    Request(#[source] BodyError),
}

/// The backend, with its pool of connections.
#[derive(Debug)]
pub struct Upstream {
    pub(super) settings: UpstreamSettings,
    pub(super) pool: Arc<Pool>,
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
    pub(super) async fn connect(&self) -> Result<Box<Link>, UpstreamError> {
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

/// A socket to the backend.
#[derive(Debug)]
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    async fn connect(target: &Target) -> io::Result<Self> {
        match target {
            Target::Tcp { host, port } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                Ok(Self::Tcp(stream))
            }
            Target::Unix(path) => Ok(Self::Unix(UnixStream::connect(path).await?)),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // The plain call is cheaper, and a request without a body is one piece.
        if let [piece] = pieces {
            return self.poll_write(cx, piece);
        }
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, pieces),
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, pieces),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
