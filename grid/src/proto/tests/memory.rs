//! Limits of memory: what a peer makes this node hold is counted, and what would exceed the limit fails by itself.

use bytes::{Bytes, BytesMut};

use super::pair::*;
use super::solo::*;
use crate::error::{CallFailure, ErrorCode, Fault};
use crate::proto::wire::{Flags, Header, Meta, MuxId, Op, merged};
use crate::proto::{CallSpec, Features, Limits, NodeBytes, Recv, SendState, Side};
use Side::{Callee, Caller};

pub(super) const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

pub(super) const MAX: usize = 4864 * KIB;

/// Room for 3.75 MiB beside the message that is being received: three payloads of 900 KiB, of which the last one needs
/// half as much again while it is put together.
pub(super) fn tight() -> Limits {
    Limits {
        message_bytes_max: MIB,
        bytes_per_peer_max: MAX,
        node_bytes: NodeBytes::new(MAX),
        ..Limits::default()
    }
}

pub(super) fn payload(len: usize) -> Bytes {
    Bytes::from(vec![7; len])
}

pub(super) fn asking(len: usize) -> CallSpec {
    CallSpec { payload: Some(payload(len).into()), ..request(b"") }
}

pub(super) fn sessions() -> [Features; 2] {
    [Features::all(), Features::NONE]
}

/// A request that reaches its handler, with its payload.
#[track_caller]
fn serve(pair: &mut Pair, spec: CallSpec) -> Serve {
    pair.call(spec);
    pair.pump();
    pair.b.serves.pop_front().expect("a call to serve")
}

#[track_caller]
pub(super) fn fault(outcome: Option<Result<Option<Bytes>, CallFailure>>) -> Fault {
    match outcome {
        Some(Err(CallFailure::Handler(fault))) => fault,
        Some(Ok(_)) => panic!("an answer"),
        outcome => panic!("{outcome:?}"),
    }
}

fn merge(messages: &[Bytes]) -> Bytes {
    let mut out = BytesMut::new();
    merged::write_header(messages.len() as u32, &mut out);
    for message in messages {
        merged::write_part_prefix(message.len(), &mut out);
        out.extend_from_slice(message);
    }
    out.freeze()
}

fn request_of(mux: u64, payload: &[u8]) -> Bytes {
    encode(flagged(opening(Op::Request, mux, SINGLE, 1000), Flags::EOF), Some(payload))
}

#[test]
fn a_request_above_the_limit_is_refused_until_there_is_room() {
    for features in sessions() {
        let mut pair = Pair::with(tight(), features);
        let mut held: Vec<_> = (0..3).map(|_| serve(&mut pair, asking(900 * KIB))).collect();
        let refused = pair.call(asking(900 * KIB));
        pair.pump();
        assert!(pair.b.serves.is_empty(), "not run");
        let fault = fault(pair.a.answer(refused));
        if features == Features::all() {
            assert_eq!(fault.code, ErrorCode::Overloaded);
        }
        let text = "overloaded: the node holds as much memory for peer as it may: \
            the limit is 4980736 bytes (`Config::bytes_per_peer_max`)";
        assert_eq!(fault.message, text);
        serve(&mut pair, request(b"a small one fits"));
        held.pop();
        serve(&mut pair, asking(900 * KIB));
    }
}

/// What a link keeps counted for its next calls is given back, but for a step that the next message needs: otherwise a few
/// hundred peers that were busy once would use up the limit of the node, and all calls would be refused.
#[test]
fn an_idle_link_takes_little_of_the_limit_of_the_node() {
    for features in sessions() {
        for is_cut in [false, true] {
            let mut pair = Pair::with(Limits::default(), features);
            let served: Vec<_> = (0..2000).map(|_| serve(&mut pair, asking(500))).collect();
            for call in &served {
                pair.reply(call.key, b"");
            }
            drop(served);
            pair.pump();
            assert!(pair.b.link.memory_bytes() >= MIB, "kept for further calls");
            if is_cut {
                pair.cut()
            } else {
                pair.advance(secs(11))
            }
            let most = if is_cut { 0 } else { MIB / 4 };
            assert!(pair.b.link.memory_bytes() <= most, "{}", pair.b.link.memory_bytes());
        }
    }
}

