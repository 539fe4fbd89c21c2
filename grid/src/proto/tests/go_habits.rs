//! Behaviour of the Go implementation that is not in the recorded messages: what it repeats, drops, and sends late.

use bytes::{Bytes, BytesMut};

use super::pair::*;
use super::solo::*;
use crate::error::{CallFailure, ErrorCode, Fault, Sent};
use crate::proto::error::ProtocolError;
use crate::proto::wire::{Flags, Op, Ping, Pong, Timestamp, merged};
use crate::proto::{Key, Recv, SendState, Side};
use Side::{Callee, Caller};

/// A stream with the id 1 that this node has opened to a Go node.
fn open(incoming: u32, outgoing: u32) -> (Solo, Key) {
    let mut solo = Solo::go();
    let call = solo.call(stream(incoming, outgoing));
    solo.receive(head(Op::AckMux, 1, 0), None);
    solo.take();
    (solo, call)
}

/// A stream with the id 1 that a Go node has opened to this node.
fn serving(incoming: u32, outgoing: u32) -> (Solo, Key) {
    let mut solo = Solo::go();
    solo.receive(opening(Op::ConnectMux, 1, stream_id(incoming, outgoing), 0), None);
    let serve = solo.node.serve();
    assert_eq!(solo.sent(), [(Op::AckMux, 1, 0)]);
    (solo, serve)
}

#[test]
fn it_cancels_once_or_twice_with_any_sequence_number() {
    for seqs in [&[0][..], &[3, 0]] {
        let (mut solo, serve) = serving(1, 1);
        for seq in seqs {
            solo.receive(head(Op::DisconnectServerMux, 1, *seq), None);
        }
        assert_eq!(solo.sent(), [(Op::DisconnectClientMux, 1, 0)], "once");
        assert_eq!(solo.node.cancelled, [serve]);
    }
}

#[test]
fn it_cannot_cancel_a_single_request() {
    let mut solo = Solo::go();
    solo.receive(flagged(opening(Op::Request, 1, SINGLE, 1000), Flags::EOF), None);
    let serve = solo.node.serve();
    solo.receive(head(Op::DisconnectServerMux, 1, 0), None);
    solo.receive(head(Op::DisconnectClientMux, 1, 0), None);
    solo.node.link.reply(serve, &Ok(None));
    assert_eq!(solo.sent(), [(Op::Response, 1, 0)]);
    // It is not sent cancellations either.
    let call = solo.call(request(b""));
    solo.take();
    solo.node.link.forget_call(call);
    assert_eq!(solo.sent(), []);
}

#[test]
fn a_message_without_payload_is_dropped_without_counting() {
    let (mut solo, call) = open(0, 2);
    solo.receive(head(Op::MuxServerMsg, 1, 1), None);
    solo.receive(head(Op::MuxServerMsg, 1, 1), Some(b"the first"));
    assert_eq!(solo.node.recv(Caller, call), Recv::Item(Bytes::from_static(b"the first")));
    assert_eq!(solo.node.recv(Caller, call), Recv::Pending);
    // From the caller it is an item: Go's callee passes it to the handler.
    let (mut solo, serve) = serving(1, 1);
    solo.receive(head(Op::MuxClientMsg, 1, 1), None);
    assert_eq!(solo.node.recv(Callee, serve), Recv::Item(Bytes::new()));
}

#[test]
fn items_for_a_reader_that_has_gone_are_credited_one_by_one() {
    let (mut solo, serve) = serving(2, 1);
    solo.receive(head(Op::MuxClientMsg, 1, 1), Some(b"waits"));
    solo.node.link.stop_reading(Callee, serve);
    assert_eq!(solo.sent(), [(Op::UnblockClMux, 1, 1)]);
    solo.receive(head(Op::MuxClientMsg, 1, 2), Some(b"comes later"));
    assert_eq!(solo.sent(), [(Op::UnblockClMux, 1, 2)]);
    solo.node.link.finish_stream(serve, &Ok(()));
    assert_eq!(solo.sent(), [(Op::MuxServerMsg, 1, 3), (Op::DisconnectClientMux, 1, 0)]);
}

