//! What operators see of streams: windows, and who waits for whom.

use std::time::Duration;

use bytes::Bytes;

use super::pair::*;
use crate::error::{ErrorCode, Fault};
use crate::proto::stream::core::StreamCore;
use crate::proto::{
    CallSpec, Features, Key, Limits, RecvLook, SendLook, SendState, SendWait, Side, StreamLook,
    StreamOf, WindowLook,
};
use Side::{Callee, Caller};

/// The looks at the only stream, from both ends.
#[track_caller]
fn looks(pair: &Pair) -> (StreamLook, StreamLook) {
    let now = pair.now;
    let one = |node: &Node| {
        let mut all: Vec<_> = node.link.streams(now).collect();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    };
    (one(&pair.a), one(&pair.b))
}

#[track_caller]
fn open(pair: &mut Pair, spec: CallSpec) -> (Key, Key) {
    let keys = pair.served(spec);
    pair.pump();
    keys
}

/// Sends until the stream is blocked, and returns the number of items.
fn fill(pair: &mut Pair, side: Side, key: Key) -> usize {
    let mut sent = 0;
    loop {
        let node = if side == Caller { &mut pair.a } else { &mut pair.b };
        match node.send(side, key, b"item") {
            SendState::Ready => sent += 1,
            SendState::Blocked => return sent,
            state => panic!("{state:?}"),
        }
        pair.pump();
    }
}

fn items(left: u32, max: u32) -> (Option<u32>, Option<u32>) {
    (Some(left), Some(max))
}

fn items_of(window: WindowLook) -> (Option<u32>, Option<u32>) {
    (window.items, window.items_max)
}

#[test]
fn a_reader_that_does_not_read_is_blamed_at_both_ends() {
    for features in [Features::all(), credits(), Features::NONE] {
        for side in [Caller, Callee] {
            let mut pair = Pair::with(Limits::default(), features);
            let (call, serve) = open(&mut pair, stream(4, 3));
            let (caller, callee) = looks(&pair);
            assert!(!caller.waits() && !callee.waits(), "{caller:?} {callee:?}");
            assert!(matches!((caller.of, callee.of), (StreamOf::Made(_), StreamOf::Served(_))));
            let (key, max) = if side == Caller { (call, 4) } else { (serve, 3) };
            assert_eq!(fill(&mut pair, side, key), max as usize);
            let sees = |pair: &Pair| {
                let (caller, callee) = looks(pair);
                let (sender, reader) = match side {
                    Caller => (caller, callee),
                    Callee => (callee, caller),
                };
                (sender.sends.unwrap(), reader.receives.unwrap())
            };
            let (SendLook { window, wait }, reading) = sees(&pair);
            assert_eq!((items_of(window), wait), (items(0, max), Some(SendWait::Reader(None))));
            assert_eq!(items_of(reading.window), items(0, max));
            assert_eq!((reading.unread, reading.is_blocked), (max as usize, true));
            // The time counts from the next ping on, and goes on after the wait was reported.
            pair.advance(secs(11));
            let (SendLook { wait, .. }, _) = sees(&pair);
            let Some(SendWait::Reader(Some(early))) = wait else { panic!("{wait:?}") };
            pair.advance(secs(14));
            let (SendLook { wait, .. }, _) = sees(&pair);
            assert_eq!(wait, Some(SendWait::Reader(Some(early + secs(14)))));
            let reader = if side == Caller { &mut pair.b } else { &mut pair.a };
            let (side, key) = if side == Caller { (Callee, serve) } else { (Caller, call) };
            assert_eq!(reader.recv_all(side, key).len(), max as usize);
            pair.pump();
            let (caller, callee) = looks(&pair);
            assert!(!caller.waits() && !callee.waits(), "{caller:?} {callee:?}");
        }
    }
}

/// A window that is used up is no wait as long as there is nothing to send.
#[test]
fn a_writer_with_nothing_to_send_does_not_wait() {
    let mut pair = Pair::new();
    let (call, _) = open(&mut pair, stream(2, 1));
    for _ in 0..2 {
        assert_eq!(pair.a.send(Caller, call, b"item"), SendState::Ready);
    }
    pair.pump();
    let (caller, callee) = looks(&pair);
    assert!(!caller.waits(), "{caller:?}");
    // The callee cannot know that.
    assert!(callee.receives.unwrap().is_blocked, "{callee:?}");
}

