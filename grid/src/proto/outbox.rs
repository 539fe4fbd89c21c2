//! What goes out next: messages are encoded here as they arise and leave in that order, small neighbours merged.
//!
//! Order matters twice: the messages of one stream carry sequence numbers, and a reply must not be overtaken by the end
//! of its connection. Fairness between calls comes from the bound: whoever finds the outbox full waits in line
//! (line.rs), so no call can fill it alone for long.
//!
//! Every message is written as a part of a Merged message, with room for the container's header before the first one.
//! So merging costs nothing, and a message that stayed alone is sent as a slice without its prefix.

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};

use super::wire::{Frame, merged};

/// Parts in one message. A message is what a peer answers before it reads on, so fewer of them keep both ends busy at
/// once, and more spare the framing: 16 and 32 were not faster, 51 (what the Go implementation joins at most) slower.
const PARTS_MAX: u32 = 24;

/// Bytes at which no part is added any more; with the next message's size it stays near one 32 KiB read of the peer.
const BYTES_MAX: usize = 31 * 1024;

/// Memory that is asked for at a time.
const CHUNK_BYTES: usize = 32 * 1024;

/// Encoded messages that wait for the socket.
#[derive(Debug)]
pub(super) struct Outbox {
    /// Bytes at which a message is closed.
    bytes_max: usize,
    /// The message being filled: space for a header, then the parts.
    open: BytesMut,
    open_parts: u32,
    /// Length of the prefix of the first part, which is cut off when it stays the only one.
    first_prefix: usize,
    ready: VecDeque<Ready>,
    /// Bytes that wait in `ready`.
    ready_bytes: usize,
    pushed: u64,
    transmitted: u64,
}

/// A finished message and how many messages of the protocol are in it.
#[derive(Debug)]
struct Ready {
    bytes: Bytes,
    parts: u32,
}

impl Outbox {
    /// An empty one. The peer refuses messages above `message_bytes_max`, merged ones too.
    pub(super) fn new(message_bytes_max: usize) -> Self {
        Self {
            bytes_max: BYTES_MAX.min(message_bytes_max),
            open: BytesMut::new(),
            open_parts: 0,
            first_prefix: 0,
            ready: VecDeque::new(),
            ready_bytes: 0,
            pushed: 0,
            transmitted: 0,
        }
    }

    /// Adds a message and gives its number, see [`has_left`](Self::has_left).
    pub(super) fn push(&mut self, frame: &Frame<'_>) -> u64 {
        let len = frame.encoded_len();
        let prefix = merged::part_prefix_len(len);
        if self.open_parts > 0
            && (self.open_parts >= PARTS_MAX || self.open.len() + prefix + len > self.bytes_max)
        {
            self.finish();
        }
        if self.open_parts == 0 {
            self.begin(prefix + len);
            self.first_prefix = prefix;
        }
        let before = self.open.len();
        merged::write_part_prefix(len, &mut self.open);
        frame.encode(&mut self.open);
        debug_assert_eq!(self.open.len() - before, prefix + len);
        self.open_parts += 1;
        self.pushed += 1;
        self.pushed - 1
    }

    /// The next bytes for the socket, one WebSocket message.
    pub(super) fn pop(&mut self) -> Option<Bytes> {
        if self.ready.is_empty() && self.open_parts > 0 {
            self.finish();
        }
        let Ready { bytes, parts } = self.ready.pop_front()?;
        self.transmitted += u64::from(parts);
        self.ready_bytes -= bytes.len();
        Some(bytes)
    }

    /// Whether the message with this number has been handed out for the socket.
    pub(super) fn has_left(&self, number: u64) -> bool {
        number < self.transmitted
    }

    /// Bytes that wait.
    pub(super) fn bytes(&self) -> usize {
        self.ready_bytes + self.open.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open_parts == 0 && self.ready.is_empty()
    }

    /// Throws everything away: the connection is gone. Numbers go on; from now on [`has_left`](Self::has_left) means
    /// nothing for the numbers given so far, so ask before.
    pub(super) fn clear(&mut self) {
        let (pushed, bytes_max) = (self.pushed, self.bytes_max);
        *self = Self { pushed, transmitted: pushed, ..Self::new(bytes_max) };
    }

    fn begin(&mut self, len: usize) {
        self.open.reserve((merged::HEADER_LEN_MAX + len).max(if len < BYTES_MAX {
            CHUNK_BYTES
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
            let mut header = Vec::with_capacity(merged::HEADER_LEN_MAX);
            merged::write_header(self.open_parts, &mut header);
            let start = merged::HEADER_LEN_MAX - header.len();
            message.advance(start);
            if let Some(space) = message.get_mut(..header.len()) {
                space.copy_from_slice(&header);
            }
        }
        self.ready_bytes += message.len();
        self.ready.push_back(Ready { bytes: message.freeze(), parts: self.open_parts });
        self.open_parts = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::{Flags, Header, Message, MuxId, Op};
    use super::*;

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
        let mut outbox = Outbox::new(1 << 20);
        outbox.push(&frame(1, b"one"));
        let mut bare = BytesMut::new();
        frame(1, b"one").encode(&mut bare);
        assert_eq!(outbox.pop(), Some(bare.freeze()));
        assert_eq!((outbox.pop(), outbox.bytes(), outbox.is_empty()), (None, 0, true));
    }

    #[test]
    fn neighbours_travel_together_in_order() {
        let mut outbox = Outbox::new(1 << 20);
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
        let mut outbox = Outbox::new(1 << 20);
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
        let mut outbox = Outbox::new(1 << 20);
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
        let mut outbox = Outbox::new(1024);
        for mux in 0..40 {
            outbox.push(&frame(mux, &[7; 100]));
        }
        let sizes: Vec<_> = std::iter::from_fn(|| outbox.pop()).map(|bytes| bytes.len()).collect();
        assert!(sizes.iter().all(|size| *size <= 1024) && sizes.len() > 1, "{sizes:?}");
    }
}
