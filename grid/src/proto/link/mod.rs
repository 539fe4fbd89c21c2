//! [`Link`]: the state machine of one pair of nodes.
//!
//! It outlives connections: [`Link::start`] and [`Link::stop`] mark where one begins and ends, mux ids go on counting,
//! and calls that asked to wait for a connection stay. What a message means for a call is in caller/ (calls this node made)
//! and callee/ (calls it serves).
//!
//! ```text
//!   Inbound ──► handle_messages ──► by op ──► caller/, callee/, stream/ ──► events, Output
//!   handle_timeout ──► timers, keepalive ─────────────┘
//! ```
//!
//! A link is used under a lock, so its methods run none of the user's code: they borrow the user's buffers, and hand
//! what they have retained out as [`Event::Released`] to be dropped outside the lock.
//!
//! | file | what |
//! |---|---|
//! | `mod.rs` | [`Link`]: sessions, figures, memory, time, events |
//! | `receive.rs` | received messages, by op |
//! | `transmit.rs` | messages for the socket, and what waits for its turn |
//! | `look.rs` | the streams, for operators |

mod look;
mod receive;
mod transmit;

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{CodecError, LinkError, too_large};
use crate::proto::callee::served::Served;
use crate::proto::caller::call::Call;
use crate::proto::caller::post_room::PostRoom;
use crate::proto::caller::room::RequestRoom;
use crate::proto::drain::stage::Drain;
use crate::proto::error::ProtocolError;
use crate::proto::event::{Event, Finding, Half, Released, Side};
use crate::proto::input::{Coverage, Inbound};
use crate::proto::limits::{Limits, payload_bytes_of};
use crate::proto::memory::{Account, Over};
use crate::proto::muxes::{Key, Muxes};
use crate::proto::output::queue::PendingSend;
use crate::proto::output::{Output, SessionOptions};
use crate::proto::routes::Routes;
use crate::proto::session::Session;
use crate::proto::session::connected::Connected;
use crate::proto::session::features::Feature;
use crate::proto::session::flood::FloodBudget;
use crate::proto::stream::window::WindowBudget;
use crate::proto::ticks::Epoch;
use crate::proto::timers::{Timer, Timers};
use crate::proto::wire::MuxId;

/// Timers that are handled at a time. A hundred thousand streams that were opened together have their timers together,
/// and callers must be able to use the link in between.
const TIMERS_MAX: usize = 256;

/// What has happened on this link since the node started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    /// Messages of the protocol. Each part of a merged message counts, and a large message in parts counts once.
    pub(crate) messages_out: u64,
    pub(crate) messages_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) bytes_in: u64,
    /// Calls and streams that this node started.
    pub(crate) calls: u64,
    /// Calls and streams of the peer that a handler was run for.
    pub(crate) served: u64,
    /// Connections that were up.
    pub(crate) connects: u64,
    /// Messages that were ignored: unknown ops, answers to calls that are over, and the like.
    pub(crate) ignored: u64,
    /// How often a writer of a stream has begun to wait for the reader at the peer.
    pub(crate) stalls: u64,
}

