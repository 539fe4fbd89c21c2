//! The queues of calls, answers and items that wait for room in the outbox, or for a connection. They are served in the
//! order of their arrival, whatever they are, so that neither calls nor answers nor streams can starve each other.
//!
//! Where large messages travel in parts they have queues of their own, as they have room of their own: small messages
//! do not wait behind them, and large ones not behind much larger ones.
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

impl PendingSend {
    /// The length of the payload, if it is a call.
    pub(in crate::proto) fn call_len(&self) -> Option<usize> {
        match self {
            Self::Call { payload_len, .. } => Some(*payload_len),
            Self::Reply(_) | Self::Item(..) => None,
        }
    }
}

/// Which queue, and which part of the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proto) enum Lane {
    Small,
    /// For messages that travel in parts, and messages that must not overtake those.
    Large(Size),
}

/// How large a message is that travels in parts. Each size has a queue and room of its own, so that a message does not
/// wait for much longer ones: those that are being sent take turns, part by part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proto) enum Size {
    /// Up to a quarter of the room.
    Short,
    /// Up to twice the room.
    Medium,
    Long,
}

impl Size {
    pub(super) const ALL: [Self; 3] = [Self::Short, Self::Medium, Self::Long];

    /// The size of a message with a payload of `len` bytes, where each size has this much room.
    pub(super) fn of(len: usize, room: usize) -> Self {
        if len <= room / 4 {
            Self::Short
        } else if len <= room.saturating_mul(2) {
            Self::Medium
        } else {
            Self::Long
        }
    }
}

/// One value for each size.
#[derive(Debug, Default)]
pub(super) struct BySize<T> {
    short: T,
    medium: T,
    long: T,
}

impl<T> BySize<T> {
    pub(super) fn get(&self, size: Size) -> &T {
        match size {
            Size::Short => &self.short,
            Size::Medium => &self.medium,
            Size::Long => &self.long,
        }
    }

    pub(super) fn get_mut(&mut self, size: Size) -> &mut T {
        match size {
            Size::Short => &mut self.short,
            Size::Medium => &mut self.medium,
            Size::Long => &mut self.long,
        }
    }
}

/// Length below which a queue is never swept.
const SWEEP_LEN_MIN: usize = 64;

/// The queue of one lane.
#[derive(Debug)]
pub(in crate::proto) struct SendQueue {
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
    pub(in crate::proto) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Adds a place at the end. Sweeps the queue before it grows beyond twice the length that the last sweep left, so
    /// that the cost of a sweep is spread over as many pushes.
    pub(in crate::proto) fn push(
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
    pub(in crate::proto) fn pop(&mut self) -> Option<PendingSend> {
        self.places.pop_front()
    }

    /// The first place of the queue.
    pub(in crate::proto) fn first(&self) -> Option<&PendingSend> {
        self.places.front()
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
    pub(in crate::proto) fn sweep(&mut self, mut still_waits: impl FnMut(PendingSend) -> bool) {
        self.places.retain(|pending| still_waits(*pending));
        self.sweep_len = (2 * self.places.len()).max(SWEEP_LEN_MIN);
    }

    #[cfg(any(test, feature = "__internals"))]
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }
}
