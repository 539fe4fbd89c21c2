//! What a link needs of its connection: whole binary messages out and in, without ever waiting on one direction alone.

mod echo;
mod upgrade;
mod websocket;

use std::fmt;
use std::task::{Context, Poll};

use bytes::Bytes;

pub(super) use echo::Echo;
pub(super) use tungstenite::http;
pub(super) use upgrade::{Request, accept, connect};
pub(super) use websocket::WebSocket;

/// A connection that carries messages.
pub(super) trait Transport: Send {
    /// Whether it makes sense to hand over more output now. Where it does not, [`poll_flush`](Self::poll_flush) makes room.
    fn has_room(&self) -> bool;

    /// Takes a message for sending.
    fn start_send(&mut self, message: Bytes) -> Result<(), TransportError>;

    /// Writes what was taken, as far as the socket takes it now.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>>;

    /// Whether everything that was taken has gone to the socket.
    fn is_flushed(&self) -> bool;

    /// The next message.
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, TransportError>>;

    /// Says goodbye, as far as that goes without waiting.
    fn close(&mut self, cx: &mut Context<'_>);
}

/// Why a connection is over; the text is for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TransportError {
    /// The peer closed it.
    Closed,
    /// It broke, or the peer broke the rules of the WebSocket protocol.
    Failed(String),
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the peer closed the connection"),
            Self::Failed(reason) => f.write_str(reason),
        }
    }
}
