//! The users of a [`Pair`]: calls both ways, what was sent and received on each, and what must hold for them.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::pair::*;
use super::start;
use crate::proto::{
    CallFailure, CallSpec, ErrorCode, Fault, Features, Half, Key, Limits, Recv, SendState, Sent,
    Side,
};
use Side::{Callee, Caller};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Single,
    Stream { incoming: u32, outgoing: u32 },
}

/// One call and what its owners know of it.
#[derive(Debug)]
struct Track {
    /// Travels as the payload, so that both ends find each other.
    number: u32,
    by_a: bool,
    kind: Kind,
    has_deadline: bool,
    call: Key,
    serve: Option<Key>,
    up: Items,
    down: Items,
    input_ended: bool,
    /// What the handler answered, or returned with.
    finished: Option<Result<(), ()>>,
    /// The caller has got its outcome, or has dropped the call.
    over: bool,
}

/// Items of one direction, which are numbers that count up.
#[derive(Debug, Default)]
struct Items {
    sent: u32,
    received: u32,
}

impl Items {
    fn take(&mut self, item: &Bytes) {
        assert_eq!(item[..], self.received.to_le_bytes(), "in order, and none twice");
        self.received += 1;
        assert!(self.received <= self.sent, "only what was sent");
    }
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) pair: Pair,
    calls: Vec<Track>,
    next_number: u32,
    /// Who was told to wait and has not been woken: whether at `a`, and for what.
    asleep: HashSet<(bool, Side, Key, Sleeper)>,
    /// Calls that were reported as never sent.
    unsent: HashSet<u32>,
    up: bool,
    /// When the sockets last took nothing.
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
    pub(super) fn new(limits: Limits, latency: Duration) -> Self {
        let mut pair = Pair::down(limits);
        pair.latency = latency;
        let (calls, asleep, unsent) = Default::default();
        Self { pair, calls, next_number: 0, asleep, unsent, up: false, blocked_at: start() }
    }

    /// Acts on the call that is `back` from the newest, if there is one.
    pub(super) fn with(&mut self, back: usize, act: impl FnOnce(&mut Self, usize)) {
        if let Some(at) = self.calls.len().checked_sub(back + 1) {
            act(self, at);
        }
    }

    fn node(&mut self, a: bool) -> &mut Node {
        if a { &mut self.pair.a } else { &mut self.pair.b }
    }

    /// Whoever was told to wait must be woken before there is something for it.
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

    pub(super) fn connect(&mut self, features: Features) {
        if !std::mem::replace(&mut self.up, true) {
            self.pair.connect(features);
        }
    }

    pub(super) fn cut(&mut self) {
        if std::mem::replace(&mut self.up, false) {
            self.pair.cut();
        }
    }

    pub(super) fn pass(&mut self, time: Duration) {
        if self.pair.blocked {
            self.blocked_at = self.pair.now + time;
        }
        let until = self.pair.now + time;
        if self.pair.try_advance(time).is_err() {
            let moved_for = self.pair.now.saturating_duration_since(self.blocked_at);
            assert!(moved_for < secs(1), "only what does not move for long is taken for dead");
            self.cut();
            self.pair.now = until;
        }
    }

    /// Hands out what has happened: calls to their handlers, wakes to sleepers.
    pub(super) fn collect(&mut self) {
        for a in [true, false] {
            let node = self.node(a);
            node.drain_events();
            let (serves, wakes) =
                (std::mem::take(&mut node.serves), std::mem::take(&mut node.wakes));
            let abandoned = std::mem::take(&mut node.abandoned);
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
            for key in abandoned {
                self.asleep
                    .retain(|(at_a, side, at_key, _)| (*at_a, *side, *at_key) != (a, Callee, key));
            }
            let numbers: HashMap<u32, usize> =
                self.calls.iter().enumerate().map(|(at, track)| (track.number, at)).collect();
            for serve in serves {
                let payload = serve.payload.expect("all of them have one");
                let number = u32::from_le_bytes(payload[..].try_into().expect("a number"));
                assert!(!self.unsent.contains(&number), "it was said to be unsent");
                if let Some(track) = numbers.get(&number).map(|at| &mut self.calls[*at]) {
                    assert!(
                        track.by_a != a && track.serve.is_none(),
                        "served once, at the other side"
                    );
                    track.serve = Some(serve.key);
                }
            }
        }
        self.check_sleepers();
    }

    /// Whoever sleeps has nothing to do: nobody misses the wake that was its last.
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

    // ---- the callers ------------------------------------------------------------------------------------------------

    pub(super) fn open(&mut self, by_a: bool, kind: Kind, wait: bool, deadline: Option<Duration>) {
        let number = self.next_number;
        self.next_number += 1;
        let spec = match kind {
            Kind::Single => request(b""),
            Kind::Stream { incoming, outgoing } => stream(incoming, outgoing),
        };
        let payload = Some(Bytes::copy_from_slice(&number.to_le_bytes()));
        let mut spec = CallSpec { payload, wait, ..spec };
        if let Some(after) = deadline {
            spec = self.pair.within(after, spec);
        }
        let (now, up) = (self.pair.now, self.up);
        match self.node(by_a).link.start_call(now, spec) {
            Ok(call) => self.calls.push(Track {
                number,
                by_a,
                kind,
                has_deadline: deadline.is_some(),
                call,
                serve: None,
                up: Items::default(),
                down: Items::default(),
                input_ended: matches!(kind, Kind::Single | Kind::Stream { incoming: 0, .. }),
                finished: None,
                over: false,
            }),
            Err(failure) => {
                assert!(
                    matches!(failure, CallFailure::Lost { sent: Sent::No, .. }) && !up && !wait
                );
            }
        }
    }

    /// Asks for the answer, or whether the stream is open.
    pub(super) fn look(&mut self, at: usize) {
        let Track { by_a, call, kind, over, .. } = self.calls[at];
        if over {
            return;
        }
        if kind == Kind::Single {
            let answer = self.node(by_a).answer(call);
            self.check_sleep(by_a, Caller, call, Sleeper::Reader, answer.is_none());
            if let Some(outcome) = answer {
                self.outcome(at, outcome.map(|payload| assert_eq!(payload, None)));
            }
        } else {
            let opened = self.node(by_a).link.poll_opened(call);
            self.check_sleep(by_a, Caller, call, Sleeper::Opener, opened.is_none());
            if let Some(Err(failure)) = opened {
                self.outcome(at, Err(failure));
                self.drop_call(at);
            }
        }
    }

    /// Whether the owner of a stream has its two halves: not before it is open, as in the layers above.
    fn has_halves(&mut self, at: usize) -> bool {
        let Track { by_a, call, kind, over, .. } = self.calls[at];
        kind != Kind::Single && !over && self.node(by_a).link.poll_opened(call) == Some(Ok(()))
    }

    pub(super) fn send_up(&mut self, at: usize) {
        let Track { by_a, call, kind, input_ended, .. } = self.calls[at];
        let Kind::Stream { incoming, .. } = kind else { return };
        if input_ended || !self.has_halves(at) {
            return;
        }
        let item = self.calls[at].up.sent.to_le_bytes();
        let state = self.node(by_a).send(Caller, call, &item);
        self.check_sleep(by_a, Caller, call, Sleeper::Writer, state == SendState::Blocked);
        if state == SendState::Ready {
            let up = &mut self.calls[at].up;
            up.sent += 1;
            assert!(up.sent - up.received <= incoming, "within the capacity");
        }
    }

    pub(super) fn recv_down(&mut self, at: usize) {
        let Track { by_a, call, .. } = self.calls[at];
        if !self.has_halves(at) {
            return self.look(at);
        }
        let received = self.node(by_a).recv(Caller, call);
        self.check_sleep(by_a, Caller, call, Sleeper::Reader, received == Recv::Pending);
        match received {
            Recv::Item(item) => self.calls[at].down.take(&item),
            Recv::End(end) => {
                let Track { down, .. } = &self.calls[at];
                assert!(
                    end.is_err() || down.received == down.sent,
                    "a clean end is after all items"
                );
                self.outcome(at, end);
                self.drop_call(at);
            }
            Recv::Pending => {}
        }
    }

    /// A call has ended, which happens once.
    fn outcome(&mut self, at: usize, outcome: Result<(), CallFailure>) {
        let track = &mut self.calls[at];
        assert!(!track.over);
        track.over = track.kind == Kind::Single;
        match outcome {
            Ok(()) => assert_eq!(track.finished, Some(Ok(())), "as the handler said"),
            Err(CallFailure::Fault(fault)) => {
                assert_eq!((track.finished, &*fault.message), (Some(Err(())), "boom"));
            }
            Err(CallFailure::DeadlineExceeded { .. }) => assert!(track.has_deadline),
            Err(CallFailure::Lost { sent: Sent::No, .. }) => {
                assert_eq!(track.serve, None, "it was sent");
                self.unsent.insert(track.number);
            }
            Err(CallFailure::Lost { .. }) => {}
            Err(failure) => panic!("{failure:?}"),
        }
    }

    pub(super) fn finish_input(&mut self, at: usize) {
        let Track { by_a, call, input_ended, .. } = self.calls[at];
        if input_ended || !self.has_halves(at) {
            return;
        }
        self.node(by_a).link.finish_input(call);
        self.calls[at].input_ended = true;
        self.asleep.remove(&(by_a, Caller, call, Sleeper::Writer));
    }

    pub(super) fn drop_call(&mut self, at: usize) {
        let Track { by_a, call, over, .. } = self.calls[at];
        if !over {
            self.node(by_a).link.forget_call(call);
            self.calls[at].over = true;
            self.asleep.retain(|(a, side, key, _)| (*a, *side, *key) != (by_a, Caller, call));
        }
    }

    // ---- the handlers -----------------------------------------------------------------------------------------------

    /// The handler of a call, while it runs.
    fn handler(&mut self, at: usize) -> Option<(bool, Key)> {
        let Track { by_a, serve, finished, .. } = self.calls[at];
        let key = serve.filter(|_| finished.is_none())?;
        self.node(!by_a).link.is_served(key).then_some((!by_a, key))
    }

    pub(super) fn send_down(&mut self, at: usize) {
        let Kind::Stream { outgoing, .. } = self.calls[at].kind else { return };
        let Some((a, key)) = self.handler(at) else { return };
        let item = self.calls[at].down.sent.to_le_bytes();
        let state = self.node(a).send(Callee, key, &item);
        self.check_sleep(a, Callee, key, Sleeper::Writer, state == SendState::Blocked);
        if state == SendState::Ready {
            let down = &mut self.calls[at].down;
            down.sent += 1;
            assert!(down.sent - down.received <= outgoing.max(1), "within the capacity");
        }
    }

    pub(super) fn recv_up(&mut self, at: usize) {
        if self.calls[at].kind == Kind::Single {
            return;
        }
        let Some((a, key)) = self.handler(at) else { return };
        let received = self.node(a).recv(Callee, key);
        self.check_sleep(a, Callee, key, Sleeper::Reader, received == Recv::Pending);
        let Track { up, input_ended, .. } = &mut self.calls[at];
        match received {
            Recv::Item(item) => up.take(&item),
            Recv::End(end) => {
                assert_eq!(end, Ok(()), "it is served");
                assert!(*input_ended && up.received == up.sent, "all of the input");
            }
            Recv::Pending => {}
        }
    }

    pub(super) fn finish(&mut self, at: usize, fails: bool) {
        let Some((a, key)) = self.handler(at) else { return };
        let fault = Fault::new(ErrorCode::Handler, "boom");
        match (fails, self.calls[at].kind) {
            (false, Kind::Single) => self.node(a).link.reply(key, Ok(None)),
            (true, Kind::Single) => self.node(a).link.reply(key, Err(fault)),
            (false, _) => self.node(a).link.finish_stream(key, Ok(())),
            (true, _) => self.node(a).link.finish_stream(key, Err(fault)),
        }
        self.calls[at].finished = Some(if fails { Err(()) } else { Ok(()) });
        self.asleep.retain(|(at_a, side, at_key, _)| (*at_a, *side, *at_key) != (a, Callee, key));
    }

    // ---- the end ----------------------------------------------------------------------------------------------------

    /// Drops the oldest calls, so that those that are alive stay few.
    pub(super) fn forget_the_old(&mut self) {
        while self.calls.len() > 40 {
            self.finish(0, false);
            self.drop_call(0);
            self.calls.remove(0);
        }
    }

    /// Half of the calls come to their end, the others are dropped; then nothing may be left.
    pub(super) fn end(&mut self) {
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
            // Each was sent by now, answered, and read to its end.
            assert!(over, "call {at} did not end: {finished:?}");
        }
        self.pass(secs(300));
        self.collect();
        self.pair.assert_empty();
        assert_eq!((self.pair.a.link.backlog().0, self.pair.b.link.backlog().0), (0, 0));
        assert!(self.asleep.is_empty(), "{:?}", self.asleep);
    }
}