#[test]
fn items_for_a_handler_whose_error_waits_for_a_credit_are_credited() {
    let (mut solo, serve) = serving(2, 1);
    assert_eq!(solo.node.send(Callee, serve, b"the only credit"), SendState::Ready);
    solo.receive(head(Op::MuxClientMsg, 1, 1), Some(b"unread"));
    solo.take();
    solo.node.link.finish_stream(serve, &Err(Fault::new(ErrorCode::Handler, "no")));
    assert_eq!(solo.sent(), [(Op::UnblockClMux, 1, 2)]);
    solo.receive(head(Op::MuxClientMsg, 1, 2), Some(b"unread as well"));
    assert_eq!(solo.sent(), [(Op::UnblockClMux, 1, 3)]);
    solo.receive(head(Op::UnblockSrvMux, 1, 3), None);
    assert_eq!(solo.sent(), [(Op::MuxServerMsg, 1, 4), (Op::DisconnectClientMux, 1, 0)]);
}

#[test]
fn its_clean_end_may_have_any_sequence_number_and_a_last_item() {
    let (mut solo, call) = open(0, 1);
    solo.receive(flagged(head(Op::MuxServerMsg, 1, 99), Flags::EOF), None);
    assert_eq!(solo.node.recv(Caller, call), Recv::End(Ok(())));
    // The DisconnectClientMux that always follows.
    solo.receive(head(Op::DisconnectClientMux, 1, 0), None);
    assert_eq!(solo.node.recv(Caller, call), Recv::End(Ok(())));

    let (mut solo, call) = open(0, 1);
    solo.receive(head(Op::MuxServerMsg, 1, 1), Some(b"item"));
    solo.receive(flagged(head(Op::MuxServerMsg, 1, 2), Flags::EOF), Some(b"last"));
    assert_eq!(solo.node.recv_all(Caller, call), ["item", "last"]);
    assert_eq!(solo.node.recv(Caller, call), Recv::End(Ok(())));
    assert_eq!(solo.sent(), [], "no credit for a stream that is over");

    let (mut solo, serve) = serving(1, 1);
    solo.receive(head(Op::MuxClientMsg, 1, 1), Some(b"item"));
    solo.receive(flagged(head(Op::MuxClientMsg, 1, 2), Flags::EOF), Some(b"last"));
    assert_eq!(solo.node.recv_all(Callee, serve), ["item", "last"]);
    assert_eq!(solo.node.recv(Callee, serve), Recv::End(Ok(())));
    solo.receive(head(Op::MuxClientMsg, 1, 3), Some(b"after the end"));
    let sent = solo.take();
    assert_eq!(sent[0].payload.as_deref(), Some(&b"did not expect inbound message"[..]));
}

#[test]
fn an_error_is_delivered_with_any_sequence_number() {
    let (mut solo, call) = open(0, 1);
    let flags = Flags::EOF | Flags::ERROR;
    solo.receive(flagged(head(Op::MuxServerMsg, 1, 7), flags), Some(b"stream boom"));
    let fault = Fault::new(ErrorCode::Text, "stream boom");
    assert_eq!(solo.node.recv(Caller, call), Recv::End(Err(CallFailure::Handler(fault))));
}

#[test]
fn a_gap_in_its_items_ends_the_stream() {
    for (op, payload) in
        [(Op::MuxServerMsg, Some(&b"x"[..])), (Op::UnblockClMux, None), (Op::AckMux, None)]
    {
        let (mut solo, call) = open(1, 1);
        solo.receive(head(op, 1, 5), payload);
        let Recv::End(Err(CallFailure::Handler(fault))) = solo.node.recv(Caller, call) else {
            panic!("{op} was accepted");
        };
        assert_eq!(fault.message, "receive sequence number mismatch. want 1, got 5");
        assert_eq!(solo.sent(), [(Op::DisconnectServerMux, 1, 0)]);
    }
}

