//! WebSocket frames over a byte stream. Only this folder uses the WebSocket library.
//!
//! The library's protocol context is driven directly: its stream wrapper keeps a waker for each direction, which costs
//! a tenth of a small call and is not needed here, where one task owns both directions.

use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;
use tungstenite::error::CapacityError;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig, WebSocketContext};
use tungstenite::{Error, Message};

use super::Transport;
use super::frames::Frames;
use crate::error::LinkError;
use crate::proto::{FloodBudget, Waste};

/// Bytes read at a time. The library zeroes this many before each read. Its default of 128 KiB halves the rate of small
/// calls; 8 KiB cost one percent with one call at a time.
const READ_BUFFER_BYTES: usize = 4 * 1024;

/// Bytes of output that are buffered before they are written to the socket; a flush writes them at once.
const WRITE_BUFFER_BYTES: usize = 64 * 1024;

/// Bytes that are read from the socket before the driver has its turn, if they contain no message. Otherwise a peer that
/// sends fragments without end would keep a worker for itself.
const READ_BYTES_MAX: usize = 256 * 1024;

/// Maximum message size before the handshake is done. It is enough for the longest name and token, and limits the
/// memory of unknown peers.
pub(super) const HANDSHAKE_BYTES_MAX: usize = 256 * 1024;

/// A WebSocket after its upgrade.
#[derive(Debug)]
pub(in crate::net) struct WebSocket<S> {
    io: Io<S>,
    context: WebSocketContext,
    /// The socket accepts no output now.
    blocked: bool,
    /// Messages were passed to the context since the last complete flush.
    dirty: bool,
    /// The peer is known, so the maximum message size is that of the node's configuration.
    configured: bool,
    /// For frames that carry no message.
    flood: FloodBudget,
    /// Bytes were received without a message.
    progress: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// Creates a WebSocket after an upgrade. `leftover` are bytes that the upgrade has read beyond the headers.
    ///
    /// It accepts only small messages until [`take_messages_of`](Self::take_messages_of) is called.
    pub(super) fn new(stream: S, leftover: Vec<u8>, role: Role) -> Self {
        let mut io = Io::new(stream);
        io.frames.read(&leftover);
        let context = WebSocketContext::from_partially_read(
            leftover,
            role,
            Some(config(HANDSHAKE_BYTES_MAX)),
        );
        Self {
            io,
            context,
            blocked: false,
            dirty: false,
            configured: false,
            flood: FloodBudget::default(),
            progress: false,
        }
    }

    /// Sets the maximum message size. Called when the peer is known.
    pub(in crate::net) fn take_messages_of(&mut self, bytes_max: usize) {
        self.configured = true;
        self.context.set_config(|config| {
            config.max_message_size = Some(bytes_max);
            config.max_frame_size = Some(bytes_max);
        });
    }

    /// The reason why nothing more can be received. Tells the peer, if it has sent a message that is too large.
    fn end(&mut self, error: Error) -> LinkError {
        let Error::Capacity(CapacityError::MessageTooLong { size: bytes, max_size: max }) = error
        else {
            return failure(error);
        };
        if !self.configured {
            return failure(error);
        }
        let text = format!("{bytes} bytes exceed the limit of {max} (message_bytes_max)");
        self.close_with(CloseCode::Size, &text);
        LinkError::MessageTooLarge { bytes, max }
    }

    /// Fails if the peer has sent more frames without a message than it may.
    #[inline]
    fn check_flood(&mut self) -> Result<(), LinkError> {
        let (empty, small) = (self.io.frames.take_empty(), self.io.frames.take_small());
        if empty + small == 0 {
            return Ok(());
        }
        self.flood.note(Waste::Frame, empty);
        self.flood.note(Waste::Fragment, small);
        self.flood.settle(Instant::now().into_std(), 0).map_err(|flood| {
            self.close_with(CloseCode::Policy, &flood.to_string());
            LinkError::Protocol(Arc::new(flood))
        })
    }

