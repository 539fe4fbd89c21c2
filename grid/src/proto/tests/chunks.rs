//! Large messages in parts: small messages pass them, streams keep their order, and transfers are withdrawn when a call
//! ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

use super::pair::*;
use crate::error::Sent;
use crate::proto::session::features::Feature;
use crate::proto::wire::{Flags, Message, Op};
use crate::proto::{CallSpec, Features, Half, Key, Limits, Outbound, Recv, SendState, Side};
use Side::{Callee, Caller};

/// Limits with which payloads above 64 bytes are large, and travel in parts of 32 bytes.
pub(super) fn little() -> Limits {
    Limits { large_bytes: 64, part_bytes: 32, ..Limits::default() }
}

pub(super) fn large(len: usize) -> Bytes {
    (0..len).map(|byte| byte as u8).collect()
}

fn asking(payload: Bytes) -> CallSpec {
    CallSpec { payload: Some(payload.into()), ..request(b"") }
}

fn up(pair: &mut Pair, call: Key, item: &Bytes) {
    assert_eq!(pair.a.link.send(Caller, call, &item.clone().into()), SendState::Ready);
}

fn down(pair: &mut Pair, serve: Key, item: &Bytes) {
    assert_eq!(pair.b.link.send(Callee, serve, &item.clone().into()), SendState::Ready);
}

/// Moves the next message of `a`. Returns its op.
fn next_op(pair: &mut Pair) -> Op {
    let bytes = pair.a.link.poll_transmit(pair.now).expect("something to send");
    let op = Message::decode(bytes.clone().seal().to_bytes()).expect("own bytes").header.op;
    pair.b.handle_message(pair.now, bytes.seal().to_bytes()).expect("a message");
    pair.b.drain_events();
    op
}

#[test]
fn a_small_call_waits_for_one_part_at_most() {
    let mut pair = Pair::new();
    for _ in 0..4 {
        pair.call(asking(large(1 << 20)));
    }
    for _ in 0..30 {
        assert_eq!(next_op(&mut pair), Op::Chunk);
        let call = pair.call(request(b"small"));
        let sent = [next_op(&mut pair), next_op(&mut pair)];
        assert!(sent.contains(&Op::Request), "{sent:?}");
        let serve = pair.b.serve();
        pair.reply(serve, b"");
        pair.b.drain_events();
        let answer = pair.b.link.poll_transmit(pair.now).expect("the answer");
        pair.a.handle_message(pair.now, answer.seal().to_bytes()).expect("a message");
        assert!(pair.a.answer(call).is_some());
    }
    pair.pump();
    assert_eq!(pair.b.serves.len(), 4);
    assert!(pair.b.serves.iter().all(|serve| serve.payload == Some(large(1 << 20))));
    assert_eq!(pair.b.inbound.assembly_bytes(), 0);
}

#[test]
fn small_and_large_messages_do_not_wait_for_each_others_room() {
    let limits = Limits { outbox_bytes: 100, transfer_bytes: 100, ..little() };
    let mut pair = Pair::with(limits, Features::all());
    for _ in 0..5 {
        pair.call(asking(large(1000)));
    }
    assert_eq!(pair.a.link.backlog().0, 4, "one is in the outbox, the others wait");
    pair.call(request(b"a small one, of some length"));
    assert_eq!(pair.a.link.backlog().0, 4, "the small one does not wait");
    for _ in 0..5 {
        pair.call(request(b"a small one, of some length"));
    }
    let waiting = pair.a.link.backlog().0;
    assert!((5..9).contains(&waiting), "{waiting}: small ones wait too if there is no room");
    pair.pump();
    assert_eq!((pair.b.serves.len(), pair.a.link.backlog().0), (11, 0));
}

