//! One link in use, and a peer that sends anything, for fuzz/.
//!
//! After each message, the memory of the link must be within its limits; at the end, nothing may be left.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use crate::error::{ErrorCode, Fault};
use crate::proto::memory::{Ledger, NodeBytes};
use crate::proto::simulation::pair::{Node, request, session, stream, stream_of_bytes, under};
use crate::proto::simulation::start;
use crate::proto::wire::{Flags, Frame, Header, Message, MuxId, Op, SubrouteId, merged};
use crate::proto::{CallSpec, Deadline, Features, Key, Limits, Session, Side};

const KIB: usize = 1024;

/// Small, so that a fuzzer reaches it.
const PEER_BYTES_MAX: usize = 1024 * KIB;

/// Output is held whether it fits or not; it counts for the peer up to this part of the limit (docs/limits.md).
const OUTPUT_BYTES: usize = PEER_BYTES_MAX / 4;

/// What an outbox may keep for further messages.
const IDLE_OUTPUT_BYTES: usize = 64 * KIB;

/// What a connection has negotiated.
#[derive(Debug, Clone, Copy)]
pub struct HostileSetting {
    /// One bit for each extension.
    pub features: u16,
    /// Whether messages carry checksums.
    pub checksum: bool,
}

impl HostileSetting {
    fn session(self) -> Session {
        let names = Features::all().names();
        let has = |bit: usize| self.features & (1 << bit) != 0;
        let names = names.iter().enumerate().filter(|(bit, _)| has(*bit));
        let features = Features::from_names(names.map(|(_, name)| name.as_str()));
        session(self.checksum, features)
    }
}

/// A call that the link makes.
#[derive(Debug, Clone, Copy)]
pub enum Made {
    /// A single request.
    Single,
    /// A stream with these capacities, both at most 4.
    Stream(u32, u32),
    /// A stream both ways, of which only the bytes are limited.
    Bytes,
}

/// What the owner of a call does.
#[derive(Debug, Clone, Copy)]
pub enum CallerAct {
    /// Polls for the answer, for the opening or for an item.
    Poll,
    /// Sends an item of this length.
    Send(usize),
    /// Sends no more items.
    FinishInput,
    /// Drops the call.
    Drop,
}

/// What a handler does.
#[derive(Debug, Clone, Copy)]
pub enum HandlerAct {
    /// Receives an item.
    Receive,
    /// Sends an item of this length.
    Send(usize),
    /// Returns, with an answer of this length if it is for a single request.
    Finish(usize),
    /// Returns an error.
    Fail,
}

/// The fields of a message.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "as on the wire")]
pub struct Fields<'a> {
    pub mux: u64,
    pub seq: u32,
    pub deadline_ms: u32,
    pub handler: u32,
    pub op: u8,
    pub flags: u8,
    pub payload: Option<&'a [u8]>,
    pub meta: &'a [u8],
    pub subroute: bool,
}

impl Fields<'_> {
    /// The message, with a checksum if the flags say so.
    pub fn encode(&self) -> Bytes {
        let Self { mux, seq, deadline_ms, handler, op, flags, payload, meta, subroute } = *self;
        let (mux, op, flags) = (MuxId(mux), Op::from_u8(op), Flags(flags));
        let header = Header { mux, seq, deadline_ms, handler, op, flags };
        let subroute = subroute.then_some(&SUBROUTE);
        Frame { header, payload, meta, subroute }.to_bytes()
    }
}

const SUBROUTE: SubrouteId = SubrouteId([7; 32]);

/// Several messages in one.
pub fn merge(messages: &[Bytes]) -> Bytes {
    let mut out = BytesMut::new();
    merged::write_header(u32::try_from(messages.len()).unwrap_or(u32::MAX), &mut out);
    for message in messages {
        merged::write_part_prefix(message.len(), &mut out);
        out.extend_from_slice(message);
    }
    out.freeze()
}

