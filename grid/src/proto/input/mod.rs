//! Received messages: decoded, checked, and large ones put together from their parts, before the link is locked.
//!
//! None of that needs the link, so callers need not wait for it. Messages are decoded a few at a time: a peer can put
//! many into few bytes, and what is decoded together should still be in the cache when it is handled.
//!
//! Payloads are slices of received messages. A few small items of a stream would hold a whole merged message while they
//! wait for a slow reader; such items are copied, so that a stream holds little more than its items. What payloads hold
//! is charged to the peer (hold.rs).
//!
//! | file | what |
//! |---|---|
//! | `mod.rs` | [`Inbound`]: received messages, decoded in batches and in order |
//! | `assembly.rs` | large messages, put together from their parts |
//! | `place.rs` | parts that are read to where they belong |
//! | `hold.rs` | what decoded messages keep allocated |

mod assembly;
mod hold;
mod place;

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use self::assembly::{Assembly, Whole};
use self::hold::Source;
pub(crate) use self::place::{PART_BEGIN_BYTES, PLACED_MESSAGES, Place};
use crate::proto::error::ProtocolError;
use crate::proto::memory::Ledger;
use crate::proto::wire::{DecodeError, Flags, Header, Message, MuxId, Op, merged};

/// Messages that are decoded at a time.
const DECODED_MAX: usize = 64;

/// Messages and parts that are looked at at a time. Parts of large messages and empty merged messages are not decoded
/// messages, and a peer can put a million of them into one message.
const STEPS_MAX: usize = 4 * DECODED_MAX;

/// A part of a large message that is shorter, and not the last one, costs more than its bytes are worth. Nodes of this
/// implementation send parts of 32 KiB.
const SMALL_PART_BYTES: usize = 512;

/// Which received messages must have a checksum. The flag that says whether a message has one is itself covered only by
/// the checksum, so damage to that flag would switch the check off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Coverage {
    /// None: TLS covers the bytes, or they do not leave the process.
    #[default]
    None,
    /// Those that always have one in the base protocol.
    Base,
    /// All, with the extension `crc`.
    Everything,
}

impl Coverage {
    fn check(self, header: &Header) -> Result<(), ProtocolError> {
        let Header { op, mux, flags, .. } = *header;
        if flags.contains(Flags::CRC) || self == Self::None {
            return Ok(());
        }
        let is_excepted = match op {
            Op::Ping => mux == MuxId::CONNECTION,
            // They have none, or are ignored.
            Op::Connect | Op::ConnectResponse | Op::Disconnect | Op::Merged | Op::Unknown(_) => {
                true
            }
            _ => false,
        };
        if self == Self::Base && is_excepted {
            return Ok(());
        }
        Err(ProtocolError::NoChecksum(op))
    }
}

/// What was received on one connection and has not been handled.
///
/// The order of calls: [`push`](Self::push) messages, then [`decode`](Self::decode) without the lock, and each time
/// that it returns `true`, [`Link::handle_messages`](crate::proto::Link::handle_messages) with the lock.
#[derive(Debug)]
pub(crate) struct Inbound {
    /// Messages as received.
    waiting: VecDeque<Bytes>,
    /// The rest of the merged message before those.
    parts: Option<merged::Parts>,
    /// The received message that the next decoded one is a slice of.
    source: Source,
    /// Messages for the link.
    decoded: Vec<Message>,
    /// Index in `decoded` of the first of the last consecutive items of one stream in one message.
    run: usize,
    /// Bytes that were decoded, or begun, since the link asked last.
    bytes: u64,
    /// Merged messages without parts, and parts of large messages that are almost empty.
    tiny: u64,
    /// Large messages that their sender has abandoned.
    abandoned: u64,
    /// Streams of which parts of an item were received.
    heard: Vec<(Op, MuxId)>,
    /// Bytes were received that are not a whole message yet.
    progress: bool,
    /// What follows the decoded messages breaks the protocol.
    error: Option<ProtocolError>,
    coverage: Coverage,
    /// Large messages of which parts are missing. `None`: the session has no `chunks`, and parts are unknown messages.
    assembly: Option<Assembly>,
    /// Counts the memory of received messages.
    ledger: Arc<Ledger>,
    /// Whether the peer made this node hold much when the last messages were decoded.
    is_pressed: bool,
}

