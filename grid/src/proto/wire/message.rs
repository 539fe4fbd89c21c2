//! The message: an array of 7, then trailers. [`Message`] is a received one, [`Frame`] one to send.
//!
//! Every message in both directions passes through here, so nothing is copied without need: a decoded payload is a
//! slice of the input, and encoding writes once into the caller's buffer.

use std::{fmt, ops::BitOr};

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::checksum::{CHECKSUM_LEN, checksum};
use super::error::DecodeError;
use super::ids::MuxId;
use super::msgpack::{Reader, bin_prefix_len, put_array_len, put_bin_prefix, put_uint, uint_len};
use super::subroute::{SUBROUTE_LEN, SubrouteId};
use crate::proto::body::Body;
use crate::proto::memory::{Handover, Over};

/// Fields of the array.
const ARITY: u32 = 7;

/// The first byte of every message that this implementation sends: an array of [`ARITY`].
pub(crate) const MESSAGE_BEGIN: u8 = 0x90 | ARITY as u8;

/// Length of the longest array up to the payload's first byte: all integers and the bin's length in their longest form.
pub(super) const ARRAY_LEN_MAX: usize = 1 + 9 + 3 * 5 + 2 * 2 + 5;

/// Length of the longest received array up to the payload. A sender may use longer forms of integers than needed.
pub(crate) const HEADER_LEN_MAX: usize = 5 + 6 * 9;

/// The kind of a message. Who sends which, and when, is decided by the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Op {
    /// First message of the dialer.
    Connect,
    /// First message of the listener.
    ConnectResponse,
    /// On mux 0 or on a stream.
    Ping,
    Pong,
    /// Caller opens a stream.
    ConnectMux,
    /// Callee refuses a Request or ConnectMux.
    MuxConnectError,
    /// Callee to caller: the stream is over.
    DisconnectClientMux,
    /// Caller to callee: stop the stream.
    DisconnectServerMux,
    /// A stream's data, caller to callee.
    MuxClientMsg,
    /// A stream's data, callee to caller.
    MuxServerMsg,
    /// Credit, caller to callee.
    UnblockSrvMux,
    /// Credit, callee to caller.
    UnblockClMux,
    /// Callee to caller: the stream is open.
    AckMux,
    Request,
    Response,
    /// Defined by the protocol, but never sent.
    Disconnect,
    /// Several messages in one.
    Merged,
    /// A part of a large message. An extension, sent only between nodes that agreed on `chunks`.
    Chunk,
    /// On mux 0: the sender takes no new calls. An extension, sent only between nodes that agreed on `drain`.
    Drain,
    /// Any other op. A receiver ignores and counts it.
    Unknown(u8),
}

impl Op {
    /// Whether it is an item of a stream, in either direction.
    pub(crate) const fn is_item(self) -> bool {
        matches!(self, Self::MuxClientMsg | Self::MuxServerMsg)
    }

    pub(crate) const fn from_u8(op: u8) -> Self {
        match op {
            1 => Self::Connect,
            2 => Self::ConnectResponse,
            3 => Self::Ping,
            4 => Self::Pong,
            5 => Self::ConnectMux,
            6 => Self::MuxConnectError,
            7 => Self::DisconnectClientMux,
            8 => Self::DisconnectServerMux,
            9 => Self::MuxClientMsg,
            10 => Self::MuxServerMsg,
            11 => Self::UnblockSrvMux,
            12 => Self::UnblockClMux,
            13 => Self::AckMux,
            14 => Self::Request,
            15 => Self::Response,
            16 => Self::Disconnect,
            17 => Self::Merged,
            18 => Self::Chunk,
            19 => Self::Drain,
            other => Self::Unknown(other),
        }
    }