/// The charge of a request ends with its last slice, and that of a call with its answer.
#[test]
fn a_call_is_counted_until_it_is_answered() {
    for features in sessions() {
        let mut pair = Pair::with(tight(), features);
        let idle = pair.b.link.held_bytes();
        let served = serve(&mut pair, request(b"small"));
        assert!(pair.b.link.held_bytes() > idle + 4 * KIB, "a read buffer, and the call");
        pair.reply(served.key, b"");
        pair.pump();
        assert!(pair.b.link.held_bytes() <= idle + 32 * KIB, "only its outbox");
    }
}

#[test]
fn an_item_above_the_limit_ends_its_stream_at_both_ends() {
    // With windows, one item of 500 KiB would close the window of its stream.
    for features in [credits(), Features::NONE] {
        for to_handler in [true, false] {
            let mut pair = Pair::with(tight(), features);
            let streams = [(); 5].map(|()| pair.served(stream(4, 4)));
            let other = pair.served(stream(4, 4));
            let mut ended = 0;
            for (call, serve) in streams {
                for _ in 0..2 {
                    if to_handler {
                        pair.a.link.send(Caller, call, &payload(500 * KIB).into());
                    } else {
                        pair.b.link.send(Callee, serve, &payload(500 * KIB).into());
                    }
                    pair.pump();
                }
                let items = if to_handler {
                    pair.a.recv(Caller, call)
                } else {
                    // Two items, if it has not ended.
                    continue;
                };
                if let Recv::End(end) = items {
                    ended += 1;
                    let text = format!("{:?}", end.expect_err("an error"));
                    assert!(text.contains("bytes_per_peer_max"), "{text}");
                    assert!(pair.b.cancelled.contains(&serve), "the handler is cancelled");
                    assert_eq!(pair.a.link.poll_send(Caller, call), SendState::Closed);
                }
            }
            if !to_handler {
                for (call, serve) in streams {
                    let received = pair.a.recv_all(Caller, call).len();
                    let Recv::End(end) = pair.a.recv(Caller, call) else { continue };
                    ended += 1;
                    assert!(received < 2);
                    let failure = end.expect_err("an error");
                    let expected = CallFailure::LimitReached {
                        peer: "peer".into(),
                        setting: "Config::bytes_per_peer_max",
                        max: MAX,
                    };
                    assert_eq!(failure, expected);
                    pair.pump();
                    assert!(pair.b.cancelled.contains(&serve), "the handler is cancelled");
                }
            }
            assert!((1..=3).contains(&ended), "{ended} streams have ended");
            // The streams that have room continue.
            assert_eq!(pair.a.send(Caller, other.0, b"small"), SendState::Ready);
            pair.pump();
            assert_eq!(pair.b.recv_all(Callee, other.1).len(), 1);
        }
    }
}

/// Calls of this node whose answers would exceed the limit fail with that reason; the link stays.
#[test]
fn an_answer_above_the_limit_fails_its_call() {
    for features in sessions() {
        let mut pair = Pair::with(tight(), features);
        let calls: Vec<_> = (0..5).map(|_| pair.served(request(b""))).collect();
        for (_, serve) in &calls {
            pair.b.link.reply(*serve, &Ok(Some(payload(900 * KIB).into())));
            pair.pump();
        }
        let answers: Vec<_> = calls.iter().map(|(call, _)| pair.a.answer(*call)).collect();
        let failed = answers.iter().filter(|answer| matches!(answer, Some(Err(_)))).count();
        assert_eq!(failed, 2);
        let Some(Some(Err(failure))) = answers.last() else { panic!("the last one fits") };
        assert_eq!(
            failure.to_string(),
            "no memory for what peer has sent: the limit is 4980736 bytes (`Config::bytes_per_peer_max`)"
        );
        assert!(failure.may_have_run() && !failure.is_retryable());
        drop(answers);
        let (call, serve) = pair.served(request(b""));
        pair.b.link.reply(serve, &Ok(Some(payload(900 * KIB).into())));
        pair.pump();
        assert!(matches!(pair.a.answer(call), Some(Ok(Some(_)))), "there is room again");
    }
}

