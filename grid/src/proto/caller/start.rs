//! Starting a call: checks that need no peer, the waiting line, the first message.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::{Body, Call, CallSpec, CallerStream};
use crate::proto::credits::SendCredits;
use crate::proto::error::CallFailure;
use crate::proto::fault::Sent;
use crate::proto::features::Feature;
use crate::proto::link::{Link, Post};
use crate::proto::muxes::Key;
use crate::proto::stream::{Capacities, StreamCore};
use crate::proto::timers::Timer;
use crate::proto::wire::{Flags, MuxId, Op};

/// Bytes that a message needs beside payload and metadata, at most.
const OVERHEAD_BYTES: usize = 96;

impl Link {
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
    /// Sends calls that wait in line, as far as there is room.
    pub(in crate::proto) fn admit_queued(&mut self, now: Instant) {
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
