//! The waiting lines: who has something to send and found the outbox full, or no connection. First come, first served,
//! whatever it is, so that neither calls nor answers nor streams can starve the others.
//!
//! Where large messages travel in parts they have a line of their own, as they have room of their own: small ones do not
//! stand behind them.
//!
//! Each waits with what it has to send in its own entry in the tables, a stream with one item at most. Whoever gives up
//! leaves its place behind; the link clears those out before the line grows for them.

use std::collections::VecDeque;

use crate::proto::event::Side;
use crate::proto::muxes::Key;

/// Who waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proto) enum Waiting {
    /// A call of this node that has not started.
    Call(Key),
    /// The answer to a request of the peer.
    Reply(Key),
    /// An item of a stream.
    Item(Side, Key),
}

/// Which line, and which room of the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proto) enum Lane {
    Small,
    /// What travels in parts, and what must not overtake it.
    Large,
}

/// Places below which a line is never cleared.
const CROWD_MIN: usize = 64;

/// See the module.
#[derive(Debug)]
pub(in crate::proto) struct Line {
    places: VecDeque<Waiting>,
    /// Length at which it is worth looking for places that nobody holds any more.
    crowd: usize,
}

impl Default for Line {
    fn default() -> Self {
        Self { places: VecDeque::new(), crowd: CROWD_MIN }
    }
}

impl Line {
    pub(in crate::proto) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Whether to [`retain`](Self::retain) before the next [`push`](Self::push). At twice the length that the last one
    /// left, so that its cost is spread over as many pushes.
    pub(in crate::proto) fn is_crowded(&self) -> bool {
        self.places.len() >= self.crowd
    }

    pub(in crate::proto) fn push(&mut self, waiting: Waiting) {
        self.places.push_back(waiting);
    }

    pub(in crate::proto) fn pop(&mut self) -> Option<Waiting> {
        self.places.pop_front()
    }

    /// Drops the places of those who do not wait any more.
    pub(in crate::proto) fn retain(&mut self, mut still_waits: impl FnMut(Waiting) -> bool) {
        self.places.retain(|waiting| still_waits(*waiting));
        self.crowd = (2 * self.places.len()).max(CROWD_MIN);
    }

    #[cfg(test)]
    pub(in crate::proto) fn len(&self) -> usize {
        self.places.len()
    }
}