#[test]
fn a_stream_keeps_its_order() {
    for transfer_bytes in [1, 200, 1 << 20] {
        let mut pair = Pair::with(Limits { transfer_bytes, ..little() }, Features::all());
        let (call, serve) = pair.served(stream(4, 4));
        let items = [large(3), large(200), large(5), large(65)];
        for item in &items {
            // The next item is accepted when the previous one has left the queue.
            while pair.a.link.send(Caller, call, &item.clone().into()) == SendState::Blocked {
                pair.pump_one();
            }
            while pair.b.link.send(Callee, serve, &item.clone().into()) == SendState::Blocked {
                let message = pair.b.link.poll_transmit(pair.now).expect("a waiting message");
                pair.a.handle_message(pair.now, message.seal().to_bytes()).expect("a message");
            }
        }
        pair.a.link.finish_input(call);
        pair.b.drain_events();
        let received: Vec<_> = std::iter::from_fn(|| {
            pair.pump();
            match pair.b.recv(Callee, serve) {
                Recv::Item(item) => Some(item),
                end => {
                    assert_eq!(end, Recv::End(Ok(())));
                    None
                }
            }
        })
        .collect();
        assert_eq!(received, items);
        pair.b.link.finish_stream(serve, &Ok(()));
        pair.pump();
        assert_eq!(pair.a.recv_all(Caller, call), items);
        assert_eq!(pair.a.recv(Caller, call), Recv::End(Ok(())));
        pair.a.link.forget_call(call);
        pair.assert_empty();
    }
}

/// A large message does not overtake earlier messages of its stream, even if many others are before those.
#[test]
fn a_large_item_does_not_overtake_small_ones() {
    let mut pair = Pair::with(little(), Features::all());
    let (call, serve) = pair.served(stream(4, 4));
    for _ in 0..2000 {
        pair.call(request(b"enough of these for several merged messages"));
    }
    up(&mut pair, call, &large(1));
    up(&mut pair, call, &large(70));
    up(&mut pair, call, &large(2));
    pair.pump();
    assert_eq!(pair.b.recv_all(Callee, serve), [large(1), large(70), large(2)]);
}

#[test]
fn credits_and_pings_stay_in_their_sequence() {
    let mut pair = Pair::with(little(), Features::all());
    let (call, serve) = pair.served(stream(4, 4));
    for round in 0..50 {
        up(&mut pair, call, &large(500));
        down(&mut pair, serve, &large(3));
        // Each time a credit is due, and sometimes a ping.
        pair.pump_one();
        pair.blocked = true;
        pair.advance(secs(4));
        pair.blocked = false;
        pair.pump();
        assert_eq!(pair.a.recv_all(Caller, call).len(), 1, "round {round}");
        up(&mut pair, call, &large(501));
        pair.pump();
        assert_eq!(pair.b.recv_all(Callee, serve).len(), 2, "round {round}");
    }
}

#[test]
fn a_request_withdrawn_while_it_is_sent_is_not_served() {
    for features in [Features::all(), Features::all().without(Feature::Cancel)] {
        for parts in [0, 1, 5] {
            let mut pair = Pair::with(little(), features);
            let call = pair.call(asking(large(1000)));
            for _ in 0..parts {
                assert_eq!(next_op(&mut pair), Op::Chunk);
            }
            assert_eq!(pair.b.inbound.assembly_bytes() > 0, parts > 0);
            pair.a.link.forget_call(call);
            let mut sent = Vec::new();
            while pair.a.link.wants_transmit() {
                sent.push(next_op(&mut pair));
            }
            assert_eq!(sent, vec![Op::Chunk; parts.min(1)], "the end of the transfer");
            assert_eq!((pair.b.serves.len(), pair.b.inbound.assembly_bytes()), (0, 0));
            pair.assert_empty();
            // The link can still be used.
            let (_, serve) = pair.served(asking(large(1000)));
            pair.reply(serve, b"");
            pair.pump();
        }
    }
}

