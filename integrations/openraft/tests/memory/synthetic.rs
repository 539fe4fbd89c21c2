//! Snapshots that are computed, so that a long one needs no memory.

use std::io::{self, SeekFrom};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::store::Content;

/// What happens to some snapshots.
#[derive(Default)]
pub(crate) struct Figures {
    /// Number of them, and of those that are not dropped yet.
    pub(crate) made: AtomicU64,
    pub(crate) live: AtomicU64,
    /// Bytes that were read or written.
    pub(crate) bytes: AtomicU64,
    /// Milliseconds that a write takes.
    pub(crate) pause: AtomicU64,
}

/// Each block of 4096 bytes has its number in all of its bytes.
pub(crate) struct Synthetic {
    at: u64,
    len: u64,
    figures: Arc<Figures>,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Synthetic {
    pub(crate) fn new(len: u64, figures: &Arc<Figures>) -> Self {
        figures.made.fetch_add(1, Relaxed);
        figures.live.fetch_add(1, Relaxed);
        Self { at: 0, len, figures: Arc::clone(figures), pause: None }
    }

    /// The byte here, and how many more there are of it.
    fn here(&self) -> (u8, usize) {
        ((self.at / 4096) as u8, 4096 - (self.at % 4096) as usize)
    }

    fn advance(&mut self, bytes: usize) {
        self.at += bytes as u64;
        self.figures.bytes.fetch_add(bytes as u64, Relaxed);
    }
}

impl Drop for Synthetic {
    fn drop(&mut self) {
        self.figures.live.fetch_sub(1, Relaxed);
    }
}

impl AsyncRead for Synthetic {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while buf.remaining() > 0 && self.at < self.len {
            let (byte, more) = self.here();
            let bytes = more.min(buf.remaining()).min((self.len - self.at) as usize);
            buf.put_slice(&[byte; 4096][..bytes]);
            self.advance(bytes);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Synthetic {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let pause = Duration::from_millis(self.figures.pause.load(Relaxed));
        if !pause.is_zero() {
            let sleep = self.pause.get_or_insert_with(|| Box::pin(tokio::time::sleep(pause)));
            ready!(sleep.as_mut().poll(cx));
            self.pause = None;
        }
        let mut rest = buf;
        while !rest.is_empty() {
            let (byte, more) = self.here();
            let bytes = more.min(rest.len());
            assert!(rest[..bytes] == [byte; 4096][..bytes], "the wrong bytes at {}", self.at);
            self.advance(bytes);
            rest = &rest[bytes..];
        }
        self.len = self.len.max(self.at);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncSeek for Synthetic {
    fn start_seek(mut self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        self.at = match position {
            SeekFrom::Start(at) => at,
            SeekFrom::End(0) => self.len,
            other => panic!("unexpected: {other:?}"),
        };
        Ok(())
    }

    fn poll_complete(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<u64>> {
        Poll::Ready(Ok(self.at))
    }
}

impl Content for Synthetic {
    fn of(_: &[String]) -> Self {
        Self::new(0, &Arc::default())
    }

    fn state(self) -> Vec<String> {
        assert_eq!(self.at, 0, "the state machine reads it from the beginning");
        Vec::new()
    }
}
