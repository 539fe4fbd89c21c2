//! A link with a peer that behaves like the Go implementation, compared with the recorded messages.

use std::collections::HashMap;

use bytes::Bytes;
use serde_json::Value;

use super::pair::*;
use super::solo::*;
use crate::error::{CallFailure, ErrorCode, Fault};
use crate::proto::wire::{Flags, HandlerId, Message, Op, Pong, Refusal, SubrouteId, Timestamp};
use crate::proto::{
    CallSpec, Capacities, Features, Limits, Link, Recv, RouteKind, Routes, SendState, Side,
};
use Side::{Callee, Caller};

const BASE: &str = include_str!("../../../tests/vectors/base.jsonl");

/// The recorded messages by name.
pub(super) fn vectors() -> HashMap<String, Bytes> {
    BASE.lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).expect("json");
            let text = |key: &str| line[key].as_str().expect("a text").to_owned();
            let hex = text("message_hex");
            let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
            (text("name"), (0..hex.len()).step_by(2).map(byte).collect())
        })
        .collect()
}

/// A link with the handlers of the recorded Go node, whose next call has the id `mux`.
fn recorded(checksum: bool, mux: u64) -> Solo {
    let mut routes = Routes::default();
    let subroute = || Some(SubrouteId::new("sub/route", HandlerId::new(78)));
    let two_way = RouteKind::Stream(Capacities { incoming: 1, outgoing: 1 });
    let one_way = RouteKind::Stream(Capacities { incoming: 0, outgoing: 1 });
    let stream_subroute = Some(SubrouteId::new("sub/route", HandlerId::new(79)));
    for (id, subroute, kind) in [
        (78, None, RouteKind::Single),
        (78, subroute(), RouteKind::Single),
        (79, None, two_way),
        (79, stream_subroute, two_way),
        (10, None, one_way),
    ] {
        routes.insert(HandlerId::new(id), subroute, kind).expect("a new route");
    }
    let mut node = Node::new(Limits::default());
    node.link =
        Link::new("peer".into(), Limits::default(), routes.into(), std::num::NonZeroU32::MIN);
    node.start(super::start(), session(checksum, Features::NONE));
    node.link.set_next_mux(mux);
    Solo { now: super::start(), node }
}

fn spec(handler: u32, payload: &'static [u8]) -> CallSpec {
    let payload = (!payload.is_empty()).then_some(Bytes::from_static(payload));
    CallSpec { handler: HandlerId::new(handler), payload: payload.map(Into::into), ..request(b"") }
}

fn minute(solo: &Solo, spec: CallSpec) -> CallSpec {
    let deadline = crate::proto::Deadline { at: solo.now + secs(60), after: secs(60) };
    CallSpec { deadline: Some(deadline), ..spec }
}

#[track_caller]
fn assert_sends_recorded(solo: &mut Solo, names: &[&str]) {
    let vectors = vectors();
    let sent = solo.take_raw();
    let expected: Vec<_> = names.iter().map(|name| vectors[*name].clone()).collect();
    assert_eq!(sent, expected, "{names:?}");
}

#[test]
fn requests_and_responses_match_the_recorded_ones() {
    let vectors = vectors();
    for (checksum, mux, asked, answered, payload) in [
        (true, 1, "request_crc_no_deadline", "response_ok", b"hello grid" as &[u8]),
        (true, 4, "request_empty_payload", "response_empty_zero_flag", b""),
        (false, 1, "request_no_crc", "response_no_crc", b"hello grid"),
    ] {
        let mut caller = recorded(checksum, mux);
        let call = minute(&caller, spec(78, payload));
        let call = caller.call(call);
        assert_sends_recorded(&mut caller, &[asked]);
        let mut callee = recorded(checksum, 1);
        callee.try_receive(vectors[asked].clone()).expect("a request");
        let serve = callee.node.serve();
        callee.node.link.reply(serve, &Ok(Some(Bytes::from_static(payload).into())));
        assert_sends_recorded(&mut callee, &[answered]);
        caller.try_receive(vectors[answered].clone()).expect("a response");
        assert_eq!(caller.node.answer(call), Some(Ok(Some(Bytes::from_static(payload)))));
    }
    let mut caller = recorded(true, 3);
    let call = minute(&caller, spec(78, b"hello grid"));
    let subroute = SubrouteId::new("sub/route", HandlerId::new(78));
    caller.call(under(subroute, call));
    assert_sends_recorded(&mut caller, &["request_crc_subroute"]);

    let mut callee = recorded(true, 1);
    for mux in [5, 6] {
        let asked = flagged(opening(Op::Request, mux, 78, 60_000), Flags::EOF);
        callee.receive(asked, None);
    }
    let (absent, error) = (callee.node.serve(), callee.node.serve());
    callee.node.link.reply(absent, &Ok(None));
    callee.node.link.reply(error, &Err(Fault::new(ErrorCode::Handler, "boom: fail")));
    assert_sends_recorded(&mut callee, &["response_nil_payload", "response_error"]);
}

