//! Two links and the wire between them. Time passes only in [`Pair::advance`].

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::{Bytes, BytesMut};

use super::start;
use crate::error::{CallFailure, Fault};
use crate::proto::error::ProtocolError;
use crate::proto::session::features::Feature;
use crate::proto::wire::{HandlerId, Meta, SubrouteId};
use crate::proto::{
    CallSpec, Capacities, Deadline, Event, Features, Half, Inbound, Key, Limits, Link, Recv,
    RouteIndex, RouteKind, Routes, SendState, Session, Side,
};

/// A single request's handler.
pub(in crate::proto) const SINGLE: u32 = 78;
/// Another one, with an id that a Go node does not support.
pub(in crate::proto) const DERIVED: u32 = 0x1234_5678;

/// The handler of a stream with these capacities, both at most 4.
pub(in crate::proto) fn stream_id(incoming: u32, outgoing: u32) -> u32 {
    100 + incoming * 10 + outgoing
}

/// A stream both ways, of which only the bytes are limited.
pub(in crate::proto) const BYTES: u32 = 99;

pub(in crate::proto) fn routes() -> Arc<Routes> {
    let mut routes = Routes::default();
    let mut add = |id, kind| {
        routes.insert(HandlerId::new(id), None, kind).expect("no id twice");
    };
    add(SINGLE, RouteKind::Single);
    add(DERIVED, RouteKind::Single);
    for (incoming, outgoing) in (0..5).flat_map(|i| (0..5).map(move |o| (i, o))) {
        add(stream_id(incoming, outgoing), RouteKind::Stream(Capacities { incoming, outgoing }));
    }
    add(BYTES, RouteKind::Stream(BYTES_ONLY));
    Arc::new(routes)
}

const BYTES_ONLY: Capacities =
    Capacities { incoming: Capacities::BYTES_ONLY, outgoing: Capacities::BYTES_ONLY };

pub(in crate::proto) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Every feature but windows: streams have credits.
pub(in crate::proto) fn credits() -> Features {
    Features::all().without(Feature::Windows)
}

pub(in crate::proto) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(in crate::proto) fn session(checksum: bool, features: Features) -> Session {
    Session {
        checksum,
        features: features.and(Features::all()),
        wall: SystemTime::UNIX_EPOCH + secs(1_700_000_000),
        peer_message_bytes_max: None,
        peer_requests_bytes_max: None,
        loopback: false,
    }
}

/// A call to serve.
#[derive(Debug)]
pub(in crate::proto) struct Serve {
    pub(in crate::proto) key: Key,
    pub(in crate::proto) route: RouteIndex,
    pub(in crate::proto) payload: Option<Bytes>,
    pub(in crate::proto) deadline: Option<Instant>,
    pub(in crate::proto) meta: Option<Box<Meta>>,
}

/// One link and its events.
#[derive(Debug)]
pub(in crate::proto) struct Node {
    pub(in crate::proto) link: Link,
    pub(in crate::proto) inbound: Inbound,
    pub(in crate::proto) serves: VecDeque<Serve>,
    pub(in crate::proto) cancelled: Vec<Key>,
    /// How often the peer has announced that it takes no new calls.
    pub(in crate::proto) draining: usize,
    pub(in crate::proto) wakes: Vec<(Side, Key, Half)>,
}

impl Node {
    pub(in crate::proto) fn new(limits: Limits) -> Self {
        Self {
            link: Link::new("peer".into(), limits, routes(), std::num::NonZeroU32::MIN),
            inbound: Inbound::default(),
            serves: VecDeque::new(),
            cancelled: Vec::new(),
            draining: 0,
            wakes: Vec::new(),
        }
    }

    /// A connection is up.
    pub(in crate::proto) fn start(&mut self, now: Instant, session: Session) {
        self.link.start(now, session);
        self.inbound = self.link.new_inbound();
    }

    /// The connection is gone.
    pub(in crate::proto) fn stop(&mut self, reason: &str) {
        self.link.stop(super::why(reason));
        self.inbound = Inbound::default();
    }

    /// One message was received.
    pub(in crate::proto) fn handle_message(
        &mut self,
        now: Instant,
        bytes: Bytes,
    ) -> Result<(), ProtocolError> {
        self.inbound.push(bytes);
        while self.inbound.decode() {
            self.link.handle_messages(now, &mut self.inbound)?;
        }
        Ok(())
    }

    /// Bytes were received that are not a whole message.
    pub(in crate::proto) fn receive_progress(&mut self, now: Instant) -> Result<(), ProtocolError> {
        self.inbound.note_progress();
        assert!(self.inbound.decode());
        self.link.handle_messages(now, &mut self.inbound)
    }

    pub(in crate::proto) fn handle_timeout(&mut self, now: Instant) -> Result<(), ProtocolError> {
        self.link.handle_timeout(now, &mut self.inbound)
    }

