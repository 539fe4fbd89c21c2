//! [`sweep`]: many seeds on several threads.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;

use crate::sim::{Bug, Report, run};

/// Simulates these seeds, with a deliberate bug if there is one. Calls `each` with what has come of each, in the order in which they
/// end, until it returns `false`.
pub fn sweep(
    seeds: Range<u64>,
    threads: usize,
    bug: Option<Bug>,
    mut each: impl FnMut(Report) -> bool,
) {
    let (next, stop) = (Arc::new(AtomicU64::new(seeds.start)), Arc::new(AtomicBool::new(false)));
    let (sender, reports) = mpsc::sync_channel(threads);
    for _ in 0..threads {
        let (next, stop, sender) = (Arc::clone(&next), Arc::clone(&stop), sender.clone());
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= seeds.end || sender.send(simulate(seed, bug)).is_err() {
                    return;
                }
            }
        });
    }
    drop(sender);
    for report in reports {
        if !each(report) {
            stop.store(true, Ordering::Relaxed);
            return;
        }
    }
}

/// A panic is a violation.
fn simulate(seed: u64, bug: Option<Bug>) -> Report {
    catch_unwind(AssertUnwindSafe(|| run(seed, bug))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        Report::of_panic(seed, &text.unwrap_or_default())
    })
}
