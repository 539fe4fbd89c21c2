//! Calls that this node makes: how they start, wait, are answered, and end.
//!
//! ```text
//!  start_call ──► Queued ──► Single ──► Answered ──┐
//!                   │  │        └─────► Failed ────┤ take_answer
//!                   │  ├─────► Posted ──► (nobody takes the outcome)
//!                   │  └─────► Stream (opening → open → ended) ─── recv, forget_call
//!                   └────────► Failed
//! ```
//!
//! A call that was answered or failed keeps its key until its owner takes the outcome or forgets the call. The peer
//! cannot reach it any more: its mux id is unbound. A post has no owner, and is removed when it is over.
//!
//! | file | what |
//! |---|---|
//! | `call.rs` | the table's entries |
//! | `mod.rs` | what the owner of a call asks, time, ends |
//! | `start.rs` | starting a call and sending its first message |
//! | `post.rs` | calls whose outcome nobody waits for |
//! | `post_room.rs` | how many of them there may be |
//! | `room.rs` | what requests may make the peer hold |
//! | `answers.rs` | messages of the callee |
//! | `look.rs` | what operators see |

mod answers;
pub(super) mod call;
mod look;
mod post;
pub(super) mod post_room;
pub(super) mod room;
mod start;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use self::call::{Call, CallState, CallerStream, Deadline};
use super::event::{Event, Half, Released, Side};
use super::link::{Link, still_waits};
use super::memory::Over;
use super::muxes::Key;
use super::output::header::HeaderTemplate;
use super::session::features::Feature;
use super::timers::Timer;
use super::wire::{MuxId, Op};
use crate::error::{CallFailure, ErrorCode, Fault, LinkError, Sent};

impl Link {
    // ---- the owner of a call ----------------------------------------------------------------------------------------

    /// The outcome of a single request, once it is there. This forgets the call.
    pub(crate) fn take_answer(&mut self, key: Key) -> Option<Result<Option<Bytes>, CallFailure>> {
        match self.calls.get(key).map(|call| &call.state) {
            Some(
                CallState::Queued(_)
                | CallState::Single
                | CallState::Posted(_)
                | CallState::Stream(_),
            ) => None,
            Some(CallState::Answered(..) | CallState::Failed(_)) => {
                match self.remove_call(key)?.state {
                    CallState::Answered(payload, handover) => {
                        if let Some(handover) = handover {
                            handover.complete();
                        }
                        Some(Ok(payload))
                    }
                    CallState::Failed(failure) => Some(Err(failure)),
                    CallState::Queued(_)
                    | CallState::Single
                    | CallState::Posted(_)
                    | CallState::Stream(_) => None,
                }
            }
            None => Some(Err(self.unknown_call())),
        }
    }

    /// Whether a stream is open; an error if it could not be opened.
    pub(crate) fn poll_opened(&mut self, key: Key) -> Option<Result<(), CallFailure>> {
        match self.calls.get(key).map(|call| &call.state) {
            Some(CallState::Stream(stream)) if stream.opened => Some(Ok(())),
            // It failed before it was open; `end` cannot be `Ok` then.
            Some(CallState::Stream(stream)) => stream.end.clone(),
            Some(CallState::Failed(failure)) => Some(Err(failure.clone())),
            Some(
                CallState::Queued(_)
                | CallState::Single
                | CallState::Posted(_)
                | CallState::Answered(..),
            ) => None,
            None => Some(Err(self.unknown_call())),
        }
    }

    /// The owner has dropped the call: cancels it if it is still running, and removes it.
    pub(crate) fn forget_call(&mut self, key: Key) {
        let live_id = self.calls.id_of(key);
        let Some(call) = self.remove_call(key) else { return };
        // The other half of a stream may still wait to send.
        self.wake(Side::Caller, key, Half::Both);
        let is_stream = match call.state {
            CallState::Queued(_) | CallState::Answered(..) => return,
            CallState::Failed(failure) => return self.release_failure(failure),
            CallState::Single | CallState::Posted(_) => false,
            CallState::Stream(mut stream) => {
                self.flood.allow(stream.leftovers());
                if let Some(Err(failure)) = stream.end.take() {
                    self.release_failure(failure);
                }
                true
            }
        };
        if let Some(id) = live_id {
            self.send_cancel(id, is_stream);
        }
        self.confirm_drain();
    }

    /// Drops a failure that nobody has taken. The source of its error can be the user's, so not under the lock.
    fn release_failure(&mut self, failure: CallFailure) {
        if let CallFailure::Disconnected { reason, .. } = failure {
            self.emit(Event::Released(Released::Error(reason)));
        }
    }

