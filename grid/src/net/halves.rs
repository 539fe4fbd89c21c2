//! The two halves of an open stream at the byte level, the same for both sides.
//!
//! The handler of a stream gets a receiver of its input and a sender of its output; the caller gets a sender of that input
//! and a receiver of that output. The caller's receiver owns the call: dropping it cancels.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::{FusedStream, Stream};
use tokio::task::coop;

use super::peer::{Peer, too_large};
use crate::error::{CallError, Closed, CodecError, Failure};
use crate::proto::{Half, Key, Recv, SendState, Side};

/// Items that a task may move for one operation of those that the runtime grants it before others get their turn. An
/// item costs a small part of what the runtime's own operations do, and being sent to the end of the queue costs the
/// price of a hundred: with every item counted, a two-way stream lost a third of its rate.
const ITEMS_PER_OPERATION: u32 = 16;

/// One end of one stream.
#[derive(Debug)]
struct End {
    peer: Arc<Peer>,
    side: Side,
    key: Key,
    turn: Turn,
    /// Keeps what runs an in-process link alive.
    _keep: Option<Arc<super::connection::Keep>>,
}

/// Lets others have their turn now and then, even where there is always an item to be had.
#[derive(Debug, Default)]
struct Turn {
    items: u32,
}

impl Turn {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.items = self.items.wrapping_add(1);
        if self.items.is_multiple_of(ITEMS_PER_OPERATION) {
            ready!(coop::poll_proceed(cx)).made_progress();
        }
        Poll::Ready(())
    }
}

/// Makes the halves of one end.
pub(super) fn halves(
    peer: Arc<Peer>,
    side: Side,
    key: Key,
    keep: Option<Arc<super::connection::Keep>>,
) -> (RawSender, RawReceiver) {
    let sender =
        End { peer: Arc::clone(&peer), side, key, turn: Turn::default(), _keep: keep.clone() };
    let receiver = End { peer, side, key, turn: Turn::default(), _keep: keep };
    (RawSender { end: sender, closed: false }, RawReceiver { end: receiver, done: false })
}

/// Sends the items of a stream, as bytes.
///
/// Dropping it ends the stream's input, where this node is the caller. A handler's output ends when the handler returns.
#[derive(Debug)]
pub struct RawSender {
    end: End,
    closed: bool,
}

impl RawSender {
    /// Sends one item, when the other side has room for it.
    ///
    /// # Errors
    /// [`Closed`] when nobody will read it any more. An item that is larger than a message may be ends the stream; its
    /// other half says so.
    ///
    /// # Cancel safety
    /// Dropped before it is ready, nothing was sent.
    pub async fn send(&mut self, item: impl Into<Bytes>) -> Result<(), Closed> {
        let item = item.into();
        std::future::poll_fn(|cx| self.poll_send(cx, &item)).await
    }

    /// Whether an item fits into a message, and if not, why not.
    pub(crate) fn check(&self, item: &Bytes) -> Result<(), CodecError> {
        let (len, max) = (item.len(), self.end.peer.payload_bytes_max);
        if len <= max { Ok(()) } else { Err(too_large(len, max)) }
    }

    /// Ends the input of the stream, where this node is the caller; a handler ends its output by returning.
    pub fn close(&mut self) {
        if !std::mem::replace(&mut self.closed, true) && self.end.side == Side::Caller {
            self.end.peer.with(|shared| shared.link.finish_input(self.end.key));
        }
    }

    /// Waits until nobody reads any more: the other side has ended the stream, or the link was lost.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped.
    pub async fn closed(&mut self) {
        std::future::poll_fn(|cx| self.poll_closed(cx)).await;
    }