/// See the module.
#[derive(Debug)]
pub struct Hostile {
    now: Instant,
    node: Node,
    ledger: Arc<Ledger>,
    node_bytes: Arc<NodeBytes>,
    session: Session,
    up: bool,
    /// Calls of the link, and whether each is a stream.
    made: Vec<(Key, bool)>,
    served: Vec<(Key, bool, Option<Bytes>)>,
}

impl Hostile {
    /// A link whose connection is up.
    pub fn new(setting: HostileSetting) -> Self {
        let node_bytes = NodeBytes::new(2 * PEER_BYTES_MAX);
        let limits = Limits {
            message_bytes_max: 128 * KIB,
            outbox_bytes: 4 * KIB,
            large_bytes: 2 * KIB,
            part_bytes: KIB,
            transfer_bytes: 8 * KIB,
            backlog_bytes_max: 16 * KIB,
            bytes_per_peer_max: PEER_BYTES_MAX,
            node_bytes: Arc::clone(&node_bytes),
            stream_window_max: 64 * KIB,
            served_max: 32,
            ..Limits::default()
        };
        let node = Node::new(limits);
        let ledger = Arc::clone(node.link.account.ledger());
        let session = setting.session();
        let (made, served) = Default::default();
        let mut hostile =
            Self { now: start(), node, ledger, node_bytes, session, up: false, made, served };
        hostile.connect();
        hostile
    }

    /// The link is connected again, if it is not.
    pub fn connect(&mut self) {
        if !std::mem::replace(&mut self.up, true) {
            self.node.start(self.now, self.session);
            self.check();
        }
    }

    /// The connection is lost, if there is one.
    pub fn cut(&mut self) {
        if std::mem::replace(&mut self.up, false) {
            self.node.stop("cut");
            self.check();
        }
    }

    /// The peer sends these bytes as one message.
    pub fn receive(&mut self, message: Bytes) {
        if self.up {
            let handled = self.node.handle_message(self.now, message);
            self.settle(handled.map_err(|error| error.to_string()));
        }
    }

    /// Milliseconds pass, in which the peer reads nothing.
    pub fn pass(&mut self, ms: u64) {
        let until = self.now + Duration::from_millis(ms);
        while let Some(next) = self.node.link.poll_timeout().filter(|next| *next <= until) {
            self.now = self.now.max(next);
            let handled = self.node.handle_timeout(self.now);
            self.settle(handled.map_err(|error| error.to_string()));
        }
        self.now = until;
    }

    /// The peer reads all that the link has to send, which must be messages.
    pub fn transmit(&mut self) {
        while let Some(message) = self.node.link.poll_transmit(self.now) {
            let message = Message::decode(message.seal().to_bytes()).expect("own bytes");
            if message.header.op == Op::Merged {
                let parts = merged::parts_strict(&message).expect("own bytes");
                parts.for_each(|part| {
                    drop(Message::decode(part.expect("a part")).expect("own bytes"))
                });
            }
        }
        self.check();
    }

    /// The link makes a call.
    pub fn call(&mut self, made: Made, timeout_ms: Option<u64>, len: usize, has_subroute: bool) {
        let spec = match made {
            Made::Single => request(b""),
            Made::Stream(incoming, outgoing) => stream(incoming % 5, outgoing % 5),
            Made::Bytes => stream_of_bytes(),
        };
        let spec = if has_subroute { under(SUBROUTE, spec) } else { spec };
        let after = timeout_ms.map(Duration::from_millis);
        let deadline = after.map(|after| Deadline { at: self.now + after, after });
        let is_stream = spec.stream.is_some();
        let payload = Some(Bytes::from(vec![7; len]).into());
        let started = self.node.link.start_call(self.now, &CallSpec { payload, deadline, ..spec });
        self.made.extend(started.ok().map(|key| (key, is_stream)));
        self.check();
    }

