//! Calls that this node makes: how they start, wait, are answered, and end.
//!
//! ```text
//!  start_call ──► Queued ──► Single ──► Answered ──┐
//!                   │  │        └─────► Failed ────┤ take_answer
//!                   │  └─────► Stream (opening → open → ended) ─── recv, forget_call
//!                   └────────► Failed
//! ```
//!
//! A call that failed or was answered keeps its key until its owner takes the outcome or lets go; the peer can no longer
//! reach it.
//!
//! | file | what |
//! |---|---|
//! | `mod.rs` | the table's entries, what the caller asks, time, ends |
//! | `start.rs` | starting a call and sending it off |
//! | `answers.rs` | what the callee says |

mod answers;
mod start;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::error::CallFailure;
use super::event::{Half, Side};
use super::fault::{ErrorCode, Fault, Sent};
use super::link::{Link, Post};
use super::muxes::Key;
use super::output::outbox::Number;
use super::session::features::Feature;
use super::stream::core::{Capacities, StreamCore};
use super::timers::Timer;
use super::wire::{HandlerId, Message, Meta, MuxId, Op, SubrouteId};

/// When a call must be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deadline {
    pub(crate) at: Instant,
    /// The time that the caller gave it, for the error's text.
    pub(crate) after: Duration,
}

/// A call to be made.
#[derive(Debug, Clone)]
pub(crate) struct CallSpec {
    pub(crate) handler: HandlerId,
    pub(crate) subroute: Option<SubrouteId>,
    pub(crate) payload: Option<Bytes>,
    pub(crate) deadline: Option<Deadline>,
    /// `None`: a single request.
    pub(crate) stream: Option<Capacities>,
    /// Trace context and user metadata.
    pub(crate) meta: Option<Box<Meta>>,
    /// Without a connection, wait for one instead of failing.
    pub(crate) wait: bool,
}

impl CallSpec {
    /// The same call with another payload.
    fn with_payload(&self, payload: Option<Bytes>) -> Self {
        let Self { handler, subroute, deadline, stream, wait, .. } = *self;
        Self { handler, subroute, payload, deadline, stream, meta: self.meta.clone(), wait }
    }
}

/// One call in the table.
#[derive(Debug)]
pub(super) struct Call {
    deadline: Option<Deadline>,
    /// Its message's number in the outbox, once it is there.
    number: Option<Number>,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Queued(Box<CallSpec>),
    Single,
    Stream(Box<CallerStream>),
    Answered(Option<Bytes>),
    Failed(CallFailure),
}

impl Body {
    /// What [`Link::keep`] gave for it.
    fn take_kept(&mut self) -> Option<Bytes> {
        match self {
            Self::Queued(spec) => spec.payload.take(),
            Self::Stream(stream) => stream.core.parked.take(),
            Self::Single | Self::Answered(_) | Self::Failed(_) => None,
        }
    }
}

/// A stream that this node opened.
#[derive(Debug)]
pub(super) struct CallerStream {
    pub(super) core: StreamCore,
    /// The callee has taken it.
    opened: bool,
    /// No input will be sent (any more).
    pub(super) input_ended: bool,
    /// How it ended; items that came before may still wait.
    pub(super) end: Option<Result<(), CallFailure>>,
    /// When the callee last showed that it has the stream.
    last_heard: Instant,
    pings: bool,
}

impl Link {
    // ---- verbs ------------------------------------------------------------------------------------------------------

    /// The outcome of a single request, once. The call is forgotten with it.
    pub(crate) fn take_answer(&mut self, key: Key) -> Option<Result<Option<Bytes>, CallFailure>> {
        match self.calls.get(key).map(|call| &call.body) {
            Some(Body::Queued(_) | Body::Single | Body::Stream(_)) => None,
            Some(Body::Answered(_) | Body::Failed(_)) => match self.remove_call(key)?.body {
                Body::Answered(payload) => Some(Ok(payload)),
                Body::Failed(failure) => Some(Err(failure)),
                Body::Queued(_) | Body::Single | Body::Stream(_) => None,
            },
            None => Some(Err(self.unknown_call())),
        }
    }

