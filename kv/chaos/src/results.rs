//! [`Results`]: the results of a run.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::fault::Kind;
use crate::inject::Count;
use crate::meter::{Meter, percentile};
use crate::windows::Judged;

/// The results of a run. Times are in milliseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Results {
    pub(crate) seed: u64,
    pub(crate) seconds: f64,
    pub(crate) violations: usize,
    #[serde(flatten)]
    pub(crate) judged: Judged,
    pub(crate) longest_pause_ms: u128,
    pub(crate) faults: Vec<Row>,
    /// Of all faults that have ended a leader without a word.
    pub(crate) failover: Times,
    pub(crate) member_changes: u64,
    pub(crate) member_attempts_unconfirmed: u64,
    pub(crate) slow_links: u64,
    pub(crate) closed_links: u64,
    pub(crate) can_step_clocks: bool,
}

/// Faults of one kind.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) kind: Kind,
    pub(crate) faults: u64,
    pub(crate) of_leader: u64,
    pub(crate) without_failover: u64,
    /// The longest time without an acknowledged write.
    pub(crate) longest_pause_ms: u128,
    pub(crate) failover: Times,
}

/// How long failovers took.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Times {
    pub(crate) samples: usize,
    pub(crate) p50_ms: u128,
    pub(crate) p99_ms: u128,
    pub(crate) max_ms: u128,
}

impl Times {
    /// Of a list in order.
    fn of(times: &[Duration]) -> Self {
        let at = |share| percentile(times, share).as_millis();
        Self { samples: times.len(), p50_ms: at(0.5), p99_ms: at(0.99), max_ms: at(1.0) }
    }
}

/// The rows of all kinds, and the times of all failovers but those in which a leader has passed its place on.
pub(crate) fn failovers(meter: &Meter, counts: &BTreeMap<Kind, Count>) -> (Vec<Row>, Times) {
    let failovers = meter.failovers();
    let row = |kind| {
        let Count { faults, of_leader, without_failover, longest_pause } =
            counts.get(&kind).copied().unwrap_or_default();
        let longest_pause_ms = longest_pause.as_millis();
        let failover = Times::of(failovers.get(&kind).map_or(&[], Vec::as_slice));
        Row { kind, faults, of_leader, without_failover, longest_pause_ms, failover }
    };
    let without_a_word = failovers.iter().filter(|(kind, _)| **kind != Kind::Restart);
    let mut all: Vec<_> = without_a_word.flat_map(|(_, times)| times.iter().copied()).collect();
    all.sort();
    (Kind::all().map(row).collect(), Times::of(&all))
}
