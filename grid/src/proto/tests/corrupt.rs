//! Damaged and unexpected messages at a link with calls of every kind in flight: refused or ignored, never a panic.

use bytes::{Bytes, BytesMut};
use proptest::collection::vec;
use proptest::prelude::*;

use super::go_peer::vectors;
use super::pair::*;
use super::solo::*;
use crate::error::{ErrorCode, Fault};
use crate::proto::wire::{Flags, Frame, Header, Message, Meta, MuxId, Op, merged};
use crate::proto::{CallSpec, Features, Limits, Recv, SendState, Side};

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

// ---- single damaged bits --------------------------------------------------------------------------------------------

/// Every kind of message that two nodes exchange in a session with checksums, as it is sent.
fn exchanged(features: Features) -> Vec<Bytes> {
    let limits = Limits { large_bytes: 200, part_bytes: 100, ..Limits::default() };
    let mut pair = Pair::with(limits, features);
    let user = vec![("key".to_owned(), Bytes::from_static(b"value"))];
    let meta =
        Some(Box::new(Meta { user, ..Meta::default() })).filter(|_| features != Features::NONE);
    let mut sent = Vec::new();
    let pass = |pair: &mut Pair, sent: &mut Vec<Bytes>| {
        for to_b in [true, false, true, false] {
            let now = pair.now;
            let (from, to) =
                if to_b { (&mut pair.a, &mut pair.b) } else { (&mut pair.b, &mut pair.a) };
            while let Some(message) = from.link.poll_transmit(now) {
                sent.push(message.clone().seal().to_bytes());
                to.handle_message(now, message.seal().to_bytes()).expect("not damaged");
                to.drain_events();
            }
        }
    };
    // Merged: requests, and the openings of streams.
    for _ in 0..2 {
        pair.call(CallSpec { meta: meta.clone(), ..request(b"request") });
    }
    let subroute = crate::proto::wire::SubrouteId([7; 32]);
    pair.call(under(subroute, request(b"unknown")));
    let streaming = pair.call(stream(1, 1));
    pass(&mut pair, &mut sent);
    let (first, second, serve) = (pair.b.serve(), pair.b.serve(), pair.b.serve());
    pair.reply(first, b"answer");
    pair.fail(second, Fault::new(ErrorCode::Handler, "boom"));
    pass(&mut pair, &mut sent);
    // One by one: items, credits, a large item, pings and pongs, both ends of a stream, a cancelled call.
    assert_eq!(pair.a.send(Side::Caller, streaming, b""), SendState::Ready);
    pass(&mut pair, &mut sent);
    pair.b.recv(Side::Callee, serve);
    pass(&mut pair, &mut sent);
    assert_eq!(pair.b.send(Side::Callee, serve, &[7; 350]), SendState::Ready);
    pass(&mut pair, &mut sent);
    pair.a.recv(Side::Caller, streaming);
    pair.now += secs(15);
    pair.a.handle_timeout(pair.now).expect("alive");
    pass(&mut pair, &mut sent);
    pair.a.link.finish_input(streaming);
    pass(&mut pair, &mut sent);
    pair.b.link.finish_stream(serve, &Ok(()));
    pass(&mut pair, &mut sent);
    let dropped = pair.call(stream(1, 1));
    pass(&mut pair, &mut sent);
    pair.a.link.forget_call(dropped);
    pass(&mut pair, &mut sent);
    sent
}

/// The ops in a message.
fn ops(message: &Bytes) -> Vec<Op> {
    let outer = Message::decode(message.clone()).expect("own bytes");
    let parts = (outer.header.op == Op::Merged).then(|| merged::parts(&outer));
    let decode =
        |part: Result<Bytes, _>| Message::decode(part.expect("a part")).expect("own bytes");
    let inner = parts.into_iter().flatten().map(|part| decode(part).header.op);
    std::iter::once(outer.header.op).chain(inner).collect()
}

