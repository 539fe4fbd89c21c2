//! The listener's HTTP upgrade. Reading the request and answering it are separate steps, so that the caller can check
//! the request asynchronously in between.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tungstenite::error::ProtocolError;
use tungstenite::handshake::machine::TryParse as _;
use tungstenite::handshake::server::{Request, write_response};
use tungstenite::http::header::{self, HeaderName, HeaderValue};
use tungstenite::http::{Method, Response, StatusCode, Version};

use super::check::{Answer, Head};
use super::{HEAD_BYTES_MAX, TLS_HANDSHAKE, ends_headers, read_some, write_all};
use crate::error::LinkError;
use crate::net::transport::websocket::{Role, WebSocket, poll_discard};

/// How long a refused dialer may take to read the response and to close the connection.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);

/// A byte stream whose peer has sent something.
pub(in crate::net) struct Begun<S> {
    stream: S,
    /// The bytes so far.
    head: Vec<u8>,
}

/// Waits for the first bytes from `stream`.
pub(in crate::net) async fn read_first<S: AsyncRead + Unpin>(
    mut stream: S,
) -> Result<Begun<S>, LinkError> {
    let mut head = Vec::new();
    read_some(&mut stream, &mut head).await?;
    Ok(Begun { stream, head })
}

/// An upgrade request that has not been answered.
pub(in crate::net) struct Requested<S> {
    stream: S,
    request: Request,
    /// Bytes read beyond the headers.
    rest: Vec<u8>,
}

impl<S: AsyncRead + Unpin> Begun<S> {
    /// Reads the rest of an upgrade request.
    pub(in crate::net) async fn read_request(self) -> Result<Requested<S>, LinkError> {
        let Self { mut stream, mut head } = self;
        let mut before = 0;
        loop {
            // Parsed after the first read, to refuse other protocols early, and then only when the headers are complete.
            if before == 0 && head.first() == Some(&TLS_HANDSHAKE) {
                return Err(LinkError::tls(
                    "the dialer begins with TLS, and this listener does not: give this node a certificate with \
                    `Builder::tls`, pass streams to `Manager::accept` after their TLS handshake, or use names with \
                    http:// on all nodes",
                ));
            }
            if before == 0 || ends_headers(&head, before) {
                match Request::try_parse(&head) {
                    Ok(None) => {}
                    Ok(Some((len, request))) => {
                        let rest = head.split_off(len);
                        return Ok(Requested { stream, request, rest });
                    }
                    // Other HTTP is answered. Nodes send none.
                    Err(tungstenite::Error::Protocol(
                        error @ (ProtocolError::WrongHttpMethod | ProtocolError::WrongHttpVersion),
                    )) => {
                        let request =
                            other_request(&head).ok_or_else(|| websocket(error.into()))?;
                        return Ok(Requested { stream, request, rest: Vec::new() });
                    }
                    Err(error) => return Err(websocket(error)),
                }
            }
            if head.len() > HEAD_BYTES_MAX {
                let error = io::Error::new(io::ErrorKind::InvalidData, "the headers are too long");
                return Err(LinkError::Io(Arc::new(error)));
            }
            before = head.len();
            read_some(&mut stream, &mut head).await?;
        }
    }
}

/// A request that the parser has refused only for its method or version.
fn other_request(head: &[u8]) -> Option<Request> {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.lines();
    let mut parts = lines.next()?.split(' ');
    let (method, uri, version) = (parts.next()?, parts.next()?, parts.next()?);
    let version = if version == "HTTP/1.0" { Version::HTTP_10 } else { Version::HTTP_11 };
    let request = Request::builder().method(method).uri(uri).version(version);
    let headers = lines.map_while(|line| line.split_once(':'));
    let request =
        headers.fold(request, |request, (name, value)| request.header(name, value.trim()));
    request.body(()).ok()
}

