//! The results of a run, for the table and for files.

use std::time::Duration;

use serde::Serialize;

use super::judge::{Event, Judge};
use super::violation::Violation;
use crate::check::{Growth, Row, Summary};
use crate::id::Life;
use crate::shape::Shape;

/// Everything that is shown at the end.
#[derive(Debug, Serialize)]
pub(super) struct Results {
    pub(super) seed: u64,
    pub(super) nodes: u8,
    pub(super) seconds: u64,
    pub(super) calls: Vec<(Shape, Row)>,
    pub(super) total: Row,
    pub(super) failures: Vec<Failure>,
    /// Handlers that are known to have run.
    pub(super) runs: u64,
    pub(super) recoveries: Vec<Summary>,
    /// Processes that were started.
    pub(super) processes: usize,
    /// The processes that lived for long enough to be compared.
    pub(super) growths: Vec<(Life, Growth)>,
    /// All faults and recoveries, in their order.
    pub(super) timeline: Vec<Event>,
    pub(super) violations: u64,
    pub(super) violations_kept: Vec<Violation>,
}

/// Calls that have failed for one reason.
#[derive(Debug, Serialize)]
pub(super) struct Failure {
    pub(super) label: String,
    pub(super) may_have_run: bool,
    pub(super) count: u64,
}

impl Results {
    pub(super) fn of(judge: &Judge, seed: u64, nodes: u8, time: Duration) -> Self {
        let growths = judge.growths();
        let state = judge.state();
        let failures = state.tally.failures().map(|(label, may_have_run, count)| Failure {
            label: label.to_owned(),
            may_have_run,
            count,
        });
        Self {
            seed,
            nodes,
            seconds: time.as_secs(),
            calls: state.tally.rows().collect(),
            total: state.tally.total(),
            failures: failures.collect(),
            runs: state.ledger.runs(),
            recoveries: state.recoveries.summaries(),
            processes: state.lives.len(),
            growths,
            timeline: state.timeline.clone(),
            violations: state.violation_count,
            violations_kept: state.violations.clone(),
        }
    }
}