    /// Sends a close frame, if that is possible without waiting.
    fn close_with(&mut self, code: CloseCode, reason: &str) {
        // A control frame has at most 125 bytes, two of them for the code.
        let ends = (0..=reason.len().min(123)).rev();
        let end = ends.into_iter().find(|end| reason.is_char_boundary(*end)).unwrap_or(0);
        let frame = CloseFrame { code, reason: reason[..end].into() };
        // The result is ignored: the socket is dropped next.
        let _ = self.context.close(&mut self.io, Some(frame));
    }

    fn outcome(&mut self, result: Result<(), Error>) -> Result<(), LinkError> {
        match result {
            Ok(()) => Ok(()),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                self.blocked = true;
                Ok(())
            }
            Err(error) => Err(failure(error)),
        }
    }
}

/// The settings of both the upgrade and the frames.
pub(super) fn config(message_bytes_max: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_message_size(Some(message_bytes_max))
        .max_frame_size(Some(message_bytes_max))
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Transport for WebSocket<S> {
    fn has_room(&self) -> bool {
        !self.blocked
    }

    fn start_send(&mut self, message: Bytes) -> Result<(), LinkError> {
        self.dirty = true;
        // The context has queued the frame if it returns `WouldBlock`.
        let result = self.context.write(&mut self.io, Message::Binary(message));
        self.outcome(result)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        if !self.dirty {
            return Poll::Ready(Ok(()));
        }
        self.io.set_waker(cx);
        self.blocked = false;
        let result = self.context.flush(&mut self.io);
        self.outcome(result)?;
        if self.blocked {
            return Poll::Pending;
        }
        self.dirty = false;
        Poll::Ready(Ok(()))
    }

    fn is_flushed(&self) -> bool {
        !self.dirty
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, LinkError>> {
        self.io.set_waker(cx);
        self.io.left = READ_BYTES_MAX;
        loop {
            let read = self.context.read(&mut self.io);
            self.check_flood()?;
            match read {
                Ok(Message::Binary(message)) => return Poll::Ready(Ok(message)),
                // The context answers pings, but may not have written the answer.
                Ok(Message::Ping(_)) => self.dirty = true,
                Ok(Message::Close(_)) => self.dirty = true,
                Ok(Message::Pong(_) | Message::Text(_) | Message::Frame(_)) => {}
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.progress |= self.io.left < READ_BYTES_MAX;
                    if self.io.left == 0 {
                        cx.waker().wake_by_ref();
                    }
                    return Poll::Pending;
                }
                Err(error) => return Poll::Ready(Err(self.end(error))),
            }
        }
    }

    fn take_progress(&mut self) -> bool {
        std::mem::take(&mut self.progress)
    }

    fn close(&mut self, cx: &mut Context<'_>) {
        self.io.set_waker(cx);
        // The result is ignored: the socket is dropped next.
        let _ = self.context.close(&mut self.io, None);
    }
}

fn failure(error: Error) -> LinkError {
    use tungstenite::error::ProtocolError::ResetWithoutClosingHandshake;
    match error {
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Protocol(ResetWithoutClosingHandshake) => LinkError::Closed,
        Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => LinkError::Closed,
        Error::Io(error) => LinkError::Io(Arc::new(error)),
        error => LinkError::WebSocket(Arc::new(error)),
    }
}

/// Adapts an async stream to `io::Read` and `io::Write`: returns `WouldBlock` instead of waiting, and registers the
/// driver's waker.
///
/// The library reads a few KiB at a time, which is fast for small messages and slow for large or merged ones. So when a
/// read has filled the library's buffer, following reads read ahead, until one returns no more than the library would
/// have read.
#[derive(Debug)]
pub(super) struct Io<S> {
    stream: S,
    waker: Waker,
    /// Empty until it is first needed.
    ahead: Vec<u8>,
    /// The part of `ahead` that the library has not read yet.
    unread: Range<usize>,
    /// The last read returned at least as many bytes as the library reads at a time, so the next one reads ahead. Reads
    /// into a small remainder of that buffer do not set this.
    filled: bool,
    /// Bytes that may be read before `WouldBlock` is returned.
    left: usize,
    frames: Frames,
}

/// Bytes read ahead at a time: enough to receive a large message in a few reads. A link that has received one keeps
/// this much memory.
const AHEAD_BYTES: usize = 64 * 1024;

impl<S> Io<S> {
    pub(super) fn new(stream: S) -> Self {
        let waker = Waker::noop().clone();
        Self {
            stream,
            waker,
            ahead: Vec::new(),
            unread: 0..0,
            filled: false,
            left: usize::MAX,
            frames: Frames::default(),
        }
    }

    pub(super) fn set_waker(&mut self, cx: &Context<'_>) {
        self.waker.clone_from(cx.waker());
    }

    /// Returns the stream. Bytes that were read ahead are lost.
    pub(super) fn into_inner(self) -> S {
        self.stream
    }
}

/// Reads available bytes into `buf`. Returns `WouldBlock` if there are none.
fn read_now<S: AsyncRead + Unpin>(
    stream: &mut S,
    waker: &Waker,
    buf: &mut [u8],
) -> io::Result<usize> {
    let mut buf = ReadBuf::new(buf);
    match Pin::new(stream).poll_read(&mut Context::from_waker(waker), &mut buf) {
        Poll::Ready(result) => result.map(|()| buf.filled().len()),
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

impl<S: AsyncRead + Unpin> io::Read for Io<S> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let len = self.read_bytes(buf)?;
        self.left = self.left.saturating_sub(len);
        self.frames.read(&buf[..len]);
        Ok(len)
    }
}

impl<S: AsyncRead + Unpin> Io<S> {
    fn read_bytes(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let Self { stream, waker, ahead, unread, filled, .. } = self;
        if unread.start == unread.end {
            if !std::mem::take(filled) {
                let len = read_now(stream, waker, buf)?;
                *filled = len == buf.len() && len >= READ_BUFFER_BYTES;
                return Ok(len);
            }
            ahead.resize(AHEAD_BYTES, 0);
            let len = read_now(stream, waker, ahead)?;
            *unread = 0..len;
            *filled = len > READ_BUFFER_BYTES;
        }
        let len = buf.len().min(unread.end - unread.start);
        let (from, to) = (unread.start, unread.start + len);
        buf[..len].copy_from_slice(&ahead[from..to]);
        unread.start = to;
        Ok(len)
    }
}

impl<S: AsyncWrite + Unpin> io::Write for Io<S> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let mut cx = Context::from_waker(&self.waker);
        match Pin::new(&mut self.stream).poll_write(&mut cx, buf) {
            Poll::Ready(result) => result,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut cx = Context::from_waker(&self.waker);
        match Pin::new(&mut self.stream).poll_flush(&mut cx) {
            Poll::Ready(result) => result,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use tokio::io::{AsyncWriteExt as _, duplex};

    use super::*;

    /// Reads all available bytes, `at_once` bytes at a time.
    fn drain(io: &mut Io<tokio::io::DuplexStream>, at_once: usize) -> Vec<u8> {
        let (mut all, mut part) = (Vec::new(), vec![0; at_once]);
        loop {
            match io.read(&mut part) {
                Ok(len) => all.extend_from_slice(&part[..len]),
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                    return all;
                }
            }
        }
    }

    #[tokio::test]
    async fn reading_ahead_changes_nothing_but_the_number_of_reads() {
        let (mut far, near) = duplex(1 << 20);
        let mut io = Io::new(near);
        for (len, at_once) in
            [(10, 64), (200_000, 4096), (4097, 4096), (3000, 100), (300_000, 8192), (1, 1)]
        {
            let bytes: Vec<u8> = (0..len).map(|n: usize| (n % 251) as u8).collect();
            far.write_all(&bytes).await.expect("room");
            assert!(drain(&mut io, at_once) == bytes, "{len} bytes, {at_once} at once");
        }
        assert_eq!(io.ahead.len(), AHEAD_BYTES, "it was used");
        drop(far);
        assert_eq!(io.read(&mut [0; 8]).expect("the end"), 0);
    }

    #[tokio::test]
    async fn small_messages_need_no_memory_for_it() {
        let (mut far, near) = duplex(1 << 20);
        let mut io = Io::new(near);
        for left_of_buffer in (0..100).map(|n| READ_BUFFER_BYTES - 40 * n) {
            far.write_all(&[7; 600]).await.expect("room");
            assert_eq!(drain(&mut io, left_of_buffer).len(), 600);
        }
        assert_eq!(io.ahead.capacity(), 0);
    }
}
