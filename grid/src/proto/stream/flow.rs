//! What both sides do with an open stream: send, receive, end the input. The rest is in caller/ and callee/.

use std::num::NonZeroU32;

use bytes::Bytes;

use crate::proto::callee::Input;
use crate::proto::error::CallFailure;
use crate::proto::event::{Half, Recv, Side};
use crate::proto::link::{Link, Post};
use crate::proto::muxes::Key;
use crate::proto::output::queue::{Lane, Waiting};
use crate::proto::session::features::Feature;
use crate::proto::stream::core::StreamCore;
use crate::proto::wire::{CREDITS_LEN_MAX, Flags, MuxId, Op, encode_credits};

/// Whether a stream takes an item now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SendState {
    Ready,
    /// No credit, or the item before waits for room; a wake event will tell.
    Blocked,
    /// Nobody will read it.
    Closed,
}

impl Link {
    /// Whether [`send`](Self::send) would take an item now.
    pub(crate) fn poll_send(&mut self, side: Side, key: Key) -> SendState {
        if self.stream_id(side, key).is_none() || self.output_ended(side, key) {
            return SendState::Closed;
        }
        match self.stream_core(side, key) {
            None => SendState::Closed,
            Some(core) if core.credits.is_empty() || core.parked.is_some() => SendState::Blocked,
            Some(_) => SendState::Ready,
        }
    }

    /// Sends an item. Where [`poll_send`](Self::poll_send) does not say `Ready`, nothing is sent and the same is returned.
    /// Without room in the outbox the item waits in line, and the stream takes the next one when this one has left it.
    ///
    /// An item that fits into no message ends the stream.
    pub(crate) fn send(&mut self, side: Side, key: Key, item: &Bytes) -> SendState {
        let state = self.poll_send(side, key);
        if state != SendState::Ready {
            return state;
        }
        let max = self.limits.payload_bytes_max();
        if item.len() > max {
            match side {
                Side::Caller => self.refuse_own_item(key, item.len()),
                Side::Callee => self.refuse_item(key, item.len()),
            }
            return SendState::Closed;
        }
        let lane = self.lane_of_item(side, key, item.len());
        let at_once = self.takes_more(lane);
        let parked = (!at_once).then(|| self.keep(item));
        let Some(core) = self.stream_core(side, key) else { return SendState::Closed };
        if !core.credits.take() {
            return SendState::Blocked;
        }
        if at_once {
            self.post_item(side, key, item);
        } else {
            core.parked = parked;
            self.wait_in_line(lane, Waiting::Item(side, key));
        }
        SendState::Ready
    }

    /// Where an item waits: with the large ones also if one of the same stream is still on its way, which it must not
    /// overtake.
    fn lane_of_item(&self, side: Side, key: Key, len: usize) -> Lane {
        let behind_one = self.outbox.bulk_bytes() > 0
            && self.stream_id(side, key).is_some_and(|id| self.outbox.holds(side, id));
        if behind_one { Lane::Large } else { self.lane_of(len) }
    }

    fn post_item(&mut self, side: Side, key: Key, item: &Bytes) {
        let Some(id) = self.stream_id(side, key) else { return };
        let Some(seq) = self.stream_core(side, key).map(StreamCore::next_seq) else { return };
        self.post_shared(Post::new(data_op(side), id).seq(seq), Some(item), &[], None);
    }

    /// Whether an item of this stream waits in line. One whose stream is over does not.
    pub(in crate::proto) fn has_parked(&mut self, side: Side, key: Key) -> bool {
        self.stream_id(side, key).is_some()
            && self.stream_core(side, key).is_some_and(|core| core.parked.is_some())
    }

    /// It is this stream's turn, if it still waits; then its end, if that waited behind the item.
    pub(in crate::proto) fn admit_item(&mut self, side: Side, key: Key) {
        let Some(item) = self.stream_core(side, key).and_then(|core| core.parked.take()) else {
            return;
        };
        self.post_item(side, key, &item);
        self.spend(Some(item));
        match side {
            Side::Caller if self.output_ended(side, key) => self.post_end_of_input(key),
            Side::Callee if self.output_ended(side, key) => self.try_finish(key),
            Side::Caller | Side::Callee => self.wake(side, key, Half::Writer),
        }
    }

    /// Ends the input of a stream that this node opened.
    pub(crate) fn finish_input(&mut self, key: Key) {
        let Some(stream) = self.caller_stream(key) else { return };
        let ended_before = std::mem::replace(&mut stream.input_ended, true);
        if !ended_before && stream.core.parked.is_none() {
            self.post_end_of_input(key);
        }
    }

    fn post_end_of_input(&mut self, key: Key) {
        let Some(id) = self.calls.id_of(key) else { return };
        let Some(seq) = self.caller_stream(key).map(|stream| stream.core.next_seq()) else {
            return;
        };
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
        // Not a clean end: a handler must not take half an input for the whole, in the moment before it is cancelled.
        let Some(core) = self.stream_core(side, key) else {
            return Recv::End(Err(self.unknown_call()));
        };
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

    fn stream_end(&mut self, side: Side, key: Key) -> Result<(), CallFailure> {
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
            Side::Callee => self.callee_stream(key).is_none_or(|stream| stream.finish.is_some()),
        }
    }

    fn stream_id(&self, side: Side, key: Key) -> Option<MuxId> {
        match side {
            Side::Caller => self.calls.id_of(key),
            Side::Callee => self.served.id_of(key),
        }
    }

    pub(in crate::proto) fn stream_core(
        &mut self,
        side: Side,
        key: Key,
    ) -> Option<&mut StreamCore> {
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
