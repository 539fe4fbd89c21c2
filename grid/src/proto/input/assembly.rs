//! Large messages of the peer, put together from their parts.
//!
//! Announced bytes cost no memory: it grows with the received ones, and is charged before it is allocated. A transfer
//! that exceeds a limit is dropped: its call or stream fails, and its further parts are only counted.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::proto::error::PartError;
use crate::proto::limits::TRANSFERS_MAX;
use crate::proto::memory::{Charge, Handover, Ledger, Over};
use crate::proto::wire::{Flags, HEADER_LEN_MAX, Header, Message, MuxId, Op};

/// Buffers that are kept for further messages. With one, or none, echoes of a MiB were a third slower.
const SPARE_MAX: usize = 4;

/// Larger buffers are not kept, so that a connection holds 8 MiB of unused memory at most.
const SPARE_BYTES_MAX: usize = 2 * 1024 * 1024;

/// The open transfers of the peer.
#[derive(Debug)]
pub(super) struct Assembly {
    /// Largest message that is accepted.
    bytes_max: usize,
    open: Vec<Transfer>,
    /// The next transfer has at least this number.
    next: u64,
    /// Buffers of complete messages, used again as soon as the message is dropped everywhere: fresh memory costs a page
    /// fault for each 4 KiB.
    spare: VecDeque<BytesMut>,
    ledger: Arc<Ledger>,
}

/// What a part has completed.
#[derive(Debug)]
#[cfg_attr(test, derive(PartialEq, Eq))]
pub(super) enum Whole {
    /// A message, and what ends its charge.
    Message(Bytes, Option<Handover>),
    /// The transfer has exceeded a limit. This is the header of its message.
    Dropped(Header, Over),
}

#[derive(Debug)]
struct Transfer {
    number: u64,
    next_part: u32,
    total: usize,
    /// The stream of which it is an item, if the first part shows that.
    stream: Option<(Op, MuxId)>,
    /// Received bytes.
    len: usize,
    body: Body,
}

#[derive(Debug)]
enum Body {
    /// The received bytes. The charge is for the capacity.
    Kept { bytes: BytesMut, charge: Option<Charge> },
    /// The transfer has exceeded a limit. Only the first bytes are kept, until its header is known and reported.
    Dropped { head: BytesMut, over: Option<Over> },
}

impl Assembly {
    pub(super) fn new(bytes_max: usize, ledger: Arc<Ledger>) -> Self {
        Self { bytes_max, open: Vec::new(), next: 0, spare: VecDeque::new(), ledger }
    }

    /// Adds the part in a Chunk. Returns what is known now: the whole message after its last part, or that the transfer
    /// was dropped, once.
    pub(super) fn add(&mut self, part: &Message) -> Result<Option<Whole>, PartError> {
        let Header { mux, seq, deadline_ms, flags, .. } = part.header;
        let bytes = part.payload.as_deref().unwrap_or_default();
        let at = match self.open.iter().position(|transfer| transfer.number == mux.0) {
            Some(at) => at,
            None if seq == 0 => {
                self.begin(mux.0, deadline_ms as usize, item_of(part.payload_or_empty()))?
            }
            None => return Err(PartError::Unknown),
        };
        let Some(transfer) = self.open.get_mut(at) else { return Err(PartError::Unknown) };
        if seq != transfer.next_part {
            return Err(PartError::Index { want: transfer.next_part, got: seq });
        }
        let is_last = flags.contains(Flags::EOF);
        if bytes.is_empty() && !is_last {
            return Err(PartError::Empty);
        }
        transfer.add(bytes, &self.ledger)?;
        let is_whole = transfer.len == transfer.total;
        if !is_last {
            if is_whole {
                return Err(PartError::NoEnd);
            }
            return Ok(transfer.report_drop());
        }
        let mut transfer = self.open.swap_remove(at);
        let drop_report = transfer.report_drop();
        // A transfer that ends early was withdrawn by its sender.
        match transfer.body {
            Body::Kept { bytes, charge } if is_whole => Ok(Some(self.finish(bytes, charge))),
            Body::Kept { .. } | Body::Dropped { .. } => Ok(drop_report),
        }
    }

