//! Limits: messages that are too large, too many calls, peers that are too slow, shutting down.

use bytes::{Bytes, BytesMut};

use super::pair::*;
use super::solo::*;
use crate::error::{CallFailure, ErrorCode, Fault, Sent};
use crate::proto::error::ProtocolError;
use crate::proto::wire::{Flags, META_LEN_MAX, Meta, Op, merged};
use crate::proto::{CallSpec, Features, Half, Limits, Recv, SendState, Session, Side};
use Side::{Callee, Caller};

fn tiny() -> Limits {
    Limits { message_bytes_max: 1024, ..Limits::default() }
}

fn big(len: usize) -> Bytes {
    Bytes::from(vec![7; len])
}

#[test]
fn a_request_that_is_too_large_fails_at_once() {
    let mut pair = Pair::with(tiny(), Features::all());
    let spec = CallSpec { payload: Some(big(1024 - 95).into()), ..request(b"") };
    let failure = pair.a.link.start_call(pair.now, &spec);
    let error = crate::error::too_large(929, 928, 1024, None);
    assert_eq!(failure, Err(CallFailure::Encode(error)));
    let spec = CallSpec { payload: Some(big(928).into()), ..request(b"") };
    let call = pair.call(under(crate::proto::wire::SubrouteId([7; 32]), spec));
    let message = pair.a.link.poll_transmit(pair.now).expect("the call");
    assert!(message.len() <= 1024);
    pair.a.link.forget_call(call);
}

#[test]
fn an_answer_that_is_too_large_becomes_an_error() {
    let mut pair = Pair::with(tiny(), Features::all());
    let (call, serve) = pair.served(request(b""));
    pair.b.link.reply(serve, &Ok(Some(big(1000).into())));
    pair.pump();
    let Some(Err(CallFailure::Handler(fault))) = pair.a.answer(call) else { panic!("no error") };
    assert_eq!(
        fault.message,
        "the answer of a handler is too large: it has 1000 bytes, and `Config::message_bytes_max` of the node that answers \
        allows 928"
    );
}

/// The caller's node accepts 16 MiB, the callee's 1 KiB.
fn unequal() -> Pair {
    let mut pair = Pair::down(Limits::default());
    pair.b = Node::new(tiny());
    let all = session(true, Features::all());
    pair.a.start(pair.now, Session { peer_message_bytes_max: Some(1024), ..all });
    pair.b.start(pair.now, Session { peer_message_bytes_max: Some(16 << 20), ..all });
    pair
}

#[test]
fn what_is_too_large_for_the_peer_is_refused_before_it_is_sent() {
    let mut pair = unequal();
    let (streaming, _) = pair.served(stream(4, 1));
    let spec = CallSpec { payload: Some(big(929).into()), ..request(b"") };
    let failure = pair.a.link.start_call(pair.now, &spec).expect_err("too large");
    assert_eq!(failure, CallFailure::Encode(crate::error::too_large(929, 928, 1024, Some("peer"))));
    let CallFailure::Encode(error) = failure else { panic!("{failure:?}") };
    assert_eq!(
        error.to_string(),
        "929 bytes exceed the limit of 928 bytes (`Config::message_bytes_max` of peer is 1024)"
    );
    assert_eq!(
        pair.a.link.send(Caller, streaming, &big(929).into()),
        SendState::TooLarge { max: 928 }
    );
    assert!(!pair.a.link.wants_transmit(), "nothing is sent");
    // The stream and calls that fit continue, and merged messages keep to the limit as well.
    assert_eq!(pair.a.link.send(Caller, streaming, &big(928).into()), SendState::Ready);
    for _ in 0..40 {
        pair.call(request(b"a request of some bytes"));
    }
    while let Some(message) = pair.a.link.poll_transmit(pair.now) {
        assert!(message.len() <= 1024, "{}", message.len());
        pair.b.handle_message(pair.now, message.seal().to_bytes()).expect("a message");
    }
    pair.b.drain_events();
    assert_eq!(pair.b.serves.len(), 40);
}

#[test]
fn an_answer_that_is_too_large_for_the_caller_becomes_an_error() {
    let mut pair = unequal();
    // `b` calls, as the node that accepts less.
    let call = pair.b.link.start_call(pair.now, &request(b"")).expect("a call");
    pair.pump();
    let serve = pair.a.serve();
    pair.a.link.reply(serve, &Ok(Some(big(1000).into())));
    pair.pump();
    let Some(Err(CallFailure::Handler(fault))) = pair.b.answer(call) else { panic!("no error") };
    assert_eq!(
        fault.message,
        "the answer of a handler is too large: it has 1000 bytes, and `Config::message_bytes_max` of peer allows 928"
    );
    assert!(pair.a.link.is_up() && pair.b.link.is_up());
}

