//! Properties of all messages and of all bytes: round trips, damage, random input.

use bytes::{Bytes, BytesMut};
use proptest::{collection::vec, option, prelude::*};

use super::merged;
use super::msgpack::Reader;
use super::testing::*;
use super::*;

/// A message, and the parts of it that can be decoded.
fn read_all(input: &Bytes) -> Result<(Message, Vec<Bytes>), DecodeError> {
    let message = Message::decode(input.clone())?;
    let parts = if message.header.op == Op::Merged {
        merged::parts(&message).collect::<Result<_, _>>()?
    } else {
        vec![]
    };
    for part in &parts {
        Message::decode(part.clone())?;
    }
    Ok((message, parts))
}

/// Passes `input` to every decoder. None may panic.
fn try_everything(input: &Bytes) {
    let _ = read_all(input);
    let _ = Connect::decode(input);
    let _ = ConnectResponse::decode(input);
    let _ = Ping::decode(Some(input));
    let _ = Pong::decode(input);
    let _ = Refusal::decode(input);
    let _ = Meta::decode(input);
    let _ = decode_credits(Some(input));
    let _ = Reader::new(input).skip("anything");
}

#[test]
fn no_prefix_of_a_vector_is_accepted() {
    for vector in vectors::all() {
        every_truncation_fails(&vector.message, read_all);
    }
}

/// One damaged byte is detected, unless it clears the CRC flag itself: a message without it is not checked here. Which
/// messages must have a CRC depends on the session (`proto/input/mod.rs`).
#[test]
fn no_damaged_byte_passes_the_checksum() {
    for vector in vectors::all() {
        let message = Message::decode(vector.message.clone()).unwrap();
        if !message.header.flags.contains(Flags::CRC) {
            continue;
        }
        for at in 0..vector.message.len() {
            for damage in 1..=u8::MAX {
                let mut damaged = BytesMut::from(&vector.message[..]);
                damaged[at] ^= damage;
                if let Ok(accepted) = Message::decode(damaged.freeze()) {
                    let name = &vector.name;
                    assert!(
                        !accepted.header.flags.contains(Flags::CRC),
                        "{name}: byte {at} ^ {damage:02x}"
                    );
                    let unflagged = Header { flags: accepted.header.flags, ..message.header };
                    assert_eq!(accepted.header, unflagged, "{name}: byte {at} ^ {damage:02x}");
                }
            }
        }
    }
}

/// A message without CRC has the same meaning with more bytes after it.
#[test]
fn bytes_after_an_unchecked_message_change_nothing() {
    for vector in vectors::all() {
        let (message, parts) = read_all(&vector.message).unwrap();
        if message.header.flags.contains(Flags::CRC)
            || message.header.flags.contains(Flags::SUBROUTE)
        {
            continue;
        }
        let longer: Bytes = [&vector.message[..], b"more"].concat().into();
        let (longer, longer_parts) = read_all(&longer).unwrap();
        assert_eq!(
            (longer.header, longer.payload, longer_parts),
            (message.header, message.payload, parts)
        );
    }
}

fn any_header() -> impl Strategy<Value = Header> {
    // Shifting produces numbers of all widths, not only of the largest.
    let u32s = || (any::<u32>(), 0..32u32).prop_map(|(n, shift)| n >> shift);
    let mux = (any::<u64>(), 0..64u32).prop_map(|(n, shift)| n >> shift);
    (mux, u32s(), u32s(), u32s(), any::<u8>(), any::<u8>()).prop_map(
        |(mux, seq, deadline_ms, handler, op, flags)| {
            let (op, flags) = (Op::from_u8(op), Flags(flags));
            Header { mux: MuxId(mux), seq, deadline_ms, handler, op, flags }
        },
    )
}

fn any_payload() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..40),
        vec(any::<u8>(), 250..260),
        vec(any::<u8>(), 65_530..65_540)
    ]
}

fn any_meta() -> impl Strategy<Value = Meta> {
    let trace = (any::<u8>(), any::<[u8; 16]>(), any::<[u8; 8]>(), any::<u8>()).prop_map(
        |(version, trace_id, parent_id, flags)| TraceContext {
            version,
            trace_id,
            parent_id,
            flags,
        },
    );
    let error = (any::<u16>(), vec(any::<u8>(), 0..40))
        .prop_map(|(code, body)| ErrorMeta { code, body: body.into() });
    let user = vec((any::<String>(), vec(any::<u8>(), 0..40).prop_map(Bytes::from)), 0..20);
    let capacities = option::of(any::<[u32; 2]>());
    let window = option::of(any::<(u32, u32)>());
    (option::of(trace), option::of(any::<String>()), option::of(error), user, capacities, window)
        .prop_map(|(trace, state, error, user, capacities, window)| {
            let window = window.map(|(bytes, items)| Grant { bytes, items });
            Meta { trace, state, error, user, capacities, window }
        })
}

/// Random bytes, with those frequent that are special in msgpack.
fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    let likely = prop::sample::select(
        b"\x97\x81\x82\x84\xc4\xc7\xd9\xc0\xc2\x00\x01\x05\x0c\xa1\xa2\xdf\xdd\xff\x11teIDExt"
            .as_slice(),
    );
    prop_oneof![vec(any::<u8>(), 0..200), vec(likely, 0..60)]
}

proptest! {
    // Failing cases are not stored between runs: they are added as tests by hand.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_message_round_trips(
        header in any_header(),
        payload in option::of(any_payload()),
        meta in any_meta(),
        subroute in option::of(any::<[u8; 32]>().prop_map(SubrouteId)),
    ) {
        let encoded_meta = meta.encode();
        let frame = Frame { header, payload: payload.as_deref(), meta: &encoded_meta, subroute: subroute.as_ref() };
        let message = frame.to_bytes();
        prop_assert_eq!(message.len(), frame.encoded_len());

        let decoded = Message::decode(message.clone()).unwrap();
        let structural = Flags::EMPTY | Flags::SUBROUTE | Flags::META;
        prop_assert_eq!(decoded.header.flags.without(structural), header.flags.without(structural));
        prop_assert_eq!(Header { flags: header.flags, ..decoded.header }, header);
        prop_assert_eq!(decoded.payload.as_deref(), payload.as_deref());
        prop_assert_eq!(decoded.subroute, subroute);
        if meta.is_empty() {
            prop_assert!(decoded.trailer.is_empty());
        } else {
            prop_assert_eq!(Meta::decode(&decoded.trailer).unwrap(), meta);
        }
        // Once more, from the decoded message.
        let again = Frame {
            header: decoded.header,
            payload: decoded.payload.as_deref(),
            meta: &decoded.trailer,
            subroute: decoded.subroute.as_ref(),
        };
        prop_assert_eq!(again.to_bytes(), message);
    }

    #[test]
    fn no_bytes_panic(bytes in any_bytes()) {
        try_everything(&bytes.into());
    }

    #[test]
    fn no_damaged_vector_panics(pick in any::<prop::sample::Index>(), damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let vectors = vectors::all();
        let mut message = BytesMut::from(&pick.get(&vectors).message[..]);
        for (at, byte) in damage {
            let at = at.index(message.len());
            message[at] = byte;
        }
        let message = message.freeze();
        try_everything(&message);
        // The payload maps alone, because the checksum of a message would detect the damage first.
        for start in [0, 8, 9, 10, 11] {
            try_everything(&message.slice(start.min(message.len())..));
        }
    }
}
