//! Large messages on their way out, in parts, where the peer knows `chunks`, so that small ones need not wait behind
//! them.
//!
//! Each transfer belongs to one call or stream. Later messages of the same one wait behind it, since neither sequence
//! numbers nor ends may overtake. Up to [`TRANSFERS_MAX`] transfers send a part each in turn.
//!
//! ```text
//!   push ──► pending ──► open ──► pop: a part ──► … ──► the last part: Finished { payload, followers }
//!               └──────────┴──── withdraw: payloads to `released`, and an empty last part if one has left
//! ```
//!
//! Payloads are shared with the user, not copied, and handed back in `released`: dropping the last handle of a buffer
//! can run the user's code, which must not happen under the link's lock.

use std::collections::VecDeque;

use bytes::{BufMut as _, Bytes, BytesMut};

use super::outbound::Outbound;
use super::queue::{BySize, Size};
use crate::proto::body::Body;
use crate::proto::event::Side;
use crate::proto::limits::TRANSFERS_MAX;
use crate::proto::wire::{Flags, Frame, Header, MuxId, Op, Part};

/// One side of one call, whose messages must stay in order.
type Owner = (Side, MuxId);

/// All transfers of one connection.
#[derive(Debug)]
pub(super) struct Transfers {
    /// Bytes of a part.
    part_bytes: usize,
    /// Transfers that have begun. The front one sends the next part.
    open: VecDeque<Transfer>,
    /// Transfers that have not begun, in their order.
    pending: VecDeque<Transfer>,
    /// Number of the next transfer to begin.
    next_transfer: u64,
    /// Number of the next large message, by which [`is_pending`](Self::is_pending) finds it.
    pushed: u64,
    /// Bytes that have not left. A small follower counts with what it costs, among messages of the size that it was
    /// queued behind.
    bytes: BySize<usize>,
    /// Those of small followers.
    follower_bytes: usize,
    /// Memory of payloads that are counted, and of small followers.
    held: usize,
    /// Buffer for the beginnings of parts.
    space: BytesMut,
}

/// A large message, and the later messages of the same call.
#[derive(Debug)]
struct Transfer {
    /// `None`: withdrawn after its first part. The last part, an empty one, tells the peer.
    owner: Option<Owner>,
    /// Its number on the wire, assigned when it begins.
    number: u64,
    next_part: u32,
    /// Number of small messages that must have left before. Earlier messages of the same call are among them.
    small_before: u64,
    message: LargeMessage,
    followers: VecDeque<Follower>,
}

/// A message that waits behind a large one of the same call.
#[derive(Debug)]
pub(super) enum Follower {
    Small(Bytes, Size),
    Large(LargeMessage),
}

/// A large message around a payload that is not copied.
#[derive(Debug)]
pub(super) struct LargeMessage {
    number: u64,
    /// Whether it is the first message of its call, so that the peer does not know the call before.
    opens_call: bool,
    checksum: bool,
    head: Bytes,
    payload: Bytes,
    tail: Bytes,
    /// Bytes that have left, counted over `head`, `payload` and `tail`.
    sent: usize,
    size: Size,
    /// Bytes of the payload that are counted as memory that the peer makes this node hold.
    counted: usize,
}

/// What a small message costs that waits behind a large one, beside its bytes.
const FOLLOWER_BYTES: usize = size_of::<Follower>() + 16;

/// A part, and the message that ends with it.
#[derive(Debug)]
pub(super) struct NextPart {
    pub(super) part: Outbound,
    pub(super) finished: Option<Finished>,
}

/// A large message that has left as a whole.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) owner: Owner,
    pub(super) payload: Bytes,
    pub(super) followers: VecDeque<Follower>,
}

