//! What a WebSocket sends: frames in one buffer.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

use super::frame::{self, Op, Role};

/// Bytes of output that are buffered before they are written to the socket; a flush writes them at once.
const WRITE_BUFFER_BYTES: usize = 64 * 1024;

/// An empty output buffer of more than this is freed.
const WRITE_BUFFER_KEPT_BYTES: usize = 4 * WRITE_BUFFER_BYTES;

/// The sending half of a WebSocket.
pub(super) struct Output {
    role: Role,
    /// Bytes that were not written yet, from `written` on.
    bytes: Vec<u8>,
    written: usize,
    /// The socket accepts no output now.
    is_blocked: bool,
    /// Frames were queued since the last complete flush.
    is_dirty: bool,
    /// A close frame was queued; nothing follows it.
    is_closing: bool,
}

impl Output {
    pub(super) fn new(role: Role) -> Self {
        Self {
            role,
            bytes: Vec::new(),
            written: 0,
            is_blocked: false,
            is_dirty: false,
            is_closing: false,
        }
    }

    /// Whether the socket accepted no more output when it was tried last.
    pub(super) fn is_blocked(&self) -> bool {
        self.is_blocked
    }

    /// Whether frames were queued since the last complete flush.
    pub(super) fn is_dirty(&self) -> bool {
        self.is_dirty
    }

    /// Whether so much is queued that it should be written before more is added.
    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() - self.written > WRITE_BUFFER_BYTES
    }

    /// Queues a frame. Ignored after a close frame.
    pub(super) fn queue(&mut self, op: Op, payload: &[u8]) {
        if !self.is_closing {
            self.is_closing = op == Op::Close;
            frame::put(&mut self.bytes, self.role, op, payload);
            self.is_dirty = true;
        }
    }

    /// Writes queued bytes, as far as the socket accepts them.
    pub(super) fn write(
        &mut self,
        stream: &mut (impl AsyncWrite + Unpin),
        cx: &mut Context<'_>,
    ) -> io::Result<()> {
        self.is_blocked = match self.poll_write(stream, cx) {
            Poll::Ready(result) => result.map(|()| false)?,
            Poll::Pending => true,
        };
        Ok(())
    }

    /// Writes and flushes all output, as far as the socket accepts it.
    pub(super) fn flush(
        &mut self,
        stream: &mut (impl AsyncWrite + Unpin),
        cx: &mut Context<'_>,
    ) -> io::Result<()> {
        self.write(stream, cx)?;
        if !self.is_blocked {
            match Pin::new(stream).poll_flush(cx) {
                Poll::Ready(result) => self.is_dirty = result.map(|()| false)?,
                Poll::Pending => self.is_blocked = true,
            }
        }
        Ok(())
    }

    fn poll_write(
        &mut self,
        stream: &mut (impl AsyncWrite + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.written < self.bytes.len() {
            let rest = &self.bytes[self.written..];
            match ready!(Pin::new(&mut *stream).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                len => self.written += len,
            }
        }
        self.bytes.clear();
        self.written = 0;
        if self.bytes.capacity() > WRITE_BUFFER_KEPT_BYTES {
            self.bytes = Vec::new();
        }
        Poll::Ready(Ok(()))
    }
}
