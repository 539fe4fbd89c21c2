//! Sender and receiver of an open stream at the byte level. Caller and handler use the same types.
//!
//! The caller has a sender for the input of the handler and a receiver for its output; the handler has the opposite
//! ends. The caller's receiver owns the call: dropping it cancels the call.

use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use futures_core::{FusedStream, Stream};
use tokio::task::coop;

use super::abort::AbortOnDrop;
use super::intercept::observe::{Observe, Observer, StreamEnd};
use super::method::MethodName;
use crate::error::{CallError, CallFailure, Closed, CodecError, SendError};
use crate::net::catch::catch;
use crate::net::link::peer::Peer;
use crate::net::link::waiters::Waiter;
use crate::proto::Body;
use crate::proto::{Half, Key, Link, Recv, SendState, Side};

/// This many items count as one operation in tokio's cooperative budget. An item costs much less than the runtime's own
/// operations, and a yield costs as much as a hundred items: with every item counted, the rate of a two-way stream
/// dropped by a third.
const ITEMS_PER_OPERATION: u32 = 16;

/// One end of one stream.
#[derive(Debug)]
struct End {
    peer: Arc<Peer>,
    side: Side,
    key: Key,
    /// For errors; `None` at the callee.
    method: Option<MethodName>,
    turn: Turn,
    /// A clone of the task's waker, made before the link is locked and taken when the task has to wait. Streams wait often,
    /// and to lock the link once more for each wait cost two-way streams a tenth of their rate.
    spare: Option<Waker>,
    observer: Option<Observer>,
    /// Keeps an in-process link alive.
    _keep: Option<Arc<AbortOnDrop>>,
}

impl End {
    /// Asks the link on behalf of one half; see [`Peer::poll`].
    fn poll<T>(
        &mut self,
        half: Half,
        cx: &Context<'_>,
        ask: impl Fn(&mut Link, Side, Key) -> Poll<T>,
    ) -> Poll<T> {
        let Self { peer, side, key, spare, .. } = self;
        if spare.as_ref().is_none_or(|spare| !spare.will_wake(cx.waker())) {
            // That of another task, which polled this before.
            if let Some(other) = spare.replace(cx.waker().clone()) {
                catch("the drop of a waker", || drop(other));
            }
        }
        let waiter = Waiter { side: *side, key: *key, half };
        peer.poll(waiter, cx, spare, |link| ask(link, *side, *key))
    }
}

impl End {
    fn explain(&self, failure: CallFailure) -> CallFailure {
        match &self.method {
            Some(method) => failure.of_call(method, &self.peer.name),
            None => failure,
        }
    }

    /// Adds method and peer to an error about an item.
    fn explain_item(&self, error: CodecError) -> CodecError {
        match &self.method {
            Some(method) => error.of_call(method, &self.peer.name),
            None => error,
        }
    }
}

/// Makes a task yield regularly, even if it never waits for an item.
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

/// Creates the sender and the receiver of one side.
pub(in crate::net) fn ends(
    peer: Arc<Peer>,
    side: Side,
    key: Key,
    method: Option<MethodName>,
    keep: Option<Arc<AbortOnDrop>>,
) -> (RawSender, RawReceiver) {
    let end = |peer, keep| End {
        peer,
        side,
        key,
        method,
        turn: Turn::default(),
        spare: None,
        observer: None,
        _keep: keep,
    };
    let (sender, receiver) = (end(Arc::clone(&peer), keep.clone()), end(peer, keep));
    (RawSender { end: sender, closed: false }, RawReceiver { end: receiver, done: false })
}

/// Sends the items of a stream, as bytes.
///
/// Dropping the caller's sender ends the input of the stream. A handler's output ends when the handler returns.
#[derive(Debug)]
pub struct RawSender {
    end: End,
    closed: bool,
}

impl RawSender {
    /// Sends one item, as soon as the other side has room for it.
    ///
    /// # Errors
    /// [`SendError::Closed`] if the other side no longer reads the stream. [`SendError::Encode`] if the item exceeds
    /// the maximum message size of this node or of the peer; the stream can still be used.
    ///
    /// # Cancel safety
    /// If the future is dropped before it is ready, the item is not sent.
    pub async fn send(&mut self, item: impl Into<Bytes>) -> Result<(), SendError> {
        let item = Body::from(item.into());
        self.check(&item).map_err(|error| self.unencodable(error))?;
        std::future::poll_fn(|cx| self.poll_send(cx, &item)).await.map_err(SendError::Closed)
    }

