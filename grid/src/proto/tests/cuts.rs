//! Lost and new connections: which calls are lost, which wait, and which must not be confused.

use bytes::Bytes;

use super::pair::*;
use super::solo::*;
use crate::error::{CallFailure, Sent};
use crate::proto::error::ProtocolError;
use crate::proto::wire::{Flags, Header, Op, Part, Ping, Pong, Timestamp};
use crate::proto::{CallSpec, Features, Limits, Recv, Side};
use Side::{Callee, Caller};

fn lost(sent: Sent) -> Option<Result<Option<Bytes>, CallFailure>> {
    Some(Err(super::lost(sent, super::why("cut"))))
}

#[test]
fn a_lost_call_reports_whether_it_was_sent() {
    let mut pair = Pair::new();
    let (sent, serve) = pair.served(request(b"sent"));
    let unsent = pair.call(request(b"unsent"));
    pair.cut();
    assert_eq!((pair.a.answer(sent), pair.a.answer(unsent)), (lost(Sent::Maybe), lost(Sent::No)));
    assert_eq!(pair.b.cancelled, [serve]);
    pair.reply(serve, b"to a lost connection");
    pair.assert_empty();
}

/// Messages dropped with a connection must not make later calls look unsent, as those would be repeated.
#[test]
fn a_call_after_a_lost_connection_is_reported_as_sent_if_it_was() {
    let mut pair = Pair::new();
    for _ in 0..10 {
        pair.call(request(b"dropped"));
    }
    pair.cut();
    pair.connect(Features::all());
    let (call, _) = pair.served(request(b"sent"));
    pair.cut();
    assert_eq!(pair.a.answer(call), lost(Sent::Maybe));
}

#[test]
fn an_answer_can_be_taken_after_its_connection_is_lost() {
    let mut pair = Pair::new();
    let (call, serve) = pair.served(request(b""));
    pair.reply(serve, b"there");
    pair.pump();
    pair.cut();
    assert_eq!(pair.a.answer(call), Some(Ok(Some(Bytes::from_static(b"there")))));
}

#[test]
fn queued_calls_survive_a_lost_connection_only_if_they_wait_for_one() {
    let limits = Limits { outbox_bytes: 16, ..Limits::default() };
    let mut pair = Pair::with(limits, Features::all());
    pair.call(request(b"fills the outbox"));
    let impatient = pair.call(request(b"impatient"));
    let patient: Vec<_> = [b"first" as &[u8], b"second", b"third"]
        .into_iter()
        .map(|payload| pair.call(waiting(payload)))
        .collect();
    pair.cut();
    assert_eq!(pair.a.answer(impatient), lost(Sent::No));
    assert_eq!(pair.a.answer(patient[0]), None);
    pair.connect(Features::all());
    pair.pump();
    let served: Vec<_> = pair.b.serves.iter().filter_map(|serve| serve.payload.clone()).collect();
    assert_eq!(served, ["first", "second", "third"], "in the order of their start");
}

#[test]
fn queued_items_and_answers_are_dropped_with_their_connection() {
    let limits = Limits { outbox_bytes: 16, ..Limits::default() };
    let mut pair = Pair::with(limits, Features::all());
    let (call, serve) = pair.served(stream(4, 4));
    let (_, single) = pair.served(request(b""));
    for _ in 0..2 {
        pair.a.send(Caller, call, b"an item of the old stream");
        pair.b.send(Callee, serve, b"an item of the old stream");
    }
    pair.reply(single, b"an answer of the old connection");
    pair.cut();
    assert_eq!((pair.a.link.backlog().0, pair.b.link.backlog().0), (0, 0));
    pair.connect(Features::all());
    pair.pump();
    assert!(pair.b.serves.is_empty());
    assert_eq!(pair.a.link.counters().ignored + pair.b.link.counters().ignored, 0);
}

#[test]
fn ids_continue_and_answers_of_the_previous_connection_are_ignored() {
    let mut solo = Solo::go();
    let old = solo.call(request(b"old"));
    assert_eq!(solo.sent(), [(Op::Request, 1, 0)]);
    solo.node.stop("cut");
    assert!(solo.node.answer(old).is_some());
    solo.node.start(solo.now, session(true, Features::NONE));
    let new = solo.call(request(b"new"));
    assert_eq!(solo.sent(), [(Op::Request, 2, 0)]);
    solo.receive(flagged(head(Op::Response, 1, 0), Flags::EOF), Some(b"for the old one"));
    assert_eq!(solo.node.answer(new), None);
    solo.receive(flagged(head(Op::Response, 2, 0), Flags::EOF), Some(b"for the new one"));
    assert_eq!(solo.node.answer(new), Some(Ok(Some(Bytes::from_static(b"for the new one")))));
}

