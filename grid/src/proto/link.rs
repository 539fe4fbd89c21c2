//! [`Link`]: the state machine of one pair of nodes.
//!
//! It outlives connections: [`Link::start`] and [`Link::stop`] mark where one begins and ends, mux ids go on counting,
//! and calls that asked to wait for a connection stay. Here are its frame and the routing of what comes in; what a message
//! means for a call is in caller/ (calls this node made) and callee/ (calls it serves).
//!
//! ```text
//!   Inbound ──► handle_messages ──► Chunk? ──► by op ──► caller/ / callee/ ──► events, outbox
//!   handle_timeout ──► timers, keepalive ──────────────────────────┘
//! ```

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;

use super::callee::Served;
use super::caller::{Call, payload_of};
use super::error::ProtocolError;
use super::event::{Event, Half, Side};
use super::input::Inbound;
use super::input::assembly::Assembly;
use super::limits::Limits;
use super::muxes::{Key, Muxes};
use super::output::outbox::{Number, Outbox};
use super::output::queue::{Lane, Line, Waiting};
use super::routes::Routes;
use super::session::features::{Feature, Features};
use super::session::keepalive::Keepalive;
use super::timers::{Timer, Timers};
use super::wire::{Flags, Frame, Header, Message, MuxId, Op, Ping, Pong, SubrouteId, Timestamp};

/// What the handshake agreed on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Session {
    pub(crate) checksum: bool,
    /// Extensions that both sides know.
    pub(crate) features: Features,
    /// The time of day at the start, for pings.
    pub(crate) wall: SystemTime,
}

/// What has happened on this link since the node started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    /// Messages of the protocol, the parts of a merged one each.
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
    /// Messages that had no meaning here: unknown ops, answers to calls that are over, and the like.
    pub(crate) ignored: u64,
}

/// The connection that is up.
#[derive(Debug)]
struct Up {
    since: Instant,
    session: Session,
    keepalive: Keepalive,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Link {
    pub(super) limits: Limits,
    pub(super) routes: Arc<Routes>,
    up: Option<Up>,
    /// Why there is no connection.
    pub(super) down_reason: Arc<str>,
    /// New calls of the peer are refused, and so are our own.
    pub(super) closing: bool,
    pub(super) outbox: Outbox,
    pub(super) calls: Muxes<Call>,
    pub(super) served: Muxes<Served>,
    pub(super) next_mux: u64,
    line: Line,
    /// Of large messages. Empty where the peer does not know `chunks`.
    large_line: Line,
    assembly: Assembly,
    pub(super) timers: Timers,
    events: VecDeque<Event>,
    pub(super) counters: Counters,
}

/// A message's fixed part, before the link adds what the session wants.
pub(super) struct Post {
    pub(super) op: Op,
    pub(super) mux: MuxId,
    pub(super) seq: u32,
    pub(super) deadline_ms: u32,
    pub(super) handler: u32,
    pub(super) flags: Flags,
}

impl Post {
    pub(super) fn new(op: Op, mux: MuxId) -> Self {
        Self { op, mux, seq: 0, deadline_ms: 0, handler: 0, flags: Flags::NONE }
    }

    pub(super) fn seq(self, seq: u32) -> Self {
        Self { seq, ..self }
    }

    pub(super) fn flags(self, flags: Flags) -> Self {
        Self { flags, ..self }
    }

