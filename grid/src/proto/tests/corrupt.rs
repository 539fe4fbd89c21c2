//! Damaged and unexpected messages at a link with calls of every kind in flight: refused or ignored, never a panic.

use bytes::{Bytes, BytesMut};
use proptest::collection::vec;
use proptest::prelude::*;

use super::go_peer::vectors;
use super::pair::*;
use super::solo::*;
use crate::proto::wire::{Flags, Frame, Header, Message, MuxId, Op};
use crate::proto::{Features, Limits, Side};

/// A link with calls and streams of both sides with the ids 1 to 4, and with a small outbox.
fn busy(features: Features) -> Solo {
    let limits = Limits { outbox_bytes: 200, served_max: 8, ..Limits::default() };
    let mut solo = Solo::with(limits, features);
    solo.call(request(b""));
    for (incoming, outgoing) in [(1, 1), (0, 2), (2, 0)] {
        solo.call(stream(incoming, outgoing));
    }
    solo.take();
    solo.receive(flagged(opening(Op::Request, 1, SINGLE, 1000), Flags::EOF), None);
    for (mux, incoming, outgoing) in [(2, 1, 1), (3, 0, 2), (4, 2, 0)] {
        solo.receive(opening(Op::ConnectMux, mux, stream_id(incoming, outgoing), 0), None);
    }
    solo.receive(head(Op::AckMux, 2, 0), None);
    solo
}

/// Continues to use all calls, as the layers above would.
fn use_calls(solo: &mut Solo) {
    while let Some(serve) = solo.node.serves.pop_front() {
        solo.node.link.poll_send(Side::Callee, serve.key);
        solo.node.recv(Side::Callee, serve.key);
    }
    for (side, key, _) in std::mem::take(&mut solo.node.wakes) {
        solo.node.send(side, key, b"item");
        solo.node.recv(side, key);
        if side == Side::Caller {
            solo.node.link.poll_opened(key);
        }
    }
    solo.take();
    let _ = solo.advance(secs(7));
    solo.take();
}

/// The same message without its checksum, which would detect the damage first.
fn without_checksum(bytes: &Bytes) -> Bytes {
    let message = Message::decode(bytes.clone()).expect("a vector");
    if message.header.op == Op::Merged {
        return bytes.clone();
    }
    let header = Header { flags: message.header.flags.without(Flags::CRC), ..message.header };
    let payload = message.payload.as_deref();
    Frame { header, payload, meta: &message.trailer, subroute: message.subroute.as_ref() }
        .to_bytes()
}

fn any_features() -> impl Strategy<Value = Features> {
    prop_oneof![Just(Features::NONE), Just(Features::all())]
}

/// Messages that a link could receive, with ids of its calls.
fn any_message() -> impl Strategy<Value = Bytes> {
    let payload = prop_oneof![
        Just(None),
        vec(any::<u8>(), 0..4).prop_map(Some),
        Just(Some(b"\x83\xa2nf\xc2\xa1e\xc0\xa1t\xc0".to_vec())),
        Just(Some(b"\x81\xa5Error\xa1x".to_vec())),
    ];
    let handler = prop_oneof![Just(0), Just(SINGLE), Just(stream_id(1, 1)), Just(DERIVED)];
    (0..20u8, 0..7u64, 0..5u32, 0..2000u32, handler, any::<u8>(), payload).prop_map(
        |(op, mux, seq, deadline_ms, handler, flags, payload)| {
            let (op, flags) = (Op::from_u8(op), Flags(flags));
            let header = Header { mux: MuxId(mux), seq, deadline_ms, handler, op, flags };
            encode(header, payload.as_deref())
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn plausible_messages_do_not_panic(features in any_features(), messages in vec(any_message(), 1..60)) {
        let mut solo = busy(features);
        for message in messages {
            if solo.try_receive(message).is_err() {
                break;
            }
            use_calls(&mut solo);
        }
        solo.node.stop("enough");
        solo.node.drain_events();
        prop_assert_eq!(solo.node.link.in_flight().1, 0);
    }

    #[test]
    fn damaged_vectors_do_not_panic(
        features in any_features(),
        damage in vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>(), any::<bool>()), 1..20),
    ) {
        let vectors = vectors();
        let mut names: Vec<_> = vectors.keys().collect();
        names.sort();
        let mut solo = busy(features);
        for (name, at, byte, cut) in damage {
            let mut bytes = BytesMut::from(&without_checksum(&vectors[*name.get(&names)])[..]);
            let at = at.index(bytes.len());
            bytes[at] ^= byte;
            if cut {
                bytes.truncate(at);
            }
            let _ = solo.try_receive(bytes.freeze());
            use_calls(&mut solo);
        }
    }
}

#[test]
fn every_prefix_of_every_vector_is_refused_and_leaves_the_link_usable() {
    for message in vectors().values() {
        for len in 0..message.len() {
            let mut solo = busy(Features::NONE);
            assert!(solo.try_receive(message.slice(..len)).is_err());
            use_calls(&mut solo);
        }
    }
}
