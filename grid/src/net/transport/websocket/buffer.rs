//! The buffer that frames are received into.

use std::future::Future as _;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BufMut as _, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Bytes read at a time. Small messages are slices of the buffer that they were read into, and each keeps it alive.
/// 128 KiB halve the rate of small calls; 8 KiB cost one percent with one call at a time.
pub(super) const READ_BUFFER_BYTES: usize = 4 * 1024;

/// Memory that is reserved for a frame before its bytes arrive. More is reserved as they do.
const RESERVE_BYTES: usize = 64 * 1024;

/// Bytes read ahead at a time, or directly into a large frame. A link that has read ahead once keeps this much memory.
const AHEAD_BYTES: usize = 64 * 1024;

/// The missing bytes of a frame are read where they stay if there are more than this. Reading ahead copies them, but takes
/// fewer reads.
const DIRECT_BYTES: usize = AHEAD_BYTES / 2;

/// Bytes that were received and are not part of a message yet.
///
/// Small reads are fast for one small message, and slow for many. So when a read has filled its space, following reads
/// read ahead, until one returns no more than a small read would have.
pub(super) struct Buffer {
    bytes: BytesMut,
    /// What was read ahead, and follows `bytes`. Empty until it is first needed.
    ahead: BytesMut,
    /// The last read returned at least as many bytes as are read at a time, so the next one reads ahead. Reads into a
    /// small remainder of the buffer do not set this, and neither do reads that end with a large frame.
    filled: bool,
}

