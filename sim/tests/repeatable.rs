//! A seed decides everything. The only test of its process: which log lines exist depends on all threads of a process.

use grid_sim::{Lines, Options, run, watch_panics};
use tracing::Level;

/// Everything that nodes do and log is the same, to the byte. On different threads, because each thread has tables of its own
/// whose order is random.
#[test]
fn a_seed_decides_everything() {
    watch_panics();
    let options = Options { nodes: Some(5), lines: Lines::All, log: Some(Level::TRACE) };
    let simulate = |seed| match std::thread::spawn(move || run(seed, options)).join() {
        Ok(report) => report,
        Err(_) => panic!("seed {seed} has panicked"),
    };
    let mut digests = Vec::new();
    for seed in 0..3 {
        let (first, second) = (simulate(seed), simulate(seed));
        for (first, second) in first.trace.iter().zip(&second.trace) {
            assert_eq!(first, second, "seed {seed}");
        }
        assert_eq!(first.trace.len(), second.trace.len(), "seed {seed}");
        assert_eq!(first.digest, second.digest, "seed {seed}");
        assert!(!digests.contains(&first.digest), "seed {seed}");
        digests.push(first.digest);
    }
}