    /// Lends the buffer of the transfer that this part continues, with capacity for its `len` bytes. `None` if the part
    /// cannot be added as it is.
    pub(super) fn lend(&mut self, part: &Header, len: usize) -> Option<BytesMut> {
        let continues = |transfer: &&mut Transfer| {
            transfer.number == part.mux.0 && transfer.next_part == part.seq
        };
        let transfer = self.open.iter_mut().find(continues)?;
        let Body::Kept { bytes, charge } = &mut transfer.body else { return None };
        let len = transfer.len.checked_add(len).filter(|len| *len <= transfer.total)?;
        // Without room the part is read as any other, and the transfer is dropped then.
        make_room(bytes, charge, len, transfer.total, &self.ledger).ok()?;
        Some(std::mem::take(bytes))
    }

    /// Takes back a buffer to which a part of `len` bytes was appended. Returns the stream of whose item it is a part.
    pub(super) fn give_back(
        &mut self,
        number: u64,
        lent: BytesMut,
        len: usize,
    ) -> Result<Option<(Op, MuxId)>, PartError> {
        let transfer = self.open.iter_mut().find(|transfer| transfer.number == number);
        let transfer = transfer.ok_or(PartError::Unknown)?;
        if let Body::Kept { bytes, .. } = &mut transfer.body {
            *bytes = lent;
        }
        transfer.len += len;
        transfer.next_part = transfer.next_part.wrapping_add(1);
        if transfer.len == transfer.total {
            return Err(PartError::NoEnd);
        }
        Ok(transfer.stream)
    }

    fn finish(&mut self, mut bytes: BytesMut, charge: Option<Charge>) -> Whole {
        let capacity = bytes.capacity();
        let whole = bytes.split().freeze();
        if self.spare.len() >= SPARE_MAX {
            self.spare.pop_front();
        }
        if capacity <= SPARE_BYTES_MAX {
            self.spare.push_back(bytes);
        }
        match charge {
            Some(charge) => {
                let (whole, handover) = charge.lend(whole);
                Whole::Message(whole, Some(handover))
            }
            None => Whole::Message(Bytes::new(), None),
        }
    }

    /// The stream of whose item this is a part, if it is one.
    pub(super) fn stream_of(&self, part: &Message) -> Option<(Op, MuxId)> {
        let Header { mux, seq, .. } = part.header;
        if seq == 0 {
            return item_of(part.payload_or_empty());
        }
        self.open.iter().find(|transfer| transfer.number == mux.0)?.stream
    }

    /// Frees the buffers that are kept for further messages.
    pub(super) fn release_spare(&mut self) {
        self.spare.clear();
    }

    /// Begins a transfer. Returns its index.
    fn begin(
        &mut self,
        number: u64,
        total: usize,
        stream: Option<(Op, MuxId)>,
    ) -> Result<usize, PartError> {
        if number < self.next {
            return Err(PartError::Reused);
        }
        if total == 0 || total > self.bytes_max {
            return Err(PartError::Total { total, max: self.bytes_max });
        }
        if self.open.len() >= TRANSFERS_MAX {
            return Err(PartError::TooMany { max: TRANSFERS_MAX });
        }
        self.next = number.saturating_add(1);
        // At most twice as large as needed, so that a user who keeps a small message does not keep a much larger
        // buffer.
        let fits = |spare: &mut BytesMut| {
            spare.try_reclaim(total) && spare.capacity() <= total.saturating_mul(2)
        };
        let spare = self.spare.iter_mut().position(fits).and_then(|at| self.spare.remove(at));
        let body = Body::Kept { bytes: spare.unwrap_or_default(), charge: None };
        self.open.push(Transfer { number, next_part: 0, total, stream, len: 0, body });
        Ok(self.open.len() - 1)
    }

    /// Memory that is held for transfers of which parts are missing.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let capacity = |transfer: &Transfer| match &transfer.body {
            Body::Kept { bytes, .. } => bytes.capacity(),
            Body::Dropped { head, .. } => head.capacity(),
        };
        self.open.iter().map(capacity).sum()
    }

    #[cfg(test)]
    pub(super) fn has_spare(&self) -> bool {
        !self.spare.is_empty()
    }
}

