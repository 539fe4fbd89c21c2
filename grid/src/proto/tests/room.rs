//! Calls wait until the peer has room for their requests, instead of being refused.

use bytes::Bytes;

use super::lost;
use super::pair::*;
use crate::error::{CallFailure, Fault, Sent};
use crate::proto::wire::Meta;
use crate::proto::{CallSpec, Deadline, Features, Key, Limits};

/// What a call costs beside its payload.
const CALL: usize = 1024;

/// Room for this many bytes, of which large requests (above 1000 bytes) may use three quarters.
fn with_room(room: usize) -> Pair {
    let mut pair = Pair::down(Limits { large_bytes: 1000, part_bytes: 500, ..Limits::default() });
    pair.room = Some(room);
    pair.connect(Features::all());
    pair
}

fn asking(len: usize) -> CallSpec {
    CallSpec { payload: Some(Bytes::from(vec![7; len]).into()), ..request(b"") }
}

/// The lengths of the requests that have reached their handlers.
fn served(pair: &mut Pair) -> Vec<(Key, usize)> {
    pair.pump();
    pair.b.serves.drain(..).map(|s| (s.key, s.payload.map_or(0, |payload| payload.len()))).collect()
}

fn lens(pair: &mut Pair) -> Vec<usize> {
    served(pair).into_iter().map(|(_, len)| len).collect()
}

#[test]
fn a_call_waits_until_one_before_it_is_answered() {
    let mut pair = with_room(2 * CALL + 30);
    let calls: Vec<_> = (10..14).map(|len| pair.call(asking(len))).collect();
    let first = served(&mut pair);
    assert_eq!(first.iter().map(|(_, len)| *len).collect::<Vec<_>>(), [10, 11]);
    pair.reply(first[1].0, b"");
    assert_eq!(lens(&mut pair), [12], "in the order in which they were started");
    assert!(matches!(pair.a.answer(calls[1]), Some(Ok(_))));
    pair.fail(first[0].0, Fault::new(crate::error::ErrorCode::Handler, "no"));
    assert_eq!(lens(&mut pair), [13]);
}

#[test]
fn the_end_of_a_call_makes_room_whatever_ends_it() {
    let mut pair = with_room(CALL + 10);
    let deadline = Deadline { at: pair.now + secs(1), after: secs(1) };
    pair.call(CallSpec { deadline: Some(deadline), ..asking(1) });
    let dropped = pair.call(asking(2));
    let (refused, open) = (pair.call(without_handler(asking(3))), pair.call(stream(1, 1)));
    pair.call(asking(5));
    assert_eq!(lens(&mut pair), [1]);
    pair.advance(secs(2));
    assert_eq!(lens(&mut pair), [2], "its deadline");
    pair.a.link.forget_call(dropped);
    assert_eq!(lens(&mut pair), [4], "it was dropped, and the one before the stream refused");
    assert!(matches!(pair.a.answer(refused), Some(Err(CallFailure::Handler(_)))));
    pair.a.link.forget_call(open);
    assert_eq!(lens(&mut pair), [5], "the end of a stream");
}

fn without_handler(spec: CallSpec) -> CallSpec {
    CallSpec { handler: crate::proto::wire::HandlerId::new(201), ..spec }
}

#[test]
fn a_waiting_call_can_end_before_it_is_sent() {
    let mut pair = with_room(CALL + 10);
    pair.call(asking(1));
    let dropped = pair.call(asking(2));
    let deadline = Deadline { at: pair.now + secs(1), after: secs(1) };
    let late = pair.call(CallSpec { deadline: Some(deadline), ..asking(3) });
    pair.call(asking(4));
    let first = served(&mut pair);
    pair.a.link.forget_call(dropped);
    pair.advance(secs(2));
    assert!(matches!(
        pair.a.answer(late),
        Some(Err(CallFailure::DeadlineExceeded { sent: Sent::No, .. }))
    ));
    pair.reply(first[0].0, b"");
    assert_eq!(lens(&mut pair), [4]);
}

#[test]
fn small_requests_do_not_wait_for_large_ones() {
    let mut pair = with_room(16_000);
    for len in [8000, 6000, 10, 5000, 20] {
        pair.call(asking(len));
    }
    let first = served(&mut pair);
    // Large ones come in parts.
    assert_eq!(first.iter().map(|(_, len)| *len).collect::<Vec<_>>(), [10, 20, 8000]);
    pair.reply(first[0].0, b"");
    assert!(lens(&mut pair).is_empty(), "6000 bytes do not fit, and nothing overtakes them");
    pair.reply(first[2].0, b"");
    assert_eq!(lens(&mut pair), [6000]);
}