/// How far the shutdown of this node has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shutdown {
    /// Not shutting down.
    No,
    /// Calls that this node serves are finished. Their handlers may make calls.
    Finishing,
    /// This node makes no new calls either.
    Closing,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Link {
    pub(in crate::proto) limits: Limits,
    pub(in crate::proto) routes: Arc<Routes>,
    up: Option<Connected>,
    /// Name of the other node, for errors.
    pub(in crate::proto) peer: Arc<str>,
    /// Why there is no connection.
    pub(in crate::proto) down_reason: Arc<LinkError>,
    shutdown: Shutdown,
    /// New calls of the peer are refused.
    refuses_peer: bool,
    /// The peer is no member any more: why new calls of this node fail.
    removed: Option<Arc<LinkError>>,
    /// What was announced on this connection.
    pub(in crate::proto) drain: Drain,
    /// There will be no connection any more.
    abandoned: bool,
    pub(in crate::proto) output: Output,
    /// Memory that the peer makes this node hold.
    pub(in crate::proto) account: Account,
    /// What the windows of all streams have together.
    pub(in crate::proto) windows: WindowBudget,
    pub(in crate::proto) calls: Muxes<Call>,
    /// What they may make the peer hold.
    pub(in crate::proto) requests: RequestRoom,
    /// What those of them use that nobody waits for.
    pub(in crate::proto) posts: PostRoom,
    pub(in crate::proto) served: Muxes<Served>,
    /// Tasks of handlers, those of calls that are over included.
    pub(in crate::proto) handlers: usize,
    next_mux: u64,
    /// What the times of streams are counted from.
    pub(in crate::proto) epoch: Epoch,
    pub(in crate::proto) timers: Timers,
    /// The last connection carried a call: this node received an answer, or served a call of the peer.
    pub(in crate::proto) carried_calls: bool,
    /// Largest message that is sent now: this node's limit, or that of the peer if it is smaller.
    message_bytes_max: usize,
    /// When bytes were received last that were not a whole message.
    last_incomplete: Option<Instant>,
    /// What the peer may send that is of no use. It is kept over reconnections, or a flood could go on after each.
    pub(in crate::proto) flood: FloodBudget,
    events: VecDeque<Event>,
    pub(in crate::proto) counters: Counters,
}

