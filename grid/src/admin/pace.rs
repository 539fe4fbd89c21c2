//! [`Pace`]: how many of a node's calls are counted one by one.

use std::time::Duration;

use tokio::time::Instant;

/// Looks after which their rate is estimated, and the share of the calls chosen anew.
const LOOKS: u32 = 512;

/// A node looks at one call in this many at least, however many it has.
const ONE_IN_MAX: u32 = 1024;

/// Chooses how many calls are looked at, so that there are not too many looks.
pub(super) struct Pace {
    /// Looks in a second, at most.
    per_second_max: f64,
    one_in: u32,
    /// Looks since the last choice, and when that was.
    looks: u32,
    since: Instant,
}

impl Pace {
    pub(super) fn new(per_second_max: f64) -> Self {
        Self { per_second_max, one_in: 1, looks: 0, since: Instant::now() }
    }

    /// One call in this many is to be looked at.
    pub(super) fn one_in(&self) -> u32 {
        self.one_in
    }

    /// A call was looked at.
    pub(super) fn seen(&mut self) {
        self.looks += 1;
        if self.looks >= LOOKS {
            self.choose();
        }
    }

    /// Chooses again. Also called from time to time when few calls are looked at: there may be few.
    pub(super) fn choose(&mut self) {
        let now = Instant::now();
        // Where time stands still, as in tests, calls are many.
        let within = (now - self.since).max(Duration::from_millis(1));
        let calls = f64::from(self.looks) * f64::from(self.one_in) / within.as_secs_f64();
        // Greater floats than the greatest number become that.
        let least = (calls / self.per_second_max).ceil() as u32;
        self.one_in = least.clamp(1, ONE_IN_MAX).next_power_of_two();
        (self.looks, self.since) = (0, now);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    async fn calls_per_second(pace: &mut Pace, calls: u32) {
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
        let mut pace = Pace::new(10_000.0);
        calls_per_second(&mut pace, 5_000).await;
        assert_eq!(pace.one_in(), 1);
        for _ in 0..3 {
            calls_per_second(&mut pace, 400_000).await;
        }
        assert!((32..=128).contains(&pace.one_in()), "{}", pace.one_in());
        calls_per_second(&mut pace, 100).await;
        assert_eq!(pace.one_in(), 1);
    }
}