/// It waits for a credit before either kind of end, and its reader returns one for every item, the last one included.
#[test]
fn every_item_taken_returns_a_credit() {
    let (mut solo, call) = open(0, 1);
    solo.receive(head(Op::MuxServerMsg, 1, 1), Some(b"last"));
    assert_eq!(solo.sent(), [], "not before the item is taken");
    solo.node.recv_all(Caller, call);
    assert_eq!(solo.sent(), [(Op::UnblockSrvMux, 1, 1)]);
}

#[test]
fn an_error_needs_a_credit() {
    let (mut solo, serve) = serving(0, 1);
    solo.node.send(Callee, serve, b"uses the credit");
    solo.node.link.finish_stream(serve, &Err(Fault::new(ErrorCode::Handler, "boom")));
    assert_eq!(solo.sent(), [(Op::MuxServerMsg, 1, 1)]);
    solo.receive(head(Op::UnblockSrvMux, 1, 1), None);
    assert_eq!(solo.sent(), [(Op::MuxServerMsg, 1, 2), (Op::DisconnectClientMux, 1, 0)]);
    assert!(solo.node.link.is_drained());
}

#[test]
fn surplus_credits_are_ignored_but_have_sequence_numbers() {
    let (mut solo, call) = open(1, 1);
    for seq in 1..=5 {
        solo.receive(head(Op::UnblockClMux, 1, seq), None);
    }
    assert_eq!(solo.node.send(Caller, call, b"x"), SendState::Ready);
    assert_eq!(solo.node.send(Caller, call, b"x"), SendState::Blocked);
    solo.receive(head(Op::UnblockClMux, 1, 6), None);
    assert_eq!(solo.node.send(Caller, call, b"x"), SendState::Ready);
}

#[test]
fn it_merges_messages_at_low_load_and_pings_among_them() {
    let mut solo = Solo::go();
    let time = Timestamp { secs: 1_700_000_000, nanos: 1 };
    let ping = Ping { time }.encode();
    let parts = [
        encode(
            crate::proto::wire::Header { flags: Flags::NONE, ..head(Op::Ping, 0, 0) },
            Some(&ping),
        ),
        encode(flagged(opening(Op::Request, 1, SINGLE, 1000), Flags::EOF), None),
        // Merged in Merged, unknown ops, a handshake: ignored.
        Bytes::from_static(b"\x97\x00\x00\x00\x00\x11\x00\xc4\x00"),
        Bytes::from_static(b"\x97\x00\x00\x00\x00\x63\x00\xc4\x00"),
        Bytes::from_static(b"\x97\x00\x00\x00\x00\x01\x00\xc4\x00"),
        Bytes::from_static(b"\x97\x00\x00\x00\x00\x10\x00\xc4\x00"),
    ];
    for parts in [&parts[..1], &parts] {
        let mut bytes = BytesMut::new();
        merged::write_header(parts.len() as u32, &mut bytes);
        for part in parts {
            merged::write_part_prefix(part.len(), &mut bytes);
            bytes.extend_from_slice(part);
        }
        solo.try_receive(bytes.freeze()).expect("a merged message");
        let pong = Pong::decode(&solo.take()[0].payload.clone().expect("a payload"));
        assert_eq!(pong.expect("a pong"), Pong::to(Ping { time }));
    }
    assert_eq!((solo.node.serves.len(), solo.node.link.counters().ignored), (1, 4));
}

#[test]
fn a_second_opening_of_an_open_stream_is_ignored() {
    let (mut solo, _) = serving(1, 1);
    solo.receive(opening(Op::ConnectMux, 1, stream_id(2, 2), 0), None);
    assert_eq!((solo.sent().len(), solo.node.serves.len()), (0, 0));
}

#[test]
fn messages_for_unknown_streams_are_answered_as_it_does() {
    let mut solo = Solo::go();
    for op in [Op::AckMux, Op::MuxServerMsg, Op::MuxClientMsg] {
        solo.receive(head(op, 9, 1), Some(b"x"));
        assert_eq!(solo.sent(), [(Op::DisconnectClientMux, 9, 0)], "{op}");
    }
    let pong = Pong::to(Ping { time: Timestamp::GO_ZERO }).encode();
    solo.receive(head(Op::Pong, 9, 1), Some(&pong));
    assert_eq!(solo.sent(), [(Op::DisconnectClientMux, 9, 0)]);
    for op in [
        Op::UnblockClMux,
        Op::UnblockSrvMux,
        Op::Response,
        Op::MuxConnectError,
        Op::DisconnectClientMux,
        Op::DisconnectServerMux,
    ] {
        solo.receive(head(op, 9, 1), None);
        assert_eq!(solo.sent(), [], "{op}");
    }
    solo.receive(flagged(head(Op::MuxServerMsg, 9, 1), Flags::EOF), None);
    assert_eq!(solo.sent(), []);
}

