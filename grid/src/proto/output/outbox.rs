//! Encoded messages that wait for the socket. They leave in the order in which they were pushed, small neighbours
//! merged into one WebSocket message. Between those, large messages leave in parts (transfers.rs), where the peer knows
//! `chunks`.
//!
//! Order matters twice: the messages of one stream carry sequence numbers, and the end of a stream must not overtake
//! its items. The outbox itself has no bound and no fairness; callers that find it full wait in a queue (queue.rs).
//!
//! Every message is encoded as a part of a Merged message, with space for the container's header before the first one.
//! So merging needs no copy, and a message that stays alone is sent as a slice without the header and its prefix.

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};

use super::outbound::Outbound;
use super::queue::Size;
use super::transfers::{Follower, NextPart, Transfers};
use crate::proto::body::Body;
use crate::proto::event::Side;
use crate::proto::limits::Limits;
use crate::proto::wire::{Flags, Frame, MuxId, Op, merged};

/// Parts in one merged message. The Go implementation merges at most this many, and more were not faster.
const PARTS_MAX: u32 = 51;

/// Size of a merged message above which no part is added, so that the peer can read it with one read of 32 KiB.
const BYTES_MAX: usize = 31 * 1024;

/// Size of one allocation.
const SPACE_BYTES: usize = 32 * 1024;

/// Encoded messages that wait for the socket.
#[derive(Debug)]
pub(in crate::proto) struct Outbox {
    /// A message is closed when the next part would exceed this size.
    bytes_max: usize,
    /// A message is closed after this many requests or answers. Items of streams don't count: no caller blocks on them.
    calls_max: u32,
    /// The message being filled: space for a header, then the parts.
    open: BytesMut,
    open_parts: u32,
    open_calls: u32,
    /// Bytes of control messages in it.
    open_control: usize,
    /// Length of the first part's prefix, which is cut off if it stays the only part.
    first_prefix: usize,
    /// Closed messages.
    ready: VecDeque<Ready>,
    /// Bytes in `ready`.
    ready_bytes: usize,
    /// Memory of `ready`.
    ready_space: usize,
    /// Bytes of control messages in `open` and `ready`.
    control: usize,
    /// Small messages pushed so far.
    pushed: u64,
    /// Small messages popped or dropped so far.
    transmitted: u64,
    /// Large messages, where the peer knows `chunks`.
    transfers: Transfers,
    /// Whether a part of a large message is next, as small messages and parts take turns.
    part_is_next: bool,
    /// Payloads that are not needed any more, to be dropped outside the lock.
    released: Vec<Bytes>,
}

/// Identifies a pushed message, for [`Outbox::was_transmitted`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proto) enum Ticket {
    Small(u64),
    Large(u64),
    /// The message was dropped because there is no connection, or it waits behind a large one. The first message of a
    /// call, the only one that is asked for, does neither.
    None,
}

/// Whether a message waits for room before it is pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proto) enum Kind {
    /// Calls, answers and items do.
    Data,
    /// Credits, pongs, refusals and the like do not.
    Control,
}

/// A closed message.
#[derive(Debug)]
struct Ready {
    message: Outbound,
    /// Number of protocol messages in it.
    parts: u32,
    /// Bytes of control messages in it.
    control: usize,
    /// Memory that it keeps allocated.
    space: usize,
}

/// What a closed message costs beside its bytes if they were copied.
const READY_BYTES: usize = size_of::<Ready>() + 16;

/// Closed messages own a whole allocation, which is used again as soon as they have left. If this many wait, the socket
/// is slower than this node, and shorter ones are copied to a place that is just large enough, so that many small
/// messages do not own much more memory than they use.
const COPIED_FROM: [(usize, usize); 2] = [(8, SPACE_BYTES / 8), (64, SPACE_BYTES / 2)];

impl Outbox {
    /// An empty outbox. Merged messages keep to `message_bytes_max` too, as the peer refuses larger ones.
    pub(in crate::proto) fn new(limits: &Limits) -> Self {
        Self {
            bytes_max: BYTES_MAX.min(limits.message_bytes_max),
            calls_max: limits.calls_merged_max,
            open: BytesMut::new(),
            open_parts: 0,
            open_calls: 0,
            open_control: 0,
            first_prefix: 0,
            ready: VecDeque::new(),
            ready_bytes: 0,
            ready_space: 0,
            control: 0,
            pushed: 0,
            transmitted: 0,
            transfers: Transfers::new(limits.part_bytes),
            part_is_next: false,
            released: Vec::new(),
        }
    }

