//! The queues of calls, answers and items that wait for room in the outbox, or for a connection. They are served in the
//! order of their arrival, whatever they are, so that neither calls nor answers nor streams can starve each other.
//!
//! Where large messages travel in parts they have a queue of their own, as they have room of their own: small messages
//! do not wait behind them.
//!
//! An entry is only a key: what is to be sent is in the entry of its call in the tables, of a stream one item at most.
//! A call that ends leaves its place in the queue behind; [`SendQueue::push`] removes such places before the queue
//! grows.

use std::collections::VecDeque;

use crate::proto::event::Side;
use crate::proto::muxes::Key;

/// Something that waits to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proto) enum PendingSend {
    /// A call of this node that has not been sent. `payload_len` decides on its lane.
    Call { key: Key, payload_len: usize },
    /// The answer to a request of the peer.
    Reply(Key),
    /// An item of a stream.
    Item(Side, Key),
}

/// Which queue, and which part of the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proto) enum Lane {
    Small,
    /// For messages that travel in parts, and messages that must not overtake those.
    Large,
}

/// Length below which a queue is never swept.
const SWEEP_LEN_MIN: usize = 64;

/// The queue of one lane.
#[derive(Debug)]
pub(super) struct SendQueue {
    places: VecDeque<PendingSend>,
    /// Length at which to look for places of calls that do not wait any more.
    sweep_len: usize,
}

impl Default for SendQueue {
    fn default() -> Self {
        Self { places: VecDeque::new(), sweep_len: SWEEP_LEN_MIN }
    }
}

impl SendQueue {
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Adds a place at the end. Sweeps the queue before it grows beyond twice the length that the last sweep left, so
    /// that the cost of a sweep is spread over as many pushes.
    pub(super) fn push(
        &mut self,
        pending: PendingSend,
        still_waits: impl FnMut(PendingSend) -> bool,
    ) {
        if self.places.len() >= self.sweep_len {
            self.sweep(still_waits);
        }
        self.places.push_back(pending);
    }

    /// Takes the first place of the queue.
    pub(super) fn pop(&mut self) -> Option<PendingSend> {
        self.places.pop_front()
    }

    /// Moves all places of another queue to the end of this one.
    pub(super) fn append(&mut self, other: &mut Self) {
        self.places.append(&mut other.places);
    }

    /// Adds a place that comes from another queue, without a sweep: both together hold no more than before.
    pub(super) fn push_moved(&mut self, pending: PendingSend) {
        self.places.push_back(pending);
    }

    /// Removes the places of calls that do not wait any more.
    pub(super) fn sweep(&mut self, mut still_waits: impl FnMut(PendingSend) -> bool) {
        self.places.retain(|pending| still_waits(*pending));
        self.sweep_len = (2 * self.places.len()).max(SWEEP_LEN_MIN);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }
}
