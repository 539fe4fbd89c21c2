//! Merged: several messages, sent as one WebSocket message.
//!
//! ```text
//! 97 00 <seq = number of parts> 00 00 11 00 c400   bin(message) bin(message) …
//! ```
//!
//! The outbox decides which messages are merged. The reader must check that no part is a Merged itself.

use bytes::{Buf, BufMut, Bytes};

use super::error::DecodeError;
use super::message::{Header, Message, Op};
use super::msgpack::{Reader, bin_prefix_len, put_array_len, put_bin_prefix, put_uint};

/// Bytes of the outer message without the number of parts.
const HEADER_LEN_FIXED: usize = 8;

/// The longest header: the number of parts takes up to 5 bytes.
pub(crate) const HEADER_LEN_MAX: usize = HEADER_LEN_FIXED + 5;

/// Bytes that [`write_header`] writes.
pub(crate) const fn header_len(parts: u32) -> usize {
    HEADER_LEN_FIXED + super::msgpack::uint_len(parts as u64)
}

/// Writes the outer message: it has no payload, no flags and never a CRC, and `parts` parts must follow.
pub(crate) fn write_header(parts: u32, out: &mut impl BufMut) {
    put_array_len(out, 7);
    put_uint(out, 0);
    put_uint(out, parts.into());
    put_uint(out, 0);
    put_uint(out, 0);
    put_uint(out, Op::Merged.to_u8().into());
    put_uint(out, 0);
    put_bin_prefix(out, 0);
}

/// Bytes that [`write_part_prefix`] writes.
pub(crate) const fn part_prefix_len(len: usize) -> usize {
    bin_prefix_len(len)
}

/// Writes the prefix of a part of `len` bytes, which must follow.
pub(crate) fn write_part_prefix(len: usize, out: &mut impl BufMut) {
    put_bin_prefix(out, len);
}

/// The parts of a decoded Merged, as slices of it. Each is a whole message with its own CRC.
pub(crate) fn parts(outer: &Message) -> Parts {
    debug_assert_eq!(outer.header.op, Op::Merged, "only a Merged has parts");
    let rest = outer.trailer.clone();
    Parts { rest, announced: outer.header.seq, read: 0, strict: false }
}

/// Like [`parts`], for a session in which every byte is covered. No CRC covers the header and the prefixes of the parts,
/// so they have one form only: damage to them is an error, or moves the parts, whose own CRCs then fail.
pub(crate) fn parts_strict(outer: &Message) -> Result<Parts, DecodeError> {
    let seq = outer.header.seq;
    let plain = Header { seq, ..Header::new(Op::Merged) };
    if outer.header != plain || outer.payload.is_some() || seq == 0 {
        return Err(DecodeError::MergedHeader);
    }
    Ok(Parts { strict: true, ..parts(outer) })
}

/// Iterator over parts. Ends after the announced number of parts, or after the first error.
///
/// It allocates nothing, because the number of parts is only announced by the peer.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    rest: Bytes,
    announced: u32,
    read: u32,
    /// No bytes may follow the parts.
    strict: bool,
}

impl Parts {
    /// Whether there are no more parts.
    pub(crate) fn is_over(&self) -> bool {
        self.read >= self.announced
    }

    fn read_part(&mut self) -> Result<Bytes, DecodeError> {
        if self.rest.is_empty() {
            return Err(DecodeError::MissingParts { want: self.announced, got: self.read });
        }
        let mut reader = Reader::new(&self.rest);
        let len = reader.read_bin_ref("part of merged")?.len();
        let used = reader.position();
        let mut part = self.rest.split_to(used);
        part.advance(used - len);
        if self.strict && self.read + 1 == self.announced && !self.rest.is_empty() {
            return Err(DecodeError::BytesAfterParts { len: self.rest.len() });
        }
        Ok(part)
    }
}

impl Iterator for Parts {
    type Item = Result<Bytes, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over() {
            return None;
        }
        let part = self.read_part();
        match &part {
            Ok(_) => self.read += 1,
            // The connection is closed after the first error.
            Err(_) => self.announced = self.read,
        }
        Some(part)
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::{super::testing::*, *};

    fn merge(announced: u32, messages: &[&[u8]]) -> Bytes {
        let mut out = BytesMut::new();
        write_header(announced, &mut out);
        assert_eq!(out.len(), header_len(announced));
        for message in messages {
            let before = out.len();
            write_part_prefix(message.len(), &mut out);
            assert_eq!(out.len() - before, part_prefix_len(message.len()));
            out.put_slice(message);
        }
        out.freeze()
    }

    fn split(input: &Bytes) -> Result<Vec<Bytes>, DecodeError> {
        parts(&Message::decode(input.clone())?).collect()
    }

    #[test]
    fn round_trip_and_truncated() {
        let long = [7; 300];
        let messages: [&[u8]; 3] = [b"one", &long, b""];
        let input = merge(3, &messages);
        assert!(hex(&input).starts_with("97000300001100c400c4036f6e65c5012c07"));
        assert_eq!(split(&input).unwrap(), messages);
        every_truncation_fails(&input, split);
    }

    #[test]
    fn fewer_parts_than_announced_are_one_error() {
        let input = merge(u32::MAX, &[b"one", b"two"]);
        assert_eq!(header_len(u32::MAX), HEADER_LEN_MAX);
        assert_eq!(split(&input), Err(DecodeError::MissingParts { want: u32::MAX, got: 2 }));
        assert_eq!(parts(&Message::decode(input).unwrap()).count(), 3);
    }

    #[test]
    fn bytes_after_the_parts_are_ignored() {
        assert_eq!(split(&merge(1, &[b"one", b"two"])).unwrap(), [&b"one"[..]]);
        assert_eq!(split(&merge(0, &[])).unwrap(), Vec::<Bytes>::new());
    }

    #[test]
    fn a_part_must_be_bin() {
        assert!(split(&unhex("97000100001100c400a161")).is_err());
    }
}
