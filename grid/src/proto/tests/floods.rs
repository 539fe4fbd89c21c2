//! Messages that are of no use: every kind of them is paid for, what nodes send that are not hostile costs nothing, and
//! a flood ends the connection.

use bytes::{Bytes, BytesMut};

use super::pair::*;
use super::solo::*;
use crate::proto::error::ProtocolError;
use crate::proto::session::features::Feature;
use crate::proto::session::flood::Waste;
use crate::proto::wire::{
    Flags, GRANT_LEN_MAX, Grant, Header, Op, Part, Ping, Pong, Timestamp, merged,
};
use crate::proto::{Features, Limits, SendState, Side};
use Side::{Callee, Caller};

/// A link that serves the streams 1 (one way) and 2 (two-way), and has opened the stream 1 itself.
fn busy(features: Features) -> Solo {
    let mut solo = Solo::with(Limits { served_max: 3, ..Limits::default() }, features);
    solo.call(stream(1, 1));
    solo.receive(head(Op::AckMux, 1, 0), None);
    solo.receive(flagged(opening(Op::ConnectMux, 1, stream_id(0, 1), 0), Flags::EOF), None);
    solo.receive(opening(Op::ConnectMux, 2, stream_id(1, 1), 0), None);
    solo.take();
    // The messages of the link so far have paid for some of those that follow.
    solo.node.link.flood = Default::default();
    solo.node.link.flood.settle(solo.now, solo.node.link.counters().messages_out).expect("full");
    solo
}

/// What is tried, the messages that are made of a number, and their price.
type Case<'a> = (&'a str, Box<dyn FnMut(u32) -> Vec<Bytes> + 'a>, u64);

/// What it costs to receive the messages that `make` makes of a number, each.
fn price(features: Features, mut make: impl FnMut(u32) -> Vec<Bytes>) -> u64 {
    const COUNT: u32 = 100;
    let mut solo = busy(features);
    for number in 0..COUNT {
        for message in make(number) {
            solo.try_receive(message).expect("not a flood yet");
        }
        solo.take();
    }
    // Answers of the link add to the budget only when it is settled the next time.
    let sent = solo.node.link.counters().messages_out;
    solo.node.link.flood.settle(solo.now, sent).expect("not a flood yet");
    solo.node.link.flood.spent() / u64::from(COUNT)
}

fn pong() -> Bytes {
    Pong::to(Ping { time: Timestamp::GO_ZERO }).encode()
}

#[test]
fn every_message_that_is_of_no_use_is_paid_for() {
    let one = |header: Header, payload: Option<&[u8]>| vec![encode(header, payload)];
    let pong = pong();
    let grant = Grant { bytes: 1, items: 0 };
    for features in [Features::NONE, Features::all()] {
        // What opens a window, or returns a credit.
        let mut space = [0; GRANT_LEN_MAX];
        let unblock = features.has(Feature::Windows).then(|| grant.encode(&mut space));
        let cases: Vec<Case<'_>> = vec![
            ("a ping", Box::new(|_| one(head(Op::Ping, 0, 0), None)), 128),
            ("a pong nobody asked for", Box::new(|_| one(head(Op::Pong, 0, 0), Some(&pong))), 8),
            ("an unknown op", Box::new(|_| one(head(Op::Unknown(99), 7, 0), None)), 128),
            ("a handshake", Box::new(|_| one(head(Op::Connect, 0, 0), None)), 128),
            ("an unused op", Box::new(|_| one(head(Op::Disconnect, 1, 0), None)), 128),
            ("a ping of a stream", Box::new(|n| one(head(Op::Ping, 1, n + 1), None)), 16),
            ("a ping of no stream", Box::new(|_| one(head(Op::Ping, 9, 0), None)), 16),
            ("an item of no stream", Box::new(|_| one(head(Op::MuxClientMsg, 9, 0), None)), 8),
            ("an answer to no call", Box::new(|_| one(head(Op::Response, 9, 0), None)), 8),
            (
                "an end of no stream",
                Box::new(|_| one(flagged(head(Op::MuxServerMsg, 9, 0), Flags::EOF), None)),
                8,
            ),
            (
                "an item of no opened stream",
                Box::new(|_| one(head(Op::MuxServerMsg, 9, 0), None)),
                8,
            ),
            ("an item without payload", Box::new(|_| one(head(Op::MuxServerMsg, 1, 0), None)), 8),
            ("a refusal of no call", Box::new(|_| one(head(Op::MuxConnectError, 9, 0), None)), 8),
            ("an ack of no call", Box::new(|_| one(head(Op::AckMux, 9, 0), None)), 8),
            ("a pong of no stream", Box::new(|_| one(head(Op::Pong, 9, 0), Some(&pong))), 8),
            ("a pong of a stream", Box::new(|_| one(head(Op::Pong, 1, 0), Some(&pong))), 8),
            ("credits of no stream", Box::new(|_| one(head(Op::UnblockSrvMux, 9, 0), unblock)), 8),
            ("credits of no call", Box::new(|_| one(head(Op::UnblockClMux, 9, 0), unblock)), 8),
            (
                "surplus credits for a caller",
                Box::new(|n| one(head(Op::UnblockClMux, 1, n + 1), unblock)),
                8,
            ),
            (
                "surplus credits for a callee",
                Box::new(|n| one(head(Op::UnblockSrvMux, 1, n + 1), unblock)),
                8,
            ),
            (
                "a cancellation of no call",
                Box::new(|_| one(head(Op::DisconnectServerMux, 9, 0), None)),
                8,
            ),
            ("an end of no call", Box::new(|_| one(head(Op::DisconnectClientMux, 9, 0), None)), 8),
            ("a second opening", Box::new(|_| one(opening(Op::ConnectMux, 1, 100, 0), None)), 8),
            (
                "an unknown handler",
                Box::new(|n| one(opening(Op::Request, (100 + n).into(), 33, 1000), None)),
                2,
            ),
            (
                "an unknown stream",
                Box::new(|n| one(opening(Op::ConnectMux, (100 + n).into(), 33, 1000), None)),
                2,
            ),
            (
                "a stream that is cancelled",
                Box::new(|n| {
                    let mux = 100 + u64::from(n);
                    let open = encode(opening(Op::ConnectMux, mux, stream_id(4, 4), 0), None);
                    vec![open, encode(head(Op::DisconnectServerMux, mux, 0), None)]
                }),
                4,
            ),
            (
                "a stream whose rules are broken",
                Box::new(|n| {
                    let mux = 100 + u64::from(n);
                    let open = encode(opening(Op::ConnectMux, mux, stream_id(4, 4), 0), None);
                    vec![open, encode(head(Op::MuxClientMsg, mux, 77), None)]
                }),
                128,
            ),
        ];
        for (what, make, at_least) in cases {
            let price = price(features, make);
            assert!((at_least..at_least + 9).contains(&price), "{what}, {features:?}: {price}");
        }
    }
}

