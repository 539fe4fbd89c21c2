//! The users of a [`Pair`]: calls in both directions, what was sent and received on each, and their invariants.

mod users;

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::pair::*;
use super::start;
use crate::proto::{Features, Half, Key, Limits, SendState, Side};
use Side::Callee;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proto) enum Kind {
    Single,
    Stream { incoming: u32, outgoing: u32 },
}

/// One call, and what its users know of it.
#[derive(Debug)]
struct Track {
    /// Sent as the payload, so that both sides can be matched.
    number: u32,
    by_a: bool,
    kind: Kind,
    has_deadline: bool,
    call: Key,
    serve: Option<Key>,
    up: Items,
    down: Items,
    input_ended: bool,
    /// The handler's answer or result.
    finished: Option<Result<(), ()>>,
    /// The caller has taken the outcome, or has dropped the call.
    over: bool,
}

/// A payload that begins with this number. Some have four bytes, and some are large in these tests.
pub(in crate::proto) fn payload(number: u32) -> Bytes {
    let more = match number % 5 {
        0 => 60 + number % 97,
        1 => 300,
        _ => 0,
    };
    let more = (0..more).map(|byte| byte as u8);
    number.to_le_bytes().into_iter().chain(more).collect()
}

/// The items of one direction, whose numbers count up.
#[derive(Debug, Default)]
struct Items {
    sent: u32,
    received: u32,
}

impl Items {
    fn take(&mut self, item: &Bytes) {
        assert_eq!(item, &payload(self.received), "in order, and each once");
        self.received += 1;
        assert!(self.received <= self.sent, "only items that were sent");
    }
}

#[derive(Debug)]
pub(in crate::proto) struct World {
    pub(in crate::proto) pair: Pair,
    calls: Vec<Track>,
    next_number: u32,
    /// The tasks that wait and have not been woken: whether at `a`, and for what.
    asleep: HashSet<(bool, Side, Key, Sleeper)>,
    /// Calls that were reported as never sent.
    unsent: HashSet<u32>,
    up: bool,
    /// When the sockets were last blocked.
    blocked_at: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Sleeper {
    /// For the opening of a stream.
    Opener,
    Reader,
    Writer,
}

impl World {
    pub(in crate::proto) fn new(limits: Limits, latency: Duration) -> Self {
        let mut pair = Pair::down(limits);
        pair.latency = latency;
        let (calls, asleep, unsent) = Default::default();
        Self { pair, calls, next_number: 0, asleep, unsent, up: false, blocked_at: start() }
    }

    /// Acts on a call counted back from the newest, if there is one.
    pub(in crate::proto) fn with(&mut self, back: usize, act: impl FnOnce(&mut Self, usize)) {
        if let Some(at) = self.calls.len().checked_sub(back + 1) {
            act(self, at);
        }
    }

    fn node(&mut self, a: bool) -> &mut Node {
        if a { &mut self.pair.a } else { &mut self.pair.b }
    }

    /// Records that a task waits, or asserts that a task that waited was woken before its poll was ready.
    #[track_caller]
    fn check_sleep(&mut self, a: bool, side: Side, key: Key, sleeper: Sleeper, waits: bool) {
        let place = (a, side, key, sleeper);
        if waits {
            self.asleep.insert(place);
        } else {
            assert!(!self.asleep.remove(&place), "{place:?} was not woken");
        }
    }

    // ---- the network ------------------------------------------------------------------------------------------------

    pub(in crate::proto) fn connect(&mut self, features: Features) {
        if !std::mem::replace(&mut self.up, true) {
            self.pair.connect(features);
        }
    }

    pub(in crate::proto) fn cut(&mut self) {
        if std::mem::replace(&mut self.up, false) {
            self.pair.cut();
        }
    }

