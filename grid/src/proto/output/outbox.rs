//! What goes out next: messages are encoded here as they arise and leave in that order, small neighbours merged. Large
//! ones leave in parts in between (bulk.rs), where the peer knows `chunks`.
//!
//! Order matters twice: the messages of one stream carry sequence numbers, and a reply must not be overtaken by the end
//! of its connection. Fairness between calls comes from the bound: whoever finds the outbox full waits in line
//! (line.rs), so no call can fill it alone for long.
//!
//! Every message is written as a part of a Merged message, with room for the container's header before the first one.
//! So merging costs nothing, and a message that stayed alone is sent as a slice without its prefix.

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};

use crate::proto::event::Side;
use crate::proto::limits::Limits;
use crate::proto::output::transfers::{Behind, Bulk, Popped};
use crate::proto::wire::{Frame, MuxId, Op, merged};

/// Parts in one message: what the Go implementation joins at most; more was not faster.
const PARTS_MAX: u32 = 51;

/// Bytes at which no part is added any more; with the next message's size it stays near one 32 KiB read of the peer.
const BYTES_MAX: usize = 31 * 1024;

/// Memory that is asked for at a time.
const SPACE_BYTES: usize = 32 * 1024;

/// Encoded messages that wait for the socket.
#[derive(Debug)]
pub(in crate::proto) struct Outbox {
    /// Bytes at which a message is closed.
    bytes_max: usize,
    /// Requests and answers at which it is; nobody is waited for with items of streams.
    calls_max: u32,
    /// The message being filled: space for a header, then the parts.
    open: BytesMut,
    open_parts: u32,
    open_calls: u32,
    /// Length of the prefix of the first part, which is cut off when it stays the only one.
    first_prefix: usize,
    ready: VecDeque<Ready>,
    /// Bytes that wait in `ready`.
    ready_bytes: usize,
    pushed: u64,
    transmitted: u64,
    /// Large messages, where the peer knows `chunks`.
    bulk: Bulk,
    /// It is the turn of a large message's next part.
    part_is_next: bool,
    /// Payloads of large messages that are not needed any more.
    spent: Vec<Bytes>,
}

/// Names what was pushed, for [`Outbox::has_left`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proto) enum Number {
    Small(u64),
    Large(u64),
    /// There was no connection, or it waits behind a large message; nobody asks then.
    None,
}

/// A finished message and how many messages of the protocol are in it.
#[derive(Debug)]
struct Ready {
    bytes: Bytes,
    parts: u32,
}

