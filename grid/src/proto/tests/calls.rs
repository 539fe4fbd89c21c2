//! Single requests: how they start, wait and end.

use std::sync::Arc;

use super::pair::*;
use crate::error::{CallFailure, ErrorCode, Fault, LinkError, Sent};
use crate::proto::session::features::Feature;
use crate::proto::wire::{HandlerId, Meta, TraceContext};
use crate::proto::{CallSpec, Features, Half, Limits, RouteIndex, Side};

use bytes::Bytes;

fn small_outbox() -> Limits {
    Limits { outbox_bytes: 64, ..Limits::default() }
}

#[test]
fn an_answer_can_be_taken_once() {
    let mut pair = Pair::new();
    let (call, serve) = pair.served(request(b"ping"));
    assert_eq!(pair.a.answer(call), None);
    pair.reply(serve, b"pong");
    pair.pump();
    assert!(pair.a.woken(Side::Caller, call, Half::Reader));
    assert_eq!(pair.a.answer(call), Some(Ok(Some(Bytes::from_static(b"pong")))));
    assert!(
        matches!(pair.a.answer(call), Some(Err(CallFailure::Disconnected { .. }))),
        "a stale key"
    );
    pair.assert_empty();
}

#[test]
fn empty_and_absent_payloads_differ() {
    for payload in [None, Some(Bytes::new())] {
        let mut pair = Pair::new();
        let call = pair.call(CallSpec { payload: payload.clone().map(Into::into), ..request(b"") });
        pair.pump();
        let serve = pair.b.serves.pop_front().expect("served");
        assert_eq!(serve.payload, payload);
        pair.b.link.reply(serve.key, &Ok(payload.clone().map(Into::into)));
        pair.pump();
        assert_eq!(pair.a.answer(call), Some(Ok(payload)));
    }
}

#[test]
fn requests_are_answered_in_any_order_and_from_both_sides() {
    let mut pair = Pair::new();
    let (first, serve_first) = pair.served(request(b"1"));
    let (second, serve_second) = pair.served(request(b"2"));
    let back = pair.b.link.start_call(pair.now, &request(b"back")).expect("a call");
    pair.pump();
    let serve_back = pair.a.serve();
    pair.reply(serve_second, b"two");
    pair.a.link.reply(serve_back, &Ok(None));
    pair.pump();
    assert_eq!(pair.a.answer(first), None);
    assert_eq!(pair.a.answer(second), Some(Ok(Some(Bytes::from_static(b"two")))));
    assert_eq!(pair.b.answer(back), Some(Ok(None)));
    pair.reply(serve_first, b"one");
    pair.pump();
    assert!(pair.a.answer(first).is_some_and(|answer| answer.is_ok()));
    pair.assert_empty();
}

#[test]
fn errors_carry_code_and_body_where_both_know_meta() {
    let fault =
        Fault { body: Bytes::from_static(b"\xa1x"), ..Fault::new(ErrorCode::Handler, "boom") };
    for features in [Features::all(), Features::all().without(Feature::Meta)] {
        let mut pair = Pair::with(Limits::default(), features);
        let (call, serve) = pair.served(request(b""));
        pair.fail(serve, fault.clone());
        pair.pump();
        let expected = if features.has(Feature::Meta) {
            fault.clone()
        } else {
            Fault::new(ErrorCode::Text, "boom")
        };
        assert_eq!(pair.a.answer(call), Some(Err(CallFailure::Handler(expected))));
    }
}

#[test]
fn an_error_text_that_is_passed_on_gets_no_code() {
    let mut pair = Pair::new();
    let (call, serve) = pair.served(request(b""));
    pair.fail(serve, Fault::new(ErrorCode::Text, "from a Go node"));
    pair.pump();
    let expected = Fault::new(ErrorCode::Text, "from a Go node");
    assert_eq!(pair.a.answer(call), Some(Err(CallFailure::Handler(expected))));
}

