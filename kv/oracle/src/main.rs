//! `kv-oracle`: simulates groups of `kv` from seeds, and judges what their clients have seen.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::thread::available_parallelism;
use std::time::Duration;

use clap::Parser;
use grid_kv_oracle::sim::{Bug, Report};
use grid_kv_oracle::sweep;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

/// Simulates groups of nodes from seeds, in virtual time, over a network and disks that the seed breaks, and judges whether what clients
/// see is linearisable.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// How many seeds.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Goes on after a seed that has failed.
    #[arg(long)]
    keep_going: bool,
    /// Makes a deliberate mistake, which is to be found.
    #[arg(long)]
    bug: Option<Bug>,
    /// Threads that simulate at the same time. Default: as many as there are processors.
    #[arg(long)]
    threads: Option<usize>,
    /// Ends after this time, if there are seeds left.
    #[arg(long, default_value_t = u64::MAX)]
    seconds: u64,
}

/// The results of all seeds.
#[derive(Default)]
struct Totals {
    seeds: usize,
    failed: Vec<u64>,
    calls: usize,
    unknown: usize,
    time: Duration,
    faults: BTreeMap<&'static str, u64>,
}

impl Totals {
    fn add(&mut self, report: &Report) {
        self.seeds += 1;
        self.calls += report.calls;
        self.unknown += report.unknown;
        self.time += report.time;
        for (fault, count) in &report.faults {
            *self.faults.entry(fault).or_default() += count;
        }
        if !report.violations.is_empty() {
            self.failed.push(report.seed);
        }
    }

    fn print(&self, wall: Duration) {
        let minutes = self.time.as_secs_f64() / 60.0;
        println!(
            "{} seeds in {:.0?} ({:.2} s each): {minutes:.0} simulated minutes, {} operations, {} of unknown outcome",
            self.seeds,
            wall,
            wall.as_secs_f64() / self.seeds.max(1) as f64,
            self.calls,
            self.unknown,
        );
        let faults = self.faults.iter().map(|(fault, count)| format!("{fault} {count}"));
        println!("faults: {}", faults.collect::<Vec<_>>().join(", "));
        match self.failed.is_empty() {
            true => println!("all histories are linearisable, and all members agree"),
            false => println!("FAILED seeds: {:?}", self.failed),
        }
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let threads = args.threads.or_else(|| available_parallelism().ok().map(usize::from));
    let bar = ProgressBar::new(args.seeds);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} seeds, {eta} left") {
        bar.set_style(style);
    }
    let (began, mut totals) = (Instant::now(), Totals::default());
    let seeds = args.from..args.from.saturating_add(args.seeds);
    sweep(seeds, threads.unwrap_or(1), args.bug, |report| {
        totals.add(&report);
        bar.inc(1);
        for text in &report.violations {
            bar.suspend(|| println!("seed {} ({} nodes): {text}\n", report.seed, report.nodes));
        }
        if !report.violations.is_empty() {
            bar.suspend(|| {
                println!("faults of seed {}:\n{}\n", report.seed, report.trace.join("\n"))
            });
        }
        let goes_on = args.keep_going || report.violations.is_empty();
        goes_on && began.elapsed().as_secs() < args.seconds
    });
    bar.finish_and_clear();
    totals.print(began.elapsed());
    if totals.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