impl Link {
    /// A link without a connection, whose calls are numbered from `first_mux` on.
    ///
    /// A node must choose `first_mux` at random each time it starts: a peer may still answer the calls of an earlier run,
    /// and those answers must not have the numbers of new calls.
    pub(crate) fn new(
        peer: Arc<str>,
        limits: Limits,
        routes: Arc<Routes>,
        first_mux: NonZeroU32,
    ) -> Self {
        Self {
            output: Output::new(&limits),
            account: Account::new(limits.new_ledger()),
            windows: WindowBudget::new(limits.windows_bytes_max()),
            carried_calls: false,
            message_bytes_max: limits.message_bytes_max,
            requests: RequestRoom::new(limits.large_bytes),
            limits,
            routes,
            up: None,
            peer,
            down_reason: Arc::new(LinkError::NotConnected),
            shutdown: Shutdown::No,
            refuses_peer: false,
            removed: None,
            drain: Drain::default(),
            abandoned: false,
            calls: Muxes::default(),
            posts: PostRoom::default(),
            served: Muxes::default(),
            handlers: 0,
            next_mux: first_mux.get().into(),
            epoch: Epoch::default(),
            timers: Timers::default(),
            last_incomplete: None,
            flood: FloodBudget::default(),
            events: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    // ---- sessions ---------------------------------------------------------------------------------------------------

    /// A connection is up; the handshake is done.
    pub(crate) fn start(&mut self, now: Instant, session: Session) {
        debug_assert!(self.up.is_none());
        self.epoch.begin(now);
        let own_max = self.limits.message_bytes_max;
        self.message_bytes_max =
            session.peer_message_bytes_max.map_or(own_max, |max| max.min(own_max));
        self.output.start(SessionOptions {
            checksum: session.checksum,
            chunks: session.features.has(Feature::Chunks),
            message_bytes_max: self.message_bytes_max,
        });
        self.requests.start(session.peer_requests_bytes_max);
        self.up = Some(Connected::new(now, session, self.limits.ping_every));
        self.counters.connects += 1;
        self.carried_calls = false;
        self.announce_drain();
        self.admit(now);
    }

    /// A decoder for the messages of the connection that is up. Each connection needs a new one.
    pub(crate) fn new_inbound(&self) -> Inbound {
        let ledger = Arc::clone(self.account.ledger());
        ledger.reserve(self.has(Feature::Chunks));
        let coverage = self.up.as_ref().map_or(Coverage::None, Connected::coverage);
        let large_max = self.has(Feature::Chunks).then_some(self.limits.message_bytes_max);
        Inbound::new(coverage, large_max, ledger)
    }

    /// The connection is gone: everything in flight ends, on both sides of this node.
    pub(crate) fn stop(&mut self, reason: Arc<LinkError>) {
        self.replace_down_reason(reason);
        self.up = None;
        self.drain = Drain::default();
        self.message_bytes_max = self.limits.message_bytes_max;
        self.fail_calls_on_disconnect();
        self.cancel_served_on_disconnect();
        // Last: the calls above asked it what was transmitted.
        let (calls, served) = (&self.calls, &self.served);
        self.output.stop(|pending| still_waits(calls, served, pending));
        self.requests.stop(|pending| still_waits(calls, served, pending));
        self.count_output();
        self.account.trim();
    }

    /// Sets the reason why there is no connection, after an attempt to connect. Ignored while a connection is up.
    pub(crate) fn set_down_reason(&mut self, reason: Arc<LinkError>) {
        if self.up.is_none() {
            self.replace_down_reason(reason);
        }
    }

    fn replace_down_reason(&mut self, reason: Arc<LinkError>) {
        let before = std::mem::replace(&mut self.down_reason, reason);
        self.emit(Event::Released(Released::Error(before)));
    }

    /// The node shuts down: calls that it serves are finished. With `refuse_peer` new calls of the peer are refused.
    pub(crate) fn finish(&mut self, refuse_peer: bool) {
        self.refuses_peer |= refuse_peer;
        if self.shutdown == Shutdown::No {
            self.shutdown = Shutdown::Finishing;
        }
        self.announce_drain();
    }

    /// From now on new calls are refused, the peer's and this node's. Calls in flight continue.
    pub(crate) fn close(&mut self) {
        self.refuses_peer = true;
        self.shutdown = Shutdown::Closing;
        self.announce_drain();
    }

    /// Like [`close`](Self::close), for a peer that is no member any more: new calls of this node fail with this reason, and
    /// there will be no other connection.
    pub(crate) fn remove(&mut self, reason: Arc<LinkError>) {
        self.removed = Some(reason);
        self.close();
    }

    /// Why the peer is no member any more.
    pub(crate) fn removed(&self) -> Option<&Arc<LinkError>> {
        self.removed.as_ref()
    }

    /// Whether new calls of the peer are refused.
    pub(in crate::proto) fn refuses_peer(&self) -> bool {
        self.refuses_peer
    }

    pub(crate) fn is_shutting_down(&self) -> bool {
        self.shutdown != Shutdown::No
    }

    /// The task that drove the link is gone: everything in flight ends, and calls do not wait for a connection any more.
    pub(crate) fn abandon(&mut self, reason: Arc<LinkError>) {
        self.abandoned = true;
        self.stop(reason);
    }

    /// Whether a call can wait for a connection.
    pub(in crate::proto) fn may_connect(&self) -> bool {
        !(self.is_closing() || self.abandoned)
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.shutdown == Shutdown::Closing
    }

    /// Whether no handler of this node runs for the peer.
    pub(crate) fn serves_nothing(&self) -> bool {
        self.served.len() == 0
    }

    /// Whether nothing is in flight in either direction, and no message waits for the socket.
    pub(crate) fn is_drained(&self) -> bool {
        // A call that waits for room can be sent now that others are over.
        self.served.len() == 0
            && self.calls.bound() == 0
            && self.output.is_empty()
            && !self.wants_transmit()
    }

    pub(crate) fn is_up(&self) -> bool {
        self.up.is_some()
    }

    /// Whether the last connection carried a call: this node received an answer, or served a call of the peer.
    pub(crate) fn carried_calls(&self) -> bool {
        self.carried_calls
    }

    pub(crate) fn up_since(&self) -> Option<Instant> {
        self.up.as_ref().map(Connected::since)
    }

    pub(crate) fn has(&self, feature: Feature) -> bool {
        self.up.as_ref().is_some_and(|up| up.has(feature))
    }

    /// Whether it is the link of a node to itself.
    pub(in crate::proto) fn is_loopback(&self) -> bool {
        self.up.as_ref().is_some_and(Connected::is_loopback)
    }

    /// Whether the peer knows at least one extension, so that it is not a node of the Go implementation.
    pub(in crate::proto) fn peer_has_extensions(&self) -> bool {
        self.up.as_ref().is_some_and(Connected::peer_has_extensions)
    }

    /// Largest payload that can be sent now, metadata included. Without a connection only this node's limit is known.
    pub(crate) fn payload_bytes_max(&self) -> usize {
        payload_bytes_of(self.message_bytes_max)
    }

    /// Fails if a payload of `len` bytes, metadata included, is too large to be sent now.
    pub(crate) fn check_payload(&self, len: usize) -> Result<(), CodecError> {
        let max = self.payload_bytes_max();
        if len <= max {
            return Ok(());
        }
        Err(too_large(
            len,
            max,
            self.message_bytes_max,
            self.is_limited_by_peer().then_some(&*self.peer),
        ))
    }

    /// Whether the peer accepts only smaller messages than this node would send.
    pub(in crate::proto) fn is_limited_by_peer(&self) -> bool {
        self.message_bytes_max < self.limits.message_bytes_max
    }

    pub(in crate::proto) fn next_mux_id(&mut self) -> MuxId {
        let id = MuxId(self.next_mux);
        self.next_mux += 1;
        id
    }

    /// Continues with this mux id.
    #[cfg(test)]
    pub(in crate::proto) fn set_next_mux(&mut self, mux: u64) {
        self.next_mux = mux;
    }

    // ---- figures ----------------------------------------------------------------------------------------------------

    pub(crate) fn counters(&self) -> Counters {
        Counters {
            messages_out: self.output.messages_pushed(),
            bytes_out: self.output.bytes_popped(),
            ..self.counters
        }
    }

    /// Calls in flight, first those of this node, then those of the peer.
    pub(crate) fn in_flight(&self) -> (usize, usize) {
        (self.calls.len(), self.served.len())
    }

    /// Bytes that the peer makes this node hold.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.account.ledger().held()
    }

    /// Bytes of them that the link itself counts.
    #[cfg(any(test, feature = "__internals"))]
    pub(in crate::proto) fn held_bytes(&self) -> usize {
        self.account.held()
    }

    pub(crate) fn outbox_bytes(&self) -> usize {
        self.output.waiting_bytes()
    }

    /// When the last pong was received, and the round trip time.
    pub(crate) fn last_pong(&self) -> Option<(Instant, Option<Duration>)> {
        self.up.as_ref().map(Connected::last_pong)
    }

    /// Whether the reader of a call would find something: an answer, an item, the end.
    #[cfg(any(test, feature = "__internals"))]
    pub(in crate::proto) fn has_news(&mut self, side: Side, key: Key) -> bool {
        match side {
            Side::Caller => !self.has_no_outcome(key),
            Side::Callee => match self.callee_stream(key) {
                Some(stream) => stream.core_mut().has_items() || !stream.expects_items(),
                None => true,
            },
        }
    }

    /// Places in the queues and armed timers, those of calls that are over included.
    #[cfg(any(test, feature = "__internals"))]
    pub(in crate::proto) fn backlog(&self) -> (usize, usize) {
        (self.output.queued(), self.timers.len())
    }

    /// Tells the link how many tasks of handlers exist. The task of a cancelled call can outlive the call.
    pub(crate) fn set_handlers(&mut self, handlers: usize) {
        self.handlers = handlers;
    }

    // ---- memory -----------------------------------------------------------------------------------------------------

    /// Counts what waits for the peer. Must be called after messages were added or have left.
    #[inline]
    pub(in crate::proto) fn count_output(&mut self) {
        self.account.set_output(self.output.held_bytes());
    }

    /// Whether `more` bytes may wait for the peer.
    pub(in crate::proto) fn check_output(&mut self, more: usize) -> Result<(), Over> {
        self.account.check_output(self.output.held_bytes(), more)
    }

    /// The text for the peer, or for a handler, when a limit would have been exceeded.
    pub(in crate::proto) fn over_text(&self, over: Over) -> String {
        let (setting, max) = self.account.ledger().limit(over);
        let whom = match over {
            Over::Peer => &*self.peer,
            Over::Node => "its peers",
        };
        format!(
            "the node holds as much memory for {whom} as it may: the limit is {max} bytes (`{setting}`)"
        )
    }

    // ---- time -------------------------------------------------------------------------------------------------------

    /// When [`handle_timeout`](Self::handle_timeout) must be called next.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let ping = self.up.as_ref().map(Connected::next_timeout);
        match (ping, self.timers.next()) {
            (Some(ping), Some(timer)) => Some(ping.min(timer)),
            (ping, timer) => ping.or(timer),
        }
    }

