//! The dialer's HTTP upgrade.
//!
//! The request is written here, and not by the WebSocket library, because the library logs it with the token at the
//! level `trace`.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tungstenite::handshake::client::{Response, generate_key};
use tungstenite::handshake::derive_accept_key;
use tungstenite::handshake::machine::TryParse as _;
use tungstenite::http::{HeaderMap, StatusCode, header};

use super::{HEAD_BYTES_MAX, TLS_ALERT, TLS_HANDSHAKE, ends_headers, read_some, write_all};
use crate::auth::{HEADER_RULE, fits_header};
use crate::error::{Cause, LinkError};
use crate::net::transport::websocket::{Role, WebSocket};

/// Bytes of a refusal's body that are read. They become part of an error, which is kept.
const REFUSAL_BYTES_MAX: usize = 1024;

/// How long the rest of a refusal's body may take. Without the body, the status is reported alone.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);

/// The upgrade request of a dialer.
pub(in crate::net) struct Request<'a> {
    /// Value of the Host header.
    pub(in crate::net) authority: &'a str,
    pub(in crate::net) route: &'a str,
    pub(in crate::net) token: &'a str,
    /// Nanoseconds since the epoch.
    pub(in crate::net) time_ns: u128,
}

/// Omits the token, which must not be logged.
impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("authority", &self.authority)
            .field("route", &self.route)
            .field("time_ns", &self.time_ns)
            .finish_non_exhaustive()
    }
}

/// Requests a WebSocket from the listener at the other end of `stream`.
pub(in crate::net) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    request: &Request<'_>,
) -> Result<WebSocket<S>, LinkError> {
    if !fits_header(request.token) {
        // Checked here for a clear error: the header would change the token, and the listener would refuse it as
        // invalid.
        return Err(LinkError::Token(cause(HEADER_RULE)));
    }
    let key = generate_key();
    write_all(&mut stream, head(request, &key).as_bytes()).await?;
    let (response, rest) = read_response(&mut stream).await?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        let body = read_body(&mut stream, response.headers(), rest);
        let status = response.status().to_string();
        return Err(LinkError::Upgrade { status, text: body.await, by_us: false });
    }
    check(response.headers(), &key).map_err(|text| LinkError::WebSocket(cause(text)))?;
    Ok(WebSocket::new(stream, &rest, Role::Client))
}

/// The request's bytes. Route and authority were checked when the node was built.
fn head(request: &Request<'_>, key: &str) -> String {
    let Request { authority, route, token, time_ns } = request;
    format!(
        "GET {route} HTTP/1.1\r\nHost: {authority}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nauthorization: Bearer {token}\r\n\
         x-minio-time: {time_ns}\r\n\r\n"
    )
}

/// Reads the headers of the response. Also returns the bytes that were read beyond them.
async fn read_response<S: AsyncRead + Unpin>(
    stream: &mut S,
) -> Result<(Response, Vec<u8>), LinkError> {
    let mut head = Vec::new();
    loop {
        let before = head.len();
        read_some(stream, &mut head).await?;
        if before == 0 && head.first().is_some_and(|byte| [TLS_ALERT, TLS_HANDSHAKE].contains(byte))
        {
            return Err(LinkError::tls(
                "the listener expects TLS: use names with https:// on all nodes, and `Builder::tls` or a TLS dialer",
            ));
        }
        // Parsed after the first read, to report other protocols early, and then only when the headers are complete.
        if (before == 0 || ends_headers(&head, before))
            && let Some((len, response)) =
                Response::try_parse(&head).map_err(|error| LinkError::WebSocket(Arc::new(error)))?
        {
            let rest = head.split_off(len);
            return Ok((response, rest));
        }
        if head.len() > HEAD_BYTES_MAX {
            let error = io::Error::new(io::ErrorKind::InvalidData, "the headers are too long");
            return Err(LinkError::Io(Arc::new(error)));
        }
    }
}

/// Reads the body of a refusal, or as much of it as arrives in time.
async fn read_body<S: AsyncRead + Unpin>(
    stream: &mut S,
    headers: &HeaderMap,
    mut body: Vec<u8>,
) -> String {
    let len = headers.get(header::CONTENT_LENGTH).and_then(|len| len.to_str().ok()?.parse().ok());
    let len = len.unwrap_or(0).min(REFUSAL_BYTES_MAX);
    let rest = async { while body.len() < len && read_some(stream, &mut body).await.is_ok() {} };
    // What was read until then is reported.
    let _ = tokio::time::timeout(REFUSAL_TIMEOUT, rest).await;
    body.truncate(REFUSAL_BYTES_MAX);
    String::from_utf8_lossy(&body).trim().to_owned()
}

/// Checks the headers of an accepting response.
fn check(headers: &HeaderMap, key: &str) -> Result<(), &'static str> {
    let is = |name, value: &str| {
        headers
            .get(name)
            .is_some_and(|found| found.as_bytes().eq_ignore_ascii_case(value.as_bytes()))
    };
    if !is(header::UPGRADE, "websocket") || !is(header::CONNECTION, "upgrade") {
        return Err("the response does not upgrade the connection to a WebSocket");
    }
    let accepts = headers.get(header::SEC_WEBSOCKET_ACCEPT);
    if accepts.is_none_or(|accepts| *accepts != derive_accept_key(key.as_bytes())) {
        return Err("the response is to another request: Sec-WebSocket-Accept is wrong");
    }
    if headers.contains_key(header::SEC_WEBSOCKET_EXTENSIONS)
        || headers.contains_key(header::SEC_WEBSOCKET_PROTOCOL)
    {
        return Err(
            "the response has a WebSocket extension or subprotocol, and none was requested",
        );
    }
    Ok(())
}

fn cause(text: &'static str) -> Cause {
    Arc::from(Box::<dyn Error + Send + Sync>::from(text))
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
    }
}