/// What only nodes with extensions can send.
#[test]
fn cancelled_requests_and_almost_empty_parts_are_paid_for() {
    let cancelled = |number: u32| {
        let mux = 100 + u64::from(number);
        let open = encode(flagged(opening(Op::Request, mux, SINGLE, 1000), Flags::EOF), None);
        vec![open, encode(head(Op::DisconnectServerMux, mux, 0), None)]
    };
    assert_eq!(price(Features::all(), cancelled), 4);
    let part = |transfer, index, total, flags, bytes: &[u8]| {
        Part { transfer, index, total, flags, len: bytes.len() }.with(bytes)
    };
    let tiny = |number| vec![part(1, number, 1000, Flags::CRC, b"x")];
    assert_eq!(price(Features::all(), tiny), 16);
    let abandoned = |number| {
        let bytes = &[7; 600];
        let transfer = 1 + u64::from(number);
        let first = part(transfer, 0, 1000, Flags::CRC, bytes);
        vec![first, part(transfer, 1, 0, Flags::CRC | Flags::EOF, b"")]
    };
    assert_eq!(price(Features::all(), abandoned), 4);
}

/// With `crc` such a message is malformed.
#[test]
fn merged_messages_without_parts_are_paid_for() {
    let empty = |_| {
        let mut bytes = BytesMut::new();
        merged::write_header(0, &mut bytes);
        vec![bytes.freeze()]
    };
    for features in [Features::NONE, Features::all().without(Feature::Crc)] {
        assert_eq!(price(features, empty), 16);
    }
}

/// A call whose deadline passes at the callee is paid for like one that is cancelled.
#[test]
fn calls_with_the_shortest_deadline_are_paid_for() {
    let mut solo = busy(Features::all());
    for mux in 100..200 {
        solo.receive(flagged(opening(Op::Request, mux, SINGLE, 1), Flags::EOF), None);
        solo.node.serves.clear();
        solo.node.handle_timeout(solo.now + millis(1)).expect("alive");
        solo.node.drain_events();
    }
    let spent = solo.node.link.flood.spent();
    assert!((300..=400).contains(&spent), "{spent}: 400, less a millisecond");
}

