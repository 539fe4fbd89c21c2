//! Starting a call: checks that need no peer, the waiting line, the first message.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::{Body, Call, CallSpec, CallerStream, Deadline};
use crate::proto::error::CallFailure;
use crate::proto::fault::Sent;
use crate::proto::link::{Link, Post};
use crate::proto::muxes::Key;
use crate::proto::output::queue::Waiting;
use crate::proto::session::features::Feature;
use crate::proto::stream::core::{Capacities, StreamCore};
use crate::proto::stream::credits::SendCredits;
use crate::proto::timers::Timer;
use crate::proto::wire::{DecodeError, Flags, MuxId, Op};

impl Link {
    /// Starts a call. The answer comes with [`take_answer`](Self::take_answer), a stream's opening with
    /// [`poll_opened`](Self::poll_opened), both announced by a wake event.
    ///
    /// The call is only looked at. What must wait is copied, or shared and given back as [`Event::Spent`] if it is large:
    /// dropping a buffer of the user's can run the user's code, which is for after the lock.
    ///
    /// [`Event::Spent`]: crate::proto::Event::Spent
    pub(crate) fn start_call(&mut self, now: Instant, spec: &CallSpec) -> Result<Key, CallFailure> {
        let deadline = spec.deadline;
        if let Some(Deadline { after, .. }) = deadline.filter(|deadline| deadline.at <= now) {
            return Err(CallFailure::DeadlineExceeded { after });
        }
        let meta = self.check_size(spec)?;
        if self.closing {
            return Err(CallFailure::Closing);
        }
        if !(self.is_up() || spec.wait) {
            return Err(CallFailure::Lost {
                sent: Sent::No,
                reason: Arc::clone(&self.down_reason),
            });
        }
        if self.is_up() {
            self.check_features(spec)?;
        }
        self.counters.calls += 1;
        let lane = self.lane_of(spec.payload.as_ref().map_or(0, Bytes::len));
        let at_once = self.takes_more(lane);
        let body = if at_once {
            Body::Single
        } else {
            let payload = spec.payload.as_ref().map(|payload| self.keep(payload));
            Body::Queued(Box::new(spec.with_payload(payload)))
        };
        let key = self.calls.insert(Call { deadline, number: None, body });
        if let Some(deadline) = deadline {
            self.timers.arm(deadline.at, Timer::CallDeadline(key));
        }
        if at_once {
            self.transmit(now, key, spec, &meta);
        } else {
            self.wait_in_line(lane, Waiting::Call(key));
        }
        Ok(key)
    }

    /// Whether the peer will read the call's first message. Gives the encoded metadata.
    fn check_size(&self, spec: &CallSpec) -> Result<Bytes, CallFailure> {
        let meta = match spec.meta.as_ref().map(|meta| meta.encode_checked()) {
            None => Bytes::new(),
            Some(Ok(meta)) => meta,
            Some(Err(DecodeError::TooLong { len, max, .. })) => {
                return Err(CallFailure::TooLarge { len, max });
            }
            Some(Err(error)) => {
                return Err(CallFailure::BadMeta(format!("metadata that no peer takes: {error}")));
            }
        };
        let len = spec.payload.as_ref().map_or(0, Bytes::len) + meta.len();
        let max = self.limits.payload_bytes_max();
        if len > max { Err(CallFailure::TooLarge { len, max }) } else { Ok(meta) }
    }

    /// Whether the peer knows what the call needs.
    fn check_features(&self, spec: &CallSpec) -> Result<(), CallFailure> {
        let needs_ids = spec.handler.get() > u8::MAX.into();
        // Metadata is part of what the user asked for; a trace is not worth a failed call.
        let needs_meta = spec.meta.as_ref().is_some_and(|meta| !meta.user.is_empty());
        for (needed, feature) in [(needs_ids, Feature::Ids32), (needs_meta, Feature::Meta)] {
            if needed && !self.has(feature) {
                return Err(CallFailure::Unsupported(feature.name()));
            }
        }
        Ok(())
    }

    // ---- sending ----------------------------------------------------------------------------------------------------

    pub(in crate::proto) fn is_queued(&self, key: Key) -> bool {
        self.calls.get(key).is_some_and(|call| matches!(call.body, Body::Queued(_)))
    }

    /// Bytes of a payload that waits.
    pub(in crate::proto) fn queued_len(&self, key: Key) -> usize {
        match self.calls.get(key).map(|call| &call.body) {
            Some(Body::Queued(spec)) => spec.payload.as_ref().map_or(0, Bytes::len),
            _ => 0,
        }
    }

    /// It is this call's turn, if it still waits.
    pub(in crate::proto) fn admit_call(&mut self, now: Instant, key: Key) {
        if !self.is_queued(key) {
            return;
        }
        let Some(call) = self.calls.get_mut(key) else { return };
        let Body::Queued(mut spec) = std::mem::replace(&mut call.body, Body::Single) else {
            return;
        };
        let late = call.deadline.filter(|deadline| deadline.at <= now);
        let failure = late.map(|Deadline { after, .. }| CallFailure::DeadlineExceeded { after });
        match failure.map_or_else(|| self.check_features(&spec), Err) {
            Ok(()) => {
                let meta = spec.meta.as_ref().map(|meta| meta.encode()).unwrap_or_default();
                self.transmit(now, key, &spec, &meta);
            }
            Err(failure) => self.fail_call(key, failure),
        }
        self.spend(spec.payload.take());
    }

    fn transmit(&mut self, now: Instant, key: Key, spec: &CallSpec, meta: &[u8]) {
        let meta = if self.has(Feature::Meta) { meta } else { &[] };
        let id = MuxId(self.next_mux);
        self.next_mux += 1;
        let bound = self.calls.bind(key, id);
        debug_assert!(bound, "own ids count up");
        let (op, flags) = match spec.stream {
            None => (Op::Request, Flags::EOF),
            Some(Capacities { incoming: 0, .. }) => (Op::ConnectMux, Flags::EOF),
            Some(_) => (Op::ConnectMux, Flags::NONE),
        };
        let deadline_ms = match (spec.deadline, spec.stream) {
            (Some(deadline), _) => millis_left(now, deadline.at),
            (None, Some(_)) => 0,
            // The protocol knows no request without a deadline.
            (None, None) => u32::MAX,
        };
        let post =
            Post { deadline_ms, handler: spec.handler.get(), ..Post::new(op, id).flags(flags) };
        let number = self.post_shared(post, spec.payload.as_ref(), meta, spec.subroute.as_ref());
        let body = match spec.stream {
            None => Body::Single,
            Some(capacities) => {
                let every = self.limits.stream_ping_every;
                let pings = spec.deadline.is_none_or(|deadline| deadline.after >= every);
                if pings {
                    self.timers.arm(now + every, Timer::CallPing(key));
                }
                Body::Stream(Box::new(CallerStream::new(now, capacities, pings)))
            }
        };
        if let Some(call) = self.calls.get_mut(key) {
            call.number = Some(number);
            call.body = body;
        }
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

/// Whole milliseconds until `at`; never 0, which would mean none.
fn millis_left(now: Instant, at: Instant) -> u32 {
    u32::try_from(at.saturating_duration_since(now).as_millis()).unwrap_or(u32::MAX).max(1)
}