    pub(crate) const fn to_u8(self) -> u8 {
        match self {
            Self::Connect => 1,
            Self::ConnectResponse => 2,
            Self::Ping => 3,
            Self::Pong => 4,
            Self::ConnectMux => 5,
            Self::MuxConnectError => 6,
            Self::DisconnectClientMux => 7,
            Self::DisconnectServerMux => 8,
            Self::MuxClientMsg => 9,
            Self::MuxServerMsg => 10,
            Self::UnblockSrvMux => 11,
            Self::UnblockClMux => 12,
            Self::AckMux => 13,
            Self::Request => 14,
            Self::Response => 15,
            Self::Disconnect => 16,
            Self::Merged => 17,
            Self::Chunk => 18,
            Self::Drain => 19,
            Self::Unknown(op) => op,
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(op) => write!(f, "op {op}"),
            known => write!(f, "{known:?}"),
        }
    }
}

/// The bits of a message's flags field. Unknown bits are kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Flags(pub(crate) u8);

impl Flags {
    pub(crate) const NONE: Self = Self(0);
    /// A checksum ends the message.
    pub(crate) const CRC: Self = Self(1);
    /// The sender's last message of this call.
    pub(crate) const EOF: Self = Self(2);
    /// Asks for a stream without state, which every implementation refuses.
    pub(crate) const STATELESS: Self = Self(4);
    /// The payload is the text of an error.
    pub(crate) const ERROR: Self = Self(8);
    /// The payload of length 0 is empty, not absent.
    pub(crate) const EMPTY: Self = Self(16);
    /// The id of a subroute follows the array.
    pub(crate) const SUBROUTE: Self = Self(32);
    /// A map of metadata follows the array. An extension, set only between nodes that agreed on `meta`.
    pub(crate) const META: Self = Self(64);
    /// On an item: something had to wait for the window. An extension, set only between nodes that agreed on `windows`.
    pub(crate) const WAITED: Self = Self(128);

    const NAMES: [(Self, &str); 8] = [
        (Self::CRC, "CRC"),
        (Self::EOF, "EOF"),
        (Self::STATELESS, "STATELESS"),
        (Self::ERROR, "ERROR"),
        (Self::EMPTY, "EMPTY"),
        (Self::SUBROUTE, "SUBROUTE"),
        (Self::META, "META"),
        (Self::WAITED, "WAITED"),
    ];

    /// Whether every bit of `other` is set.
    pub(crate) const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    #[must_use]
    pub(crate) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The flags that are both in these and in `mask`.
    #[must_use]
    pub(crate) const fn only(self, mask: Self) -> Self {
        Self(self.0 & mask.0)
    }

    #[must_use]
    pub(crate) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    #[must_use]
    const fn set(self, other: Self, on: bool) -> Self {
        if on { self.with(other) } else { self.without(other) }
    }
}

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.with(other)
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flags({}", self.0)?;
        for (flag, name) in Self::NAMES {
            if self.contains(flag) {
                write!(f, " {name}")?;
            }
        }
        f.write_str(")")
    }
}

/// The integers of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) mux: MuxId,
    pub(crate) seq: u32,
    /// Milliseconds until the deadline when the message was created. 0: no deadline.
    pub(crate) deadline_ms: u32,
    /// Above 255 only with `ids32`, which the link checks, because the codec does not know the session.
    pub(crate) handler: u32,
    pub(crate) op: Op,
    /// When sending, [`Flags::EMPTY`], [`Flags::SUBROUTE`] and [`Flags::META`] are set according to the [`Frame`].
    pub(crate) flags: Flags,
}

impl Header {
    /// A header of `op` for the connection itself, with all other fields zero.
    pub(crate) const fn new(op: Op) -> Self {
        Self { mux: MuxId::CONNECTION, seq: 0, deadline_ms: 0, handler: 0, op, flags: Flags::NONE }
    }

    /// Decodes the header at the beginning of a message, of which the rest may be missing.
    pub(crate) fn decode(input: &Bytes) -> Result<Self, DecodeError> {
        Self::read(&mut Reader::new(input))
    }

    #[inline]
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let arity = reader.read_array_len("message")?;
        if arity != ARITY {
            return Err(DecodeError::Arity { got: arity });
        }
        Ok(Self {
            mux: MuxId(reader.read_uint("mux")?),
            seq: reader.read_u32("seq")?,
            deadline_ms: reader.read_u32("deadline")?,
            handler: reader.read_u32("handler")?,
            op: Op::from_u8(reader.read_u8("op")?),
            flags: Flags(reader.read_u8("flags")?),
        })
    }
}