impl Inbound {
    /// For a new session. With the extension `chunks`, large messages have at most `large_max` bytes.
    pub(super) fn new(coverage: Coverage, large_max: Option<usize>, ledger: Arc<Ledger>) -> Self {
        Self {
            waiting: VecDeque::new(),
            parts: None,
            source: Source::default(),
            decoded: Vec::new(),
            run: 0,
            bytes: 0,
            tiny: 0,
            abandoned: 0,
            heard: Vec::new(),
            progress: false,
            error: None,
            coverage,
            assembly: large_max.map(|max| Assembly::new(max, Arc::clone(&ledger))),
            ledger,
            is_pressed: false,
        }
    }

    /// Adds a received message.
    pub(crate) fn push(&mut self, bytes: Bytes) {
        self.waiting.push_back(bytes);
    }

    /// Notes that bytes were received that are not a whole message yet.
    pub(crate) fn note_progress(&mut self) {
        self.progress = true;
    }

    /// Number of received messages whose decoding has not begun. A merged message counts as one.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether the peer makes this node hold much.
    pub(crate) fn is_pressed(&self) -> bool {
        self.is_pressed
    }

    /// Whether everything received is decoded.
    pub(crate) fn is_done(&self) -> bool {
        self.waiting.is_empty() && self.parts.as_ref().is_none_or(merged::Parts::is_over)
    }

    /// Decodes the next messages. Returns `false` if there is nothing for the link, and nothing more to decode.
    pub(crate) fn decode(&mut self) -> bool {
        self.run = self.decoded.len();
        self.is_pressed = self.ledger.is_pressed();
        if self.is_pressed && self.ledger.is_tight() {
            self.release_spare();
        }
        let mut steps = 0;
        while self.decoded.len() < DECODED_MAX && steps < STEPS_MAX && self.error.is_none() {
            steps += 1;
            if let Some(parts) = &mut self.parts {
                match parts.next() {
                    Some(part) => self.add(part.and_then(Message::decode)),
                    None => self.parts = None,
                }
                continue;
            }
            self.end_run();
            let Some(bytes) = self.waiting.pop_front() else { break };
            let len = bytes.len();
            self.bytes += len as u64;
            self.ledger.received(len);
            match Message::decode(bytes) {
                Ok(mut outer) if outer.header.op == Op::Merged => {
                    self.source = Source::of_parts(&mut outer, len, &self.ledger);
                    self.open_merged(&outer);
                }
                Ok(mut message) => {
                    self.source = Source::of_message(&mut message, len, &self.ledger);
                    self.add(Ok(message));
                }
                error => self.add(error),
            }
        }
        self.end_run();
        // Bytes alone, of parts of large messages, are for the link's counters, and a sign of life.
        !self.decoded.is_empty()
            || self.error.is_some()
            || self.bytes > 0
            || self.progress
            || !self.is_done()
    }

    fn open_merged(&mut self, outer: &Message) {
        self.tiny += u64::from(outer.header.seq == 0);
        let parts = match self.coverage {
            Coverage::Everything => merged::parts_strict(outer),
            Coverage::None | Coverage::Base => Ok(merged::parts(outer)),
        };
        match parts {
            Ok(parts) => self.parts = Some(parts),
            Err(error) => self.error = Some(error.into()),
        }
    }

    fn add(&mut self, message: Result<Message, DecodeError>) {
        let message = message.map_err(ProtocolError::from).and_then(|message| {
            self.coverage.check(&message.header)?;
            Ok(message)
        });
        if let Ok(part) = &message
            && part.header.op == Op::Chunk
            && self.assembly.is_some()
        {
            self.error = self.add_part(part).err();
            return;
        }
        match message {
            Ok(message) => {
                // A run ends where the stream changes, as another reader may keep the next items for longer. Other
                // messages are kept each by its own reader.
                let stream = stream_of(&message);
                if stream.is_none()
                    || self.decoded.last().is_some_and(|last| stream_of(last) != stream)
                {
                    self.end_run();
                }
                self.decoded.push(message);
            }
            Err(error) => self.error = Some(error),
        }
    }