#[test]
fn an_unknown_handler_and_one_of_the_wrong_kind_are_refused() {
    for spec in [
        CallSpec { handler: 33.into(), ..request(b"") },
        CallSpec { stream: None, ..stream(1, 1) },
        CallSpec { handler: 78.into(), ..stream(1, 1) },
        under(crate::proto::wire::SubrouteId([7; 32]), request(b"")),
    ] {
        let mut pair = Pair::new();
        let is_stream = spec.stream.is_some();
        let call = pair.call(spec);
        pair.pump();
        let failure = if is_stream {
            pair.a.link.poll_opened(call).and_then(Result::err)
        } else {
            pair.a.answer(call).and_then(Result::err)
        };
        let Some(CallFailure::Handler(fault)) = failure else { panic!("{failure:?}") };
        assert_eq!(fault.code, ErrorCode::UnknownHandler);
        assert!(fault.message.starts_with("Invalid Handler"), "{fault:?}");
        pair.a.link.forget_call(call);
        pair.assert_empty();
    }
}

#[test]
fn metadata_reaches_the_handler() {
    let trace = TraceContext { version: 0, trace_id: [1; 16], parent_id: [2; 8], flags: 1 };
    let user = vec![("tenant".to_owned(), Bytes::from_static(b"blue"))];
    let meta = Box::new(Meta { trace: Some(trace), user, ..Meta::default() });
    let mut pair = Pair::new();
    pair.call(CallSpec { meta: Some(meta.clone()), ..request(b"") });
    pair.pump();
    assert_eq!(pair.b.serves.pop_front().and_then(|serve| serve.meta), Some(meta));
}

// ---- deadlines and cancels ------------------------------------------------------------------------------------------

#[test]
fn a_deadline_ends_both_sides() {
    let mut pair = Pair::new();
    let spec = pair.within(secs(2), request(b""));
    let (call, serve) = pair.served(spec);
    pair.advance(millis(1999));
    assert!(pair.b.link.is_served(serve) && pair.a.answer(call).is_none());
    pair.advance(millis(2));
    assert_eq!(pair.a.answer(call), Some(Err(pair.a.link.late(secs(2), Sent::Maybe))));
    assert_eq!(pair.b.cancelled, [serve]);
    pair.reply(serve, b"too late");
    assert!(!pair.b.link.wants_transmit(), "a late answer is not sent");
    pair.assert_empty();
}

#[test]
fn a_handler_gets_its_route_and_its_remaining_time() {
    let mut pair = Pair::new();
    pair.latency = millis(40);
    let spec = pair.within(secs(2), CallSpec { handler: HandlerId::new(DERIVED), ..request(b"") });
    pair.call(spec);
    pair.advance(millis(40));
    let serve = pair.b.serves.pop_front().expect("served");
    // The time on the wire counts only at the caller, because clocks are not compared.
    assert_eq!((serve.route, serve.deadline), (RouteIndex(1), Some(pair.now + secs(2))));
}

#[test]
fn a_request_without_a_deadline_has_a_distant_one_on_the_wire() {
    let mut pair = Pair::new();
    pair.served(request(b""));
    pair.advance(secs(3600));
    assert!(pair.b.cancelled.is_empty());
    pair.call(request(b""));
    pair.pump();
    assert!(pair.b.serves.pop_front().is_some_and(|serve| serve.deadline.is_some()));
}

#[test]
fn a_deadline_after_the_answer_has_no_effect() {
    let mut pair = Pair::new();
    let spec = pair.within(secs(2), request(b""));
    let (call, serve) = pair.served(spec);
    pair.reply(serve, b"in time");
    pair.pump();
    pair.advance(secs(3));
    assert_eq!(pair.a.answer(call), Some(Ok(Some(Bytes::from_static(b"in time")))));
}

#[test]
fn a_call_in_the_output_may_run_after_its_deadline() {
    let mut pair = Pair::new();
    let spec = pair.within(secs(2), request(b""));
    let call = pair.call(spec);
    pair.blocked = true;
    pair.advance(secs(3));
    assert_eq!(pair.a.answer(call), Some(Err(pair.a.link.late(secs(2), Sent::Maybe))));
}

#[test]
fn a_call_whose_deadline_has_passed_sends_no_message() {
    let mut pair = Pair::new();
    let spec = pair.within(secs(0), request(b""));
    let failure = pair.a.link.start_call(pair.now, &spec);
    assert_eq!(failure, Err(pair.a.link.late(secs(0), Sent::No)));
    pair.assert_empty();
}

#[test]
fn dropping_a_call_cancels_it_if_the_peer_supports_that() {
    for features in [Features::all(), Features::all().without(Feature::Cancel), Features::NONE] {
        let mut pair = Pair::with(Limits::default(), features);
        let (call, serve) = pair.served(request(b""));
        pair.a.link.forget_call(call);
        pair.pump();
        assert_eq!(pair.b.link.is_served(serve), !features.has(Feature::Cancel));
        pair.reply(serve, b"ignored");
        pair.pump();
        assert_eq!(pair.a.link.counters().ignored, u64::from(!features.has(Feature::Cancel)));
        pair.assert_empty();
    }
}