impl<S: AsyncRead + AsyncWrite + Unpin> Requested<S> {
    /// What the request states.
    pub(in crate::net) fn head(&self) -> Head<'_> {
        Head {
            method: self.request.method(),
            version: self.request.version(),
            path: self.request.uri().path(),
            headers: self.request.headers(),
            protocol: None,
        }
    }

    /// Sends this acceptance. Returns the WebSocket.
    pub(in crate::net) async fn accept(self, answer: Answer) -> Result<WebSocket<S>, LinkError> {
        let Self { mut stream, rest, .. } = self;
        write_all(&mut stream, &head_of(answer.status, answer.headers)?).await?;
        Ok(WebSocket::new(stream, &rest, Role::Server))
    }

    /// Refuses the request. Returns the error to report.
    pub(in crate::net) async fn refuse(self, answer: Answer) -> LinkError {
        let Self { mut stream, request, .. } = self;
        let Answer { status, mut headers, text } = answer;
        headers.push((header::CONTENT_LENGTH, text.len().into()));
        headers.push((header::CONNECTION, HeaderValue::from_static("close")));
        if let Ok(mut answer) = head_of(status, headers) {
            // A response to HEAD has no body.
            if request.method() != Method::HEAD {
                answer.extend_from_slice(text.as_bytes());
            }
            let answered = async {
                write_all(&mut stream, &answer).await?;
                poll_fn(|cx| {
                    let shut = ready!(Pin::new(&mut stream).poll_shutdown(cx));
                    if shut.is_err() { Poll::Ready(()) } else { poll_discard(&mut stream, cx) }
                })
                .await;
                Ok::<_, LinkError>(())
            };
            // Refused even if the peer does not read the answer.
            let _ = tokio::time::timeout(REFUSAL_TIMEOUT, answered).await;
        }
        LinkError::Upgrade { status: status.to_string(), text, by_us: true }
    }
}

/// The bytes of a response up to its body.
fn head_of(
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
) -> Result<Vec<u8>, LinkError> {
    let (mut response, mut bytes) = (Response::new(()), Vec::new());
    *response.status_mut() = status;
    response.headers_mut().extend(headers);
    write_response(&mut bytes, &response).map_err(websocket)?;
    Ok(bytes)
}

/// Omits the headers, which contain the token.
impl<S> fmt::Debug for Requested<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requested")
            .field("path", &self.request.uri().path())
            .finish_non_exhaustive()
    }
}

fn websocket(error: tungstenite::Error) -> LinkError {
    LinkError::WebSocket(Arc::new(error))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt as _, duplex};

    use super::*;
    use crate::net::transport::upgrade::client::{self, connect};

    async fn read_request<S: AsyncRead + Unpin>(stream: S) -> Result<Requested<S>, LinkError> {
        read_first(stream).await?.read_request().await
    }

    const REQUEST: client::Request<'static> =
        client::Request { authority: "node1:9000", route: "/grid", token: "secret", time_ns: 7 };

    #[tokio::test]
    async fn a_refusal_says_why_on_both_sides() {
        let (listener, dialer) = duplex(4096);
        let serve = async {
            let requested = read_request(listener).await.expect("a request");
            assert_eq!(requested.head().headers[header::AUTHORIZATION], "Bearer secret");
            let shown = format!("{requested:?} {REQUEST:?}");
            assert!(shown.contains("/grid") && !shown.contains("secret"), "{shown}");
            let text = format!("not on {}", requested.head().path);
            requested.refuse(Answer::new(StatusCode::FORBIDDEN, text)).await
        };
        let (dialed, refused) = tokio::join!(connect(dialer, &REQUEST), serve);
        assert_eq!(
            dialed.map(|_| ()).unwrap_err().to_string(),
            "the peer answered 403 Forbidden instead of a WebSocket: not on /grid"
        );
        assert_eq!(
            refused.to_string(),
            "this node answered 403 Forbidden instead of a WebSocket: not on /grid"
        );
    }

    const HEAD: &str = "GET /grid HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
        sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

    #[tokio::test]
    async fn headers_can_arrive_as_single_bytes() {
        let (listener, mut dialer) = duplex(1);
        let (requested, sent) =
            tokio::join!(read_request(listener), dialer.write_all(HEAD.as_bytes()));
        sent.expect("room");
        assert_eq!(requested.expect("a request").head().path, "/grid");
    }

    #[tokio::test]
    async fn bytes_behind_the_headers_are_kept() {
        let (listener, mut dialer) = duplex(4096);
        dialer.write_all(format!("{HEAD}rest").as_bytes()).await.expect("room");
        assert_eq!(read_request(listener).await.expect("a request").rest, b"rest");
    }

    #[tokio::test]
    async fn headers_are_bounded_and_must_be_http() {
        let endless = [b"GET / HTTP/1.1\r\nx: ".to_vec(), vec![b'x'; 2 * HEAD_BYTES_MAX]].concat();
        for (bytes, error) in [
            (b"\xff\x03\x01".to_vec(), "not a valid WebSocket"),
            (b"\x16\x03\x01".to_vec(), "begins with TLS"),
            (endless, "the headers are too long"),
            (Vec::new(), "closed"),
        ] {
            let (listener, mut dialer) = duplex(4 * HEAD_BYTES_MAX);
            dialer.write_all(&bytes).await.expect("room");
            drop(dialer);
            let refused = read_request(listener).await.expect_err("not a request");
            assert!(refused.full_text().to_string().contains(error), "{}", refused.full_text());
        }
    }
}
