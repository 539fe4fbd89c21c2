//! Deliberate bugs, which must be found: otherwise a checker that finds nothing says nothing. `kv/oracle/mutations/run` breaks the code
//! itself, and needs some minutes.

use std::ops::Range;

use grid_kv_oracle::sim::Bug;
use grid_kv_oracle::sweep;

/// Asserts that a bug is found within these seeds, some times more than it usually takes.
fn found_within(seeds: Range<u64>, bug: Bug, signs: &[&str]) {
    let mut found = None;
    sweep(seeds.clone(), 2, Some(bug), |report| {
        let is_sign = |text: &String| signs.iter().any(|sign| text.contains(sign));
        found = report.violations.into_iter().find(is_sign).map(|text| (report.seed, text));
        found.is_none()
    });
    let (seed, text) =
        found.unwrap_or_else(|| panic!("{bug:?} is not found in the seeds {seeds:?}"));
    println!("{bug:?} is found by seed {seed}: {text}");
}

/// A violation of any history.
const HISTORY: [&str; 1] = ["is not linearisable"];

#[test]
fn reads_that_are_not_confirmed() {
    found_within(0..10, Bug::UnconfirmedReads, &HISTORY);
}

#[test]
fn writes_that_are_acknowledged_early() {
    found_within(0..20, Bug::EarlyAcknowledgement, &HISTORY);
}

#[test]
fn writes_that_are_applied_twice() {
    found_within(0..5, Bug::AppliedTwice, &HISTORY);
}

#[test]
fn logs_that_lose_their_tail() {
    found_within(0..20, Bug::LostTail, &["is not linearisable", "revision"]);
}

#[test]
fn snapshots_that_are_stale() {
    // Needs two snapshots and a node that receives the second: the first seeds have none, and would only take time.
    found_within(8..48, Bug::StaleSnapshot, &["is not linearisable", "different states"]);
}
