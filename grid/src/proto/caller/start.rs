//! Starting a call: checks that need no peer, the queue, the first message.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::call::{Call, CallSpec, CallState, CallerStream, Deadline, Opening, QueuedCall};
use crate::error::{CallFailure, CodecError, Sent};
use crate::proto::body::Body;
use crate::proto::link::{Link, still_waits};
use crate::proto::muxes::Key;
use crate::proto::output::header::HeaderTemplate;
use crate::proto::output::queue::PendingSend;
use crate::proto::session::features::Feature;
use crate::proto::stream::capacities::Capacities;
use crate::proto::timers::Timer;
use crate::proto::wire::{DecodeError, Flags, HandlerId, Meta, Op};

impl Link {
    /// Starts a call. The answer comes with [`take_answer`](Self::take_answer), a stream's opening with
    /// [`poll_opened`](Self::poll_opened), both announced by a wake event.
    ///
    /// The link borrows the call and drops nothing of it, since dropping a buffer can run the user's code, which must
    /// not happen under a lock. What must wait is copied: metadata in its encoded form, a small payload as it is. A
    /// large payload is shared, and handed out as [`Event::Released`] when it is not needed any more.
    ///
    /// [`Event::Released`]: crate::proto::Event::Released
    pub(crate) fn start_call(&mut self, now: Instant, spec: &CallSpec) -> Result<Key, CallFailure> {
        self.begin_call(now, spec, false)
    }

    #[inline]
    pub(super) fn begin_call(
        &mut self,
        now: Instant,
        spec: &CallSpec,
        is_post: bool,
    ) -> Result<Key, CallFailure> {
        let deadline = spec.deadline;
        if let Some(Deadline { after, .. }) = deadline.filter(|deadline| deadline.at <= now) {
            return Err(self.late(after, Sent::No));
        }
        // Errors of the call itself come before those of the connection, so that they do not depend on its state.
        let meta = self.encode_meta(spec)?;
        if self.is_closing() {
            return Err(match self.removed() {
                Some(reason) => self.disconnected(Sent::No, Arc::clone(reason)),
                None => CallFailure::ShutDown,
            });
        }
        if !(self.is_up() || spec.wait && self.may_connect()) {
            return Err(self.disconnected(Sent::No, Arc::clone(&self.down_reason)));
        }
        if let Some(failure) = self.drained_peer() {
            return Err(failure);
        }
        // Without a connection the peer's extensions are not known. `admit_call` checks them then.
        if self.is_up() {
            self.check_features(spec.handler, spec.needs_meta())?;
        }
        let post = self.post_room_of(spec, meta.len(), is_post)?;
        self.counters.calls += 1;
        let payload_len = spec.payload.as_ref().map_or(0, Body::len);
        let lane = self.output.lane_of(payload_len);
        let has_room = self.requests.has_capacity(payload_len);
        if has_room && self.output.has_capacity(lane) {
            let key = self.insert_call(deadline, CallState::Single);
            self.send_opening(now, key, Opening { post, ..spec.opening(&meta) });
            return Ok(key);
        }
        let payload = spec.payload.as_ref().map(|payload| self.output.retain(payload));
        let queued = Box::new(QueuedCall::new(spec, payload, meta, post));
        let key = self.insert_call(deadline, CallState::Queued(queued));
        // Behind those that wait for room in the output, which are not counted as in flight yet: posts keep their order.
        if has_room || self.output.has_waiting(lane) {
            self.enqueue(lane, PendingSend::Call { key, payload_len });
        } else {
            self.wait_for_room(key, payload_len);
        }
        Ok(key)
    }

    /// Lets a call wait until the peer has room for its request.
    fn wait_for_room(&mut self, key: Key, payload_len: usize) {
        let (calls, served) = (&self.calls, &self.served);
        let pending = PendingSend::Call { key, payload_len };
        self.requests.enqueue(pending, payload_len, |other| still_waits(calls, served, other));
    }

    #[inline]
    fn insert_call(&mut self, deadline: Option<Deadline>, state: CallState) -> Key {
        let key = self.calls.insert(Call::new(deadline, state));
        if let Some(deadline) = deadline {
            self.timers.arm(deadline.at, Timer::CallDeadline(key));
        }
        key
    }

    /// Encodes the call's metadata, and checks that the peer will accept the size of the first message.
    fn encode_meta(&self, spec: &CallSpec) -> Result<Bytes, CallFailure> {
        let capacities = spec.stream.map(Capacities::stated);
        let meta = match (&spec.meta, capacities) {
            (Some(meta), _) => Some(meta.encode_checked(capacities)),
            (None, Some(_)) => Some(Meta::default().encode_checked(capacities)),
            (None, None) => None,
        };
        let meta = match meta {
            None => Bytes::new(),
            Some(Ok(meta)) => meta,
            Some(Err(DecodeError::TooLong { len, max, .. })) => {
                let error =
                    format_args!("metadata of {len} bytes exceeds the limit of {max} bytes");
                return Err(CallFailure::Encode(CodecError::new(error)));
            }
            Some(Err(error)) => {
                let error = CodecError::new(format_args!("invalid metadata: {error}"));
                return Err(CallFailure::Encode(error));
            }
        };
        let len = spec.payload.as_ref().map_or(0, Body::len) + meta.len();
        self.check_payload(len).map_err(CallFailure::Encode)?;
        Ok(meta)
    }