/// A call that waited for the connection was checked against this node's limit only.
#[test]
fn a_call_that_waited_is_checked_again_when_the_limit_is_known() {
    let mut pair = Pair::down(Limits::default());
    let [large, small] = [929, 928]
        .map(|len| pair.call(CallSpec { payload: Some(big(len).into()), ..waiting(b"") }));
    let all = session(true, Features::all());
    pair.a.start(pair.now, Session { peer_message_bytes_max: Some(1024), ..all });
    pair.a.drain_events();
    let error = crate::error::too_large(929, 928, 1024, Some("peer"));
    assert_eq!(pair.a.answer(large), Some(Err(CallFailure::Encode(error))));
    assert_eq!(pair.a.answer(small), None);
    let message = pair.a.link.poll_transmit(pair.now).expect("the small one");
    assert!(message.len() <= 1024);
    // Without a connection, the limit of this node applies again.
    pair.a.stop("cut");
    pair.call(CallSpec { payload: Some(big(929).into()), ..waiting(b"") });
}

#[test]
fn an_error_that_is_too_large_is_truncated_and_loses_its_body() {
    let mut pair = Pair::with(tiny(), Features::all());
    let (call, serve) = pair.served(request(b""));
    let text = "ü".repeat(2000);
    pair.fail(serve, Fault { body: big(5000), ..Fault::new(ErrorCode::Handler, text) });
    let message = pair.b.link.poll_transmit(pair.now).expect("the answer");
    assert!((900..=1024).contains(&message.len()), "{}", message.len());
    pair.a.handle_message(pair.now, message.seal().to_bytes()).expect("a message that can be read");
    let Some(Err(CallFailure::Handler(fault))) = pair.a.answer(call) else { panic!("no error") };
    assert_eq!((fault.code, fault.body.len()), (ErrorCode::Handler, 0));
    assert!(fault.message.chars().all(|char| char == 'ü'), "not truncated inside a character");

    let mut pair = Pair::new();
    let (call, serve) = pair.served(request(b""));
    let body = big(META_LEN_MAX + 1);
    pair.fail(serve, Fault { body, ..Fault::new(ErrorCode::Handler, "boom") });
    pair.pump();
    let expected = Fault::new(ErrorCode::Handler, "boom");
    assert_eq!(pair.a.answer(call), Some(Err(CallFailure::Handler(expected))));
}

#[test]
fn metadata_that_the_peer_would_refuse_fails_at_once() {
    let user = |count: usize, len| {
        let user = (0..count).map(|n| (n.to_string(), big(len))).collect();
        CallSpec { meta: Some(Box::new(Meta { user, ..Meta::default() })), ..request(b"") }
    };
    let mut pair = Pair::new();
    let failure = pair.a.link.start_call(pair.now, &user(1, META_LEN_MAX)).expect_err("too large");
    assert!(failure.to_string().contains("cannot encode"), "{failure:?}");
    let failure = pair.a.link.start_call(pair.now, &user(65, 1)).expect_err("too many");
    let CallFailure::Encode(error) = failure else { panic!("{failure:?}") };
    assert!(error.to_string().contains("65 entries"), "{error}");
    pair.served(user(64, 100));
}

#[test]
fn an_item_that_is_too_large_is_not_sent_and_the_stream_continues() {
    let mut pair = Pair::with(tiny(), Features::all());
    let (call, serve) = pair.served(stream(1, 1));
    let refused = SendState::TooLarge { max: 928 };
    assert_eq!(pair.a.link.send(Caller, call, &big(929).into()), refused);
    assert_eq!(pair.b.link.send(Callee, serve, &big(2000).into()), refused);
    assert_eq!(pair.a.link.send(Caller, call, &big(928).into()), SendState::Ready);
    assert_eq!(pair.b.link.send(Callee, serve, &big(928).into()), SendState::Ready);
    pair.pump();
    assert!(matches!(pair.a.recv(Caller, call), Recv::Item(_)));
    assert!(matches!(pair.b.recv(Callee, serve), Recv::Item(_)));
    assert!(pair.b.cancelled.is_empty());
}