#[test]
fn a_flood_ends_the_connection_and_is_named() {
    let mut solo = Solo::with(Limits::default(), Features::all());
    let ping = encode(head(Op::Ping, 0, 0), None);
    let mut fed = 0;
    let error = loop {
        match solo.try_receive(ping.clone()) {
            Ok(()) => fed += 1,
            Err(error) => break error,
        }
        solo.take();
    };
    assert!((31_000..32_000).contains(&fed), "{fed}");
    let ProtocolError::Flood(flood) = &error else { panic!("{error}") };
    assert_eq!((flood.what, flood.count), (Waste::Ping, fed + 1));
    assert!(error.to_string().starts_with("a flood: 31"), "{error}");
    // A new connection does not refill the budget: only time does.
    solo.node.stop("a flood");
    solo.node.start(solo.now, session(true, Features::all()));
    assert!((0..20).any(|_| solo.try_receive(ping.clone()).is_err()));
}

/// Calls, cancellations, streams and their credits, pings and late answers between two nodes.
#[test]
fn nodes_that_are_not_hostile_spend_nothing() {
    for features in [Features::NONE, Features::all()] {
        let mut pair = Pair::with(Limits::default(), features);
        let (streaming, serve) = pair.served(stream(4, 4));
        for round in 0..2000 {
            let (call, answered) = pair.served(request(b""));
            pair.reply(answered, b"");
            pair.pump();
            assert!(pair.a.answer(call).is_some());
            assert_eq!(pair.a.send(Caller, streaming, b"up"), SendState::Ready);
            assert_eq!(pair.b.send(Callee, serve, b"down"), SendState::Ready);
            pair.pump();
            assert_eq!(pair.a.recv_all(Caller, streaming).len(), 1);
            assert_eq!(pair.b.recv_all(Callee, serve).len(), 1);
            pair.pump();
            if round % 10 == 0 {
                // A stream that its handler ends before it has read the items.
                let (call, serve) = pair.served(stream(4, 4));
                pair.b.link.finish_stream(serve, &Ok(()));
                while pair.a.send(Caller, call, b"late") == SendState::Ready {}
                pair.pump();
                pair.a.link.forget_call(call);
                // And one that its caller gives up while items are on their way.
                let (call, serve) = pair.served(stream(4, 4));
                while pair.b.send(Callee, serve, b"late") == SendState::Ready {}
                pair.a.link.forget_call(call);
                pair.pump();
            }
            pair.advance(millis(1));
        }
        for node in [&mut pair.a, &mut pair.b] {
            let sent = node.link.counters().messages_out;
            node.link.flood.settle(pair.now, sent).expect("no flood");
            assert_eq!(node.link.flood.spent(), 0, "{features:?}");
        }
    }
}

/// A hundred thousand calls a second, each dropped at once: the rate that a caller in a loop reaches.
#[test]
fn a_caller_that_drops_its_calls_keeps_its_link() {
    let mut pair = Pair::new();
    for _ in 0..1000 {
        for _ in 0..100 {
            let call = pair.call(request(b"dropped"));
            pair.a.link.forget_call(call);
        }
        pair.advance(millis(1));
        pair.b.serves.clear();
        pair.b.cancelled.clear();
    }
    let spent = pair.b.link.flood.spent();
    assert!(spent <= 400, "{spent}: no more than is added in the next millisecond");
}

/// The link of a node to itself is not limited: there is nobody else.
#[test]
fn a_node_cannot_flood_itself() {
    let mut solo = Solo::with(Limits::default(), Features::all());
    solo.node.stop("again");
    let loopback = crate::proto::Session { loopback: true, ..session(false, Features::all()) };
    solo.node.start(solo.now, loopback);
    for _ in 0..50_000 {
        solo.receive(head(Op::Unknown(99), 0, 0), None);
    }
}

/// A hundred thousand streams that are opened together do not ping together, and callers can use the link between their
/// timers.
#[test]
fn timers_are_handled_a_few_at_a_time_and_pings_are_spread() {
    let mut solo = Solo::with(Limits::default(), Features::all());
    for _ in 0..10_000 {
        solo.call(stream(1, 1));
    }
    solo.take();
    let pings = |solo: &mut Solo| {
        solo.sent().iter().filter(|(op, mux, _)| *op == Op::Ping && *mux > 0).count()
    };
    let mut most = 0;
    for _ in 0..2 * 15_000 {
        solo.now += millis(1);
        solo.receive(head(Op::Pong, 0, 0), Some(&pong()));
        solo.node.handle_timeout(solo.now).expect("alive");
        solo.node.drain_events();
        most = most.max(pings(&mut solo));
    }
    assert!((1..=20).contains(&most), "{most} in a millisecond");

    // If all are due at once, they are handled in steps.
    solo.now += secs(15);
    solo.receive(head(Op::Pong, 0, 0), Some(&pong()));
    let mut steps = 0;
    while solo.node.link.poll_timeout().is_some_and(|timeout| timeout <= solo.now) {
        solo.node.handle_timeout(solo.now).expect("alive");
        solo.node.drain_events();
        assert!(solo.sent().len() <= 257);
        steps += 1;
    }
    assert!(steps >= 10_000 / 256, "{steps}");
}
