//! What the micro-benchmarks in bench/micro use: the codec, the merging of messages, and two links without sockets.
//!
//! All messages are encoded here, so errors cannot occur; a benchmark that breaks a rule panics.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::{Bytes, BytesMut};

use crate::proto::output::outbox;
use crate::proto::wire::{Flags, Frame, HandlerId, Header, Message, MuxId, Op, checksum, merged};
use crate::proto::{
    Body, CallSpec, Capacities, Deadline, Event, Features, Inbound, Key, Limits, Link, Recv,
    RouteKind, Routes, SendState, Session, Side,
};

/// The handler of single requests, which answers with the request's payload.
const ECHO: HandlerId = HandlerId::new(78);
/// The handler of streams, whose items are sent by the benchmark.
const STREAM: HandlerId = HandlerId::new(79);
/// Items that may wait in a stream, as in the benchmarks of whole streams.
const CAPACITIES: Capacities = Capacities { incoming: 0, outgoing: 256 };

// ---- the codec ------------------------------------------------------------------------------------------------------

fn request(payload: &[u8]) -> Frame<'_> {
    let header = Header {
        mux: MuxId(1000),
        deadline_ms: 10_000,
        handler: ECHO.get(),
        flags: Flags::EOF.with(Flags::CRC),
        ..Header::new(Op::Request)
    };
    Frame::new(header, Some(payload))
}

/// Appends a request with a checksum.
pub fn encode_request(payload: &[u8], out: &mut BytesMut) {
    request(payload).encode(out);
}

/// Appends the shortest message of a stream: seven fields, no payload, no checksum.
pub fn encode_header(out: &mut BytesMut) {
    let header = Header { mux: MuxId(1000), seq: 1000, ..Header::new(Op::AckMux) };
    Frame::new(header, None).encode(out);
}

/// Decodes a message and checks its checksum. Returns the payload.
pub fn decode(message: Bytes) -> Option<Bytes> {
    Message::decode(message).expect("own bytes").payload
}

/// Decodes all parts of a merged message. Returns the number of bytes in their payloads.
pub fn decode_merged(message: Bytes) -> usize {
    let outer = Message::decode(message).expect("own bytes");
    let payloads = merged::parts(&outer).map(|part| decode(part.expect("own bytes")));
    payloads.map(|payload| payload.map_or(0, |payload| payload.len())).sum()
}

/// The checksum of messages.
pub fn checksum(bytes: &[u8]) -> u32 {
    checksum::checksum(bytes)
}

// ---- merging --------------------------------------------------------------------------------------------------------

/// The outbox, which merges messages.
#[derive(Debug)]
pub struct Outbox(outbox::Outbox);

impl Outbox {
    /// An empty outbox with the default limits.
    #[expect(clippy::new_without_default, reason = "a benchmark names what it makes")]
    pub fn new() -> Self {
        Self(outbox::Outbox::new(&Limits::default()))
    }

    /// Adds an item of a stream.
    pub fn push(&mut self, payload: &[u8]) {
        let header = Header {
            mux: MuxId(1000),
            seq: 1000,
            flags: Flags::CRC,
            ..Header::new(Op::MuxServerMsg)
        };
        self.0.push(&Frame::new(header, Some(payload)), outbox::Kind::Data);
    }

    /// The next bytes for the socket.
    pub fn pop(&mut self) -> Option<Bytes> {
        self.0.pop().map(|message| message.seal().to_bytes())
    }
}

// ---- links ----------------------------------------------------------------------------------------------------------

/// Two links without a transport: messages of one are handed to the other directly.
#[derive(Debug)]
pub struct LinkPair {
    /// Advances by a microsecond per call, so that deadlines differ as they do in practice.
    now: Instant,
    caller: Link,
    callee: Link,
    /// What each link has received, as a driver holds it.
    to_caller: Inbound,
    to_callee: Inbound,
    /// The callee's end of the stream that was opened last.
    opened: Option<Key>,
}

/// A single request.
#[derive(Debug, Clone, Copy)]
pub struct CallKey(Key);

/// Both ends of a stream.
#[derive(Debug, Clone, Copy)]
pub struct StreamKeys {
    caller: Key,
    callee: Key,
}

