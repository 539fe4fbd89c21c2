//! The HTTP upgrade of a byte stream to a WebSocket, for both sides.

pub(in crate::net) mod check;
pub(in crate::net) mod client;
#[cfg(feature = "http")]
pub(in crate::net) mod mounted;
pub(in crate::net) mod server;

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::io::failure;
use crate::error::LinkError;

/// Maximum length of the headers, which limits the memory of unknown peers.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// The first byte of a TLS connection, from either side. HTTP begins with a letter.
pub(in crate::net) const TLS_HANDSHAKE: u8 = 0x16;

/// The first byte of what a TLS listener answers to anything else.
const TLS_ALERT: u8 = 0x15;

/// The end of the headers.
const BLANK_LINE: &[u8] = b"\r\n\r\n";

/// Whether the headers are complete, and were not before the bytes from `before` on were added. A peer that sends single
/// bytes must not make this node search or parse the same headers thousands of times.
fn ends_headers(head: &[u8], before: usize) -> bool {
    let searched = before.saturating_sub(BLANK_LINE.len());
    head[searched..].windows(BLANK_LINE.len()).any(|bytes| bytes == BLANK_LINE)
}

/// Waits for bytes, and appends them to `head`.
async fn read_some<S: AsyncRead + Unpin>(
    stream: &mut S,
    head: &mut Vec<u8>,
) -> Result<(), LinkError> {
    let mut space = [0; 1024];
    let mut space = ReadBuf::new(&mut space);
    poll_fn(|cx| Pin::new(&mut *stream).poll_read(cx, &mut space)).await.map_err(failure)?;
    if space.filled().is_empty() {
        return Err(LinkError::Closed { code: None, reason: String::new() });
    }
    head.extend_from_slice(space.filled());
    Ok(())
}

async fn write_all<S: AsyncWrite + Unpin>(
    stream: &mut S,
    mut bytes: &[u8],
) -> Result<(), LinkError> {
    let written = poll_fn(|cx| {
        while !bytes.is_empty() {
            match ready!(Pin::new(&mut *stream).poll_write(cx, bytes))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                len => bytes = &bytes[len..],
            }
        }
        Pin::new(&mut *stream).poll_flush(cx)
    });
    written.await.map_err(failure)
}