/// Whether a link in a new session of this kind accepts the message.
fn is_accepted(features: Features, message: Bytes) -> bool {
    let solo = Solo::with(Limits::default(), features);
    let mut inbound = solo.node.link.new_inbound();
    inbound.push(message);
    while inbound.decode() {
        if inbound.take_error().is_some() {
            return false;
        }
        inbound.discard();
    }
    true
}

fn flipped(message: &Bytes) -> impl Iterator<Item = (usize, Bytes)> {
    (0..8 * message.len()).map(|bit| {
        let mut damaged = BytesMut::from(&message[..]);
        damaged[bit / 8] ^= 1 << (bit % 8);
        (bit, damaged.freeze())
    })
}

#[test]
fn no_damaged_bit_is_accepted_between_nodes_that_cover_everything() {
    let messages = exchanged(Features::all());
    let seen: std::collections::HashSet<_> = messages.iter().flat_map(ops).collect();
    for op in [
        Op::Ping,
        Op::Pong,
        Op::ConnectMux,
        Op::MuxConnectError,
        Op::DisconnectClientMux,
        Op::DisconnectServerMux,
        Op::MuxClientMsg,
        Op::MuxServerMsg,
        Op::UnblockSrvMux,
        Op::UnblockClMux,
        Op::AckMux,
        Op::Request,
        Op::Response,
        Op::Merged,
        Op::Chunk,
    ] {
        assert!(seen.contains(&op), "{op} is tried");
    }
    for message in messages {
        // The later parts of a large message are accepted only after the earlier ones.
        let is_part = ops(&message) == [Op::Chunk];
        assert!(is_part || is_accepted(Features::all(), message.clone()));
        for (bit, damaged) in flipped(&message) {
            let ops = ops(&message);
            assert!(!is_accepted(Features::all(), damaged), "bit {bit} of {ops:?}");
        }
    }
}

/// From a node of the base protocol everything is checked that must have a checksum there. What is left are pings of the
/// connection and the header of Merged.
#[test]
fn no_damaged_bit_is_accepted_where_the_base_protocol_has_checksums() {
    let mut tried = 0;
    for message in exchanged(Features::NONE).iter().chain(vectors().values()) {
        let Header { op, mux, flags, .. } =
            Message::decode(message.clone()).expect("a message").header;
        let is_ignored =
            matches!(op, Op::Connect | Op::ConnectResponse | Op::Disconnect | Op::Unknown(_));
        let is_uncovered = op == Op::Merged || (op == Op::Ping && mux == MuxId::CONNECTION);
        if is_ignored || is_uncovered || !flags.contains(Flags::CRC) {
            continue;
        }
        assert!(is_accepted(Features::NONE, message.clone()));
        for (bit, damaged) in flipped(message) {
            assert!(!is_accepted(Features::NONE, damaged), "bit {bit} of {op}");
        }
        tried += 1;
    }
    assert!(tried > 40, "{tried}");
}

/// The damage that once ended a stream without an error: the flags turn from CRC to EOF, so that the checksum is not
/// checked and the item is the last one.
#[test]
fn a_flag_cannot_switch_the_checksum_off() {
    for features in [Features::NONE, Features::all()] {
        let mut solo = Solo::with(Limits::default(), features);
        solo.receive(opening(Op::ConnectMux, 1, stream_id(1, 1), 0), None);
        let serve = solo.node.serve();
        let item = encode(head(Op::MuxClientMsg, 1, 1), Some(b"item"));
        let mut damaged = BytesMut::from(&item[..]);
        let at = damaged.iter().rposition(|byte| *byte == 0xc4).expect("the payload") - 1;
        assert_eq!(damaged[at], Flags::CRC.0);
        damaged[at] = Flags::EOF.0;
        let error = solo.try_receive(damaged.freeze()).expect_err("refused");
        assert_eq!(
            error.to_string(),
            "MuxClientMsg without a checksum, although the session has checksums"
        );
        assert_eq!(solo.node.recv(Side::Callee, serve), Recv::Pending, "no end");
    }
}