/// A peer counts from 1 again after a restart. Handlers of its old calls must not affect the new ones.
#[test]
fn a_restarted_peer_uses_the_same_ids() {
    let mut solo = Solo::go();
    let request = flagged(opening(Op::Request, 1, SINGLE, 60_000), Flags::EOF);
    let open = opening(Op::ConnectMux, 2, stream_id(1, 1), 0);
    solo.receive(request, Some(b"before"));
    solo.receive(open, None);
    let (old, old_stream) = (solo.node.serve(), solo.node.serve());
    solo.node.stop("restarted");
    solo.node.start(solo.now, session(true, Features::NONE));
    solo.receive(request, Some(b"after"));
    solo.receive(open, None);
    let (new, new_stream) = (solo.node.serve(), solo.node.serve());
    solo.sent();

    solo.node.link.reply(old, &Ok(None));
    solo.node.link.finish_stream(old_stream, &Ok(()));
    assert!(matches!(solo.node.recv(Callee, old_stream), Recv::End(Err(_))));
    assert_eq!(solo.node.link.poll_send(Callee, old_stream), crate::proto::SendState::Closed);
    assert_eq!(solo.sent(), []);
    assert!(solo.node.link.is_served(new) && solo.node.link.is_served(new_stream));
    // Timers of the old calls must not either.
    solo.advance(secs(1)).expect("the peer is alive");
    solo.node.link.reply(new, &Ok(None));
    assert_eq!(solo.sent(), [(Op::Response, 1, 0)]);
}

#[test]
fn a_replaced_session_ends_all_calls_of_the_old_one() {
    let mut pair = Pair::new();
    let (old, _) = pair.served(stream(1, 1));
    // The dialer has connected again before the end of the old socket was noticed here.
    pair.b.stop("replaced");
    pair.b.start(pair.now, session(true, Features::all()));
    pair.a.stop("cut");
    pair.a.start(pair.now, session(true, Features::all()));
    let (call, serve) = pair.served(request(b""));
    pair.reply(serve, b"");
    pair.pump();
    assert!(pair.a.answer(call).is_some_and(|answer| answer.is_ok()));
    assert!(matches!(pair.a.recv(Caller, old), Recv::End(Err(CallFailure::Disconnected { .. }))));
    pair.a.link.forget_call(old);
    pair.assert_empty();
}

#[test]
fn messages_after_the_end_of_the_connection_are_ignored() {
    let mut solo = Solo::go();
    solo.node.stop("cut");
    solo.receive(flagged(opening(Op::Request, 1, SINGLE, 1000), Flags::EOF), None);
    assert!(solo.node.serves.is_empty() && solo.node.link.is_drained());
}

#[test]
fn an_unsupported_call_that_waits_fails_when_the_connection_is_up() {
    let mut pair = Pair::down(Limits::default());
    let call = pair
        .call(CallSpec { handler: crate::proto::wire::HandlerId::new(DERIVED), ..waiting(b"") });
    pair.connect(Features::NONE);
    assert_eq!(pair.a.answer(call), Some(Err(super::unsupported("ids32"))));
    pair.assert_empty();
}

// ---- connection pings -----------------------------------------------------------------------------------------------

#[test]
fn a_peer_that_answers_pings_is_kept() {
    let mut pair = Pair::new();
    pair.latency = millis(7);
    pair.advance(secs(3600));
    let (at, rtt) = pair.a.link.last_pong().expect("connected");
    assert_eq!(rtt, Some(millis(14)));
    assert!(pair.now.duration_since(at) <= secs(10));
}

#[test]
fn the_connection_to_a_go_node_fails_at_the_third_ping_without_a_sign_of_life() {
    let mut solo = Solo::go();
    solo.advance(secs(29)).expect("not yet");
    assert_eq!(solo.advance(secs(1)), Err(ProtocolError::Silent(secs(30))));
    let mut solo = Solo::go();
    solo.advance(secs(29)).expect("not yet");
    solo.receive(flagged(opening(Op::Request, 1, SINGLE, 60_000), Flags::EOF), None);
    assert_eq!(solo.advance(secs(22)), Err(ProtocolError::Silent(secs(21))));
}

#[test]
fn the_connection_to_another_node_fails_after_two_intervals() {
    let mut solo = Solo::with(Limits::default(), Features::all());
    solo.advance(millis(19_999)).expect("not yet");
    assert_eq!(solo.advance(millis(1)), Err(ProtocolError::Silent(secs(20))));
    // Parts of large messages are signs of life as well, and so is a message of which only a part was received.
    let mut solo = Solo::with(Limits::default(), Features::all());
    for index in 0..60 {
        let part = Part { transfer: 1, index, total: 9000, flags: Flags::CRC, len: 100 };
        solo.try_receive(part.with(&[7; 100])).expect("a part");
        solo.advance(secs(10)).expect("alive");
    }
    for _ in 0..60 {
        solo.node.receive_progress(solo.now).expect("alive");
        solo.advance(secs(10)).expect("alive");
    }
}