    /// Adds a part of a large message, and the message if this was its last part.
    #[inline(never)]
    fn add_part(&mut self, part: &Message) -> Result<(), ProtocolError> {
        let Some(assembly) = &mut self.assembly else { return Ok(()) };
        let Header { mux: MuxId(transfer), seq, .. } = part.header;
        let stream = assembly.stream_of(part);
        let whole = assembly.add(part);
        self.note_heard(stream);
        let whole = whole.map_err(|error| ProtocolError::Part { transfer, part: seq, error })?;
        let message = match whole {
            None => {
                let len = part.payload.as_ref().map_or(0, Bytes::len);
                let is_last = part.header.flags.contains(Flags::EOF);
                self.tiny += u64::from(len < SMALL_PART_BYTES && !is_last);
                self.abandoned += u64::from(is_last);
                return Ok(());
            }
            Some(Whole::Message(whole, handover)) => {
                Message { handover, ..Message::decode(whole)? }
            }
            Some(Whole::Dropped(header, over)) => Message::dropped(header, over),
        };
        let op = message.header.op;
        if let Op::Connect | Op::ConnectResponse | Op::Merged | Op::Chunk = op {
            return Err(ProtocolError::InParts(op));
        }
        // An item that has memory of its own is not part of a run.
        self.end_run();
        self.decoded.push(message);
        self.run = self.decoded.len();
        Ok(())
    }

    /// A part of an item of this stream was received.
    fn note_heard(&mut self, stream: Option<(Op, MuxId)>) {
        if let Some(stream) = stream.filter(|stream| self.heard.last() != Some(stream)) {
            self.heard.push(stream);
        }
    }

    /// Settles what the messages since the last call hold: consecutive items of one stream, or a single message.
    fn end_run(&mut self) {
        let begin = std::mem::replace(&mut self.run, self.decoded.len());
        let run = self.decoded.get_mut(begin..).unwrap_or_default();
        self.source.settle(run, self.is_pressed, &self.ledger);
    }

    // ---- for the link -----------------------------------------------------------------------------------------------

    /// Bytes that were decoded since this was called last.
    pub(super) fn take_bytes(&mut self) -> u64 {
        std::mem::take(&mut self.bytes)
    }

    /// Whether bytes were received since this was called last that were not a whole message.
    pub(super) fn take_progress(&mut self) -> bool {
        std::mem::take(&mut self.progress)
    }

    /// Takes the streams of which parts of an item were received.
    pub(super) fn take_heard(&mut self) -> impl Iterator<Item = (Op, MuxId)> {
        self.heard.drain(..)
    }

    /// Merged messages without parts, and parts of large messages that are almost empty, since this was called last.
    pub(super) fn take_tiny(&mut self) -> u64 {
        std::mem::take(&mut self.tiny)
    }

    /// Large messages that their sender has abandoned since this was called last.
    pub(super) fn take_abandoned(&mut self) -> u64 {
        std::mem::take(&mut self.abandoned)
    }

    /// Takes the decoded messages, in the order in which they were received.
    pub(super) fn take_messages(&mut self) -> impl Iterator<Item = Message> {
        self.decoded.drain(..)
    }

    /// The error after the decoded messages, which must be handled before it.
    pub(super) fn take_error(&mut self) -> Option<ProtocolError> {
        self.error.take()
    }

    /// Drops what was decoded: there is no connection.
    pub(super) fn discard(&mut self) {
        self.decoded.clear();
        self.heard.clear();
        self.progress = false;
        (self.bytes, self.tiny, self.abandoned, self.error) = (0, 0, 0, None);
    }

    /// Frees the memory that is kept for further large messages. Called once per ping interval, so that an idle
    /// connection does not hold it for ever.
    pub(super) fn release_spare(&mut self) {
        if let Some(assembly) = &mut self.assembly {
            assembly.release_spare();
        }
    }

    /// Memory that is held for large messages of which parts are missing.
    #[cfg(test)]
    pub(super) fn assembly_bytes(&self) -> usize {
        self.assembly.as_ref().map_or(0, Assembly::bytes)
    }

    /// Whether memory is kept for further large messages.
    #[cfg(test)]
    pub(super) fn has_spare(&self) -> bool {
        self.assembly.as_ref().is_some_and(Assembly::has_spare)
    }
}