    /// Cancels a call at the callee, if the callee knows the call and supports that. Withdraws the call's large
    /// messages.
    ///
    /// `id` is the call's mux id, taken before the call was unbound. Returns whether the callee will never know the call.
    fn send_cancel(&mut self, id: MuxId, is_stream: bool) -> bool {
        let never_sent = self.output.withdraw(Side::Caller, id);
        if !never_sent && (is_stream || self.has(Feature::Cancel)) {
            self.output.push(HeaderTemplate::new(Op::DisconnectServerMux, id), None);
        }
        never_sent
    }

    // ---- time -------------------------------------------------------------------------------------------------------

    pub(super) fn on_call_deadline(&mut self, key: Key) {
        let Some(Call { deadline: Some(Deadline { after, .. }), state, ticket, .. }) =
            self.calls.get(key)
        else {
            return;
        };
        let (after, is_stream) = (*after, matches!(state, CallState::Stream(_)));
        let (is_encoded, is_queued) = (ticket.is_some(), matches!(state, CallState::Queued(_)));
        let has_waited = !self.is_up() && is_queued;
        let id = self.calls.id_of(key);
        let never_sent = id.is_some_and(|id| self.send_cancel(id, is_stream));
        // What is in the output will be sent, although the cancel is behind it.
        let sent = if is_encoded && !never_sent { Sent::Maybe } else { Sent::No };
        let failure = if has_waited {
            // The reason why there is no connection is the reason why the call has failed.
            self.disconnected(Sent::No, Arc::clone(&self.down_reason))
        } else {
            self.late(after, sent)
        };
        self.fail_call(key, failure);
    }

    pub(super) fn on_call_ping(&mut self, now: Instant, key: Key) {
        let every = self.limits.stream_ping_every;
        let Some(id) = self.calls.id_of(key) else { return };
        let Some(stream) = self.caller_stream(key) else { return };
        let (last_ping, last_heard) = (stream.last_ping, stream.last_heard);
        // Behind a large item of the stream, or because the peer does not read.
        let waits = self.output.has_transfer_of(Side::Caller, id)
            || last_ping.is_some_and(|ping| self.output.is_waiting(ping));
        let silent = self.silence(now, last_heard);
        if !waits && silent >= every * 2 {
            let reason = Arc::new(LinkError::StreamSilent { silent });
            return self.cancel_stream(key, self.disconnected(Sent::Maybe, reason));
        }
        let Some(stream) = self.caller_stream(key) else { return };
        if waits {
            // The callee cannot answer what it has not received.
            stream.last_heard = now;
        } else {
            let seq = stream.core.next_seq();
            let ping = self.output.push(HeaderTemplate::new(Op::Ping, id).seq(seq), None);
            if let Some(stream) = self.caller_stream(key) {
                stream.last_ping = Some(ping);
            }
        }
        self.timers.arm(now + every, Timer::CallPing(key));
    }

    // ---- ends -------------------------------------------------------------------------------------------------------

    /// The connection is lost: ends every call that is not over, except calls in a queue that wait for a connection.
    ///
    /// Must come before the output is stopped, which forgets what was transmitted.
    pub(super) fn fail_calls_on_disconnect(&mut self) {
        for key in self.calls.keys() {
            let Some(call) = self.calls.get(key) else { continue };
            let sent = match (&call.state, call.ticket) {
                (CallState::Answered(..) | CallState::Failed(_), _) => continue,
                (CallState::Queued(queued), _)
                    if queued.waits_for_connection() && self.may_connect() =>
                {
                    continue;
                }
                (_, Some(ticket)) if self.output.was_transmitted(ticket) => Sent::Maybe,
                _ => Sent::No,
            };
            let reason = Arc::clone(&self.down_reason);
            self.fail_call(key, self.disconnected(sent, reason));
        }
    }

    /// Ends a call of any kind with a failure.
    pub(super) fn fail_call(&mut self, key: Key, failure: CallFailure) {
        let state = self.calls.get(key).map(|call| &call.state);
        if let Some(share) = state.and_then(CallState::post) {
            return self.complete_post(key, share, Some(failure));
        }
        match state {
            Some(CallState::Stream(_)) => self.end_stream(key, Err(failure)),
            Some(CallState::Queued(_) | CallState::Single) => {
                self.complete_request(key, CallState::Failed(failure));
            }
            // It has an outcome already, which its owner has not taken yet.
            Some(CallState::Answered(..) | CallState::Failed(_) | CallState::Posted(_)) | None => {}
        }
    }

    /// Sets the outcome of a single request, or of a call that has not been sent, and wakes its owner.
    fn complete_request(&mut self, key: Key, outcome: CallState) {
        self.unbind_call(key);
        let outcome = match outcome {
            CallState::Failed(failure) => CallState::Failed(self.hold_failure(key, failure)),
            outcome => outcome,
        };
        if let Some(call) = self.calls.get_mut(key) {
            let retained = std::mem::replace(&mut call.state, outcome).take_retained();
            self.output.release(retained);
            self.wake(Side::Caller, key, Half::Both);
        }
        self.drop_stale_requests();
    }