/// An item that takes longer than the time after which a silent stream ends.
#[test]
fn a_stream_lives_while_parts_of_its_item_are_received() {
    for serves in [false, true] {
        let mut solo = Solo::with(Limits::default(), Features::all());
        let (op, call) = if serves {
            solo.receive(opening(Op::ConnectMux, 1, stream_id(1, 1), 0), None);
            (Op::MuxClientMsg, solo.node.serve())
        } else {
            let call = solo.call(stream(1, 1));
            solo.receive(head(Op::AckMux, 1, 0), None);
            (Op::MuxServerMsg, call)
        };
        let side = if serves { Side::Callee } else { Side::Caller };
        let header = Header { flags: Flags::NONE, ..head(op, 1, 1) };
        let item = encode(header, Some(&[7; 12_000]));
        let total = item.len() as u32;
        let pieces: Vec<_> = item.chunks(100).collect();
        for (index, piece) in pieces.iter().enumerate() {
            let is_last = index + 1 == pieces.len();
            let flags = if is_last { Flags::CRC | Flags::EOF } else { Flags::CRC };
            let len = piece.len();
            let part = Part { transfer: 1, index: index as u32, total, flags, len };
            assert_eq!(solo.node.recv(side, call), Recv::Pending, "part {index}");
            solo.try_receive(part.with(piece)).expect("a part");
            solo.advance(secs(1)).expect("alive");
        }
        assert_eq!(solo.node.recv_all(side, call).len(), 1, "after two minutes");
    }
}

/// Nothing else can be received meanwhile, no pong of any stream either.
#[test]
fn streams_live_while_a_large_message_that_is_not_in_parts_is_received() {
    let mut solo = Solo::go();
    let call = solo.call(stream(1, 1));
    solo.receive(head(Op::AckMux, 1, 0), None);
    solo.receive(opening(Op::ConnectMux, 1, stream_id(1, 1), 0), None);
    let serve = solo.node.serve();
    for _ in 0..120 {
        solo.node.receive_progress(solo.now).expect("alive");
        solo.advance(secs(1)).expect("alive");
    }
    assert_eq!(solo.node.recv(Side::Caller, call), Recv::Pending);
    assert!(solo.node.link.is_served(serve));
}

/// The ping of the stream waits behind the item, so that there is no answer to it.
#[test]
fn a_stream_lives_while_its_own_large_item_is_sent() {
    for features in [Features::NONE, credits()] {
        let mut solo = Solo::with(Limits::default(), features);
        let call = solo.call(stream(1, 1));
        solo.receive(head(Op::AckMux, 1, 0), None);
        solo.take();
        solo.node.send(Side::Caller, call, &[7; 1 << 20]);
        let pong = Pong::to(Ping { time: Timestamp::GO_ZERO }).encode();
        for second in 0..120 {
            // Of the output one message leaves in ten seconds.
            if second % 10 == 0 && features != Features::NONE {
                solo.node.link.poll_transmit(solo.now);
            }
            solo.receive(head(Op::Pong, 0, 0), Some(&pong));
            solo.advance(secs(1)).expect("alive");
        }
        assert_eq!(solo.node.recv(Side::Caller, call), Recv::Pending, "{features:?}");
        // Once it has left, the callee is asked again.
        solo.take();
        for _ in 0..60 {
            solo.receive(head(Op::Pong, 0, 0), Some(&pong));
            solo.advance(secs(1)).expect("alive");
            solo.take();
        }
        assert!(matches!(solo.node.recv(Side::Caller, call), Recv::End(Err(_))), "{features:?}");
    }
}

#[test]
fn timers_of_ended_calls_do_not_accumulate() {
    let mut pair = Pair::new();
    for _ in 0..5000 {
        let spec = pair.within(secs(3600), request(b""));
        let (call, serve) = pair.served(spec);
        pair.reply(serve, b"");
        pair.pump();
        assert!(pair.a.answer(call).is_some());
        let spec = pair.within(secs(3600), stream(1, 1));
        let (call, serve) = pair.served(spec);
        pair.b.link.finish_stream(serve, &Ok(()));
        pair.pump();
        pair.a.link.forget_call(call);
    }
    let (a, b) = (pair.a.link.backlog().1, pair.b.link.backlog().1);
    assert!(a < 2200 && b < 2200, "{a} and {b} timers");
    pair.assert_empty();
}
