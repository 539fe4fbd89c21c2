//! Transports for binary messages. Sending and receiving are polled separately, so neither blocks the other.

mod echo;
mod io;
mod security;
pub(super) mod upgrade;
mod websocket;

use std::future::poll_fn;
use std::task::{Context, Poll};

use bytes::Bytes;

use crate::error::LinkError;
use crate::proto::{Inbound, Outbound};

pub(super) use echo::Echo;
pub use io::{Io, tune};
pub(super) use io::{TLS_READ_BYTES, failure};
#[cfg(feature = "tls-no-provider")]
pub(super) use security::Securing;
pub(super) use security::{Secured, Security};
pub(super) use tungstenite::http;
pub(super) use upgrade::TLS_HANDSHAKE;
pub(super) use websocket::WebSocket;

/// What a connection has received.
#[derive(Debug)]
pub(super) enum Received {
    Message(Bytes),
    /// A part of a large message was read to its place. Its length in bytes.
    Placed(usize),
}

/// A connection that carries messages.
pub(super) trait Transport: Send {
    /// Whether it accepts more output now. If not, [`poll_flush`](Self::poll_flush) makes room.
    fn has_room(&self) -> bool;

    /// Queues a message for sending.
    fn start_send(&mut self, message: Outbound) -> Result<(), LinkError>;

    /// A shared buffer of a message that has been sent. To be dropped where the user's code may run.
    fn take_spent(&mut self) -> Option<Bytes> {
        None
    }

    /// Writes queued messages, as far as the socket accepts them now.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>>;

    /// Whether every queued message has been written to the socket.
    fn is_flushed(&self) -> bool;

    /// Receives the next message. May return `Pending` and wake the task at once, so that others have their turn.
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, LinkError>>;

    /// As [`poll_recv`](Self::poll_recv), but a part of a large message may be read to its place in `inbound`.
    fn poll_recv_into(
        &mut self,
        cx: &mut Context<'_>,
        _inbound: &mut Inbound,
    ) -> Poll<Result<Received, LinkError>> {
        self.poll_recv(cx).map_ok(Received::Message)
    }

    /// Whether bytes were received since this was called last, without a message: a part of a large message, or frames
    /// that carry none.
    fn take_progress(&mut self) -> bool {
        false
    }

    /// Queues a close frame with the reason, and sends it if that is possible without waiting.
    fn close(&mut self, reason: &LinkError, cx: &mut Context<'_>);

    /// Writes all queued messages, closes this direction, and waits until the peer has closed the other one.
    fn poll_end(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

/// Ends a connection so that the peer receives everything that was sent, and the reason. The caller limits the time: the
/// peer may not read.
pub(super) async fn end(transport: &mut impl Transport, reason: &LinkError) {
    poll_fn(|cx| {
        transport.close(reason, cx);
        Poll::Ready(())
    })
    .await;
    poll_fn(|cx| transport.poll_end(cx)).await;
}