    /// Whether the peer has the extensions that the call needs.
    fn check_features(&self, handler: HandlerId, needs_meta: bool) -> Result<(), CallFailure> {
        let needs_ids = handler.get() > u8::MAX.into();
        for (needed, feature) in [(needs_ids, Feature::Ids32), (needs_meta, Feature::Meta)] {
            if needed && !self.has(feature) {
                let (feature, peer) = (feature.name(), Arc::clone(&self.peer));
                return Err(CallFailure::Unsupported { feature, peer });
            }
        }
        Ok(())
    }

    // ---- sending ----------------------------------------------------------------------------------------------------

    /// There is room in the output for a queued call, if it still waits: sends its first message, or lets it wait for room
    /// at the peer.
    pub(in crate::proto) fn admit_call(&mut self, now: Instant, key: Key, payload_len: usize) {
        if self.requests.has_capacity(payload_len) {
            self.open_call(now, key);
        } else if self.calls.get(key).is_some_and(Call::is_queued) {
            self.wait_for_room(key, payload_len);
        }
    }

    /// There is room for a queued call, if it still waits: sends its first message.
    pub(in crate::proto) fn open_call(&mut self, now: Instant, key: Key) {
        let Some(call) = self.calls.get_mut(key).filter(|call| call.is_queued()) else { return };
        let CallState::Queued(mut queued) = std::mem::replace(&mut call.state, CallState::Single)
        else {
            return;
        };
        if let Some(share) = queued.post() {
            call.state = CallState::Posted(share);
        }
        let late = call.deadline.filter(|deadline| deadline.at <= now);
        let failure = late.map(|Deadline { after, .. }| self.late(after, Sent::No));
        // It may have been queued without a connection, or under a previous one with other extensions and limits.
        let check = || {
            self.check_payload(queued.opening().len()).map_err(CallFailure::Encode)?;
            self.check_features(queued.handler(), queued.needs_meta())
        };
        match failure.map_or_else(check, Err) {
            Ok(()) => self.send_opening(now, key, queued.opening()),
            Err(failure) => self.fail_call(key, failure),
        }
        self.output.release(queued.take_payload());
    }

    /// Binds a mux id to the call and sends its first message. Its state becomes `Single`, `Posted` or `Stream`.
    fn send_opening(&mut self, now: Instant, key: Key, opening: Opening<'_>) {
        let Opening { handler, subroute, payload, meta, deadline, stream, post } = opening;
        let payload_len = payload.map_or(0, Body::len);
        let requested = self.requests.take(payload_len, stream.is_some());
        let window = stream.and_then(|capacities| self.new_window(capacities.outgoing.max(1)));
        // Only a trace context and capacities can be dropped here: `check_features` comes before.
        let meta = if self.has(Feature::Meta) { meta } else { &[] };
        let with_window = window.map(|window| Meta::announce(meta, window.announced()));
        let meta = with_window.as_deref().unwrap_or(meta);
        let id = self.next_mux_id();
        let bound = self.calls.bind(key, id);
        debug_assert!(bound, "own ids count up");
        let (op, flags) = match stream {
            None => (Op::Request, Flags::EOF),
            Some(Capacities { incoming: 0, .. }) => (Op::ConnectMux, Flags::EOF),
            Some(_) => (Op::ConnectMux, Flags::NONE),
        };
        let deadline_ms = match (deadline, stream) {
            (Some(deadline), _) => millis_left(now, deadline.at),
            (None, Some(_)) => 0,
            // The protocol has no request without a deadline.
            (None, None) => u32::MAX,
        };
        let header = HeaderTemplate::new(op, id)
            .flags(flags)
            .deadline_ms(deadline_ms)
            .handler(handler.get());
        let ticket = self.output.push_shared(header, payload, meta, subroute, 0);
        let state = match stream {
            None => post.map_or(CallState::Single, CallState::Posted),
            Some(capacities) => {
                let every = self.limits.stream_ping_every;
                let pings = deadline.is_none_or(|deadline| deadline.after >= every);
                if pings {
                    // The first interval is shorter by up to a quarter, so that streams that are opened together do not
                    // ping together for ever.
                    let earlier = every / 4 * key.spread(PING_SPREAD) / PING_SPREAD;
                    self.timers.arm(now + every - earlier, Timer::CallPing(key));
                }
                let since = self.epoch.ticks(now);
                let stream = CallerStream::new(now, since, handler, capacities, window, pings);
                CallState::Stream(Box::new(stream))
            }
        };
        if let Some(call) = self.calls.get_mut(key) {
            call.ticket = Some(ticket);
            call.requested = requested;
            call.state = state;
        }
    }
}

/// The number of different times at which streams that are opened together send their first pings.
const PING_SPREAD: u32 = 1024;

/// Whole milliseconds until `at`; never 0, which would mean no deadline.
fn millis_left(now: Instant, at: Instant) -> u32 {
    u32::try_from(at.saturating_duration_since(now).as_millis()).unwrap_or(u32::MAX).max(1)
}
