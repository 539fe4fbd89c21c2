//! Large messages on their way out, cut into parts where the peer knows `chunks`, so that small ones need not wait behind
//! them.
//!
//! Every transfer belongs to one call or stream, and whatever else is said on that one waits behind it: sequence numbers
//! and ends must not overtake. Up to [`TRANSFERS_MAX`] transfers take turns, a part each.
//!
//! Payloads are not copied but kept, and given back in `spent` when they are not needed any more: dropping a buffer of
//! the user's can run the user's code, which is for after the lock.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use crate::proto::event::Side;
use crate::proto::limits::TRANSFERS_MAX;
use crate::proto::wire::{Flags, Frame, MuxId, Op, Part};

/// Whose messages must stay in order: those of one call, on one side.
type Owner = (Side, MuxId);

/// All of them on one connection.
#[derive(Debug)]
pub(in crate::proto) struct Bulk {
    /// Bytes of a part.
    part_bytes: usize,
    /// Transfers that have begun, the one whose turn it is in front.
    open: VecDeque<Transfer>,
    /// Those that have not, in the order in which they shall.
    pending: VecDeque<Transfer>,
    /// Number of the next transfer to begin.
    next_transfer: u64,
    /// Large messages so far; names them for [`holds_message`](Self::holds_message).
    pushed: u64,
    /// Bytes that wait.
    bytes: usize,
    /// Where parts are written; the same memory again when the transport has done with the one before.
    space: BytesMut,
}

/// A large message, and what is said on the same call after it.
#[derive(Debug)]
struct Transfer {
    /// `None`: given up, which the peer must be told.
    owner: Option<Owner>,
    /// Its number on the wire, from the first part on.
    number: u64,
    next_part: u32,
    /// Small messages that must have left before: what was said on the call earlier is among them.
    after: u64,
    message: Large,
    behind: VecDeque<Behind>,
}

#[derive(Debug)]
pub(in crate::proto) enum Behind {
    Small(Bytes),
    Large(Large),
}

/// A large message around a payload that is not copied.
#[derive(Debug)]
pub(in crate::proto) struct Large {
    number: u64,
    /// It begins its call: before it has left the peer does not know of the call.
    opens: bool,
    checksum: bool,
    head: Bytes,
    payload: Bytes,
    tail: Bytes,
    /// Bytes that have left.
    sent: usize,
}

/// A part, and what came to its end with it.
#[derive(Debug)]
pub(in crate::proto) struct Popped {
    pub(in crate::proto) bytes: Bytes,
    pub(in crate::proto) done: Option<Done>,
}

/// A large message that has left as a whole.
#[derive(Debug)]
pub(in crate::proto) struct Done {
    pub(in crate::proto) owner: Owner,
    pub(in crate::proto) payload: Bytes,
    pub(in crate::proto) behind: VecDeque<Behind>,
}

impl Bulk {
    pub(in crate::proto) fn new(part_bytes: usize) -> Self {
        Self {
            part_bytes: part_bytes.max(1),
            open: VecDeque::new(),
            pending: VecDeque::new(),
            next_transfer: 1,
            pushed: 0,
            bytes: 0,
            space: BytesMut::new(),
        }
    }

