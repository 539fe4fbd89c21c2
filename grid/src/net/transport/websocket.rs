//! WebSocket messages over a byte stream. The format of frames is in frame.rs.
//!
//! One task owns both directions, so there is one waker, and neither locks nor queues.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::Transport;
use super::frame::{self, FrameError, HANDSHAKE_BYTES_MAX, HEADER_BYTES_MAX, Header, Op, Role};
use crate::error::LinkError;
use crate::proto::{FloodBudget, ProtocolError, Waste};

/// Bytes read at a time. They are zeroed before each read. 128 KiB halve the rate of small calls; 8 KiB cost one percent
/// with one call at a time.
const READ_BUFFER_BYTES: usize = 4 * 1024;

/// Bytes of output that are buffered before they are written to the socket; a flush writes them at once.
const WRITE_BUFFER_BYTES: usize = 64 * 1024;

/// An empty output buffer of more than this is freed.
const WRITE_BUFFER_KEPT_BYTES: usize = 4 * WRITE_BUFFER_BYTES;

/// Memory that is reserved for a frame before its bytes arrive. More is reserved as they do.
const RESERVE_BYTES: usize = 64 * 1024;

/// Frames that are read after a write has failed, in search of the close frame that says why.
const FRAMES_AFTER_FAILURE_MAX: usize = 256;

/// Bytes that are read from the socket before the driver has its turn, if they contain no message. Otherwise a peer that
/// sends fragments without end would keep a worker for itself.
const READ_BYTES_MAX: usize = 256 * 1024;

/// A fragment with less payload than this costs more than its bytes are worth. Proxies that fragment messages use
/// fragments of some KiB.
const SMALL_FRAGMENT_BYTES: usize = 512;

/// Reads of discarded input before other tasks run.
const READS_MAX: usize = 64;

/// A WebSocket after its upgrade.
pub(in crate::net) struct WebSocket<S> {
    io: Io<S>,
    role: Role,
    message_bytes_max: usize,
    /// The peer is known, so the maximum message size is that of the node's configuration.
    is_configured: bool,
    /// For frames that carry no message.
    flood: FloodBudget,
    /// Bytes that may be read before the driver has its turn.
    left: usize,
    /// Bytes were received without a message.
    progress: bool,
    /// Bytes that were read and are not part of a message yet.
    input: BytesMut,
    /// The header of the frame whose payload is being read.
    header: Option<Header>,
    /// A fragmented message.
    partial: Option<Partial>,
    /// Bytes that were not written yet, from `written` on.
    output: Vec<u8>,
    written: usize,
    /// The payload of the last ping that was not answered. A newer one replaces it.
    pong: Option<Bytes>,
    /// The socket accepts no output now.
    blocked: bool,
    /// Messages were queued since the last complete flush.
    dirty: bool,
    /// A close frame was queued; nothing follows it.
    is_closing: bool,
    /// The output has been written, and this direction of the stream is closed.
    is_shut: bool,
}

/// The fragments of a message so far.
struct Partial {
    op: Op,
    bytes: BytesMut,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// Creates a WebSocket after an upgrade. `leftover` are bytes that the upgrade has read beyond the headers.
    ///
    /// It accepts only small messages until [`take_messages_of`](Self::take_messages_of) is called.
    pub(super) fn new(stream: S, leftover: &[u8], role: Role) -> Self {
        let mut input = BytesMut::with_capacity(READ_BUFFER_BYTES.max(leftover.len()));
        input.extend_from_slice(leftover);
        Self {
            io: Io::new(stream),
            role,
            message_bytes_max: HANDSHAKE_BYTES_MAX,
            is_configured: false,
            flood: FloodBudget::default(),
            left: READ_BYTES_MAX,
            progress: false,
            input,
            header: None,
            partial: None,
            output: Vec::new(),
            written: 0,
            pong: None,
            blocked: false,
            dirty: false,
            is_closing: false,
            is_shut: false,
        }
    }

    /// Sets the maximum message size. Called when the peer is known.
    pub(in crate::net) fn take_messages_of(&mut self, bytes_max: usize) {
        self.message_bytes_max = bytes_max;
        self.is_configured = true;
    }

    fn queue(&mut self, op: Op, payload: &[u8]) {
        if !self.is_closing {
            self.is_closing = op == Op::Close;
            frame::put(&mut self.output, self.role, op, payload);
            self.dirty = true;
        }
    }

