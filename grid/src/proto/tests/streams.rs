//! Streams: opening, items and credits in both directions, and all kinds of end.

use bytes::Bytes;

use super::pair::*;
use crate::error::{CallFailure, ErrorCode, Fault, Sent};
use crate::proto::session::features::Feature;
use crate::proto::{CallSpec, Capacities, Features, Half, Key, Limits, Recv, SendState, Side};
use Side::{Callee, Caller};

/// Opens a stream. Returns both keys.
#[track_caller]
fn open(pair: &mut Pair, incoming: u32, outgoing: u32) -> (Key, Key) {
    let (call, serve) = pair.served(stream(incoming, outgoing));
    assert_eq!(pair.a.link.poll_opened(call), Some(Ok(())));
    (call, serve)
}

/// Sends until the stream accepts no more items. Returns their number.
fn fill(node: &mut Node, side: Side, key: Key) -> u32 {
    (0..).find(|n| node.send(side, key, &[*n as u8]) != SendState::Ready).expect("credits end")
}

const END: Recv = Recv::End(Ok(()));

fn fault_of(recv: Recv) -> Fault {
    match recv {
        Recv::End(Err(CallFailure::Handler(fault))) => fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn opening_wakes_both_halves() {
    let mut pair = Pair::new();
    let call = pair.call(stream(1, 1));
    assert_eq!(pair.a.link.poll_opened(call), None);
    assert_eq!(pair.a.send(Caller, call, b"early"), SendState::Blocked);
    pair.pump();
    assert!(pair.a.woken(Caller, call, Half::Both));
    assert_eq!(pair.a.link.poll_opened(call), Some(Ok(())));
    assert_eq!(pair.b.serves[0].payload.as_deref(), Some(&b"open"[..]));
    assert_eq!(pair.a.send(Caller, call, b"now"), SendState::Ready);
    pair.a.link.forget_call(call);
    pair.assert_empty();
}

#[test]
fn the_callee_may_send_before_the_caller_knows_that_it_is_open() {
    let mut pair = Pair::new();
    pair.latency = millis(50);
    let call = pair.call(stream(0, 2));
    pair.advance(millis(50));
    let serve = pair.b.serve();
    assert_eq!(fill(&mut pair.b, Callee, serve), 2);
    pair.b.link.finish_stream(serve, &Ok(()));
    pair.advance(millis(50));
    assert_eq!(pair.a.link.poll_opened(call), Some(Ok(())));
    assert_eq!(pair.a.recv_all(Caller, call).len(), 2);
    assert_eq!(pair.a.recv(Caller, call), END);
    pair.a.link.forget_call(call);
    pair.advance(secs(1));
    pair.assert_empty();
}

/// Capacities of 0, 1 and many, with single and batched credits: never more items wait than allowed, no stream stalls,
/// and all items arrive in order.
#[test]
fn items_flow_both_ways_within_their_credits() {
    for features in [Features::all(), Features::all().without(Feature::Credits), Features::NONE] {
        for (incoming, outgoing) in [(0, 0), (0, 1), (1, 0), (1, 1), (2, 3), (4, 4)] {
            let mut pair = Pair::with(Limits::default(), features);
            let (call, serve) = open(&mut pair, incoming, outgoing);
            let (mut up, mut down) = (Vec::new(), Vec::new());
            let (mut sent_up, mut sent_down) = (0u32, 0u32);
            for _ in 0..200 {
                while pair.a.send(Caller, call, &sent_up.to_le_bytes()) == SendState::Ready {
                    sent_up += 1;
                }
                while pair.b.send(Callee, serve, &sent_down.to_le_bytes()) == SendState::Ready {
                    sent_down += 1;
                }
                pair.pump();
                assert!(sent_up as usize - up.len() <= incoming as usize);
                assert!(sent_down as usize - down.len() <= outgoing.max(1) as usize);
                if let Recv::Item(item) = pair.b.recv(Callee, serve) {
                    up.push(item);
                }
                if let Recv::Item(item) = pair.a.recv(Caller, call) {
                    down.push(item);
                }
                pair.pump();
            }
            let expect =
                |count: usize| (0..count as u32).map(|n| Bytes::copy_from_slice(&n.to_le_bytes()));
            assert!(up.iter().cloned().eq(expect(up.len())), "in order");
            assert!(down.iter().cloned().eq(expect(down.len())), "in order");
            assert_eq!((up.len(), down.len()), (if incoming == 0 { 0 } else { 200 }, 200));
            pair.a.link.forget_call(call);
            pair.assert_empty();
        }
    }
}

#[test]
fn credits_are_returned_in_batches_if_both_support_that() {
    let count = |features| {
        let mut pair = Pair::with(Limits::default(), features);
        let (call, serve) = open(&mut pair, 0, 4);
        for _ in 0..100 {
            fill(&mut pair.b, Callee, serve);
            pair.pump();
            pair.a.recv_all(Caller, call);
            pair.pump();
        }
        pair.a.link.counters().messages_out
    };
    assert_eq!(count(credits()), 1 + 200, "two credits per message");
    assert_eq!(count(credits().without(Feature::Credits)), 1 + 400);
}

#[test]
fn an_empty_item_is_an_item() {
    let mut pair = Pair::new();
    let (call, serve) = open(&mut pair, 1, 1);
    assert_eq!(pair.a.send(Caller, call, b""), SendState::Ready);
    assert_eq!(pair.b.send(Callee, serve, b""), SendState::Ready);
    pair.pump();
    assert_eq!(pair.b.recv(Callee, serve), Recv::Item(Bytes::new()));
    assert_eq!(pair.a.recv(Caller, call), Recv::Item(Bytes::new()));
}

// ---- ends -----------------------------------------------------------------------------------------------------------

#[test]
fn the_callers_end_needs_no_credit_and_follows_the_items() {
    let mut pair = Pair::new();
    let (call, serve) = open(&mut pair, 2, 1);
    assert_eq!(fill(&mut pair.a, Caller, call), 2);
    pair.a.link.finish_input(call);
    pair.a.link.finish_input(call);
    assert_eq!(pair.a.send(Caller, call, b"late"), SendState::Closed);
    pair.pump();
    assert_eq!(pair.b.recv_all(Callee, serve).len(), 2);
    assert_eq!(pair.b.recv(Callee, serve), END);
    // The callee still sends items.
    assert_eq!(pair.b.send(Callee, serve, b"sum"), SendState::Ready);
    pair.b.link.finish_stream(serve, &Ok(()));
    pair.pump();
    assert_eq!(pair.a.recv(Caller, call), Recv::Item(Bytes::from_static(b"sum")));
    assert_eq!(pair.a.recv(Caller, call), END);
    pair.a.link.forget_call(call);
    pair.assert_empty();
}

#[test]
fn an_error_waits_for_a_credit_and_a_clean_end_does_not() {
    let mut pair = Pair::with(Limits::default(), credits());
    let (call, serve) = open(&mut pair, 1, 1);
    fill(&mut pair.b, Callee, serve);
    pair.b.link.finish_stream(serve, &Err(Fault::new(ErrorCode::Handler, "boom")));
    pair.pump();
    assert!(pair.b.link.is_served(serve), "no credit yet");
    assert_eq!(pair.b.send(Callee, serve, b"after the end"), SendState::Closed);
    // The caller cannot know that its input is not read any more.
    assert_eq!(fill(&mut pair.a, Caller, call), 1);
    pair.pump();
    assert!(matches!(pair.a.recv(Caller, call), Recv::Item(_)));
    pair.pump();
    assert_eq!(fault_of(pair.a.recv(Caller, call)).message, "boom");
    pair.a.link.forget_call(call);
    pair.assert_empty();

    let (call, serve) = open(&mut pair, 1, 1);
    fill(&mut pair.b, Callee, serve);
    pair.b.link.finish_stream(serve, &Ok(()));
    pair.pump();
    assert!(!pair.b.link.is_served(serve));
    assert_eq!((pair.a.recv_all(Caller, call).len(), pair.a.recv(Caller, call)), (1, END));
}

/// A stream whose error waits for a credit can be cancelled, time out, or be lost.
#[test]
fn a_stream_whose_error_waits_can_end_otherwise() {
    for trouble in ["cancel", "deadline", "cut"] {
        let mut pair = Pair::with(Limits::default(), credits());
        let spec = pair.within(secs(2), stream(1, 1));
        let (call, serve) = pair.served(spec);
        fill(&mut pair.b, Callee, serve);
        pair.b.link.finish_stream(serve, &Err(Fault::new(ErrorCode::Handler, "boom")));
        pair.pump();
        match trouble {
            "cancel" => pair.a.link.forget_call(call),
            "deadline" => pair.advance(secs(3)),
            _ => pair.cut(),
        }
        assert_eq!(pair.b.link.in_flight().1, usize::from(trouble == "cancel"));
        pair.a.link.forget_call(call);
        pair.assert_empty();
        assert_eq!(pair.b.cancelled, [serve]);
    }
}

#[test]
fn cancelling_reaches_the_handler() {
    let mut pair = Pair::new();
    let (call, serve) = open(&mut pair, 2, 1);
    fill(&mut pair.a, Caller, call);
    pair.pump();
    pair.a.link.forget_call(call);
    pair.pump();
    assert_eq!(pair.b.cancelled, [serve]);
    assert_eq!(pair.b.send(Callee, serve, b"x"), SendState::Closed);
    // Half an input must not look complete.
    assert!(matches!(pair.b.recv(Callee, serve), Recv::End(Err(CallFailure::Disconnected { .. }))));
    pair.b.link.finish_stream(serve, &Ok(()));
    assert_eq!(pair.a.link.counters().ignored, 1, "the callee's DisconnectClientMux");
    pair.assert_empty();
}

#[test]
fn a_stream_cancelled_before_it_is_open_is_removed_on_both_sides() {
    let mut pair = Pair::new();
    let call = pair.call(stream(1, 1));
    pair.a.link.forget_call(call);
    pair.pump();
    assert_eq!(pair.b.cancelled.len(), 1);
    pair.assert_empty();
}

#[test]
fn deadlines_at_caller_and_callee() {
    for latency in [millis(0), millis(3), millis(500)] {
        let mut pair = Pair::new();
        pair.latency = latency;
        let spec = pair.within(secs(2), stream(1, 1));
        let call = pair.call(spec);
        pair.advance(secs(4));
        let serve = pair.b.serve();
        assert_eq!(pair.b.cancelled, [serve]);
        let end = Recv::End(Err(pair.a.link.late(secs(2), Sent::Maybe)));
        assert_eq!(pair.a.recv(Caller, call), end);
        pair.a.link.forget_call(call);
        pair.assert_empty();
    }
}

/// The callee counts whole milliseconds, so it may end a stream first. Long before the deadline its message means
/// something else.
#[test]
fn a_disconnect_near_the_deadline_is_the_deadline() {
    let mut pair = Pair::new();
    let spec = pair.within(secs(2) + std::time::Duration::from_micros(900), stream(1, 1));
    let (call, _) = pair.served(spec);
    pair.advance(secs(2));
    let after = secs(2) + std::time::Duration::from_micros(900);
    let end = Recv::End(Err(pair.a.link.late(after, Sent::Maybe)));
    assert_eq!(pair.a.recv(Caller, call), end);
    assert_eq!(pair.b.cancelled.len(), 1);
}

#[test]
fn lost_streams_report_whether_they_were_sent() {
    let mut pair = Pair::new();
    let (call, serve) = open(&mut pair, 1, 2);
    fill(&mut pair.b, Callee, serve);
    pair.pump();
    let unsent = pair.call(stream(1, 1));
    pair.cut();
    let lost = |sent| super::lost(sent, super::why("cut"));
    assert_eq!(pair.a.link.poll_opened(unsent), Some(Err(lost(Sent::No))));
    assert_eq!(pair.a.recv_all(Caller, call).len(), 2, "received items can be read");
    assert_eq!(pair.a.recv(Caller, call), Recv::End(Err(lost(Sent::Maybe))));
    assert_eq!(pair.a.send(Caller, call, b"x"), SendState::Closed);
    assert_eq!(pair.b.cancelled, [serve]);
}

// ---- liveness -------------------------------------------------------------------------------------------------------

#[test]
fn pings_keep_an_idle_stream_open() {
    for features in [Features::all(), Features::NONE] {
        let mut pair = Pair::with(Limits::default(), features);
        let (call, serve) = open(&mut pair, 1, 1);
        pair.advance(secs(600));
        assert!(pair.b.link.is_served(serve));
        assert_eq!(pair.a.recv(Caller, call), Recv::Pending);
        // Pings use sequence numbers of the caller, whose items continue after them.
        assert_eq!(pair.a.send(Caller, call, b"still here"), SendState::Ready);
        pair.pump();
        assert!(matches!(pair.b.recv(Callee, serve), Recv::Item(_)));
        pair.a.link.forget_call(call);
        pair.assert_empty();
    }
}

#[test]
fn a_stream_with_a_short_deadline_is_not_pinged() {
    let mut pair = Pair::with(Limits::default(), Features::NONE);
    let spec = pair.within(secs(14), CallSpec { ..stream(1, 1) });
    let before = pair.a.link.counters().messages_out;
    pair.served(spec);
    pair.advance(secs(13));
    let sent = pair.a.link.counters().messages_out - before;
    assert_eq!(sent, 3, "the opening, a connection ping, a pong");
}

/// Without the check the stream would hang: each side would wait for credits that the other one does not have.
#[test]
fn capacities_that_differ_are_refused_with_both_figures() {
    let mut pair = Pair::with(Limits::default(), credits());
    let other = Some(Capacities { incoming: 4, outgoing: 1 });
    let call = pair.call(CallSpec { stream: other, ..stream(1, 4) });
    pair.pump();
    assert!(pair.b.serves.is_empty(), "not run");
    let Some(Err(CallFailure::Handler(fault))) = pair.a.link.poll_opened(call) else { panic!() };
    assert_eq!(fault.code, ErrorCode::UnknownHandler);
    assert_eq!(
        fault.message,
        "capacities differ: the caller has incoming = 4, outgoing = 1, the handler incoming = 1, outgoing = 4"
    );
    pair.a.link.forget_call(call);
    pair.assert_empty();
    // An outgoing capacity of 0 counts as 1. The handler sees none of this.
    let none = Some(Capacities { incoming: 2, outgoing: 0 });
    pair.call(CallSpec { stream: none, ..stream(2, 1) });
    pair.pump();
    assert_eq!(pair.b.serves.pop_front().map(|serve| serve.meta), Some(None));
    // A peer without metadata is not asked.
    let mut pair = Pair::with(Limits::default(), Features::NONE);
    pair.served(CallSpec { stream: other, ..stream(1, 4) });
}