impl Outbox {
    /// An empty one. The peer refuses messages above the limit, merged ones too.
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
            bulk: Bulk::new(limits.part_bytes),
            part_is_next: false,
            spent: Vec::new(),
        }
    }

    /// Adds a message, behind a large one of the same call if there is one.
    pub(in crate::proto) fn push(&mut self, frame: &Frame<'_>) -> Number {
        if self.bulk.push_behind(frame) {
            return Number::None;
        }
        let number = self.add(frame.encoded_len(), |out| frame.encode(out));
        self.open_calls += u32::from(matches!(frame.header.op, Op::Request | Op::Response));
        Number::Small(number)
    }

    /// Adds a message that is to travel in parts, with its payload as a buffer of its own.
    pub(in crate::proto) fn push_large(&mut self, frame: &Frame<'_>, payload: Bytes) -> Number {
        debug_assert_eq!(frame.payload.map(<[u8]>::len), Some(payload.len()));
        Number::Large(self.bulk.push(frame, payload, self.pushed))
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
        if !self.part_is_next
            && let Some(bytes) = self.pop_small()
        {
            self.part_is_next = !self.bulk.is_empty();
            return Some(bytes);
        }
        self.part_is_next = false;
        // A part that may not go out yet waits for small messages.
        self.pop_part().or_else(|| self.pop_small())
    }

    fn pop_part(&mut self) -> Option<Bytes> {
        let Popped { bytes, done } = self.bulk.pop(self.transmitted)?;
        let Some(done) = done else { return Some(bytes) };
        self.spent.push(done.payload);
        let mut behind = done.behind;
        // What waited behind the message follows it, up to the next large one.
        while let Some(next) = behind.pop_front() {
            match next {
                Behind::Small(message) => {
                    self.bulk.moved(message.len());
                    self.add(message.len(), |out| out.extend_from_slice(&message));
                }
                Behind::Large(message) => {
                    self.bulk.begin(done.owner, message, behind, self.pushed);
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

    /// Whether the message with this number has been handed out for the socket, as a whole.
    pub(in crate::proto) fn has_left(&self, number: Number) -> bool {
        match number {
            Number::Small(number) => number < self.transmitted,
            Number::Large(number) => !self.bulk.holds_message(number),
            Number::None => false,
        }
    }

    /// Bytes that wait in small messages.
    pub(in crate::proto) fn small_bytes(&self) -> usize {
        self.ready_bytes + self.open.len()
    }

    /// Bytes that wait in large messages and behind them.
    pub(in crate::proto) fn bulk_bytes(&self) -> usize {
        self.bulk.bytes()
    }

    /// Bytes that wait.
    pub(in crate::proto) fn bytes(&self) -> usize {
        self.small_bytes() + self.bulk_bytes()
    }

    pub(in crate::proto) fn is_empty(&self) -> bool {
        self.open_parts == 0 && self.ready.is_empty() && self.bulk.is_empty()
    }

    /// Whether a large message of this call waits, behind which all others of the call must wait.
    pub(in crate::proto) fn holds(&self, side: Side, id: MuxId) -> bool {
        self.bulk.holds(side, id)
    }

    /// Forgets the large messages of a call that have not left, and what is behind them. `true` if one of them begins the
    /// call, so that the peer has never heard of it.
    pub(in crate::proto) fn take_back(&mut self, side: Side, id: MuxId) -> bool {
        self.bulk.take_back(side, id, &mut self.spent)
    }

    /// A payload that is not needed any more, to be dropped where the user's code may run.
    pub(in crate::proto) fn pop_spent(&mut self) -> Option<Bytes> {
        self.spent.pop()
    }

    /// Throws everything away: the connection is gone. Numbers go on; from now on [`has_left`](Self::has_left) means
    /// nothing for the numbers given so far, so ask before.
    pub(in crate::proto) fn clear(&mut self) {
        self.open = BytesMut::new();
        self.open_parts = 0;
        self.open_calls = 0;
        self.ready = VecDeque::new();
        self.ready_bytes = 0;
        self.transmitted = self.pushed;
        self.bulk.clear(&mut self.spent);
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
    fn a_single_message_travels_bare() {
        let mut outbox = Outbox::new(&limits(1 << 20));
        outbox.push(&frame(1, b"one"));
        let mut bare = BytesMut::new();
        frame(1, b"one").encode(&mut bare);
        assert_eq!(outbox.pop(), Some(bare.freeze()));
        assert_eq!((outbox.pop(), outbox.bytes(), outbox.is_empty()), (None, 0, true));
    }

    #[test]
    fn neighbours_travel_together_in_order() {
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
    fn knows_what_has_left() {
        let mut outbox = Outbox::new(&limits(1 << 20));
        let first = outbox.push(&frame(1, b"x"));
        assert!(!outbox.has_left(first));
        assert!(outbox.pop().is_some());
        assert!(outbox.has_left(first));
        let second = outbox.push(&frame(2, b"y"));
        assert!(!outbox.has_left(second));
        outbox.clear();
        let third = outbox.push(&frame(3, b"z"));
        assert!(!outbox.has_left(third));
        assert!(outbox.pop().is_some());
        assert!(outbox.has_left(third), "what was thrown away is not counted on");
    }

    #[test]
    fn merged_messages_keep_to_the_limit() {
        let mut outbox = Outbox::new(&limits(1024));
        for mux in 0..40 {
            outbox.push(&frame(mux, &[7; 100]));
        }
        let sizes: Vec<_> = std::iter::from_fn(|| outbox.pop()).map(|bytes| bytes.len()).collect();
        assert!(sizes.iter().all(|size| *size <= 1024) && sizes.len() > 1, "{sizes:?}");
    }
}