impl Transfers {
    pub(super) fn new(part_bytes: usize) -> Self {
        Self {
            part_bytes: part_bytes.max(1),
            open: VecDeque::new(),
            pending: VecDeque::new(),
            next_transfer: 1,
            pushed: 0,
            bytes: BySize::default(),
            follower_bytes: 0,
            held: 0,
            space: BytesMut::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.pending.is_empty()
    }

    pub(super) fn bytes(&self) -> usize {
        Size::ALL.into_iter().map(|size| self.bytes_of(size)).sum()
    }

    pub(super) fn bytes_of(&self, size: Size) -> usize {
        *self.bytes.get(size)
    }

    pub(super) fn follower_bytes(&self) -> usize {
        self.follower_bytes
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.held
    }

    /// Adds a message with this payload. It is sent once the first `small_before` small messages have left. Returns its
    /// number.
    pub(super) fn push(
        &mut self,
        frame: &Frame<'_>,
        payload: &Body,
        size: Size,
        counted: usize,
        small_before: u64,
    ) -> u64 {
        let number = self.pushed;
        self.pushed += 1;
        let Frame { header, .. } = *frame;
        // Each part has a checksum.
        let flags = header.flags.without(Flags::CRC);
        let (head, tail) = Frame { header: Header { flags, ..header }, ..*frame }.around(payload);
        let message = LargeMessage {
            number,
            opens_call: matches!(frame.header.op, Op::Request | Op::ConnectMux),
            checksum: header.flags.contains(Flags::CRC),
            head,
            payload: payload.shared().clone(),
            tail,
            sent: 0,
            size,
            counted,
        };
        *self.bytes.get_mut(size) += message.remaining();
        self.held += counted;
        let owner = owner_of(frame);
        match self.transfer_of(owner) {
            Some(transfer) => transfer.followers.push_back(Follower::Large(message)),
            None => self.begin(owner, message, VecDeque::new(), small_before),
        }
        number
    }

    /// Queues a small message behind the transfer of the same call. Returns `false` if there is no such transfer.
    #[must_use]
    #[inline]
    pub(super) fn push_follower(&mut self, frame: &Frame<'_>) -> bool {
        if self.is_empty() {
            return false;
        }
        let Some(transfer) = self.transfer_of(owner_of(frame)) else { return false };
        let message = frame.to_bytes();
        let cost = message.len() + FOLLOWER_BYTES;
        let size = transfer.message.size;
        transfer.followers.push_back(Follower::Small(message, size));
        *self.bytes.get_mut(size) += cost;
        self.follower_bytes += cost;
        self.held += cost;
        true
    }

    /// Must be called for each small follower of a finished transfer, which is not counted here from then on.
    pub(super) fn follower_moved(&mut self, len: usize, size: Size) {
        let cost = len + FOLLOWER_BYTES;
        *self.bytes.get_mut(size) -= cost;
        self.follower_bytes -= cost;
        self.held -= cost;
    }

    /// Takes a message that will not be sent out of the sums.
    fn forget(&mut self, message: &LargeMessage) {
        *self.bytes.get_mut(message.size) -= message.remaining();
        self.held -= message.counted;
    }

    /// Adds a transfer to the pending ones.
    pub(super) fn begin(
        &mut self,
        owner: Owner,
        message: LargeMessage,
        followers: VecDeque<Follower>,
        small_before: u64,
    ) {
        let owner = Some(owner);
        self.pending.push_back(Transfer {
            owner,
            number: 0,
            next_part: 0,
            small_before,
            message,
            followers,
        });
    }

    /// The size of a large message of this call that has not left, so that later messages must wait behind it.
    pub(super) fn size_of(&self, side: Side, id: MuxId) -> Option<Size> {
        let owner = Some((side, id));
        let mut transfers = self.open.iter().chain(&self.pending);
        transfers.find(|transfer| transfer.owner == owner).map(|transfer| transfer.message.size)
    }

    /// Whether some of the message with this number has not left.
    pub(super) fn is_pending(&self, number: u64) -> bool {
        self.open.iter().chain(&self.pending).any(|transfer| {
            let follows = |follower: &Follower| {
                matches!(follower, Follower::Large(message) if message.number == number)
            };
            transfer.owner.is_some()
                && (transfer.message.number == number || transfer.followers.iter().any(follows))
        })
    }

    /// Drops the messages of a call that have not left. Returns whether its first message is among them: then the peer
    /// does not know the call.
    pub(super) fn withdraw(&mut self, side: Side, id: MuxId, released: &mut Vec<Bytes>) -> bool {
        let owner = Some((side, id));
        let take = |transfers: &mut VecDeque<Transfer>| {
            let at = transfers.iter().position(|transfer| transfer.owner == owner)?;
            transfers.remove(at)
        };
        let Some(transfer) = take(&mut self.pending).or_else(|| take(&mut self.open)) else {
            return false;
        };
        let Transfer { number, next_part, small_before, .. } = transfer;
        let LargeMessage { opens_call, checksum, .. } = transfer.message;
        self.forget(&transfer.message);
        for follower in &transfer.followers {
            match follower {
                Follower::Small(message, size) => self.follower_moved(message.len(), *size),
                Follower::Large(message) => self.forget(message),
            }
        }
        transfer.release(released);
        if next_part > 0 {
            // The peer holds memory for the parts that have left. An empty last part frees it, so it is sent next.
            let message = LargeMessage { checksum, ..LargeMessage::empty() };
            let followers = VecDeque::new();
            let aborted =
                Transfer { owner: None, number, next_part, small_before, message, followers };
            self.open.push_front(aborted);
        }
        opens_call
    }

    /// The next part. `transmitted` is the number of small messages that have left.
    pub(super) fn pop(&mut self, transmitted: u64) -> Option<NextPart> {
        // Transfers begin in the order in which they were pushed, so only the front one is checked. It may begin when
        // all small messages pushed before it have left: earlier messages of its own stream can be among those, and the
        // peer would take this one for an earlier one by its sequence number.
        while self.open.len() < TRANSFERS_MAX
            && self.pending.front().is_some_and(|transfer| transfer.small_before <= transmitted)
        {
            let Some(transfer) = self.pending.pop_front() else { break };
            let number = self.next_transfer;
            self.next_transfer += 1;
            self.open.push_back(Transfer { number, ..transfer });
        }
        let mut transfer = self.open.pop_front()?;
        let part = transfer.cut(self.part_bytes, &mut self.space);
        *self.bytes.get_mut(transfer.message.size) -= part.len;
        if !part.is_last {
            // To the end of the queue: open transfers send a part each in turn.
            self.open.push_back(transfer);
            return Some(NextPart { part: part.outbound, finished: None });
        }
        let Transfer { owner, message, followers, .. } = transfer;
        self.held -= message.counted;
        let finished = owner.map(|owner| Finished { owner, payload: message.payload, followers });
        Some(NextPart { part: part.outbound, finished })
    }

    /// Drops everything: the connection is gone.
    pub(super) fn clear(&mut self, released: &mut Vec<Bytes>) {
        let transfers = self.open.drain(..).chain(self.pending.drain(..));
        transfers.for_each(|transfer| transfer.release(released));
        self.bytes = BySize::default();
        (self.follower_bytes, self.held) = (0, 0);
        self.next_transfer = 1;
        self.space = BytesMut::new();
    }

    /// A linear search: there are few transfers, as the bound on their bytes makes further large messages wait in a
    /// queue.
    fn transfer_of(&mut self, owner: Owner) -> Option<&mut Transfer> {
        let transfers = self.open.iter_mut().chain(&mut self.pending);
        transfers.into_iter().find(|transfer| transfer.owner == Some(owner))
    }
}

/// A part cut off from a message.
struct Cut {
    outbound: Outbound,
    /// Bytes of the message in it.
    len: usize,
    is_last: bool,
}

impl Transfer {
    fn cut(&mut self, part_bytes: usize, space: &mut BytesMut) -> Cut {
        let message = &mut self.message;
        let len = message.remaining().min(part_bytes);
        let is_last = len == message.remaining();
        let crc = if message.checksum { Flags::CRC } else { Flags::NONE };
        let part = Part {
            transfer: self.number,
            index: self.next_part,
            total: u32::try_from(message.len()).unwrap_or(u32::MAX),
            flags: if is_last { crc.with(Flags::EOF) } else { crc },
            len,
        };
        part.put_header(space);
        let [head, payload, tail] = message.slices(message.sent, message.sent + len);
        space.put_slice(&head);
        let begin = space.split().freeze();
        let outbound = Outbound::around(begin, payload, tail, message.checksum);
        message.sent += len;
        self.next_part = self.next_part.wrapping_add(1);
        Cut { outbound, len, is_last }
    }

