//! What carries messages: whole binary messages out and in, without ever waiting on one direction alone.

mod echo;
mod io;
pub(super) mod upgrade;
mod websocket;

use std::task::{Context, Poll};

use bytes::Bytes;

use crate::error::LinkError;

pub(super) use echo::Echo;
pub use io::Io;
pub(super) use io::tune;
pub(super) use tungstenite::http;
pub(super) use websocket::WebSocket;

/// A connection that carries messages.
pub(super) trait Transport: Send {
    /// Whether it takes more output now. If not, [`poll_flush`](Self::poll_flush) makes room.
    fn has_room(&self) -> bool;

    /// Takes a message for sending.
    fn start_send(&mut self, message: Bytes) -> Result<(), LinkError>;

    /// Writes the messages it took, as far as the socket takes them now.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>>;

    /// Whether every message it took has been written to the socket.
    fn is_flushed(&self) -> bool;

    /// The next message.
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, LinkError>>;

    /// Sends a close frame, as far as that is possible without waiting.
    fn close(&mut self, cx: &mut Context<'_>);
}
