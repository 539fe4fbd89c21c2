//! `grid-sim`: simulates grids from seeds, and shows the first one in which a promise was broken.

use std::process::ExitCode;
use std::thread::available_parallelism;

use clap::Parser;
use grid_sim::{Failed, Lines, Options, Totals, Usage, run, scale, sweep, watch_panics};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;
use tracing::Level;

/// Simulates whole grids from seeds: real nodes in virtual time, over a network that the seed breaks.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// How many seeds.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Replays one seed and prints its trace.
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    replay: Option<u64>,
    /// Adds what the nodes log at this level to the trace: error, warn, info, debug or trace.
    #[arg(long, requires = "replay")]
    log: Option<Level>,
    /// Number of nodes, from 2 to 32. By default the seed decides.
    #[arg(long, value_parser = clap::value_parser!(u16).range(2..=32))]
    nodes: Option<u16>,
    /// Measures how a grid of this many nodes starts and recovers, with and without jitter, instead of simulating seeds.
    #[arg(long, value_parser = clap::value_parser!(u16).range(2..=1000), conflicts_with_all = ["seeds", "from", "replay", "nodes"])]
    scale: Option<u16>,
    /// Threads that simulate at the same time. Default: as many as there are processors.
    #[arg(long)]
    threads: Option<usize>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    watch_panics();
    let nodes = args.nodes.map(usize::from);
    if let Some(nodes) = args.scale {
        measure(nodes.into());
        return ExitCode::SUCCESS;
    }
    match args.replay {
        Some(seed) => replay(seed, Options { nodes, lines: Lines::Print, log: args.log }),
        None => all(&args, Options { nodes, ..Options::default() }),
    }
}

fn measure(nodes: usize) {
    for (has_jitter, text) in [(true, "with jitter"), (false, "without jitter")] {
        println!("{nodes} nodes, {} links, {text}", nodes * (nodes - 1) / 2);
        println!(
            "| what happens | half is up after | all is up after | handshakes in the busiest second of one node | in its busiest 50 ms, per second | CPU | memory |"
        );
        println!("|---|---|---|---|---|---|---|");
        scale(nodes, has_jitter, |event| println!("{event}"));
    }
}

fn replay(seed: u64, options: Options) -> ExitCode {
    let report = run(seed, options);
    println!("seed {seed}, digest {:016x}", report.digest);
    outcome(&report.violations)
}

fn all(args: &Args, options: Options) -> ExitCode {
    let threads = args.threads.or_else(|| available_parallelism().ok().map(usize::from));
    let bar = ProgressBar::new(args.seeds);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} seeds, {eta} left {msg}")
    {
        bar.set_style(style);
    }
    let began = Instant::now();
    let mut totals = Totals::default();
    let seeds = args.from..args.from + args.seeds;
    let failed = sweep(seeds, threads.unwrap_or(1), options, |report| {
        totals.add(report);
        bar.inc(1);
    });
    bar.finish_and_clear();
    println!("{totals}");
    let wall = began.elapsed();
    println!("{}, in {} s", totals.rate(Usage::now().cpu), wall.as_secs());
    let (seed, violations) = match failed {
        None => return ExitCode::SUCCESS,
        Some(Failed::Endless(seed)) => (seed, vec!["does not end".to_owned()]),
        Some(Failed::Broken(report)) => {
            println!("\nseed {} has failed; what led to it:", report.seed);
            report.trace.iter().for_each(|line| println!("{line}"));
            (report.seed, report.violations)
        }
    };
    let nodes = args.nodes.map_or_else(String::new, |nodes| format!(" --nodes {nodes}"));
    println!("\nthe whole trace: cargo run --release -p grid-sim -- --replay {seed}{nodes}");
    outcome(&violations)
}

fn outcome(violations: &[String]) -> ExitCode {
    violations.iter().for_each(|text| println!("VIOLATION {text}"));
    if violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
