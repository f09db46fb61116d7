//! Bodies that are streamed, in both directions, without a box per body; and bodies that must be
//! read whole, within a limit.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::bell;
use super::failure::BodyError;
use super::pool::Lease;
use super::upgrade::Tunnel;
use super::upload::{Progress, Upload};

/// The body of a request or an answer. Small, since it is moved more often than it is looked at.
#[derive(Debug, Default)]
pub struct Body(Kind);

#[derive(Debug, Default)]
enum Kind {
    #[default]
    Empty,
    Full(Box<Bytes>),
    Incoming(Box<Incoming>),
    Upload(Box<Upload>),
    Download(Box<Download>),
    Tunnel(Box<Tunnel>),
}

impl Body {
    /// No bytes.
    pub fn empty() -> Self {
        Self(Kind::Empty)
    }

    /// These bytes.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self(if bytes.is_empty() { Kind::Empty } else { Kind::Full(Box::new(bytes)) })
    }

    pub(super) fn tunnel(tunnel: Tunnel) -> Self {
        Self(Kind::Tunnel(Box::new(tunnel)))
    }

    pub(super) fn download(incoming: Incoming, lease: Lease<Self>, upload: Option<Arc<Progress>>) -> Self {
        Self(Kind::Download(Box::new(Download { incoming, lease: Some(lease), upload })))
    }

    /// Turns the body of a client's request into one that is watched on its way.
    pub(super) fn into_upload(self, progress: &Arc<Progress>, stall: Duration) -> Self {
        match self.0 {
            Kind::Incoming(incoming) => {
                Self(Kind::Upload(Box::new(Upload::new(*incoming, Arc::clone(progress), stall))))
            }
            other => Self(other),
        }
    }

    /// Whether it arrives while it is forwarded.
    pub(super) fn is_streamed(&self) -> bool {
        matches!(&self.0, Kind::Incoming(incoming) if !incoming.is_end_stream())
    }

    /// The upstream's side of an upgraded connection, when the answer opened one.
    pub fn take_tunnel(&mut self) -> Option<Tunnel> {
        match std::mem::take(&mut self.0) {
            Kind::Tunnel(tunnel) => Some(*tunnel),
            other => {
                self.0 = other;
                None
            }
        }
    }
}

impl From<Incoming> for Body {
    fn from(incoming: Incoming) -> Self {
        Self(if incoming.is_end_stream() { Kind::Empty } else { Kind::Incoming(Box::new(incoming)) })
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::full(bytes)
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        match &mut this.0 {
            Kind::Empty | Kind::Tunnel(_) => Poll::Ready(None),
            Kind::Full(bytes) => {
                let bytes = std::mem::take(&mut **bytes);
                this.0 = Kind::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Kind::Incoming(incoming) => {
                Pin::new(incoming).poll_frame(cx).map(|frame| frame.map(|f| f.map_err(BodyError::Broken)))
            }
            Kind::Upload(upload) => upload.poll_frame(cx),
            Kind::Download(download) => download.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Empty | Kind::Tunnel(_) => true,
            Kind::Full(_) => false,
            Kind::Incoming(incoming) => incoming.is_end_stream(),
            Kind::Upload(upload) => upload.is_end_stream(),
            Kind::Download(download) => download.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Empty | Kind::Tunnel(_) => SizeHint::with_exact(0),
            Kind::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Incoming(incoming) => incoming.size_hint(),
            Kind::Upload(upload) => upload.size_hint(),
            Kind::Download(download) => download.incoming.size_hint(),
        }
    }
}

/// An answer on its way to the client. The connection it comes from goes back to the pool with its
/// last byte, and is closed when the answer is dropped before that.
#[derive(Debug)]
struct Download {
    incoming: Incoming,
    lease: Option<Lease<Body>>,
    upload: Option<Arc<Progress>>,
}

impl Download {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = bell::take(
            &mut self.incoming,
            |incoming| Pin::new(incoming).poll_frame(cx),
            Incoming::is_end_stream,
        );
        match &polled {
            Poll::Ready(None) => self.finish(),
            // Nobody asks for what follows trailers.
            Poll::Ready(Some(Ok(frame))) if frame.is_trailers() || self.incoming.is_end_stream() => {
                self.finish();
            }
            Poll::Ready(_) | Poll::Pending => {}
        }
        polled.map(|frame| frame.map(|f| f.map_err(BodyError::Broken)))
    }

    fn finish(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.give_back(self.upload.take().as_deref());
        }
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        if let Some(upload) = self.upload.take() {
            upload.withdraw();
        }
    }
}

/// Why a body could not be read whole.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// It is longer than allowed. The rest was not read.
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    /// It did not arrive in time.
    #[error("the body did not arrive within {0:?}")]
    Timeout(Duration),
    /// It broke off.
    #[error("the body broke off")]
    Broken,
}

/// Reads a body of at most `limit` bytes. The time is for the whole body, so that a client cannot
/// drip it for ever. Trailers are dropped.
///
/// # Errors
/// [`CollectError`] says which of the bounds was crossed.
pub async fn collect<B>(body: B, limit: usize, within: Duration) -> Result<Bytes, CollectError>
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let told = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if told > limit {
        return Err(CollectError::TooLarge(limit));
    }
    match tokio::time::timeout(within, gather(body, limit)).await {
        Ok(gathered) => gathered,
        Err(_) => Err(CollectError::Timeout(within)),
    }
}

async fn gather<B>(mut body: B, limit: usize) -> Result<Bytes, CollectError>
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| CollectError::Broken)?.into_data() else { continue };
        if first.len() + rest.len() + data.len() > limit {
            return Err(CollectError::TooLarge(limit));
        }
        // Most bodies come in one piece, which needs no copy.
        if first.is_empty() && rest.is_empty() {
            first = data;
        } else {
            if rest.is_empty() {
                rest.extend_from_slice(&std::mem::take(&mut first));
            }
            rest.extend_from_slice(&data);
        }
    }
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}