#[test]
fn room_left_by_a_withdrawn_request_is_used() {
    let mut pair = Pair::with(Limits { transfer_bytes: 100, ..little() }, Features::all());
    let first = pair.call(asking(large(1000)));
    pair.call(asking(large(500)));
    pair.a.link.forget_call(first);
    assert!(pair.a.link.wants_transmit(), "there is room for the second call");
    pair.pump();
    let serve = pair.b.serves.pop_front().expect("the second call");
    assert_eq!(serve.payload, Some(large(500)));
    assert!(pair.b.serves.is_empty() && !pair.a.link.wants_transmit());
}

#[test]
fn a_deadline_ends_a_transfer() {
    let mut pair = Pair::with(little(), Features::all());
    let spec = pair.within(secs(1), asking(large(1000)));
    let call = pair.call(spec);
    let opening = CallSpec { payload: Some(large(1000).into()), ..stream(1, 1) };
    let opening = pair.within(secs(1), opening);
    let opening = pair.call(opening);
    next_op(&mut pair);
    next_op(&mut pair);
    pair.blocked = true;
    pair.advance(secs(2));
    pair.blocked = false;
    let late = pair.a.link.late(secs(1), Sent::No);
    assert_eq!(pair.a.answer(call), Some(Err(late.clone())));
    assert_eq!(pair.a.link.poll_opened(opening), Some(Err(late)));
    pair.pump();
    assert_eq!((pair.b.serves.len(), pair.b.inbound.assembly_bytes()), (0, 0));
}

#[test]
fn a_stream_is_cancelled_in_the_middle_of_an_item() {
    let mut pair = Pair::with(little(), Features::all());
    let (call, serve) = pair.served(stream(2, 2));
    up(&mut pair, call, &large(1000));
    up(&mut pair, call, &large(1));
    next_op(&mut pair);
    pair.a.link.forget_call(call);
    pair.pump();
    assert_eq!(pair.b.cancelled, [serve]);
    assert_eq!(pair.b.inbound.assembly_bytes(), 0);
    pair.assert_empty();
}

/// Answers and items that have not left are not sent to a caller that does not wait for them any more.
#[test]
fn answers_and_items_are_withdrawn_when_the_caller_cancels() {
    let mut pair = Pair::with(little(), Features::all());
    let (call, serve) = pair.served(request(b""));
    pair.b.link.reply(serve, &Ok(Some(large(100_000).into())));
    let (streaming, serve_stream) = pair.served(stream(2, 2));
    down(&mut pair, serve_stream, &large(100_000));
    pair.b.link.finish_stream(serve_stream, &Ok(()));
    for _ in 0..3 {
        let message = pair.b.link.poll_transmit(pair.now).expect("a part");
        pair.a.handle_message(pair.now, message.seal().to_bytes()).expect("a part");
    }
    pair.a.link.forget_call(call);
    pair.a.link.forget_call(streaming);
    pair.pump_one();
    assert!(pair.b.link.outbox_bytes() < 100, "{}", pair.b.link.outbox_bytes());
    pair.assert_empty();
    assert_eq!(pair.a.inbound.assembly_bytes(), 0);
}

#[test]
fn a_lost_connection_reports_whether_all_parts_were_sent() {
    let mut pair = Pair::with(little(), Features::all());
    let calls = [asking(large(100)), asking(large(1000))].map(|spec| pair.call(spec));
    for _ in 0..8 {
        next_op(&mut pair);
    }
    pair.cut();
    for (call, sent) in calls.into_iter().zip([Sent::Maybe, Sent::No]) {
        let lost = super::lost(sent, super::why("cut"));
        assert_eq!(pair.a.answer(call), Some(Err(lost)));
    }
    assert_eq!(pair.b.inbound.assembly_bytes(), 0);
    assert_eq!(pair.a.link.outbox_bytes(), 0);
    // Transfers start from the beginning.
    pair.connect(Features::all());
    pair.b.serves.clear();
    pair.served(asking(large(1000)));
}