    /// Writes queued bytes, as far as the socket accepts them.
    fn write_output(&mut self) -> io::Result<()> {
        while self.written < self.output.len() {
            match self.io.write(&self.output[self.written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(len) => self.written += len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.blocked = true;
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        self.output.clear();
        self.written = 0;
        if self.output.capacity() > WRITE_BUFFER_KEPT_BYTES {
            self.output = Vec::new();
        }
        Ok(())
    }

    /// Writes and flushes all output, as far as the socket accepts it.
    fn flush_output(&mut self) -> io::Result<()> {
        self.blocked = false;
        if let Some(payload) = self.pong.take() {
            self.queue(Op::Pong, &payload);
        }
        self.write_output()?;
        if self.blocked {
            return Ok(());
        }
        match self.io.flush() {
            Ok(()) => self.dirty = false,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.blocked = true,
            Err(error) => return Err(error),
        }
        Ok(())
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

    /// Reads the next binary message; `None` if it has not arrived, or if [`READ_BYTES_MAX`] bytes were read. Fails if the
    /// peer has sent more frames without a message than it may.
    fn read_message(&mut self) -> Result<Option<Bytes>, LinkError> {
        self.left = READ_BYTES_MAX;
        let message = self.read_frames()?;
        if self.flood.is_noted() {
            let settled = self.flood.settle(Instant::now().into_std(), 0);
            settled.map_err(|flood| LinkError::Protocol(Arc::new(ProtocolError::from(flood))))?;
        }
        Ok(message)
    }

    /// Reads frames up to the end of the next binary message, and notes those that carry no message.
    fn read_frames(&mut self) -> Result<Option<Bytes>, LinkError> {
        while let Some((header, payload)) = self.read_frame()? {
            match header.op {
                Op::Binary | Op::Text | Op::Continuation => {
                    if !header.is_last && header.len < SMALL_FRAGMENT_BYTES {
                        self.flood.note(Waste::Fragment, 1);
                    }
                    match self.assemble(header, payload)? {
                        Some((Op::Binary, message)) => return Ok(Some(message)),
                        // Text messages are ignored.
                        Some(_) => self.flood.note(Waste::Frame, 1),
                        None => {}
                    }
                }
                Op::Ping => {
                    self.flood.note(Waste::Frame, 1);
                    self.pong = Some(payload.freeze());
                    self.dirty = true;
                }
                Op::Pong => self.flood.note(Waste::Frame, 1),
                Op::Close => return Err(frame::closed(payload.freeze())),
            }
        }
        Ok(None)
    }

    /// Adds a frame to its message. Returns the message if it is complete.
    fn assemble(
        &mut self,
        header: Header,
        payload: BytesMut,
    ) -> Result<Option<(Op, Bytes)>, LinkError> {
        let is_first = header.op != Op::Continuation;
        let Some(mut partial) = self.partial.take() else {
            if !is_first {
                return Err(self.violation(FrameError::NotBegun));
            }
            if header.is_last {
                return Ok(Some((header.op, payload.freeze())));
            }
            // Copied: a fragment must not keep the buffer that it was read into.
            self.partial = Some(Partial { op: header.op, bytes: BytesMut::from(&payload[..]) });
            return Ok(None);
        };
        if is_first {
            return Err(self.violation(FrameError::NotEnded));
        }
        let (len, max) = (partial.bytes.len() + payload.len(), self.message_bytes_max);
        if len > max {
            return Err(self.violation(FrameError::TooLarge { len: len as u64, max }));
        }
        partial.bytes.extend_from_slice(&payload);
        if header.is_last {
            return Ok(Some((partial.op, partial.bytes.freeze())));
        }
        self.partial = Some(partial);
        Ok(None)
    }

    /// Reads the next frame, without its mask; `None` if it has not arrived.
    fn read_frame(&mut self) -> Result<Option<(Header, BytesMut)>, LinkError> {
        loop {
            if self.header.is_none() {
                let parsed = Header::parse(&self.input, self.role, self.message_bytes_max);
                if let Some((header, used)) = parsed.map_err(|error| self.violation(error))? {
                    self.input.advance(used);
                    // Only as much as the peer sends is allocated: the length may be a lie.
                    self.input.reserve(header.len.min(RESERVE_BYTES));
                    self.header = Some(header);
                } else {
                    self.input.reserve(HEADER_BYTES_MAX);
                }
            }
            if let Some(header) = self.header.take_if(|header| header.len <= self.input.len()) {
                let mut payload = self.input.split_to(header.len);
                header.unmask(&mut payload);
                return Ok(Some((header, payload)));
            }
            if !self.read_input()? {
                return Ok(None);
            }
        }
    }

    /// The reason why the connection ends after this error.
    fn violation(&self, error: FrameError) -> LinkError {
        match error {
            FrameError::TooLarge { len, max } if self.is_configured => {
                LinkError::MessageTooLarge { bytes: len.try_into().unwrap_or(usize::MAX), max }
            }
            error => LinkError::WebSocket(Arc::new(error)),
        }
    }

    /// Reads available bytes into `input`. Returns `false` if the socket has none, or if this turn has read
    /// [`READ_BYTES_MAX`] bytes already.
    fn read_input(&mut self) -> Result<bool, LinkError> {
        if self.left == 0 {
            return Ok(false);
        }
        let len = self.input.len();
        if len == self.input.capacity() {
            let missing = self.header.map_or(HEADER_BYTES_MAX, |header| header.len - len);
            // The buffer doubles as bytes arrive. Its last growth fits the frame: a payload keeps the whole buffer.
            let step = RESERVE_BYTES.max(len);
            self.input.reserve(if missing < step + step / 2 { missing } else { step });
        }
        let end = self.input.capacity().min(len + READ_BUFFER_BYTES);
        self.input.resize(end, 0);
        let read = self.io.read(&mut self.input[len..]);
        self.input.truncate(len + read.as_ref().copied().unwrap_or_default());
        match read {
            Ok(0) => Err(LinkError::Closed { code: None, reason: String::new() }),
            Ok(len) => {
                self.left = self.left.saturating_sub(len);
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(failure(error)),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Transport for WebSocket<S> {
    fn has_room(&self) -> bool {
        !self.blocked
    }

    fn start_send(&mut self, message: Bytes) -> Result<(), LinkError> {
        self.queue(Op::Binary, &message);
        if self.output.len() - self.written > WRITE_BUFFER_BYTES {
            self.write_output().map_err(|error| self.write_failure(error))?;
        }
        Ok(())
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        if !self.dirty {
            return Poll::Ready(Ok(()));
        }
        self.io.set_waker(cx);
        self.flush_output().map_err(|error| self.write_failure(error))?;
        if self.blocked { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    fn is_flushed(&self) -> bool {
        !self.dirty
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, LinkError>> {
        self.io.set_waker(cx);
        match self.read_message() {
            Ok(Some(message)) => Poll::Ready(Ok(message)),
            Ok(None) => {
                self.progress |= self.left < READ_BYTES_MAX;
                if self.left == 0 {
                    cx.waker().wake_by_ref();
                }
                if self.pong.is_some() {
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
        self.io.set_waker(cx);
        self.queue(Op::Close, &frame::close_payload(reason));
        // The result is ignored: the connection ends anyway.
        let _ = self.flush_output();
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.io.set_waker(cx);
        if !self.is_shut {
            if self.dirty && self.flush_output().is_err() {
                return Poll::Ready(());
            }
            if self.blocked {
                return Poll::Pending;
            }
            if ready!(Pin::new(&mut self.io.stream).poll_shutdown(cx)).is_err() {
                return Poll::Ready(());
            }
            self.is_shut = true;
        }
        poll_discard(&mut self.io.stream, cx)
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
            .field("blocked", &self.blocked)
            .field("is_closing", &self.is_closing)
            .finish_non_exhaustive()
    }
}

fn failure(error: io::Error) -> LinkError {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return LinkError::Closed { code: None, reason: String::new() };
    }
    LinkError::Io(Arc::new(error))
}

/// Adapts an async stream to `io::Read` and `io::Write`: returns `WouldBlock` instead of waiting, and registers the
/// driver's waker.
///
/// The library reads a few KiB at a time, which is fast for small messages and slow for large or merged ones. So when a
/// read has filled the library's buffer, following reads read ahead, until one returns no more than the library would
/// have read.
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
}

/// Bytes read ahead at a time: enough to receive a large message in a few reads. A link that has received one keeps
/// this much memory.
const AHEAD_BYTES: usize = 64 * 1024;

impl<S> Io<S> {
    pub(super) fn new(stream: S) -> Self {
        let waker = Waker::noop().clone();
        Self { stream, waker, ahead: Vec::new(), unread: 0..0, filled: false }
    }

    pub(super) fn set_waker(&mut self, cx: &Context<'_>) {
        self.waker.clone_from(cx.waker());
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
        let Self { stream, waker, ahead, unread, filled } = self;
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