/// The recorded stream with the id 18, from the caller's side and from the callee's.
#[test]
fn a_stream_matches_the_recorded_one() {
    let vectors = vectors();
    let mut caller = recorded(true, 18);
    let two_way = Some(Capacities { incoming: 1, outgoing: 1 });
    let call = caller.call(CallSpec { stream: two_way, ..spec(79, b"pre:") });
    assert_sends_recorded(&mut caller, &["connect_mux_with_input"]);
    let receive_recorded = |solo: &mut Solo, names: &[&str]| {
        for name in names {
            solo.try_receive(vectors[*name].clone()).expect("a recorded message");
        }
    };
    receive_recorded(&mut caller, &["ack_mux"]);
    assert_eq!(caller.node.send(Caller, call, b"one"), SendState::Ready);
    assert_sends_recorded(&mut caller, &["mux_client_msg_first"]);
    receive_recorded(&mut caller, &["unblock_client_mux", "mux_server_msg_first"]);
    assert_eq!(caller.node.recv(Caller, call), Recv::Item(Bytes::from_static(b"pre:one")));
    assert_sends_recorded(&mut caller, &["unblock_server_mux"]);
    caller.node.send(Caller, call, b"");
    assert_sends_recorded(&mut caller, &["mux_client_msg_empty"]);

    let mut callee = recorded(true, 1);
    receive_recorded(&mut callee, &["connect_mux_with_input", "mux_client_msg_first"]);
    let serve = callee.node.serve();
    assert_sends_recorded(&mut callee, &["ack_mux"]);
    assert_eq!(callee.node.recv(Callee, serve), Recv::Item(Bytes::from_static(b"one")));
    callee.node.send(Callee, serve, b"pre:one");
    assert_sends_recorded(&mut callee, &["unblock_client_mux", "mux_server_msg_first"]);
    receive_recorded(&mut callee, &["unblock_server_mux", "mux_client_msg_empty"]);
    callee.node.recv(Callee, serve);
    callee.node.send(Callee, serve, b"pre:");
    callee.take();
    callee.receive(head(Op::UnblockSrvMux, 18, 4), None);
    receive_recorded(&mut callee, &["mux_client_msg_later"]);
    callee.node.recv(Callee, serve);
    callee.node.send(Callee, serve, b"pre:two");
    let sent = callee.take_raw();
    assert_eq!(sent[1], vectors["mux_server_msg_later"]);
    callee.receive(head(Op::UnblockSrvMux, 18, 6), None);
    receive_recorded(&mut callee, &["client_eof"]);
    assert_eq!(callee.node.recv(Callee, serve), Recv::End(Ok(())));
    callee.node.link.finish_stream(serve, &Ok(()));
    assert_sends_recorded(&mut callee, &["server_eof", "disconnect_client_mux_after_eof"]);
}

#[test]
fn openings_match_the_recorded_ones() {
    let two_way = Some(Capacities { incoming: 1, outgoing: 1 });
    let one_way = Some(Capacities { incoming: 0, outgoing: 1 });
    let subroute = SubrouteId::new("sub/route", HandlerId::new(79));
    let empty = Some(Bytes::new());
    for (mux, spec, name) in [
        (19, CallSpec { stream: two_way, ..spec(79, b"") }, "connect_mux_nil_payload"),
        (
            20,
            CallSpec { stream: two_way, payload: empty.map(Into::into), ..spec(79, b"") },
            "connect_mux_empty_payload",
        ),
        (
            21,
            under(subroute, CallSpec { stream: two_way, ..spec(79, b"pre:") }),
            "connect_mux_subroute",
        ),
        (46, CallSpec { stream: one_way, ..spec(10, b"3") }, "connect_mux_no_input"),
    ] {
        let mut caller = recorded(true, mux);
        caller.call(spec);
        assert_sends_recorded(&mut caller, &[name]);
    }
    let mut caller = recorded(true, 47);
    let after = millis(599_999);
    let deadline = Some(crate::proto::Deadline { at: caller.now + after, after });
    caller.call(CallSpec { stream: one_way, deadline, ..spec(10, b"1") });
    assert_sends_recorded(&mut caller, &["connect_mux_no_input_deadline"]);
}

