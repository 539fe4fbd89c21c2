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
            Kind::Single | Kind::Post => request(b""),
            Kind::Stream { incoming, outgoing } => stream(incoming, outgoing),
            Kind::Bytes => stream_of_bytes(),
        };
        let payload = Some(payload(number));
        let mut spec = CallSpec { payload: payload.map(Into::into), wait, ..spec };
        if let Some(after) = deadline {
            spec = self.pair.within(after, spec);
        }
        let (now, up) = (self.pair.now, self.up);
        let link = &mut self.node(by_a).link;
        let started = match kind {
            Kind::Post => link.post(now, &spec).map(|()| None),
            _ => link.start_call(now, &spec).map(Some),
        };
        match started {
            Ok(call) => self.calls.push(Track {
                number,
                by_a,
                kind,
                has_deadline: deadline.is_some(),
                call,
                serve: None,
                up: Items::default(),
                down: Items::default(),
                input_ended: kind.capacities().is_none_or(|(incoming, _)| incoming == 0),
                finished: None,
                over: call.is_none(),
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

    /// The caller, while it has the call.
    fn owner(&self, at: usize) -> Option<(bool, Key)> {
        let Track { by_a, call, over, .. } = self.calls[at];
        call.filter(|_| !over).map(|call| (by_a, call))
    }

    /// Polls for the answer, or for the opening of the stream.
    pub(in crate::proto) fn look(&mut self, at: usize) {
        let Some((by_a, call)) = self.owner(at) else { return };
        let Track { number, kind, .. } = self.calls[at];
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

    /// The caller, while it has the two halves of a stream. As in the layers above, it has them once the stream is open.
    fn halves(&mut self, at: usize) -> Option<(bool, Key)> {
        self.calls[at].kind.capacities()?;
        let (by_a, call) = self.owner(at)?;
        (self.node(by_a).link.poll_opened(call) == Some(Ok(()))).then_some((by_a, call))
    }

    pub(in crate::proto) fn send_up(&mut self, at: usize) {
        let Track { kind, input_ended, .. } = self.calls[at];
        let Some((incoming, _)) = kind.capacities().filter(|_| !input_ended) else { return };
        let Some((by_a, call)) = self.halves(at) else { return };
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
        let Some((by_a, call)) = self.halves(at) else { return self.look(at) };
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
        if self.calls[at].input_ended {
            return;
        }
        let Some((by_a, call)) = self.halves(at) else { return };
        self.node(by_a).link.finish_input(call);
        self.calls[at].input_ended = true;
        self.asleep.remove(&(by_a, Caller, call, Sleeper::Writer));
    }

    pub(in crate::proto) fn drop_call(&mut self, at: usize) {
        let Some((by_a, call)) = self.owner(at) else { return };
        self.node(by_a).link.forget_call(call);
        self.calls[at].over = true;
        self.asleep.retain(|(a, side, key, _)| (*a, *side, *key) != (by_a, Caller, call));
    }

    // ---- the handlers -----------------------------------------------------------------------------------------------

    /// The handler of a call, while it runs.
    fn handler(&mut self, at: usize) -> Option<(bool, Key)> {
        let Track { by_a, serve, finished, .. } = self.calls[at];
        let key = serve.filter(|_| finished.is_none())?;
        self.node(!by_a).link.is_served(key).then_some((!by_a, key))
    }

    pub(in crate::proto) fn send_down(&mut self, at: usize) {
        let Some((_, outgoing)) = self.calls[at].kind.capacities() else { return };
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
        if self.calls[at].kind.capacities().is_none() {
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
            (false, Kind::Single | Kind::Post) => {
                self.node(a).link.reply(key, &Ok(Some(answer.into())))
            }
            (true, Kind::Single | Kind::Post) => self.node(a).link.reply(key, &Err(fault)),
            (false, _) => self.node(a).link.finish_stream(key, &Ok(())),
            (true, _) => self.node(a).link.finish_stream(key, &Err(fault)),
        }
        self.calls[at].finished = Some(if fails { Err(()) } else { Ok(()) });
        self.asleep.retain(|(at_a, side, at_key, _)| (*at_a, *side, *at_key) != (a, Callee, key));
    }
}