/// The stream whose item this is, if it is one.
fn stream_of(message: &Message) -> Option<(Op, MuxId)> {
    let Header { op, mux, .. } = message.header;
    op.is_item().then_some((op, mux))
}

#[cfg(any(test, feature = "__internals"))]
impl Default for Inbound {
    fn default() -> Self {
        Self::new(Coverage::None, None, crate::proto::limits::Limits::default().new_ledger())
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::*;
    use crate::proto::limits::Limits;
    use crate::proto::output::outbox::{Kind, Outbox};
    use crate::proto::wire::Frame;

    fn merged_of(count: u32) -> Bytes {
        let mut outbox = Outbox::new(&Limits::default());
        for seq in 0..count {
            outbox.push(&Frame::new(Header { seq, ..Header::new(Op::Pong) }, None), Kind::Control);
        }
        outbox.pop().expect("one message").seal().to_bytes()
    }

    fn seqs(inbound: &mut Inbound) -> Vec<u32> {
        inbound.decoded.drain(..).map(|message| message.header.seq).collect()
    }

    #[test]
    fn messages_are_decoded_in_batches_and_in_order() {
        let mut inbound = Inbound::default();
        for _ in 0..3 {
            inbound.push(merged_of(40));
        }
        let (mut seen, mut done, mut bytes) = (Vec::new(), Vec::new(), 0);
        while inbound.decode() {
            assert!(inbound.decoded.len() <= DECODED_MAX);
            seen.extend(seqs(&mut inbound));
            done.push(inbound.is_done());
            bytes += inbound.take_bytes();
        }
        assert_eq!(done, [false, true]);
        assert_eq!(seen, (0..3).flat_map(|_| 0..40).collect::<Vec<_>>());
        assert_eq!(bytes, 3 * merged_of(40).len() as u64);
        assert!(inbound.parts.is_none(), "the memory of the last message is not held");
    }

    #[test]
    fn messages_before_an_error_are_decoded_and_later_ones_are_not() {
        let mut broken = BytesMut::from(&merged_of(10)[..]);
        broken.truncate(broken.len() - 1);
        let mut inbound = Inbound::default();
        inbound.push(broken.freeze());
        inbound.push(merged_of(1));
        assert!(inbound.decode());
        assert_eq!(seqs(&mut inbound), (0..9).collect::<Vec<_>>());
        assert!(inbound.error.is_some() && inbound.decode());
        assert_eq!(inbound.len(), 1, "the next message is not decoded");
    }

    /// Whether the items of the first stream in a merged message are slices of it.
    fn holds(items: &[(u64, usize)]) -> bool {
        let mut outbox = Outbox::new(&Limits::default());
        for (mux, len) in items {
            let header = Header { mux: MuxId(*mux), ..Header::new(Op::MuxServerMsg) };
            outbox.push(&Frame::new(header, Some(&vec![7; *len])), Kind::Data);
        }
        let message = outbox.pop().expect("one message").to_bytes();
        let place = message.as_ptr_range();
        let mut inbound = Inbound::default();
        inbound.push(message);
        assert!(inbound.decode());
        let payload = |message: &Message| message.payload.clone().expect("an item");
        let own: Vec<_> = inbound.decoded.iter().map(payload).collect();
        assert!(own.iter().zip(items).all(|(item, (_, len))| *item == vec![7; *len]));
        place.contains(&own[0].as_ptr())
    }

    #[test]
    fn few_items_do_not_hold_their_merged_message() {
        let others = std::iter::repeat_n((2, 500), 40);
        assert!(!holds(&[(1, 500)].into_iter().chain(others.clone()).collect::<Vec<_>>()));
        assert!(!holds(&[(1, 500); 4].into_iter().chain(others.clone()).collect::<Vec<_>>()));
        assert!(
            holds(&[(1, 500); 8].into_iter().chain(others).collect::<Vec<_>>()),
            "a large part of it"
        );
        assert!(holds(&[(1, 500); 50]), "the whole message");
        assert!(!holds(&[(1, 100)]) && holds(&[(1, 600)]), "an unmerged message holds one read");
    }
}
