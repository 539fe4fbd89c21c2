//! Windows of streams in bytes: they grow with the line, and hold little for a reader that sleeps.

use bytes::Bytes;

use super::pair::*;
use super::solo::*;
use super::start;
use crate::error::{CallFailure, ErrorCode, Fault};
use crate::proto::session::features::Feature;
use crate::proto::stream::control::{Inflow, Outflow};
use crate::proto::stream::core::{StreamCore, item_bytes};
use crate::proto::stream::window::{RecvWindow, WindowBudget};
use crate::proto::ticks::Epoch;
use crate::proto::wire::{GRANT_LEN_MAX, Grant, Meta, Op};
use crate::proto::{CallSpec, Capacities, Features, Key, Limits, Recv, SendState, Side};
use Side::{Callee, Caller};

const ITEM: usize = 512;
/// What a new stream may have, as docs/protocol.md says.
const FIRST: usize = 128 << 10;

/// An open stream: the keys of both ends.
#[track_caller]
fn open(pair: &mut Pair, spec: CallSpec) -> (Key, Key) {
    let (call, serve) = pair.served(spec);
    pair.advance(2 * pair.latency);
    (call, serve)
}

/// The end of a stream that sends, by its side.
fn sends(pair: &mut Pair, side: Side, (call, serve): (Key, Key), item: &Bytes) -> SendState {
    match side {
        Caller => pair.a.link.send(Caller, call, &item.clone().into()),
        Callee => pair.b.link.send(Callee, serve, &item.clone().into()),
    }
}

/// Sends until the stream is blocked, and returns the number of items.
fn fill(pair: &mut Pair, side: Side, keys: (Key, Key), item: &Bytes) -> usize {
    let mut sent = 0;
    loop {
        match sends(pair, side, keys, item) {
            SendState::Ready => sent += 1,
            SendState::Blocked => return sent,
            state => panic!("{state:?}"),
        }
        // Makes room in the outbox.
        pair.pump();
    }
}

/// Reads everything that has arrived at the other end.
fn read(pair: &mut Pair, side: Side, (call, serve): (Key, Key)) -> usize {
    match side {
        Caller => pair.b.recv_all(Callee, serve).len(),
        Callee => pair.a.recv_all(Caller, call).len(),
    }
}

fn windows(pair: &Pair) -> (u64, u64) {
    (pair.a.link.windows.used(), pair.b.link.windows.used())
}

#[test]
fn a_reader_that_keeps_up_over_a_long_line_gets_what_is_sent() {
    for side in [Caller, Callee] {
        let mut pair = Pair::new();
        pair.latency = millis(50);
        pair.call(stream_of_bytes());
        pair.advance(millis(100));
        let keys = (pair.a.link.calls.keys()[0], pair.b.serve());
        pair.advance(millis(100));
        let item = Bytes::from(vec![7; ITEM]);
        let mut last_second = 0;
        for millisecond in 0..4000 {
            // 10 MB/s: a MB is on its way in 100 ms.
            for _ in 0..20 {
                let _ = sends(&mut pair, side, keys, &item);
            }
            pair.advance(millis(1));
            let arrived = read(&mut pair, side, keys);
            last_second += if millisecond >= 3000 { arrived } else { 0 };
        }
        assert!(last_second > 19_500, "{last_second} of 20000 items a second");
        let (a, b) = windows(&pair);
        assert!(a.max(b) < 4 << 20, "no more than is needed: {a}, {b}");
    }
}

#[test]
fn a_reader_that_sleeps_holds_the_first_window_and_one_item() {
    for (side, len) in [(Caller, 10), (Callee, ITEM), (Caller, 60 << 10), (Callee, 1 << 20)] {
        let mut pair = Pair::new();
        let keys = open(&mut pair, stream_of_bytes());
        let sent = fill(&mut pair, side, keys, &Bytes::from(vec![7; len]));
        assert!(sent >= 1 && (sent - 1) * (len + 64) < FIRST, "{sent} items of {len}");
        let held = if side == Caller { pair.b.link.held_bytes() } else { pair.a.link.held_bytes() };
        assert!(held < 8 * FIRST + len, "{held} bytes for {sent} items of {len}");
        pair.advance(secs(20));
        assert_eq!(sends(&mut pair, side, keys, &Bytes::new()), SendState::Blocked);
        assert_eq!(read(&mut pair, side, keys), sent);
        pair.pump();
        assert_eq!(sends(&mut pair, side, keys, &Bytes::new()), SendState::Ready);
    }
}

/// Each end has capacities of its own: the receiver's counts.
#[test]
fn capacities_need_not_be_the_same() {
    for (caller, callee) in [((1, 4), (4, 1)), ((4, 1), (1, 4)), ((3, 2), (2, 3))] {
        let mut pair = Pair::new();
        let capacities = Capacities { incoming: caller.0, outgoing: caller.1 };
        let spec = CallSpec { stream: Some(capacities), ..stream(callee.0, callee.1) };
        let keys = open(&mut pair, spec);
        let item = Bytes::from_static(b"item");
        assert_eq!(fill(&mut pair, Caller, keys, &item), callee.0 as usize);
        assert_eq!(fill(&mut pair, Callee, keys, &item), caller.1 as usize);
        for _ in 0..20 {
            for side in [Caller, Callee] {
                assert!(read(&mut pair, side, keys) > 0);
                pair.pump();
                assert!(fill(&mut pair, side, keys, &item) > 0, "it goes on");
            }
        }
    }
}