impl Header {
    /// Op and mux of the message that begins with these bytes, as far as they are there.
    pub(crate) fn peek(begin: &Bytes) -> Option<(Op, MuxId)> {
        let mut reader = Reader::new(begin);
        if reader.read_array_len("message").ok()? != ARITY {
            return None;
        }
        let mux = MuxId(reader.read_uint("mux").ok()?);
        for field in ["seq", "deadline", "handler"] {
            reader.read_u32(field).ok()?;
        }
        Some((Op::from_u8(reader.read_u8("op").ok()?), mux))
    }
}

/// A received message.
#[derive(Clone)]
#[cfg_attr(test, derive(PartialEq, Eq))]
pub(crate) struct Message {
    pub(crate) header: Header,
    /// `None` is an absent payload, `Some` without bytes an empty one. Streams distinguish these.
    pub(crate) payload: Option<Bytes>,
    pub(crate) subroute: Option<SubrouteId>,
    /// The bytes between the array and the other trailers: the metadata, or the parts of a Merged.
    /// Other bytes here are ignored, as Go does.
    pub(crate) trailer: Bytes,
    /// Bytes that the payload keeps allocated and that are not charged elsewhere, for the link to count. Set by the
    /// [`Inbound`](crate::proto::Inbound).
    pub(crate) pins: u32,
    /// Ends the charge of a payload that is charged by itself, when the payload becomes the user's.
    pub(crate) handover: Option<Handover>,
    /// The memory limit that the payload would have exceeded. It was dropped, so the call or stream must fail.
    pub(crate) over: Option<Over>,
}

impl Message {
    /// What is left of a message that was dropped because of a memory limit.
    pub(crate) fn dropped(header: Header, over: Over) -> Self {
        Self {
            header,
            payload: None,
            subroute: None,
            trailer: Bytes::new(),
            pins: 0,
            handover: None,
            over: Some(over),
        }
    }

    /// Decodes one message and checks its CRC, if it has one.
    ///
    /// The payload is the input itself, advanced and truncated: a slice of it would increment and decrement a reference
    /// count, which takes longer than decoding all integers.
    pub(crate) fn decode(mut input: Bytes) -> Result<Self, DecodeError> {
        if input.is_empty() {
            return Err(DecodeError::EmptyMessage);
        }
        let mut reader = Reader::new(&input);
        let header = Header::read(&mut reader)?;
        let payload_len = reader.read_bin_ref("payload")?.len();
        let array_end = reader.position();

        // Trailers are read from the end, so that unknown bytes after the array do not move them.
        let mut rest = input.get(array_end..).unwrap_or_default();
        if header.flags.contains(Flags::CRC) {
            let (before, want) = split_trailer::<CHECKSUM_LEN>(rest, "crc")?;
            let covered = input.get(..array_end + before.len()).unwrap_or_default();
            let (want, got) = (u32::from_le_bytes(*want), checksum(covered));
            if want != got {
                return Err(DecodeError::Checksum { want, got });
            }
            rest = before;
        }
        let mut subroute = None;
        if header.flags.contains(Flags::SUBROUTE) {
            let (before, id) = split_trailer::<SUBROUTE_LEN>(rest, "subroute")?;
            subroute = Some(SubrouteId(*id));
            rest = before;
        }
        let trailer = input.slice(array_end..array_end + rest.len());
        let is_present = payload_len > 0 || header.flags.contains(Flags::EMPTY);
        let payload = is_present.then(|| {
            input.advance(array_end - payload_len);
            input.truncate(payload_len);
            input
        });
        Ok(Self { header, payload, subroute, trailer, pins: 0, handover: None, over: None })
    }

    /// Sets a payload that is charged by itself.
    pub(crate) fn keep(&mut self, (payload, handover): (Bytes, Handover)) {
        self.payload = Some(payload);
        self.handover = Some(handover);
    }

