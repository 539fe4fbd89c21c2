//! [`TlsIo`]: a byte stream after its TLS handshake.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio_rustls::TlsStream;

use super::texts::{Side, of_library};
use crate::error::LinkError;
use crate::net::transport::Io;

/// How long the other side may take to read an alert.
const ALERT_TIMEOUT: Duration = Duration::from_secs(1);

/// Names the cause when the other side ends TLS. With TLS 1.3 the dialer's handshake is over before the listener has verified
/// its certificate, so a refusal of it is only read here.
pub(super) struct TlsIo<S> {
    stream: TlsStream<S>,
    side: Side,
}

impl<S: Io> TlsIo<S> {
    pub(super) fn new(stream: impl Into<TlsStream<S>>, side: Side) -> Self {
        Self { stream: stream.into(), side }
    }

    fn explained(&self, error: io::Error) -> io::Error {
        match of_library(self.side, &error) {
            Some(text) => io::Error::other(LinkError::tls(text)),
            None => error,
        }
    }
}

impl<S: Io> AsyncRead for TlsIo<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        read.map_err(|error| self.explained(error))
    }
}

impl<S: Io> AsyncWrite for TlsIo<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Closes a stream whose handshake has failed, so that the other side can read the alert with the reason: a socket that is
/// closed with unread bytes is reset, and what was sent before may be lost.
pub(super) async fn end(mut stream: impl Io) {
    let ended = async {
        stream.shutdown().await?;
        let mut space = [0; 1024];
        while stream.read(&mut space).await? > 0 {}
        Ok::<_, io::Error>(())
    };
    // The connection is given up in any case.
    let _ = tokio::time::timeout(ALERT_TIMEOUT, ended).await;
}