    /// Sets the largest message that the peer of the next connection accepts.
    pub(in crate::proto) fn keep_to(&mut self, message_bytes_max: usize) {
        self.bytes_max = BYTES_MAX.min(message_bytes_max);
    }

    /// Adds a message, behind a large one of the same call if there is one.
    pub(in crate::proto) fn push(&mut self, frame: &Frame<'_>, kind: Kind) -> Ticket {
        if self.transfers.push_follower(frame) {
            return Ticket::None;
        }
        let number = self.add(frame.encoded_len(), kind, |out| frame.encode(out));
        self.open_calls += u32::from(matches!(frame.header.op, Op::Request | Op::Response));
        Ticket::Small(number)
    }

    /// Adds a message that travels in parts. Its payload, which `frame` does not have, is shared instead of copied;
    /// `counted` bytes of it are included in [`allocated_bytes`](Self::allocated_bytes).
    pub(super) fn push_large(
        &mut self,
        frame: &Frame<'_>,
        payload: &Body,
        size: Size,
        counted: usize,
    ) -> Ticket {
        Ticket::Large(self.transfers.push(frame, payload, size, counted, self.pushed))
    }

    /// Adds a large message that travels as a whole, for a peer that knows no parts. Otherwise like
    /// [`push_large`](Self::push_large).
    pub(super) fn push_whole(
        &mut self,
        frame: &Frame<'_>,
        payload: &Body,
        counted: usize,
    ) -> Ticket {
        if self.open_parts > 0 {
            self.finish();
        }
        let (before, after) = frame.around(payload);
        let has_checksum = frame.header.flags.contains(Flags::CRC);
        let shared = payload.shared().clone();
        let message = Outbound::around(before, shared, after, has_checksum);
        self.ready_bytes += message.len();
        self.ready_space += counted;
        self.ready.push_back(Ready { message, parts: 1, control: 0, space: counted });
        self.pushed += 1;
        Ticket::Small(self.pushed - 1)
    }

    fn add(&mut self, len: usize, kind: Kind, encode: impl FnOnce(&mut BytesMut)) -> u64 {
        let prefix = merged::part_prefix_len(len);
        let is_full = self.open_parts >= PARTS_MAX
            || self.open_calls >= self.calls_max
            || self.open.len() + prefix + len > self.bytes_max;
        if self.open_parts > 0 && is_full {
            self.finish();
        }
        if self.open_parts == 0 {
            self.begin(prefix + len);
            self.first_prefix = prefix;
        }
        let before = self.open.len();
        merged::write_part_prefix(len, &mut self.open);
        encode(&mut self.open);
        debug_assert_eq!(self.open.len() - before, prefix + len);
        if kind == Kind::Control {
            self.open_control += prefix + len;
            self.control += prefix + len;
        }
        self.open_parts += 1;
        self.pushed += 1;
        self.pushed - 1
    }

    /// The next bytes for the socket, one WebSocket message. Small messages and parts of large ones take turns.
    pub(in crate::proto) fn pop(&mut self) -> Option<Outbound> {
        // Small messages and parts alternate while there are both. Without small messages the parts follow each other,
        // and a small message that is pushed then is sent after one more part at most.
        if !self.part_is_next
            && let Some(message) = self.pop_small()
        {
            self.part_is_next = !self.transfers.is_empty();
            return Some(message);
        }
        self.part_is_next = false;
        // No part, if the transfer must wait for small messages that were pushed before it.
        self.pop_part().or_else(|| self.pop_small())
    }

    fn pop_part(&mut self) -> Option<Outbound> {
        let NextPart { part, finished } = self.transfers.pop(self.transmitted)?;
        let Some(finished) = finished else { return Some(part) };
        self.released.push(finished.payload);
        let mut followers = finished.followers;
        // The followers up to the next large one become small messages; that one becomes a transfer with the rest
        // behind it.
        while let Some(next) = followers.pop_front() {
            match next {
                Follower::Small(message, size) => {
                    self.transfers.follower_moved(message.len(), size);
                    // Not known any more, and control messages must not escape their limit here.
                    let kind = Kind::Control;
                    self.add(message.len(), kind, |out| out.extend_from_slice(&message));
                }
                Follower::Large(message) => {
                    self.transfers.begin(finished.owner, message, followers, self.pushed);
                    break;
                }
            }
        }
        Some(part)
    }