    /// Whether a stream is open; an error if it could not be opened.
    pub(crate) fn poll_opened(&mut self, key: Key) -> Option<Result<(), CallFailure>> {
        match self.calls.get(key).map(|call| &call.body) {
            Some(Body::Stream(stream)) if stream.opened => Some(Ok(())),
            // It failed before it was open; `end` cannot be `Ok` then.
            Some(Body::Stream(stream)) => stream.end.clone(),
            Some(Body::Failed(failure)) => Some(Err(failure.clone())),
            Some(Body::Queued(_) | Body::Single | Body::Answered(_)) => None,
            None => Some(Err(self.unknown_call())),
        }
    }

    /// The caller has lost interest: whatever is still running is cancelled, and nothing of the call remains.
    pub(crate) fn forget_call(&mut self, key: Key) {
        let live_id = self.calls.id_of(key);
        let Some(call) = self.remove_call(key) else { return };
        // Another half of the stream may still wait for leave to send.
        self.wake(Side::Caller, key, Half::Both);
        let is_stream = match call.body {
            Body::Queued(_) | Body::Answered(_) | Body::Failed(_) => return,
            Body::Single => false,
            Body::Stream(_) => true,
        };
        if let Some(id) = live_id {
            self.call_off(id, is_stream);
        }
    }

    /// Tells the callee that nobody waits for a call any more, where it knows the call and can be told.
    fn call_off(&mut self, id: MuxId, is_stream: bool) {
        let never_heard = self.outbox.take_back(Side::Caller, id);
        if !never_heard && (is_stream || self.has(Feature::Cancel)) {
            self.post(Post::new(Op::DisconnectServerMux, id), None);
        }
    }

    // ---- time -------------------------------------------------------------------------------------------------------

    pub(super) fn on_call_deadline(&mut self, key: Key) {
        let Some(Call { deadline: Some(Deadline { after, .. }), body, .. }) = self.calls.get(key)
        else {
            return;
        };
        let (after, is_stream) = (*after, matches!(body, Body::Stream(_)));
        if let Some(id) = self.calls.id_of(key) {
            self.call_off(id, is_stream);
        }
        self.fail_call(key, CallFailure::DeadlineExceeded { after });
    }

    pub(super) fn on_call_ping(&mut self, now: Instant, key: Key) {
        let every = self.limits.stream_ping_every;
        let Some(id) = self.calls.id_of(key) else { return };
        let Some(Call { body: Body::Stream(stream), .. }) = self.calls.get_mut(key) else { return };
        let silent = now.saturating_duration_since(stream.last_heard);
        if silent >= every * 2 {
            let reason = format!("no sign of life on the stream for {silent:?}").into();
            return self.give_up(key, CallFailure::Lost { sent: Sent::Maybe, reason });
        }
        let seq = stream.core.next_seq();
        self.post(Post::new(Op::Ping, id).seq(seq), None);
        self.timers.arm(now + every, Timer::CallPing(key));
    }

    // ---- ends -------------------------------------------------------------------------------------------------------

    /// The connection is gone: every call that is not over ends, but those that are still in line and willing to wait.
    pub(super) fn lose_calls(&mut self) {
        for key in self.calls.keys() {
            let Some(call) = self.calls.get(key) else { continue };
            let sent = match (&call.body, call.number) {
                (Body::Answered(_) | Body::Failed(_), _) => continue,
                (Body::Queued(spec), _) if spec.wait && !self.closing => continue,
                (_, Some(number)) if self.outbox.has_left(number) => Sent::Maybe,
                _ => Sent::No,
            };
            let reason = Arc::clone(&self.down_reason);
            self.fail_call(key, CallFailure::Lost { sent, reason });
        }
    }