    /// Handles timers that are due, up to [`TIMERS_MAX`] of them, and pings the peer. An error means that the connection
    /// must be closed.
    ///
    /// If more timers are due, [`poll_timeout`](Self::poll_timeout) is in the past, and this must be called again after
    /// others had a chance to use the link. With each ping, unused memory of `inbound` is freed,
    /// and memory that was counted for further calls is given back.
    pub(crate) fn handle_timeout(
        &mut self,
        now: Instant,
        inbound: &mut Inbound,
    ) -> Result<(), ProtocolError> {
        for _ in 0..TIMERS_MAX {
            let Some(timer) = self.timers.pop_due(now) else { break };
            match timer {
                Timer::CallDeadline(key) => self.on_call_deadline(key),
                Timer::CallPing(key) => self.on_call_ping(now, key),
                Timer::ServedDeadline(key) => self.on_served_deadline(key),
                Timer::ServedIdle(key) => self.on_served_idle(now, key),
            }
        }
        self.check_flood(now)?;
        let Some(up) = &mut self.up else { return Ok(()) };
        if let Some(ping) = up.tick(now)? {
            inbound.release_spare();
            self.push_on_connection(ping);
            self.account.trim();
            self.check_readers(now);
        }
        Ok(())
    }

    /// Reports the streams whose readers at the peer take no items. With each ping: it looks at all calls, and need not be
    /// exact.
    fn check_readers(&mut self, now: Instant) {
        let now = self.epoch.ticks(now);
        let made = self.calls.values_mut().filter_map(|call| call.slow_reader(now));
        let served = self.served.values_mut().filter_map(|served| served.slow_reader(now));
        let slow: Vec<_> = made.chain(served).collect();
        for (of, waited) in slow {
            self.emit(Event::Finding(Finding::SlowReader { of, waited }));
        }
    }