    /// The payload, or an empty one if it is absent. For ops that must have one: decoding the empty one fails with what
    /// is missing.
    pub(crate) fn payload_or_empty(&self) -> &Bytes {
        static EMPTY: Bytes = Bytes::new();
        self.payload.as_ref().unwrap_or(&EMPTY)
    }
}

/// Shows lengths only: payloads are the user's, and must not appear in logs.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("header", &self.header)
            .field("payload_len", &self.payload.as_ref().map(Bytes::len))
            .field("subroute", &self.subroute)
            .field("trailer_len", &self.trailer.len())
            .finish()
    }
}

fn split_trailer<'a, const N: usize>(
    rest: &'a [u8],
    trailer: &'static str,
) -> Result<(&'a [u8], &'a [u8; N]), DecodeError> {
    rest.split_last_chunk().ok_or(DecodeError::ShortTrailer { trailer, need: N, got: rest.len() })
}

/// A message to send, borrowed from the places of its parts.
#[derive(Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) header: Header,
    /// `None` is an absent payload, `Some` without bytes an empty one.
    pub(crate) payload: Option<&'a [u8]>,
    /// An encoded [`Meta`](super::Meta), or no bytes.
    pub(crate) meta: &'a [u8],
    pub(crate) subroute: Option<&'a SubrouteId>,
}

impl<'a> Frame<'a> {
    /// A frame without trailers.
    pub(crate) const fn new(header: Header, payload: Option<&'a [u8]>) -> Self {
        Self { header, payload, meta: &[], subroute: None }
    }

    /// The number of bytes that [`encode`](Self::encode) appends.
    pub(crate) fn encoded_len(&self) -> usize {
        let Header { mux, seq, deadline_ms, handler, op, .. } = self.header;
        let payload_len = self.payload.map_or(0, <[u8]>::len);
        let flags = self.flags();
        1 + uint_len(mux.0)
            + uint_len(seq.into())
            + uint_len(deadline_ms.into())
            + uint_len(handler.into())
            + uint_len(op.to_u8().into())
            + uint_len(flags.0.into())
            + bin_prefix_len(payload_len)
            + payload_len
            + self.meta.len()
            + if self.subroute.is_some() { SUBROUTE_LEN } else { 0 }
            + if flags.contains(Flags::CRC) { CHECKSUM_LEN } else { 0 }
    }

    /// Appends the message to `out`, with one reservation and one pass, and a second pass over the result for the CRC.
    pub(crate) fn encode(&self, out: &mut BytesMut) {
        let start = out.len();
        let len = self.encoded_len();
        out.reserve(len);

        let header = Header { flags: self.flags(), ..self.header };
        put_array(&header, self.payload.map_or(0, <[u8]>::len), out);
        out.put_slice(self.payload.unwrap_or_default());
        out.put_slice(self.meta);
        if let Some(subroute) = self.subroute {
            out.put_slice(&subroute.0);
        }
        put_checksum(&header, start, out);
        debug_assert_eq!(out.len() - start, len, "encoded_len is exact");
    }

    /// The bytes before and after the shared buffer of a payload that is too large to be copied here, in place of the
    /// frame's own payload. The CRC is left to the caller.
    pub(crate) fn around(&self, payload: &Body) -> (Bytes, Bytes) {
        let [head, _, tail] = payload.pieces();
        let mut before = BytesMut::with_capacity(ARRAY_LEN_MAX + head.len());
        put_array(&Header { flags: self.flags(), ..self.header }, payload.len(), &mut before);
        before.put_slice(head);
        let subroute = self.subroute.map_or(&[][..], |subroute| &subroute.0);
        (before.freeze(), [tail, self.meta, subroute].concat().into())
    }

    /// The message in a buffer of its own.
    pub(crate) fn to_bytes(self) -> Bytes {
        let mut out = BytesMut::new();
        self.encode(&mut out);
        out.freeze()
    }