#[test]
fn a_request_that_is_larger_than_the_room_is_sent_when_no_other_large_one_is_in_flight() {
    let mut pair = with_room(3000);
    pair.call(asking(10));
    pair.call(asking(9000));
    pair.call(asking(9001));
    let first = served(&mut pair);
    assert_eq!(first.len(), 2);
    pair.reply(first[1].0, b"");
    assert_eq!(lens(&mut pair), [9001]);
    let mut pair = with_room(10);
    pair.call(asking(20));
    assert_eq!(lens(&mut pair), [20], "so is a small one");
}

#[test]
fn after_the_connection_is_lost_only_calls_that_wait_for_one_are_left() {
    let mut pair = with_room(CALL + 10);
    let calls = [asking(1), asking(2), CallSpec { wait: true, ..asking(3) }, asking(4)]
        .map(|spec| pair.call(spec));
    assert_eq!(lens(&mut pair), [1]);
    pair.cut();
    for (call, sent) in [(0, Sent::Maybe), (1, Sent::No), (3, Sent::No)] {
        let failure = lost(sent, super::why("cut"));
        assert_eq!(pair.a.answer(calls[call]), Some(Err(failure)));
    }
    let other = pair.call(CallSpec { wait: true, ..asking(5) });
    pair.connect(Features::all());
    let first = served(&mut pair);
    assert_eq!(first.iter().map(|(_, len)| *len).collect::<Vec<_>>(), [3], "the room is free");
    pair.a.link.forget_call(other);
    // The next node has another limit.
    pair.cut();
    pair.room = None;
    let calls = [3, 4, 5].map(|len| pair.call(CallSpec { wait: true, ..asking(len) }));
    pair.connect(Features::all());
    assert_eq!(lens(&mut pair), [3, 4, 5]);
    calls.into_iter().for_each(|call| pair.a.link.forget_call(call));
}

/// Nothing waits behind a call that is over.
#[test]
fn a_call_that_is_over_makes_way_for_those_behind_it() {
    let mut pair = with_room(16_000);
    pair.call(asking(8000));
    let (large, deadline) = (pair.call(asking(9000)), pair.now + secs(1));
    pair.call(asking(1100));
    assert_eq!(lens(&mut pair), [8000]);
    pair.a.link.forget_call(large);
    assert_eq!(lens(&mut pair), [1100]);
    let after = secs(1);
    pair.call(CallSpec { deadline: Some(Deadline { at: deadline, after }), ..asking(9001) });
    pair.call(asking(1001));
    pair.advance(secs(2));
    assert_eq!(lens(&mut pair), [] as [usize; 0], "the room is used up");
}

/// A stream that lives for long does not keep large requests from being sent.
#[test]
fn large_requests_do_not_wait_for_streams() {
    let mut pair = with_room(8000);
    let payload = Some(Bytes::from(vec![7; 3000]).into());
    pair.call(CallSpec { payload, ..stream(1, 1) });
    let call = pair.call(asking(7000));
    pair.call(asking(7001));
    let first = lens(&mut pair);
    assert_eq!(first, [3000, 7000]);
    pair.a.link.forget_call(call);
    assert_eq!(lens(&mut pair), [7001]);
}

/// Metadata does not count, so a request is as large when it is sent as when it waits.
#[test]
fn only_the_payload_counts() {
    let mut pair = with_room(2 * CALL + 2000);
    let meta = || {
        let user = vec![("key".to_owned(), Bytes::from(vec![7; 900]))];
        Some(Box::new(Meta { user, ..Meta::default() }))
    };
    for _ in 0..2 {
        pair.call(CallSpec { meta: meta(), ..asking(1000) });
    }
    assert_eq!(lens(&mut pair), [1000, 1000]);
}

/// A link that shuts down is not drained while a call that was accepted can still be sent.
#[test]
fn a_call_that_waits_for_room_is_not_lost_by_a_shutdown() {
    let mut pair = with_room(CALL + 10);
    let calls = [1, 2].map(|len| pair.call(asking(len)));
    let first = served(&mut pair);
    pair.a.link.close();
    pair.b.link.reply(first[0].0, &Ok(None));
    while let Some(message) = pair.b.link.poll_transmit(pair.now) {
        pair.a.handle_message(pair.now, message.to_bytes()).expect("an answer");
    }
    assert!(matches!(pair.a.answer(calls[0]), Some(Ok(_))));
    assert!(!pair.a.link.is_drained(), "the second call has room now");
    assert_eq!(lens(&mut pair), [2]);
}

/// However little a node may hold for a peer, several calls have room.
#[test]
fn small_limits_leave_room() {
    for message_bytes_max in [1024, 256 << 10, 1 << 20, 16 << 20] {
        let peer = 3 * message_bytes_max;
        let room = crate::proto::requests_bytes_of(peer, message_bytes_max);
        assert!(room >= peer / 4 && room <= peer / 2, "{room} of {peer}");
    }
}
