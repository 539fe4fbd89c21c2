//! Measures how long the first poll of a handler takes, to decide whether it runs in the driver.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Moving average of the duration of a handler's first poll.
///
/// Links that serve the same handler update it concurrently. Lost samples do not matter.
#[derive(Debug, Default)]
pub(in crate::net) struct FirstPoll {
    average_ns: AtomicU64,
    calls: AtomicU64,
}

/// While the handler is fast, one call in this many is timed: reading the clock twice costs a tenth of a small call.
const SAMPLED: u64 = 8;

/// Above this duration, a handler delays the other calls of its link by more than spawning a task costs.
const HEAVY: Duration = Duration::from_micros(20);

/// Weight of old samples in the average. A few consecutive slow polls make a handler heavy; a single one does not.
const MEMORY: u64 = 8;

impl FirstPoll {
    pub(in crate::net) fn is_heavy(&self) -> bool {
        Duration::from_nanos(self.average_ns.load(Ordering::Relaxed)) > HEAVY
    }

    /// Whether the next call should be timed.
    pub(in crate::net) fn is_due(&self) -> bool {
        let calls = self.calls.load(Ordering::Relaxed);
        self.calls.store(calls.wrapping_add(1), Ordering::Relaxed);
        calls.is_multiple_of(SAMPLED)
    }

    pub(in crate::net) fn note(&self, took: Duration) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX / MEMORY);
        let average = self.average_ns.load(Ordering::Relaxed);
        // Bounded, so that a handler that once blocked for minutes is considered fast again after a few dozen fast
        // calls.
        let took = took.min(MEMORY * HEAVY.as_nanos() as u64);
        self.average_ns.store((average * (MEMORY - 1) + took) / MEMORY, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handler_is_heavy_after_a_few_slow_polls_and_light_again_after_quick_ones() {
        let first_poll = FirstPoll::default();
        first_poll.note(Duration::from_secs(1));
        assert!(!first_poll.is_heavy(), "once does not count");
        for _ in 0..16 {
            first_poll.note(HEAVY * 4);
        }
        assert!(first_poll.is_heavy());
        first_poll.note(Duration::from_secs(3600));
        for _ in 0..32 {
            first_poll.note(Duration::from_micros(1));
        }
        assert!(!first_poll.is_heavy());
    }
}
