//! One link, and a test that acts as its peer with single messages.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use super::pair::{Node, session};
use super::start;
use crate::proto::error::ProtocolError;
use crate::proto::wire::{Flags, Frame, Header, Message, MuxId, Op, merged};
use crate::proto::{CallSpec, Features, Key, Limits};

#[derive(Debug)]
pub(super) struct Solo {
    pub(super) now: Instant,
    pub(super) node: Node,
}

/// A header of `op` for a call. The other fields are zero.
pub(super) fn head(op: Op, mux: u64, seq: u32) -> Header {
    Header { mux: MuxId(mux), seq, flags: Flags::CRC, ..Header::new(op) }
}

pub(super) fn flagged(header: Header, flags: Flags) -> Header {
    Header { flags: header.flags | flags, ..header }
}

/// The header of a request or an opening, with handler and deadline.
pub(super) fn opening(op: Op, mux: u64, handler: u32, deadline_ms: u32) -> Header {
    Header { handler, deadline_ms, ..head(op, mux, 0) }
}

pub(super) fn encode(header: Header, payload: Option<&[u8]>) -> Bytes {
    let mut out = BytesMut::new();
    Frame::new(header, payload).encode(&mut out);
    out.freeze()
}

impl Solo {
    pub(super) fn with(limits: Limits, features: Features) -> Self {
        let mut node = Node::new(limits);
        node.start(start(), session(true, features));
        Self { now: start(), node }
    }

    /// A link whose peer is a Go node.
    pub(super) fn go() -> Self {
        Self::with(Limits::default(), Features::NONE)
    }

    pub(super) fn try_receive(&mut self, bytes: Bytes) -> Result<(), ProtocolError> {
        let result = self.node.handle_message(self.now, bytes);
        self.node.drain_events();
        result
    }

    #[track_caller]
    pub(super) fn receive(&mut self, header: Header, payload: Option<&[u8]>) {
        self.try_receive(encode(header, payload)).expect("a message");
    }

    /// Receives a message without payload, with this metadata.
    #[track_caller]
    pub(super) fn receive_meta(&mut self, header: Header, meta: &[u8]) {
        let mut out = BytesMut::new();
        Frame { meta, ..Frame::new(header, None) }.encode(&mut out);
        self.try_receive(out.freeze()).expect("a message");
    }

    /// Takes all messages that the link sends, as bytes.
    pub(super) fn take_raw(&mut self) -> Vec<Bytes> {
        let mut messages = Vec::new();
        while let Some(bytes) = self.node.link.poll_transmit(self.now) {
            let outer = Message::decode(bytes.clone().seal().to_bytes()).expect("own bytes");
            if outer.header.op == Op::Merged {
                messages.extend(merged::parts(&outer).map(|part| part.expect("a part")));
            } else {
                messages.push(bytes.seal().to_bytes());
            }
        }
        self.node.drain_events();
        messages
    }

    pub(super) fn take(&mut self) -> Vec<Message> {
        self.take_raw()
            .into_iter()
            .map(|bytes| Message::decode(bytes).expect("own bytes"))
            .collect()
    }

    /// Takes all messages that the link sends: op, mux and seq of each.
    pub(super) fn sent(&mut self) -> Vec<(Op, u64, u32)> {
        self.take()
            .iter()
            .map(|message| (message.header.op, message.header.mux.0, message.header.seq))
            .collect()
    }

    #[track_caller]
    pub(super) fn call(&mut self, spec: CallSpec) -> Key {
        self.node.link.start_call(self.now, &spec).expect("a call that can start")
    }

    /// Lets time pass, timer by timer. Messages that the link sends meanwhile stay in its outbox.
    pub(super) fn advance(&mut self, time: Duration) -> Result<(), ProtocolError> {
        let until = self.now + time;
        while let Some(next) = self.node.link.poll_timeout().filter(|next| *next <= until) {
            self.now = self.now.max(next);
            self.node.handle_timeout(self.now)?;
            self.node.drain_events();
        }
        self.now = until;
        Ok(())
    }
}