impl Buffer {
    pub(super) fn new(received: &[u8]) -> Self {
        let mut buffer = Self { bytes: BytesMut::new(), ahead: BytesMut::new(), filled: false };
        buffer.restart(received);
        buffer
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Drops `len` bytes.
    pub(super) fn advance(&mut self, len: usize) {
        self.bytes.advance(len);
    }

    /// Takes a frame of `len` bytes. Small ones are slices of one buffer; a large one keeps its buffer for itself, so that
    /// no small message that follows keeps it alive.
    pub(super) fn split_to(&mut self, len: usize) -> BytesMut {
        let frame = self.bytes.split_to(len);
        if len > READ_BUFFER_BYTES {
            let rest = std::mem::take(&mut self.bytes);
            self.restart(&rest);
        }
        frame
    }

    fn restart(&mut self, bytes: &[u8]) {
        self.bytes = BytesMut::with_capacity(READ_BUFFER_BYTES.max(bytes.len()));
        self.bytes.extend_from_slice(bytes);
    }

    /// Prepares for a header or a payload of `len` bytes in all. Only as much as the peer sends is allocated, because the
    /// length may be a lie.
    pub(super) fn expect(&mut self, len: usize) {
        let more = len.min(RESERVE_BYTES).saturating_sub(self.bytes.len());
        if !self.bytes.try_reclaim(more) {
            self.grow(READ_BUFFER_BYTES.max(self.bytes.len() + more));
        }
    }

    /// Moves the bytes to a buffer of exactly this size. `reserve` would at least double it, and a message pays for all of
    /// it.
    fn grow(&mut self, capacity: usize) {
        let mut grown = BytesMut::with_capacity(capacity);
        grown.extend_from_slice(&self.bytes);
        self.bytes = grown;
    }

    /// Receives bytes, and returns their number, which is zero at the end of the stream. `missing` more bytes complete a
    /// header or a frame.
    pub(super) fn poll_fill(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        cx: &mut Context<'_>,
        missing: usize,
    ) -> Poll<io::Result<usize>> {
        let len = self.bytes.len();
        if len == self.bytes.capacity() {
            // The buffer doubles as bytes arrive. Its last growth fits the frame.
            let step = RESERVE_BYTES.max(len);
            self.grow(len + if missing < step + step / 2 { missing } else { step });
        }
        let space = (self.bytes.capacity() - len).min(missing.max(READ_BUFFER_BYTES));
        if !self.ahead.is_empty() {
            return Poll::Ready(Ok(self.take_ahead(space)));
        }
        let reads_ahead = std::mem::take(&mut self.filled);
        if missing > DIRECT_BYTES {
            return poll_read(stream, cx, &mut self.bytes, space.min(AHEAD_BYTES));
        }
        if reads_ahead {
            self.ahead.reserve(AHEAD_BYTES);
            let len = ready!(poll_read(stream, cx, &mut self.ahead, AHEAD_BYTES))?;
            self.filled = len > READ_BUFFER_BYTES;
            return Poll::Ready(Ok(self.take_ahead(space)));
        }
        let space = space.min(READ_BUFFER_BYTES);
        let len = ready!(poll_read(stream, cx, &mut self.bytes, space))?;
        self.filled = len == READ_BUFFER_BYTES;
        Poll::Ready(Ok(len))
    }

    /// Moves bytes that were received already to `to`, or receives them there, at most `missing`. Up to `following` bytes
    /// after those are received with them if there is space in `to`, so that they need no read of their own. Returns how
    /// many were received, and how many of them are missing no more. Both are zero at the end of the stream.
    pub(super) fn poll_take(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        cx: &mut Context<'_>,
        to: &mut BytesMut,
        missing: usize,
        following: usize,
    ) -> Poll<io::Result<(usize, usize)>> {
        for received in [&mut self.bytes, &mut self.ahead] {
            if !received.is_empty() {
                let len = received.len().min(missing);
                to.extend_from_slice(&received[..len]);
                received.advance(len);
                return Poll::Ready(Ok((len, len)));
            }
        }
        self.filled = false;
        let begin = to.len();
        let max = (missing + following).min(to.capacity() - begin);
        let len = ready!(poll_read(stream, cx, to, max))?;
        let taken = len.min(missing);
        let rest = &to[begin + taken..];
        if !rest.is_empty() {
            self.expect(rest.len());
            self.bytes.extend_from_slice(rest);
            to.truncate(begin + taken);
        }
        Poll::Ready(Ok((len, taken)))
    }

    /// Moves at most `space` bytes that were read ahead.
    fn take_ahead(&mut self, space: usize) -> usize {
        let len = space.min(self.ahead.len());
        self.bytes.extend_from_slice(&self.ahead[..len]);
        self.ahead.advance(len);
        len
    }
}

/// Reads at most `max` bytes that are available.
fn poll_read(
    stream: &mut (impl AsyncRead + Unpin),
    cx: &mut Context<'_>,
    to: &mut BytesMut,
    max: usize,
) -> Poll<io::Result<usize>> {
    let mut to = to.limit(max);
    // The future has no state, so it may be dropped when it is pending.
    pin!(stream.read_buf(&mut to)).poll(cx)
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use tokio::io::{AsyncWriteExt as _, DuplexStream, duplex};

    use super::*;

    /// Receives all available bytes, as if frames of `frame` bytes were expected.
    fn drain(buffer: &mut Buffer, stream: &mut DuplexStream, frame: usize) -> Vec<u8> {
        let (mut all, mut cx) = (Vec::new(), Context::from_waker(Waker::noop()));
        loop {
            buffer.expect(frame);
            if let Poll::Ready(result) = buffer.poll_fill(stream, &mut cx, frame) {
                result.expect("readable");
                all.extend_from_slice(&buffer.split_to(buffer.len()));
            } else {
                return all;
            }
        }
    }

    #[tokio::test]
    async fn reading_ahead_changes_nothing_but_the_number_of_reads() {
        let (mut far, mut near) = duplex(1 << 20);
        let mut buffer = Buffer::new(&[]);
        for (len, frame) in
            [(10, 64), (200_000, 4096), (4097, 4096), (3000, 100), (300_000, 80_000), (1, 1)]
        {
            let bytes: Vec<u8> = (0..len).map(|n: usize| (n % 251) as u8).collect();
            far.write_all(&bytes).await.expect("room");
            assert!(drain(&mut buffer, &mut near, frame) == bytes, "{len} bytes, {frame} a frame");
        }
        assert!(buffer.ahead.capacity() > 0, "it was used");
        drop(far);
        let mut cx = Context::from_waker(Waker::noop());
        let end = buffer.poll_fill(&mut near, &mut cx, 8);
        assert!(matches!(end, Poll::Ready(Ok(0))));
    }

    #[tokio::test]
    async fn small_messages_need_no_memory_for_it() {
        let (mut far, mut near) = duplex(1 << 20);
        let mut buffer = Buffer::new(&[]);
        for _ in 0..100 {
            far.write_all(&[7; 600]).await.expect("room");
            assert_eq!(drain(&mut buffer, &mut near, 14).len(), 600);
        }
        assert_eq!(buffer.ahead.capacity(), 0);
    }

    /// Receives a frame, as the input does.
    fn take_frame(buffer: &mut Buffer, stream: &mut DuplexStream, len: usize) -> BytesMut {
        let mut cx = Context::from_waker(Waker::noop());
        buffer.expect(len);
        while buffer.len() < len {
            let missing = len - buffer.len();
            assert!(matches!(buffer.poll_fill(stream, &mut cx, missing), Poll::Ready(Ok(1..))));
        }
        buffer.split_to(len)
    }

    #[tokio::test]
    async fn a_large_frame_keeps_a_buffer_of_its_size_for_itself() {
        let (mut far, mut near) = duplex(1 << 20);
        let mut buffer = Buffer::new(&[1; 100]);
        for len in [4097, 70_000, 300_000, 65_536] {
            far.write_all(&vec![7; len + 200]).await.expect("room");
            let frame = take_frame(&mut buffer, &mut near, len);
            assert!(
                (len..len + 4096).contains(&frame.capacity()),
                "{} for {len}",
                frame.capacity()
            );
            let small = take_frame(&mut buffer, &mut near, 100);
            let kept = buffer.bytes.capacity() + small.capacity();
            assert!(kept <= READ_BUFFER_BYTES, "{kept} bytes after a frame of {len}");
        }
    }

    #[tokio::test]
    async fn small_frames_share_buffers_of_the_same_size() {
        let (mut far, mut near) = duplex(1 << 20);
        let mut buffer = Buffer::new(&[]);
        far.write_all(&vec![7; 900_000]).await.expect("room");
        for len in (0..300).map(|n| 500 + 7 * n % 2000) {
            let frame = take_frame(&mut buffer, &mut near, len);
            let kept = buffer.bytes.capacity() + frame.capacity();
            assert!(kept <= READ_BUFFER_BYTES, "{kept} bytes for {len}");
        }
    }
}
