//! Chunk: a part of a large message, between nodes that agreed on `chunks`.
//!
//! ```text
//! 97 <mux = number of the transfer> <seq = index of the part> <deadline_ms = bytes of the whole, in part 0> 00 12 <flags> bin(part)
//! ```
//!
//! The output decides which messages travel in parts. The receiver's input checks that the parts belong together.

use bytes::{Bytes, BytesMut};

use super::ids::MuxId;
use super::message::{Flags, Header, Op, put_array};
use super::msgpack::Reader;

/// The beginning of a part to send.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) transfer: u64,
    pub(crate) index: u32,
    /// Bytes of the whole message. Sent in the first part, in the only free field that is a u32 without any extension.
    pub(crate) total: u32,
    /// [`Flags::EOF`] on the last part, [`Flags::CRC`] if the session has checksums.
    pub(crate) flags: Flags,
    /// Number of the bytes that follow. A last part without bytes withdraws the transfer.
    pub(crate) len: usize,
}

impl Part {
    /// Appends all that comes before the part's bytes. They stay where they are.
    pub(crate) fn put_header(&self, out: &mut BytesMut) {
        let header = Header {
            mux: MuxId(self.transfer),
            seq: self.index,
            deadline_ms: if self.index == 0 { self.total } else { 0 },
            flags: self.flags,
            ..Header::new(Op::Chunk)
        };
        put_array(&header, self.len, out);
    }

    /// The whole Chunk with these bytes, in one buffer.
    #[cfg(test)]
    pub(crate) fn with(&self, bytes: &[u8]) -> Bytes {
        assert_eq!(self.len, bytes.len());
        let mut out = BytesMut::new();
        self.put_header(&mut out);
        bytes::BufMut::put_slice(&mut out, bytes);
        if self.flags.contains(Flags::CRC) {
            let sum = super::checksum::checksum(&out);
            bytes::BufMut::put_u32_le(&mut out, sum);
        }
        out.freeze()
    }
}

/// Reads the beginning of a message up to the first byte of its payload. Returns its header, the number of those bytes, and
/// the length of the payload.
pub(crate) fn part_begin(begin: &Bytes) -> Option<(Header, usize, usize)> {
    let mut reader = Reader::new(begin);
    let header = Header::read(&mut reader).ok()?;
    let len = reader.read_bin_len("payload").ok()?;
    Some((header, reader.position(), usize::try_from(len).ok()?))
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};
    use crate::proto::wire::Message;

    fn part(index: u32, flags: Flags, bytes: &[u8]) -> Bytes {
        Part { transfer: 1, index, total: 19, flags, len: bytes.len() }.with(bytes)
    }

    /// The example of docs/protocol.md.
    #[test]
    fn golden() {
        let first = part(0, Flags::CRC, b"\x97\x05\x00\x00\x00\x0f\x02\xc4\x0ah");
        let last = part(1, Flags::CRC | Flags::EOF, b"ello grid");
        let given_up = part(1, Flags::CRC | Flags::EOF, b"");
        let hexes = [first, last, given_up].map(|part| hex(&part));
        assert_eq!(
            hexes,
            [
                "97010013001201c40a97050000000f02c40a68d2f0f5d7",
                "97010100001203c409656c6c6f206772696418b2dda3",
                "97010100001203c4006e980a60",
            ]
        );
    }

    #[test]
    fn a_part_is_an_ordinary_message() {
        let bytes = part(0, Flags::EOF | Flags::CRC, b"abc");
        let message = Message::decode(bytes.clone()).unwrap();
        assert_eq!((message.header.op, message.header.mux.0), (Op::Chunk, 1));
        assert_eq!((message.header.seq, message.header.deadline_ms), (0, 19));
        assert_eq!(message.payload.as_deref(), Some(&b"abc"[..]));
        every_truncation_fails(&bytes, |input| Message::decode(input.clone()));
        let message = Message::decode(part(1, Flags::EOF, b"")).unwrap();
        assert_eq!((message.payload, message.header.deadline_ms), (None, 0));
    }
}