/// The texts of errors count as well.
#[test]
fn errors_that_nobody_takes_are_counted() {
    let mut pair = Pair::with(tight(), Features::NONE);
    let calls: Vec<_> = (0..10).map(|_| pair.served(request(b""))).collect();
    for (_, serve) in &calls {
        pair.fail(*serve, Fault::new(ErrorCode::Handler, "x".repeat(600 * KIB)));
        pair.pump();
    }
    let refused = calls.iter().filter(|(call, _)| {
        matches!(pair.a.answer(*call), Some(Err(CallFailure::LimitReached { .. })))
    });
    // Text and message are both in memory for a moment.
    let refused = refused.count();
    assert!((5..=7).contains(&refused), "{refused}");
}

#[test]
fn an_answer_that_the_peer_does_not_read_becomes_an_error_at_the_limit() {
    for features in sessions() {
        let mut pair = Pair::with(tight(), features);
        let calls: Vec<_> = (0..20).map(|_| pair.served(request(b""))).collect();
        for (_, serve) in &calls {
            pair.b.link.reply(*serve, &Ok(Some(payload(500 * KIB).into())));
            pair.b.drain_events();
            assert!(pair.b.link.held_bytes() <= MAX - MIB + 64 * KIB);
        }
        pair.pump();
        let faults: Vec<_> = calls
            .iter()
            .filter_map(|(call, _)| match pair.a.answer(*call) {
                Some(Err(CallFailure::Handler(fault))) => Some(fault),
                Some(Ok(Some(answer))) => {
                    assert_eq!(answer.len(), 500 * KIB);
                    None
                }
                // The caller's limit is as tight.
                Some(Err(CallFailure::LimitReached { .. })) => None,
                _ => panic!("no answer"),
            })
            .collect();
        assert!((11..20).contains(&faults.len()), "{}", faults.len());
        if features == Features::all() {
            assert_eq!(faults[0].code, ErrorCode::Handler, "the handler has run");
        }
        let text = "the answer of a handler cannot be sent: the node holds as much memory for peer as it may: ";
        assert!(faults[0].message.starts_with(text), "{}", faults[0].message);
        pair.assert_empty();
        let held = pair.b.link.held_bytes();
        assert!(held < 64 * KIB, "{held}, of which {} are output", pair.b.link.output.held_bytes());
    }
}

/// The error is sent even if no other message is there to leave before it.
#[test]
fn an_error_in_place_of_an_answer_does_not_wait() {
    for features in sessions() {
        let mut pair = Pair::with(tight(), features);
        let lens = [900, 900, 900, 250];
        let _held = lens.map(|len| serve(&mut pair, asking(len * KIB)));
        let (call, serve) = pair.served(request(b""));
        pair.b.link.reply(serve, &Ok(Some(payload(1000 * KIB).into())));
        assert!(pair.b.link.wants_transmit(), "the driver is woken");
        pair.pump();
        let fault = fault(pair.a.answer(call));
        assert!(
            fault.message.starts_with("the answer of a handler cannot be sent: "),
            "{}",
            fault.message
        );
    }
}

/// A handler that returns what it has received does not use memory twice.
#[test]
fn an_echo_is_counted_once() {
    let mut pair = Pair::with(tight(), Features::all());
    for _ in 0..3 {
        let Serve { key, payload, .. } = serve(&mut pair, asking(900 * KIB));
        pair.b.link.reply(key, &Ok(payload.map(|payload| payload.slice(1..).into())));
        pair.b.drain_events();
    }
    let outcomes = pair.b.link.held_bytes();
    assert!(outcomes < 100 * KIB, "{outcomes}");
    pair.pump();
    assert_eq!(pair.a.link.in_flight().0, 3, "answered, and not taken yet");
    assert_eq!(pair.b.link.in_flight().1, 0);
}

#[test]
fn metadata_that_handlers_hold_is_counted() {
    let mut solo = Solo::with(tight(), Features::all());
    let user = vec![("key".to_owned(), payload(60 * KIB))];
    let meta = Meta { user, ..Meta::default() }.encode();
    for mux in 1..=100 {
        let header = flagged(opening(Op::Request, mux, SINGLE, 1000), Flags::EOF);
        let frame =
            crate::proto::wire::Frame { header, payload: None, meta: &meta, subroute: None };
        solo.try_receive(frame.to_bytes()).expect("a request");
    }
    let served = solo.node.serves.len();
    assert!((58..=63).contains(&served), "{served}");
}

