//! Runs a load under the clock and computes the sample.

use tokio::runtime::Runtime;

use super::load::{Latencies, Tasks};
use crate::cell::{Cell, Mode, Times, Work};
use crate::clock::{Clock, Tally, Window};
use crate::error::{Error, Result};
use crate::process::Server;
use crate::sample::Sample;

/// Runs the load until the clock ends it.
pub(crate) fn run(
    runtime: &Runtime,
    cell: Cell,
    times: &Times,
    server: Option<Server>,
    load: impl FnOnce(&mut Clock) -> Tasks,
) -> Result<Sample> {
    let mut outcome = None;
    // Counts this thread only: all allocations in mode `current`, and almost none otherwise.
    let allocated = allocation_counter::measure(|| {
        outcome = Some(runtime.block_on(async {
            let mut clock = Clock::default();
            let tasks = load(&mut clock);
            let tallies = clock.tallies();
            let clock_thread = clock.start(times, server);
            let latencies = finish(tasks).await;
            let window = clock_thread.join().map_err(|_| "the clock's thread panicked")?;
            let calls: u64 = tallies.iter().map(Tally::count).sum();
            Ok::<_, Error>((latencies?, window?, calls))
        }));
    });
    let (mut latencies, window, calls) = outcome.ok_or("the load was not run")??;
    let Window { time, main, side, cpu_seconds, server } = window;
    drop(server);
    if main == 0 {
        return Err("no call or item was completed in time".into());
    }
    latencies.sort_unstable();
    let quantile = |per_mille: usize| {
        let nanos = latencies.get(latencies.len() * per_mille / 1000)?;
        Some(f64::from(*nanos) / 1000.0)
    };
    let has_beside = matches!(cell.work, Work::Mixed | Work::Busy);
    Ok(Sample {
        rate: main as f64 / time.as_secs_f64(),
        p50_us: quantile(500),
        p99_us: quantile(990),
        p999_us: has_beside.then(|| quantile(999)).flatten(),
        // A line takes time of the processor itself.
        cpu_us: (!has_beside && cell.mode.line().is_none())
            .then(|| cpu_seconds * 1e6 / main as f64),
        allocs: (cell.mode == Mode::Current && !has_beside)
            .then(|| allocated.count_total as f64 / calls as f64),
        bulk_rate: has_beside.then(|| side as f64 / time.as_secs_f64()),
        ..Sample::default()
    })
}

/// Waits for all tasks and collects their latencies.
async fn finish(mut tasks: Tasks) -> Result<Latencies> {
    let mut latencies = Latencies::new();
    while let Some(task) = tasks.join_next().await {
        latencies.extend(task??);
    }
    Ok(latencies)
}
