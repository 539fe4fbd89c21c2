//! The actions of callers and handlers, and their assertions.

use std::time::Duration;

use super::super::pair::*;
use super::{Items, Kind, Sleeper, Track, World, payload};
use crate::error::{CallFailure, ErrorCode, Fault, Sent};
use crate::proto::{CallSpec, Key, Recv, SendState, Side};
use Side::{Callee, Caller};

impl World {
    // ---- the callers ------------------------------------------------------------------------------------------------

    pub(in crate::proto) fn open(
        &mut self,
        by_a: bool,
        kind: Kind,
        wait: bool,
        deadline: Option<Duration>,
    ) {
        let number = self.next_number;
        self.next_number += 1;
        let spec = match kind {
            Kind::Single => request(b""),
            Kind::Stream { incoming, outgoing } => stream(incoming, outgoing),
        };
        let payload = Some(payload(number));
        let mut spec = CallSpec { payload: payload.map(Into::into), wait, ..spec };
        if let Some(after) = deadline {
            spec = self.pair.within(after, spec);
        }
        let (now, up) = (self.pair.now, self.up);
        match self.node(by_a).link.start_call(now, &spec) {
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
                    matches!(failure, CallFailure::Disconnected { sent: Sent::No, .. })
                        && !up
                        && !wait
                );
            }
        }
    }

    /// Polls for the answer, or for the opening of the stream.
    pub(in crate::proto) fn look(&mut self, at: usize) {
        let Track { by_a, number, call, kind, over, .. } = self.calls[at];
        if over {
            return;
        }
        if kind == Kind::Single {
            let answer = self.node(by_a).answer(call);
            self.check_sleep(by_a, Caller, call, Sleeper::Reader, answer.is_none());
            if let Some(outcome) = answer {
                self.outcome(at, outcome.map(|answer| assert_eq!(answer, Some(payload(number)))));
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

    /// Whether the caller has the two halves of a stream. As in the layers above, it has them once the stream is open.
    fn has_halves(&mut self, at: usize) -> bool {
        let Track { by_a, call, kind, over, .. } = self.calls[at];
        kind != Kind::Single && !over && self.node(by_a).link.poll_opened(call) == Some(Ok(()))
    }

    pub(in crate::proto) fn send_up(&mut self, at: usize) {
        let Track { by_a, call, kind, input_ended, .. } = self.calls[at];
        let Kind::Stream { incoming, .. } = kind else { return };
        if input_ended || !self.has_halves(at) {
            return;
        }
        let item = payload(self.calls[at].up.sent);
        let state = self.node(by_a).send(Caller, call, &item);
        self.check_sleep(by_a, Caller, call, Sleeper::Writer, state == SendState::Blocked);
        if state == SendState::Ready {
            let Track { up, finished, .. } = &mut self.calls[at];
            up.sent += 1;
            // A handler that has returned discards what is still sent, and returns the credits.
            assert!(up.sent - up.received <= incoming || finished.is_some(), "within the capacity");
        }
    }

    pub(in crate::proto) fn recv_down(&mut self, at: usize) {
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
                    "a clean end follows all items"
                );
                self.outcome(at, end);
                self.drop_call(at);
            }
            Recv::Pending => {}
        }
    }

    /// Records that a call has ended, which happens once.
    fn outcome(&mut self, at: usize, outcome: Result<(), CallFailure>) {
        let track = &mut self.calls[at];
        assert!(!track.over);
        track.over = track.kind == Kind::Single;
        match outcome {
            Ok(()) => assert_eq!(track.finished, Some(Ok(())), "the handler succeeded"),
            Err(CallFailure::Handler(fault)) => {
                assert_eq!((track.finished, &*fault.message), (Some(Err(())), "boom"));
            }
            Err(CallFailure::DeadlineExceeded { .. }) => assert!(track.has_deadline),
            Err(CallFailure::Disconnected { sent: Sent::No, .. }) => {
                assert_eq!(track.serve, None, "it was sent");
                self.unsent.insert(track.number);
            }
            Err(CallFailure::Disconnected { .. }) => {}
            Err(failure) => panic!("{failure:?}"),
        }
    }

    pub(in crate::proto) fn finish_input(&mut self, at: usize) {
        let Track { by_a, call, input_ended, .. } = self.calls[at];
        if input_ended || !self.has_halves(at) {
            return;
        }
        self.node(by_a).link.finish_input(call);
        self.calls[at].input_ended = true;
        self.asleep.remove(&(by_a, Caller, call, Sleeper::Writer));
    }

    pub(in crate::proto) fn drop_call(&mut self, at: usize) {
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

    pub(in crate::proto) fn send_down(&mut self, at: usize) {
        let Kind::Stream { outgoing, .. } = self.calls[at].kind else { return };
        let Some((a, key)) = self.handler(at) else { return };
        let item = payload(self.calls[at].down.sent);
        let state = self.node(a).send(Callee, key, &item);
        self.check_sleep(a, Callee, key, Sleeper::Writer, state == SendState::Blocked);
        if state == SendState::Ready {
            let down = &mut self.calls[at].down;
            down.sent += 1;
            assert!(down.sent - down.received <= outgoing.max(1), "within the capacity");
        }
    }

    pub(in crate::proto) fn recv_up(&mut self, at: usize) {
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
                assert_eq!(end, Ok(()), "a call in the table has a clean end");
                assert!(*input_ended && up.received == up.sent, "the whole input was read");
            }
            Recv::Pending => {}
        }
    }

    pub(in crate::proto) fn finish(&mut self, at: usize, fails: bool) {
        let Some((a, key)) = self.handler(at) else { return };
        let answer = payload(self.calls[at].number);
        let fault = Fault::new(ErrorCode::Handler, "boom");
        match (fails, self.calls[at].kind) {
            (false, Kind::Single) => self.node(a).link.reply(key, &Ok(Some(answer.into()))),
            (true, Kind::Single) => self.node(a).link.reply(key, &Err(fault)),
            (false, _) => self.node(a).link.finish_stream(key, &Ok(())),
            (true, _) => self.node(a).link.finish_stream(key, &Err(fault)),
        }
        self.calls[at].finished = Some(if fails { Err(()) } else { Ok(()) });
        self.asleep.retain(|(at_a, side, at_key, _)| (*at_a, *side, *at_key) != (a, Callee, key));
    }
}