/// The stream of which a message is an item, if it begins with these bytes. A part is usually long enough to tell.
fn item_of(begin: &Bytes) -> Option<(Op, MuxId)> {
    let (op, mux) = Header::peek(begin)?;
    op.is_item().then_some((op, mux))
}

impl Transfer {
    fn add(&mut self, part: &[u8], ledger: &Arc<Ledger>) -> Result<(), PartError> {
        let (len, total) = (self.len + part.len(), self.total);
        if len > total {
            return Err(PartError::Overrun { len, total });
        }
        if let Body::Kept { bytes, charge } = &mut self.body {
            match make_room(bytes, charge, len, total, ledger) {
                Ok(()) => bytes.extend_from_slice(part),
                Err(over) => {
                    let begin = bytes.get(..bytes.len().min(HEADER_LEN_MAX)).unwrap_or_default();
                    self.body = Body::Dropped { head: begin.into(), over: Some(over) };
                }
            }
        }
        if let Body::Dropped { head, .. } = &mut self.body {
            let missing = HEADER_LEN_MAX.saturating_sub(head.len());
            head.extend_from_slice(part.get(..missing.min(part.len())).unwrap_or_default());
        }
        self.len = len;
        self.next_part = self.next_part.wrapping_add(1);
        Ok(())
    }

    /// Returns once that the transfer was dropped, as soon as the header of its message is known.
    fn report_drop(&mut self) -> Option<Whole> {
        let Body::Dropped { head, over } = &mut self.body else { return None };
        let header = Header::decode(&over.map(|_| head.clone().freeze())?).ok()?;
        over.take().map(|over| Whole::Dropped(header, over))
    }
}