    pub(in crate::proto) fn pass(&mut self, time: Duration) {
        if self.pair.blocked {
            self.blocked_at = self.pair.now + time;
        }
        let until = self.pair.now + time;
        if self.pair.try_advance(time).is_err() {
            let moved_for = self.pair.now.saturating_duration_since(self.blocked_at);
            assert!(moved_for < secs(1), "only a peer that was blocked for long counts as gone");
            self.cut();
            self.pair.now = until;
        }
    }

    /// Delivers all events: calls to their handlers, wake-ups to waiting tasks.
    pub(in crate::proto) fn collect(&mut self) {
        for a in [true, false] {
            let node = self.node(a);
            node.drain_events();
            let (serves, wakes) =
                (std::mem::take(&mut node.serves), std::mem::take(&mut node.wakes));
            let cancelled = std::mem::take(&mut node.cancelled);
            for (side, key, half) in wakes {
                let wakes = |sleeper| match half {
                    Half::Reader => sleeper != Sleeper::Writer,
                    Half::Writer => sleeper == Sleeper::Writer,
                    Half::Both => true,
                };
                self.asleep.retain(|(at_a, at_side, at_key, sleeper)| {
                    (*at_a, *at_side, *at_key) != (a, side, key) || !wakes(*sleeper)
                });
            }
            for key in cancelled {
                self.asleep
                    .retain(|(at_a, side, at_key, _)| (*at_a, *side, *at_key) != (a, Callee, key));
            }
            let numbers: HashMap<u32, usize> =
                self.calls.iter().enumerate().map(|(at, track)| (track.number, at)).collect();
            for serve in serves {
                let payload = serve.payload.expect("all calls have a payload");
                let number = u32::from_le_bytes(payload[..4].try_into().expect("a number"));
                assert_eq!(payload, self::payload(number));
                assert!(!self.unsent.contains(&number), "it was reported as unsent");
                if let Some(track) = numbers.get(&number).map(|at| &mut self.calls[*at]) {
                    assert!(
                        track.by_a != a && track.serve.is_none(),
                        "served once, by the other side"
                    );
                    track.serve = Some(serve.key);
                }
            }
        }
        self.check_sleepers();
    }

    /// Asserts that the poll of every waiting task is still pending, so that no wake-up was missed.
    fn check_sleepers(&mut self) {
        for place in self.asleep.clone() {
            let (a, side, key, sleeper) = place;
            let link = &mut self.node(a).link;
            let sleeps_well = match sleeper {
                Sleeper::Opener => link.poll_opened(key).is_none(),
                Sleeper::Writer => link.poll_send(side, key) == SendState::Blocked,
                Sleeper::Reader => !link.has_news(side, key),
            };
            assert!(sleeps_well, "{place:?} was not woken");
        }
    }

    // ---- the end ----------------------------------------------------------------------------------------------------

    /// Drops the oldest calls, so that few are alive.
    pub(in crate::proto) fn forget_the_old(&mut self) {
        while self.calls.len() > 40 {
            self.finish(0, false);
            self.drop_call(0);
            self.calls.remove(0);
        }
    }

    /// Finishes half of the calls and drops the others. Afterwards nothing may be left.
    pub(in crate::proto) fn end(&mut self) {
        self.pair.blocked = false;
        self.connect(Features::all());
        self.pass(secs(1));
        self.collect();
        for round in 0..20 {
            self.connect(Features::all());
            for at in 0..self.calls.len() {
                self.finish(at, false);
                if at % 2 == 0 {
                    self.recv_down(at);
                } else if round == 0 {
                    self.drop_call(at);
                }
            }
            self.pass(secs(1));
            self.collect();
        }
        for at in 0..self.calls.len() {
            let Track { over, ref finished, .. } = self.calls[at];
            // By now each has been sent, answered, and read to its end.
            assert!(over, "call {at} did not end: {finished:?}");
        }
        self.pass(secs(300));
        self.collect();
        self.pair.assert_empty();
        assert_eq!((self.pair.a.link.backlog().0, self.pair.b.link.backlog().0), (0, 0));
        assert!(self.asleep.is_empty(), "{:?}", self.asleep);
    }
}
