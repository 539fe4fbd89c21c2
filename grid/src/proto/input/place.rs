//! [`Place`]: where the bytes of a part belong, so that they are read there and not copied.
//!
//! Only a part in the middle of a large message has a place: the first one begins the message, and the last one ends it.
//! Both are messages like any other, and are copied. A part is also copied if received messages are not decoded yet: they
//! come before it.

use bytes::{Bytes, BytesMut};

use super::Inbound;
use crate::proto::error::ProtocolError;
use crate::proto::wire::{DecodeError, Flags, Header, MuxId, Op, checksum_of, part_begin};

/// A part with fewer bytes is read and copied in fewer steps.
const PLACED_BYTES_MIN: usize = 8 * 1024;

/// A part with more bytes is put together like any other message: no more memory is reserved before bytes arrive.
const PLACED_BYTES_MAX: usize = 64 * 1024;

/// Length of the messages that can be placed.
pub(crate) const PLACED_MESSAGES: std::ops::Range<usize> =
    PLACED_BYTES_MIN..PLACED_BYTES_MAX + 2 * PART_BEGIN_BYTES;

/// Bytes of a message that tell whether it can be placed.
pub(crate) const PART_BEGIN_BYTES: usize = 64;

/// The place of a part. Its bytes must be appended to `bytes`, and then the place returned with
/// [`Inbound::placed`].
#[derive(Debug)]
pub(crate) struct Place {
    /// The large message so far, with capacity for the part.
    pub(crate) bytes: BytesMut,
    /// Bytes of the message before those of the part.
    pub(crate) head_len: usize,
    /// Bytes of the part.
    pub(crate) len: usize,
    header: Header,
}

impl Inbound {
    /// The place of the message that begins with `begin` and has `len` bytes, if it has one.
    pub(crate) fn place(&mut self, begin: &Bytes, len: usize) -> Option<Place> {
        if !self.is_done() || self.error.is_some() {
            return None;
        }
        let assembly = self.assembly.as_mut()?;
        let (header, head_len, part_len) = part_begin(begin)?;
        let crc_len = if header.flags.contains(Flags::CRC) { 4 } else { 0 };
        let is_plain = header.op == Op::Chunk && header.flags.without(Flags::CRC) == Flags::NONE;
        if !is_plain || part_len > PLACED_BYTES_MAX || head_len + part_len + crc_len != len {
            return None;
        }
        self.coverage.check(&header).ok()?;
        let bytes = assembly.lend(&header, part_len)?;
        Some(Place { bytes, head_len, len: part_len, header })
    }

    /// A part has been read to its place. `head` and `tail` are the bytes of its message around it.
    pub(crate) fn placed(&mut self, place: Place, head: &[u8], tail: &[u8]) {
        let len = head.len() + place.len + tail.len();
        self.bytes += len as u64;
        if let Err(error) = self.take_back(place, head, tail) {
            self.error = Some(error);
        }
    }

