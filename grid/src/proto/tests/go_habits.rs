//! Habits of the Go implementation that no recorded message shows: what it repeats, drops, and sends late.

use bytes::{Bytes, BytesMut};

use super::pair::*;
use super::solo::*;
use crate::proto::error::ProtocolError;
use crate::proto::wire::{Flags, Op, Ping, Pong, Timestamp, merged};
use crate::proto::{CallFailure, ErrorCode, Fault, Key, Recv, SendState, Sent, Side};
use Side::{Callee, Caller};

/// A stream of ours with number 1 that Go has taken.
fn open(incoming: u32, outgoing: u32) -> (Solo, Key) {
    let mut solo = Solo::go();
    let call = solo.call(stream(incoming, outgoing));
    solo.give(head(Op::AckMux, 1, 0), None);
    solo.take();
    (solo, call)
}

/// A stream of Go's with number 1 that we have taken.
fn serving(incoming: u32, outgoing: u32) -> (Solo, Key) {
    let mut solo = Solo::go();
    solo.give(opening(Op::ConnectMux, 1, stream_id(incoming, outgoing), 0), None);
    let serve = solo.node.serve();
    assert_eq!(solo.says(), [(Op::AckMux, 1, 0)]);
    (solo, serve)
}

#[test]
fn it_cancels_once_or_twice_with_any_number() {
    for seqs in [&[0][..], &[3, 0]] {
        let (mut solo, serve) = serving(1, 1);
        for seq in seqs {
            solo.give(head(Op::DisconnectServerMux, 1, *seq), None);
        }
        assert_eq!(solo.says(), [(Op::DisconnectClientMux, 1, 0)], "once");
        assert_eq!(solo.node.cancelled, [serve]);
    }
}

#[test]
fn it_cannot_cancel_a_single_request() {
    let mut solo = Solo::go();
    solo.give(flagged(opening(Op::Request, 1, SINGLE, 1000), Flags::EOF), None);
    let serve = solo.node.serve();
    solo.give(head(Op::DisconnectServerMux, 1, 0), None);
    solo.give(head(Op::DisconnectClientMux, 1, 0), None);
    solo.node.link.reply(serve, &Ok(None));
    assert_eq!(solo.says(), [(Op::Response, 1, 0)]);
    // Nor is it told of our cancels.
    let call = solo.call(request(b""));
    solo.take();
    solo.node.link.forget_call(call);
    assert_eq!(solo.says(), []);
}

#[test]
fn a_message_without_payload_is_dropped_without_counting() {
    let (mut solo, call) = open(0, 2);
    solo.give(head(Op::MuxServerMsg, 1, 1), None);
    solo.give(head(Op::MuxServerMsg, 1, 1), Some(b"the first"));
    assert_eq!(solo.node.recv(Caller, call), Recv::Item(Bytes::from_static(b"the first")));
    assert_eq!(solo.node.recv(Caller, call), Recv::Pending);
    // From the caller it counts: Go's callee hands it to the handler.
    let (mut solo, serve) = serving(1, 1);
    solo.give(head(Op::MuxClientMsg, 1, 1), None);
    assert_eq!(solo.node.recv(Callee, serve), Recv::Item(Bytes::new()));
}

#[test]
fn its_plain_end_may_have_any_number_and_carry_a_last_item() {
    let (mut solo, call) = open(0, 1);
    solo.give(flagged(head(Op::MuxServerMsg, 1, 99), Flags::EOF), None);
    assert_eq!(solo.node.recv(Caller, call), Recv::End(Ok(())));
    // The DisconnectClientMux that always follows.
    solo.give(head(Op::DisconnectClientMux, 1, 0), None);
    assert_eq!(solo.node.recv(Caller, call), Recv::End(Ok(())));

    let (mut solo, call) = open(0, 1);
    solo.give(head(Op::MuxServerMsg, 1, 1), Some(b"item"));
    solo.give(flagged(head(Op::MuxServerMsg, 1, 2), Flags::EOF), Some(b"last"));
    assert_eq!(solo.node.recv_all(Caller, call), ["item", "last"]);
    assert_eq!(solo.node.recv(Caller, call), Recv::End(Ok(())));
    assert_eq!(solo.says(), [], "no credit for what is over");

    let (mut solo, serve) = serving(1, 1);
    solo.give(head(Op::MuxClientMsg, 1, 1), Some(b"item"));
    solo.give(flagged(head(Op::MuxClientMsg, 1, 2), Flags::EOF), Some(b"last"));
    assert_eq!(solo.node.recv_all(Callee, serve), ["item", "last"]);
    assert_eq!(solo.node.recv(Callee, serve), Recv::End(Ok(())));
    solo.give(head(Op::MuxClientMsg, 1, 3), Some(b"after the end"));
    let said = solo.take();
    assert_eq!(said[0].payload.as_deref(), Some(&b"did not expect inbound message"[..]));
}

#[test]
fn an_error_is_delivered_whatever_its_number() {
    let (mut solo, call) = open(0, 1);
    let flags = Flags::EOF | Flags::ERROR;
    solo.give(flagged(head(Op::MuxServerMsg, 1, 7), flags), Some(b"stream boom"));
    let fault = Fault::new(ErrorCode::Text, "stream boom");
    assert_eq!(solo.node.recv(Caller, call), Recv::End(Err(CallFailure::Fault(fault))));
}