    fn pop_small(&mut self) -> Option<Outbound> {
        if self.ready.is_empty() && self.open_parts > 0 {
            self.finish();
        }
        let Ready { message, parts, control, space } = self.ready.pop_front()?;
        self.transmitted += u64::from(parts);
        self.control -= control;
        self.ready_space -= space;
        self.ready_bytes -= message.len();
        Some(message)
    }

    /// Whether all of the message has been popped. Means nothing for messages pushed before the last
    /// [`clear`](Self::clear).
    pub(super) fn was_transmitted(&self, ticket: Ticket) -> bool {
        match ticket {
            Ticket::Small(number) => number < self.transmitted,
            Ticket::Large(number) => !self.transfers.is_pending(number),
            Ticket::None => false,
        }
    }

    /// Bytes of small messages that have not left.
    pub(super) fn small_bytes(&self) -> usize {
        self.ready_bytes + self.open.len()
    }

    /// Bytes of large messages and their followers that have not left.
    pub(super) fn transfer_bytes(&self) -> usize {
        self.transfers.bytes()
    }

    /// The same for those of one size.
    pub(super) fn transfer_bytes_of(&self, size: Size) -> usize {
        self.transfers.bytes_of(size)
    }

    /// Bytes of control messages that have not left. Messages that wait behind a large one of their call count as well.
    pub(super) fn control_bytes(&self) -> usize {
        self.control + self.transfers.follower_bytes()
    }

    /// Memory of the messages that have not left, without payloads that are shared with the caller of
    /// [`push_large`](Self::push_large) and were not counted.
    #[inline]
    pub(super) fn allocated_bytes(&self) -> usize {
        self.ready_space + self.open.capacity() + self.transfers.held_bytes()
    }

    /// Bytes that have not left.
    pub(super) fn bytes(&self) -> usize {
        self.small_bytes() + self.transfer_bytes()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open_parts == 0 && self.ready.is_empty() && self.transfers.is_empty()
    }

    /// The size of a large message of this call that has not left, so that later messages of the call must wait behind
    /// it.
    pub(super) fn size_of_transfer(&self, side: Side, id: MuxId) -> Option<Size> {
        self.transfers.size_of(side, id)
    }

    /// Drops the large messages of a call that have not left, and their followers. Returns whether the call's first
    /// message is among them: then the peer does not know the call.
    pub(super) fn withdraw(&mut self, side: Side, id: MuxId) -> bool {
        self.transfers.withdraw(side, id, &mut self.released)
    }

    /// Keeps a payload for [`pop_released`](Self::pop_released).
    pub(super) fn release(&mut self, payload: Bytes) {
        self.released.push(payload);
    }

    /// A payload to be dropped outside the lock.
    pub(super) fn pop_released(&mut self) -> Option<Bytes> {
        self.released.pop()
    }

    /// Drops all messages: the connection is gone. Tickets of the next connection differ from those of this one.
    pub(super) fn clear(&mut self) {
        self.open = BytesMut::new();
        self.open_parts = 0;
        self.open_calls = 0;
        self.open_control = 0;
        let dropped = std::mem::take(&mut self.ready).into_iter();
        self.released.extend(dropped.filter_map(|ready| ready.message.into_shared()));
        self.ready_bytes = 0;
        self.ready_space = 0;
        self.control = 0;
        self.transmitted = self.pushed;
        self.transfers.clear(&mut self.released);
    }

    fn begin(&mut self, len: usize) {
        self.open.reserve((merged::HEADER_LEN_MAX + len).max(if len < BYTES_MAX {
            SPACE_BYTES
        } else {
            0
        }));
        self.open.resize(merged::HEADER_LEN_MAX, 0);
    }

