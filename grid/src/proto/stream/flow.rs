//! Sending and receiving items, and ending the input: the same for both sides of a stream. How streams open and end is
//! in caller/ and callee/.

use std::num::NonZeroU32;

use bytes::Bytes;

use super::core::{StreamCore, Taken};
use crate::error::CallFailure;
use crate::proto::event::{Half, Recv, Side};
use crate::proto::link::Link;
use crate::proto::muxes::Key;
use crate::proto::output::header::HeaderTemplate;
use crate::proto::output::queue::PendingSend;
use crate::proto::session::features::Feature;
use crate::proto::wire::{CREDITS_LEN_MAX, Flags, MuxId, Op, encode_credits};

/// Whether a stream accepts an item now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SendState {
    Ready,
    /// There is no credit, or the previous item waits for room. An [`Event::Wake`](crate::proto::Event::Wake) follows.
    Blocked,
    /// The stream is over.
    Closed,
    /// The item does not fit into a message, which may have `max` bytes.
    TooLarge {
        max: usize,
    },
}

impl Link {
    /// Whether [`send`](Self::send) would accept an item now.
    pub(crate) fn poll_send(&mut self, side: Side, key: Key) -> SendState {
        if self.stream_id(side, key).is_none() || self.output_ended(side, key) {
            return SendState::Closed;
        }
        match self.stream_core(side, key) {
            None => SendState::Closed,
            Some(core) if core.can_send() => SendState::Ready,
            Some(_) => SendState::Blocked,
        }
    }

    /// Sends an item. Unless [`poll_send`](Self::poll_send) is `Ready`, nothing is sent and its result is returned.
    /// Without room in the outbox the item waits in a queue, and the stream is blocked until it has left the queue.
    ///
    /// An item that is too large for a message is not sent, and the stream continues.
    pub(crate) fn send(&mut self, side: Side, key: Key, item: &Bytes) -> SendState {
        let state = self.poll_send(side, key);
        if state != SendState::Ready {
            return state;
        }
        let max = self.payload_bytes_max();
        if item.len() > max {
            return SendState::TooLarge { max };
        }
        let lane = self.output.lane_of_item(side, || self.stream_id(side, key), item.len());
        let at_once = self.output.has_capacity(lane);
        // What a handler sends waits because the peer does not read it. This node's own items are its own matter.
        if side == Side::Callee
            && (!at_once || item.len() > self.limits.large_bytes)
            && let Err(over) = self.check_output(item.len())
        {
            self.reset_served_stream(key, self.over_text(over));
            return SendState::Closed;
        }
        let retained = (!at_once).then(|| self.output.retain(item));
        let Some(core) = self.stream_core(side, key) else { return SendState::Closed };
        if !core.take_credit() {
            return SendState::Blocked;
        }
        if let Some(retained) = retained {
            core.queue_item(retained);
            self.output.count_waiting(side, item.len());
            self.enqueue(lane, PendingSend::Item(side, key));
        } else {
            self.push_item(side, key, item);
        }
        SendState::Ready
    }

    fn push_item(&mut self, side: Side, key: Key, item: &Bytes) {
        let Some(id) = self.stream_id(side, key) else { return };
        let Some(seq) = self.stream_core(side, key).map(StreamCore::next_seq) else { return };
        let header = HeaderTemplate::new(data_op(side), id).seq(seq);
        let counted = if side == Side::Callee { item.len() } else { 0 };
        self.output.push_shared(header, Some(item), &[], None, counted);
    }

    /// There is room for the stream's queued item, if it still waits. Sends it, then the stream's end if that has been
    /// waiting behind the item.
    pub(in crate::proto) fn admit_item(&mut self, side: Side, key: Key) {
        let Some(item) = self.stream_core(side, key).and_then(StreamCore::take_queued_item) else {
            return;
        };
        self.output.count_sent(side, item.len());
        self.push_item(side, key, &item);
        self.output.release(Some(item));
        match side {
            Side::Caller if self.output_ended(side, key) => self.push_end_of_input(key),
            Side::Callee if self.output_ended(side, key) => self.try_finish(key),
            Side::Caller | Side::Callee => self.wake(side, key, Half::Writer),
        }
    }

