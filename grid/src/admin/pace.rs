//! [`Pace`]: how many of a node's calls are counted one by one.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::sync::atomic::{AtomicU32, Ordering};

/// Calls per second that are looked at. A look costs half a microsecond or so, so these are half a hundredth of a CPU; and as many
/// are enough to know rates within a percent or two.
const LOOKS_MAX: f64 = 10_000.0;

/// After so many looks, their rate is known well enough to look at fewer calls, or at more.
const LOOKS: u32 = 512;

/// A node that has more calls than this times [`LOOKS_MAX`] looks at more than that.
const ONE_IN_MAX: u32 = 1024;

/// Chooses how many calls are looked at, so that there are not too many looks.
pub(super) struct Pace {
    one_in: AtomicU32,
    looks: Mutex<Looks>,
}

struct Looks {
    since: Instant,
    count: u32,
}

impl Pace {
    pub(super) fn new() -> Self {
        let looks = Looks { since: Instant::now(), count: 0 };
        Self { one_in: AtomicU32::new(1), looks: Mutex::new(looks) }
    }

    /// One call in this many is to be looked at.
    pub(super) fn one_in(&self) -> u32 {
        self.one_in.load(Ordering::Relaxed)
    }

    /// A call was looked at.
    pub(super) fn seen(&self) {
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        looks.count += 1;
        if looks.count >= LOOKS {
            self.choose(&mut looks);
        }
    }

    /// Chooses again even if few calls were looked at: there may be few.
    pub(super) fn look(&self) {
        self.choose(&mut self.looks.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn choose(&self, looks: &mut Looks) {
        let now = Instant::now();
        // Where time stands still, as in tests, calls are many.
        let within = (now - looks.since).max(Duration::from_millis(1));
        let calls = f64::from(looks.count) * f64::from(self.one_in()) / within.as_secs_f64();
        // Greater floats than the greatest number become that.
        let least = (calls / LOOKS_MAX).ceil() as u32;
        let one_in = least.clamp(1, ONE_IN_MAX).next_power_of_two();
        self.one_in.store(one_in, Ordering::Relaxed);
        *looks = Looks { since: now, count: 0 };
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    async fn calls_per_second(pace: &Pace, calls: u32) {
        for _ in 0..100 {
            for _ in 0..calls / 100 / pace.one_in() {
                pace.seen();
            }
            advance(Duration::from_millis(10)).await;
        }
        pace.look();
    }

    #[tokio::test(start_paused = true)]
    async fn the_more_calls_there_are_the_fewer_are_looked_at() {
        let pace = Pace::new();
        calls_per_second(&pace, 5_000).await;
        assert_eq!(pace.one_in(), 1);
        for _ in 0..3 {
            calls_per_second(&pace, 400_000).await;
        }
        assert!((32..=128).contains(&pace.one_in()), "{}", pace.one_in());
        calls_per_second(&pace, 100).await;
        assert_eq!(pace.one_in(), 1);
    }
}