    fn finish(&mut self) {
        let mut message = self.open.split();
        if message.len() > SPACE_BYTES {
            // The rest of the allocation would keep all of it.
            self.open = BytesMut::new();
        }
        if self.open_parts == 1 {
            message.advance(merged::HEADER_LEN_MAX + self.first_prefix);
        } else {
            let len = merged::header_len(self.open_parts);
            message.advance(merged::HEADER_LEN_MAX - len);
            if let Some(mut space) = message.get_mut(..len) {
                merged::write_header(self.open_parts, &mut space);
            }
        }
        let len = message.len();
        let is_copied =
            COPIED_FROM.iter().any(|(ready, max)| self.ready.len() >= *ready && len < *max);
        let (bytes, space) = if is_copied {
            (Bytes::copy_from_slice(&message), len + READY_BYTES)
        } else {
            (message.freeze(), len.max(SPACE_BYTES))
        };
        self.ready_bytes += len;
        self.ready_space += space;
        let control = std::mem::take(&mut self.open_control);
        self.ready.push_back(Ready {
            message: bytes.into(),
            parts: self.open_parts,
            control,
            space,
        });
        self.open_parts = 0;
        self.open_calls = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::wire::{Header, Message};

    fn frame(mux: u64, payload: &[u8]) -> Frame<'_> {
        let header = Header {
            mux: MuxId(mux),
            seq: 0,
            deadline_ms: 1,
            handler: 9,
            op: Op::Request,
            flags: Flags::CRC,
        };
        Frame { header, payload: Some(payload), meta: &[], subroute: None }
    }

    fn limits(message_bytes_max: usize) -> Limits {
        Limits { message_bytes_max, ..Limits::default() }
    }

    fn messages(bytes: Bytes) -> Vec<Message> {
        let outer = Message::decode(bytes).expect("own bytes");
        if outer.header.op != Op::Merged {
            return vec![outer];
        }
        merged::parts(&outer)
            .map(|part| Message::decode(part.expect("part")).expect("own bytes"))
            .collect()
    }

    #[test]
    fn a_single_message_is_sent_without_a_container() {
        let mut outbox = Outbox::new(&limits(1 << 20));
        outbox.push(&frame(1, b"one"), Kind::Data);
        let mut bare = BytesMut::new();
        frame(1, b"one").encode(&mut bare);
        assert_eq!(outbox.pop().map(|message| message.to_bytes()), Some(bare.freeze()));
        assert!(outbox.pop().is_none() && outbox.is_empty());
        assert_eq!(outbox.bytes(), 0);
    }

    #[test]
    fn small_messages_are_merged_in_order() {
        let mut outbox = Outbox::new(&limits(1 << 20));
        for mux in 0..120 {
            outbox.push(&frame(mux, b"small"), Kind::Data);
        }
        let mut seen = Vec::new();
        let mut containers = 0;
        while let Some(bytes) = outbox.pop().map(|message| message.to_bytes()) {
            containers += 1;
            seen.extend(messages(bytes).into_iter().map(|message| message.header.mux.0));
        }
        assert_eq!(seen, (0..120).collect::<Vec<_>>());
        assert_eq!(containers, 5, "24 in each");
        assert_eq!(outbox.bytes(), 0);
    }

    #[test]
    fn large_messages_are_not_merged() {
        let mut outbox = Outbox::new(&limits(1 << 20));
        let large = vec![7; 200_000];
        outbox.push(&frame(1, b"before"), Kind::Data);
        outbox.push(&frame(2, &large), Kind::Data);
        outbox.push(&frame(3, b"after"), Kind::Data);
        let sizes: Vec<_> = std::iter::from_fn(|| outbox.pop())
            .map(|message| messages(message.to_bytes()).len())
            .collect();
        assert_eq!(sizes, [1, 1, 1]);
    }

    #[test]
    fn reports_which_messages_were_transmitted() {
        let mut outbox = Outbox::new(&limits(1 << 20));
        let first = outbox.push(&frame(1, b"x"), Kind::Data);
        assert!(!outbox.was_transmitted(first));
        assert!(outbox.pop().is_some());
        assert!(outbox.was_transmitted(first));
        let second = outbox.push(&frame(2, b"y"), Kind::Data);
        assert!(!outbox.was_transmitted(second));
        outbox.clear();
        let third = outbox.push(&frame(3, b"z"), Kind::Data);
        assert!(!outbox.was_transmitted(third));
        assert!(outbox.pop().is_some());
        assert!(outbox.was_transmitted(third), "dropped messages do not shift the numbers");
    }

    #[test]
    fn merged_messages_respect_the_size_limit() {
        let mut outbox = Outbox::new(&limits(1024));
        for mux in 0..40 {
            outbox.push(&frame(mux, &[7; 100]), Kind::Data);
        }
        let sizes: Vec<_> = std::iter::from_fn(|| outbox.pop()).map(|bytes| bytes.len()).collect();
        assert!(sizes.iter().all(|size| *size <= 1024) && sizes.len() > 1, "{sizes:?}");
    }
}