#[test]
fn windows_in_bytes_are_shown_with_what_each_end_knows() {
    const FIRST: u32 = 128 << 10;
    let mut pair = Pair::new();
    let (call, serve) = open(&mut pair, stream_of_bytes());
    assert_eq!(pair.a.send(Caller, call, &[7; 1000]), SendState::Ready);
    pair.pump();
    let (caller, callee) = looks(&pair);
    let left = u64::from(FIRST) - 1000 - 64;
    let known = WindowLook { bytes: Some(left), ..WindowLook::default() };
    assert_eq!(caller.sends, Some(SendLook { window: known, wait: None }));
    let known = WindowLook { bytes_max: Some(FIRST), ..known };
    assert_eq!(callee.receives, Some(RecvLook { window: known, unread: 1, is_blocked: false }));
    // More than was left has been sent.
    assert_eq!(
        pair.a.link.send(Caller, call, &Bytes::from(vec![7; 200 << 10]).into()),
        SendState::Ready
    );
    pair.pump();
    let (caller, callee) = looks(&pair);
    assert_eq!(caller.sends.unwrap().window.bytes, Some(0));
    assert_eq!((caller.waits(), callee.receives.unwrap().is_blocked), (false, true));
    assert_eq!(pair.b.recv_all(Callee, serve).len(), 2);
}

#[test]
fn an_item_that_waits_for_the_socket_is_no_fault_of_the_reader() {
    let mut pair = Pair::new();
    let calls = [(); 4].map(|()| open(&mut pair, stream_of_bytes()).0);
    // Nothing is taken from the outbox, which has room for two windows.
    for call in calls {
        while pair.a.send(Caller, call, &[7; 1000]) == SendState::Ready {}
    }
    let now = pair.now;
    let waits = pair.a.link.streams(now).map(|look| look.sends.unwrap().wait);
    let (of_socket, of_reader): (Vec<_>, Vec<_>) =
        waits.partition(|wait| *wait == Some(SendWait::Socket));
    // As far as the core knows: the layer above looks at the length of the queue as well.
    assert_eq!((of_socket.len(), of_reader.len()), (2, 2), "{of_reader:?}");
    assert!(pair.b.link.streams(now).all(|look| !look.waits()));
}

#[test]
fn a_stream_is_seen_from_its_opening_to_its_end() {
    let mut pair = Pair::with(Limits::default(), credits());
    let spec = CallSpec { wait: true, ..stream(1, 1) };
    pair.cut();
    let call = pair.call(spec);
    let now = pair.now;
    let queued: Vec<_> = pair.a.link.streams(now).collect();
    assert!(queued[0].waits() && queued[0].age.is_none() && !queued[0].is_open, "{queued:?}");
    pair.connect(credits());
    let now = pair.now;
    let opening: Vec<_> = pair.a.link.streams(now).collect();
    assert!(opening[0].waits() && !opening[0].is_open && opening[0].sends.is_none());
    assert_eq!(opening[0].age, Some(Duration::ZERO));
    pair.pump();
    let serve = pair.b.serve();
    pair.call(request(b"a single request is no stream"));
    pair.advance(millis(1500));
    let (caller, callee) = looks(&pair);
    assert_eq!((caller.age, callee.age), (Some(millis(1500)), Some(millis(1500))));

    // The input has ended, and one item of it is unread.
    assert_eq!(pair.a.send(Caller, call, b"item"), SendState::Ready);
    pair.a.link.finish_input(call);
    pair.pump();
    let (caller, callee) = looks(&pair);
    assert_eq!(caller.sends, None);
    let receives = callee.receives.unwrap();
    assert_eq!((receives.unread, receives.is_blocked), (1, false), "nobody waits for its room");

    // The handler has returned, and its error waits until the caller has read the item before it.
    assert_eq!(pair.b.send(Callee, serve, b"item"), SendState::Ready);
    let fault = Fault::new(ErrorCode::Handler, "out of springs".to_owned());
    pair.b.link.finish_stream(serve, &Err(fault));
    pair.pump();
    let (caller, callee) = looks(&pair);
    assert_eq!(callee.sends.unwrap().wait, Some(SendWait::Reader(None)));
    assert!(caller.receives.unwrap().is_blocked);
    assert_eq!(pair.a.recv_all(Caller, call).len(), 1);
    pair.pump();
    let now = pair.now;
    assert_eq!(pair.a.link.streams(now).count() + pair.b.link.streams(now).count(), 0);
}

/// Streams with both capacities at once are counted apart.
#[test]
fn both_directions_can_wait_for_each_other() {
    let mut pair = Pair::new();
    let (call, serve) = open(&mut pair, stream(1, 1));
    assert_eq!((fill(&mut pair, Caller, call), fill(&mut pair, Callee, serve)), (1, 1));
    for look in [looks(&pair).0, looks(&pair).1] {
        assert!(matches!(look.sends.unwrap().wait, Some(SendWait::Reader(_))), "{look:?}");
        assert!(look.receives.unwrap().is_blocked, "{look:?}");
    }
}

/// What is kept for operators has found room where the time of a wait was kept in sixteen bytes.
#[cfg(target_pointer_width = "64")]
#[test]
fn a_stream_is_not_larger_for_operators() {
    assert!(size_of::<StreamCore>() <= 192, "{}", size_of::<StreamCore>());
}
