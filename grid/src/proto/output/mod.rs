//! Everything that a link has to send: encoded messages, large ones in parts, and the queues of those that wait for
//! room.
//!
//! | file | what |
//! |---|---|
//! | `mod.rs` | [`Output`], the only type of these that the link uses |
//! | `header.rs` | headers of messages |
//! | `queue.rs` | who waits for room, in order |
//! | `outbound.rs` | a message for the socket |
//! | `outbox.rs` | encoded messages, small ones merged |
//! | `transfers.rs` | large messages in parts |

pub(super) mod header;
pub(super) mod outbound;
pub(super) mod outbox;
pub(super) mod queue;
mod transfers;

use bytes::Bytes;

use self::header::HeaderTemplate;
use self::outbound::Outbound;
use self::outbox::{Kind, Outbox, Ticket};
use self::queue::{BySize, Lane, PendingSend, SendQueue, Size};
use crate::proto::body::Body;
use crate::proto::event::Side;
use crate::proto::limits::Limits;
use crate::proto::wire::{Frame, Header, MuxId, SubrouteId};

/// The output of one link.
///
/// It knows messages and bytes, but no calls: what waits to be sent is in the entries of the calls, and the queues here
/// only say whose turn it is. Calls, answers and items are sent by this sequence:
///
/// 1. [`lane_of`](Self::lane_of) or [`lane_of_item`](Self::lane_of_item) tells the lane.
/// 2. If [`has_capacity`](Self::has_capacity), push the message at once.
/// 3. Otherwise [`retain`](Self::retain) its payload in the call's entry and [`enqueue`](Self::enqueue) the call. When
///    [`next_admitted`](Self::next_admitted) returns it, push the message and [`release`](Self::release) the payload.
///
/// Credits, pings, cancellations and other control messages are pushed without asking: the base protocol has no way to
/// delay them.
///
/// Before [`stop`](Self::stop) the link must have asked [`was_transmitted`](Self::was_transmitted) of every call that
/// ends with the connection; afterwards the answer means nothing.
#[derive(Debug)]
pub(super) struct Output {
    outbox: Outbox,
    small: SendQueue,
    /// Empty where the peer does not know `chunks`.
    large: BySize<SendQueue>,
    /// Bytes of answers and items of handlers that wait in the queues.
    waiting: usize,
    /// The connection that is up, if one is.
    session: Option<SessionOptions>,
    limits: OutputLimits,
    messages: u64,
    bytes: u64,
}

/// What the output needs to know of a session.
#[derive(Debug, Clone, Copy)]
pub(super) struct SessionOptions {
    /// Messages carry checksums.
    pub(super) checksum: bool,
    /// Large messages travel in parts.
    pub(super) chunks: bool,
    /// Largest message that both nodes permit.
    pub(super) message_bytes_max: usize,
}

/// The output's part of [`Limits`].
#[derive(Debug, Clone, Copy)]
struct OutputLimits {
    outbox_bytes: usize,
    transfer_bytes: usize,
    large_bytes: usize,
}

