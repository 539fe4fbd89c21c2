//! The dialer's HTTP upgrade. It uses the client handshake of tungstenite, over a stream that never returns bytes
//! beyond the headers.
//!
//! The library keeps bytes that it has read beyond the headers in its own stream type, where this module cannot access
//! them. So it reads from [`Head`], which returns only the headers and keeps the rest.

use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tungstenite::handshake::client::{ClientHandshake, generate_key};
use tungstenite::handshake::{HandshakeError, HandshakeRole};
use tungstenite::http::{self, header};
use tungstenite::protocol::Role;

use super::HEAD_BYTES_MAX;
use crate::error::LinkError;
use crate::net::transport::websocket::{HANDSHAKE_BYTES_MAX, Io, WebSocket, config};

/// The upgrade request of a dialer.
#[derive(Debug)]
pub(in crate::net) struct Request<'a> {
    /// Value of the Host header.
    pub(in crate::net) authority: &'a str,
    pub(in crate::net) route: &'a str,
    pub(in crate::net) token: &'a str,
    /// Nanoseconds since the epoch.
    pub(in crate::net) time_ns: u128,
}

/// Requests a WebSocket from the listener at the other end of `stream`.
pub(in crate::net) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    request: &Request<'_>,
) -> Result<WebSocket<S>, LinkError> {
    if !fits_header(request.token) {
        // Checked here for a clear error: the header would change the token, and the listener would refuse it as
        // invalid.
        let text =
            "it must be printable ASCII and must not end with a space, to travel in a header";
        return Err(LinkError::Token(Arc::from(Box::<dyn Error + Send + Sync>::from(text))));
    }
    let upgrade = http::Request::get(request.route)
        .header(header::HOST, request.authority)
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .header(header::SEC_WEBSOCKET_KEY, generate_key())
        .header(header::AUTHORIZATION, format!("Bearer {}", request.token))
        .header("X-Minio-Time", request.time_ns.to_string())
        // The library takes the resource and the host from the URI.
        .uri(format!("ws://{}{}", request.authority, request.route))
        .body(())
        .map_err(|error| LinkError::WebSocket(Arc::new(error)))?;
    let settings = Some(config(HANDSHAKE_BYTES_MAX));
    #[expect(
        clippy::result_large_err,
        reason = "the library returns a waiting handshake as an error"
    )]
    let upgraded = finish(stream, |io| ClientHandshake::start(io, upgrade, settings)?.handshake());
    let (socket, _) = upgraded.await.map_err(failure)?;
    let head = socket.into_inner().into_inner();
    Ok(WebSocket::new(head.stream, head.rest, Role::Client))
}

/// Runs a handshake of the library, which is written for blocking streams, to completion.
///
/// The library returns `Interrupted` when [`Io`] returns `WouldBlock`. The handshake is resumed when the stream wakes
/// the task.
async fn finish<S, R: HandshakeRole<InternalStream = Io<Head<S>>>>(
    stream: S,
    start: impl FnOnce(Io<Head<S>>) -> Result<R::FinalResult, HandshakeError<R>>,
) -> Result<R::FinalResult, tungstenite::Error> {
    // The first attempt has no waker. No wake-up is lost: the first poll resumes it at once, with the task's waker.
    let mut outcome = Some(start(Io::new(Head::new(stream))));
    poll_fn(|cx| {
        let mut result = outcome.take().expect("not polled after it was ready");
        if let Err(HandshakeError::Interrupted(mut handshake)) = result {
            handshake.get_mut().get_mut().set_waker(cx);
            result = handshake.handshake();
        }
        match result {
            Ok(done) => Poll::Ready(Ok(done)),
            Err(HandshakeError::Failure(error)) => Poll::Ready(Err(error)),
            interrupted => {
                outcome = Some(interrupted);
                Poll::Pending
            }
        }
    })
    .await
}

/// Whether a token can be sent in a header unchanged. Trailing spaces are removed from headers, and the meaning of
/// bytes beyond ASCII is not defined.
fn fits_header(token: &str) -> bool {
    token.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && !token.ends_with(' ')
}

fn failure(error: tungstenite::Error) -> LinkError {
    match error {
        tungstenite::Error::Http(response) => {
            let body = response.body().as_deref().map(String::from_utf8_lossy).unwrap_or_default();
            LinkError::Upgrade {
                status: response.status().to_string(),
                text: body.trim().to_owned(),
                by_us: false,
            }
        }
        tungstenite::Error::Io(error) => LinkError::Io(Arc::new(error)),
        error => LinkError::WebSocket(Arc::new(error)),
    }
}

