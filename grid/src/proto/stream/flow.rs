//! Sending and receiving items, and ending the input: the same for both sides of a stream. How streams open and end is
//! in caller/ and callee/.

use super::capacities::Capacities;
use super::control::Returned;
use super::core::{StreamCore, Taken};
use super::window::{RecvWindow, WINDOW_BYTES};
use crate::error::CallFailure;
use crate::proto::body::Body;
use crate::proto::event::{Half, Recv, Side};
use crate::proto::link::Link;
use crate::proto::muxes::Key;
use crate::proto::output::header::HeaderTemplate;
use crate::proto::output::queue::PendingSend;
use crate::proto::session::features::Feature;
use crate::proto::wire::{CREDITS_LEN_MAX, Flags, GRANT_LEN_MAX, MuxId, Op, encode_credits};

/// Whether a stream accepts an item now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SendState {
    Ready,
    /// The receiver has no room for it, or the previous item waits for room here. An [`Event::Wake`](crate::proto::Event::Wake) follows.
    Blocked,
    /// The stream is over.
    Closed,
    /// The item does not fit into a message, which may have `max` bytes.
    TooLarge {
        max: usize,
    },
}

impl Link {
    /// Whether [`send`](Self::send) would accept an item now. If the writer must wait for the receiver's window, the receiver
    /// learns that with the next item.
    pub(crate) fn poll_send(&mut self, side: Side, key: Key) -> SendState {
        let state = self.send_state(side, key);
        if state == SendState::Blocked
            && let Some(core) = self.stream_core(side, key)
        {
            let begins = core.note_wait();
            self.counters.stalls += u64::from(begins);
        }
        state
    }

    /// The same, for those that only want to know whether the stream is over.
    pub(crate) fn send_state(&mut self, side: Side, key: Key) -> SendState {
        if self.stream_id(side, key).is_none() || self.output_ended(side, key) {
            return SendState::Closed;
        }
        match self.stream_core(side, key).map(|core| core.can_send()) {
            None => SendState::Closed,
            Some(true) => SendState::Ready,
            Some(false) => SendState::Blocked,
        }
    }

    /// Sends an item. Unless [`poll_send`](Self::poll_send) is `Ready`, nothing is sent and its result is returned.
    /// Without room in the outbox the item waits in a queue, and the stream is blocked until it has left the queue.
    ///
    /// An item that is too large for a message is not sent, and the stream continues.
    pub(crate) fn send(&mut self, side: Side, key: Key, item: &Body) -> SendState {
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
        if !core.spend(item.len()) {
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

    fn push_item(&mut self, side: Side, key: Key, item: &Body) {
        let Some(id) = self.stream_id(side, key) else { return };
        let Some(core) = self.stream_core(side, key) else { return };
        let waited = if core.waited() { Flags::WAITED } else { Flags::NONE };
        let header = HeaderTemplate::new(data_op(side), id).seq(core.next_seq()).flags(waited);
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

    /// The next item for the reader. Taking an item makes room for the sender.
    pub(crate) fn recv(&mut self, side: Side, key: Key) -> Recv {
        let batch = self.has(Feature::Credits);
        let expects_items = match side {
            Side::Caller => self.caller_stream(key).is_some_and(|stream| stream.expects_items()),
            Side::Callee => self.callee_stream(key).is_some_and(|stream| stream.expects_items()),
        };
        let id = self.stream_id(side, key);
        // Not a clean end: between a lost connection and its cancellation, a handler must not take half an input for
        // all of it.
        let missing = self.windows.missing();
        let Some(mut core) = self.stream_core(side, key) else {
            return Recv::End(Err(self.unknown_call()));
        };
        if core.wanted_window() > 0 || (missing > 0 && core.window() > WINDOW_BYTES) {
            self.resize_window(side, key, missing);
            let Some(resized) = self.stream_core(side, key) else {
                return Recv::End(Err(self.unknown_call()));
            };
            core = resized;
        }
        let taken = if expects_items { core.take(batch) } else { core.take_leftover() };
        let Some(Taken { item, returned, freed }) = taken else {
            return if expects_items {
                Recv::Pending
            } else {
                Recv::End(self.stream_end(side, key))
            };
        };
        self.account.release(freed);
        if let (Some(id), Some(returned)) = (id, returned) {
            self.return_to_sender(side, key, id, returned);
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

    /// Discards the items of a stream whose reader has gone, which are no more than its window and its capacity allow.
    pub(in crate::proto) fn discard_items(&mut self, side: Side, key: Key) {
        while let Recv::Item(_) = self.recv(side, key) {}
    }

    /// A window for the items of a new stream, at most this many of them at a time, if the session has windows. With 0 there
    /// are no items, and the window is empty.
    pub(in crate::proto) fn new_window(&mut self, capacity: u32) -> Option<RecvWindow> {
        if !self.has(Feature::Windows) {
            return None;
        }
        let max = u32::try_from(self.limits.stream_window_max).unwrap_or(u32::MAX);
        let bytes = if capacity == 0 { 0 } else { self.windows.first(max) };
        let items_max = (capacity != Capacities::BYTES_ONLY).then_some(capacity);
        Some(RecvWindow::new(bytes, max, items_max))
    }

    /// Lets the window of a stream grow, if it is too small, or shrink by at most `missing`, which new streams need.
    fn resize_window(&mut self, side: Side, key: Key, missing: u32) {
        let Some(core) = self.stream_core(side, key) else { return };
        let (wanted, shrunk) = (core.wanted_window(), core.shrink_window(missing));
        self.windows.give_back(shrunk);
        if wanted > 0 {
            let bytes = self.windows.take(wanted);
            if let Some(core) = self.stream_core(side, key) {
                core.grow_window(bytes);
            }
        }
    }

    fn return_to_sender(&mut self, side: Side, key: Key, id: MuxId, returned: Returned) {
        let Some(seq) = self.stream_core(side, key).map(StreamCore::next_seq) else { return };
        let op = match side {
            Side::Caller => Op::UnblockSrvMux,
            Side::Callee => Op::UnblockClMux,
        };
        let header = HeaderTemplate::new(op, id).seq(seq);
        match returned {
            Returned::Credits(credits) => {
                self.output.push(header, encode_credits(credits, &mut [0; CREDITS_LEN_MAX]));
            }
            Returned::Window(grant) => {
                self.output.push(header, Some(grant.encode(&mut [0; GRANT_LEN_MAX])));
            }
        }
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