    /// Fails if an item exceeds the maximum message size of this node or of the peer.
    pub(crate) fn check(&self, item: &Body) -> Result<(), CodecError> {
        let (len, peer) = (item.len(), &self.end.peer);
        if len <= peer.payload_bytes_max() {
            return Ok(());
        }
        peer.link(|link| link.check_payload(len))
    }

    /// An item that cannot be encoded, as an error that names method and peer.
    pub(crate) fn unencodable(&self, error: CodecError) -> SendError {
        SendError::Encode(self.end.explain_item(error))
    }

    /// Ends the input of the stream. For callers only: a handler ends its output by returning.
    pub fn close(&mut self) {
        if !std::mem::replace(&mut self.closed, true) && self.end.side == Side::Caller {
            self.end.peer.link(|link| link.finish_input(self.end.key));
        }
    }

    /// Waits until the other side no longer reads the stream: it ended the stream, or the link was lost.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn closed(&mut self) {
        std::future::poll_fn(|cx| self.poll_closed(cx)).await;
    }

    /// Whether the other side is known to have stopped reading. Does not register a waker.
    pub fn is_closed(&self) -> bool {
        let End { peer, side, key, .. } = &self.end;
        self.closed || peer.link(|link| link.send_state(*side, *key)) == SendState::Closed
    }

    /// Sends an item as soon as there is room for it.
    pub(crate) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        item: &Body,
    ) -> Poll<Result<(), Closed>> {
        let sent = ready!(self.poll_writer(cx, |link, side, key| link.send(side, key, item)));
        if sent.is_ok() {
            self.note_sent(item.len());
        }
        Poll::Ready(sent)
    }

    /// Ready when an item can be sent.
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        self.poll_writer(cx, |link, side, key| link.poll_send(side, key))
    }

    /// Whether an item can be sent now.
    pub(crate) fn has_room(&self) -> Result<bool, Closed> {
        let End { peer, side, key, .. } = &self.end;
        match peer.link(|link| link.poll_send(*side, *key)) {
            _ if self.closed => Err(Closed),
            SendState::Closed | SendState::TooLarge { .. } => Err(Closed),
            SendState::Ready => Ok(true),
            SendState::Blocked => Ok(false),
        }
    }

    fn poll_writer(
        &mut self,
        cx: &mut Context<'_>,
        ask: impl Fn(&mut Link, Side, Key) -> SendState,
    ) -> Poll<Result<(), Closed>> {
        if self.closed {
            return Poll::Ready(Err(Closed));
        }
        ready!(self.end.turn.poll(cx));
        self.end.poll(Half::Writer, cx, |link, side, key| match ask(link, side, key) {
            SendState::Blocked => Poll::Pending,
            SendState::Ready => Poll::Ready(Ok(())),
            // Callers have checked the length.
            SendState::Closed | SendState::TooLarge { .. } => Poll::Ready(Err(Closed)),
        })
    }

    /// Sends an item after [`poll_ready`](Self::poll_ready) was ready.
    pub(crate) fn start_send(&mut self, item: Body) -> Result<(), Closed> {
        let End { peer, side, key, .. } = &self.end;
        match peer.link(|link| link.send(*side, *key, &item)) {
            SendState::Ready => {
                self.note_sent(item.len());
                Ok(())
            }
            // `poll_ready` was not called, or the connection was lost since.
            SendState::Blocked | SendState::Closed | SendState::TooLarge { .. } => Err(Closed),
        }
    }

    #[inline]
    fn note_sent(&self, bytes: usize) {
        if let Some(observer) = &self.end.observer {
            observer.each(|observer| observer.sent(bytes));
        }
    }

    pub(in crate::net) fn set_observer(&mut self, observer: Option<Observer>) {
        self.end.observer = observer;
    }

    /// Ready when the other side no longer reads the stream.
    pub(crate) fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.closed {
            return Poll::Ready(());
        }
        self.end.poll(Half::Writer, cx, |link, side, key| match link.send_state(side, key) {
            SendState::Closed => Poll::Ready(()),
            SendState::Ready | SendState::Blocked | SendState::TooLarge { .. } => Poll::Pending,
        })
    }
}

