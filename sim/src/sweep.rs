//! [`sweep`]: many seeds on several threads, and their [`Totals`].

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::run::{Options, Report, run};

/// A run takes seconds, or a minute on a slow machine. One that takes this long does something for ever while its virtual time
/// stands still.
const RUN_TIME_MAX: Duration = Duration::from_secs(600);

/// A seed that has failed.
#[derive(Debug)]
pub enum Failed {
    /// A promise was broken.
    Broken(Report),
    /// The run of this seed does not end.
    Endless(u64),
}

/// What the threads share.
struct Seeds {
    end: u64,
    next: AtomicU64,
    has_failed: AtomicBool,
    /// Those that are simulated now, and since when.
    running: Mutex<BTreeMap<u64, Instant>>,
}

/// Simulates these seeds, and calls `each` with what came of each. Ends with the first failure, which it returns: that of the
/// lowest seed among those that were simulated at the time.
pub fn sweep(
    seeds: Range<u64>,
    threads: usize,
    options: Options,
    mut each: impl FnMut(&Report),
) -> Option<Failed> {
    let seeds = Arc::new(Seeds {
        end: seeds.end,
        next: AtomicU64::new(seeds.start),
        has_failed: AtomicBool::new(false),
        running: Mutex::default(),
    });
    let (sender, reports) = mpsc::sync_channel(threads);
    for _ in 0..threads {
        let (seeds, sender) = (Arc::clone(&seeds), sender.clone());
        // Not joined: a run that does not end would keep this function from returning.
        std::thread::spawn(move || {
            while let Some(report) = seeds.simulate(options)
                && sender.send(report).is_ok()
            {}
        });
    }
    drop(sender);
    let mut failed: Option<Report> = None;
    loop {
        match reports.recv_timeout(Duration::from_secs(1)) {
            Ok(report) => {
                each(&report);
                let is_first = failed.as_ref().is_none_or(|failed| report.seed < failed.seed);
                if !report.violations.is_empty() && is_first {
                    failed = Some(report);
                }
            }
            Err(RecvTimeoutError::Disconnected) => return failed.map(Failed::Broken),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Some(seed) = seeds.endless() {
            return Some(failed.map_or(Failed::Endless(seed), Failed::Broken));
        }
    }
}

impl Seeds {
    /// Simulates the next seed, if there is one and none has failed.
    fn simulate(&self, options: Options) -> Option<Report> {
        if self.has_failed.load(Ordering::Relaxed) {
            return None;
        }
        let seed = self.next.fetch_add(1, Ordering::Relaxed);
        if seed >= self.end {
            return None;
        }
        self.running().insert(seed, Instant::now());
        let report = catch_unwind(|| run(seed, options)).unwrap_or_else(|_| Report::of_panic(seed));
        self.running().remove(&seed);
        if !report.violations.is_empty() {
            self.has_failed.store(true, Ordering::Relaxed);
        }
        Some(report)
    }

    /// A seed whose run does not end.
    fn endless(&self) -> Option<u64> {
        let running = self.running();
        running.iter().find(|(_, since)| since.elapsed() > RUN_TIME_MAX).map(|(seed, _)| *seed)
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<u64, Instant>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What came of many seeds.
#[derive(Debug, Default)]
pub struct Totals {
    seeds: u64,
    nodes: u64,
    steps: u64,
    time: Duration,
    /// By shape and outcome.
    outcomes: BTreeMap<(String, &'static str), u64>,
}

impl Totals {
    /// Adds one run.
    pub fn add(&mut self, report: &Report) {
        self.seeds += 1;
        self.nodes += report.nodes as u64;
        self.steps += report.steps as u64;
        self.time += report.time;
        for (kind, count) in &report.outcomes {
            *self.outcomes.entry(kind.clone()).or_default() += count;
        }
    }

    /// How fast they were simulated, in this time of the processors.
    pub fn rate(&self, cpu: Duration) -> String {
        let cpu_hours = cpu.as_secs_f64().max(0.01) / 3600.0;
        format!(
            "{:.0} seeds and {:.0} simulated hours per CPU-hour",
            self.seeds as f64 / cpu_hours,
            self.time.as_secs_f64() / 3600.0 / cpu_hours,
        )
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hours = self.time.as_secs_f64() / 3600.0;
        let calls: u64 = self.outcomes.values().sum();
        writeln!(
            f,
            "{} seeds, {} nodes, {} steps of faults, {hours:.1} simulated hours, {calls} calls:",
            self.seeds, self.nodes, self.steps
        )?;
        let mut shapes: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for ((shape, outcome), count) in &self.outcomes {
            shapes.entry(shape).or_default().push(format!("{outcome} {count}"));
        }
        let lines: Vec<_> = shapes
            .iter()
            .map(|(shape, outcomes)| format!("  {shape:8} {}", outcomes.join(", ")))
            .collect();
        f.write_str(&lines.join("\n"))
    }
}