// ---- waiting --------------------------------------------------------------------------------------------------------

#[test]
fn without_a_connection_a_call_fails_unless_it_waits() {
    let mut pair = Pair::down(Limits::default());
    pair.a.link.set_down_reason(super::why("connection refused"));
    let failure = pair.a.link.start_call(pair.now, &request(b"")).expect_err("no connection");
    let reason = super::why("connection refused");
    assert_eq!(failure, super::lost(Sent::No, reason));

    let waits = pair.call(waiting(b"waits"));
    pair.connect(Features::all());
    pair.pump();
    let serve = pair.b.serve();
    pair.reply(serve, b"");
    pair.pump();
    assert!(pair.a.answer(waits).is_some_and(|answer| answer.is_ok()));
    pair.assert_empty();
}

#[test]
fn a_call_that_waits_for_a_connection_has_a_deadline() {
    let mut pair = Pair::down(Limits::default());
    let spec = pair.within(secs(1), waiting(b""));
    let call = pair.call(spec);
    let refused = Arc::new(LinkError::Refused { reason: "no".into() });
    pair.a.link.set_down_reason(Arc::clone(&refused));
    pair.advance(secs(1));
    let Some(Err(CallFailure::Disconnected { sent, reason, .. })) = pair.a.answer(call) else {
        panic!("it was never sent")
    };
    assert_eq!((sent, reason), (Sent::No, refused));
    pair.connect(Features::all());
    pair.assert_empty();
}

/// Calls to a peer that never connects must not leave memory behind.
#[test]
fn calls_that_time_out_in_the_queue_leave_nothing_behind() {
    let mut pair = Pair::down(Limits::default());
    for round in 0..6000 {
        let after = if round % 2 == 0 { millis(10) } else { secs(3600) };
        let spec = pair.within(after, waiting(b""));
        let call = pair.call(spec);
        if round % 2 == 0 {
            pair.advance(after);
            assert!(pair.a.answer(call).is_some());
        } else {
            pair.a.link.forget_call(call);
        }
    }
    let (line, timers) = pair.a.link.backlog();
    assert!(line < 200 && timers < 2200, "{line} queued, {timers} timers");
}

#[test]
fn a_full_outbox_makes_calls_wait_in_order() {
    let mut pair = Pair::with(small_outbox(), Features::all());
    let payloads: [&[u8]; 6] =
        [b"0-fill-the-outbox-fill-the-outbox-fill", b"1", b"2", b"3", b"4", b"5"];
    let calls: Vec<_> = payloads.iter().map(|payload| pair.call(request(payload))).collect();
    assert!(pair.a.link.outbox_bytes() < 128, "later calls must wait");
    pair.pump();
    let served: Vec<_> = pair.b.serves.iter().filter_map(|serve| serve.payload.clone()).collect();
    assert_eq!(served, payloads);
    while let Some(serve) = pair.b.serves.pop_front() {
        pair.b.link.reply(serve.key, &Ok(serve.payload.map(Into::into)));
    }
    pair.pump();
    for call in calls {
        assert!(pair.a.answer(call).is_some_and(|answer| answer.is_ok()));
    }
    pair.assert_empty();
}

#[test]
fn answers_that_wait_for_room_can_be_cancelled() {
    let mut pair = Pair::with(small_outbox(), Features::all());
    let calls: Vec<_> = (0..5).map(|_| pair.served(request(b"x"))).collect();
    pair.blocked = true;
    for (_, serve) in &calls {
        pair.reply(*serve, b"an answer that fills the outbox of the callee at once");
    }
    assert_eq!(pair.b.link.in_flight().1, 4, "one answer has left, four wait");
    pair.blocked = false;
    let (cancelled, serve) = calls[3];
    pair.a.link.forget_call(cancelled);
    pair.pump_one();
    assert!(pair.b.cancelled.contains(&serve));
    pair.pump();
    let answered = calls.iter().filter(|(call, _)| matches!(pair.a.answer(*call), Some(Ok(_))));
    assert_eq!(answered.count(), 4);
    pair.assert_empty();
}