    pub(in crate::proto) fn drain_events(&mut self) {
        while let Some(event) = self.link.poll_event() {
            match event {
                Event::Serve { key, route, payload, handover: _, deadline, meta } => {
                    self.serves.push_back(Serve { key, route, payload, deadline, meta });
                }
                Event::Cancel { key } => {
                    assert!(!self.link.is_served(key), "a cancelled call is removed");
                    assert!(!self.cancelled.contains(&key), "a call is cancelled once");
                    self.cancelled.push(key);
                }
                Event::Draining => self.draining += 1,
                Event::Finished { key } => {
                    assert!(!self.link.is_served(key), "a finished call is removed")
                }
                Event::Wake { side, key, half } => self.wakes.push((side, key, half)),
                // Tested through nodes, which name the method (tests/warnings.rs).
                Event::Finding(_) => {}
                Event::Released(payload) => drop(payload),
            }
        }
    }

    /// Takes the next call to serve, which must be there.
    #[track_caller]
    pub(in crate::proto) fn serve(&mut self) -> Key {
        self.serves.pop_front().expect("a call to serve").key
    }

    /// Whether this half was woken since the last call of this method.
    pub(in crate::proto) fn woken(&mut self, side: Side, key: Key, half: Half) -> bool {
        let before = self.wakes.len();
        self.wakes.retain(|wake| *wake != (side, key, half) && *wake != (side, key, Half::Both));
        self.wakes.len() < before
    }

    pub(in crate::proto) fn answer(
        &mut self,
        key: Key,
    ) -> Option<Result<Option<Bytes>, CallFailure>> {
        self.link.take_answer(key)
    }

    #[track_caller]
    pub(in crate::proto) fn send(&mut self, side: Side, key: Key, item: &[u8]) -> SendState {
        let expected = self.link.poll_send(side, key);
        let state = self.link.send(side, key, &Bytes::copy_from_slice(item).into());
        assert_eq!(state, expected, "`send` must agree with `poll_send`");
        state
    }

    pub(in crate::proto) fn recv(&mut self, side: Side, key: Key) -> Recv {
        self.link.recv(side, key)
    }

    /// Takes all items that the reader finds now.
    pub(in crate::proto) fn recv_all(&mut self, side: Side, key: Key) -> Vec<Bytes> {
        let mut items = Vec::new();
        while let Recv::Item(item) = self.link.recv(side, key) {
            items.push(item);
        }
        items
    }
}

/// A message between two links.
#[derive(Debug)]
struct OnWire {
    arrival: Instant,
    to_b: bool,
    bytes: Bytes,
    /// A bit of it was flipped.
    is_damaged: bool,
}

/// Two links. In most tests `a` is the caller.
#[derive(Debug)]
pub(in crate::proto) struct Pair {
    pub(in crate::proto) now: Instant,
    pub(in crate::proto) a: Node,
    pub(in crate::proto) b: Node,
    pub(in crate::proto) latency: Duration,
    wire: VecDeque<OnWire>,
    /// `pump` moves nothing, as if neither socket could be written.
    pub(in crate::proto) blocked: bool,
    /// What either node says that it accepts of requests in flight.
    pub(in crate::proto) room: Option<usize>,
}

impl Pair {
    /// Two links without a connection.
    pub(in crate::proto) fn down(limits: Limits) -> Self {
        Self {
            now: start(),
            a: Node::new(limits.clone()),
            b: Node::new(limits),
            latency: Duration::ZERO,
            wire: VecDeque::new(),
            blocked: false,
            room: None,
        }
    }

    pub(in crate::proto) fn with(limits: Limits, features: Features) -> Self {
        let mut pair = Self::down(limits);
        pair.connect(features);
        pair
    }

    /// Connected, with every feature.
    pub(in crate::proto) fn new() -> Self {
        Self::with(Limits::default(), Features::all())
    }

    pub(in crate::proto) fn connect(&mut self, features: Features) {
        let session = Session { peer_requests_bytes_max: self.room, ..session(true, features) };
        self.a.start(self.now, session);
        self.b.start(self.now, session);
    }

    /// The connection is lost, with all messages on the wire.
    pub(in crate::proto) fn cut(&mut self) {
        self.wire.clear();
        self.a.stop("cut");
        self.b.stop("cut");
        self.drain();
    }

    fn drain(&mut self) {
        self.a.drain_events();
        self.b.drain_events();
    }

    fn transmit(&mut self) {
        if self.blocked {
            return;
        }
        for to_b in [true, false] {
            while self.transmit_one(to_b) {}
        }
    }

    /// Puts a message on the wire, if there is one, even if the sockets are blocked. Returns whether there was one.
    pub(in crate::proto) fn transmit_one(&mut self, to_b: bool) -> bool {
        let from = if to_b { &mut self.a } else { &mut self.b };
        let Some(message) = from.link.poll_transmit(self.now) else { return false };
        let (arrival, bytes) = (self.now + self.latency, message.seal().to_bytes());
        self.wire.push_back(OnWire { arrival, to_b, bytes, is_damaged: false });
        true
    }

    fn next_arrived(&mut self) -> Option<OnWire> {
        self.wire.front().filter(|message| message.arrival <= self.now)?;
        self.wire.pop_front()
    }

