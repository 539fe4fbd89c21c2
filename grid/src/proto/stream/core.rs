//! The state of an open stream that both sides have: sequence numbers, credits, and the items that wait for the reader.
//!
//! The caller's and the callee's streams (caller/, callee/) differ only in how they open and end.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use crate::proto::body::Body;
use crate::proto::memory::Handover;
use crate::proto::stream::control::{Inflow, Outflow, Returned};
use crate::proto::stream::look::{RecvLook, SendLook, SendWait};
use crate::proto::stream::stall::Stall;
use crate::proto::stream::window::RecvWindow;
use crate::proto::ticks::Ticks;
use crate::proto::wire::Grant;

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
    /// What it uses of the stream's window until it is taken.
    used: u32,
    /// Ends its charge, if it has one of its own.
    handover: Option<Handover>,
}

/// An item that the reader takes.
#[derive(Debug)]
pub(in crate::proto) struct Taken {
    pub(in crate::proto) item: Bytes,
    /// What the sender must be told now.
    pub(in crate::proto) returned: Option<Returned>,
    /// Bytes that are not held any more.
    pub(in crate::proto) freed: usize,
}

/// What an item costs beside its payload: its place in the queue, which doubles as it grows.
const ITEM_MEMORY: u32 = 2 * size_of::<Unread>() as u32;

/// What is to be counted for an item while it waits for the reader, if its payload pins that many bytes.
#[inline]
pub(in crate::proto) fn item_bytes(pins: u32) -> u32 {
    ITEM_MEMORY.saturating_add(pins)
}

/// State that both ends of a stream have.
#[derive(Debug)]
pub(in crate::proto) struct StreamCore {
    next_send: u32,
    next_recv: u32,
    /// When its opening was sent or received.
    since: Ticks,
    outflow: Outflow,
    inflow: Inflow,
    items: VecDeque<Unread>,
    /// Memory of `items`, as far as the link counts it.
    held: usize,
    /// What `items` use of the window.
    unread: u64,
    /// The reader has gone: received items are discarded, and their credits returned.
    discards: bool,
    /// The receiver must know with the item that is sent next that something had to wait for its window.
    waited: bool,
    /// Whether the writer waits for the reader at the peer.
    stall: Stall,
    /// An item that the writer has sent, and that waits for room in the outbox. At most one, and the stream is blocked
    /// while it waits.
    queued_item: Option<Body>,
}

impl StreamCore {
    pub(in crate::proto) fn new(
        next_send: u32,
        next_recv: u32,
        since: Ticks,
        outflow: Outflow,
        inflow: Inflow,
    ) -> Self {
        Self {
            next_send,
            next_recv,
            since,
            outflow,
            inflow,
            items: VecDeque::new(),
            held: 0,
            unread: 0,
            discards: false,
            waited: false,
            stall: Stall::None,
            queued_item: None,
        }
    }

    // ---- sending ----------------------------------------------------------------------------------------------------

    /// Whether an item can be sent: the receiver has room for it, and no item waits.
    pub(in crate::proto) fn can_send(&self) -> bool {
        self.outflow.is_open() && self.queued_item.is_none()
    }

    /// An item has to wait, for the receiver or for the item before it. Returns whether the wait for the receiver begins.
    pub(in crate::proto) fn note_wait(&mut self) -> bool {
        self.outflow.note_wait();
        !self.outflow.is_open() && self.stall.note()
    }

    /// Called at intervals. Returns how long the writer has waited for the reader, once for each wait that is too long.
    pub(in crate::proto) fn slow_reader(&mut self, now: Ticks) -> Option<Duration> {
        if self.outflow.is_open() {
            // The reader has made room, and there is nothing to send.
            self.stall = Stall::None;
        }
        self.stall.slow_reader(now)
    }

    /// Spends what an item of this length needs; `false` if the receiver has no room.
    #[must_use]
    pub(in crate::proto) fn spend(&mut self, len: usize) -> bool {
        self.stall = Stall::None;
        self.waited = self.outflow.take_waited();
        self.outflow.spend(len)
    }

    /// The same for the error that ends the stream.
    #[must_use]
    pub(in crate::proto) fn spend_for_error(&mut self) -> bool {
        self.outflow.spend_for_error()
    }

    /// Whether something had to wait for the receiver's window before the item that was spent last.
    pub(in crate::proto) fn waited(&self) -> bool {
        self.waited
    }

    /// The peer has accepted the stream, with this window if the session has windows.
    pub(in crate::proto) fn open(&mut self, announced: Option<Grant>) {
        self.outflow.open(announced);
    }

    /// The reader at the peer has taken items. Returns whether the stream can use what was returned.
    #[must_use]
    pub(in crate::proto) fn take_back(&mut self, returned: Returned) -> bool {
        self.outflow.take_back(returned)
    }

    /// Keeps an item, as retained by the output, until there is room for it.
    pub(in crate::proto) fn queue_item(&mut self, item: Body) {
        debug_assert!(self.queued_item.is_none(), "`can_send` comes before");
        self.queued_item = Some(item);
    }

