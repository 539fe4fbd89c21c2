//! The users of a [`Pair`]: calls in both directions, what was sent and received on each, and their invariants.

mod users;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::pair::*;
use super::start;
use crate::proto::session::features::Feature;
use crate::proto::{Capacities, Features, Half, Key, Limits, SendState, Side};
use Side::Callee;

/// What kind of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A single request.
    Single,
    /// A single request whose outcome nobody waits for.
    Post,
    /// A stream with these capacities, both at most 4.
    Stream {
        /// Items that may wait for the handler.
        incoming: u32,
        /// Items that may wait for the caller.
        outgoing: u32,
    },
    /// A stream both ways, of which only the bytes are limited.
    Bytes,
}

impl Kind {
    /// The numbers of items that may wait in each direction of a stream. `None`: not a stream.
    fn capacities(self) -> Option<(u32, u32)> {
        match self {
            Self::Single | Self::Post => None,
            Self::Stream { incoming, outgoing } => Some((incoming, outgoing)),
            Self::Bytes => Some((Capacities::BYTES_ONLY, Capacities::BYTES_ONLY)),
        }
    }
}

/// One call, and what its users know of it.
#[derive(Debug)]
struct Track {
    /// Sent as the payload, so that both sides can be matched.
    number: u32,
    by_a: bool,
    kind: Kind,
    has_deadline: bool,
    /// The caller's key. A post has none.
    call: Option<Key>,
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
#[derive(Debug, Default, Clone, Copy)]
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
    /// Those of the last connection.
    features: Features,
    /// A message on the wire is damaged, so that the connection ends when it arrives.
    is_damaged: bool,
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
        Self {
            pair,
            calls,
            next_number: 0,
            asleep,
            unsent,
            up: false,
            features: Features::NONE,
            is_damaged: false,
            blocked_at: start(),
        }
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
            self.features = features;
            self.pair.connect(features);
        }
    }

    pub(in crate::proto) fn cut(&mut self) {
        self.is_damaged = false;
        if std::mem::replace(&mut self.up, false) {
            self.pair.cut();
        }
    }

    /// Flips a bit of the message that arrives next, if the checksums of this connection cover it.
    pub(in crate::proto) fn damage(&mut self, bit: usize) {
        if self.up && self.features.has(Feature::Crc) {
            self.is_damaged |= self.pair.damage(bit);
        }
    }

    /// Bytes arrive at one node that are not a whole message.
    pub(in crate::proto) fn progress(&mut self, at_a: bool) {
        let now = self.pair.now;
        if self.up && self.node(at_a).receive_progress(now).is_err() {
            self.end_connection();
        }
    }

    pub(in crate::proto) fn pass(&mut self, time: Duration) {
        if self.pair.blocked {
            self.blocked_at = self.pair.now + time;
        }
        let until = self.pair.now + time;
        if self.pair.try_advance(time).is_err() {
            self.end_connection();
            // What is due without a connection, such as the deadlines of calls that wait for one.
            self.pair.advance(until.saturating_duration_since(self.pair.now));
        }
    }

    /// Ends a connection that one of the nodes has given up.
    fn end_connection(&mut self) {
        let moved_for = self.pair.now.saturating_duration_since(self.blocked_at);
        assert!(
            self.is_damaged || moved_for < secs(1),
            "only a damaged message, or a peer that was blocked for long, ends a connection"
        );
        self.cut();
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
            for serve in serves {
                let payload = serve.payload.expect("all calls have a payload");
                let number = u32::from_le_bytes(payload[..4].try_into().expect("a number"));
                assert_eq!(payload, self::payload(number));
                assert!(!self.unsent.contains(&number), "it was reported as unsent");
                // Numbers count up, and old calls are forgotten.
                let at = self.calls.binary_search_by_key(&number, |track| track.number);
                if let Ok(track) = at.map(|at| &mut self.calls[at]) {
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
        // In each round, as many calls as the peer has room for reach their handlers: two at least.
        for round in 0..20 + self.calls.len() {
            self.connect(Features::all());
            for at in 0..self.calls.len() {
                self.finish(at, false);
                if at % 2 == 0 {
                    let Items { sent, received } = self.calls[at].down;
                    // The items, and the end.
                    (0..=sent - received).for_each(|_| self.recv_down(at));
                } else if round == 0 {
                    self.drop_call(at);
                }
            }
            self.pass(secs(1));
            self.collect();
            if self.is_idle() {
                break;
            }
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

    /// Whether all callers have taken the outcomes of their calls, and nothing is in flight.
    fn is_idle(&self) -> bool {
        let in_flight = [&self.pair.a, &self.pair.b].map(|node| node.link.in_flight());
        self.calls.iter().all(|call| call.over) && in_flight == [(0, 0); 2]
    }
}
