//! Posts: calls whose outcome nobody takes leave nothing behind, and keep their order.

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::pair::*;
use crate::error::{CallFailure, ErrorCode, Fault, Sent};
use crate::proto::{CallSpec, Deadline, Features, Key, Limits};

/// What a post costs beside its payload.
const POST: usize = 1024;

fn of_len(len: usize) -> CallSpec {
    CallSpec { payload: Some(Bytes::from(vec![7; len]).into()), ..request(b"") }
}

fn post(pair: &mut Pair, spec: CallSpec) -> Result<(), CallFailure> {
    pair.a.link.post(pair.now, &spec)
}

/// The requests that have reached their handlers, with their lengths.
fn served(pair: &mut Pair) -> Vec<(Key, usize)> {
    pair.pump();
    pair.b.serves.drain(..).map(|s| (s.key, s.payload.map_or(0, |payload| payload.len()))).collect()
}

/// Nothing of a post is left at its caller, and nobody was woken.
#[track_caller]
fn assert_gone(pair: &mut Pair) {
    pair.a.drain_events();
    assert_eq!(pair.a.link.in_flight(), (0, 0));
    assert_eq!(pair.a.link.posts.used(), 0);
    assert!(pair.a.wakes.is_empty(), "{:?}", pair.a.wakes);
}

