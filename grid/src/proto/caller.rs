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

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::credits::SendCredits;
use super::error::{CallFailure, ProtocolError};
use super::event::{Half, Side};
use super::fault::{ErrorCode, Fault, Sent};
use super::features::Feature;
use super::link::{Link, Post};
use super::muxes::Key;
use super::stream::{Capacities, StreamCore};
use super::timers::Timer;
use super::wire::{
    Flags, HandlerId, Message, Meta, MuxId, Op, Pong, Refusal, SubrouteId, decode_credits,
};

/// Bytes that a message needs beside payload and metadata, at most.
const OVERHEAD_BYTES: usize = 96;

/// A callee counts whole milliseconds and often fires first; what it ends this close to our own deadline is our deadline.
const DEADLINE_SLACK: Duration = Duration::from_millis(10);

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

/// One call in the table.
#[derive(Debug)]
pub(super) struct Call {
    deadline: Option<Deadline>,
    /// Its message's number in the outbox, once it is there.
    number: Option<u64>,
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

    /// Starts a call. The answer comes with [`take_answer`](Self::take_answer), a stream's opening with
    /// [`poll_opened`](Self::poll_opened), both announced by a wake event.
    pub(crate) fn start_call(&mut self, now: Instant, spec: CallSpec) -> Result<Key, CallFailure> {
        let len = spec.payload.as_ref().map_or(0, Bytes::len)
            + spec.meta.as_ref().map_or(0, |meta| meta.encode().len());
        let max = self.limits.message_bytes_max;
        if len + OVERHEAD_BYTES > max {
            return Err(CallFailure::TooLarge { len, max });
        }
        if self.closing || !(self.is_up() || spec.wait) {
            let reason = if self.closing {
                "this node is shutting down".into()
            } else {
                Arc::clone(&self.down_reason)
            };
            return Err(CallFailure::Lost { sent: Sent::No, reason });
        }
        self.counters.calls += 1;
        let deadline = spec.deadline;
        let at_once = self.is_up() && self.has_room() && self.queued.is_empty();
        let body =
            if at_once { Body::Answered(None) } else { Body::Queued(Box::new(spec.clone())) };
        let key = self.calls.insert(Call { deadline, number: None, body });
        if let Some(deadline) = deadline {
            self.timers.arm(deadline.at, Timer::CallDeadline(key));
        }
        if !at_once {
            self.queued.push_back(key);
        } else if let Err(failure) = self.transmit(now, key, spec) {
            self.remove_call(key);
            return Err(failure);
        }
        Ok(key)
    }

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
        let is_stream = match call.body {
            Body::Queued(_) => return self.forget_queued(),
            Body::Answered(_) | Body::Failed(_) => return,
            Body::Single => false,
            Body::Stream(_) => true,
        };
        if let Some(id) = live_id {
            if is_stream || self.has(Feature::Cancel) {
                self.post(Post::new(Op::DisconnectServerMux, id), None);
            }
        }
    }

    // ---- sending ----------------------------------------------------------------------------------------------------

    /// Sends calls that wait in line, as far as there is room.
    pub(super) fn admit_queued(&mut self, now: Instant) {
        while self.is_up() && self.has_room() {
            let Some(key) = self.queued.pop_front() else { return };
            let Some(call) = self.calls.get_mut(key) else { continue };
            if !matches!(call.body, Body::Queued(_)) {
                continue; // Failed while it waited.
            }
            let Body::Queued(spec) = std::mem::replace(&mut call.body, Body::Answered(None)) else {
                continue;
            };
            if let Err(failure) = self.transmit(now, key, *spec) {
                self.fail_call(key, failure);
            }
        }
    }

    fn transmit(&mut self, now: Instant, key: Key, spec: CallSpec) -> Result<(), CallFailure> {
        if !spec.handler.is_pinned() && !self.has(Feature::Ids32) {
            return Err(CallFailure::Unsupported(Feature::Ids32.name()));
        }
        let meta = match &spec.meta {
            Some(meta) if self.has(Feature::Meta) => meta.encode(),
            // Metadata is part of what the user asked for; a trace is not worth a failed call.
            Some(meta) if !meta.user.is_empty() => {
                return Err(CallFailure::Unsupported(Feature::Meta.name()));
            }
            _ => Bytes::new(),
        };
        let id = MuxId(self.next_mux);
        self.next_mux += 1;
        let bound = self.calls.bind(key, id);
        debug_assert!(bound, "own ids count up");
        let (op, flags, body) = match spec.stream {
            None => (Op::Request, Flags::EOF, Body::Single),
            Some(capacities) => {
                let pings = spec
                    .deadline
                    .is_none_or(|deadline| deadline.after >= self.limits.stream_ping_every);
                if pings {
                    self.timers.arm(now + self.limits.stream_ping_every, Timer::CallPing(key));
                }
                let flags = if capacities.incoming == 0 { Flags::EOF } else { Flags::NONE };
                (
                    Op::ConnectMux,
                    flags,
                    Body::Stream(Box::new(CallerStream::new(now, capacities, pings))),
                )
            }
        };
        let post = Post {
            deadline_ms: spec.deadline.map_or(0, |deadline| millis_left(now, deadline.at)),
            handler: spec.handler.get(),
            ..Post::new(op, id).flags(flags)
        };
        let number = self.post_with(post, spec.payload.as_deref(), &meta, spec.subroute.as_ref());
        if let Some(call) = self.calls.get_mut(key) {
            call.number = Some(number);
            call.body = body;
        }
        Ok(())
    }

    // ---- answers ----------------------------------------------------------------------------------------------------

    pub(super) fn on_response(&mut self, message: &Message) -> Result<(), ProtocolError> {
        let Some((key, Body::Single)) = self.call_of(message.header.mux) else {
            self.ignore();
            return Ok(());
        };
        let outcome = if message.header.flags.contains(Flags::ERROR) {
            Body::Failed(CallFailure::Fault(self.fault_of(message)?))
        } else {
            Body::Answered(message.payload.clone())
        };
        self.settle(key, outcome);
        Ok(())
    }

    pub(super) fn on_connect_error(&mut self, message: &Message) -> Result<(), ProtocolError> {
        let Some((key, _)) = self.call_of(message.header.mux) else {
            self.ignore();
            return Ok(());
        };
        let text = Refusal::decode(payload_of(message))?.error;
        let code = if self.has(Feature::Meta) {
            self.fault_of(message)?.code
        } else {
            ErrorCode::UnknownHandler
        };
        let code = if code == ErrorCode::Text { ErrorCode::UnknownHandler } else { code };
        self.fail_call(key, CallFailure::Fault(Fault::new(code, text)));
        Ok(())
    }

    pub(super) fn on_ack(&mut self, now: Instant, message: &Message) {
        let Some((key, stream)) = self.stream_of(message.header.mux) else {
            return self.stale(message.header.mux);
        };
        if let Err(mismatch) = stream.core.check(message.header.seq) {
            return self.abort(key, mismatch.to_string());
        }
        stream.last_heard = now;
        stream.opened = true;
        stream.core.credits.open();
        self.wake(Side::Caller, key, Half::Both);
    }

    pub(super) fn on_server_msg(
        &mut self,
        now: Instant,
        message: Message,
    ) -> Result<(), ProtocolError> {
        let ends = message.header.flags.contains(Flags::EOF);
        let Some((key, stream)) = self.stream_of(message.header.mux) else {
            if !ends {
                self.stale(message.header.mux);
            }
            return Ok(());
        };
        stream.last_heard = now;
        if message.header.flags.contains(Flags::ERROR) {
            // Delivered whatever its sequence number: it says why the stream is over.
            let fault = self.fault_of(&message)?;
            self.end_call(key, Err(CallFailure::Fault(fault)));
            return Ok(());
        }
        if let Some(item) = message.payload {
            if let Err(mismatch) = stream.core.check(message.header.seq) {
                self.abort(key, mismatch.to_string());
                return Ok(());
            }
            stream.opened = true;
            if ends {
                stream.core.receive_last(item);
            } else if !stream.core.receive(item) {
                self.abort(key, "the peer sent more than its credits allow".to_owned());
                return Ok(());
            }
            self.wake(Side::Caller, key, Half::Reader);
        }
        if ends {
            self.end_call(key, Ok(()));
        }
        Ok(())
    }

    pub(super) fn on_unblock_client(
        &mut self,
        now: Instant,
        message: &Message,
    ) -> Result<(), ProtocolError> {
        let count = self.credits_in(message)?;
        let Some((key, stream)) = self.stream_of(message.header.mux) else {
            self.ignore();
            return Ok(());
        };
        stream.last_heard = now;
        match stream.core.check(message.header.seq) {
            Ok(()) => {
                stream.core.credits.grant(count);
                self.wake(Side::Caller, key, Half::Writer);
            }
            Err(mismatch) => self.abort(key, mismatch.to_string()),
        }
        Ok(())
    }

    pub(super) fn on_stream_pong(
        &mut self,
        now: Instant,
        message: &Message,
    ) -> Result<(), ProtocolError> {
        let pong = Pong::decode(payload_of(message))?;
        let Some((key, stream)) = self.stream_of(message.header.mux) else {
            self.stale(message.header.mux);
            return Ok(());
        };
        stream.last_heard = now;
        if pong.not_found {
            self.end_call(key, Err(text_fault("the peer does not know this stream any more")));
        } else if let Some(error) = pong.error {
            self.end_call(key, Err(text_fault(error)));
        }
        Ok(())
    }

    pub(super) fn on_disconnect_client(&mut self, now: Instant, message: &Message) {
        // Single requests are not meant: they end with a Response, or not at all.
        let Some((key, _)) = self.stream_of(message.header.mux) else { return self.ignore() };
        let deadline = self.calls.get(key).and_then(|call| call.deadline);
        let failure = match (deadline, &message.payload) {
            (_, Some(text)) if message.header.flags.contains(Flags::ERROR) => {
                text_fault(String::from_utf8_lossy(text).into_owned())
            }
            (Some(Deadline { at, after }), _)
                if at.saturating_duration_since(now) <= DEADLINE_SLACK =>
            {
                CallFailure::DeadlineExceeded { after }
            }
            _ => CallFailure::Lost { sent: Sent::Maybe, reason: "remote disconnected".into() },
        };
        self.end_call(key, Err(failure));
    }

    // ---- time -------------------------------------------------------------------------------------------------------

    pub(super) fn on_call_deadline(&mut self, key: Key) {
        let Some(Call { deadline: Some(Deadline { after, .. }), body, .. }) = self.calls.get(key)
        else {
            return;
        };
        let (after, is_stream) = (*after, matches!(body, Body::Stream(_)));
        if let Some(id) = self.calls.id_of(key) {
            if is_stream || self.has(Feature::Cancel) {
                self.post(Post::new(Op::DisconnectServerMux, id), None);
            }
        }
        self.fail_call(key, CallFailure::DeadlineExceeded { after });
    }

    pub(super) fn on_call_ping(&mut self, now: Instant, key: Key) {
        let every = self.limits.stream_ping_every;
        let Some(id) = self.calls.id_of(key) else { return };
        let Some(Call { body: Body::Stream(stream), .. }) = self.calls.get_mut(key) else { return };
        let silent = now.saturating_duration_since(stream.last_heard);
        if silent >= every * 2 {
            self.post(Post::new(Op::DisconnectServerMux, id), None);
            let reason = format!("no sign of life on the stream for {silent:?}").into();
            return self.end_call(key, Err(CallFailure::Lost { sent: Sent::Maybe, reason }));
        }
        let seq = stream.core.next_seq();
        self.post(Post::new(Op::Ping, id).seq(seq), None);
        self.timers.arm(now + every, Timer::CallPing(key));
    }

    // ---- ends -------------------------------------------------------------------------------------------------------

    /// The connection is gone: every call that is not over ends, but those that never left and are willing to wait.
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
            Some(Body::Queued(_) | Body::Single | Body::Answered(_)) => {
                self.settle(key, Body::Failed(failure))
            }
            Some(Body::Failed(_)) | None => {}
        }
    }

    /// A single request has its outcome.
    fn settle(&mut self, key: Key, outcome: Body) {
        self.calls.unbind(key);
        if let Some(call) = self.calls.get_mut(key) {
            call.body = outcome;
            self.wake(Side::Caller, key, Half::Both);
        }
    }

    /// A stream is over. What it has received so far can still be read.
    fn end_call(&mut self, key: Key, end: Result<(), CallFailure>) {
        self.calls.unbind(key);
        if let Some(Call { body: Body::Stream(stream), .. }) = self.calls.get_mut(key) {
            // A stream may complete without an AckMux having been needed.
            stream.opened |= end.is_ok();
            stream.end.get_or_insert(end);
            self.wake(Side::Caller, key, Half::Both);
        }
    }

    /// The callee broke the rules of this stream: it is told to stop, and the stream ends with an error.
    fn abort(&mut self, key: Key, text: String) {
        if let Some(id) = self.calls.id_of(key) {
            self.post(Post::new(Op::DisconnectServerMux, id), None);
        }
        self.end_call(key, Err(text_fault(text)));
    }

    /// An answer for a stream that is over here. The Go implementation answers it with DisconnectClientMux; between our
    /// own nodes nothing is said, because that message could hit a call of the peer that has the same id.
    fn stale(&mut self, id: MuxId) {
        self.ignore();
        if !self.peer_has_extensions() {
            self.post(Post::new(Op::DisconnectClientMux, id), None);
        }
    }

    // ---- small ------------------------------------------------------------------------------------------------------

    fn remove_call(&mut self, key: Key) -> Option<Call> {
        let call = self.calls.remove(key)?;
        let pings = matches!(&call.body, Body::Stream(stream) if stream.pings);
        self.forget_timers(usize::from(call.deadline.is_some()) + usize::from(pings));
        Some(call)
    }

    /// Drops entries of calls that are gone from the waiting line when they outnumber the others.
    fn forget_queued(&mut self) {
        let waiting = self.queued.iter().filter(|key| self.calls.contains(**key)).count();
        if self.queued.len() > 2 * waiting + 16 {
            let calls = &self.calls;
            self.queued.retain(|key| calls.contains(*key));
        }
    }

    fn call_of(&self, id: MuxId) -> Option<(Key, &Body)> {
        let key = self.calls.key_of(id)?;
        Some((key, &self.calls.get(key)?.body))
    }

    fn stream_of(&mut self, id: MuxId) -> Option<(Key, &mut CallerStream)> {
        let key = self.calls.key_of(id)?;
        Some((key, self.caller_stream(key)?))
    }

    pub(super) fn caller_stream(&mut self, key: Key) -> Option<&mut CallerStream> {
        match &mut self.calls.get_mut(key)?.body {
            Body::Stream(stream) => Some(stream),
            Body::Queued(_) | Body::Single | Body::Answered(_) | Body::Failed(_) => None,
        }
    }

    /// Reads the error that a message carries: its text, and code and body where the peer sends them.
    fn fault_of(&self, message: &Message) -> Result<Fault, ProtocolError> {
        let text = message
            .payload
            .as_ref()
            .map(|text| String::from_utf8_lossy(text).into_owned())
            .unwrap_or_default();
        let meta = if self.has(Feature::Meta) { self.meta_of(message)? } else { None };
        Ok(match meta.and_then(|meta| meta.error) {
            Some(error) => {
                Fault { code: ErrorCode::from(error.code), message: text, body: error.body }
            }
            None => Fault::new(ErrorCode::Text, text),
        })
    }

    /// The metadata of a message, where the session has any.
    pub(super) fn meta_of(&self, message: &Message) -> Result<Option<Box<Meta>>, ProtocolError> {
        if !message.header.flags.contains(Flags::META) || !self.has(Feature::Meta) {
            return Ok(None);
        }
        Ok(Some(Box::new(Meta::decode(&message.trailer)?)))
    }

    /// The number of credits that a message gives: one, or more where the peer may say so.
    pub(super) fn credits_in(&self, message: &Message) -> Result<u32, ProtocolError> {
        if self.has(Feature::Credits) {
            Ok(decode_credits(message.payload.as_ref())?.get())
        } else {
            Ok(1)
        }
    }

    fn unknown_call(&self) -> CallFailure {
        CallFailure::Lost { sent: Sent::Maybe, reason: "the call is over".into() }
    }
}

impl CallerStream {
    fn new(now: Instant, capacities: Capacities, pings: bool) -> Self {
        Self {
            // The ConnectMux has number 0, and so has the AckMux that answers it.
            core: StreamCore::new(
                1,
                0,
                SendCredits::closed(capacities.incoming),
                capacities.outgoing.max(1),
            ),
            opened: false,
            input_ended: capacities.incoming == 0,
            end: None,
            last_heard: now,
            pings,
        }
    }
}

/// The payload of a message that must have one; without it, what is missing is found in the empty one.
pub(super) fn payload_of(message: &Message) -> &Bytes {
    static EMPTY: Bytes = Bytes::new();
    message.payload.as_ref().unwrap_or(&EMPTY)
}

fn text_fault(text: impl Into<String>) -> CallFailure {
    CallFailure::Fault(Fault::new(ErrorCode::Text, text))
}

/// Whole milliseconds until `at`; never 0, which would mean none.
fn millis_left(now: Instant, at: Instant) -> u32 {
    u32::try_from(at.saturating_duration_since(now).as_millis()).unwrap_or(u32::MAX).max(1)
}
