//! Chunk: a part of a large message, between nodes that agreed on `chunks`.
//!
//! ```text
//! 97 <mux = number of the transfer> <seq = index of the part> <deadline_ms = bytes of the whole, in part 0> 00 12 <flags> bin(part)
//! ```
//!
//! The output decides which messages travel in parts. The receiver's input checks that the parts belong together.

use bytes::{BufMut, BytesMut};

use super::checksum::CHECKSUM_LEN;
use super::ids::MuxId;
use super::message::{ARRAY_LEN_MAX, put_array, put_checksum};
use super::message::{Flags, Header, Op};

/// A part to send.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    pub(crate) transfer: u64,
    pub(crate) index: u32,
    /// Bytes of the whole message. Sent in the first part, in the only free field that is a u32 without any extension.
    pub(crate) total: u32,
    /// [`Flags::EOF`] on the last part, [`Flags::CRC`] if the session has checksums.
    pub(crate) flags: Flags,
    /// The part's bytes, from up to three buffers. A last part without bytes withdraws the transfer.
    pub(crate) pieces: [&'a [u8]; 3],
}

impl Part<'_> {
    /// Appends the whole Chunk to `out`. This is the only copy that is made of a large payload when it is sent.
    pub(crate) fn encode(&self, out: &mut BytesMut) {
        let len = self.pieces.iter().map(|piece| piece.len()).sum();
        let header = Header {
            mux: MuxId(self.transfer),
            seq: self.index,
            deadline_ms: if self.index == 0 { self.total } else { 0 },
            flags: self.flags,
            ..Header::new(Op::Chunk)
        };
        let start = out.len();
        out.reserve(ARRAY_LEN_MAX + len + CHECKSUM_LEN);
        put_array(&header, len, out);
        self.pieces.iter().for_each(|piece| out.put_slice(piece));
        put_checksum(&header, start, out);
    }

    /// The Chunk alone in its own buffer.
    #[cfg(test)]
    pub(crate) fn to_bytes(&self) -> bytes::Bytes {
        let mut out = BytesMut::new();
        self.encode(&mut out);
        out.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};
    use crate::proto::wire::Message;

    fn part<'a>(index: u32, flags: Flags, pieces: [&'a [u8]; 3]) -> Part<'a> {
        Part { transfer: 1, index, total: 19, flags, pieces }
    }

    /// The example of docs/protocol.md.
    #[test]
    fn golden() {
        let first = part(0, Flags::CRC, [b"\x97\x05\x00\x00\x00\x0f\x02\xc4\x0a", b"h", b""]);
        let last = part(1, Flags::CRC | Flags::EOF, [b"", b"ello grid", b""]);
        let given_up = part(1, Flags::CRC | Flags::EOF, [b""; 3]);
        let hexes = [first, last, given_up].map(|part| hex(&part.to_bytes()));
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
        let bytes = part(0, Flags::EOF | Flags::CRC, [b"a", b"", b"bc"]).to_bytes();
        let message = Message::decode(bytes.clone()).unwrap();
        assert_eq!((message.header.op, message.header.mux.0), (Op::Chunk, 1));
        assert_eq!((message.header.seq, message.header.deadline_ms), (0, 19));
        assert_eq!(message.payload.as_deref(), Some(&b"abc"[..]));
        every_truncation_fails(&bytes, |input| Message::decode(input.clone()));
        let message = Message::decode(part(1, Flags::EOF, [b""; 3]).to_bytes()).unwrap();
        assert_eq!((message.payload, message.header.deadline_ms), (None, 0));
    }
}
