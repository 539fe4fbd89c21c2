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

use super::transfers::{Follower, NextPart, Transfers};
use crate::proto::event::Side;
use crate::proto::limits::Limits;
use crate::proto::wire::{Frame, MuxId, Op, merged};

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
    /// Length of the first part's prefix, which is cut off if it stays the only part.
    first_prefix: usize,
    /// Closed messages.
    ready: VecDeque<Ready>,
    /// Bytes in `ready`.
    ready_bytes: usize,
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

/// A closed message, and the number of protocol messages in it.
#[derive(Debug)]
struct Ready {
    bytes: Bytes,
    parts: u32,
}

impl Outbox {
    /// An empty outbox. Merged messages keep to `message_bytes_max` too, as the peer refuses larger ones.
    pub(in crate::proto) fn new(limits: &Limits) -> Self {
        Self {
            bytes_max: BYTES_MAX.min(limits.message_bytes_max),
            calls_max: limits.calls_merged_max,
            open: BytesMut::new(),
            open_parts: 0,
            open_calls: 0,
            first_prefix: 0,
            ready: VecDeque::new(),
            ready_bytes: 0,
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
    pub(in crate::proto) fn push(&mut self, frame: &Frame<'_>) -> Ticket {
        if self.transfers.push_follower(frame) {
            return Ticket::None;
        }
        let number = self.add(frame.encoded_len(), |out| frame.encode(out));
        self.open_calls += u32::from(matches!(frame.header.op, Op::Request | Op::Response));
        Ticket::Small(number)
    }

    /// Adds a message that travels in parts. `payload` is the payload of `frame`, to be shared instead of copied.
    pub(super) fn push_large(&mut self, frame: &Frame<'_>, payload: Bytes) -> Ticket {
        debug_assert_eq!(frame.payload.map(<[u8]>::len), Some(payload.len()));
        Ticket::Large(self.transfers.push(frame, payload, self.pushed))
    }

    fn add(&mut self, len: usize, encode: impl FnOnce(&mut BytesMut)) -> u64 {
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
        self.open_parts += 1;
        self.pushed += 1;
        self.pushed - 1
    }

    /// The next bytes for the socket, one WebSocket message. Small messages and parts of large ones take turns.
    pub(in crate::proto) fn pop(&mut self) -> Option<Bytes> {
        // Small messages and parts alternate while there are both. Without small messages the parts follow each other,
        // and a small message that is pushed then is sent after one more part at most.
        if !self.part_is_next
            && let Some(bytes) = self.pop_small()
        {
            self.part_is_next = !self.transfers.is_empty();
            return Some(bytes);
        }
        self.part_is_next = false;
        // No part, if the transfer must wait for small messages that were pushed before it.
        self.pop_part().or_else(|| self.pop_small())
    }

    fn pop_part(&mut self) -> Option<Bytes> {
        let NextPart { bytes, finished } = self.transfers.pop(self.transmitted)?;
        let Some(finished) = finished else { return Some(bytes) };
        self.released.push(finished.payload);
        let mut followers = finished.followers;
        // The followers up to the next large one become small messages; that one becomes a transfer with the rest
        // behind it.
        while let Some(next) = followers.pop_front() {
            match next {
                Follower::Small(message) => {
                    self.transfers.follower_moved(message.len());
                    self.add(message.len(), |out| out.extend_from_slice(&message));
                }
                Follower::Large(message) => {
                    self.transfers.begin(finished.owner, message, followers, self.pushed);
                    break;
                }
            }
        }
        Some(bytes)
    }

    fn pop_small(&mut self) -> Option<Bytes> {
        if self.ready.is_empty() && self.open_parts > 0 {
            self.finish();
        }
        let Ready { bytes, parts } = self.ready.pop_front()?;
        self.transmitted += u64::from(parts);
        self.ready_bytes -= bytes.len();
        Some(bytes)
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

    /// Bytes that have not left.
    pub(super) fn bytes(&self) -> usize {
        self.small_bytes() + self.transfer_bytes()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open_parts == 0 && self.ready.is_empty() && self.transfers.is_empty()
    }

    /// Whether a large message of this call has not left, so that later messages of the call must wait behind it.
    pub(super) fn has_transfer_of(&self, side: Side, id: MuxId) -> bool {
        self.transfers.has_transfer_of(side, id)
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
        self.ready = VecDeque::new();
        self.ready_bytes = 0;
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
        if self.open_parts == 1 {
            message.advance(merged::HEADER_LEN_MAX + self.first_prefix);
        } else {
            let len = merged::header_len(self.open_parts);
            message.advance(merged::HEADER_LEN_MAX - len);
            if let Some(mut space) = message.get_mut(..len) {
                merged::write_header(self.open_parts, &mut space);
            }
        }
        self.ready_bytes += message.len();
        self.ready.push_back(Ready { bytes: message.freeze(), parts: self.open_parts });
        self.open_parts = 0;
        self.open_calls = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::wire::{Flags, Header, Message, MuxId, Op};

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
        outbox.push(&frame(1, b"one"));
        let mut bare = BytesMut::new();
        frame(1, b"one").encode(&mut bare);
        assert_eq!(outbox.pop(), Some(bare.freeze()));
        assert_eq!((outbox.pop(), outbox.bytes(), outbox.is_empty()), (None, 0, true));
    }

    #[test]
    fn small_messages_are_merged_in_order() {
        let mut outbox = Outbox::new(&limits(1 << 20));
        for mux in 0..120 {
            outbox.push(&frame(mux, b"small"));
        }
        let mut seen = Vec::new();
        let mut containers = 0;
        while let Some(bytes) = outbox.pop() {
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
        outbox.push(&frame(1, b"before"));
        outbox.push(&frame(2, &large));
        outbox.push(&frame(3, b"after"));
        let sizes: Vec<_> =
            std::iter::from_fn(|| outbox.pop()).map(|bytes| messages(bytes).len()).collect();
        assert_eq!(sizes, [1, 1, 1]);
    }

    #[test]
    fn reports_which_messages_were_transmitted() {
        let mut outbox = Outbox::new(&limits(1 << 20));
        let first = outbox.push(&frame(1, b"x"));
        assert!(!outbox.was_transmitted(first));
        assert!(outbox.pop().is_some());
        assert!(outbox.was_transmitted(first));
        let second = outbox.push(&frame(2, b"y"));
        assert!(!outbox.was_transmitted(second));
        outbox.clear();
        let third = outbox.push(&frame(3, b"z"));
        assert!(!outbox.was_transmitted(third));
        assert!(outbox.pop().is_some());
        assert!(outbox.was_transmitted(third), "dropped messages do not shift the numbers");
    }

    #[test]
    fn merged_messages_respect_the_size_limit() {
        let mut outbox = Outbox::new(&limits(1024));
        for mux in 0..40 {
            outbox.push(&frame(mux, &[7; 100]));
        }
        let sizes: Vec<_> = std::iter::from_fn(|| outbox.pop()).map(|bytes| bytes.len()).collect();
        assert!(sizes.iter().all(|size| *size <= 1024) && sizes.len() > 1, "{sizes:?}");
    }
}