impl LinkPair {
    /// A connected pair, with checksums and every extension.
    pub fn new(now: Instant) -> Self {
        let mut routes = Routes::default();
        for (id, kind) in [(ECHO, RouteKind::Single), (STREAM, RouteKind::Stream(CAPACITIES))] {
            routes.insert(id, None, kind).expect("two ids");
        }
        let routes = Arc::new(routes);
        let session = Session {
            checksum: true,
            features: Features::all(),
            wall: SystemTime::UNIX_EPOCH,
            peer_message_bytes_max: None,
            peer_requests_bytes_max: Some(1 << 30),
            loopback: false,
        };
        let [caller, callee] = [(); 2].map(|()| {
            let mut link = Link::new(
                "peer".into(),
                Limits::default(),
                Arc::clone(&routes),
                std::num::NonZeroU32::MIN,
            );
            link.start(now, session);
            link
        });
        let (to_caller, to_callee) = (caller.new_inbound(), callee.new_inbound());
        Self { now, caller, callee, to_caller, to_callee, opened: None }
    }

    /// Starts a request.
    pub fn start_call(&mut self, payload: &Bytes, timeout: Option<Duration>) -> CallKey {
        let deadline = timeout.map(|after| Deadline { at: self.now + after, after });
        CallKey(self.start(ECHO, Some(payload.clone()), deadline, None))
    }

    /// Takes the answer to a request, which must have been received.
    pub fn take_answer(&mut self, call: CallKey) -> Bytes {
        let answer = self.caller.take_answer(call.0).expect("an answer");
        answer.expect("no failure").expect("a payload")
    }

    /// Drops a request.
    pub fn forget_call(&mut self, call: CallKey) {
        self.caller.forget_call(call.0);
    }

    /// Opens a stream of items from the callee, up to 256 of which may wait.
    pub fn open_stream(&mut self) -> StreamKeys {
        let caller = self.start(STREAM, None, None, Some(CAPACITIES));
        self.round_trip();
        StreamKeys { caller, callee: self.opened.take().expect("a stream to serve") }
    }

    /// Sends an item from the callee, which must have a credit.
    pub fn send(&mut self, stream: StreamKeys, item: &Bytes) {
        let state = self.callee.send(Side::Callee, stream.callee, &item.clone().into());
        assert_eq!(state, SendState::Ready);
    }

    /// Receives an item at the caller, which must be there.
    pub fn recv(&mut self, stream: StreamKeys) -> Bytes {
        match self.caller.recv(Side::Caller, stream.caller) {
            Recv::Item(item) => item,
            other => panic!("no item but {other:?}"),
        }
    }

    /// Moves all messages of the caller to the callee, serves the requests, and moves all messages of the callee back.
    pub fn round_trip(&mut self) {
        carry(self.now, &mut self.caller, &mut self.callee, &mut self.to_callee);
        while let Some(event) = self.callee.poll_event() {
            match event {
                // Only requests have a payload here.
                Event::Serve { key, payload: Some(payload), .. } => {
                    self.callee.reply(key, &Ok(Some(payload.into())));
                }
                Event::Serve { key, .. } => self.opened = Some(key),
                Event::Cancel { .. }
                | Event::Finished { .. }
                | Event::Draining
                | Event::Finding(_)
                | Event::Wake { .. }
                | Event::Released(_) => {}
            }
        }
        carry(self.now, &mut self.callee, &mut self.caller, &mut self.to_caller);
        while self.caller.poll_event().is_some() {}
    }

    fn start(
        &mut self,
        handler: HandlerId,
        payload: Option<Bytes>,
        deadline: Option<Deadline>,
        stream: Option<Capacities>,
    ) -> Key {
        self.now += Duration::from_micros(1);
        let spec = CallSpec {
            handler,
            subroute: None,
            payload: payload.map(Body::from),
            deadline,
            stream,
            meta: None,
            wait: false,
        };
        self.caller.start_call(self.now, &spec).expect("a call that can start")
    }
}

fn carry(now: Instant, from: &mut Link, to: &mut Link, inbound: &mut Inbound) {
    while let Some(message) = from.poll_transmit(now) {
        inbound.push(message.seal().to_bytes());
    }
    while inbound.decode() {
        to.handle_messages(now, inbound).expect("own bytes");
    }
}