#[test]
fn a_gap_in_its_items_ends_the_stream() {
    for (op, payload) in
        [(Op::MuxServerMsg, Some(&b"x"[..])), (Op::UnblockClMux, None), (Op::AckMux, None)]
    {
        let (mut solo, call) = open(1, 1);
        solo.give(head(op, 1, 5), payload);
        let Recv::End(Err(CallFailure::Fault(fault))) = solo.node.recv(Caller, call) else {
            panic!("{op} was taken");
        };
        assert_eq!(fault.message, "receive sequence number mismatch. want 1, got 5");
        assert_eq!(solo.says(), [(Op::DisconnectServerMux, 1, 0)]);
    }
}

/// It waits for a credit before either end, and its consumer gives one for every item, the last too.
#[test]
fn every_item_taken_gives_a_credit() {
    let (mut solo, call) = open(0, 1);
    solo.give(head(Op::MuxServerMsg, 1, 1), Some(b"last"));
    assert_eq!(solo.says(), [], "not before it is taken");
    solo.node.recv_all(Caller, call);
    assert_eq!(solo.says(), [(Op::UnblockSrvMux, 1, 1)]);
}

#[test]
fn an_error_takes_a_slot_there() {
    let (mut solo, serve) = serving(0, 1);
    solo.node.send(Callee, serve, b"fills the slot");
    solo.node.link.finish_stream(serve, &Err(Fault::new(ErrorCode::Handler, "boom")));
    assert_eq!(solo.says(), [(Op::MuxServerMsg, 1, 1)]);
    solo.give(head(Op::UnblockSrvMux, 1, 1), None);
    assert_eq!(solo.says(), [(Op::MuxServerMsg, 1, 2), (Op::DisconnectClientMux, 1, 0)]);
    assert!(solo.node.link.is_drained());
}

#[test]
fn surplus_credits_count_in_the_sequence_only() {
    let (mut solo, call) = open(1, 1);
    for seq in 1..=5 {
        solo.give(head(Op::UnblockClMux, 1, seq), None);
    }
    assert_eq!(solo.node.send(Caller, call, b"x"), SendState::Ready);
    assert_eq!(solo.node.send(Caller, call, b"x"), SendState::Blocked);
    solo.give(head(Op::UnblockClMux, 1, 6), None);
    assert_eq!(solo.node.send(Caller, call, b"x"), SendState::Ready);
}

#[test]
fn merged_messages_come_at_low_load_and_with_pings_inside() {
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
        solo.try_give(bytes.freeze()).expect("a merged message");
        let pong = Pong::decode(&solo.take()[0].payload.clone().expect("a payload"));
        assert_eq!(pong.expect("a pong"), Pong::to(Ping { time }));
    }
    assert_eq!((solo.node.serves.len(), solo.node.link.counters().ignored), (1, 4));
}

#[test]
fn a_second_opening_of_a_live_stream_is_ignored() {
    let (mut solo, _) = serving(1, 1);
    solo.give(opening(Op::ConnectMux, 1, stream_id(2, 2), 0), None);
    assert_eq!((solo.says().len(), solo.node.serves.len()), (0, 0));
}

#[test]
fn stale_messages_are_answered_as_it_would() {
    let mut solo = Solo::go();
    for op in [Op::AckMux, Op::MuxServerMsg, Op::MuxClientMsg] {
        solo.give(head(op, 9, 1), Some(b"x"));
        assert_eq!(solo.says(), [(Op::DisconnectClientMux, 9, 0)], "{op}");
    }
    let pong = Pong::to(Ping { time: Timestamp::GO_ZERO }).encode();
    solo.give(head(Op::Pong, 9, 1), Some(&pong));
    assert_eq!(solo.says(), [(Op::DisconnectClientMux, 9, 0)]);
    for op in [
        Op::UnblockClMux,
        Op::UnblockSrvMux,
        Op::Response,
        Op::MuxConnectError,
        Op::DisconnectClientMux,
        Op::DisconnectServerMux,
    ] {
        solo.give(head(op, 9, 1), None);
        assert_eq!(solo.says(), [], "{op}");
    }
    solo.give(flagged(head(Op::MuxServerMsg, 9, 1), Flags::EOF), None);
    assert_eq!(solo.says(), []);
}

#[test]
fn answers_of_the_wrong_kind_do_not_touch_a_call() {
    let (mut solo, call) = open(1, 1);
    solo.give(flagged(head(Op::Response, 1, 0), Flags::EOF), Some(b"for a request"));
    assert_eq!(solo.node.recv(Caller, call), Recv::Pending);

    let mut solo = Solo::go();
    let call = solo.call(request(b""));
    solo.take();
    for op in [Op::AckMux, Op::MuxServerMsg, Op::UnblockClMux, Op::DisconnectClientMux] {
        solo.give(head(op, 1, 0), Some(b"for a stream"));
    }
    assert_eq!(solo.node.answer(call), None);
    // Nor do those of a caller touch a request that is served.
    solo.give(flagged(opening(Op::Request, 1, SINGLE, 1000), Flags::EOF), None);
    let serve = solo.node.serve();
    solo.take();
    solo.give(head(Op::Ping, 1, 1), None);
    solo.give(head(Op::UnblockSrvMux, 1, 1), None);
    solo.give(head(Op::MuxClientMsg, 1, 1), Some(b"for a stream"));
    assert_eq!(solo.says(), [(Op::Pong, 1, 1), (Op::DisconnectClientMux, 1, 0)]);
    assert!(solo.node.link.is_served(serve));
}