    fn release(self, released: &mut Vec<Bytes>) {
        released.push(self.message.payload);
        released.extend(self.followers.into_iter().filter_map(|follower| match follower {
            Follower::Small(..) => None,
            Follower::Large(message) => Some(message.payload),
        }));
    }
}

impl LargeMessage {
    fn empty() -> Self {
        let nothing = Bytes::new;
        Self {
            number: u64::MAX,
            opens_call: false,
            checksum: false,
            head: nothing(),
            payload: nothing(),
            tail: nothing(),
            sent: 0,
            size: Size::Short,
            counted: 0,
        }
    }

    fn len(&self) -> usize {
        self.head.len() + self.payload.len() + self.tail.len()
    }

    fn remaining(&self) -> usize {
        self.len() - self.sent
    }

    /// The bytes from `from` to `to`, as slices of the three buffers.
    fn slices(&self, from: usize, to: usize) -> [Bytes; 3] {
        let mut start = 0;
        [&self.head, &self.payload, &self.tail].map(|buffer| {
            let (from, to) = (from.saturating_sub(start), to.saturating_sub(start));
            start += buffer.len();
            buffer.slice(from.min(buffer.len())..to.min(buffer.len()))
        })
    }
}

fn owner_of(frame: &Frame<'_>) -> Owner {
    (sender_of(frame.header.op), frame.header.mux)
}

/// Which side of a call sends this op.
fn sender_of(op: Op) -> Side {
    match op {
        Op::Request
        | Op::ConnectMux
        | Op::MuxClientMsg
        | Op::UnblockSrvMux
        | Op::DisconnectServerMux
        | Op::Ping => Side::Caller,
        Op::Response
        | Op::AckMux
        | Op::MuxServerMsg
        | Op::UnblockClMux
        | Op::DisconnectClientMux
        | Op::MuxConnectError
        | Op::Pong => Side::Callee,
        // Not about a call.
        Op::Connect
        | Op::ConnectResponse
        | Op::Disconnect
        | Op::Merged
        | Op::Chunk
        | Op::Drain
        | Op::Unknown(_) => Side::Caller,
    }
}
