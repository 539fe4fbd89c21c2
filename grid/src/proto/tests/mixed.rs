//! Peers that lack extensions: all of part 1 works, and calls that need more fail at once without a message.

use bytes::Bytes;

use super::pair::*;
use crate::error::{CallFailure, ErrorCode, Fault};
use crate::proto::session::features::Feature;
use crate::proto::wire::{HandlerId, Meta, TraceContext};
use crate::proto::{CallSpec, Features, Limits, Recv, SendState, Side};
use Side::{Callee, Caller};

/// No features, all features, and all but one.
fn sessions() -> impl Iterator<Item = Features> {
    let all = Features::all();
    [
        Feature::Ids32,
        Feature::Meta,
        Feature::Cancel,
        Feature::Credits,
        Feature::Chunks,
        Feature::Crc,
    ]
    .into_iter()
    .map(move |feature| all.without(feature))
    .chain([Features::NONE, all])
}

fn with_user_metadata() -> CallSpec {
    let user = vec![("tenant".to_owned(), Bytes::from_static(b"blue"))];
    CallSpec { meta: Some(Box::new(Meta { user, ..Meta::default() })), ..request(b"") }
}

#[test]
fn part_one_works_with_any_set_of_extensions() {
    for features in sessions() {
        let mut pair = Pair::with(Limits::default(), features);
        // A request, answered and refused.
        let (call, serve) = pair.served(request(b""));
        pair.reply(serve, b"ok");
        pair.pump();
        assert!(pair.a.answer(call).is_some_and(|answer| answer.is_ok()));
        let (call, serve) = pair.served(request(b""));
        pair.fail(serve, Fault::new(ErrorCode::Handler, "boom"));
        pair.pump();
        let Some(Err(CallFailure::Handler(fault))) = pair.a.answer(call) else { panic!() };
        assert_eq!(fault.message, "boom");
        // An unknown handler is reported as such.
        let call = pair.call(CallSpec { handler: HandlerId::new(9), ..request(b"") });
        pair.pump();
        let Some(Err(CallFailure::Handler(fault))) = pair.a.answer(call) else { panic!() };
        assert_eq!(fault.code, ErrorCode::UnknownHandler);
        // A stream in both directions, its end, its error, its cancellation.
        for end in [Some(Ok(())), Some(Err(Fault::new(ErrorCode::Handler, "bang"))), None] {
            let (call, serve) = pair.served(stream(2, 2));
            for item in [&b"1"[..], b"2", b"3"] {
                assert_eq!(pair.a.send(Caller, call, item), SendState::Ready);
                assert_eq!(pair.b.send(Callee, serve, item), SendState::Ready);
                pair.pump();
                assert!(matches!(pair.b.recv(Callee, serve), Recv::Item(_)));
                assert!(matches!(pair.a.recv(Caller, call), Recv::Item(_)));
                pair.pump();
            }
            if let Some(outcome) = end.clone() {
                pair.b.link.finish_stream(serve, &outcome);
                pair.pump();
                let Recv::End(got) = pair.a.recv(Caller, call) else { panic!("no end") };
                assert_eq!(got.is_ok(), end == Some(Ok(())));
            }
            pair.a.link.forget_call(call);
            pair.pump();
            assert_eq!(pair.b.cancelled.contains(&serve), end.is_none());
        }
        pair.advance(secs(100));
        pair.assert_empty();
    }
}

#[test]
fn a_call_that_needs_a_missing_feature_fails_at_once_with_its_name() {
    for features in sessions() {
        let mut pair = Pair::with(Limits::default(), features);
        let derived = CallSpec { handler: HandlerId::new(DERIVED), ..request(b"") };
        for (spec, feature) in [(derived, Feature::Ids32), (with_user_metadata(), Feature::Meta)] {
            let started = pair.a.link.start_call(pair.now, &spec);
            if features.has(feature) {
                pair.pump();
                assert!(started.is_ok() && pair.b.serves.pop_front().is_some());
            } else {
                assert_eq!(started, Err(super::unsupported(feature.name())));
                assert!(!pair.a.link.wants_transmit());
            }
        }
    }
}

/// Even if the outbox is full and the call would have to wait.
#[test]
fn it_fails_at_once_even_if_the_outbox_is_full() {
    let limits = Limits { outbox_bytes: 16, ..Limits::default() };
    let mut pair = Pair::with(limits, Features::NONE);
    pair.call(request(b"fills the outbox"));
    let started = pair.a.link.start_call(pair.now, &with_user_metadata());
    assert_eq!(started, Err(super::unsupported("meta")));
}

#[test]
fn a_trace_is_dropped_if_the_peer_lacks_metadata() {
    let trace = TraceContext { version: 0, trace_id: [1; 16], parent_id: [2; 8], flags: 1 };
    let meta = Box::new(Meta { trace: Some(trace), ..Meta::default() });
    let mut pair = Pair::with(Limits::default(), Features::NONE);
    pair.call(CallSpec { meta: Some(meta), ..request(b"") });
    pair.pump();
    assert_eq!(pair.b.serves.pop_front().map(|serve| serve.meta), Some(None));
}

/// Handlers with derived ids do not exist for a peer that does not support such ids.
#[test]
fn derived_ids_are_unknown_without_ids32() {
    use super::solo::*;
    use crate::proto::wire::{Flags, Op};
    for (features, served) in [(Features::NONE, 0), (Features::all(), 1)] {
        let mut solo = Solo::with(Limits::default(), features);
        solo.receive(flagged(opening(Op::Request, 1, DERIVED, 1000), Flags::EOF), None);
        assert_eq!(solo.node.serves.len(), served);
        assert_eq!(solo.sent().len(), 1 - served);
    }
}

/// The flag of a feature that is off has no meaning: part 1 ignores bytes after the array.
#[test]
fn metadata_is_not_read_without_the_feature() {
    use super::solo::*;
    use crate::proto::wire::{Flags, Op};
    for (features, is_read) in [(Features::NONE, false), (Features::all(), true)] {
        let mut solo = Solo::with(Limits::default(), features);
        let header = flagged(opening(Op::Request, 1, SINGLE, 1000), Flags::EOF | Flags::META);
        let noise = crate::proto::wire::Frame {
            header,
            payload: None,
            meta: b"\xc1 no metadata",
            subroute: None,
        };
        assert_eq!(solo.try_receive(noise.to_bytes()).is_err(), is_read);
    }
}