#[test]
fn an_answer_ends_a_post_with_and_without_extensions() {
    for features in [Features::all(), Features::default()] {
        let mut pair = Pair::with(Limits::default(), features);
        for len in 0..3 {
            post(&mut pair, of_len(len)).expect("connected");
        }
        let posts = served(&mut pair);
        assert_eq!(posts.iter().map(|(_, len)| *len).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(pair.a.link.in_flight(), (3, 0), "like other calls");
        pair.reply(posts[1].0, b"an answer that nobody wants");
        pair.fail(posts[0].0, Fault::new(ErrorCode::Handler, "an error that nobody sees"));
        pair.fail(posts[2].0, Fault::new(ErrorCode::Text, "another"));
        pair.pump();
        assert_gone(&mut pair);
        assert_eq!(pair.a.link.counters().ignored, 0, "the answers were expected");
        pair.assert_empty();
    }
}

#[test]
fn a_refused_post_is_over() {
    let mut pair = Pair::new();
    let unknown = crate::proto::wire::HandlerId::new(201);
    post(&mut pair, CallSpec { handler: unknown, ..of_len(1) }).expect("it is sent");
    pair.pump();
    assert_gone(&mut pair);
}

#[test]
fn the_deadline_ends_a_post_and_cancels_its_handler() {
    let mut pair = Pair::new();
    let spec = pair.within(secs(1), of_len(1));
    post(&mut pair, spec).expect("connected");
    let posts = served(&mut pair);
    pair.advance(secs(2));
    pair.pump();
    assert_gone(&mut pair);
    assert_eq!(pair.b.cancelled, [posts[0].0]);
    let late = Deadline { at: pair.now, after: secs(0) };
    let failure = post(&mut pair, CallSpec { deadline: Some(late), ..of_len(1) });
    assert!(matches!(failure, Err(CallFailure::DeadlineExceeded { sent: Sent::No, .. })));
    assert_gone(&mut pair);
}

#[test]
fn a_lost_connection_ends_posts_but_those_that_wait_for_one() {
    let mut pair = Pair::new();
    post(&mut pair, of_len(1)).expect("connected");
    pair.pump();
    pair.b.serves.clear();
    pair.cut();
    assert_gone(&mut pair);
    let failure = post(&mut pair, of_len(2)).expect_err("no connection");
    assert!(matches!(failure, CallFailure::Disconnected { sent: Sent::No, .. }));
    for len in [3, 4] {
        post(&mut pair, CallSpec { wait: true, ..of_len(len) }).expect("it waits");
    }
    let late = pair.within(secs(1), CallSpec { wait: true, ..of_len(5) });
    post(&mut pair, late).expect("it waits");
    pair.advance(secs(2));
    pair.connect(Features::all());
    let posts = served(&mut pair);
    assert_eq!(posts.iter().map(|(_, len)| *len).collect::<Vec<_>>(), [3, 4]);
    posts.into_iter().for_each(|(key, _)| pair.reply(key, b""));
    pair.pump();
    assert_gone(&mut pair);
}

#[test]
fn posts_that_wait_fail_when_the_link_is_abandoned() {
    let mut pair = Pair::down(Limits::default());
    post(&mut pair, CallSpec { wait: true, ..of_len(100_000) }).expect("it waits");
    pair.a.link.abandon(super::why("the driver is gone"));
    assert_gone(&mut pair);
}

#[test]
fn more_posts_than_permitted_are_refused() {
    let limits = Limits { posts_bytes_max: 2 * POST + 100, ..Limits::default() };
    let mut pair = Pair::with(limits, Features::all());
    post(&mut pair, of_len(60)).expect("room");
    post(&mut pair, of_len(40)).expect("room");
    let full = CallFailure::PostsFull { peer: "peer".into(), max: 2 * POST + 100 };
    assert_eq!(post(&mut pair, of_len(0)), Err(full));
    assert_eq!(pair.a.link.in_flight(), (2, 0), "the refused one leaves nothing behind");
    let call = pair.call(of_len(1));
    let posts = served(&mut pair);
    assert_eq!(posts.len(), 3, "calls with an owner do not count");
    pair.reply(posts[0].0, b"");
    pair.pump();
    post(&mut pair, of_len(50)).expect("room again");
    pair.a.link.forget_call(call);
    // One that is larger than the limit is accepted when it is alone.
    let limits = Limits { posts_bytes_max: 1, ..Limits::default() };
    let mut pair = Pair::with(limits, Features::all());
    post(&mut pair, of_len(5000)).expect("alone");
    assert!(matches!(post(&mut pair, of_len(0)), Err(CallFailure::PostsFull { .. })));
}

/// Whatever they wait for: room in the output, or room at the peer.
#[test]
fn posts_keep_their_order_whatever_they_wait_for() {
    for (outbox, room) in [(200, 3), (2000, 3), (200, 30), (1, 1), (60, 7)] {
        let limits = Limits { outbox_bytes: outbox, ..Limits::default() };
        let mut pair = Pair::down(limits);
        pair.room = Some(room * (POST + 50));
        pair.connect(Features::all());
        let (mut came, mut open) = (Vec::new(), Vec::new());
        for len in 0..100 {
            post(&mut pair, of_len(len % 40)).expect("connected");
            if len % 3 == 0 {
                pair.pump_one();
            }
            if len % 5 == 0 {
                let new = served(&mut pair);
                came.extend(new.iter().map(|(_, len)| *len));
                open.extend(new);
            }
            if len % 7 == 0 && !open.is_empty() {
                let (key, _) = open.remove(0);
                pair.reply(key, b"");
            }
        }
        loop {
            let new = served(&mut pair);
            came.extend(new.iter().map(|(_, len)| *len));
            open.extend(new);
            if open.is_empty() {
                break;
            }
            open.drain(..).for_each(|(key, _)| pair.reply(key, b""));
        }
        let posted: Vec<_> = (0..100).map(|len| len % 40).collect();
        assert_eq!(came, posted, "outbox of {outbox} bytes, room for {room}");
        assert_gone(&mut pair);
    }
}

/// The room at the peer is used up while one waits for room in the output: a later one must wait behind it.
#[test]
fn a_post_that_waits_for_the_output_is_not_overtaken() {
    let mut pair = Pair::down(Limits { outbox_bytes: 1, ..Limits::default() });
    pair.room = Some(2 * POST + 10);
    pair.connect(Features::all());
    for len in [0, 1, 2] {
        post(&mut pair, of_len(len)).expect("connected");
    }
    let first = pair.a.link.poll_transmit(pair.now).expect("the first one");
    pair.b.handle_message(pair.now, first.to_bytes()).expect("a request");
    post(&mut pair, of_len(3)).expect("connected");
    let mut came = Vec::new();
    loop {
        pair.b.drain_events();
        let new = served(&mut pair);
        came.extend(new.iter().map(|(_, len)| *len));
        if new.is_empty() {
            break;
        }
        new.into_iter().for_each(|(key, _)| pair.reply(key, b""));
    }
    assert_eq!(came, [0, 1, 2, 3]);
}

#[test]
fn a_node_that_shuts_down_finishes_posts_and_takes_no_new_ones() {
    let mut pair = Pair::new();
    post(&mut pair, of_len(1)).expect("connected");
    let posts = served(&mut pair);
    pair.a.link.close();
    assert_eq!(post(&mut pair, of_len(2)), Err(CallFailure::ShutDown));
    assert!(!pair.a.link.is_drained(), "its answer is awaited");
    pair.reply(posts[0].0, b"");
    pair.pump();
    assert!(pair.a.link.is_drained());
    assert_gone(&mut pair);
}

/// Posts beside other calls, over connections that come and go.
#[test]
fn nothing_is_left_of_posts_whatever_happens() {
    for seed in 0..300 {
        let mut rng = StdRng::seed_from_u64(seed);
        let limits = Limits {
            outbox_bytes: rng.random_range(1..400),
            large_bytes: 1000,
            part_bytes: 500,
            posts_bytes_max: rng.random_range(1..20 * POST),
            ..Limits::default()
        };
        let mut pair = Pair::down(limits);
        pair.room = Some(rng.random_range(1..8 * POST));
        let (mut up, mut serving) = (false, Vec::new());
        for _ in 0..300 {
            let len = if rng.random_ratio(1, 10) { 3000 } else { rng.random_range(0..200) };
            let spec = CallSpec { wait: rng.random(), ..of_len(len) };
            match rng.random_range(0..12) {
                0..5 => {
                    let after = millis(rng.random_range(1..20_000));
                    let spec = if rng.random() { pair.within(after, spec) } else { spec };
                    let posted = post(&mut pair, spec);
                    assert!(
                        posted.is_ok()
                            || !up
                            || matches!(posted, Err(CallFailure::PostsFull { .. }))
                    );
                }
                5 => {
                    if let Ok(call) = pair.a.link.start_call(pair.now, &spec) {
                        pair.a.link.forget_call(call);
                    }
                }
                6 => pair.pump_one(),
                7 => serving.extend(served(&mut pair).into_iter().map(|(key, _)| key)),
                8 | 9 if !serving.is_empty() => {
                    let key = serving.swap_remove(rng.random_range(0..serving.len()));
                    if !pair.b.link.is_served(key) {
                        continue;
                    }
                    match rng.random() {
                        true => pair.reply(key, b"an answer"),
                        false => pair.fail(key, Fault::new(ErrorCode::Handler, "an error")),
                    }
                }
                10 => pair.advance(millis(rng.random_range(1..3000))),
                11 if rng.random_ratio(1, 4) => {
                    match up {
                        true => pair.cut(),
                        false => pair.connect(Features::all()),
                    }
                    up = !up;
                }
                _ => {}
            }
        }
        if !up {
            pair.connect(Features::all());
        }
        for _ in 0..100 {
            pair.pump();
            serving.extend(pair.b.serves.drain(..).map(|serve| serve.key));
            for key in serving.drain(..) {
                if pair.b.link.is_served(key) {
                    pair.reply(key, b"");
                }
            }
        }
        pair.assert_empty();
        assert_eq!(pair.a.link.posts.used(), 0, "seed {seed}");
        assert_eq!(pair.a.link.backlog().0, 0, "seed {seed}");
    }
}
