//! The upgrade of a request that an HTTP server has received: hyper passes the connection on after the response.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read as _, Write as _};
use hyper::upgrade::{OnUpgrade, Upgraded};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::error::{Cause, LinkError};
use crate::net::transport::Io;
use crate::net::transport::websocket::{Role, WebSocket};

/// What is wrong if the server does not pass a connection on.
const NOT_PASSED_ON: &str = "the HTTP server does not pass upgraded connections on: serve with upgrades, in hyper by `with_upgrades`";

/// Waits until the server has sent the accepting response. Returns the WebSocket.
pub(in crate::net) async fn upgraded(
    upgrade: OnUpgrade,
) -> Result<WebSocket<Box<dyn Io>>, LinkError> {
    let stream = upgrade.await.map_err(|error| {
        let cause: Cause = if error.is_user() {
            Cause::from(Box::<dyn std::error::Error + Send + Sync>::from(NOT_PASSED_ON))
        } else {
            Arc::new(error)
        };
        LinkError::Io(cause)
    })?;
    // Bytes that the server has read beyond the request are read from the stream.
    Ok(WebSocket::new(Box::new(Adapter(stream)), &[], Role::Server))
}

/// Has the I/O traits of tokio for those of hyper.
struct Adapter(Upgraded);

impl AsyncRead for Adapter {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        space: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let len = {
            // Costs nothing: a WebSocket reads into initialized buffers.
            let mut space = hyper::rt::ReadBuf::new(space.initialize_unfilled());
            ready!(Pin::new(&mut self.0).poll_read(cx, space.unfilled()))?;
            space.filled().len()
        };
        space.advance(len);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Adapter {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