#[test]
fn pings_and_pongs_match_the_recorded_ones() {
    let vectors = vectors();
    let mut solo = recorded(true, 1);
    solo.try_receive(vectors["conn_ping_from_dialer"].clone()).expect("a ping");
    assert_sends_recorded(&mut solo, &["conn_pong_from_listener"]);
    solo.advance(secs(10)).expect("alive");
    let ping = solo.take_raw();
    let (got, want) = (&ping[0], &vectors["conn_ping_from_dialer"]);
    // Except for the time, which is that of this test.
    assert_eq!((got.len(), &got[..19]), (want.len(), &want[..19]));

    let mut caller = recorded(true, 176);
    let two_way = Some(Capacities { incoming: 1, outgoing: 1 });
    caller.call(CallSpec { stream: two_way, ..spec(79, b"") });
    caller.receive(head(Op::AckMux, 176, 0), None);
    caller.take();
    caller.try_receive(vectors["conn_pong_from_listener"].clone()).expect("a pong");
    caller.advance(secs(15)).expect("alive");
    let pings = caller.take_raw();
    assert_eq!(pings.last(), Some(&vectors["mux_ping"]));

    let mut callee = recorded(true, 1);
    callee.receive(opening(Op::ConnectMux, 176, 79, 0), None);
    callee.take();
    callee.try_receive(vectors["mux_ping"].clone()).expect("a ping");
    assert_sends_recorded(&mut callee, &["mux_pong"]);
    callee.receive(head(Op::Ping, 4242, 3), None);
    assert_sends_recorded(&mut callee, &["pong_not_found"]);
    // Without a payload the time is Go's zero time, for connection pings too.
    callee.receive(head(Op::Ping, 0, 0), None);
    let pong = Pong::decode(&callee.take()[0].payload.clone().expect("a payload"));
    assert_eq!(pong.expect("a pong").time, Timestamp::GO_ZERO);
}

#[test]
fn violations_are_answered_as_recorded() {
    let mut solo = recorded(true, 1);
    solo.receive(opening(Op::ConnectMux, 60, 79, 0), None);
    solo.take();
    solo.receive(head(Op::Ping, 60, 9), None);
    let sent = solo.take_raw();
    assert_eq!(sent[0], vectors()["server_error_seq_mismatch"]);
    let end = Message::decode(sent[1].clone()).expect("a message").header;
    assert_eq!((end.op, end.seq), (Op::DisconnectClientMux, 0));
    assert_eq!(sent[2], vectors()["pong_error"]);
    assert_eq!(solo.node.cancelled.len(), 1);

    solo.receive(flagged(opening(Op::ConnectMux, 61, 10, 0), Flags::EOF), None);
    solo.take();
    solo.receive(head(Op::MuxClientMsg, 61, 1), Some(b"x"));
    assert_eq!(solo.take_raw()[0], vectors()["server_error_unexpected_input"]);

    // More items than it has credits.
    solo.receive(opening(Op::ConnectMux, 62, 79, 0), None);
    solo.take();
    solo.receive(head(Op::MuxClientMsg, 62, 1), Some(b"x"));
    solo.receive(head(Op::MuxClientMsg, 62, 2), Some(b"x"));
    let sent = solo.take();
    assert_eq!(sent[0].payload.as_deref(), Some(&b"handler blocked"[..]));
    assert_eq!(sent[1].header.op, Op::DisconnectClientMux);
    assert_eq!(solo.node.cancelled.len(), 3);

    solo.receive(head(Op::MuxClientMsg, 52, 1), Some(b"x"));
    assert_sends_recorded(&mut solo, &["disconnect_client_mux_unknown"]);
}

#[test]
fn refusals_have_the_header_of_the_request() {
    let vectors = vectors();
    let mut solo = recorded(true, 1);
    let eof = Flags::EOF;
    let asked = [
        (flagged(opening(Op::Request, 8, 40, 60_000), eof), "mux_connect_error_unknown_single"),
        (opening(Op::ConnectMux, 45, 12, 0), "mux_connect_error_unknown_stream"),
        (
            flagged(opening(Op::ConnectMux, 50, 79, 0), eof | Flags::STATELESS),
            "mux_connect_error_stateless",
        ),
        (flagged(opening(Op::ConnectMux, 51, 0, 0), eof), "mux_connect_error_invalid_id"),
    ];
    for (header, name) in asked {
        solo.receive(header, None);
        let sent = solo.take();
        let recorded = Message::decode(vectors[name].clone()).expect("a vector");
        assert_eq!(sent[0].header, recorded.header, "{name}");
        let text = |message: &Message| {
            Refusal::decode(&message.payload.clone().expect("a payload")).expect("a text").error
        };
        let (ours, theirs) = (text(&sent[0]), text(&recorded));
        assert_eq!(ours.get(..15), theirs.get(..15), "{name}");
    }
    // The refusals of the Go node, received here.
    let mut caller = recorded(true, 8);
    let call = caller.call(spec(40, b""));
    caller.try_receive(vectors["mux_connect_error_unknown_single"].clone()).expect("a refusal");
    let Some(Err(CallFailure::Handler(fault))) = caller.node.answer(call) else { panic!() };
    assert_eq!(fault.code, ErrorCode::UnknownHandler);
    let call = caller.call(spec(40, b""));
    let payload = Refusal { error: "busy".into() }.encode();
    caller.receive(opening(Op::MuxConnectError, 9, 40, 0), Some(&payload));
    let Some(Err(CallFailure::Handler(fault))) = caller.node.answer(call) else { panic!() };
    assert_eq!(fault, Fault::new(ErrorCode::Text, "busy"));
}