    /// Ends the input of a stream that this node opened.
    pub(crate) fn finish_input(&mut self, key: Key) {
        let Some(stream) = self.caller_stream(key) else { return };
        // With an item in the queue, `admit_item` sends the end.
        if stream.end_output() && !stream.core_mut().has_queued_item() {
            self.push_end_of_input(key);
        }
    }

    fn push_end_of_input(&mut self, key: Key) {
        let Some(id) = self.stream_id(Side::Caller, key) else { return };
        let Some(seq) = self.stream_core(Side::Caller, key).map(StreamCore::next_seq) else {
            return;
        };
        let header = HeaderTemplate::new(Op::MuxClientMsg, id).seq(seq).flags(Flags::EOF);
        self.output.push(header, None);
    }

    /// The next item for the reader. Taking an item returns its credit to the sender.
    pub(crate) fn recv(&mut self, side: Side, key: Key) -> Recv {
        let batch = self.has(Feature::Credits);
        let expects_items = match side {
            Side::Caller => self.caller_stream(key).is_some_and(|stream| stream.expects_items()),
            Side::Callee => self.callee_stream(key).is_some_and(|stream| stream.expects_items()),
        };
        let id = self.stream_id(side, key);
        // Not a clean end: between a lost connection and its cancellation, a handler must not take half an input for
        // all of it.
        let Some(core) = self.stream_core(side, key) else {
            return Recv::End(Err(self.unknown_call()));
        };
        let taken = if expects_items { core.take(batch) } else { core.take_leftover() };
        let Some(Taken { item, credits, freed }) = taken else {
            return if expects_items {
                Recv::Pending
            } else {
                Recv::End(self.stream_end(side, key))
            };
        };
        self.account.release(freed);
        if let (Some(id), 1..) = (id, credits) {
            self.return_credits(side, key, id, credits);
        }
        Recv::Item(item)
    }

    /// The reader of a stream has gone. Items that wait for it, and items that are still received, are discarded and their
    /// credits returned, so that their sender does not wait for a reader.
    pub(crate) fn stop_reading(&mut self, side: Side, key: Key) {
        if let Some(core) = self.stream_core(side, key) {
            core.set_discards();
            self.discard_items(side, key);
        }
    }

    /// Discards the items of a stream whose reader has gone, at most as many as the stream's capacity.
    pub(in crate::proto) fn discard_items(&mut self, side: Side, key: Key) {
        while let Recv::Item(_) = self.recv(side, key) {}
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
        self.output.push(HeaderTemplate::new(op, id).seq(seq), payload);
    }

    fn stream_end(&mut self, side: Side, key: Key) -> Result<(), CallFailure> {
        match side {
            Side::Caller => self.caller_stream(key).map_or(Ok(()), |stream| stream.outcome()),
            Side::Callee => Ok(()),
        }
    }

    fn output_ended(&mut self, side: Side, key: Key) -> bool {
        match side {
            Side::Caller => self.caller_stream(key).is_none_or(|stream| stream.output_ended()),
            Side::Callee => self.callee_stream(key).is_none_or(|stream| stream.output_ended()),
        }
    }

    fn stream_id(&self, side: Side, key: Key) -> Option<MuxId> {
        match side {
            Side::Caller => self.calls.id_of(key),
            Side::Callee => self.served.id_of(key),
        }
    }

    fn stream_core(&mut self, side: Side, key: Key) -> Option<&mut StreamCore> {
        match side {
            Side::Caller => self.caller_stream(key).map(|stream| stream.core_mut()),
            Side::Callee => self.callee_stream(key).map(|stream| stream.core_mut()),
        }
    }
}

fn data_op(side: Side) -> Op {
    match side {
        Side::Caller => Op::MuxClientMsg,
        Side::Callee => Op::MuxServerMsg,
    }
}
