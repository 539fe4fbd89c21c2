//! [`Pace`]: how many of a node's calls are counted one by one.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::sync::atomic::{AtomicU32, Ordering};

/// Looks after which their rate is estimated, and the share of the calls chosen anew.
const LOOKS: u32 = 512;

/// A node looks at one call in this many at least, however many it has.
const ONE_IN_MAX: u32 = 1024;

/// Chooses how many calls are looked at, so that there are not too many looks.
pub(super) struct Pace {
    /// Looks in a second, at most.
    per_second_max: f64,
    /// Read for each call that is looked at, so it is not under the lock.
    one_in: AtomicU32,
    looks: Mutex<Looks>,
}

/// Looks since the last choice, and when that was.
struct Looks {
    count: u32,
    since: Instant,
}

impl Pace {
    pub(super) fn new(per_second_max: f64) -> Self {
        let looks = Looks { count: 0, since: Instant::now() };
        Self { per_second_max, one_in: AtomicU32::new(1), looks: Mutex::new(looks) }
    }

    /// One call in this many is to be looked at.
    pub(super) fn one_in(&self) -> u32 {
        self.one_in.load(Ordering::Relaxed)
    }

    fn looks(&self) -> MutexGuard<'_, Looks> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call was looked at.
    pub(super) fn seen(&self) {
        let mut looks = self.looks();
        looks.count += 1;
        if looks.count >= LOOKS {
            self.choose_by(&mut looks);
        }
    }

    /// Chooses again. Also called from time to time when few calls are looked at: there may be few.
    pub(super) fn choose(&self) {
        self.choose_by(&mut self.looks());
    }

    fn choose_by(&self, looks: &mut Looks) {
        let now = Instant::now();
        // Where time stands still, as in tests, calls are many.
        let within = (now - looks.since).max(Duration::from_millis(1));
        let calls = f64::from(looks.count) * f64::from(self.one_in()) / within.as_secs_f64();
        // Greater floats than the greatest number become that.
        let least = (calls / self.per_second_max).ceil() as u32;
        self.one_in.store(least.clamp(1, ONE_IN_MAX).next_power_of_two(), Ordering::Relaxed);
        *looks = Looks { count: 0, since: now };
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
        pace.choose();
    }

    #[tokio::test(start_paused = true)]
    async fn the_more_calls_there_are_the_fewer_are_looked_at() {
        let pace = Pace::new(10_000.0);
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