/// A node without the extension counts credits: 64 where only bytes are limited.
#[test]
fn without_the_extension_items_are_counted() {
    for features in [Features::all().without(Feature::Windows), Features::NONE] {
        let mut pair = Pair::with(Limits::default(), features);
        let keys = open(&mut pair, stream_of_bytes());
        for side in [Caller, Callee] {
            assert_eq!(fill(&mut pair, side, keys, &Bytes::from(vec![7; 9000])), 64);
        }
        assert_eq!(windows(&pair), (0, 0));
    }
}

#[test]
fn the_error_that_ends_a_stream_needs_no_window() {
    let mut pair = Pair::new();
    let keys = open(&mut pair, stream_of_bytes());
    let sent = fill(&mut pair, Callee, keys, &Bytes::from(vec![7; ITEM]));
    let fault = Fault::new(ErrorCode::Handler, "the disk is full");
    pair.b.link.finish_stream(keys.1, &Err(fault));
    pair.pump();
    assert_eq!(read(&mut pair, Callee, keys), sent);
    let end = pair.a.link.recv(Caller, keys.0);
    let Recv::End(Err(CallFailure::Handler(fault))) = end else { panic!("{end:?}") };
    assert_eq!(fault.message, "the disk is full");
}

/// However streams end, what they had of the windows of their link is given back.
#[test]
fn windows_are_given_back() {
    let mut pair = Pair::new();
    for round in 0..4 {
        let streams: Vec<_> = (0..300).map(|_| open(&mut pair, stream_of_bytes())).collect();
        let (a, b) = windows(&pair);
        assert!(a > 30 << 20 && b > 30 << 20 && a.max(b) < 36 << 20, "{a}, {b}");
        for (call, serve) in streams {
            // Also the last one, which has little, carries items.
            let item = Bytes::from_static(b"item");
            assert_eq!(pair.a.link.send(Caller, call, &item.into()), SendState::Ready);
            pair.pump();
            match round {
                0 => pair.b.link.finish_stream(serve, &Ok(())),
                1 => pair.b.link.finish_stream(serve, &Err(Fault::new(ErrorCode::Handler, "x"))),
                2 => pair.a.link.forget_call(call),
                _ => continue,
            }
            pair.pump();
            if round < 2 {
                pair.a.link.forget_call(call);
            }
        }
        if round == 3 {
            pair.cut();
            for call in pair.a.link.calls.keys() {
                pair.a.link.forget_call(call);
            }
        }
        assert_eq!(windows(&pair), (0, 0), "round {round}");
    }
}

/// A stream with the smallest window makes progress, and gets more when others have ended.
#[test]
fn a_stream_that_gets_little_is_slow_and_goes_on() {
    let limits = Limits { bytes_per_peer_max: 48 << 20, ..Limits::default() };
    let mut pair = Pair::with(limits, Features::all());
    let many: Vec<_> = (0..1000).map(|_| open(&mut pair, stream_of_bytes())).collect();
    let last = many[999];
    let item = Bytes::from(vec![7; ITEM]);
    for _ in 0..100 {
        let sent = fill(&mut pair, Caller, last, &item);
        assert!((28..60).contains(&sent), "{sent}");
        assert_eq!(read(&mut pair, Caller, last), sent);
        pair.pump();
    }
    for (call, serve) in &many[..999] {
        pair.b.link.finish_stream(*serve, &Ok(()));
        pair.pump();
        pair.a.link.forget_call(*call);
    }
    for _ in 0..30 {
        let sent = fill(&mut pair, Caller, last, &item);
        assert_eq!(read(&mut pair, Caller, last), sent);
        pair.pump();
    }
    assert!(fill(&mut pair, Caller, last, &item) > 200);
}

/// The other end of a stream sends 60 KiB three times, which the first window allows, and a fourth time.
#[test]
fn a_peer_that_sends_more_than_the_window_allows_ends_its_stream() {
    let item = vec![7; 60 << 10];
    let mut solo = Solo::with(Limits::default(), Features::all());
    solo.receive(opening(Op::ConnectMux, 1, BYTES, 0), None);
    for seq in 1..=4 {
        assert_eq!(solo.node.link.in_flight().1, 1, "{seq}");
        solo.receive(head(Op::MuxClientMsg, 1, seq), Some(&item));
    }
    assert_eq!(solo.node.link.in_flight().1, 0);

    let mut solo = Solo::with(Limits::default(), Features::all());
    let call = solo.call(stream_of_bytes());
    solo.receive(head(Op::AckMux, 1, 0), None);
    for seq in 1..=4 {
        solo.receive(head(Op::MuxServerMsg, 1, seq), Some(&item));
    }
    assert_eq!(solo.node.recv_all(Caller, call).len(), 3);
    let end = solo.node.link.recv(Caller, call);
    let Recv::End(Err(CallFailure::Handler(fault))) = end else { panic!("{end:?}") };
    assert_eq!(fault.message, "the peer sent more than this node allows");
}

