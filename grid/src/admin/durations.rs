//! [`Durations`]: a histogram that is small enough to be sent every second.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Buckets for each power of two, as a power of two: durations are known to an eighth.
const BITS: u32 = 3;

/// How long calls took, as counts within ranges. Each range is at most an eighth of its upper end wide, so a quantile is at most
/// 14 % too high.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Durations {
    /// The upper end of a range in microseconds, which belongs to it, and how many calls took as long.
    ranges: BTreeMap<u64, u64>,
}

impl Durations {
    /// Counts one call.
    pub fn add(&mut self, took: Duration) {
        self.add_several(took, 1);
    }

    /// Counts this many calls that took as long.
    pub(super) fn add_several(&mut self, took: Duration, calls: u64) {
        *self.ranges.entry(upper_end(took.as_micros())).or_default() += calls;
    }

    /// Counts all calls of `other` as well.
    pub fn merge(&mut self, other: &Self) {
        for (&end, &count) in &other.ranges {
            let sum = self.ranges.entry(end).or_default();
            *sum = sum.saturating_add(count);
        }
    }

    /// How many calls were counted.
    pub fn count(&self) -> u64 {
        self.ranges.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// The duration that this share of the calls did not exceed, such as 0.99. `None` without calls.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let wanted = (self.count() as f64 * share.clamp(0.0, 1.0)).ceil() as u64;
        let mut seen = 0_u64;
        let reached = self.ranges.iter().find(|&(_, &count)| {
            seen = seen.saturating_add(count);
            count > 0 && seen >= wanted
        });
        reached.map(|(&end, _)| Duration::from_micros(end))
    }

    /// The ranges from the shortest on: their upper ends in microseconds, and counts.
    pub fn ranges(&self) -> impl Iterator<Item = (u64, u64)> {
        self.ranges.iter().map(|(&end, &count)| (end, count))
    }
}

/// The greatest number of the range that `micros` is in.
fn upper_end(micros: u128) -> u64 {
    let micros = u64::try_from(micros).unwrap_or(u64::MAX);
    let width = micros.checked_ilog2().unwrap_or(0).saturating_sub(BITS);
    micros | ((1 << width) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_at_most_an_eighth_wide() {
        let mut micros = 0_u128;
        while micros < u128::from(u64::MAX) {
            let end = u128::from(upper_end(micros));
            assert!(end >= micros && (end - micros) * 8 <= end, "{micros}: {end}");
            assert_eq!(u128::from(upper_end(end)), end, "a bound of {micros} belongs to its range");
            micros += 1 + micros / 7;
        }
        assert_eq!(upper_end(u128::MAX), u64::MAX);
    }

    #[test]
    fn quantiles_are_upper_ends_of_ranges() {
        let mut durations = Durations::default();
        assert_eq!(durations.quantile(0.5), None);
        for micros in 1..=1000 {
            durations.add(Duration::from_micros(micros));
        }
        let micros = |share| durations.quantile(share).map(|found| found.as_micros());
        assert_eq!(
            (micros(0.0), micros(0.5), micros(0.99), micros(1.0)),
            (Some(1), Some(511), Some(1023), Some(1023))
        );
    }

    #[test]
    fn merged_counts_of_a_peer_do_not_overflow() {
        let endless = Durations { ranges: BTreeMap::from([(7, u64::MAX)]) };
        let mut sum = endless.clone();
        sum.merge(&endless);
        assert_eq!((sum.count(), sum.quantile(1.0)), (u64::MAX, Some(Duration::from_micros(7))));
    }
}
