//! Transports for binary messages. Sending and receiving are polled separately, so neither blocks the other.

mod echo;
mod frames;
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
    /// Whether it accepts more output now. If not, [`poll_flush`](Self::poll_flush) makes room.
    fn has_room(&self) -> bool;

    /// Queues a message for sending.
    fn start_send(&mut self, message: Bytes) -> Result<(), LinkError>;

    /// Writes queued messages, as far as the socket accepts them now.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>>;

    /// Whether every queued message has been written to the socket.
    fn is_flushed(&self) -> bool;

    /// Receives the next message. May return `Pending` and wake the task at once, so that others have their turn.
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, LinkError>>;

    /// Whether bytes were received since this was called last, without a message: a part of a large message, or frames
    /// that carry none.
    fn take_progress(&mut self) -> bool {
        false
    }

    /// Sends a close frame if that is possible without waiting.
    fn close(&mut self, cx: &mut Context<'_>);
}