#[test]
fn the_same_number_lives_in_both_directions() {
    let (mut solo, call) = open(1, 1);
    solo.give(opening(Op::ConnectMux, 1, stream_id(1, 1), 0), None);
    let serve = solo.node.serve();
    solo.take();
    solo.give(head(Op::MuxClientMsg, 1, 1), Some(b"for the handler"));
    solo.give(head(Op::MuxServerMsg, 1, 1), Some(b"for the caller"));
    assert_eq!(solo.node.recv_all(Callee, serve), ["for the handler"]);
    assert_eq!(solo.node.recv_all(Caller, call), ["for the caller"]);
    solo.give(head(Op::DisconnectClientMux, 1, 0), None);
    assert!(matches!(solo.node.recv(Caller, call), Recv::End(Err(_))));
    assert!(solo.node.link.is_served(serve), "the other one lives");
}

#[test]
fn disconnect_means_lost_or_says_why() {
    let (mut solo, call) = open(1, 1);
    solo.give(head(Op::DisconnectClientMux, 1, 0), None);
    let lost = CallFailure::Lost { sent: Sent::Maybe, reason: "remote disconnected".into() };
    assert_eq!(solo.node.recv(Caller, call), Recv::End(Err(lost)));
    let (mut solo, call) = open(1, 1);
    solo.give(flagged(head(Op::DisconnectClientMux, 1, 0), Flags::ERROR), Some(b"why"));
    let fault = CallFailure::Fault(Fault::new(ErrorCode::Text, "why"));
    assert_eq!(solo.node.recv(Caller, call), Recv::End(Err(fault)));
}

// ---- liveness -------------------------------------------------------------------------------------------------------

/// Keeps the connection alive, so that only the stream is silent.
fn advance_alive(solo: &mut Solo, seconds: u64) -> Result<(), ProtocolError> {
    let pong = Pong::to(Ping { time: Timestamp::GO_ZERO }).encode();
    for _ in 0..seconds {
        solo.advance(secs(1))?;
        solo.give(head(Op::Pong, 0, 0), Some(&pong));
    }
    Ok(())
}

#[test]
fn a_stream_is_given_up_thirty_seconds_after_the_last_word() {
    let (mut solo, call) = open(1, 1);
    advance_alive(&mut solo, 20).expect("alive");
    solo.give(head(Op::UnblockClMux, 1, 1), None);
    advance_alive(&mut solo, 29).expect("alive");
    assert_eq!(solo.node.recv(Caller, call), Recv::Pending);
    advance_alive(&mut solo, 11).expect("alive");
    assert!(matches!(solo.node.recv(Caller, call), Recv::End(Err(CallFailure::Lost { .. }))));
    let said: Vec<_> = solo.says().into_iter().filter(|(_, mux, _)| *mux == 1).collect();
    let pings = [(Op::Ping, 1, 1), (Op::Ping, 1, 2), (Op::Ping, 1, 3)];
    assert_eq!(said[..3], pings);
    assert_eq!(said[3..], [(Op::DisconnectServerMux, 1, 0)]);
}

#[test]
fn a_pong_that_knows_no_stream_or_reports_an_error_ends_it() {
    for (not_found, error) in [(true, None), (false, Some("out of sequence".to_owned()))] {
        let (mut solo, call) = open(1, 1);
        let pong = Pong { not_found, error, time: Timestamp::GO_ZERO };
        solo.give(head(Op::Pong, 1, 1), Some(&pong.encode()));
        assert!(matches!(solo.node.recv(Caller, call), Recv::End(Err(CallFailure::Fault(_)))));
    }
}

#[test]
fn a_stream_whose_caller_is_silent_is_dropped_after_a_minute() {
    let (mut solo, serve) = serving(1, 1);
    advance_alive(&mut solo, 40).expect("alive");
    solo.give(head(Op::MuxClientMsg, 1, 1), Some(b"a sign of life, here"));
    advance_alive(&mut solo, 59).expect("alive");
    assert!(solo.node.link.is_served(serve));
    advance_alive(&mut solo, 1).expect("alive");
    assert_eq!(solo.node.cancelled, [serve]);
    assert!(solo.says().contains(&(Op::DisconnectClientMux, 1, 0)));
    // A stream with a deadline of at most a minute has no need of it.
    let mut solo = Solo::go();
    solo.give(opening(Op::ConnectMux, 1, stream_id(1, 1), 60_000), None);
    advance_alive(&mut solo, 59).expect("alive");
    assert!(solo.node.cancelled.is_empty());
}