    /// Lets the calls behind one that has stopped waiting move up.
    fn drop_stale_requests(&mut self) {
        if !self.requests.is_empty() {
            let (calls, served) = (&self.calls, &self.served);
            self.requests.drop_stale(|pending| still_waits(calls, served, pending));
        }
    }

    /// Ends a stream and wakes both halves. Items received before can still be read.
    fn end_stream(&mut self, key: Key, end: Result<(), CallFailure>) {
        self.unbind_call(key);
        let end = end.map_err(|failure| self.hold_failure(key, failure));
        if let Some(stream) = self.caller_stream(key) {
            let (leftovers, window) = (stream.leftovers(), stream.core.give_up_window());
            // A stream may complete without an AckMux having been needed.
            stream.opened |= end.is_ok();
            stream.end.get_or_insert(end);
            self.flood.allow(leftovers);
            self.windows.give_back(window);
            self.wake(Side::Caller, key, Half::Both);
        }
    }

    /// Makes a call unreachable for the peer, and drops the large messages of it that have not left.
    fn unbind_call(&mut self, key: Key) {
        if let Some(id) = self.calls.id_of(key) {
            self.output.withdraw(Side::Caller, id);
        }
        self.calls.unbind(key);
        if let Some(call) = self.calls.get_mut(key) {
            self.requests.give_back(std::mem::take(&mut call.requested));
        }
        self.confirm_drain();
    }

    /// The callee broke the rules of this stream: ends it with an error on both sides.
    fn reset_stream(&mut self, key: Key, text: String) {
        self.cancel_stream(key, text_fault(text));
    }

    /// Ends a stream from this side, and tells the callee.
    fn cancel_stream(&mut self, key: Key, failure: CallFailure) {
        if let Some(id) = self.calls.id_of(key) {
            self.send_cancel(id, true);
        }
        self.end_stream(key, Err(failure));
    }

    // ---- the table --------------------------------------------------------------------------------------------------

    /// Removes a call with its timers, and releases its payload. Tells the peer nothing.
    fn remove_call(&mut self, key: Key) -> Option<Call> {
        let mut call = self.calls.remove(key)?;
        self.account.release(call.held_bytes());
        self.windows.give_back(call.window());
        self.requests.give_back(call.requested);
        self.output.release(call.state.take_retained());
        let pings = matches!(&call.state, CallState::Stream(stream) if stream.pings);
        self.forget_timers(usize::from(call.deadline.is_some()) + usize::from(pings));
        self.drop_stale_requests();
        Some(call)
    }

    pub(super) fn caller_stream(&mut self, key: Key) -> Option<&mut CallerStream> {
        self.calls.get_mut(key)?.stream_mut()
    }

    /// The failure of a call whose outcome would exceed a memory limit.
    pub(super) fn over_failure(&self, over: Over) -> CallFailure {
        let (setting, max) = self.account.ledger().limit(over);
        CallFailure::LimitReached { peer: Arc::clone(&self.peer), setting, max }
    }

    /// Counts the error of the peer until its call is removed. Without room for it, the result is a failure that says
    /// so.
    fn hold_failure(&mut self, key: Key, failure: CallFailure) -> CallFailure {
        let CallFailure::Handler(fault) = &failure else { return failure };
        let bytes = fault.bytes();
        match self.account.hold(bytes) {
            Ok(()) => match self.calls.get_mut(key) {
                Some(call) => call.held += bytes,
                None => self.account.release(bytes),
            },
            Err(over) => return self.over_failure(over),
        }
        failure
    }

    /// The failure of a call that is not in the tables any more.
    pub(super) fn unknown_call(&self) -> CallFailure {
        self.disconnected(Sent::Maybe, Arc::new(LinkError::CallOver))
    }

    /// The failure of a call whose deadline has passed. Its method is known to the layer above.
    pub(super) fn late(&self, after: Duration, sent: Sent) -> CallFailure {
        CallFailure::DeadlineExceeded {
            peer: Arc::clone(&self.peer),
            method: Arc::default(),
            after,
            sent,
        }
    }

    pub(super) fn disconnected(&self, sent: Sent, reason: Arc<LinkError>) -> CallFailure {
        CallFailure::Disconnected { peer: Arc::clone(&self.peer), sent, reason }
    }

    /// Whether a reader would find neither an outcome nor an item.
    #[cfg(any(test, feature = "__internals"))]
    pub(super) fn has_no_outcome(&self, key: Key) -> bool {
        match self.calls.get(key).map(|call| &call.state) {
            Some(CallState::Stream(stream)) => stream.end.is_none() && !stream.core.has_items(),
            Some(CallState::Queued(_) | CallState::Single | CallState::Posted(_)) => true,
            Some(CallState::Answered(..) | CallState::Failed(_)) | None => false,
        }
    }
}

fn text_fault(text: impl Into<String>) -> CallFailure {
    CallFailure::Handler(Fault::new(ErrorCode::Text, text))
}