#[test]
fn more_calls_than_allowed_are_refused_as_overloaded() {
    let limits = Limits { served_max: 2, ..Limits::default() };
    let mut pair = Pair::with(limits, Features::all());
    let (_, serve) = pair.served(request(b"1"));
    pair.served(stream(1, 1));
    let (request_3, stream_3) = (pair.call(request(b"3")), pair.call(stream(1, 1)));
    pair.pump();
    assert!(pair.b.serves.is_empty(), "not run");
    let refusals = [
        pair.a.answer(request_3).and_then(Result::err),
        pair.a.link.poll_opened(stream_3).and_then(Result::err),
    ];
    for refusal in refusals {
        let Some(CallFailure::Handler(fault)) = refusal else { panic!("{refusal:?}") };
        assert_eq!(fault.code, ErrorCode::Overloaded);
    }
    pair.reply(serve, b"");
    pair.pump();
    pair.served(request(b"4"));
}

#[test]
fn shutting_down_refuses_new_calls_and_finishes_old_ones() {
    let mut pair = Pair::new();
    let (call, serve) = pair.served(request(b""));
    let (streaming, serve_stream) = pair.served(stream(1, 1));
    pair.b.link.close();
    let late = pair.call(request(b""));
    let late_stream = pair.call(stream(1, 1));
    pair.pump();
    let refusals = [
        pair.a.answer(late).and_then(Result::err),
        pair.a.link.poll_opened(late_stream).and_then(Result::err),
    ];
    for refusal in refusals {
        let Some(CallFailure::Handler(fault)) = refusal else { panic!("{refusal:?}") };
        assert_eq!(fault.code, ErrorCode::ShuttingDown);
    }
    let own = pair.b.link.start_call(pair.now, &waiting(b""));
    assert_eq!(own, Err(CallFailure::ShutDown));
    assert!(!pair.b.link.is_drained());
    pair.reply(serve, b"done");
    assert_eq!(pair.b.send(Callee, serve_stream, b"last"), SendState::Ready);
    pair.b.link.finish_stream(serve_stream, &Ok(()));
    assert!(!pair.b.link.is_drained(), "the answers have not left");
    pair.pump();
    assert!(pair.b.link.is_drained());
    assert!(pair.a.answer(call).is_some_and(|answer| answer.is_ok()));
    assert_eq!(pair.a.recv_all(Caller, streaming).len(), 1);
}

#[test]
fn finishing_refuses_calls_of_the_peer_only() {
    let mut pair = Pair::new();
    let (call, serve) = pair.served(request(b""));
    pair.b.link.finish(true);
    let late = pair.call(request(b""));
    pair.pump();
    let Some(Err(CallFailure::Handler(fault))) = pair.a.answer(late) else { panic!("refused") };
    assert_eq!(fault.code, ErrorCode::ShuttingDown);
    assert!(pair.b.link.start_call(pair.now, &request(b"")).is_ok());
    assert!(pair.b.link.is_shutting_down() && !pair.b.link.serves_nothing());
    pair.reply(serve, b"done");
    assert!(pair.b.link.serves_nothing());
    pair.pump();
    assert!(pair.a.answer(call).is_some_and(|answer| answer.is_ok()));
    pair.b.link.close();
    assert_eq!(pair.b.link.start_call(pair.now, &request(b"")), Err(CallFailure::ShutDown));
}

#[test]
fn closing_ends_calls_that_wait_for_a_connection() {
    let mut pair = Pair::down(Limits::default());
    let call = pair.call(waiting(b""));
    pair.a.link.close();
    assert!(pair.a.link.is_drained(), "nothing is in flight");
    pair.a.stop("shut down");
    let lost = super::lost(Sent::No, super::why("shut down"));
    assert_eq!(pair.a.answer(call), Some(Err(lost)));
}

// ---- the full outbox ------------------------------------------------------------------------------------------------

/// Calls, answers and items take turns: none of them starves while there are always others.
#[test]
fn calls_answers_and_items_do_not_starve_at_a_full_outbox() {
    let limits = Limits { outbox_bytes: 256, ..Limits::default() };
    let mut pair = Pair::with(limits, Features::NONE);
    let (streaming, serve_up) = pair.served(stream(4, 1));
    let back = pair.b.link.start_call(pair.now, &stream(1, 4)).expect("a stream back");
    pair.pump();
    let down = pair.a.serve();
    let (mut items, mut answers) = (0, 0);
    for _ in 0..300 {
        // Always more calls than can be sent in one iteration.
        while pair.a.link.in_flight().0 < 40 {
            pair.call(request(b"a request of some bytes, of which there are many"));
        }
        pair.a.send(Caller, streaming, b"up");
        pair.a.send(Callee, down, b"down");
        pair.pump_one();
        while let Some(serve) = pair.b.serves.pop_front() {
            answers += 1;
            pair.reply(serve.key, b"");
        }
        while let Some(message) = pair.b.link.poll_transmit(pair.now) {
            pair.a.handle_message(pair.now, message.seal().to_bytes()).expect("a message");
        }
        pair.a.drain_events();
        for (side, key, half) in std::mem::take(&mut pair.a.wakes) {
            if side == Caller && half == Half::Both {
                pair.a.answer(key);
            }
        }
        items += pair.b.recv_all(Callee, serve_up).len() + pair.b.recv_all(Caller, back).len();
    }
    // A message has about four of them and the queue about fifty, so each has its turn every dozen messages.
    assert!(items >= 40 && answers >= 500, "{items} items, {answers} answers");
}