/// Charges and allocates memory for the first `len` bytes of a message.
fn make_room(
    bytes: &mut BytesMut,
    charge: &mut Option<Charge>,
    len: usize,
    total: usize,
    ledger: &Arc<Ledger>,
) -> Result<(), Over> {
    let grows = len > bytes.capacity();
    // Grows by a factor of four: the bytes of a message of a MiB are copied once more in total, and the memory stays
    // within four times the received bytes.
    let capacity = if grows { total.min(4 * len) } else { bytes.capacity() };
    let before = charge.as_ref().map_or(0, Charge::bytes);
    match charge {
        Some(charge) if grows => charge.grow(capacity)?,
        Some(_) => {}
        // A buffer that is used again is not charged yet.
        None => *charge = Some(ledger.charge(capacity)?),
    }
    if grows {
        let mut larger = BytesMut::with_capacity(capacity);
        larger.extend_from_slice(bytes);
        *bytes = larger;
        if let Some(charge) = charge {
            charge.shrink(before);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::limits::Limits;
    use crate::proto::memory::NodeBytes;
    use crate::proto::wire::{MuxId, Op, Part};

    const MAX: usize = 1000;

    fn assembly(bytes_max: usize) -> Assembly {
        Assembly::new(bytes_max, Limits::default().new_ledger())
    }

    struct Parts {
        transfer: u64,
        index: u32,
        total: u32,
    }

    impl Parts {
        fn next(&mut self, bytes: &[u8], flags: Flags) -> Message {
            let Self { transfer, index, total } = *self;
            self.index += 1;
            let part = Part { transfer, index, total, flags, len: bytes.len() };
            Message::decode(part.with(bytes)).expect("own bytes")
        }
    }

    fn parts(transfer: u64, total: u32) -> Parts {
        Parts { transfer, index: 0, total }
    }

    const MORE: Flags = Flags::NONE;

    fn message(whole: Whole) -> Bytes {
        match whole {
            Whole::Message(bytes, _) => bytes,
            dropped => panic!("{dropped:?}"),
        }
    }

    #[test]
    fn transfers_may_be_interleaved() {
        let mut assembly = assembly(MAX);
        let (mut one, mut two) = (parts(5, 6), parts(9, 3));
        for (part, whole) in [
            (one.next(b"ab", MORE), None),
            (two.next(b"x", MORE), None),
            (one.next(b"cd", MORE), None),
            (two.next(b"yz", Flags::EOF), Some("xyz")),
            (one.next(b"ef", Flags::EOF), Some("abcdef")),
            (parts(10, 1).next(b"1", Flags::EOF), Some("1")),
        ] {
            let added = assembly.add(&part).expect("a part of a message").map(message);
            assert_eq!(added.as_deref(), whole.map(str::as_bytes));
        }
        assert_eq!(assembly.bytes(), 0);
    }

    #[test]
    fn a_transfer_that_ends_early_is_dropped() {
        let mut assembly = assembly(MAX);
        let mut short = parts(1, 100);
        assert_eq!(assembly.add(&short.next(b"ab", MORE)), Ok(None));
        assert_eq!(assembly.add(&short.next(b"", Flags::EOF)), Ok(None));
        assert_eq!(assembly.add(&parts(2, 100).next(b"ab", Flags::EOF)), Ok(None));
        assert_eq!(assembly.bytes(), 0);
        assert_eq!(assembly.add(&short.next(b"cd", MORE)), Err(PartError::Unknown));
    }

    #[test]
    fn large_buffers_are_not_kept() {
        let mut assembly = assembly(16 << 20);
        let mut short = parts(1, 16 << 20);
        let bytes = vec![7; SPARE_BYTES_MAX];
        assert_eq!(assembly.add(&short.next(&bytes, MORE)), Ok(None));
        assert_eq!(assembly.add(&short.next(b"", Flags::EOF)), Ok(None));
        assert!(assembly.spare.is_empty(), "its capacity is above the limit");
    }

    #[test]
    fn parts_that_do_not_continue_a_transfer_are_errors() {
        /// Transfer, index, total, bytes, flags.
        type Raw = (u64, u32, u32, &'static [u8], Flags);
        let cases: [(&[Raw], PartError); 10] = [
            (&[(1, 1, 9, b"a", MORE)], PartError::Unknown),
            (&[(1, 0, 9, b"a", MORE), (1, 2, 0, b"a", MORE)], PartError::Index { want: 1, got: 2 }),
            (&[(1, 0, 9, b"a", MORE), (1, 0, 9, b"a", MORE)], PartError::Index { want: 1, got: 0 }),
            (&[(2, 0, 1, b"a", Flags::EOF), (1, 0, 9, b"a", MORE)], PartError::Reused),
            (&[(2, 0, 1, b"a", Flags::EOF), (2, 0, 9, b"a", MORE)], PartError::Reused),
            (&[(1, 0, 0, b"a", MORE)], PartError::Total { total: 0, max: MAX }),
            (&[(1, 0, 1001, b"a", MORE)], PartError::Total { total: 1001, max: MAX }),
            (
                &[(1, 0, 2, b"a", MORE), (1, 1, 0, b"bc", Flags::EOF)],
                PartError::Overrun { len: 3, total: 2 },
            ),
            (&[(1, 0, 1, b"a", MORE)], PartError::NoEnd),
            (&[(1, 0, 9, b"", MORE)], PartError::Empty),
        ];
        for (messages, error) in cases {
            let mut assembly = assembly(MAX);
            let mut outcome = Ok(None);
            for (transfer, index, total, bytes, flags) in messages {
                assert!(outcome.is_ok());
                let part = Parts { transfer: *transfer, index: *index, total: *total };
                outcome = assembly.add(&{ part }.next(bytes, *flags));
            }
            assert_eq!(outcome, Err(error));
        }
    }

    #[test]
    fn the_number_of_open_transfers_is_limited() {
        let mut assembly = assembly(MAX);
        for number in 0..TRANSFERS_MAX as u64 {
            assert_eq!(assembly.add(&parts(number, 2).next(b"a", MORE)), Ok(None));
        }
        let one_more = parts(99, 2).next(b"a", MORE);
        assert_eq!(assembly.add(&one_more), Err(PartError::TooMany { max: 16 }));
    }

    #[test]
    fn buffers_grow_with_the_received_bytes() {
        let (mut assembly, total) = (assembly(10_000_000), 10_000_000);
        let mut whole = parts(1, total);
        let mut come = 0;
        while come < 9_999_000 {
            assert_eq!(assembly.add(&whole.next(&[7; 1000], MORE)), Ok(None));
            come += 1000;
            assert!((come..=(4 * come).min(total as usize)).contains(&assembly.bytes()));
        }
        let bytes = assembly.add(&whole.next(&[7; 1000], Flags::EOF)).expect("the last part");
        assert_eq!(bytes.map(|bytes| message(bytes).len()), Some(total as usize));
    }

    #[test]
    fn a_buffer_is_used_again_when_its_message_is_dropped() {
        let mut assembly = assembly(MAX);
        let mut whole = |number, parts_len: usize| {
            let mut parts = parts(number, 300);
            for _ in 0..300 / parts_len - 1 {
                assert_eq!(assembly.add(&parts.next(&vec![7; parts_len], MORE)), Ok(None));
            }
            let last = parts.next(&vec![7; parts_len], Flags::EOF);
            let whole = message(assembly.add(&last).expect("a part").expect("the last"));
            assert_eq!(whole, vec![7; 300]);
            whole
        };
        let one = whole(1, 100);
        let two = whole(2, 100);
        assert_ne!(one.as_ptr(), two.as_ptr(), "the first is still in use");
        let place = one.as_ptr();
        drop(one);
        assert_eq!(whole(3, 100).as_ptr(), place);
    }

    /// Messages in parts are charged as allocated, from their first part until they are dropped.
    #[test]
    fn memory_is_charged_as_it_is_allocated() {
        let ledger = Ledger::new(100_000, 0, NodeBytes::new(1 << 20));
        let mut assembly = Assembly::new(100_000, Arc::clone(&ledger));
        let mut whole = parts(1, 50_000);
        for count in 1..50 {
            assert_eq!(assembly.add(&whole.next(&[7; 1000], MORE)), Ok(None));
            assert_eq!(ledger.held(), assembly.bytes(), "after {count} parts");
        }
        let bytes = assembly.add(&whole.next(&[7; 1000], Flags::EOF)).expect("the last part");
        let slice = message(bytes.expect("the message")).slice(..4);
        assert_eq!(ledger.held(), 50_000);
        drop(slice);
        assert_eq!(ledger.held(), 0, "an unused buffer is not charged");
        let mut again = parts(2, 50_000);
        assert_eq!(assembly.add(&again.next(&[7; 1000], MORE)), Ok(None));
        assert_eq!(ledger.held(), 50_000, "the buffer is used again");
        drop(assembly);
        assert_eq!(ledger.held(), 0);
    }

    /// A transfer that exceeds the limit is reported once, with the header of its message. Other transfers continue.
    #[test]
    fn a_transfer_above_the_limit_is_dropped_and_its_parts_are_only_counted() {
        let header = Header { mux: MuxId(77), seq: 5, ..Header::new(Op::Request) };
        for part_len in [1, 7, 400, 1000] {
            let ledger = Ledger::new(1000, 0, NodeBytes::new(1 << 20));
            let mut assembly = Assembly::new(100_000, Arc::clone(&ledger));
            let mut small = parts(1, 300);
            assert_eq!(assembly.add(&small.next(&[7; 100], MORE)), Ok(None));
            let bytes = crate::proto::wire::Frame::new(header, Some(&[7; 20_000])).to_bytes();
            let mut large = parts(2, bytes.len() as u32);
            let mut reports = Vec::new();
            let count = bytes.len().div_ceil(part_len);
            for (index, part) in bytes.chunks(part_len).enumerate() {
                let flags = if index + 1 == count { Flags::EOF } else { MORE };
                reports.extend(assembly.add(&large.next(part, flags)).expect("a part"));
                assert!(ledger.held() <= 1000);
            }
            assert_eq!(reports, [Whole::Dropped(header, Over::Peer)], "parts of {part_len}");
            let bytes = assembly.add(&small.next(&[7; 200], Flags::EOF)).expect("the last part");
            assert_eq!(message(bytes.expect("the message")).len(), 300);
            assert_eq!(ledger.held(), 0);
        }
    }
}