    /// Notes that `count` armed timers are of no use any more, as their call is gone from the table.
    pub(in crate::proto) fn forget_timers(&mut self, count: usize) {
        if self.timers.forget(count) {
            let (calls, served) = (&self.calls, &self.served);
            self.timers.sweep(|timer| match timer {
                Timer::CallDeadline(key) | Timer::CallPing(key) => calls.contains(key),
                Timer::ServedDeadline(key) | Timer::ServedIdle(key) => served.contains(key),
            });
        }
    }

    // ---- events -----------------------------------------------------------------------------------------------------

    /// The next event for the layer above.
    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        let released = |payload| Event::Released(Released::Payload(payload));
        self.events.pop_front().or_else(|| self.output.pop_released().map(released))
    }

    #[inline]
    pub(in crate::proto) fn emit(&mut self, event: Event) {
        self.events.push_back(event);
    }

    pub(in crate::proto) fn wake(&mut self, side: Side, key: Key, half: Half) {
        self.emit(Event::Wake { side, key, half });
    }
}

/// Whether a place in a queue is still needed. An item whose stream is over is not sent.
pub(in crate::proto) fn still_waits(
    calls: &Muxes<Call>,
    served: &Muxes<Served>,
    pending: PendingSend,
) -> bool {
    match pending {
        PendingSend::Call { key, .. } => calls.get(key).is_some_and(Call::is_queued),
        PendingSend::Reply(key) => served.get(key).is_some_and(Served::is_replied),
        PendingSend::Item(Side::Caller, key) => {
            calls.id_of(key).is_some() && calls.get(key).is_some_and(Call::has_queued_item)
        }
        PendingSend::Item(Side::Callee, key) => {
            served.id_of(key).is_some() && served.get(key).is_some_and(Served::has_queued_item)
        }
    }
}
