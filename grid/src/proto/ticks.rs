//! [`Ticks`]: a point in time in four bytes, for tables of calls.

use std::time::{Duration, Instant};

/// The length of a tick. Nobody who looks at a stream needs its age more exactly, and with four bytes ages of up to 497 days can
/// be told apart.
const TICK: Duration = Duration::from_millis(10);

/// A point in time of one link, which an [`Instant`] would need sixteen bytes for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proto) struct Ticks(u32);

impl Ticks {
    /// The time from `earlier` to this point, as exact as a tick.
    pub(in crate::proto) fn since(self, earlier: Self) -> Duration {
        TICK * self.0.wrapping_sub(earlier.0)
    }
}

/// What the ticks of a link are counted from: its first use of the time.
#[derive(Debug, Default)]
pub(in crate::proto) struct Epoch(Option<Instant>);

impl Epoch {
    /// Begins to count, if that has not begun.
    pub(in crate::proto) fn begin(&mut self, now: Instant) {
        self.0.get_or_insert(now);
    }

    /// This point in time.
    pub(in crate::proto) fn ticks(&self, now: Instant) -> Ticks {
        let past = self.0.map_or(Duration::ZERO, |epoch| now.saturating_duration_since(epoch));
        // The lowest bits are right in the next round as well.
        Ticks((past.as_millis() / TICK.as_millis()) as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::simulation::start;

    #[test]
    fn ages_are_right_after_the_number_has_wrapped() {
        let begin = start();
        let mut epoch = Epoch::default();
        epoch.begin(begin);
        let days = |days: u64| Duration::from_secs(days * 24 * 60 * 60);
        let (early, late) = (epoch.ticks(begin + days(490)), epoch.ticks(begin + days(500)));
        assert_eq!(late.since(early), days(10));
        epoch.begin(begin + days(1));
        assert_eq!(epoch.ticks(begin + days(500)), late, "it begins once");
    }
}