    /// The header's flags, with those set that follow from the frame's parts.
    fn flags(&self) -> Flags {
        self.header
            .flags
            .set(Flags::EMPTY, self.payload.is_some_and(<[u8]>::is_empty))
            .set(Flags::SUBROUTE, self.subroute.is_some())
            .set(Flags::META, !self.meta.is_empty())
    }
}

/// Writes the array up to the payload's first byte.
pub(super) fn put_array(header: &Header, payload_len: usize, out: &mut BytesMut) {
    let Header { mux, seq, deadline_ms, handler, op, flags } = *header;
    // The array is collected on the stack, so that `out` checks its capacity only once.
    let mut scratch = [0; ARRAY_LEN_MAX];
    let mut array = scratch.as_mut_slice();
    put_array_len(&mut array, ARITY as usize);
    put_uint(&mut array, mux.0);
    put_uint(&mut array, seq.into());
    put_uint(&mut array, deadline_ms.into());
    put_uint(&mut array, handler.into());
    put_uint(&mut array, op.to_u8().into());
    put_uint(&mut array, flags.0.into());
    put_bin_prefix(&mut array, payload_len);
    let used = ARRAY_LEN_MAX - array.len();
    out.put_slice(scratch.get(..used).unwrap_or_default());
}

/// Ends the message that begins at `start`, if it has a CRC.
fn put_checksum(header: &Header, start: usize, out: &mut BytesMut) {
    if header.flags.contains(Flags::CRC) {
        let sum = checksum(out.get(start..).unwrap_or_default());
        out.put_u32_le(sum);
    }
}