#[test]
fn an_item_waits_for_room_and_ends_wait_behind_it() {
    let limits = Limits { outbox_bytes: 32, ..Limits::default() };
    let mut pair = Pair::with(limits, Features::all());
    let (call, serve) = pair.served(stream(4, 4));
    for (node, side, key) in [(&mut pair.a, Caller, call), (&mut pair.b, Callee, serve)] {
        assert_eq!(node.send(side, key, b"fills the outbox by itself"), SendState::Ready);
        assert_eq!(node.send(side, key, b"waits"), SendState::Ready);
        assert_eq!(node.send(side, key, b"must come later"), SendState::Blocked);
    }
    pair.a.link.finish_input(call);
    pair.b.link.finish_stream(serve, &Ok(()));
    assert!(pair.b.link.is_served(serve), "its last item waits");
    assert_eq!(pair.b.send(Callee, serve, b"x"), SendState::Closed);
    pair.pump();
    let items = pair.a.recv_all(Caller, call);
    assert_eq!(items, [&b"fills the outbox by itself"[..], b"waits"]);
    assert_eq!(pair.a.recv(Caller, call), Recv::End(Ok(())));
    pair.a.link.forget_call(call);
    pair.assert_empty();
}

#[test]
fn a_writer_is_woken_when_its_item_has_left() {
    let limits = Limits { outbox_bytes: 32, ..Limits::default() };
    let mut pair = Pair::with(limits, Features::all());
    let (call, serve) = pair.served(stream(4, 4));
    pair.a.wakes.clear();
    pair.a.send(Caller, call, b"fills the outbox by itself");
    pair.a.send(Caller, call, b"waits");
    pair.pump();
    assert!(pair.a.woken(Caller, call, Half::Writer));
    assert_eq!(pair.a.send(Caller, call, b"the next"), SendState::Ready);
    pair.pump();
    assert_eq!(pair.b.recv_all(Callee, serve).len(), 3);
}

#[test]
fn a_peer_that_sends_requests_without_reading_is_disconnected() {
    let limits = Limits { backlog_bytes_max: 10_000, ..Limits::default() };
    let mut solo = Solo::with(limits, Features::NONE);
    let mut fed = 0;
    let error = loop {
        match solo.try_receive(encode(opening(Op::Request, fed, 33, 1000), None)) {
            Ok(()) => fed += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, ProtocolError::NotReading { max: 10_000, .. }), "{error:?}");
    assert!((100..300).contains(&fed), "{fed}");
}

/// A peer cannot exceed the limit with many small pings in one large message.
#[test]
fn the_parts_of_a_merged_message_are_bounded_too() {
    let limits = Limits { backlog_bytes_max: 10_000, ..Limits::default() };
    let mut solo = Solo::with(limits, Features::NONE);
    let part = encode(opening(Op::Request, 1, 33, 1000), None);
    let mut bytes = BytesMut::new();
    merged::write_header(10_000, &mut bytes);
    for _ in 0..10_000 {
        merged::write_part_prefix(part.len(), &mut bytes);
        bytes.extend_from_slice(&part);
    }
    assert!(solo.try_receive(bytes.freeze()).is_err());
    assert!(solo.node.link.outbox_bytes() < 11_000);
}

#[test]
fn answers_that_wait_for_room_count_as_in_flight() {
    let limits = Limits { outbox_bytes: 64, served_max: 4, ..Limits::default() };
    let mut solo = Solo::with(limits, Features::NONE);
    for mux in 1..=20 {
        solo.receive(flagged(opening(Op::Request, mux, SINGLE, 1000), Flags::EOF), None);
        while let Some(serve) = solo.node.serves.pop_front() {
            solo.node.link.reply(serve.key, &Ok(Some(big(100).into())));
        }
    }
    assert_eq!(solo.node.link.in_flight().1, 4, "the rest was refused");
    let answers = solo.take();
    let refused = |flags: Flags| flags.contains(Flags::ERROR);
    assert_eq!(answers.len(), 20);
    assert_eq!(answers.iter().filter(|answer| refused(answer.header.flags)).count(), 15);
    assert_eq!(solo.node.link.in_flight().1, 0);
}
