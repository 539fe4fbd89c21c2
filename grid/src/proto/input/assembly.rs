//! Large messages of the peer, put together from their parts.
//!
//! Announced bytes cost no memory: it grows with the received ones.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use crate::proto::error::PartError;
use crate::proto::limits::TRANSFERS_MAX;
use crate::proto::wire::{Flags, Header, Message, MuxId, Op};

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
}

#[derive(Debug)]
struct Transfer {
    number: u64,
    next_part: u32,
    total: usize,
    bytes: BytesMut,
    /// The stream of which it is an item, if the first part shows that.
    stream: Option<(Op, MuxId)>,
}

impl Assembly {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, open: Vec::new(), next: 0, spare: VecDeque::new() }
    }

    /// Adds the part in a Chunk. Returns the whole message if it was its last part.
    pub(super) fn add(&mut self, part: &Message) -> Result<Option<Bytes>, PartError> {
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
        transfer.add(bytes)?;
        let is_whole = transfer.bytes.len() == transfer.total;
        if !is_last {
            return if is_whole { Err(PartError::NoEnd) } else { Ok(None) };
        }
        let mut bytes = self.open.swap_remove(at).bytes;
        let capacity = bytes.capacity();
        let whole = bytes.split();
        if self.spare.len() >= SPARE_MAX {
            self.spare.pop_front();
        }
        if capacity <= SPARE_BYTES_MAX {
            self.spare.push_back(bytes);
        }
        // A transfer that ends early was withdrawn by its sender.
        Ok(is_whole.then(|| whole.freeze()))
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
        let bytes = spare.unwrap_or_default();
        self.open.push(Transfer { number, next_part: 0, total, bytes, stream });
        Ok(self.open.len() - 1)
    }

    /// Memory that is held for transfers of which parts are missing.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.open.iter().map(|transfer| transfer.bytes.capacity()).sum()
    }

    #[cfg(test)]
    pub(super) fn has_spare(&self) -> bool {
        !self.spare.is_empty()
    }
}

/// The stream of which a message is an item, if it begins with these bytes. A part is usually long enough to tell.
fn item_of(begin: &Bytes) -> Option<(Op, MuxId)> {
    let (op, mux) = Header::peek(begin)?;
    matches!(op, Op::MuxClientMsg | Op::MuxServerMsg).then_some((op, mux))
}

impl Transfer {
    fn add(&mut self, bytes: &[u8]) -> Result<(), PartError> {
        let (len, total) = (self.bytes.len() + bytes.len(), self.total);
        if len > total {
            return Err(PartError::Overrun { len, total });
        }
        if len > self.bytes.capacity() {
            // Grows by a factor of four: the bytes of a message of a MiB are copied once more in total, and the memory
            // stays within four times the received bytes.
            let mut larger = BytesMut::with_capacity(total.min(4 * len));
            larger.extend_from_slice(&self.bytes);
            self.bytes = larger;
        }
        self.bytes.extend_from_slice(bytes);
        self.next_part = self.next_part.wrapping_add(1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::wire::Part;

    const MAX: usize = 1000;

    struct Parts {
        transfer: u64,
        index: u32,
        total: u32,
    }

    impl Parts {
        fn next(&mut self, bytes: &[u8], flags: Flags) -> Message {
            let Self { transfer, index, total } = *self;
            self.index += 1;
            let part = Part { transfer, index, total, flags, pieces: [b"", bytes, b""] };
            Message::decode(part.to_bytes()).expect("own bytes")
        }
    }

    fn parts(transfer: u64, total: u32) -> Parts {
        Parts { transfer, index: 0, total }
    }

    const MORE: Flags = Flags::NONE;

    #[test]
    fn transfers_may_be_interleaved() {
        let mut assembly = Assembly::new(MAX);
        let (mut one, mut two) = (parts(5, 6), parts(9, 3));
        for (part, whole) in [
            (one.next(b"ab", MORE), None),
            (two.next(b"x", MORE), None),
            (one.next(b"cd", MORE), None),
            (two.next(b"yz", Flags::EOF), Some("xyz")),
            (one.next(b"ef", Flags::EOF), Some("abcdef")),
            (parts(10, 1).next(b"1", Flags::EOF), Some("1")),
        ] {
            assert_eq!(assembly.add(&part), Ok(whole.map(Bytes::from)));
        }
        assert_eq!(assembly.bytes(), 0);
    }

    #[test]
    fn a_transfer_that_ends_early_is_dropped() {
        let mut assembly = Assembly::new(MAX);
        let mut short = parts(1, 100);
        assert_eq!(assembly.add(&short.next(b"ab", MORE)), Ok(None));
        assert_eq!(assembly.add(&short.next(b"", Flags::EOF)), Ok(None));
        assert_eq!(assembly.add(&parts(2, 100).next(b"ab", Flags::EOF)), Ok(None));
        assert_eq!(assembly.bytes(), 0);
        assert_eq!(assembly.add(&short.next(b"cd", MORE)), Err(PartError::Unknown));
    }

    #[test]
    fn large_buffers_are_not_kept() {
        let mut assembly = Assembly::new(16 << 20);
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
            let mut assembly = Assembly::new(MAX);
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
        let mut assembly = Assembly::new(MAX);
        for number in 0..TRANSFERS_MAX as u64 {
            assert_eq!(assembly.add(&parts(number, 2).next(b"a", MORE)), Ok(None));
        }
        let one_more = parts(99, 2).next(b"a", MORE);
        assert_eq!(assembly.add(&one_more), Err(PartError::TooMany { max: 16 }));
    }

    #[test]
    fn buffers_grow_with_the_received_bytes() {
        let (mut assembly, total) = (Assembly::new(10_000_000), 10_000_000);
        let mut whole = parts(1, total);
        let mut come = 0;
        while come < 9_999_000 {
            assert_eq!(assembly.add(&whole.next(&[7; 1000], MORE)), Ok(None));
            come += 1000;
            assert!((come..=(4 * come).min(total as usize)).contains(&assembly.bytes()));
        }
        let bytes = assembly.add(&whole.next(&[7; 1000], Flags::EOF));
        assert_eq!(bytes.map(|bytes| bytes.map(|bytes| bytes.len())), Ok(Some(total as usize)));
    }

    #[test]
    fn a_buffer_is_used_again_when_its_message_is_dropped() {
        let mut assembly = Assembly::new(MAX);
        let mut whole = |number, parts_len: usize| {
            let mut parts = parts(number, 300);
            for _ in 0..300 / parts_len - 1 {
                assert_eq!(assembly.add(&parts.next(&vec![7; parts_len], MORE)), Ok(None));
            }
            let last = parts.next(&vec![7; parts_len], Flags::EOF);
            let whole = assembly.add(&last).expect("a part").expect("the last");
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
}