    /// The owner of a call that the link makes does something.
    pub fn use_call(&mut self, at: usize, act: CallerAct) {
        let Some((key, is_stream)) = pick(&self.made, at) else { return };
        let link = &mut self.node.link;
        let is_open = is_stream && link.poll_opened(key) == Some(Ok(()));
        match act {
            CallerAct::Poll if is_open => {
                link.recv(Side::Caller, key);
            }
            CallerAct::Poll if !is_stream => {
                if link.take_answer(key).is_some() {
                    self.made.retain(|(other, _)| *other != key);
                }
            }
            CallerAct::Send(len) if is_open => {
                link.send(Side::Caller, key, &Bytes::from(vec![7; len]).into());
            }
            CallerAct::FinishInput if is_open => link.finish_input(key),
            CallerAct::Drop => {
                link.forget_call(key);
                self.made.retain(|(other, _)| *other != key);
            }
            CallerAct::Poll | CallerAct::Send(_) | CallerAct::FinishInput => {}
        }
        self.check();
    }

    /// A handler of the link does something.
    pub fn use_handler(&mut self, at: usize, act: HandlerAct) {
        let served: Vec<_> =
            self.served.iter().map(|(key, is_stream, _)| (*key, *is_stream)).collect();
        let Some((key, is_stream)) = pick(&served, at) else { return };
        let link = &mut self.node.link;
        let fault = || Fault::new(ErrorCode::Handler, "boom");
        match act {
            HandlerAct::Receive if is_stream => {
                link.recv(Side::Callee, key);
            }
            HandlerAct::Send(len) if is_stream => {
                link.send(Side::Callee, key, &Bytes::from(vec![7; len]).into());
            }
            HandlerAct::Receive | HandlerAct::Send(_) => {}
            HandlerAct::Finish(_) if is_stream => link.finish_stream(key, &Ok(())),
            HandlerAct::Finish(len) => link.reply(key, &Ok(Some(Bytes::from(vec![7; len]).into()))),
            HandlerAct::Fail if is_stream => link.finish_stream(key, &Err(fault())),
            HandlerAct::Fail => link.reply(key, &Err(fault())),
        }
        if matches!(act, HandlerAct::Finish(_) | HandlerAct::Fail) {
            self.served.retain(|(other, ..)| *other != key);
        }
        self.check();
    }

    /// The connection ends, and all calls are dropped. Panics if anything is left.
    pub fn end(mut self) {
        self.cut();
        for (key, _) in std::mem::take(&mut self.made) {
            self.node.link.forget_call(key);
        }
        self.served.clear();
        self.check();
        let Self { node, ledger, node_bytes, .. } = self;
        let link = &node.link;
        assert_eq!(link.in_flight(), (0, 0), "calls are left");
        let output = link.output.held_bytes();
        assert_eq!(link.held_bytes() - output, 0, "received bytes are still counted");
        assert!(output <= IDLE_OUTPUT_BYTES, "{output} bytes of output without a connection");
        drop(node);
        assert_eq!(ledger.held(), 0, "bytes are still charged");
        assert_eq!(node_bytes.held(), 0, "bytes are still charged to the node");
    }

    fn settle(&mut self, handled: Result<(), String>) {
        if let Err(error) = handled {
            assert!(!error.is_empty());
            self.cut();
        }
        self.check();
    }

    /// Takes the events, and checks the memory.
    fn check(&mut self) {
        self.node.drain_events();
        for serve in std::mem::take(&mut self.node.serves) {
            let is_stream = self.node.link.callee_stream(serve.key).is_some();
            self.served.push((serve.key, is_stream, serve.payload));
        }
        for key in std::mem::take(&mut self.node.cancelled) {
            self.served.retain(|(other, ..)| *other != key);
        }
        self.node.wakes.clear();
        let held = self.ledger.held();
        assert!(held <= PEER_BYTES_MAX + OUTPUT_BYTES, "{held} bytes are held");
    }
}

/// One of the calls.
fn pick(calls: &[(Key, bool)], at: usize) -> Option<(Key, bool)> {
    calls.get(at.checked_rem(calls.len())?).copied()
}