#[test]
fn answers_of_the_wrong_kind_do_not_affect_a_call() {
    let (mut solo, call) = open(1, 1);
    solo.receive(flagged(head(Op::Response, 1, 0), Flags::EOF), Some(b"for a request"));
    assert_eq!(solo.node.recv(Caller, call), Recv::Pending);

    let mut solo = Solo::go();
    let call = solo.call(request(b""));
    solo.take();
    for op in [Op::AckMux, Op::MuxServerMsg, Op::UnblockClMux, Op::DisconnectClientMux] {
        solo.receive(head(op, 1, 0), Some(b"for a stream"));
    }
    assert_eq!(solo.node.answer(call), None);
    // Messages of a caller do not affect a request that is served either.
    solo.receive(flagged(opening(Op::Request, 1, SINGLE, 1000), Flags::EOF), None);
    let serve = solo.node.serve();
    solo.take();
    solo.receive(head(Op::Ping, 1, 1), None);
    solo.receive(head(Op::UnblockSrvMux, 1, 1), None);
    solo.receive(head(Op::MuxClientMsg, 1, 1), Some(b"for a stream"));
    assert_eq!(solo.sent(), [(Op::Pong, 1, 1), (Op::DisconnectClientMux, 1, 0)]);
    assert!(solo.node.link.is_served(serve));
}

#[test]
fn the_same_mux_id_is_used_in_both_directions() {
    let (mut solo, call) = open(1, 1);
    solo.receive(opening(Op::ConnectMux, 1, stream_id(1, 1), 0), None);
    let serve = solo.node.serve();
    solo.take();
    solo.receive(head(Op::MuxClientMsg, 1, 1), Some(b"for the handler"));
    solo.receive(head(Op::MuxServerMsg, 1, 1), Some(b"for the caller"));
    assert_eq!(solo.node.recv_all(Callee, serve), ["for the handler"]);
    assert_eq!(solo.node.recv_all(Caller, call), ["for the caller"]);
    solo.receive(head(Op::DisconnectClientMux, 1, 0), None);
    assert!(matches!(solo.node.recv(Caller, call), Recv::End(Err(_))));
    assert!(solo.node.link.is_served(serve), "the other stream is still open");
}

#[test]
fn a_disconnect_is_a_loss_or_has_an_error() {
    let (mut solo, call) = open(1, 1);
    solo.receive(head(Op::DisconnectClientMux, 1, 0), None);
    let lost = super::lost(Sent::Maybe, crate::error::LinkError::CallDropped.into());
    assert_eq!(solo.node.recv(Caller, call), Recv::End(Err(lost)));
    let (mut solo, call) = open(1, 1);
    solo.receive(flagged(head(Op::DisconnectClientMux, 1, 0), Flags::ERROR), Some(b"why"));
    let fault = CallFailure::Handler(Fault::new(ErrorCode::Text, "why"));
    assert_eq!(solo.node.recv(Caller, call), Recv::End(Err(fault)));
}

