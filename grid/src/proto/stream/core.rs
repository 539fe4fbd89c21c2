//! The state of an open stream that both sides have: sequence numbers, credits, and the items that wait for the reader.
//!
//! The caller's and the callee's streams (caller/, callee/) differ only in how they open and end.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::proto::stream::credits::{RecvWindow, SendCredits};

/// How many messages of a stream may wait in each direction, as its handler sees it.
///
/// Capacities are not sent: both nodes know them from the method's declaration. With a capacity of 1 each message waits
/// until the previous one was read. With a large one up to that many messages are held for a slow reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Capacities {
    /// Messages from the caller that may wait for the handler. With 0 the stream has no input.
    pub incoming: u32,
    /// Messages from the handler that may wait for the caller. 0 counts as 1.
    pub outgoing: u32,
}

impl Capacities {
    /// As sent in the metadata of the stream's opening.
    pub(in crate::proto) fn stated(self) -> [u32; 2] {
        [self.incoming, self.outgoing.max(1)]
    }
}

/// A message is out of its sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proto) struct Mismatch {
    pub(in crate::proto) want: u32,
    pub(in crate::proto) got: u32,
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "receive sequence number mismatch. want {}, got {}", self.want, self.got)
    }
}

/// An item that waits for the reader.
#[derive(Debug)]
struct Unread {
    item: Bytes,
    /// Bytes that are counted for it.
    held: u32,
}

/// An item that the reader takes.
#[derive(Debug)]
pub(in crate::proto) struct Taken {
    pub(in crate::proto) item: Bytes,
    /// The number of credits to be returned now.
    pub(in crate::proto) credits: u32,
    /// Bytes that are not held any more.
    pub(in crate::proto) freed: usize,
}

/// What an item costs beside its payload: its place in the queue, which doubles as it grows.
const ITEM_BYTES: u32 = 2 * size_of::<Unread>() as u32;

/// What is to be counted for an item while it waits for the reader, if its payload pins that many bytes.
#[inline]
pub(in crate::proto) fn item_bytes(pins: u32) -> u32 {
    ITEM_BYTES.saturating_add(pins)
}

/// State that both ends of a stream have.
#[derive(Debug)]
pub(in crate::proto) struct StreamCore {
    next_send: u32,
    next_recv: u32,
    credits: SendCredits,
    window: RecvWindow,
    items: VecDeque<Unread>,
    /// Memory of `items`, as far as the link counts it.
    held: usize,
    /// The reader has gone: received items are discarded, and their credits returned.
    discards: bool,
    /// An item that the writer has sent, and that waits for room in the outbox. At most one, and the stream is blocked
    /// while it waits.
    queued_item: Option<Bytes>,
}

impl StreamCore {
    pub(in crate::proto) fn new(
        next_send: u32,
        next_recv: u32,
        credits: SendCredits,
        recv_capacity: u32,
    ) -> Self {
        Self {
            next_send,
            next_recv,
            credits,
            window: RecvWindow::new(recv_capacity),
            items: VecDeque::new(),
            held: 0,
            discards: false,
            queued_item: None,
        }
    }

    // ---- sending ----------------------------------------------------------------------------------------------------

    /// Whether an item can be sent: there is a credit, and no item waits.
    pub(in crate::proto) fn can_send(&self) -> bool {
        !self.credits.is_empty() && self.queued_item.is_none()
    }

    /// Spends a credit; `false` if there is none.
    #[must_use]
    pub(in crate::proto) fn take_credit(&mut self) -> bool {
        self.credits.take()
    }

    /// The peer has accepted the stream: all credits are available.
    pub(in crate::proto) fn open_credits(&mut self) {
        self.credits.open();
    }

    /// The peer has returned credits. Returns whether the stream can use any of them.
    #[must_use]
    pub(in crate::proto) fn grant_credits(&mut self, count: u32) -> bool {
        self.credits.grant(count)
    }

    /// Keeps an item, as retained by the output, until there is room for it.
    pub(in crate::proto) fn queue_item(&mut self, item: Bytes) {
        debug_assert!(self.queued_item.is_none(), "`can_send` comes before");
        self.queued_item = Some(item);
    }

    pub(in crate::proto) fn has_queued_item(&self) -> bool {
        self.queued_item.is_some()
    }

    /// Length of the item that waits.
    pub(in crate::proto) fn queued_bytes(&self) -> usize {
        self.queued_item.as_ref().map_or(0, Bytes::len)
    }

    /// Takes the item that waits. It must be released to the output.
    pub(in crate::proto) fn take_queued_item(&mut self) -> Option<Bytes> {
        self.queued_item.take()
    }

    /// The sequence number for the next message. It must be sent, and in this order.
    pub(in crate::proto) fn next_seq(&mut self) -> u32 {
        let seq = self.next_send;
        self.next_send = seq.wrapping_add(1);
        seq
    }

    // ---- receiving --------------------------------------------------------------------------------------------------

    /// Checks the sequence number of a received message.
    pub(in crate::proto) fn check(&mut self, got: u32) -> Result<(), Mismatch> {
        let want = self.next_recv;
        if got != want {
            return Err(Mismatch { want, got });
        }
        self.next_recv = want.wrapping_add(1);
        Ok(())
    }

    /// Counts an item that was received. Returns `false` if the sender had no credit for it.
    #[must_use]
    pub(in crate::proto) fn spend(&mut self) -> bool {
        self.window.receive()
    }

    /// Keeps an item for the reader, for which the link has counted `held` bytes. An item that is sent together with
    /// the end of the stream needs no credit; any other one must have passed [`spend`](Self::spend).
    pub(in crate::proto) fn keep(&mut self, item: Bytes, held: u32) {
        self.items.push_back(Unread { item, held });
        self.held += held as usize;
    }

    /// Bytes that are counted for the items that wait for the reader.
    pub(in crate::proto) fn held(&self) -> usize {
        self.held
    }

    #[cfg(test)]
    pub(in crate::proto) fn has_items(&self) -> bool {
        !self.items.is_empty()
    }

    /// Items that the peer may have sent before it learns that the stream is over.
    pub(in crate::proto) fn recv_capacity(&self) -> u32 {
        self.window.capacity()
    }

    /// Takes the next item.
    pub(in crate::proto) fn take(&mut self, batch: bool) -> Option<Taken> {
        let taken = self.take_leftover()?;
        Some(Taken { credits: self.window.take(batch), ..taken })
    }

    /// Takes the next item of a stream that has ended, whose credits do not matter any more.
    pub(in crate::proto) fn take_leftover(&mut self) -> Option<Taken> {
        let Unread { item, held } = self.items.pop_front()?;
        self.held -= held as usize;
        Some(Taken { item, credits: 0, freed: held as usize })
    }

    /// The reader has gone. The items that it has not taken, and all further ones, must be discarded.
    pub(in crate::proto) fn set_discards(&mut self) {
        self.discards = true;
    }

    pub(in crate::proto) fn discards(&self) -> bool {
        self.discards
    }
}
