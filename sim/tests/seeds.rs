//! A few seeds. `grid-sim` simulates more.

use grid_sim::{Failed, Options, Totals, sweep, watch_panics};

#[test]
fn a_few_seeds() {
    watch_panics();
    let mut totals = Totals::default();
    let options = Options { nodes: Some(4), ..Options::default() };
    match sweep(0..6, 2, options, |report| totals.add(report)) {
        None => println!("{totals}"),
        Some(Failed::Endless(seed)) => panic!("seed {seed} does not end"),
        Some(Failed::Broken(report)) => {
            let (trace, broken) = (report.trace.join("\n"), report.violations.join("\n"));
            panic!("{trace}\nseed {}: {broken}", report.seed)
        }
    }
}
