//! What a WebSocket sends: frames in one buffer, and large payloads from where they lie.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use tokio::io::AsyncWrite;

use super::frame::{self, Op, Role};
use crate::net::catch::catch;
use crate::proto::{Around, Outbound};

/// Bytes of output that are buffered before they are written to the socket; a flush writes them at once.
const WRITE_BUFFER_BYTES: usize = 64 * 1024;

/// An empty output buffer of more than this is freed.
const WRITE_BUFFER_KEPT_BYTES: usize = 4 * WRITE_BUFFER_BYTES;

/// A shared buffer of this length is written from where it lies, if the stream can do that: a listener sends it without
/// a mask. Shorter ones are copied, which is faster than another place for the kernel to read from.
const IN_PLACE_BYTES: usize = 8 * 1024;

/// Places that one system call writes from.
const SLICES_MAX: usize = 16;

/// The sending half of a WebSocket.
pub(super) struct Output {
    role: Role,
    /// The stream writes bytes from several places at once.
    is_vectored: bool,
    /// Bytes that were not written yet, from `written` on.
    bytes: Vec<u8>,
    written: usize,
    /// What was not written yet of shared buffers, each with its place: before this byte of `bytes`.
    shared: VecDeque<(usize, Bytes)>,
    /// Bytes in `shared`.
    shared_bytes: usize,
    /// Shared buffers that were written, or copied.
    spent: Vec<Bytes>,
    /// The socket accepts no output now.
    is_blocked: bool,
    /// Frames were queued since the last complete flush.
    is_dirty: bool,
    /// A close frame was queued; nothing follows it.
    is_closing: bool,
}