    /// Ends a call of any kind with a failure.
    fn fail_call(&mut self, key: Key, failure: CallFailure) {
        match self.calls.get(key).map(|call| &call.body) {
            Some(Body::Stream(_)) => self.end_call(key, Err(failure)),
            Some(Body::Queued(_) | Body::Single) => self.settle(key, Body::Failed(failure)),
            // It has its outcome, which its owner has not fetched yet.
            Some(Body::Answered(_) | Body::Failed(_)) | None => {}
        }
    }

    /// A single request has its outcome.
    fn settle(&mut self, key: Key, outcome: Body) {
        self.unbind_call(key);
        if let Some(call) = self.calls.get_mut(key) {
            let kept = std::mem::replace(&mut call.body, outcome).take_kept();
            self.spend(kept);
            self.wake(Side::Caller, key, Half::Both);
        }
    }

    /// A stream is over. What it has received so far can still be read.
    fn end_call(&mut self, key: Key, end: Result<(), CallFailure>) {
        self.unbind_call(key);
        if let Some(Call { body: Body::Stream(stream), .. }) = self.calls.get_mut(key) {
            // A stream may complete without an AckMux having been needed.
            stream.opened |= end.is_ok();
            stream.end.get_or_insert(end);
            self.wake(Side::Caller, key, Half::Both);
        }
    }

    /// The peer has no more to do with a call, nor with what is on its way there.
    fn unbind_call(&mut self, key: Key) {
        if let Some(id) = self.calls.id_of(key) {
            self.outbox.take_back(Side::Caller, id);
        }
        self.calls.unbind(key);
    }

    /// The callee broke the rules of this stream: it is told to stop, and the stream ends with an error.
    fn abort(&mut self, key: Key, text: String) {
        self.give_up(key, text_fault(text));
    }

    /// An item of the caller does not fit into a message: the stream is over, for both.
    pub(super) fn refuse_own_item(&mut self, key: Key, len: usize) {
        self.abort(key, format!("an item of {len} bytes is too large"));
    }

    /// Ends a stream from this side: the callee is told to stop.
    fn give_up(&mut self, key: Key, failure: CallFailure) {
        if let Some(id) = self.calls.id_of(key) {
            self.call_off(id, true);
        }
        self.end_call(key, Err(failure));
    }

    /// Whether there is neither an outcome nor an item.
    #[cfg(test)]
    pub(super) fn is_quiet(&self, key: Key) -> bool {
        match self.calls.get(key).map(|call| &call.body) {
            Some(Body::Stream(stream)) => stream.end.is_none() && !stream.core.has_items(),
            Some(Body::Queued(_) | Body::Single) => true,
            Some(Body::Answered(_) | Body::Failed(_)) | None => false,
        }
    }

    // ---- small ------------------------------------------------------------------------------------------------------

    fn remove_call(&mut self, key: Key) -> Option<Call> {
        let mut call = self.calls.remove(key)?;
        let kept = call.body.take_kept();
        self.spend(kept);
        let pings = matches!(&call.body, Body::Stream(stream) if stream.pings);
        self.forget_timers(usize::from(call.deadline.is_some()) + usize::from(pings));
        Some(call)
    }

    pub(super) fn caller_stream(&mut self, key: Key) -> Option<&mut CallerStream> {
        match &mut self.calls.get_mut(key)?.body {
            Body::Stream(stream) => Some(stream),
            Body::Queued(_) | Body::Single | Body::Answered(_) | Body::Failed(_) => None,
        }
    }

    /// What somebody is told who asks for a call that is not in the tables any more.
    pub(super) fn unknown_call(&self) -> CallFailure {
        CallFailure::Lost { sent: Sent::Maybe, reason: "the call is over".into() }
    }
}

fn text_fault(text: impl Into<String>) -> CallFailure {
    CallFailure::Fault(Fault::new(ErrorCode::Text, text))
}

/// The payload of a message that must have one; without it, what is missing is found in the empty one.
pub(super) fn payload_of(message: &Message) -> &Bytes {
    static EMPTY: Bytes = Bytes::new();
    message.payload.as_ref().unwrap_or(&EMPTY)
}