    /// The header of `received`, answered with `op`.
    pub(super) fn echo(op: Op, received: &Header, flags: Flags) -> Self {
        let Header { mux, seq, deadline_ms, handler, .. } = *received;
        Self { op, mux, seq, deadline_ms, handler, flags }
    }
}

impl Link {
    /// A link without a connection.
    pub(crate) fn new(limits: Limits, routes: Arc<Routes>) -> Self {
        Self {
            outbox: Outbox::new(&limits),
            limits,
            routes,
            up: None,
            down_reason: "not connected yet".into(),
            closing: false,
            calls: Muxes::default(),
            served: Muxes::default(),
            next_mux: 1,
            line: Line::default(),
            large_line: Line::default(),
            assembly: Assembly::default(),
            timers: Timers::default(),
            events: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    /// A connection is up; the handshake is done.
    pub(crate) fn start(&mut self, now: Instant, session: Session) {
        debug_assert!(self.up.is_none() && self.outbox.is_empty());
        let keepalive = Keepalive::new(now, session.wall, self.limits.ping_every);
        self.up = Some(Up { since: now, session, keepalive });
        self.counters.connects += 1;
        self.admit(now);
    }

    /// The connection is gone: everything in flight ends, on both sides of this node.
    pub(crate) fn stop(&mut self, reason: impl Into<Arc<str>>) {
        self.down_reason = reason.into();
        self.up = None;
        self.lose_calls();
        self.lose_served();
        self.outbox.clear();
        self.assembly = Assembly::default();
        // Until there is a connection again, nobody knows what travels in parts.
        while let Some(waiting) = self.large_line.pop() {
            self.line.push(waiting);
        }
        self.clear_line(Lane::Small);
    }

    /// Says why there is no connection, where one was tried for.
    pub(crate) fn set_down_reason(&mut self, reason: impl Into<Arc<str>>) {
        if self.up.is_none() {
            self.down_reason = reason.into();
        }
    }

    /// From now on new calls are refused, the peer's and our own; what is in flight goes on.
    pub(crate) fn close(&mut self) {
        self.closing = true;
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing
    }

    /// Whether nothing is in flight, either way, and no answer is on its way out.
    pub(crate) fn is_drained(&self) -> bool {
        self.served.len() == 0 && self.calls.bound() == 0 && self.outbox.is_empty()
    }

    pub(crate) fn is_up(&self) -> bool {
        self.up.is_some()
    }

    pub(crate) fn up_since(&self) -> Option<Instant> {
        self.up.as_ref().map(|up| up.since)
    }

    pub(crate) fn has(&self, feature: Feature) -> bool {
        self.up.as_ref().is_some_and(|up| up.session.features.has(feature))
    }

    /// Whether the peer is one of ours: it knows at least one extension.
    pub(super) fn peer_has_extensions(&self) -> bool {
        self.up.as_ref().is_some_and(|up| up.session.features != Features::NONE)
    }

    pub(crate) fn counters(&self) -> Counters {
        self.counters
    }

    /// Calls of this node, then calls of the peer, that are in flight.
    pub(crate) fn in_flight(&self) -> (usize, usize) {
        (self.calls.len(), self.served.len())
    }

    /// Whether the reader of a call would get something now: an answer, an item, the end.
    #[cfg(test)]
    pub(super) fn has_news(&mut self, side: Side, key: Key) -> bool {
        match side {
            Side::Caller => !self.is_quiet(key),
            Side::Callee => match self.callee_stream(key) {
                Some(stream) => {
                    stream.core.has_items() || stream.input == super::callee::Input::Ended
                }
                None => true,
            },
        }
    }

    /// Places in the waiting line and armed timers, of the living and of those that are gone.
    #[cfg(test)]
    pub(super) fn backlog(&self) -> (usize, usize) {
        (self.line.len() + self.large_line.len(), self.timers.len())
    }

    /// Memory that is held for large messages of the peer that have not come as a whole.
    #[cfg(test)]
    pub(super) fn assembly_bytes(&self) -> usize {
        self.assembly.bytes()
    }

    pub(crate) fn outbox_bytes(&self) -> usize {
        self.outbox.bytes()
    }

    /// When the last pong came, and how long it took.
    pub(crate) fn last_pong(&self) -> Option<(Instant, Option<Duration>)> {
        self.up.as_ref().map(|up| (up.keepalive.last_pong(), up.keepalive.rtt()))
    }

    // ---- from the network -------------------------------------------------------------------------------------------

    /// What was decoded came in. An error means that the connection must be closed.
    pub(crate) fn handle_messages(
        &mut self,
        now: Instant,
        inbound: &mut Inbound,
    ) -> Result<(), ProtocolError> {
        if self.up.is_none() {
            self.ignore();
            inbound.discard();
            return Ok(());
        }
        self.counters.bytes_in += std::mem::take(&mut inbound.bytes);
        for message in inbound.decoded.drain(..) {
            self.handle_part(now, message)?;
        }
        inbound.error.take().map_or(Ok(()), |error| Err(error.into()))
    }

    /// What the peer makes us answer (credits, pongs, refusals) has no other bound than this one.
    fn check_backlog(&self) -> Result<(), ProtocolError> {
        let (waiting, max) = (self.outbox.bytes(), self.limits.backlog_bytes_max);
        if waiting > max { Err(ProtocolError::NotReading { waiting, max }) } else { Ok(()) }
    }

    fn handle_part(&mut self, now: Instant, message: Message) -> Result<(), ProtocolError> {
        self.check_backlog()?;
        if message.header.op == Op::Chunk && self.has(Feature::Chunks) {
            return self.on_chunk(now, &message);
        }
        self.counters.messages_in += 1;
        let on_connection = message.header.mux == MuxId(0);
        match message.header.op {
            Op::Ping if on_connection => self.on_connection_ping(&message)?,
            Op::Pong if on_connection => self.on_connection_pong(now, &message)?,
            Op::Request => self.on_request(now, message)?,
            Op::ConnectMux => self.on_connect_mux(now, message)?,
            Op::MuxClientMsg => self.on_client_msg(now, message),
            Op::UnblockSrvMux => self.on_unblock_server(now, &message)?,
            Op::Ping => self.on_stream_ping(now, &message),
            Op::DisconnectServerMux => self.on_disconnect_server(&message),
            Op::Response => self.on_response(message)?,
            Op::MuxConnectError => self.on_connect_error(&message)?,
            Op::AckMux => self.on_ack(now, &message),
            Op::MuxServerMsg => self.on_server_msg(now, message)?,
            Op::UnblockClMux => self.on_unblock_client(now, &message)?,
            Op::Pong => self.on_stream_pong(now, &message)?,
            Op::DisconnectClientMux => self.on_disconnect_client(now, &message),
            Op::Connect
            | Op::ConnectResponse
            | Op::Disconnect
            | Op::Merged
            | Op::Chunk
            | Op::Unknown(_) => self.ignore(),
        }
        Ok(())
    }

    /// A part of a large message, which is handled when it is whole.
    fn on_chunk(&mut self, now: Instant, part: &Message) -> Result<(), ProtocolError> {
        let Header { mux: MuxId(transfer), seq, .. } = part.header;
        let whole = self.assembly.take(part, self.limits.message_bytes_max);
        let whole = whole.map_err(|error| ProtocolError::Part { transfer, part: seq, error })?;
        let Some(whole) = whole else { return Ok(()) };
        let message = Message::decode(whole)?;
        match message.header.op {
            op @ (Op::Connect | Op::ConnectResponse | Op::Merged | Op::Chunk) => {
                Err(ProtocolError::InParts(op))
            }
            _ => self.handle_part(now, message),
        }
    }

    fn on_connection_ping(&mut self, ping: &Message) -> Result<(), ProtocolError> {
        let pong = Pong::to(Ping::decode(ping.payload.as_ref())?);
        self.post(Post::echo(Op::Pong, &ping.header, Flags::NONE), Some(&pong.encode()));
        Ok(())
    }

    fn on_connection_pong(&mut self, now: Instant, pong: &Message) -> Result<(), ProtocolError> {
        let pong = Pong::decode(payload_of(pong))?;
        if let Some(up) = &mut self.up {
            up.keepalive.pong(now, pong.time.to_system_time());
        }
        Ok(())
    }

    /// Something came that has no meaning here and does no harm.
    pub(super) fn ignore(&mut self) {
        self.counters.ignored += 1;
    }

    // ---- time -------------------------------------------------------------------------------------------------------

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called next.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let ping = self.up.as_ref().map(|up| up.keepalive.next_timeout());
        match (ping, self.timers.next()) {
            (Some(ping), Some(timer)) => Some(ping.min(timer)),
            (ping, timer) => ping.or(timer),
        }
    }

    /// Does what is due. An error means that the connection must be closed.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Result<(), ProtocolError> {
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::CallDeadline(key) => self.on_call_deadline(key),
                Timer::CallPing(key) => self.on_call_ping(now, key),
                Timer::ServedDeadline(key) => self.on_served_deadline(key),
                Timer::ServedIdle(key) => self.on_served_idle(now, key),
            }
        }
        let Some(up) = &mut self.up else { return Ok(()) };
        if up.keepalive.tick(now)? {
            self.assembly.forget_spare();
            let ping = Ping { time: Timestamp::from(up.keepalive.wall(now)) };
            let interval_ms = u32::try_from(self.limits.ping_every.as_millis()).unwrap_or(u32::MAX);
            let header = Header {
                mux: MuxId(0),
                seq: 0,
                deadline_ms: interval_ms,
                handler: 0,
                op: Op::Ping,
                flags: Flags::NONE,
            };
            self.push(&Frame { header, payload: Some(&ping.encode()), meta: &[], subroute: None });
        }
        Ok(())
    }

    /// Armed timers that are of no use any more.
    pub(super) fn forget_timers(&mut self, count: usize) {
        if self.timers.forget(count) {
            let (calls, served) = (&self.calls, &self.served);
            self.timers.sweep(|timer| match timer {
                Timer::CallDeadline(key) | Timer::CallPing(key) => calls.contains(key),
                Timer::ServedDeadline(key) | Timer::ServedIdle(key) => served.contains(key),
            });
        }
    }

    // ---- out --------------------------------------------------------------------------------------------------------

    /// The next WebSocket message for the socket.
    pub(crate) fn poll_transmit(&mut self, now: Instant) -> Option<Bytes> {
        if self.outbox.is_empty() {
            // A large message that was taken back has left room, and nothing that goes out tells of it.
            self.admit(now);
        }
        let bytes = self.outbox.pop()?;
        self.counters.bytes_out += bytes.len() as u64;
        self.admit(now);
        Some(bytes)
    }

    /// Whether there is something to send.
    pub(crate) fn wants_transmit(&self) -> bool {
        let may_admit =
            || self.is_up() && self.has_room(Lane::Large) && !self.large_line.is_empty();
        !self.outbox.is_empty() || may_admit()
    }

    /// The next fact for the layer above.
    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front().or_else(|| self.outbox.pop_spent().map(Event::Spent))
    }

    pub(super) fn emit(&mut self, event: Event) {
        self.events.push_back(event);
    }

    pub(super) fn wake(&mut self, side: Side, key: Key, half: Half) {
        self.emit(Event::Wake { side, key, half });
    }

    /// How a message with a payload of this length goes to the peer.
    pub(super) fn lane_of(&self, payload_len: usize) -> Lane {
        let in_parts = payload_len > self.limits.large_bytes && self.has(Feature::Chunks);
        if in_parts { Lane::Large } else { Lane::Small }
    }

    /// Whether new work may be put into the outbox.
    fn has_room(&self, lane: Lane) -> bool {
        match lane {
            Lane::Small => self.outbox.small_bytes() < self.limits.outbox_bytes,
            Lane::Large => self.outbox.bulk_bytes() < self.limits.bulk_bytes,
        }
    }

    /// Whether something can be sent now, without overtaking anybody of its kind.
    pub(super) fn takes_more(&self, lane: Lane) -> bool {
        let line = match lane {
            Lane::Small => &self.line,
            Lane::Large => &self.large_line,
        };
        self.is_up() && self.has_room(lane) && line.is_empty()
    }

    fn line_mut(&mut self, lane: Lane) -> &mut Line {
        match lane {
            Lane::Small => &mut self.line,
            Lane::Large => &mut self.large_line,
        }
    }

    pub(super) fn wait_in_line(&mut self, lane: Lane, waiting: Waiting) {
        if self.line_mut(lane).is_crowded() {
            self.clear_line(lane);
        }
        self.line_mut(lane).push(waiting);
    }

    fn clear_line(&mut self, lane: Lane) {
        let mut line = std::mem::take(self.line_mut(lane));
        line.retain(|waiting| match waiting {
            Waiting::Call(key) => self.is_queued(key),
            Waiting::Reply(key) => self.is_replied(key),
            Waiting::Item(side, key) => self.has_parked(side, key),
        });
        *self.line_mut(lane) = line;
    }

    /// Sends what waits in line, as far as there is room.
    fn admit(&mut self, now: Instant) {
        for lane in [Lane::Small, Lane::Large] {
            while self.is_up() && self.has_room(lane) {
                let Some(waiting) = self.line_mut(lane).pop() else { break };
                match waiting {
                    // It has waited for a connection, when it was not known how it would travel.
                    Waiting::Call(key)
                        if lane == Lane::Small
                            && self.lane_of(self.queued_len(key)) == Lane::Large =>
                    {
                        self.large_line.push(waiting);
                    }
                    Waiting::Call(key) => self.admit_call(now, key),
                    Waiting::Reply(key) => self.admit_reply(key),
                    Waiting::Item(side, key) => self.admit_item(side, key),
                }
            }
        }
    }

    /// Keeps a payload of the user's for later. One that is too large to be copied under the lock is shared with the
    /// user, and must end in [`spend`](Self::spend).
    pub(super) fn keep(&self, payload: &Bytes) -> Bytes {
        if payload.len() > self.limits.large_bytes {
            payload.clone()
        } else {
            Bytes::copy_from_slice(payload)
        }
    }

    /// Gets rid of what [`keep`](Self::keep) gave.
    pub(super) fn spend(&mut self, payload: Option<Bytes>) {
        if let Some(payload) = payload.filter(|payload| payload.len() > self.limits.large_bytes) {
            self.emit(Event::Spent(payload));
        }
    }

    /// Sends a message without trailers of its own. Nothing happens where there is no connection.
    pub(super) fn post(&mut self, post: Post, payload: Option<&[u8]>) -> Number {
        self.post_with(post, payload, &[], None)
    }

    pub(super) fn post_with(
        &mut self,
        post: Post,
        payload: Option<&[u8]>,
        meta: &[u8],
        subroute: Option<&SubrouteId>,
    ) -> Number {
        if payload.is_some_and(|payload| self.lane_of(payload.len()) == Lane::Large) {
            // Only the text of an error comes here so large, which is worth no better way.
            let copied = payload.map(Bytes::copy_from_slice);
            return self.post_shared(post, copied.as_ref(), meta, subroute);
        }
        self.push(&Frame { header: self.header(post), payload, meta, subroute })
    }

    /// Like [`post_with`](Self::post_with), with a payload that is not copied if it is large.
    pub(super) fn post_shared(
        &mut self,
        post: Post,
        payload: Option<&Bytes>,
        meta: &[u8],
        subroute: Option<&SubrouteId>,
    ) -> Number {
        let slice = payload.map(|payload| &payload[..]);
        let frame = Frame { header: self.header(post), payload: slice, meta, subroute };
        match payload {
            Some(payload) if self.lane_of(payload.len()) == Lane::Large => {
                self.counters.messages_out += 1;
                self.outbox.push_large(&frame, payload.clone())
            }
            _ => self.push(&frame),
        }
    }

    fn header(&self, post: Post) -> Header {
        let checksum = self.up.as_ref().is_some_and(|up| up.session.checksum);
        let Post { op, mux, seq, deadline_ms, handler, flags } = post;
        let flags = if checksum { flags.with(Flags::CRC) } else { flags };
        Header { mux, seq, deadline_ms, handler, op, flags }
    }

    fn push(&mut self, frame: &Frame<'_>) -> Number {
        if self.up.is_none() {
            return Number::None;
        }
        self.counters.messages_out += 1;
        self.outbox.push(frame)
    }
}