impl Output {
    pub(super) fn new(role: Role, is_vectored: bool) -> Self {
        Self {
            role,
            is_vectored,
            bytes: Vec::new(),
            written: 0,
            shared: VecDeque::new(),
            shared_bytes: 0,
            spent: Vec::new(),
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
        self.bytes.len() - self.written + self.shared_bytes > WRITE_BUFFER_BYTES
    }

    /// Queues a frame. Ignored after a close frame.
    pub(super) fn queue(&mut self, op: Op, payload: &[u8]) {
        if !self.is_closing {
            self.is_closing = op == Op::Close;
            frame::put(&mut self.bytes, self.role, op, &[payload]);
            self.is_dirty = true;
        }
    }

    /// Queues a message. Ignored after a close frame.
    #[inline]
    pub(super) fn queue_message(&mut self, message: Outbound) {
        match message {
            Outbound::Whole(bytes) => self.queue(Op::Binary, &bytes),
            Outbound::Around(around) => self.queue_around(*around),
        }
    }

    fn queue_around(&mut self, message: Around) {
        let pieces = message.pieces();
        let [before, shared, after, checksum] = pieces;
        let is_in_place = self.role == Role::Server
            && self.is_vectored
            && shared.len() >= IN_PLACE_BYTES
            && !self.is_closing;
        if !is_in_place {
            if !self.is_closing {
                frame::put(&mut self.bytes, self.role, Op::Binary, &pieces);
                self.is_dirty = true;
            }
            return self.spent.push(message.into_shared());
        }
        let len = pieces.iter().map(|piece| piece.len()).sum();
        frame::put_header(&mut self.bytes, self.role, Op::Binary, len);
        self.bytes.extend_from_slice(before);
        let place = self.bytes.len();
        self.bytes.extend_from_slice(after);
        self.bytes.extend_from_slice(checksum);
        self.shared_bytes += shared.len();
        self.is_dirty = true;
        self.shared.push_back((place, message.into_shared()));
    }

    /// A shared buffer that is not needed any more.
    pub(super) fn take_spent(&mut self) -> Option<Bytes> {
        self.spent.pop()
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
        while !self.shared.is_empty() {
            let len = ready!(self.poll_write_slices(stream, cx))?;
            self.advance(len);
        }
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

    /// Writes bytes of the first shared buffers, and those between them.
    fn poll_write_slices(
        &self,
        stream: &mut (impl AsyncWrite + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let mut used = 0;
        let mut add = |slice| {
            let Some(place) = slices.get_mut(used) else { return };
            if !<[u8]>::is_empty(slice) {
                *place = IoSlice::new(slice);
                used += 1;
            }
        };
        let mut start = self.written;
        for (place, shared) in self.shared.iter().take(SLICES_MAX / 2) {
            add(&self.bytes[start..*place]);
            add(shared);
            start = *place;
        }
        let is_last = self.shared.len() <= SLICES_MAX / 2;
        if is_last {
            add(&self.bytes[start..]);
        }
        match ready!(Pin::new(stream).poll_write_vectored(cx, &slices[..used]))? {
            0 => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            len => Poll::Ready(Ok(len)),
        }
    }

    /// The first `len` bytes were written.
    fn advance(&mut self, mut len: usize) {
        while let Some((place, shared)) = self.shared.front_mut() {
            let own = len.min(*place - self.written);
            self.written += own;
            len -= own;
            let of_shared = len.min(shared.len());
            shared.advance(of_shared);
            self.shared_bytes -= of_shared;
            len -= of_shared;
            if self.written < *place || !shared.is_empty() {
                return;
            }
            self.spent.extend(self.shared.pop_front().map(|(_, shared)| shared));
        }
        self.written += len;
    }
}

impl Drop for Output {
    /// The last slice of a shared buffer can run the user's code.
    fn drop(&mut self) {
        let shared = self.shared.drain(..).map(|(_, shared)| shared);
        for bytes in shared.chain(self.spent.drain(..)) {
            catch("the drop of a payload", || drop(bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// Takes a few bytes with each write.
    struct Narrow {
        taken: Vec<u8>,
        at_once: usize,
        slices_max: usize,
    }

    impl AsyncWrite for Narrow {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            let len = bytes.len().min(self.at_once);
            self.taken.extend_from_slice(&bytes[..len]);
            Poll::Ready(Ok(len))
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            slices: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            assert!(slices.iter().all(|slice| !slice.is_empty()));
            self.slices_max = self.slices_max.max(slices.len());
            let len = slices.iter().map(|slice| slice.len()).sum::<usize>().min(self.at_once);
            let bytes = slices.iter().flat_map(|slice| slice.iter().copied()).take(len);
            self.taken.extend(bytes);
            Poll::Ready(Ok(len))
        }

        fn is_write_vectored(&self) -> bool {
            true
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn bytes(len: usize, seed: usize) -> Bytes {
        (0..len).map(|n| ((n + seed) % 251) as u8).collect()
    }

    /// A message whose middle is shared, and the same in one place.
    fn message(number: usize, len: usize) -> (Outbound, Bytes) {
        let (before, after) = (bytes(number % 40, 3), bytes(number % 7, 5));
        let outbound =
            Outbound::around(before, bytes(len, number), after, number.is_multiple_of(2)).seal();
        let whole = outbound.to_bytes();
        (outbound, whole)
    }

    #[test]
    fn shared_buffers_are_written_in_place_and_in_order_however_little_fits() {
        let lens = [IN_PLACE_BYTES, 10, 0, 30_000, IN_PLACE_BYTES - 1, 70_000];
        for (at_once, is_vectored) in [(1 << 20, true), (5000, true), (777, true), (1000, false)] {
            let mut output = Output::new(Role::Server, is_vectored);
            let mut expected = Vec::new();
            for number in 0..30 {
                let (outbound, whole) = message(number, lens[number % lens.len()]);
                output.queue_message(outbound);
                frame::put(&mut expected, Role::Server, Op::Binary, &[&whole]);
                if number % 10 == 0 {
                    output.queue(Op::Pong, b"pong");
                    frame::put(&mut expected, Role::Server, Op::Pong, &[b"pong"]);
                }
            }
            let mut stream = Narrow { taken: Vec::new(), at_once, slices_max: 0 };
            let mut cx = Context::from_waker(Waker::noop());
            assert!(output.is_full());
            output.flush(&mut stream, &mut cx).expect("written");
            assert!(stream.taken == expected, "{at_once} bytes at once");
            assert!(!output.is_full() && !output.is_dirty());
            assert_eq!(stream.slices_max > 1, is_vectored);
            let spent = std::iter::from_fn(|| output.take_spent());
            assert_eq!(spent.count(), 30);
        }
    }

    #[test]
    fn a_dialer_masks_what_it_sends_and_a_closed_output_takes_nothing() {
        let (outbound, whole) = message(1, 100_000);
        let mut output = Output::new(Role::Client, true);
        output.queue_message(outbound.clone());
        assert!(output.take_spent().is_some() && output.shared.is_empty());
        let mut stream = Narrow { taken: Vec::new(), at_once: 1 << 20, slices_max: 0 };
        let mut cx = Context::from_waker(Waker::noop());
        output.flush(&mut stream, &mut cx).expect("written");
        let parsed = frame::Header::parse(&stream.taken, Role::Server, 1 << 20);
        let (header, used) = parsed.expect("a frame").expect("a header");
        header.unmask(&mut stream.taken[used..]);
        assert!(stream.taken[used..] == whole[..]);
        output.queue(Op::Close, b"");
        let sent = output.bytes.len();
        output.queue_message(outbound);
        assert_eq!(output.bytes.len(), sent);
        assert!(output.take_spent().is_some(), "its buffer is given back");
    }
}
