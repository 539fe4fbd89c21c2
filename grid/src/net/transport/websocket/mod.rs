//! WebSocket messages over a byte stream.
//!
//! One task owns both directions, so there is one waker, and neither locks nor queues.

mod buffer;
mod close;
mod frame;
mod input;
mod output;

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Transport;
use super::io::failure;
use crate::error::LinkError;
use crate::proto::Outbound;
use buffer::READ_BUFFER_BYTES;
use frame::Op;
use input::Input;
use output::Output;

pub(super) use frame::Role;

/// Frames that are read after a write has failed, in search of the close frame that says why.
const FRAMES_AFTER_FAILURE_MAX: usize = 256;

/// Reads of discarded input before other tasks run.
const READS_MAX: usize = 64;

/// A WebSocket after its upgrade.
pub(in crate::net) struct WebSocket<S> {
    stream: S,
    /// The driver's. Stored, because messages are queued without it.
    waker: Waker,
    role: Role,
    input: Input,
    output: Output,
    /// Bytes were received without a message.
    progress: bool,
    /// The output has been written, and this direction of the stream is closed.
    is_shut: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// Creates a WebSocket after an upgrade. `leftover` are bytes that the upgrade has read beyond the headers.
    ///
    /// It accepts only small messages until [`take_messages_of`](Self::take_messages_of) is called.
    pub(super) fn new(stream: S, leftover: &[u8], role: Role) -> Self {
        let is_vectored = stream.is_write_vectored();
        Self {
            stream,
            waker: Waker::noop().clone(),
            role,
            input: Input::new(leftover, role),
            output: Output::new(role, is_vectored),
            progress: false,
            is_shut: false,
        }
    }

    /// Sets the maximum message size. Called when the peer is known.
    pub(in crate::net) fn take_messages_of(&mut self, bytes_max: usize) {
        self.input.take_messages_of(bytes_max);
    }

    /// Writes and flushes all output, as far as the socket accepts it. A pong is queued only behind a socket that accepts
    /// output: otherwise a peer that sends pings and does not read could fill the buffer.
    fn flush_output(&mut self) -> io::Result<()> {
        let mut cx = Context::from_waker(&self.waker);
        if self.input.ping.is_some() {
            self.output.write(&mut self.stream, &mut cx)?;
            if self.output.is_blocked() {
                return Ok(());
            }
            if let Some(payload) = self.input.ping.take() {
                self.output.queue(Op::Pong, &payload);
            }
        }
        self.output.flush(&mut self.stream, &mut cx)
    }

    fn read_message(&mut self) -> Result<Option<Bytes>, LinkError> {
        self.input.read_message(&mut self.stream, &mut Context::from_waker(&self.waker))
    }

    /// The reason why a write failed: what the peer said before it closed the connection, if it said anything.
    fn write_failure(&mut self, error: io::Error) -> LinkError {
        for _ in 0..FRAMES_AFTER_FAILURE_MAX {
            match self.read_message() {
                Ok(Some(_)) => {}
                Err(
                    reason
                    @ (LinkError::NameTaken { .. } | LinkError::Closed { code: Some(_), .. }),
                ) => {
                    return reason;
                }
                Ok(None) | Err(_) => break,
            }
        }
        failure(error)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Transport for WebSocket<S> {
    fn has_room(&self) -> bool {
        !self.output.is_blocked()
    }

    fn start_send(&mut self, message: Outbound) -> Result<(), LinkError> {
        self.output.queue_message(message);
        if self.output.is_full() {
            let mut cx = Context::from_waker(&self.waker);
            self.output
                .write(&mut self.stream, &mut cx)
                .map_err(|error| self.write_failure(error))?;
        }
        Ok(())
    }

    fn take_spent(&mut self) -> Option<Bytes> {
        self.output.take_spent()
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        if self.is_flushed() {
            return Poll::Ready(Ok(()));
        }
        self.waker.clone_from(cx.waker());
        self.flush_output().map_err(|error| self.write_failure(error))?;
        if self.output.is_blocked() { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    fn is_flushed(&self) -> bool {
        !self.output.is_dirty() && self.input.ping.is_none()
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, LinkError>> {
        self.waker.clone_from(cx.waker());
        match self.read_message() {
            Ok(Some(message)) => Poll::Ready(Ok(message)),
            Ok(None) => {
                self.progress |= self.input.has_read();
                if self.input.is_interrupted() {
                    cx.waker().wake_by_ref();
                }
                // Tried again if the socket accepted no output: it may wake a driver that has lost the link.
                if self.input.ping.is_some() || self.output.is_blocked() {
                    self.flush_output().map_err(failure)?;
                }
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn take_progress(&mut self) -> bool {
        std::mem::take(&mut self.progress)
    }

    fn close(&mut self, reason: &LinkError, cx: &mut Context<'_>) {
        self.waker.clone_from(cx.waker());
        self.output.queue(Op::Close, &close::payload(reason));
        // The result is ignored: the connection ends anyway.
        let _ = self.flush_output();
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.waker.clone_from(cx.waker());
        if !self.is_shut {
            if self.output.is_dirty() && self.flush_output().is_err() {
                return Poll::Ready(());
            }
            if self.output.is_blocked() {
                return Poll::Pending;
            }
            if ready!(Pin::new(&mut self.stream).poll_shutdown(cx)).is_err() {
                return Poll::Ready(());
            }
            self.is_shut = true;
        }
        poll_discard(&mut self.stream, cx)
    }
}

/// Reads and discards bytes until the stream ends. A socket that is closed with unread bytes is reset, and then the
/// peer may lose the last bytes that it was sent.
pub(super) fn poll_discard(
    stream: &mut (impl AsyncRead + Unpin),
    cx: &mut Context<'_>,
) -> Poll<()> {
    let mut space = [0; READ_BUFFER_BYTES];
    for _ in 0..READS_MAX {
        let mut space = ReadBuf::new(&mut space);
        match ready!(Pin::new(&mut *stream).poll_read(cx, &mut space)) {
            Ok(()) if !space.filled().is_empty() => {}
            Ok(()) | Err(_) => return Poll::Ready(()),
        }
    }
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// Omits the bytes, which must not be logged.
impl<S> fmt::Debug for WebSocket<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket")
            .field("role", &self.role)
            .field("is_blocked", &self.output.is_blocked())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::Wake;

    use tokio::io::{AsyncReadExt as _, duplex};

    use super::*;

    #[derive(Default)]
    struct Flag(AtomicBool);

    impl Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    /// A link that has lost its driver is polled by another task, which reads first and may have no output to add.
    #[tokio::test]
    async fn a_blocked_socket_wakes_the_task_that_has_read_last() {
        let (mut far, near) = duplex(64);
        let mut socket = WebSocket::new(near, &[], Role::Server);
        let (old, new) = (Arc::<Flag>::default(), Arc::<Flag>::default());
        let (old_waker, new_waker) = (Waker::from(old), Waker::from(Arc::clone(&new)));
        socket.start_send(Bytes::from(vec![7; 1000]).into()).expect("a buffer");
        assert!(socket.poll_flush(&mut Context::from_waker(&old_waker)).is_pending());
        assert!(socket.poll_recv(&mut Context::from_waker(&new_waker)).is_pending());
        far.read_exact(&mut [0; 64]).await.expect("the first bytes");
        assert!(new.0.load(Ordering::Relaxed), "it can write");
    }
}
