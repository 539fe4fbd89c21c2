//! Some seeds, as part of all tests. `cargo run --release -p grid-kv-oracle -- --seeds 2000` runs more.

use std::collections::BTreeMap;

use grid_kv_oracle::sweep;

/// How many seeds are simulated: half a minute without optimisation.
const SEEDS: u64 = 10;

#[test]
fn histories_are_linearisable() {
    let (mut seeds, mut calls, mut faults) = (0, 0, BTreeMap::new());
    sweep(0..SEEDS, 2, None, |report| {
        let (trace, violations) = (report.trace.join("\n"), report.violations.join("\n"));
        assert!(violations.is_empty(), "seed {}:\n{trace}\n{violations}", report.seed);
        seeds += 1;
        calls += report.calls;
        for (fault, count) in report.faults {
            *faults.entry(fault).or_insert(0) += count;
        }
        true
    });
    assert_eq!(seeds, SEEDS);
    // Otherwise the test has shown nothing.
    assert!(calls > 1000, "only {calls} operations");
    for fault in ["split", "freeze", "lose power", "lose power of all", "restart", "added"] {
        assert!(faults.contains_key(fault), "no {fault} in {faults:?}");
    }
}