    /// Sends an item as soon as that can be.
    pub(crate) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        item: &Bytes,
    ) -> Poll<Result<(), Closed>> {
        if self.closed {
            return Poll::Ready(Err(Closed));
        }
        ready!(self.end.turn.poll(cx));
        let End { peer, side, key, .. } = &self.end;
        let sent = peer.with(|shared| {
            let sent = shared.link.send(*side, *key, item);
            if sent == SendState::Blocked {
                shared.waiters.wait(*side, *key, Half::Writer, cx);
            }
            sent
        });
        match sent {
            SendState::Blocked => Poll::Pending,
            SendState::Ready => Poll::Ready(Ok(())),
            SendState::Closed => Poll::Ready(Err(Closed)),
        }
    }

    /// Ready when an item can be sent.
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        if self.closed {
            return Poll::Ready(Err(Closed));
        }
        ready!(self.end.turn.poll(cx));
        let End { peer, side, key, .. } = &self.end;
        let mut shared = peer.lock();
        match shared.link.poll_send(*side, *key) {
            SendState::Ready => Poll::Ready(Ok(())),
            SendState::Closed => Poll::Ready(Err(Closed)),
            SendState::Blocked => {
                shared.waiters.wait(*side, *key, Half::Writer, cx);
                Poll::Pending
            }
        }
    }

    /// Sends an item after [`poll_ready`](Self::poll_ready) was ready.
    pub(crate) fn start_send(&mut self, item: Bytes) -> Result<(), Closed> {
        let End { peer, side, key, .. } = &self.end;
        match peer.with(|shared| shared.link.send(*side, *key, &item)) {
            SendState::Ready => Ok(()),
            // Not asked before, or the connection was lost in between.
            SendState::Blocked | SendState::Closed => Err(Closed),
        }
    }

    /// Ready when nobody reads any more.
    pub(crate) fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let End { peer, side, key, .. } = &self.end;
        let mut shared = peer.lock();
        if self.closed || shared.link.poll_send(*side, *key) == SendState::Closed {
            return Poll::Ready(());
        }
        shared.waiters.wait(*side, *key, Half::Writer, cx);
        Poll::Pending
    }
}

impl Drop for RawSender {
    fn drop(&mut self) {
        self.close();
    }
}

/// Receives the items of a stream, as bytes.
///
/// As a [`Stream`] it ends after the last item, or with one error. Dropping it cancels the stream, where this node is the
/// caller.
#[derive(Debug)]
pub struct RawReceiver {
    end: End,
    done: bool,
}

impl RawReceiver {
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Failure>>> {
        if self.done {
            return Poll::Ready(None);
        }
        ready!(self.end.turn.poll(cx));
        let End { peer, side, key, .. } = &self.end;
        let received = peer.with(|shared| {
            let received = shared.link.recv(*side, *key);
            if received == Recv::Pending {
                shared.waiters.wait(*side, *key, Half::Reader, cx);
            }
            received
        });
        match received {
            Recv::Pending => Poll::Pending,
            Recv::Item(item) => Poll::Ready(Some(Ok(item))),
            Recv::End(end) => {
                self.done = true;
                Poll::Ready(end.err().map(|failure| Err(peer.failure(failure))))
            }
        }
    }
}

impl RawReceiver {
    /// The next item, or `None` when the other side has ended the stream.
    ///
    /// # Errors
    /// How the stream broke off, as a [`CallError`]; after one, the stream is at its end.
    ///
    /// # Cancel safety
    /// An item is taken only when the future is ready.
    pub async fn next(&mut self) -> Option<Result<Bytes, CallError>> {
        std::future::poll_fn(|cx| self.poll_item(cx)).await
    }

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, CallError>>> {
        let untyped = |failure: Failure| failure.into_call_error(|_| None);
        Self::poll_next(self, cx).map(|item| item.map(|item| item.map_err(untyped)))
    }
}

impl Stream for RawReceiver {
    type Item = Result<Bytes, CallError>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Self::Item>> {
        self.poll_item(cx)
    }
}

impl FusedStream for RawReceiver {
    fn is_terminated(&self) -> bool {
        self.done
    }
}

impl Drop for RawReceiver {
    fn drop(&mut self) {
        if self.end.side == Side::Caller {
            self.end.peer.with(|shared| shared.link.forget_call(self.end.key));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_never_has_to_wait_gives_way_all_the_same() {
        let mut turn = Turn::default();
        let mut taken = 0;
        std::future::poll_fn(|cx| {
            while turn.poll(cx).is_ready() {
                taken += 1;
                assert!(taken < 100_000, "others would starve");
            }
            Poll::Ready(())
        })
        .await;
        assert!(taken > 1000, "{taken}: it costs more than it is worth");
    }
}