    pub(in crate::proto) fn has_queued_item(&self) -> bool {
        self.queued_item.is_some()
    }

    /// Length of the item that waits.
    pub(in crate::proto) fn queued_bytes(&self) -> usize {
        self.queued_item.as_ref().map_or(0, Body::len)
    }

    /// Takes the item that waits. It must be released to the output.
    pub(in crate::proto) fn take_queued_item(&mut self) -> Option<Body> {
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

    /// Counts an item that was received. Returns `false` if the sender was not allowed to send it. `waited`: the sender says
    /// that something had to wait for the window.
    #[must_use]
    pub(in crate::proto) fn receive(&mut self, len: usize, waited: bool) -> bool {
        self.inflow.receive(len, waited, self.items.is_empty())
    }

    /// Keeps an item for the reader, for which the link has counted `held` bytes. An item that is sent together with
    /// the end of the stream needs no credit; any other one must have passed [`receive`](Self::receive).
    pub(in crate::proto) fn keep(&mut self, item: Bytes, held: u32, handover: Option<Handover>) {
        // A large item counts by itself, and is not in `held`. A small one may keep a larger buffer.
        let used = u32::try_from(item.len()).unwrap_or(u32::MAX).max(held);
        self.items.push_back(Unread { item, held, used, handover });
        self.held += held as usize;
        self.unread += u64::from(used);
    }

    /// Bytes that are counted for the items that wait for the reader.
    pub(in crate::proto) fn held(&self) -> usize {
        self.held
    }

    #[cfg(any(test, feature = "__internals"))]
    pub(in crate::proto) fn has_items(&self) -> bool {
        !self.items.is_empty()
    }

    /// Items that the peer may have sent before it learns that the stream is over.
    pub(in crate::proto) fn items_under_way(&self) -> u32 {
        self.inflow.items_max()
    }

    /// The memory that the stream's window may cause; 0 without a window.
    pub(in crate::proto) fn window(&self) -> u32 {
        self.inflow.window().map_or(0, RecvWindow::target)
    }

    /// By how much the window should grow. Not for items that nobody reads.
    pub(in crate::proto) fn wanted_window(&self) -> u32 {
        if self.discards { 0 } else { self.inflow.window().map_or(0, RecvWindow::wanted) }
    }

    /// The window may be larger by this much.
    pub(in crate::proto) fn grow_window(&mut self, bytes: u32) {
        if let Some(window) = self.inflow.window_mut() {
            window.grow(bytes);
        }
    }

    /// Makes the window smaller by at most this much, and returns by how much.
    pub(in crate::proto) fn shrink_window(&mut self, bytes: u32) -> u32 {
        let unread = self.unread;
        self.inflow.window_mut().map_or(0, |window| window.shrink(bytes, unread))
    }

    /// No more items are received. Returns what the stream had of the link's windows.
    pub(in crate::proto) fn give_up_window(&mut self) -> u32 {
        self.inflow.window_mut().map_or(0, RecvWindow::give_up)
    }

    /// Takes the next item.
    pub(in crate::proto) fn take(&mut self, batch: bool) -> Option<Taken> {
        let taken = self.take_leftover()?;
        Some(Taken { returned: self.inflow.take(self.unread, batch), ..taken })
    }

    /// Takes the next item of a stream that has ended, whose credits do not matter any more.
    pub(in crate::proto) fn take_leftover(&mut self) -> Option<Taken> {
        let Unread { item, held, used, handover } = self.items.pop_front()?;
        if let Some(handover) = handover {
            handover.complete();
        }
        self.held -= held as usize;
        self.unread -= u64::from(used);
        Some(Taken { item, returned: None, freed: held as usize })
    }

    /// The reader has gone. The items that it has not taken, and all further ones, must be discarded.
    pub(in crate::proto) fn set_discards(&mut self) {
        self.discards = true;
    }

    pub(in crate::proto) fn discards(&self) -> bool {
        self.discards
    }

    // ---- for operators ----------------------------------------------------------------------------------------------

    pub(in crate::proto) fn age(&self, now: Ticks) -> Duration {
        now.since(self.since)
    }

    /// The items that this side sends. `is_finishing`: the stream's end is to be sent, and nothing else.
    pub(in crate::proto) fn look_at_sending(&self, now: Ticks, is_finishing: bool) -> SendLook {
        let waits_for_reader =
            !self.outflow.is_open() && (self.stall != Stall::None || is_finishing);
        let wait = match self.has_queued_item() {
            true => Some(SendWait::Socket),
            false => waits_for_reader.then(|| SendWait::Reader(self.stall.waited(now))),
        };
        SendLook { window: self.outflow.look(), wait }
    }

    /// The items that this side receives. `expects_items`: the peer may still send some.
    pub(in crate::proto) fn look_at_receiving(&self, expects_items: bool) -> RecvLook {
        let unread = self.items.len();
        let is_blocked = expects_items && unread > 0 && !self.inflow.is_open();
        RecvLook { window: self.inflow.look(), unread, is_blocked }
    }
}