    fn take_back(&mut self, place: Place, head: &[u8], tail: &[u8]) -> Result<(), ProtocolError> {
        let Place { bytes, len, header, .. } = place;
        if let Some(want) = tail.first_chunk() {
            let part = bytes.get(bytes.len() - len..).unwrap_or_default();
            let (want, got) = (u32::from_le_bytes(*want), checksum_of([head, part, &[]]));
            if want != got {
                return Err(DecodeError::Checksum { want, got }.into());
            }
        }
        let Some(assembly) = &mut self.assembly else { return Ok(()) };
        let MuxId(transfer) = header.mux;
        let stream = assembly
            .give_back(transfer, bytes, len)
            .map_err(|error| ProtocolError::Part { transfer, part: header.seq, error })?;
        self.note_heard(stream);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::proto::error::PartError;
    use crate::proto::input::Coverage;
    use crate::proto::limits::Limits;
    use crate::proto::memory::{Ledger, NodeBytes};
    use crate::proto::wire::{Frame, Part};

    const PART: usize = 10_000;

    fn ledger(max: usize) -> Arc<Ledger> {
        Ledger::new(max, 0, NodeBytes::new(1 << 30))
    }

    fn inbound(ledger: &Arc<Ledger>) -> Inbound {
        let max = Limits::default().message_bytes_max;
        Inbound::new(Coverage::Everything, Some(max), Arc::clone(ledger))
    }

    /// A request of 35 000 bytes, and its parts.
    fn parts() -> (Bytes, Vec<Bytes>) {
        let header = Header { mux: MuxId(7), flags: Flags::EOF, ..Header::new(Op::Request) };
        let payload: Vec<u8> = (0..35_000).map(|n| (n % 251) as u8).collect();
        let whole = Frame::new(header, Some(&payload)).to_bytes();
        let count = whole.len().div_ceil(PART);
        let part = |(index, bytes): (usize, &[u8])| {
            let is_last = index + 1 == count;
            let flags = if is_last { Flags::CRC | Flags::EOF } else { Flags::CRC };
            let total = whole.len() as u32;
            Part { transfer: 1, index: index as u32, total, flags, len: bytes.len() }.with(bytes)
        };
        (payload.into(), whole.chunks(PART).enumerate().map(part).collect())
    }

    fn begin(message: &Bytes) -> Bytes {
        message.slice(..PART_BEGIN_BYTES)
    }

    fn read(inbound: &mut Inbound, message: Bytes) {
        inbound.push(message);
        inbound.decode();
    }

    /// Reads a message to its place.
    fn read_in_place(inbound: &mut Inbound, message: &Bytes) {
        let mut place = inbound.place(&begin(message), message.len()).expect("a place");
        let (head, rest) = message.split_at(place.head_len);
        let (part, tail) = rest.split_at(place.len);
        assert!(place.bytes.capacity() - place.bytes.len() >= part.len());
        place.bytes.extend_from_slice(part);
        inbound.placed(place, head, tail);
    }

    #[test]
    fn parts_in_the_middle_are_placed_and_the_others_are_not() {
        let ledger = ledger(1 << 20);
        let mut inbound = inbound(&ledger);
        let (payload, parts) = parts();
        assert!(inbound.place(&begin(&parts[0]), parts[0].len()).is_none(), "the first");
        read(&mut inbound, parts[0].clone());
        for part in &parts[1..3] {
            read_in_place(&mut inbound, part);
        }
        assert!(inbound.place(&begin(&parts[3]), parts[3].len()).is_none(), "the last");
        read(&mut inbound, parts[3].clone());
        let message = inbound.take_messages().next().expect("the whole");
        assert_eq!(message.payload, Some(payload));
        assert_eq!(inbound.take_bytes(), parts.iter().map(Bytes::len).sum::<usize>() as u64);
        drop((inbound, message));
        assert_eq!(ledger.held(), 0);
    }

    #[test]
    fn a_part_is_not_placed_where_it_cannot_be_known_what_comes_before_it() {
        let mut inbound = inbound(&ledger(1 << 20));
        let (_, parts) = parts();
        inbound.push(parts[0].clone());
        assert!(inbound.place(&begin(&parts[1]), parts[1].len()).is_none(), "not decoded yet");
        inbound.decode();
        assert!(inbound.place(&begin(&parts[2]), parts[2].len()).is_none(), "out of order");
        assert!(inbound.place(&begin(&parts[1]), parts[1].len() - 1).is_none(), "another length");
        assert!(inbound.place(&Bytes::new(), PART).is_none());
        assert!(inbound.place(&Bytes::from(vec![0x97; 64]), PART).is_none());
        read_in_place(&mut inbound, &parts[1]);
        read(&mut inbound, parts[2].clone());
        assert!(inbound.take_error().is_none(), "copied after one that was placed");
    }

    #[test]
    fn a_damaged_part_is_found_out() {
        let (_, parts) = parts();
        for at in [20, 9000, parts[1].len() - 1] {
            let mut inbound = inbound(&ledger(1 << 20));
            read(&mut inbound, parts[0].clone());
            let mut bytes = parts[1].to_vec();
            bytes[at] ^= 4;
            read_in_place(&mut inbound, &bytes.into());
            assert!(inbound.decode());
            let error = inbound.take_error();
            assert!(
                matches!(error, Some(ProtocolError::Malformed(DecodeError::Checksum { .. }))),
                "{error:?}"
            );
        }
    }

    #[test]
    fn a_transfer_without_room_has_no_place_and_one_without_an_end_is_an_error() {
        let mut inbound = inbound(&ledger(15_000));
        let (_, parts) = parts();
        read(&mut inbound, parts[0].clone());
        assert!(inbound.place(&begin(&parts[1]), parts[1].len()).is_none(), "above the limit");
        let whole = [7; 20_000];
        let part = |index: u32, bytes: &[u8]| {
            let (total, flags) = (20_000, Flags::CRC);
            Part { transfer: 1, index, total, flags, len: bytes.len() }.with(bytes)
        };
        let mut inbound = self::inbound(&ledger(1 << 20));
        read(&mut inbound, part(0, &whole[..PART]));
        read_in_place(&mut inbound, &part(1, &whole[PART..]));
        inbound.decode();
        let error = ProtocolError::Part { transfer: 1, part: 1, error: PartError::NoEnd };
        assert_eq!(inbound.take_error(), Some(error));
    }
}
