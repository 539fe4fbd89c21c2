//! Pings that cross the end of their stream on the wire, and pings beside more data than a connection carries.

use bytes::Bytes;

use super::pair::*;
use super::solo::{Solo, encode, head};
use crate::error::{CallFailure, ErrorCode, Fault};
use crate::proto::wire::{Message, Op, merged};
use crate::proto::{CallSpec, Features, Key, Limits, Recv, SendState, Side};
use Side::{Callee, Caller};

fn all_features() -> [Features; 3] {
    [Features::all(), credits(), Features::NONE]
}

/// Opens a stream. Returns both keys.
fn open(pair: &mut Pair) -> (Key, Key) {
    let call = pair.call(stream(2, 2));
    pair.advance(2 * pair.latency);
    assert_eq!(pair.a.link.poll_opened(call), Some(Ok(())));
    (call, pair.b.serve())
}

/// Who ends a stream.
#[derive(Debug, Clone, Copy)]
enum End {
    Cancelled,
    Complete,
    Failed,
}

/// With this latency, messages that are sent within half a second of each other cross.
const LATENCY_MS: u64 = 250;

/// Ends one of two streams at every moment around its ping, so that both orders and the crossing are among them.
#[test]
fn a_cancel_and_a_ping_that_cross_end_their_own_stream_only() {
    for features in all_features() {
        for end in [End::Cancelled, End::Complete, End::Failed] {
            for at in (10_500..15_500).step_by(100) {
                let mut pair = Pair::with(Limits::default(), features);
                pair.latency = millis(LATENCY_MS);
                let ((call, serve), (other, other_serve)) = (open(&mut pair), open(&mut pair));
                pair.advance(millis(at));
                end_of(&mut pair, end, call, serve, at);
                // It has used the link for long, and both directions still work.
                pair.advance(secs(45));
                assert_eq!(pair.a.send(Caller, other, b"there"), SendState::Ready);
                assert_eq!(pair.b.send(Callee, other_serve, b"back"), SendState::Ready);
                pair.advance(secs(1));
                assert_eq!(pair.b.recv_all(Callee, other_serve), [&b"there"[..]], "{end:?} {at}");
                assert_eq!(pair.a.recv_all(Caller, other), [&b"back"[..]], "{end:?} {at}");
                pair.b.link.finish_stream(other_serve, &Ok(()));
                pair.advance(secs(1));
                assert_eq!(pair.a.recv(Caller, other), Recv::End(Ok(())), "{end:?} {at}");
                pair.a.link.forget_call(other);
                pair.latency = millis(0);
                pair.assert_empty();
            }
        }
    }
}

/// Ends a stream. The caller learns of this end, and not that its ping has found no stream.
fn end_of(pair: &mut Pair, end: End, call: Key, serve: Key, at: u64) {
    match end {
        End::Cancelled => pair.a.link.forget_call(call),
        End::Complete => pair.b.link.finish_stream(serve, &Ok(())),
        End::Failed => {
            pair.b.link.finish_stream(serve, &Err(Fault::new(ErrorCode::Handler, "why")));
        }
    }
    pair.advance(secs(2));
    match end {
        End::Cancelled => assert_eq!(pair.b.cancelled, [serve], "{at}"),
        End::Complete => {
            assert_eq!(pair.a.recv(Caller, call), Recv::End(Ok(())), "{at}");
            pair.a.link.forget_call(call);
        }
        End::Failed => {
            let received = pair.a.recv(Caller, call);
            let Recv::End(Err(CallFailure::Handler(fault))) = received else {
                panic!("{at}: {received:?}")
            };
            assert_eq!(fault.message, "why");
            pair.a.link.forget_call(call);
        }
    }
}

/// Takes one message of a link for the socket: the ops of what is merged in it.
fn transmit_one(solo: &mut Solo) -> Vec<Op> {
    let Some(bytes) = solo.node.link.poll_transmit(solo.now) else { return Vec::new() };
    solo.node.drain_events();
    let outer = Message::decode(bytes.seal().to_bytes()).expect("own bytes");
    if outer.header.op != Op::Merged {
        return vec![outer.header.op];
    }
    let parts = merged::parts(&outer).map(|part| Message::decode(part.expect("a part")));
    parts.map(|part| part.expect("own bytes").header.op).collect()
}

/// The caller has more to send than the socket takes: whenever there is room, calls that have waited for it fill it.
#[test]
fn pings_are_not_starved_by_data() {
    for features in [Features::all(), Features::NONE] {
        // Merged into messages, and in parts or as single messages.
        for (len, calls_per_message) in [(1000, 40), (200_000, 2)] {
            let mut solo = Solo::with(Limits::default(), features);
            let payload = Bytes::from(vec![7; len]);
            let call = |solo: &mut Solo| {
                solo.call(CallSpec { payload: Some(payload.clone().into()), ..request(b"") });
            };
            (0..1000).for_each(|_| call(&mut solo));
            let (mut pings, mut waited) = (0, None::<usize>);
            for message in 0..600 {
                solo.advance(millis(100)).expect("a peer that is not silent");
                (0..calls_per_message).for_each(|_| call(&mut solo));
                let sent = transmit_one(&mut solo);
                assert!(!sent.is_empty(), "there is always something to send");
                // Nothing but pings is answered, so a ping is due every ten seconds at the latest.
                if message % 100 == 99 {
                    waited.get_or_insert(0);
                }
                if sent.contains(&Op::Ping) {
                    (pings, waited) = (pings + 1, None);
                    solo.try_receive(encode(head(Op::Pong, 0, 0), Some(PONG))).expect("a pong");
                }
                if let Some(waited) = &mut waited {
                    *waited += 1;
                    // What is in the outbox comes before it.
                    assert!(*waited < 60, "{features:?}, {len} bytes: {waited} messages");
                }
            }
            assert!(pings >= 5, "{features:?}, {len} bytes: {pings} pings in a minute");
        }
    }
}

/// A pong without any of its optional fields: an empty map.
const PONG: &[u8] = b"\x80";