/// A stream that returns the bytes up to the blank line after the headers, and keeps the bytes after it.
#[derive(Debug)]
struct Head<S> {
    stream: S,
    /// Bytes read from `stream` and not returned yet.
    rest: Vec<u8>,
    /// Bytes returned so far.
    returned: usize,
    /// Number of bytes of the blank line `\r\n\r\n` that have been matched.
    matched: usize,
}

const BLANK_LINE: &[u8; 4] = b"\r\n\r\n";

impl<S> Head<S> {
    fn new(stream: S) -> Self {
        Self { stream, rest: Vec::new(), returned: 0, matched: 0 }
    }

    /// Returns how many bytes of `rest` belong to the headers.
    fn head_len(&mut self) -> usize {
        for (position, byte) in self.rest.iter().enumerate() {
            if self.matched == BLANK_LINE.len() {
                return position;
            }
            self.matched = match byte {
                b'\r' if self.matched == 2 => 3,
                b'\r' => 1,
                b'\n' if self.matched == 1 || self.matched == 3 => self.matched + 1,
                _ => 0,
            };
        }
        self.rest.len()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Head<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.matched == BLANK_LINE.len() {
            // An error response can have a body, which ends with the connection, so all further bytes are returned.
            if !self.rest.is_empty() {
                let len = self.rest.len().min(out.remaining());
                out.put_slice(&self.rest[..len]);
                self.rest.drain(..len);
                return Poll::Ready(Ok(()));
            }
            return Pin::new(&mut self.stream).poll_read(cx, out);
        }
        if self.returned > HEAD_BYTES_MAX {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the headers are too long",
            )));
        }
        let mut chunk = [0; 1024];
        let len = chunk.len().min(out.remaining());
        let mut chunk = ReadBuf::new(&mut chunk[..len]);
        match Pin::new(&mut self.stream).poll_read(cx, &mut chunk)? {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(()) => self.rest.extend_from_slice(chunk.filled()),
        }
        let refused = self.returned == 0
            && self.rest.starts_with(b"HTTP/")
            && !self.rest.starts_with(b"HTTP/1.1 101");
        // The body of a refusal is part of the library's error.
        let len = if refused { self.rest.len() } else { self.head_len() };
        out.put_slice(&self.rest[..len]);
        self.rest.drain(..len);
        self.returned += len;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Head<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const REQUEST: Request<'static> =
        Request { authority: "node1:9000", route: "/grid", token: "secret", time_ns: 7 };

    #[tokio::test]
    async fn bytes_behind_the_answer_are_not_lost() {
        let (mut listener, dialer) = duplex(4096);
        let serve = async {
            let mut head = vec![0; 4096];
            let len = listener.read(&mut head).await.expect("request");
            let head = String::from_utf8_lossy(&head[..len]).into_owned();
            assert!(head.starts_with("GET /grid HTTP/1.1\r\n"), "{head}");
            assert!(
                head.contains("Authorization: Bearer secret\r\n")
                    || head.contains("authorization: Bearer secret\r\n"),
                "{head}"
            );
            let key = head
                .lines()
                .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))
                .expect("key");
            let accept = tungstenite::handshake::derive_accept_key(key.as_bytes());
            let answer = format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
            );
            let mut bytes = answer.into_bytes();
            bytes.extend_from_slice(&[0x82, 0x02, b'h', b'i']);
            listener.write_all(&bytes).await.expect("answer");
            listener
        };
        let (socket, _listener) = tokio::join!(connect(dialer, &REQUEST), serve);
        let mut socket = socket.expect("upgraded");
        let message =
            std::future::poll_fn(|cx| crate::net::transport::Transport::poll_recv(&mut socket, cx))
                .await;
        assert_eq!(message.expect("message"), "hi");
    }

    #[tokio::test]
    async fn a_token_that_would_not_arrive_is_not_sent() {
        for token in ["line\n", "ends with a space ", "schlüssel"] {
            let (mut listener, dialer) = duplex(4096);
            let refused = connect(dialer, &Request { token, ..REQUEST }).await;
            let text = refused.map(|_| ()).unwrap_err().full_text().to_string();
            assert!(text.contains("must be printable ASCII"), "{text}");
            assert_eq!(listener.read(&mut [0; 1]).await.unwrap(), 0, "nothing was sent");
        }
        assert!(fits_header("") && fits_header(" !~ x"));
    }
}
