//! Protocol switches (RFC 9110, 7.8): after a real 101 the two connections are one tunnel.

use std::io;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::target::Stream;

/// How much is copied at a time, each way.
const PIECE: usize = 8 * 1024;

/// The upstream's side of a tunnel.
#[derive(Debug)]
pub struct Tunnel {
    stream: Stream,
    /// What the upstream sent right behind its 101.
    early: Bytes,
}

impl Tunnel {
    pub(super) fn new(stream: Stream, early: Bytes) -> Self {
        Self { stream, early }
    }

    /// Copies bytes both ways until both sides have ended. `early` is what the client sent right
    /// behind its request. A silent tunnel stays open: its protocol has its own pings.
    ///
    /// # Errors
    /// When one of the sockets fails.
    pub async fn join<C>(mut self, mut client: C, early: &[u8]) -> io::Result<()>
    where
        C: AsyncRead + AsyncWrite + Unpin,
    {
        if !early.is_empty() {
            self.stream.write_all(early).await?;
        }
        if !self.early.is_empty() {
            client.write_all(&self.early).await?;
            self.early = Bytes::new();
        }
        tokio::io::copy_bidirectional_with_sizes(&mut client, &mut self.stream, PIECE, PIECE).await?;
        Ok(())
    }
}
