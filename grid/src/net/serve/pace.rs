//! Learns how long the polls of a method's handlers take, to decide where they run.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// How a method's handlers have used their thread so far.
///
/// Links that serve the same method update it concurrently. Lost samples do not matter.
#[derive(Debug, Default)]
pub(in crate::net) struct Pace {
    /// Moving average of the duration of the first poll.
    average_ns: AtomicU32,
    /// First polls in the driver.
    calls: AtomicU32,
    /// Polls that were timed, up to [`KNOWN`].
    seen: AtomicU32,
    /// Polls that run while the method is unknown.
    tries: AtomicU32,
    /// Grows by [`BLOCK_SCORE`] with each poll that blocks, and falls by one with each quick one.
    blocks: AtomicU32,
}

/// A poll of an unknown method, until it is dropped.
#[derive(Debug)]
pub(super) struct Tried<'a>(&'a Pace);

impl Drop for Tried<'_> {
    fn drop(&mut self) {
        self.0.tries.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Where the first poll of a handler should run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::net) enum Verdict {
    /// In the driver.
    Quick,
    /// In a task: it delays the other calls of its link by more than spawning costs.
    Heavy,
    /// In a task that may block its thread: too few calls are known.
    Unknown,
    /// In a task that may block its thread: it has blocked before.
    Blocks,
}

/// While the handler is quick, one call in this many is timed: reading the clock twice costs a tenth of a small call.
const SAMPLED: u32 = 8;

/// Above this average, a handler delays the other calls of its link by more than spawning a task costs.
const HEAVY: Duration = Duration::from_micros(20);

/// Weight of old samples in the average. A few consecutive slow polls make a handler heavy; a single one does not.
const MEMORY: u32 = 8;

/// A first poll that takes at least this long counts as blocking. The watchdog takes a link away after about this time.
const BLOCKING: Duration = Duration::from_millis(1);

/// A later poll, or a poll of a stream's handler, counts as blocking if it takes at least this long. It holds up a worker,
/// but no link, and handlers of streams often have much to do at once.
const BLOCKING_LATER: Duration = Duration::from_millis(10);

/// A method is unknown until this many polls were timed. A blocking one among them settles the matter.
const KNOWN: u32 = 64;

/// A method counts as blocking after two blocking polls among this many. Rarer ones delay their link by a millisecond or
/// two, which is cheaper than running all calls in tasks; on a busy machine a poll can also be interrupted for that long.
const BLOCK_SCORE: u32 = 64;

/// A method that has blocked many times is forgiven after this many times `BLOCK_SCORE` quick polls.
const BLOCKS_KEPT: u32 = 4;

impl Pace {
    /// Of a method that is known to be quick.
    pub(super) fn quick() -> Self {
        Self { seen: AtomicU32::new(KNOWN), ..Self::default() }
    }

    pub(in crate::net) fn verdict(&self) -> Verdict {
        if self.blocks.load(Ordering::Relaxed) > BLOCK_SCORE {
            Verdict::Blocks
        } else if self.seen.load(Ordering::Relaxed) < KNOWN {
            Verdict::Unknown
        } else if Duration::from_nanos(self.average_ns.load(Ordering::Relaxed).into()) > HEAVY {
            Verdict::Heavy
        } else {
            Verdict::Quick
        }
    }

    /// Counts a poll, unless this many run already.
    pub(super) fn begin_try(&self, max: u32) -> Option<Tried<'_>> {
        let tried = Tried(self);
        (self.tries.fetch_add(1, Ordering::Relaxed) < max).then_some(tried)
    }

    /// Whether the next first poll in the driver should be timed.
    pub(in crate::net) fn is_due(&self) -> bool {
        let calls = self.calls.load(Ordering::Relaxed);
        self.calls.store(calls.wrapping_add(1), Ordering::Relaxed);
        calls.is_multiple_of(SAMPLED)
    }

    /// Records the duration of a handler's first poll.
    pub(in crate::net) fn note_first(&self, took: Duration) {
        let took_ns = u32::try_from(took.as_nanos()).unwrap_or(u32::MAX);
        let average = self.average_ns.load(Ordering::Relaxed);
        // Bounded, so that a handler that once blocked for minutes is considered fast again after a few dozen fast
        // calls.
        let bounded = took_ns.min(MEMORY * HEAVY.as_nanos() as u32);
        self.average_ns.store((average * (MEMORY - 1) + bounded) / MEMORY, Ordering::Relaxed);
        self.note(took >= BLOCKING);
    }

    /// Records the duration of a later poll, or of a poll of a stream's handler.
    pub(in crate::net) fn note_later(&self, took: Duration) {
        self.note(took >= BLOCKING_LATER);
    }

    fn note(&self, has_blocked: bool) {
        let seen = self.seen.load(Ordering::Relaxed);
        if seen < KNOWN {
            self.seen.store(seen + 1, Ordering::Relaxed);
        }
        if has_blocked {
            if seen < KNOWN {
                self.note_block();
            }
            self.note_block();
        } else {
            let blocks = self.blocks.load(Ordering::Relaxed);
            if blocks > 0 {
                self.blocks.store(blocks - 1, Ordering::Relaxed);
            }
        }
    }

    /// Records that a poll has blocked its thread.
    pub(in crate::net) fn note_block(&self) {
        let blocks = self.blocks.load(Ordering::Relaxed);
        self.blocks.store((blocks + BLOCK_SCORE).min(BLOCKS_KEPT * BLOCK_SCORE), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Duration = Duration::from_micros(1);

    #[test]
    fn a_method_that_is_known_to_be_quick_need_not_be_tried() {
        assert_eq!(Pace::quick().verdict(), Verdict::Quick);
    }

    fn known() -> Pace {
        let pace = Pace::default();
        for _ in 0..KNOWN {
            assert_eq!(pace.verdict(), Verdict::Unknown);
            pace.note_first(QUICK);
        }
        pace
    }

    #[test]
    fn a_handler_is_heavy_after_a_few_slow_polls_and_quick_again_after_quick_ones() {
        let pace = known();
        pace.note_first(HEAVY * 4);
        assert_eq!(pace.verdict(), Verdict::Quick, "once does not count");
        for _ in 0..16 {
            pace.note_first(HEAVY * 4);
        }
        assert_eq!(pace.verdict(), Verdict::Heavy);
        for _ in 0..32 {
            pace.note_first(QUICK);
        }
        assert_eq!(pace.verdict(), Verdict::Quick);
    }

    #[test]
    fn one_block_in_sixteen_calls_is_noticed_and_remembered() {
        let pace = known();
        for call in 0..1000 {
            pace.note_first(if call % 16 == 0 { BLOCKING } else { QUICK });
            assert_eq!(pace.verdict() == Verdict::Blocks, call >= 16, "after {call} calls");
        }
    }

    #[test]
    fn one_block_of_an_unknown_method_is_enough() {
        let pace = Pace::default();
        pace.note_first(BLOCKING);
        assert_eq!(pace.verdict(), Verdict::Blocks);
    }

    #[test]
    fn a_single_block_is_forgiven_and_two_are_after_many_quick_calls() {
        let pace = known();
        pace.note_first(Duration::from_secs(3600));
        assert_ne!(pace.verdict(), Verdict::Blocks);
        pace.note_block();
        assert_eq!(pace.verdict(), Verdict::Blocks);
        let forgiven = (0..500).take_while(|_| {
            pace.note_first(QUICK);
            pace.verdict() == Verdict::Blocks
        });
        assert_eq!(forgiven.count() as u32, BLOCK_SCORE - 1);
    }
}
