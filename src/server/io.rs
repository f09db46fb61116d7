//! The socket of a client as HTTP sees it, with what happens on it written down for the timers.

use std::io::{self, Write};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::proxy::upgrade::Tunnel;

/// How large the head of a request may be, as in HAProxy and Node. What is not whole yet is held for
/// everybody who connects.
pub(super) const HEAD_LIMIT: usize = 16 * 1024;
/// Up to this size, copying a head and a body together is cheaper than handing over two pieces.
const SMALL: usize = 1024;
/// In pieces of this size the rest of a head is handed over that did not come whole. HTTP makes room
/// for twice what it last got, which for heads that never end would be many times what they may have.
const PIECE: usize = 4096;

/// What happened on a connection. One task writes and reads it; it is shared only because HTTP owns the
/// socket meanwhile. No clock is read on the way: timers compare counts.
#[derive(Debug, Default)]
pub(super) struct Activity {
    moves: AtomicU32,
    /// How many bytes were read of a head that is not whole yet, at least.
    head_bytes: AtomicUsize,
    requests: AtomicU32,
    answering: AtomicBool,
    has_head_bytes: AtomicBool,
    unflushed: AtomicBool,
    ended: AtomicBool,
    keep_open: AtomicBool,
    tunnel: Mutex<Option<Tunnel>>,
}

impl Activity {
    /// A count that changes with every read and write that moves bytes.
    pub(super) fn moves(&self) -> u32 {
        self.moves.load(Relaxed)
    }

    /// How many requests have begun.
    pub(super) fn requests(&self) -> u32 {
        self.requests.load(Relaxed)
    }

    /// Whether a request is being answered.
    pub(super) fn is_answering(&self) -> bool {
        self.answering.load(Relaxed)
    }

    /// Whether a part of a request's head has arrived.
    pub(super) fn has_partial_head(&self) -> bool {
        self.has_head_bytes.load(Relaxed)
    }

    /// Whether bytes wait for the client to read.
    pub(super) fn is_write_blocked(&self) -> bool {
        self.unflushed.load(Relaxed)
    }

    /// Whether the client has closed its side.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Relaxed)
    }

    /// A request's head is complete.
    pub(super) fn begin(&self) {
        self.requests.store(self.requests.load(Relaxed).wrapping_add(1), Relaxed);
        self.head_bytes.store(0, Relaxed);
        self.answering.store(true, Relaxed);
        self.has_head_bytes.store(false, Relaxed);
    }

    /// The answer's last byte is on its way.
    pub(super) fn end(&self) {
        self.head_bytes.store(0, Relaxed);
        self.answering.store(false, Relaxed);
        self.has_head_bytes.store(false, Relaxed);
    }

    /// Whether the socket stays open when HTTP ends on it.
    pub(super) fn keep_open(&self, keep: bool) {
        self.keep_open.store(keep, Relaxed);
    }

    /// Remembers where the connection leads once the answer is out.
    pub(super) fn switch_to(&self, tunnel: Tunnel) {
        *self.tunnel.lock().unwrap_or_else(PoisonError::into_inner) = Some(tunnel);
    }

    pub(super) fn take_tunnel(&self) -> Option<Tunnel> {
        self.tunnel.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// How much more of a head that is not whole may be read; `None` when no such head has begun. hyper
    /// would find out only when its largest buffer is full.
    fn head_room(&self) -> Option<usize> {
        match self.head_bytes.load(Relaxed) {
            0 => None,
            _ if self.is_answering() => None,
            count => Some(HEAD_LIMIT.saturating_sub(count)),
        }
    }

    fn read(&self, count: usize) {
        self.moved();
        self.has_head_bytes.store(true, Relaxed);
        if !self.is_answering() {
            self.head_bytes.store(self.head_bytes.load(Relaxed) + count, Relaxed);
        }
    }

    fn moved(&self) {
        self.moves.store(self.moves.load(Relaxed).wrapping_add(1), Relaxed);
    }
}

/// A client's socket.
#[derive(Debug)]
pub(super) struct ClientIo {
    stream: TcpStream,
    /// What an earlier HTTP state had read too far.
    early: Bytes,
    activity: Arc<Activity>,
}

impl ClientIo {
    pub(super) fn new(stream: TcpStream, early: Bytes, activity: Arc<Activity>) -> Self {
        Self { stream, early, activity }
    }

    pub(super) fn into_stream(self) -> TcpStream {
        self.stream
    }
}

impl ClientIo {
    fn poll_read_piece(
        &mut self,
        cx: &mut Context<'_>,
        room: usize,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let size = room.min(PIECE).min(buffer.remaining());
        let mut piece = [MaybeUninit::uninit(); PIECE];
        let mut piece = ReadBuf::uninit(piece.get_mut(..size).unwrap_or_default());
        if size == 0 {
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut piece))?;
        buffer.put_slice(piece.filled());
        Poll::Ready(Ok(()))
    }

    fn poll_write_joined(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        head: &[u8],
        body: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut joined = [0_u8; SMALL];
        let mut rest = joined.as_mut_slice();
        rest.write_all(head)?;
        rest.write_all(body)?;
        let left = rest.len();
        self.poll_write(cx, joined.get(..SMALL - left).unwrap_or_default())
    }
}

impl AsyncRead for ClientIo {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        if !this.early.is_empty() {
            let count = this.early.len().min(buffer.remaining());
            buffer.put_slice(this.early.get(..count).unwrap_or_default());
            this.early.advance(count);
        } else if let Some(room) = this.activity.head_room() {
            ready!(this.poll_read_piece(cx, room, buffer))?;
        } else {
            ready!(Pin::new(&mut this.stream).poll_read(cx, buffer))?;
        }
        let count = buffer.filled().len() - before;
        if count == 0 {
            this.activity.ended.store(true, Relaxed);
        } else {
            this.activity.read(count);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ClientIo {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.activity.unflushed.store(true, Relaxed);
        let written = ready!(Pin::new(&mut this.stream).poll_write(cx, bytes))?;
        this.activity.moved();
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match pieces {
            [piece] => return self.poll_write(cx, piece),
            [head, body] if head.len() + body.len() <= SMALL => {
                return self.poll_write_joined(cx, head, body);
            }
            _ => {}
        }
        let this = self.get_mut();
        this.activity.unflushed.store(true, Relaxed);
        let written = ready!(Pin::new(&mut this.stream).poll_write_vectored(cx, pieces))?;
        this.activity.moved();
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// HTTP flushes the socket only once its own buffers are empty.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.activity.unflushed.store(false, Relaxed);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.activity.keep_open.load(Relaxed) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut this.stream).poll_shutdown(cx)
    }
}
