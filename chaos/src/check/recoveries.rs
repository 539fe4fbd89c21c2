//! How long recoveries took, by the kind of the fault.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::troubles::Outcome;
use crate::fault::Kind;

/// Longer times count as this.
const TIME_MS_MAX: u64 = 3_600_000;

/// The faults and recoveries of a run, by kind.
#[derive(Debug, Default)]
pub(crate) struct Recoveries(BTreeMap<Kind, OfKind>);

#[derive(Debug)]
struct OfKind {
    faults: u64,
    overtaken: u64,
    /// Milliseconds.
    times: Histogram<u64>,
}

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Summary {
    pub(crate) kind: Kind,
    pub(crate) faults: u64,
    /// Pairs that were affected by another fault before they had recovered.
    pub(crate) overtaken: u64,
    /// Pairs that have recovered.
    pub(crate) recovered: u64,
    pub(crate) p50_ms: u64,
    pub(crate) p99_ms: u64,
    pub(crate) max_ms: u64,
}

impl Recoveries {
    pub(crate) fn fault(&mut self, kind: Kind) {
        self.of(kind).faults += 1;
    }

    pub(crate) fn add(&mut self, kind: Kind, outcome: Outcome) {
        let of = self.of(kind);
        match outcome {
            Outcome::Overtaken => of.overtaken += 1,
            Outcome::Recovered(time) => of.times.saturating_record(millis(time)),
        }
    }

    pub(crate) fn summaries(&self) -> Vec<Summary> {
        let of = |(kind, of): (&Kind, &OfKind)| Summary {
            kind: *kind,
            faults: of.faults,
            overtaken: of.overtaken,
            recovered: of.times.len(),
            p50_ms: of.times.value_at_quantile(0.5),
            p99_ms: of.times.value_at_quantile(0.99),
            max_ms: of.times.max(),
        };
        self.0.iter().map(of).collect()
    }

    fn of(&mut self, kind: Kind) -> &mut OfKind {
        self.0.entry(kind).or_insert_with(|| OfKind {
            faults: 0,
            overtaken: 0,
            times: Histogram::new_with_max(TIME_MS_MAX, 3).expect("the bounds are supported"),
        })
    }
}

fn millis(time: Duration) -> u64 {
    time.as_millis() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_summed_up_by_kind() {
        let mut recoveries = Recoveries::default();
        recoveries.fault(Kind::Cut);
        for ms in 1..=100 {
            recoveries.add(Kind::Cut, Outcome::Recovered(Duration::from_millis(ms)));
        }
        recoveries.add(Kind::Stop, Outcome::Overtaken);
        recoveries.add(Kind::Kill, Outcome::Recovered(Duration::from_secs(25)));
        let [cut, kill, stop] = &recoveries.summaries()[..] else { panic!("three kinds") };
        assert_eq!((cut.faults, cut.recovered, cut.overtaken), (1, 100, 0));
        assert_eq!((cut.p50_ms, cut.p99_ms, cut.max_ms), (50, 99, 100));
        assert!((25_000..25_100).contains(&kill.max_ms), "{kill:?}");
        assert_eq!((stop.kind, stop.recovered, stop.overtaken), (Kind::Stop, 0, 1));
    }
}
