//! Decodes and encodes again each kind of value of the wire format, for fuzz/.

use std::fmt;

use bytes::Bytes;

use crate::proto::wire::{
    CREDITS_LEN_MAX, Connect, ConnectResponse, DecodeError, Flags, Frame, GRANT_LEN_MAX, Grant,
    Header, Message, Meta, Op, Ping, Pong, Refusal, decode_credits, encode_credits, merged,
    part_begin,
};

/// A kind of value of the wire format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// A whole message.
    Message,
    /// The payload of the dialer's first message.
    Connect,
    /// The payload of the listener's first message.
    ConnectResponse,
    /// The payload of a ping.
    Ping,
    /// The payload of a pong.
    Pong,
    /// The payload of a refusal.
    Refusal,
    /// The payload that returns credits.
    Credits,
    /// The payload that opens a window.
    Grant,
    /// The metadata of a message.
    Meta,
}

impl Wire {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Message,
        Self::Connect,
        Self::ConnectResponse,
        Self::Ping,
        Self::Pong,
        Self::Refusal,
        Self::Credits,
        Self::Grant,
        Self::Meta,
    ];
}

/// Decodes a value and encodes it again. `None`: these bytes are refused.
///
/// Panics if what was encoded is not decoded to the same value.
pub fn recode(kind: Wire, bytes: &Bytes) -> Option<Bytes> {
    match kind {
        Wire::Message => recode_message(bytes),
        Wire::Connect => recode_with(bytes, read_connect, Connect::encode),
        Wire::ConnectResponse => recode_with(bytes, read_response, ConnectResponse::encode),
        Wire::Ping => recode_with(bytes, |bytes| Ping::decode(Some(bytes)), Ping::encode),
        Wire::Pong => recode_with(bytes, Pong::decode, Pong::encode),
        Wire::Refusal => recode_with(bytes, Refusal::decode, Refusal::encode),
        Wire::Credits => recode_credits(bytes),
        Wire::Grant => recode_with(bytes, Grant::decode, |grant| {
            Bytes::copy_from_slice(grant.encode(&mut [0; GRANT_LEN_MAX]))
        }),
        Wire::Meta => recode_with(bytes, Meta::decode, Meta::encode),
    }
}

fn recode_with<T: PartialEq + fmt::Debug>(
    bytes: &Bytes,
    decode: impl Fn(&Bytes) -> Result<T, DecodeError>,
    encode: impl Fn(&T) -> Bytes,
) -> Option<Bytes> {
    let value = decode(bytes).ok()?;
    let again = encode(&value);
    // Metadata is absent rather than empty.
    if !again.is_empty() {
        assert_eq!(decode(&again).as_ref(), Ok(&value), "what was encoded is another value");
    }
    Some(again)
}

/// Also reads the contracts, which are kept as bytes until they are needed.
fn read_connect(bytes: &Bytes) -> Result<Connect, DecodeError> {
    let connect = Connect::decode(bytes)?;
    let _ = connect.contracts.read();
    Ok(connect)
}

fn read_response(bytes: &Bytes) -> Result<ConnectResponse, DecodeError> {
    let response = ConnectResponse::decode(bytes)?;
    let _ = response.contracts.read();
    Ok(response)
}

fn recode_credits(bytes: &Bytes) -> Option<Bytes> {
    let credits = decode_credits(Some(bytes)).ok()?;
    let mut space = [0; CREDITS_LEN_MAX];
    let again = encode_credits(credits, &mut space).map(Bytes::copy_from_slice);
    assert_eq!(decode_credits(again.as_ref()), Ok(credits), "what was encoded is another value");
    Some(again.unwrap_or_default())
}

fn recode_message(bytes: &Bytes) -> Option<Bytes> {
    let Ok(message) = Message::decode(bytes.clone()) else {
        // What is read before a message is complete.
        let _ = (Header::decode(bytes), Header::peek(bytes), part_begin(bytes));
        return None;
    };
    assert_eq!(Header::decode(bytes), Ok(message.header));
    assert_eq!(Header::peek(bytes), Some((message.header.op, message.header.mux)));
    let (header, begin, len) = part_begin(bytes).expect("a message begins as a part does");
    assert_eq!(header, message.header);
    assert_eq!(bytes.slice(begin..begin + len), message.payload.clone().unwrap_or_default());
    if message.header.op == Op::Merged {
        return recode_merged(&message);
    }
    let again = frame(&message).to_bytes();
    let decoded = Message::decode(again.clone()).expect("own bytes");
    // The encoder sets these according to what is there.
    let implied = Flags::EMPTY | Flags::META;
    let plain = |header: Header| Header { flags: header.flags.without(implied), ..header };
    assert_eq!(plain(decoded.header), plain(message.header));
    assert_eq!((&decoded.payload, &decoded.subroute), (&message.payload, &message.subroute));
    assert_eq!(decoded.trailer, frame(&message).meta);
    Some(again)
}

fn frame(message: &Message) -> Frame<'_> {
    // Other bytes after the array are ignored.
    let has_meta = message.header.flags.contains(Flags::META);
    Frame {
        header: message.header,
        payload: message.payload.as_deref(),
        meta: if has_meta { &message.trailer } else { &[] },
        subroute: message.subroute.as_ref(),
    }
}

/// Merges the parts of a message again, up to the first that is refused.
fn recode_merged(outer: &Message) -> Option<Bytes> {
    let parts: Vec<_> = merged::parts(outer).collect();
    if let Ok(strict) = merged::parts_strict(outer) {
        let strict: Vec<_> = strict.collect();
        let same = strict.iter().zip(&parts).take_while(|(one, other)| one == other).count();
        assert!(same + 1 >= strict.len(), "they differ in the last part only");
    }
    let parts: Vec<_> = parts.into_iter().collect::<Result<_, _>>().ok()?;
    let mut again = bytes::BytesMut::new();
    let count = u32::try_from(parts.len()).expect("as many as announced");
    merged::write_header(count, &mut again);
    for part in &parts {
        merged::write_part_prefix(part.len(), &mut again);
        again.extend_from_slice(part);
    }
    let again = again.freeze();
    let decoded = Message::decode(again.clone()).expect("own bytes");
    let decoded: Result<Vec<_>, _> = merged::parts(&decoded).collect();
    assert_eq!(decoded.as_ref(), Ok(&parts));
    parts.iter().for_each(|part| drop(Message::decode(part.clone())));
    Some(again)
}
