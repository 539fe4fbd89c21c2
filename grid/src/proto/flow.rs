//! What both sides do with an open stream: send, receive, end the input. The rest is in caller.rs and callee.rs.

use std::num::NonZeroU32;

use super::callee::Input;
use super::event::{Recv, Side};
use super::features::Feature;
use super::link::{Link, Post};
use super::muxes::Key;
use super::stream::StreamCore;
use super::wire::{CREDITS_LEN_MAX, Flags, MuxId, Op, encode_credits};

/// Whether a stream takes an item now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SendState {
    Ready,
    /// No credit, or no room; a wake event will tell.
    Blocked,
    /// Nobody will read it.
    Closed,
}

impl Link {
    /// Whether [`send`](Self::send) would take an item now.
    pub(crate) fn poll_send(&mut self, side: Side, key: Key) -> SendState {
        let has_room = self.has_room();
        if self.stream_id(side, key).is_none() || self.output_ended(side, key) {
            return SendState::Closed;
        }
        let Some(core) = self.stream_core(side, key) else { return SendState::Closed };
        if core.credits.is_empty() {
            return SendState::Blocked;
        }
        if has_room {
            return SendState::Ready;
        }
        if !core.in_line {
            core.in_line = true;
            self.line.push_back((side, key));
        }
        SendState::Blocked
    }

    /// Sends an item. Where [`poll_send`](Self::poll_send) does not say `Ready`, nothing is sent and the same is returned.
    pub(crate) fn send(&mut self, side: Side, key: Key, item: &[u8]) -> SendState {
        let state = self.poll_send(side, key);
        if state != SendState::Ready {
            return state;
        }
        let (Some(id), Some(core)) = (self.stream_id(side, key), self.stream_core(side, key))
        else {
            return SendState::Closed;
        };
        if !core.credits.take() {
            return SendState::Blocked;
        }
        let seq = core.next_seq();
        self.post(Post::new(data_op(side), id).seq(seq), Some(item));
        SendState::Ready
    }

    /// Ends the input of a stream that this node opened.
    pub(crate) fn finish_input(&mut self, key: Key) {
        let Some(id) = self.calls.id_of(key) else { return };
        let Some(stream) = self.caller_stream(key) else { return };
        if std::mem::replace(&mut stream.input_ended, true) {
            return;
        }
        let seq = stream.core.next_seq();
        self.post(Post::new(Op::MuxClientMsg, id).seq(seq).flags(Flags::EOF), None);
    }

    /// The next item for the reader. Taking one gives its credit back.
    pub(crate) fn recv(&mut self, side: Side, key: Key) -> Recv {
        let batch = self.has(Feature::Credits);
        let input_open = match side {
            Side::Caller => self.caller_stream(key).is_some_and(|stream| stream.end.is_none()),
            Side::Callee => {
                self.callee_stream(key).is_some_and(|stream| stream.input == Input::Open)
            }
        };
        let id = self.stream_id(side, key);
        let Some(core) = self.stream_core(side, key) else { return Recv::End(Ok(())) };
        if !input_open {
            return match core.take_leftover() {
                Some(item) => Recv::Item(item),
                None => Recv::End(self.stream_end(side, key)),
            };
        }
        let Some((item, credits)) = core.take(batch) else { return Recv::Pending };
        if let (Some(id), 1..) = (id, credits) {
            self.return_credits(side, key, id, credits);
        }
        Recv::Item(item)
    }

    fn return_credits(&mut self, side: Side, key: Key, id: MuxId, credits: u32) {
        let Some(seq) = self.stream_core(side, key).map(StreamCore::next_seq) else { return };
        let op = match side {
            Side::Caller => Op::UnblockSrvMux,
            Side::Callee => Op::UnblockClMux,
        };
        let mut space = [0; CREDITS_LEN_MAX];
        let payload =
            NonZeroU32::new(credits).and_then(|credits| encode_credits(credits, &mut space));
        self.post(Post::new(op, id).seq(seq), payload);
    }

    fn stream_end(&mut self, side: Side, key: Key) -> Result<(), super::CallFailure> {
        match side {
            Side::Caller => {
                self.caller_stream(key).and_then(|stream| stream.end.clone()).unwrap_or(Ok(()))
            }
            Side::Callee => Ok(()),
        }
    }

    fn output_ended(&mut self, side: Side, key: Key) -> bool {
        match side {
            Side::Caller => self.caller_stream(key).is_none_or(|stream| stream.input_ended),
            Side::Callee => false,
        }
    }

    fn stream_id(&self, side: Side, key: Key) -> Option<MuxId> {
        match side {
            Side::Caller => self.calls.id_of(key),
            Side::Callee => self.served.id_of(key),
        }
    }

    pub(super) fn stream_core(&mut self, side: Side, key: Key) -> Option<&mut StreamCore> {
        match side {
            Side::Caller => self.caller_stream(key).map(|stream| &mut stream.core),
            Side::Callee => self.callee_stream(key).map(|stream| &mut stream.core),
        }
    }
}

fn data_op(side: Side) -> Op {
    match side {
        Side::Caller => Op::MuxClientMsg,
        Side::Callee => Op::MuxServerMsg,
    }
}