/// Who announces no window receives nothing, and an end needs none.
#[test]
fn without_an_announcement_the_window_is_closed() {
    let mut solo = Solo::with(Limits::default(), Features::all());
    let call = solo.call(stream_of_bytes());
    solo.receive(head(Op::AckMux, 1, 0), None);
    assert_eq!(solo.node.send(Caller, call, b"item"), SendState::Blocked);
    // A second acceptance changes nothing.
    let window = Grant { bytes: 1 << 20, items: Grant::UNCOUNTED };
    let meta = Meta { window: Some(window), ..Meta::default() }.encode();
    solo.receive_meta(head(Op::AckMux, 1, 1), &meta);
    assert_eq!(solo.node.send(Caller, call, b"item"), SendState::Blocked);
    let grant = Grant { bytes: 1, items: 0 };
    solo.receive(head(Op::UnblockClMux, 1, 2), Some(grant.encode(&mut [0; GRANT_LEN_MAX])));
    assert_eq!(solo.node.send(Caller, call, b"item"), SendState::Ready);
}

/// A caller that sends input, and a handler that takes none, or the other way round, do not mean the same method.
#[test]
fn a_stream_with_input_and_one_without_are_different_methods() {
    for (caller, handler) in [((1, 1), (0, 1)), ((0, 1), (1, 1))] {
        let mut pair = Pair::new();
        let capacities = Capacities { incoming: caller.0, outgoing: caller.1 };
        let call = pair.call(CallSpec { stream: Some(capacities), ..stream(handler.0, handler.1) });
        pair.pump();
        assert!(pair.b.serves.is_empty(), "not run");
        let Some(Err(CallFailure::Handler(fault))) = pair.a.link.poll_opened(call) else {
            panic!()
        };
        assert_eq!(fault.code, ErrorCode::UnknownHandler);
        assert_eq!(windows(&pair).1, 0);
    }
}

/// Two fast streams do not take the windows of those that are opened later.
#[test]
fn streams_that_have_grown_leave_room_for_new_ones() {
    let mut pair = Pair::new();
    pair.latency = millis(50);
    let call = |pair: &mut Pair| {
        let call = pair.call(stream_of_bytes());
        pair.advance(millis(100));
        (call, pair.b.serve())
    };
    let fast = [call(&mut pair), call(&mut pair), call(&mut pair)];
    let item = Bytes::from(vec![7; 32 << 10]);
    for _ in 0..200 {
        for keys in fast {
            while sends(&mut pair, Caller, keys, &item) == SendState::Ready {}
            read(&mut pair, Caller, keys);
        }
        pair.advance(millis(10));
    }
    let grown = windows(&pair).1;
    assert!((4 << 20..=24 << 20).contains(&grown), "{grown}: at most three quarters");
    let new = call(&mut pair);
    let sent = fill(&mut pair, Caller, new, &Bytes::from(vec![7; ITEM]));
    assert!(sent > 200, "{sent}: a first window");
}

/// An item that would count for more than fits into 32 bits counts for the most, and sums are exact.
#[cfg(target_pointer_width = "64")]
#[test]
fn what_items_hold_does_not_overflow() {
    assert_eq!(item_bytes(u32::MAX), u32::MAX);
    assert_eq!(item_bytes(u32::MAX - 1), u32::MAX);
    let inflow = Inflow::new(0, Some(RecvWindow::new(1, 1, None)));
    let mut core =
        StreamCore::new(0, 0, Epoch::default().ticks(start()), Outflow::closed(0, true), inflow);
    let item = || Bytes::from_static(b"item");
    (0..3).for_each(|_| core.keep(item(), u32::MAX, None));
    assert_eq!(core.held(), 3 * u32::MAX as usize);
    for left in [2, 1, 0] {
        let taken = core.take(true).expect("an item");
        assert_eq!((taken.freed, core.held()), (u32::MAX as usize, left * u32::MAX as usize));
    }
}

/// Windows are announced in 32 bits.
#[cfg(target_pointer_width = "64")]
#[test]
fn a_window_that_closes_by_more_than_32_bits_is_opened_by_the_most() {
    let most = Grant { bytes: u32::MAX, items: 0 };
    for len in [5 << 30, usize::MAX] {
        let mut recv = RecvWindow::new(FIRST as u32, 1 << 20, None);
        assert!(recv.receive(len, false, true));
        assert_eq!(recv.take(u64::MAX), None, "as much is unread");
        assert_eq!(recv.shrink(u32::MAX, u64::MAX), 0);
        assert_eq!(recv.take(0), Some(most));
    }
    // Of a sum that is a multiple of 4 GiB.
    let mut budget = WindowBudget::new(1 << 40);
    assert_eq!(budget.first(u32::MAX), FIRST as u32);
    let mut budget = WindowBudget::new(1 << 40);
    assert_eq!(budget.take(u32::MAX), u32::MAX);
}
