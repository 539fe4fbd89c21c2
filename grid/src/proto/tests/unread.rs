//! A peer that does not read: what handlers send waits, and leaves room for what the peer sends itself.

use super::memory::{KIB, MAX, asking, fault, payload, sessions, tight};
use super::pair::*;
use crate::error::CallFailure;
use crate::proto::{Features, Key, Limits, NodeBytes, Recv, SendState, Side};
use Side::{Callee, Caller};

/// A callee with tight limits, whose node may hold `node_bytes` for all peers. The caller has the usual limits.
fn callee(node_bytes: usize, features: Features) -> Pair {
    let mut pair = Pair::down(Limits::default());
    pair.b = Node::new(Limits { node_bytes: NodeBytes::new(node_bytes), ..tight() });
    pair.connect(features);
    pair
}

/// Answers with this many bytes each, none of which the caller reads. Returns the calls.
fn answer_unread(pair: &mut Pair, answers: usize, len: usize) -> Vec<Key> {
    let calls: Vec<_> = (0..answers).map(|_| pair.served(request(b""))).collect();
    for (_, serve) in &calls {
        pair.b.link.reply(*serve, &Ok(Some(payload(len).into())));
    }
    calls.into_iter().map(|(call, _)| call).collect()
}

/// The callee receives everything, and the caller nothing.
fn pump_to_callee(pair: &mut Pair) {
    while pair.a.link.wants_transmit() {
        pair.pump_one();
    }
}

/// Requests of which some have reached their handlers, and the others were refused.
struct Requests {
    calls: Vec<Key>,
    served: Vec<Key>,
}

/// Of what the peer may use, the answers count for a quarter. Beside them and the message that is being received there are
/// 2.5 MiB. Without answers nine requests would fit.
#[track_caller]
fn assert_room_for_requests(pair: &mut Pair) -> Requests {
    let calls = (0..10).map(|_| pair.call(asking(400 * KIB))).collect();
    pump_to_callee(pair);
    let served: Vec<_> = pair.b.serves.drain(..).map(|serve| serve.key).collect();
    assert!((4..=6).contains(&served.len()), "{} of ten", served.len());
    Requests { calls, served }
}

#[track_caller]
fn assert_answered(pair: &mut Pair, Requests { calls, served }: Requests) {
    served.iter().for_each(|key| pair.reply(*key, b"done"));
    pair.pump();
    let mut refused = 0;
    for call in calls {
        match pair.a.answer(call) {
            Some(Ok(answer)) => assert_eq!(answer, Some("done".into())),
            outcome => {
                let text = fault(outcome).message;
                assert!(text.starts_with("overloaded: "), "{text}");
                refused += 1;
            }
        }
    }
    assert_eq!(refused, 10 - served.len());
}

#[track_caller]
fn assert_items_pass(pair: &mut Pair, (call, serve): (Key, Key)) {
    for _ in 0..10 {
        assert_eq!(pair.b.send(Callee, serve, b"down"), SendState::Ready);
        assert_eq!(pair.a.send(Caller, call, b"up"), SendState::Ready);
        pair.pump();
        assert_eq!(pair.a.recv_all(Caller, call), ["down"]);
        assert_eq!(pair.b.recv_all(Callee, serve), ["up"]);
        pair.pump();
    }
}

#[test]
fn streams_go_on_beside_answers_that_are_not_read() {
    for features in sessions() {
        let mut pair = callee(8 * MAX, features);
        let (call, serve) = pair.served(stream(4, 4));
        let answers = answer_unread(&mut pair, 50, 200 * KIB);
        assert!(pair.b.link.held_bytes() > 2 * MAX, "more than fits, as the node has room");

        let item = payload(100 * KIB);
        assert_eq!(pair.b.link.send(Callee, serve, &item.clone().into()), SendState::Ready);
        assert_eq!(pair.b.link.send_state(Callee, serve), SendState::Blocked, "it waits");
        assert_eq!(pair.a.send(Caller, call, b"input"), SendState::Ready);
        let late = pair.call(stream(4, 4));
        pump_to_callee(&mut pair);
        assert_eq!(pair.b.recv_all(Callee, serve), ["input"]);
        let late = (late, pair.b.serve());
        let requests = assert_room_for_requests(&mut pair);

        pair.pump();
        assert!(pair.b.cancelled.is_empty());
        for answer in answers {
            let Some(Ok(Some(answer))) = pair.a.answer(answer) else { panic!("no answer") };
            assert_eq!(answer.len(), 200 * KIB);
        }
        assert_answered(&mut pair, requests);
        assert_eq!(pair.a.recv_all(Caller, call), [item]);
        pair.pump();
        assert_items_pass(&mut pair, (call, serve));
        assert_items_pass(&mut pair, late);
    }
}

/// When half of the node is used as well, an item that would have to wait ends its stream, and nothing else.
#[test]
fn a_stream_ends_with_an_error_when_its_items_have_no_room_beside_answers() {
    for features in sessions() {
        let mut pair = callee(2 * MAX, features);
        let (call, serve) = pair.served(stream(4, 4));
        let other = pair.served(stream(4, 4));
        let answers = answer_unread(&mut pair, 60, 100 * KIB);
        let held = pair.b.link.held_bytes();
        assert!(held > MAX - 1000 * KIB && held < MAX + 100 * KIB, "{held}: half of the node");

        let item = payload(100 * KIB);
        assert_eq!(pair.b.link.send(Callee, serve, &item.into()), SendState::Closed);
        let requests = assert_room_for_requests(&mut pair);

        pair.pump();
        assert_eq!(pair.b.cancelled, [serve]);
        let end = pair.a.recv(Caller, call);
        let Recv::End(Err(CallFailure::Handler(fault))) = end else { panic!("{end:?}") };
        let text = "the node holds as much memory for peer as it may: \
            the limit is 4980736 bytes (`Config::bytes_per_peer_max`)";
        assert_eq!(fault.message, text);
        let sent = answers.iter().filter(|call| matches!(pair.a.answer(**call), Some(Ok(_))));
        let sent = sent.count();
        assert!((38..=48).contains(&sent), "{sent} answers");
        assert_answered(&mut pair, requests);
        assert_items_pass(&mut pair, other);
    }
}
