//! [`Trends`]: the last two minutes of each method, for its sparklines.

use std::collections::{BTreeMap, VecDeque};

use super::state::MethodRow;

/// Seconds that are kept.
pub(super) const SECONDS_MAX: usize = 120;

/// Methods with a history. With two numbers of four bytes a second, at most 240 KiB.
const METHODS_MAX: usize = 256;

/// The last two minutes of each method.
#[derive(Debug, Default)]
pub(super) struct Trends(BTreeMap<String, Trend>);

#[derive(Debug, Default)]
struct Trend {
    /// Calls per second, and the 99th percentile in microseconds.
    seconds: VecDeque<(u32, u32)>,
}

impl Trends {
    /// A second has passed, in which these methods were called. Returns them with their histories, and those that had calls
    /// within the last two minutes.
    pub(super) fn tick(&mut self, now: Vec<MethodRow>) -> Vec<MethodRow> {
        let mut now: BTreeMap<_, _> =
            now.into_iter().map(|row| (row.method.clone(), row)).collect();
        for method in now.keys() {
            if self.0.len() < METHODS_MAX && !self.0.contains_key(method) {
                self.0.insert(method.clone(), Trend::default());
            }
        }
        for (method, trend) in &mut self.0 {
            let row = now
                .entry(method.clone())
                .or_insert_with(|| MethodRow { method: method.clone(), ..MethodRow::default() });
            let p99 = row.p99_us.map_or(0, |micros| u32::try_from(micros).unwrap_or(u32::MAX));
            trend.push(row.calls_per_s.round() as u32, p99);
            (row.calls, row.p99s_us) = trend.seconds.iter().copied().unzip();
        }
        self.0.retain(|_, trend| trend.seconds.iter().any(|(calls, _)| *calls > 0));
        now.into_values().collect()
    }
}

impl Trend {
    fn push(&mut self, calls: u32, p99_us: u32) {
        if self.seconds.len() == SECONDS_MAX {
            self.seconds.pop_front();
        }
        self.seconds.push_back((calls, p99_us));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(method: &str, calls_per_s: f64) -> MethodRow {
        MethodRow { method: method.to_owned(), calls_per_s, ..MethodRow::default() }
    }

    #[test]
    fn two_minutes_are_kept_and_then_forgotten() {
        let mut trends = Trends::default();
        for second in 1..=200 {
            let rows = trends.tick(vec![row("A/a", f64::from(second))]);
            assert_eq!(rows[0].calls.len(), usize::min(second as usize, SECONDS_MAX));
            assert_eq!(rows[0].calls.last(), Some(&(second as u32)));
        }
        for _ in 1..SECONDS_MAX {
            assert_eq!(trends.tick(Vec::new())[0].method, "A/a");
        }
        trends.tick(Vec::new());
        assert!(trends.tick(Vec::new()).is_empty());
    }

    #[test]
    fn methods_beyond_the_limit_have_no_history() {
        let mut trends = Trends::default();
        let rows = (0..METHODS_MAX + 1).map(|number| row(&format!("A/{number:04}"), 1.0));
        let rows = trends.tick(rows.collect());
        assert_eq!(rows.len(), METHODS_MAX + 1);
        assert_eq!(rows.iter().filter(|row| row.calls.is_empty()).count(), 1);
    }
}