#[test]
fn calls_that_wait_for_a_connection_travel_as_its_peer_supports() {
    for features in [Features::all(), Features::NONE] {
        let limits = Limits { outbox_bytes: 64, transfer_bytes: 64, ..little() };
        let mut pair = Pair::down(limits);
        for len in [10, 1000, 20, 2000, 30] {
            pair.call(CallSpec { wait: true, ..asking(large(len)) });
        }
        pair.connect(features);
        pair.cut();
        pair.connect(features);
        let large_call = pair.call(CallSpec { wait: true, ..asking(large(500)) });
        pair.cut();
        pair.connect(features);
        assert!(!pair.a.link.has_news(Caller, large_call), "it still waits");
        pair.pump();
        let lens: Vec<_> =
            pair.b.serves.iter().flat_map(|serve| serve.payload.as_ref().map(Bytes::len)).collect();
        let in_order = [10, 1000, 20, 2000, 30, 500];
        if features == Features::NONE {
            // Calls in the outbox are lost with the connection.
            assert!(in_order.ends_with(&lens) && lens.len() >= 2, "{lens:?}");
        } else {
            let of = |large| lens.iter().copied().filter(move |len| (*len > 64) == large);
            assert!([10, 20, 30].ends_with(&of(false).collect::<Vec<_>>()), "{lens:?}");
            assert_eq!(of(true).next_back(), Some(500), "{lens:?}");
        }
    }
}

#[test]
fn without_the_feature_large_messages_are_sent_whole() {
    let mut pair = Pair::with(little(), Features::all().without(Feature::Chunks));
    let call = pair.call(asking(large(1000)));
    let bytes = pair.a.link.poll_transmit(pair.now).expect("the call");
    let message = Message::decode(bytes.clone().seal().to_bytes()).expect("own bytes");
    assert_eq!((message.header.op, message.payload), (Op::Request, Some(large(1000))));
    assert!(message.header.flags.contains(Flags::CRC));
    pair.b.handle_message(pair.now, bytes.seal().to_bytes()).expect("a request");
    pair.b.drain_events();
    let serve = pair.b.serve();
    pair.b.link.reply(serve, &Ok(Some(large(2000).into())));
    pair.pump();
    assert_eq!(pair.a.answer(call), Some(Ok(Some(large(2000)))));
}

/// A small item behind a large one waits for room among the large messages, not among the small ones.
#[test]
fn an_item_behind_a_large_one_waits_for_the_large_ones_room() {
    let limits = Limits { outbox_bytes: 100, transfer_bytes: 100, ..little() };
    let mut pair = Pair::with(limits, Features::all());
    let (call, serve) = pair.served(stream(4, 4));
    up(&mut pair, call, &large(1000));
    up(&mut pair, call, &large(10));
    assert_eq!(pair.a.link.poll_send(Caller, call), SendState::Blocked, "the item waits");
    pair.a.wakes.clear();
    pair.call(request(b"small"));
    pair.pump();
    assert!(pair.a.woken(Caller, call, Half::Writer));
    assert_eq!(pair.b.recv_all(Callee, serve), [large(1000), large(10)]);
}

// ---- buffers of the user ---------------------------------------------------------------------------------------------

/// A buffer that counts drops.
struct Owned(Vec<u8>, Arc<AtomicUsize>);

impl AsRef<[u8]> for Owned {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        self.1.fetch_add(1, Ordering::Relaxed);
    }
}

/// Payloads of a user, whose code runs when the last handle is dropped.
struct Owner(Arc<AtomicUsize>, usize);

impl Owner {
    fn payload(&mut self) -> Bytes {
        self.1 += 1;
        Bytes::from_owner(Owned(vec![7; 1000], Arc::clone(&self.0)))
    }

    /// Asserts that all were dropped, and not before `pair` released them with its events, or with messages that it has
    /// sent.
    #[track_caller]
    fn dropped_with_the_events(&self, pair: &mut Pair, sent: Vec<Bytes>) {
        assert_eq!(self.0.load(Ordering::Relaxed), 0, "dropped inside the link");
        drop(sent);
        pair.a.drain_events();
        pair.b.drain_events();
        assert_eq!(self.0.load(Ordering::Relaxed), self.1, "not released");
    }
}

