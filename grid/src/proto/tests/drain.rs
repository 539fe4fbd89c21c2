//! A node announces that it takes no new calls, and its peer confirms that none is on the way.

use super::pair::{Pair, millis, request};
use crate::error::{CallFailure, ErrorCode};
use crate::proto::session::features::Feature;
use crate::proto::{Features, Limits};

#[track_caller]
fn is_refused(failure: Option<CallFailure>) {
    let Some(CallFailure::Handler(fault)) = failure else { panic!("{failure:?}") };
    assert_eq!(fault.code, ErrorCode::ShuttingDown);
}

#[test]
fn new_calls_fail_at_the_caller_and_the_last_answer_is_followed_by_the_confirmation() {
    let mut pair = Pair::new();
    let (call, serve) = pair.served(request(b""));
    pair.b.link.finish(true);
    assert!(pair.b.link.awaits_calls());
    pair.pump();
    assert_eq!(pair.a.draining, 1);
    is_refused(pair.a.link.start_call(pair.now, &request(b"")).err());
    assert!(pair.b.link.awaits_calls(), "a call is in flight");
    // The draining node still calls.
    let own = pair.b.link.start_call(pair.now, &request(b"")).expect("its handlers may call");
    pair.pump();
    let served = pair.a.serve();
    pair.a.link.reply(served, &Ok(None));
    pair.pump();
    assert!(pair.b.answer(own).is_some());
    pair.reply(serve, b"done");
    pair.pump();
    assert!(pair.a.answer(call).is_some_and(|answer| answer.is_ok()));
    assert!(!pair.b.link.awaits_calls());
}

#[test]
fn calls_on_the_way_are_refused_before_the_confirmation() {
    let mut pair = Pair::new();
    pair.latency = millis(10);
    let call = pair.call(request(b""));
    pair.b.link.finish(true);
    pair.advance(millis(15));
    assert!(pair.b.link.awaits_calls(), "the refusal is on its way");
    pair.advance(millis(15));
    is_refused(pair.a.answer(call).and_then(Result::err));
    assert!(!pair.b.link.awaits_calls());
}

#[test]
fn a_call_that_waits_to_be_sent_fails_and_a_cancelled_one_is_over() {
    let mut pair = Pair::new();
    let (running, _) = pair.served(request(b""));
    pair.blocked = true;
    // More than the outbox holds.
    let waiting: Vec<_> = (0..100).map(|_| pair.call(request(&[7; 20_000]))).collect();
    pair.b.link.finish(true);
    let announcement = pair.b.link.poll_transmit(pair.now).expect("the announcement");
    pair.a.handle_message(pair.now, announcement.seal().to_bytes()).expect("a valid message");
    is_refused(pair.a.answer(*waiting.last().expect("some")).and_then(Result::err));
    pair.blocked = false;
    pair.a.link.forget_call(running);
    pair.pump();
    waiting[..99].iter().for_each(|call| {
        if let Some(answer) = pair.a.answer(*call) {
            is_refused(answer.err());
        }
    });
    pair.pump();
    assert!(!pair.b.link.awaits_calls());
    assert!(pair.b.link.serves_nothing());
}

#[test]
fn both_nodes_may_drain_and_a_new_connection_is_told_again() {
    let mut pair = Pair::new();
    pair.a.link.finish(true);
    pair.b.link.finish(true);
    pair.pump();
    assert!(!pair.a.link.awaits_calls() && !pair.b.link.awaits_calls());
    pair.cut();
    assert!(!pair.b.link.awaits_calls());
    pair.connect(Features::all());
    pair.pump();
    assert_eq!((pair.a.draining, pair.b.draining), (2, 2));
}

#[test]
fn a_peer_without_the_extension_is_told_nothing() {
    let mut pair = Pair::with(Limits::default(), Features::all().without(Feature::Drain));
    pair.b.link.finish(true);
    assert!(!pair.b.link.awaits_calls());
    let late = pair.call(request(b""));
    pair.pump();
    is_refused(pair.a.answer(late).and_then(Result::err));
    assert_eq!(pair.a.draining, 0);
}
