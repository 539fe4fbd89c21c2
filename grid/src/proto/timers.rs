//! The deadlines and liveness checks of all calls of a link, in one heap.
//!
//! Most calls end long before their deadline, so ending a call does not search the heap: its timer becomes stale, and
//! is dropped when it is due, or when more than half of the timers are stale.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use super::muxes::Key;

/// What to do when a timer is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// The deadline of a call that this node made.
    CallDeadline(Key),
    /// Ping a stream that this node opened, or end it if its callee is silent.
    CallPing(Key),
    /// The deadline of a call that this node serves.
    ServedDeadline(Key),
    /// Check whether the caller of a stream is silent.
    ServedIdle(Key),
}

/// Number of stale timers below which a sweep is not worth its cost.
const STALE_MIN: usize = 1024;

/// A heap of timers with lazy removal.
#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Instant, Timer)>>,
    stale: usize,
}

impl Timers {
    pub(super) fn arm(&mut self, at: Instant, timer: Timer) {
        self.heap.push(Reverse((at, timer)));
    }

    /// Notes that `count` armed timers have become stale. If it returns `true`, the caller must [`sweep`](Self::sweep).
    #[must_use]
    pub(super) fn forget(&mut self, count: usize) -> bool {
        self.stale += count;
        self.stale > STALE_MIN && self.stale * 2 > self.heap.len()
    }

    /// Drops the timers for which `is_live` returns `false`.
    pub(super) fn sweep(&mut self, mut is_live: impl FnMut(Timer) -> bool) {
        self.heap.retain(|Reverse((_, timer))| is_live(*timer));
        self.stale = 0;
    }

    /// When the next timer is due. It may be stale.
    pub(super) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse((_, timer))| timer)
    }

    #[cfg(any(test, feature = "__internals"))]
    pub(super) fn len(&self) -> usize {
        self.heap.len()
    }
}