/// Shows lengths only, as for [`Message`].
impl fmt::Debug for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("header", &self.header)
            .field("payload_len", &self.payload.map(<[u8]>::len))
            .field("meta_len", &self.meta.len())
            .field("subroute", &self.subroute)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};

    const CRC_EOF: Flags = Flags(3);

    fn request(payload: Option<&[u8]>) -> Frame<'_> {
        let header = Header {
            mux: MuxId(3),
            deadline_ms: 60_000,
            handler: 78,
            flags: CRC_EOF,
            ..Header::new(Op::Request)
        };
        Frame::new(header, payload)
    }

    #[test]
    fn golden_with_all_trailers_of_the_base_protocol() {
        let id = SubrouteId::new("sub/route", 78.into());
        let message = Frame { subroute: Some(&id), ..request(Some(b"hello grid")) }.to_bytes();
        assert_eq!(
            hex(&message),
            "970300cdea604e0e23c40a68656c6c6f20677269644e003cc0be20aea0ea976ec7db644da710f07e114deddb9698d1367833d1a42090b6ce21"
        );
        every_truncation_fails(&message, |input| Message::decode(input.clone()));
    }

    #[test]
    fn trailers_come_back_in_their_order() {
        let id = SubrouteId([7; 32]);
        let frame = Frame { meta: b"\x80meta", subroute: Some(&id), ..request(Some(b"")) };
        let input = frame.to_bytes();
        let message = Message::decode(input.clone()).unwrap();
        assert_eq!(message.header.flags, CRC_EOF | Flags::EMPTY | Flags::SUBROUTE | Flags::META);
        assert_eq!(message.payload.as_deref(), Some(&b""[..]));
        assert_eq!(message.subroute, Some(id));
        assert_eq!(&message.trailer[..], b"\x80meta");
        every_truncation_fails(&input, |input| Message::decode(input.clone()));
    }

    #[test]
    fn flags_follow_from_the_frame() {
        let lying = Header {
            flags: Flags::EMPTY | Flags::SUBROUTE | Flags::META | Flags::EOF,
            ..Header::new(Op::Response)
        };
        let message = Message::decode(Frame::new(lying, None).to_bytes()).unwrap();
        assert_eq!(message.header.flags, Flags::EOF);
        assert_eq!(message.payload, None);
    }

    #[test]
    fn a_payload_is_a_slice_of_the_message() {
        let input = request(Some(b"hello grid")).to_bytes();
        let payload = Message::decode(input.clone()).unwrap().payload.unwrap();
        assert!(input.as_ptr_range().contains(&payload.as_ptr()));
    }

    #[test]
    fn encoding_appends() {
        let frame = request(Some(b"x"));
        let mut out = BytesMut::from(&b"before"[..]);
        frame.encode(&mut out);
        assert_eq!(out.len(), 6 + frame.encoded_len());
        assert_eq!(out[6..], frame.to_bytes());
    }

    #[test]
    fn wide_and_signed_integers_and_wide_arrays_are_read() {
        for hex in [
            "dc0007d001d100021103d20000000406c400",
            "dd00000007cf0000000000000001cd0002d200000011cc03d30000000000000004cc06c500 00",
        ] {
            let message = Message::decode(unhex(&hex.replace(' ', ""))).unwrap();
            let header = message.header;
            assert_eq!(
                (header.mux, header.seq, header.deadline_ms, header.handler),
                (MuxId(1), 2, 17, 3)
            );
            assert_eq!((header.op, header.flags), (Op::Pong, Flags::EOF | Flags::STATELESS));
        }
    }

    #[test]
    fn errors_of_malformed_messages_name_the_field() {
        let bad_type = |got| DecodeError::BadType { field: "payload", want: "bin", got };
        let cases = [
            ("", DecodeError::EmptyMessage),
            ("960000000011c400", DecodeError::Arity { got: 6 }),
            ("980000000011c400", DecodeError::Arity { got: 8 }),
            ("dd00000008", DecodeError::Arity { got: 8 }),
            ("97000000000e00c0", bad_type("nil")),
            ("97000000000e00a161", bad_type("str")),
            ("97ff", DecodeError::OutOfRange { field: "mux" }),
            ("9700cf0000000100000000", DecodeError::OutOfRange { field: "seq" }),
            ("9700000000cd0100", DecodeError::OutOfRange { field: "op" }),
            ("97000000000ecd0100", DecodeError::OutOfRange { field: "flags" }),
            ("97000000000e00c6ffffffff", DecodeError::Truncated { field: "payload" }),
            (
                "97000000000e01c400000000",
                DecodeError::ShortTrailer { trailer: "crc", need: 4, got: 3 },
            ),
            (
                "97000000000e20c40000",
                DecodeError::ShortTrailer { trailer: "subroute", need: 32, got: 1 },
            ),
            (
                "97120000000d01c400f461919c",
                DecodeError::Checksum { want: 0x9c91_61f4, got: 0x9b91_61f4 },
            ),
            ("a0", DecodeError::BadType { field: "message", want: "array", got: "str" }),
        ];
        for (hex, error) in cases {
            assert_eq!(Message::decode(unhex(hex)), Err(error), "{hex}");
        }
    }

    #[test]
    fn unknown_ops_flags_and_bytes_after_the_array_are_kept() {
        let message = Message::decode(unhex("97000000006380c400c0ffee")).err();
        assert_eq!(
            message,
            Some(DecodeError::BadType { field: "flags", want: "unsigned integer", got: "map" })
        );
        let message = Message::decode(unhex("970000000063cc80c400c0ffee")).unwrap();
        assert_eq!((message.header.op, message.header.flags), (Op::Unknown(99), Flags(128)));
        assert_eq!(message.trailer, unhex("c0ffee"));
    }

    #[test]
    fn ops_convert_to_numbers_and_back() {
        for op in 0..=u8::MAX {
            assert_eq!(Op::from_u8(op).to_u8(), op);
            assert_eq!(matches!(Op::from_u8(op), Op::Unknown(_)), !(1..=19).contains(&op));
        }
        assert_eq!(Op::MuxServerMsg.to_string(), "MuxServerMsg");
        assert_eq!(Op::Unknown(99).to_string(), "op 99");
    }

    #[test]
    fn debug_shows_no_payload() {
        let frame = request(Some(b"hello grid"));
        let message = Message::decode(frame.to_bytes()).unwrap();
        for text in [format!("{frame:?}"), format!("{message:?}")] {
            assert!(!text.contains("hello") && !text.contains("104"), "{text}");
            assert!(text.contains("Flags(3 CRC EOF)"), "{text}");
        }
    }
}