    fn try_pump(&mut self) -> Result<(), ProtocolError> {
        self.drain();
        self.transmit();
        while let Some(message) = self.next_arrived() {
            let to = if message.to_b { &mut self.b } else { &mut self.a };
            let handled = to.handle_message(self.now, message.bytes);
            assert!(!message.is_damaged || handled.is_err(), "a damaged message was accepted");
            handled?;
            self.drain();
            self.transmit();
        }
        assert!(self.blocked || !(self.a.link.wants_transmit() || self.b.link.wants_transmit()));
        Ok(())
    }

    /// Moves messages until no more arrive at this time.
    #[track_caller]
    pub(in crate::proto) fn pump(&mut self) {
        self.try_pump().expect("neither side breaks the protocol");
    }

    /// Flips a bit of the message that arrives next. Returns whether there is one.
    pub(in crate::proto) fn damage(&mut self, bit: usize) -> bool {
        let Some(message) = self.wire.front_mut().filter(|message| !message.is_damaged) else {
            return false;
        };
        let mut bytes = BytesMut::from(&message.bytes[..]);
        let bit = bit % (8 * bytes.len());
        bytes[bit / 8] ^= 1 << (bit % 8);
        (message.bytes, message.is_damaged) = (bytes.freeze(), true);
        true
    }

    /// Moves one message of `a`, if there is one.
    pub(in crate::proto) fn pump_one(&mut self) {
        if let Some(message) = self.a.link.poll_transmit(self.now) {
            self.b.handle_message(self.now, message.seal().to_bytes()).expect("a message");
        }
        self.drain();
    }

    /// Lets time pass, and handles all that becomes due.
    pub(in crate::proto) fn try_advance(&mut self, time: Duration) -> Result<(), ProtocolError> {
        let until = self.now + time;
        loop {
            self.try_pump()?;
            let arrival = self.wire.front().map(|message| message.arrival);
            let timeouts = [self.a.link.poll_timeout(), self.b.link.poll_timeout(), arrival];
            let Some(next) = timeouts.into_iter().flatten().min().filter(|next| *next <= until)
            else {
                break;
            };
            self.now = self.now.max(next);
            self.a.handle_timeout(self.now)?;
            self.b.handle_timeout(self.now)?;
        }
        self.now = until;
        self.try_pump()
    }

    #[track_caller]
    pub(in crate::proto) fn advance(&mut self, time: Duration) {
        self.try_advance(time).expect("neither side breaks the protocol or is silent");
    }

    // ---- calls from a to b ------------------------------------------------------------------------------------------

    #[track_caller]
    pub(in crate::proto) fn call(&mut self, spec: CallSpec) -> Key {
        self.a.link.start_call(self.now, &spec).expect("a call that can start")
    }

    /// A request that has reached its handler: both keys.
    #[track_caller]
    pub(in crate::proto) fn served(&mut self, spec: CallSpec) -> (Key, Key) {
        let call = self.call(spec);
        self.pump();
        (call, self.b.serve())
    }

    /// A spec whose deadline is `after` from now.
    pub(in crate::proto) fn within(&self, after: Duration, spec: CallSpec) -> CallSpec {
        CallSpec { deadline: Some(Deadline { at: self.now + after, after }), ..spec }
    }

    pub(in crate::proto) fn reply(&mut self, key: Key, payload: &'static [u8]) {
        self.b.link.reply(key, &Ok(Some(Bytes::from_static(payload).into())));
    }

    pub(in crate::proto) fn fail(&mut self, key: Key, fault: Fault) {
        self.b.link.reply(key, &Err(fault));
    }

    /// Asserts that no call or message is left on either side.
    #[track_caller]
    pub(in crate::proto) fn assert_empty(&mut self) {
        self.pump();
        assert_eq!((self.a.link.in_flight(), self.b.link.in_flight()), ((0, 0), (0, 0)));
        assert!(self.a.link.is_drained() && self.b.link.is_drained());
    }
}

pub(in crate::proto) fn request(payload: &'static [u8]) -> CallSpec {
    CallSpec {
        handler: HandlerId::new(SINGLE),
        subroute: None,
        payload: Some(Bytes::from_static(payload).into()),
        deadline: None,
        stream: None,
        meta: None,
        wait: false,
    }
}

pub(in crate::proto) fn waiting(payload: &'static [u8]) -> CallSpec {
    CallSpec { wait: true, ..request(payload) }
}

pub(in crate::proto) fn stream(incoming: u32, outgoing: u32) -> CallSpec {
    CallSpec {
        handler: HandlerId::new(stream_id(incoming, outgoing)),
        stream: Some(Capacities { incoming, outgoing }),
        ..request(b"open")
    }
}

pub(in crate::proto) fn stream_of_bytes() -> CallSpec {
    CallSpec { handler: HandlerId::new(BYTES), stream: Some(BYTES_ONLY), ..request(b"open") }
}

pub(in crate::proto) fn under(subroute: SubrouteId, spec: CallSpec) -> CallSpec {
    CallSpec { subroute: Some(subroute), ..spec }
}