/// A Go caller ends the stream by its own timer, which has the same deadline. The end of the callee, a moment before, would
/// meet a reader that has not taken all items, and end the stream there without an error and without those items.
#[test]
fn a_passed_deadline_is_left_to_the_caller() {
    let mut solo = Solo::go();
    solo.receive(flagged(opening(Op::ConnectMux, 1, stream_id(0, 4), 1000), Flags::EOF), None);
    let serve = solo.node.serve();
    for item in [b"1", b"2", b"3"] {
        solo.node.send(Callee, serve, item);
    }
    solo.take();
    solo.advance(secs(1)).expect("alive");
    assert_eq!(solo.node.cancelled, [serve], "the handler is dropped in time");
    assert_eq!(solo.sent(), [], "and the caller is not told");
    // What it sends until its own timer fires.
    for seq in 1..=3 {
        solo.receive(head(Op::UnblockSrvMux, 1, seq), None);
    }
    solo.receive(head(Op::DisconnectServerMux, 1, 0), None);
    solo.receive(head(Op::DisconnectServerMux, 1, 0), None);
    assert_eq!(solo.sent(), []);

    // Between nodes of this implementation, such an end near the deadline is the deadline.
    let mut solo = Solo::with(crate::proto::Limits::default(), crate::proto::Features::all());
    solo.receive(flagged(opening(Op::ConnectMux, 1, stream_id(0, 4), 1000), Flags::EOF), None);
    solo.take();
    solo.advance(secs(1)).expect("alive");
    assert_eq!(solo.sent(), [(Op::DisconnectClientMux, 1, 0)]);
}

// ---- liveness -------------------------------------------------------------------------------------------------------

/// Answers connection pings, so that only the stream is silent. Returns what the link sends meanwhile.
fn advance_alive(solo: &mut Solo, seconds: u64) -> Result<Vec<(Op, u64, u32)>, ProtocolError> {
    let pong = Pong::to(Ping { time: Timestamp::GO_ZERO }).encode();
    let mut sent = Vec::new();
    for _ in 0..seconds {
        solo.advance(secs(1))?;
        solo.receive(head(Op::Pong, 0, 0), Some(&pong));
        sent.extend(solo.sent());
    }
    Ok(sent)
}

#[test]
fn a_stream_ends_thirty_seconds_after_the_last_message() {
    let (mut solo, call) = open(1, 1);
    let mut sent = advance_alive(&mut solo, 20).expect("alive");
    solo.receive(head(Op::UnblockClMux, 1, 1), None);
    sent.extend(advance_alive(&mut solo, 29).expect("alive"));
    assert_eq!(solo.node.recv(Caller, call), Recv::Pending);
    sent.extend(advance_alive(&mut solo, 11).expect("alive"));
    assert!(matches!(
        solo.node.recv(Caller, call),
        Recv::End(Err(CallFailure::Disconnected { .. }))
    ));
    sent.retain(|(_, mux, _)| *mux == 1);
    let pings = [(Op::Ping, 1, 1), (Op::Ping, 1, 2), (Op::Ping, 1, 3)];
    assert_eq!(sent[..3], pings);
    assert_eq!(sent[3..], [(Op::DisconnectServerMux, 1, 0)]);
}

#[test]
fn a_pong_with_not_found_or_an_error_ends_the_stream() {
    for (not_found, error) in [(true, None), (false, Some("out of sequence".to_owned()))] {
        let (mut solo, call) = open(1, 1);
        let pong = Pong { not_found, error, time: Timestamp::GO_ZERO };
        solo.receive(head(Op::Pong, 1, 1), Some(&pong.encode()));
        assert!(matches!(solo.node.recv(Caller, call), Recv::End(Err(CallFailure::Handler(_)))));
    }
}

#[test]
fn a_stream_whose_caller_is_silent_ends_after_a_minute() {
    let (mut solo, serve) = serving(1, 1);
    advance_alive(&mut solo, 40).expect("alive");
    solo.receive(head(Op::MuxClientMsg, 1, 1), Some(b"counts as a sign of life"));
    advance_alive(&mut solo, 59).expect("alive");
    assert!(solo.node.link.is_served(serve));
    let sent = advance_alive(&mut solo, 1).expect("alive");
    assert_eq!(solo.node.cancelled, [serve]);
    assert!(sent.contains(&(Op::DisconnectClientMux, 1, 0)));
    // A stream with a deadline of at most a minute is not checked.
    let mut solo = Solo::go();
    solo.receive(opening(Op::ConnectMux, 1, stream_id(1, 1), 60_000), None);
    advance_alive(&mut solo, 59).expect("alive");
    assert!(solo.node.cancelled.is_empty());
}