/// However a call ends, its large payload leaves the link with the events, and is never dropped inside it.
#[test]
fn payloads_leave_the_link_with_its_events() {
    let limits = Limits { outbox_bytes: 1, transfer_bytes: 1, ..little() };
    for features in [Features::all(), Features::NONE] {
        let fresh = || (Pair::with(limits.clone(), features), Owner(Arc::default(), 0));
        let send_all = |pair: &mut Pair| {
            let mut sent = Vec::new();
            while let Some(message) = pair.a.link.poll_transmit(pair.now).map(Outbound::seal) {
                pair.b.handle_message(pair.now, message.to_bytes()).expect("a message");
                sent.extend(message.into_shared());
            }
            while let Some(message) = pair.b.link.poll_transmit(pair.now).map(Outbound::seal) {
                pair.a.handle_message(pair.now, message.to_bytes()).expect("a message");
                sent.extend(message.into_shared());
            }
            sent
        };
        let three_calls = |pair: &mut Pair, owner: &mut Owner| {
            [(); 3].map(|()| pair.call(CallSpec { wait: true, ..asking(owner.payload()) }))
        };

        // Requests that are sent, at once or from the queue.
        let (mut pair, mut owner) = fresh();
        three_calls(&mut pair, &mut owner);
        let sent = send_all(&mut pair);
        owner.dropped_with_the_events(&mut pair, sent);

        // Requests that are withdrawn: pending, begun, or in the queue.
        let (mut pair, mut owner) = fresh();
        pair.a.link.poll_transmit(pair.now);
        let calls = three_calls(&mut pair, &mut owner);
        let begun = pair.a.link.poll_transmit(pair.now).expect("a message").seal();
        pair.b.handle_message(pair.now, begun.to_bytes()).expect("a message");
        calls.into_iter().for_each(|call| pair.a.link.forget_call(call));
        // What travels as a whole is not withdrawn.
        let mut sent = send_all(&mut pair);
        sent.extend(begun.into_shared());
        owner.dropped_with_the_events(&mut pair, sent);

        // A lost connection.
        let (mut pair, mut owner) = fresh();
        let key = pair.served(request(b"")).1;
        let (_, streaming) = pair.served(stream(1, 1));
        for answer in [key, streaming] {
            if answer == key {
                pair.b.link.reply(key, &Ok(Some(owner.payload().into())));
            } else {
                pair.b.link.send(Callee, streaming, &owner.payload().into());
            }
        }
        pair.b.link.stop(super::why("gone"));
        pair.a.link.stop(super::why("gone"));
        owner.dropped_with_the_events(&mut pair, Vec::new());

        // Answers and items that are sent from the queue, or cancelled.
        for wanted in [true, false] {
            let (mut pair, mut owner) = fresh();
            let (first, serve_first) = pair.served(request(b""));
            let (second, serve_second) = pair.served(request(b""));
            let (third, serve_third) = pair.served(stream(1, 1));
            pair.b.link.reply(serve_first, &Ok(Some(owner.payload().into())));
            pair.b.link.reply(serve_second, &Ok(Some(owner.payload().into())));
            pair.b.link.send(Callee, serve_third, &owner.payload().into());
            if !wanted {
                [first, second, third].into_iter().for_each(|call| pair.a.link.forget_call(call));
            }
            let sent = send_all(&mut pair);
            owner.dropped_with_the_events(&mut pair, sent);
        }
    }
}

#[test]
fn an_opening_can_be_large() {
    let mut pair = Pair::with(little(), Features::all());
    let spec = CallSpec { payload: Some(large(1000).into()), ..stream(2, 2) };
    let (call, serve) = pair.served(spec);
    assert_eq!(pair.a.link.poll_opened(call), Some(Ok(())));
    up(&mut pair, call, &large(1));
    pair.pump();
    assert_eq!(pair.b.recv_all(Callee, serve), [large(1)]);
}