/// A few bytes that a user keeps do not keep a message allocated that is much larger than usual.
#[test]
fn a_small_part_of_a_large_message_is_copied() {
    let mut solo = Solo::with(Limits::default(), Features::NONE);
    let filler = encode(head(Op::Unknown(99), 0, 0), Some(&payload(200 * KIB)));
    let bytes = merge(&[request_of(1, b"four"), filler, request_of(2, &payload(50 * KIB))]);
    let place = bytes.as_ptr_range();
    solo.try_receive(bytes.clone()).expect("two requests");
    let is_slice = |serve: &Serve| {
        serve.payload.as_ref().is_some_and(|payload| place.contains(&payload.as_ptr()))
    };
    let slices: Vec<_> = solo.node.serves.iter().map(is_slice).collect();
    assert_eq!(slices, [false, true]);
}

/// When the peer makes this node hold much, small payloads are copied out of merged messages of any length.
#[test]
fn small_payloads_are_copied_when_much_is_held() {
    let mut solo = Solo::with(tight(), Features::NONE);
    let filler = encode(head(Op::Unknown(99), 0, 0), Some(&payload(20 * KIB)));
    for mux in 1..=2000 {
        let bytes = merge(&[request_of(mux, b"four"), filler.clone()]);
        solo.try_receive(bytes).expect("a request");
    }
    assert_eq!(solo.node.serves.len(), 2000, "with 24 KiB for each, 128 would fit");
}

/// Pongs, credits and refusals for a peer that does not read end the link before they use much memory.
#[test]
fn merged_messages_use_little_more_memory_than_their_bytes() {
    let mut solo = Solo::with(Limits::default(), Features::NONE);
    let ping = encode(Header { mux: MuxId(5), seq: 0, ..head(Op::Ping, 5, 0) }, None);
    let pings = merge(&vec![ping; 1000]);
    let error = loop {
        let Err(error) = solo.try_receive(pings.clone()) else {
            let (held, bytes) = (solo.node.link.held_bytes(), solo.node.link.outbox_bytes());
            assert!(held < 2 * bytes + 20 * 32 * KIB, "{held} for {bytes}");
            continue;
        };
        break error;
    };
    assert!(error.to_string().contains("does not read"), "{error}");
    assert!(solo.node.link.outbox_bytes() < 5 * MIB);
}

// ---- large messages take turns --------------------------------------------------------------------------------------

/// Messages that are popped until the call's request has left.
fn messages_until_served(pair: &mut Pair, len: usize) -> usize {
    for count in 1..10_000 {
        let bytes = pair.a.link.poll_transmit(pair.now).expect("something to send");
        pair.b.handle_message(pair.now, bytes.seal().to_bytes()).expect("a message");
        pair.b.drain_events();
        let is_it = |serve: &Serve| serve.payload.as_ref().is_some_and(|it| it.len() == len);
        if pair.b.serves.iter().any(is_it) {
            return count;
        }
    }
    panic!("it was not sent");
}

#[test]
fn a_large_message_does_not_wait_for_much_larger_ones() {
    let mut pair = Pair::new();
    for _ in 0..3 {
        pair.call(asking(14 * MIB));
    }
    pair.call(asking(100 * KIB));
    let count = messages_until_served(&mut pair, 100 * KIB);
    assert!(count <= 2 * 4, "a call of 4 parts waits for {count} messages");
    pair.call(asking(MIB));
    let count = messages_until_served(&mut pair, MIB);
    assert!(count <= 2 * 34, "a call of 33 parts waits for {count} messages");
    // And a long one does not wait for ever behind short ones.
    let mut sent = 0;
    while !pair
        .b
        .serves
        .iter()
        .any(|serve| serve.payload.as_ref().is_some_and(|it| it.len() > 2 * MIB))
    {
        if sent % 4 == 0 {
            pair.call(asking(100 * KIB));
        }
        sent += 1;
        assert!(sent < 20_000, "it starves");
        pair.pump_one();
        pair.b.serves.retain(|serve| serve.payload.as_ref().is_some_and(|it| it.len() > 2 * MIB));
    }
}