impl Output {
    /// Without a connection.
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            outbox: Outbox::new(limits),
            small: SendQueue::default(),
            large: BySize::default(),
            waiting: 0,
            session: None,
            limits: OutputLimits {
                outbox_bytes: limits.outbox_bytes,
                transfer_bytes: limits.transfer_bytes,
                large_bytes: limits.large_bytes,
            },
            messages: 0,
            bytes: 0,
        }
    }

    /// A connection is up. The link must admit what has been waiting for one afterwards.
    pub(super) fn start(&mut self, session: SessionOptions) {
        debug_assert!(self.session.is_none() && self.outbox.is_empty());
        self.outbox.keep_to(session.message_bytes_max);
        self.session = Some(session);
    }

    /// The connection is gone: drops all messages. Calls for which `still_waits` keep their place.
    pub(super) fn stop(&mut self, still_waits: impl FnMut(PendingSend) -> bool) {
        self.session = None;
        self.outbox.clear();
        // Which messages travel in parts is not known until there is a connection again.
        for size in Size::ALL {
            self.small.append(self.large.get_mut(size));
        }
        self.small.sweep(still_waits);
    }

    // ---- whose turn it is -------------------------------------------------------------------------------------------

    /// The lane of a message with a payload of this length.
    #[inline]
    pub(super) fn lane_of(&self, payload_len: usize) -> Lane {
        let in_parts = payload_len > self.limits.large_bytes
            && self.session.is_some_and(|session| session.chunks);
        if in_parts { Lane::Large(self.size_of(payload_len)) } else { Lane::Small }
    }

    fn size_of(&self, payload_len: usize) -> Size {
        Size::of(payload_len, self.limits.transfer_bytes)
    }

    /// The lane of an item. If a large item of the same stream has not left, which this item must not overtake, it is the
    /// lane of that.
    #[inline]
    pub(super) fn lane_of_item(
        &self,
        side: Side,
        id: impl FnOnce() -> Option<MuxId>,
        len: usize,
    ) -> Lane {
        if self.outbox.transfer_bytes() > 0
            && let Some(size) = id().and_then(|id| self.outbox.size_of_transfer(side, id))
        {
            return Lane::Large(size);
        }
        self.lane_of(len)
    }

    /// Whether a call, an answer or an item can be sent now without overtaking another one of its lane.
    pub(super) fn has_capacity(&self, lane: Lane) -> bool {
        self.is_open(lane) && self.queue(lane).is_empty()
    }

    /// Whether a payload of this length can be sent now, before others that wait for their turn.
    pub(super) fn may_send(&self, payload_len: usize) -> bool {
        self.is_open(self.lane_of(payload_len))
    }

    /// Whether something of this lane waits for its turn.
    pub(super) fn has_waiting(&self, lane: Lane) -> bool {
        !self.queue(lane).is_empty()
    }

    fn is_open(&self, lane: Lane) -> bool {
        self.session.is_some() && self.has_room(lane)
    }

    fn has_room(&self, lane: Lane) -> bool {
        match lane {
            Lane::Small => self.outbox.small_bytes() < self.limits.outbox_bytes,
            Lane::Large(size) => self.outbox.transfer_bytes_of(size) < self.limits.transfer_bytes,
        }
    }

    fn queue(&self, lane: Lane) -> &SendQueue {
        match lane {
            Lane::Small => &self.small,
            Lane::Large(size) => self.large.get(size),
        }
    }

    /// Lets a call, an answer or an item wait for its turn. `still_waits` tells whether an older place is still needed.
    pub(super) fn enqueue(
        &mut self,
        lane: Lane,
        pending: PendingSend,
        still_waits: impl FnMut(PendingSend) -> bool,
    ) {
        match lane {
            Lane::Small => self.small.push(pending, still_waits),
            Lane::Large(size) => self.large.get_mut(size).push(pending, still_waits),
        }
    }

    /// The next one whose turn it is, while there is room. It may have stopped waiting since it was queued. The link
    /// must push its message before it asks again, or there would always be room.
    #[inline]
    pub(super) fn next_admitted(&mut self) -> Option<PendingSend> {
        // Asked after each message that leaves, and mostly with empty queues.
        if self.small.is_empty() && self.is_large_empty() {
            return None;
        }
        self.pop_admitted()
    }

    fn pop_admitted(&mut self) -> Option<PendingSend> {
        self.session?;
        while self.has_room(Lane::Small)
            && let Some(pending) = self.small.pop()
        {
            match pending {
                // It has been waiting since there was no connection, and it was not known how it would travel.
                PendingSend::Call { payload_len, .. }
                    if self.lane_of(payload_len) != Lane::Small =>
                {
                    let size = self.size_of(payload_len);
                    self.large.get_mut(size).push_moved(pending);
                }
                _ => return Some(pending),
            }
        }
        let admits =
            |size: &Size| self.has_room(Lane::Large(*size)) && !self.large.get(*size).is_empty();
        let size = Size::ALL.into_iter().find(admits)?;
        self.large.get_mut(size).pop()
    }

    fn is_large_empty(&self) -> bool {
        Size::ALL.into_iter().all(|size| self.large.get(size).is_empty())
    }

    // ---- messages ---------------------------------------------------------------------------------------------------

    /// Adds a control message without trailers. Without a connection nothing happens.
    #[inline]
    pub(super) fn push(&mut self, header: HeaderTemplate, payload: Option<&[u8]>) -> Ticket {
        self.push_with(header, payload, &[])
    }

    /// Like [`push`](Self::push), with encoded metadata.
    #[inline]
    pub(super) fn push_with(
        &mut self,
        header: HeaderTemplate,
        payload: Option<&[u8]>,
        meta: &[u8],
    ) -> Ticket {
        if payload.is_some_and(|payload| self.lane_of(payload.len()) != Lane::Small) {
            // Of the messages that come here only the text of an error can be so large, which is rare enough to copy.
            let copied = payload.map(|payload| Bytes::copy_from_slice(payload).into());
            let len = payload.map_or(0, <[u8]>::len);
            return self.push_shared(header, copied.as_ref(), meta, None, len);
        }
        let frame = Frame { header: self.build(header), payload, meta, subroute: None };
        self.push_frame(&frame, Kind::Control)
    }

    /// Adds a call, an answer or an item with all trailers. The payload is shared instead of copied if it is large;
    /// `counted` bytes of it are held until it has left.
    pub(super) fn push_shared(
        &mut self,
        header: HeaderTemplate,
        payload: Option<&Body>,
        meta: &[u8],
        subroute: Option<&SubrouteId>,
        counted: usize,
    ) -> Ticket {
        let mut frame = Frame { header: self.build(header), payload: None, meta, subroute };
        let Some(body) = payload else { return self.push_frame(&frame, Kind::Data) };
        match body.as_slice() {
            Some(bytes) if bytes.len() <= self.limits.large_bytes => {
                frame.payload = Some(bytes);
                self.push_frame(&frame, Kind::Data)
            }
            _ => self.push_large(&frame, body, counted),
        }
    }

    fn push_large(&mut self, frame: &Frame<'_>, payload: &Body, counted: usize) -> Ticket {
        if self.session.is_none() {
            return Ticket::None;
        }
        self.messages += 1;
        match self.lane_of(payload.len()) {
            Lane::Small => self.outbox.push_whole(frame, payload, counted),
            Lane::Large(size) => self.outbox.push_large(frame, payload, size, counted),
        }
    }

    #[inline]
    fn build(&self, header: HeaderTemplate) -> Header {
        header.build(self.session.is_some_and(|session| session.checksum))
    }

    #[inline]
    fn push_frame(&mut self, frame: &Frame<'_>, kind: Kind) -> Ticket {
        if self.session.is_none() {
            return Ticket::None;
        }
        self.messages += 1;
        self.outbox.push(frame, kind)
    }

    /// The next bytes for the socket. They leave room, so the link must admit what waits afterwards.
    pub(super) fn pop(&mut self) -> Option<Outbound> {
        let message = self.outbox.pop()?;
        self.bytes += message.len() as u64;
        Some(message)
    }

    /// Whether the message has been returned by [`pop`](Self::pop), all of its parts included.
    pub(super) fn was_transmitted(&self, ticket: Ticket) -> bool {
        self.outbox.was_transmitted(ticket)
    }

    /// Whether the message has not been returned by [`pop`](Self::pop). Of one that waits behind a large one of its call,
    /// [`has_transfer_of`](Self::has_transfer_of) tells.
    pub(super) fn is_waiting(&self, ticket: Ticket) -> bool {
        ticket != Ticket::None && !self.outbox.was_transmitted(ticket)
    }

    /// Whether a large message of this call has not left.
    pub(super) fn has_transfer_of(&self, side: Side, id: MuxId) -> bool {
        self.outbox.size_of_transfer(side, id).is_some()
    }

    /// Drops the large messages of a call that have not left, and the messages queued behind them. Returns whether one
    /// of them opens the call, so that the peer does not know of it and need not be told that it is over.
    ///
    /// Small messages are not withdrawn; they have been encoded between those of other calls.
    pub(super) fn withdraw(&mut self, side: Side, id: MuxId) -> bool {
        self.outbox.withdraw(side, id)
    }

    // ---- memory -----------------------------------------------------------------------------------------------------

    /// An answer or an item of this length waits in a queue. Those of callers are not counted.
    pub(super) fn count_waiting(&mut self, side: Side, bytes: usize) {
        if side == Side::Callee {
            self.waiting += bytes;
        }
    }

    /// It does not wait in a queue any more.
    pub(super) fn count_sent(&mut self, side: Side, bytes: usize) {
        if side == Side::Callee {
            debug_assert!(bytes <= self.waiting);
            self.waiting = self.waiting.saturating_sub(bytes);
        }
    }

    // ---- payloads of the user ---------------------------------------------------------------------------------------

    /// Keeps a payload for later. A large one is shared with the user, as a copy would take too long under the lock,
    /// and must end in [`release`](Self::release); a small one is copied.
    pub(super) fn retain(&self, payload: &Body) -> Body {
        match payload.as_slice() {
            Some(bytes) if bytes.len() <= self.limits.large_bytes => {
                Bytes::copy_from_slice(bytes).into()
            }
            _ => payload.clone(),
        }
    }

    /// Hands a payload from [`retain`](Self::retain) on to [`pop_released`](Self::pop_released), so that it is dropped
    /// outside the lock if it is shared with the user.
    pub(super) fn release(&mut self, payload: Option<Body>) {
        let is_large = |bytes: &[u8]| bytes.len() > self.limits.large_bytes;
        if let Some(payload) = payload.filter(|payload| payload.as_slice().is_none_or(is_large)) {
            self.outbox.release(payload.into_shared());
        }
    }

    /// The next payload to be dropped outside the lock.
    pub(super) fn pop_released(&mut self) -> Option<Bytes> {
        self.outbox.pop_released()
    }

    // ---- figures ----------------------------------------------------------------------------------------------------

    /// Whether there is something for the socket, or would be as soon as the link admits what waits.
    pub(super) fn wants_transmit(&self) -> bool {
        // A withdrawn transfer leaves room without a `pop` after which the link would have admitted the next one.
        let can_admit = || {
            self.session.is_some()
                && Size::ALL.into_iter().any(|size| {
                    !self.large.get(size).is_empty() && self.has_room(Lane::Large(size))
                })
        };
        !self.outbox.is_empty() || can_admit()
    }

    /// Whether all messages have left. Those in the queues do not count: they are not messages yet.
    pub(super) fn is_empty(&self) -> bool {
        self.outbox.is_empty()
    }

    /// Bytes of messages that have not left.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.outbox.bytes()
    }

    /// Bytes of control messages that have not left. Nothing else limits them.
    pub(super) fn control_bytes(&self) -> usize {
        self.outbox.control_bytes()
    }

    /// Memory that is allocated because the peer has not read messages: the encoded ones, and answers and items of
    /// handlers. This node's own large calls are not included, nor are those in the queues: they belong to the user.
    #[inline]
    pub(super) fn held_bytes(&self) -> usize {
        self.outbox.allocated_bytes() + self.waiting
    }

    /// Messages pushed since the link was created, the parts of a large one as one.
    pub(super) fn messages_pushed(&self) -> u64 {
        self.messages
    }

    /// Bytes popped since the link was created.
    pub(super) fn bytes_popped(&self) -> u64 {
        self.bytes
    }

    /// Places in both queues, those included that are not needed any more.
    #[cfg(any(test, feature = "__internals"))]
    pub(super) fn queued(&self) -> usize {
        let large = Size::ALL.into_iter().map(|size| self.large.get(size).len());
        self.small.len() + large.sum::<usize>()
    }
}