impl Drop for RawSender {
    fn drop(&mut self) {
        self.close();
    }
}

/// Receives the items of a stream, as bytes.
///
/// As a [`Stream`] it ends after the last item, or after one error.
///
/// Dropping the caller's receiver cancels the call. A handler may drop its receiver and go on: items that the caller sends
/// after that are discarded, and the caller does not wait.
#[derive(Debug)]
pub struct RawReceiver {
    end: End,
    done: bool,
}

impl RawReceiver {
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, CallFailure>>> {
        if self.done {
            return Poll::Ready(None);
        }
        ready!(self.end.turn.poll(cx));
        let received =
            self.end.poll(Half::Reader, cx, |link, side, key| match link.recv(side, key) {
                Recv::Pending => Poll::Pending,
                Recv::Item(item) => Poll::Ready(Ok(item)),
                Recv::End(end) => Poll::Ready(Err(end)),
            });
        match ready!(received) {
            Ok(item) => {
                if let Some(observer) = &self.end.observer {
                    observer.each(|observer| observer.received(item.len()));
                }
                Poll::Ready(Some(Ok(item)))
            }
            Err(end) => {
                self.done = true;
                let failure = end.err().map(|failure| self.end.explain(failure));
                self.note_end(failure.as_ref());
                Poll::Ready(failure.map(Err))
            }
        }
    }

    /// The reader of a stream that this node has opened has seen its end.
    fn note_end(&self, failure: Option<&CallFailure>) {
        let End { observer: Some(observer), side: Side::Caller, .. } = &self.end else { return };
        let error = failure.cloned().map(CallFailure::untyped);
        let end = error.as_ref().map_or(StreamEnd::Complete, StreamEnd::Failed);
        observer.each(|observer| observer.ended(end));
    }

    /// Adds an observer, beside those that are set.
    pub(in crate::net) fn observe(&mut self, observer: impl Observe) {
        self.end.observer = Some(Observer::new(self.end.observer.take(), observer));
    }

    pub(in crate::net) fn set_observer(&mut self, observer: Option<Observer>) {
        self.end.observer = observer;
    }

    /// An item that cannot be decoded, as an error that names method and peer.
    pub(crate) fn undecodable<E>(&self, error: CodecError) -> CallError<E> {
        CallError::Decode(self.end.explain_item(error))
    }

    /// Drops the receiver of a handler without input. A plain drop would lock the link.
    pub(crate) fn unused(mut self) {
        self.done = true;
    }

    /// Returns the next item, or `None` when the other side has ended the stream.
    ///
    /// # Errors
    /// A [`CallError`] if the stream ended early. After an error, `next` returns `None`.
    ///
    /// # Cancel safety
    /// Cancel safe: an item is taken only when the future is ready.
    pub async fn next(&mut self) -> Option<Result<Bytes, CallError>> {
        std::future::poll_fn(|cx| self.poll_item(cx)).await
    }

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, CallError>>> {
        Self::poll_next(self, cx).map(|item| item.map(|item| item.map_err(CallFailure::untyped)))
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
        let End { peer, side, key, .. } = &self.end;
        match side {
            Side::Caller => {
                peer.link(|link| link.forget_call(*key));
                if let Some(observer) = self.end.observer.as_ref().filter(|_| !self.done) {
                    observer.each(|observer| observer.ended(StreamEnd::Dropped));
                }
            }
            Side::Callee if self.done => {}
            Side::Callee => peer.link(|link| link.stop_reading(Side::Callee, *key)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_never_waits_yields_now_and_then() {
        let mut turn = Turn::default();
        let mut taken = 0;
        std::future::poll_fn(|cx| {
            while turn.poll(cx).is_ready() {
                taken += 1;
                assert!(taken < 100_000, "other tasks starve");
            }
            Poll::Ready(())
        })
        .await;
        assert!(taken > 1000, "{taken}: it yields too often");
    }
}