    pub(in crate::proto) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.pending.is_empty()
    }

    pub(in crate::proto) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a message with this payload, which goes out when the first `after` small ones have. Gives its number.
    pub(in crate::proto) fn push(&mut self, frame: &Frame<'_>, payload: Bytes, after: u64) -> u64 {
        let number = self.pushed;
        self.pushed += 1;
        let (head, tail) = frame.around_payload();
        let message = Large {
            number,
            opens: matches!(frame.header.op, Op::Request | Op::ConnectMux),
            checksum: frame.header.flags.contains(Flags::CRC),
            head,
            payload,
            tail,
            sent: 0,
        };
        self.bytes += message.left();
        let owner = owner_of(frame);
        match self.transfer_of(owner) {
            Some(transfer) => transfer.behind.push_back(Behind::Large(message)),
            None => self.begin(owner, message, VecDeque::new(), after),
        }
        number
    }

    /// Puts a small message behind the transfer of the same call, if there is one.
    #[must_use]
    pub(in crate::proto) fn push_behind(&mut self, frame: &Frame<'_>) -> bool {
        if self.is_empty() {
            return false;
        }
        let Some(transfer) = self.transfer_of(owner_of(frame)) else { return false };
        let message = frame.to_bytes();
        let len = message.len();
        transfer.behind.push_back(Behind::Small(message));
        self.bytes += len;
        true
    }

    /// The small message in front of those behind a finished one has gone to the small ones.
    pub(in crate::proto) fn moved(&mut self, len: usize) {
        self.bytes -= len;
    }

    /// Lets a transfer wait for its turn.
    pub(in crate::proto) fn begin(
        &mut self,
        owner: Owner,
        message: Large,
        behind: VecDeque<Behind>,
        after: u64,
    ) {
        let owner = Some(owner);
        self.pending.push_back(Transfer { owner, number: 0, next_part: 0, after, message, behind });
    }

    /// Whether messages of this call wait here, so that later ones must as well.
    pub(in crate::proto) fn holds(&self, side: Side, id: MuxId) -> bool {
        let owner = Some((side, id));
        self.open.iter().chain(&self.pending).any(|transfer| transfer.owner == owner)
    }

    /// Whether this message, as [`push`](Self::push) numbered it, has not left as a whole.
    pub(in crate::proto) fn holds_message(&self, number: u64) -> bool {
        self.open.iter().chain(&self.pending).any(|transfer| {
            let behind = transfer
                .behind
                .iter()
                .any(|behind| matches!(behind, Behind::Large(message) if message.number == number));
            transfer.owner.is_some() && (transfer.message.number == number || behind)
        })
    }

    /// Forgets what has not left of a call. `true` if the message that begins the call is among that: then the peer has
    /// never heard of it.
    pub(in crate::proto) fn take_back(
        &mut self,
        side: Side,
        id: MuxId,
        spent: &mut Vec<Bytes>,
    ) -> bool {
        let owner = Some((side, id));
        let take = |transfers: &mut VecDeque<Transfer>| {
            let at = transfers.iter().position(|transfer| transfer.owner == owner)?;
            transfers.remove(at)
        };
        let Some(transfer) = take(&mut self.pending).or_else(|| take(&mut self.open)) else {
            return false;
        };
        let Transfer { number, next_part, after, .. } = transfer;
        let Large { opens, checksum, .. } = transfer.message;
        self.bytes -= transfer.left();
        transfer.spend(spent);
        if next_part > 0 {
            // Next in turn, so that the peer can use the memory for something else.
            let message = Large { checksum, ..Large::nothing() };
            let behind = VecDeque::new();
            let given_up = Transfer { owner: None, number, next_part, after, message, behind };
            self.open.push_front(given_up);
        }
        opens
    }

    /// The next part, where small messages have left up to the number `transmitted`.
    pub(in crate::proto) fn pop(&mut self, transmitted: u64) -> Option<Popped> {
        while self.open.len() < TRANSFERS_MAX
            && self.pending.front().is_some_and(|transfer| transfer.after <= transmitted)
        {
            let Some(transfer) = self.pending.pop_front() else { break };
            let number = self.next_transfer;
            self.next_transfer += 1;
            self.open.push_back(Transfer { number, ..transfer });
        }
        let mut transfer = self.open.pop_front()?;
        let part = transfer.cut(self.part_bytes, &mut self.space);
        self.bytes -= part.len;
        if !part.is_last {
            self.open.push_back(transfer);
            return Some(Popped { bytes: part.bytes, done: None });
        }
        let Transfer { owner, message, behind, .. } = transfer;
        let done = owner.map(|owner| Done { owner, payload: message.payload, behind });
        Some(Popped { bytes: part.bytes, done })
    }

    /// Throws everything away: the connection is gone.
    pub(in crate::proto) fn clear(&mut self, spent: &mut Vec<Bytes>) {
        let transfers = self.open.drain(..).chain(self.pending.drain(..));
        transfers.for_each(|transfer| transfer.spend(spent));
        self.bytes = 0;
        self.next_transfer = 1;
        self.space = BytesMut::new();
    }

    /// There are few, as the bound on their bytes makes large messages wait in line: looking at each is quick.
    fn transfer_of(&mut self, owner: Owner) -> Option<&mut Transfer> {
        let transfers = self.open.iter_mut().chain(&mut self.pending);
        transfers.into_iter().find(|transfer| transfer.owner == Some(owner))
    }
}

/// A part that was cut off.
struct Cut {
    bytes: Bytes,
    /// Of the message.
    len: usize,
    is_last: bool,
}

impl Transfer {
    fn cut(&mut self, part_bytes: usize, space: &mut BytesMut) -> Cut {
        let message = &mut self.message;
        let len = message.left().min(part_bytes);
        let is_last = len == message.left();
        let crc = if message.checksum { Flags::CRC } else { Flags::NONE };
        let part = Part {
            transfer: self.number,
            index: self.next_part,
            total: u32::try_from(message.len()).unwrap_or(u32::MAX),
            flags: if is_last { crc.with(Flags::EOF) } else { crc },
            pieces: message.slices(message.sent, message.sent + len),
        };
        part.encode(space);
        let bytes = space.split().freeze();
        message.sent += len;
        self.next_part = self.next_part.wrapping_add(1);
        Cut { bytes, len, is_last }
    }

    /// Bytes that have not left.
    fn left(&self) -> usize {
        let behind = self.behind.iter().map(|behind| match behind {
            Behind::Small(message) => message.len(),
            Behind::Large(message) => message.left(),
        });
        self.message.left() + behind.sum::<usize>()
    }

    fn spend(self, spent: &mut Vec<Bytes>) {
        spent.push(self.message.payload);
        spent.extend(self.behind.into_iter().filter_map(|behind| match behind {
            Behind::Small(_) => None,
            Behind::Large(message) => Some(message.payload),
        }));
    }
}

impl Large {
    fn nothing() -> Self {
        let nothing = Bytes::new;
        Self {
            number: u64::MAX,
            opens: false,
            checksum: false,
            head: nothing(),
            payload: nothing(),
            tail: nothing(),
            sent: 0,
        }
    }

    fn len(&self) -> usize {
        self.head.len() + self.payload.len() + self.tail.len()
    }

    fn left(&self) -> usize {
        self.len() - self.sent
    }

    /// The bytes from one place of the message to another, as they lie in its three buffers.
    fn slices(&self, from: usize, to: usize) -> [&[u8]; 3] {
        let mut start = 0;
        [&self.head, &self.payload, &self.tail].map(|buffer| {
            let (from, to) = (from.saturating_sub(start), to.saturating_sub(start));
            start += buffer.len();
            buffer.get(from.min(buffer.len())..to.min(buffer.len())).unwrap_or_default()
        })
    }
}

fn owner_of(frame: &Frame<'_>) -> Owner {
    (sender_of(frame.header.op), frame.header.mux)
}

/// Which side of a call says this.
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
        // About no call.
        Op::Connect
        | Op::ConnectResponse
        | Op::Disconnect
        | Op::Merged
        | Op::Chunk
        | Op::Unknown(_) => Side::Caller,
    }
}
