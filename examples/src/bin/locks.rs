//! Locks over a quorum of nodes, shown on five nodes in one process: `locks demo`.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::{Parser, Subcommand};
use grid::{Manager, SharedSecret};
use grid_examples::local::Seat;
use grid_examples::locks::{LockTable, LocksServer, QuorumLock, Timing};
use tokio::task::JoinSet;
use tokio::time::Instant;

type Failure = Box<dyn Error + Send + Sync>;

const NODES: usize = 5;

/// How long a worker tries to get the lock. Generous, because locks are not granted in the order of the requests.
const PATIENCE: Duration = Duration::from_secs(60);

/// Locks over a quorum of nodes.
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs five nodes and counts under a lock: with all nodes, with four, and with two.
    Demo {
        /// Number of workers that compete for the lock.
        #[arg(long, default_value_t = 10)]
        workers: usize,
        /// How often each worker counts.
        #[arg(long, default_value_t = 20)]
        rounds: u64,
    },
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let Command::Demo { workers, rounds } = Args::parse().command;
    let timing = Timing {
        expires_after: Duration::from_secs(3),
        refresh_every: Duration::from_millis(500),
        call_timeout: Duration::from_millis(500),
        retry_after: Duration::from_millis(1)..Duration::from_millis(10),
    };
    let mut nodes = start(&timing).await?;
    println!("{NODES} nodes are connected; a write lock takes {} of them", NODES / 2 + 1);

    let alone = QuorumLock::on(&nodes[0], "alone", timing.clone());
    let mut times = Vec::new();
    for _ in 0..100 {
        let since = Instant::now();
        alone.write(PATIENCE).await?.unlock().await?;
        times.push(since.elapsed());
    }
    times.sort_unstable();
    println!("without contention: {:?} for lock and unlock (median of {})", times[50], times.len());

    count(&nodes, workers, rounds, &timing).await?;

    let stopped = nodes.remove(NODES - 1);
    stopped.shutdown(Duration::ZERO).await;
    println!("one node is shut down");
    count(&nodes, workers, rounds, &timing).await?;

    let held = QuorumLock::on(&nodes[0], "held", timing.clone()).write(PATIENCE).await?;
    for node in nodes.drain(2..) {
        node.shutdown(Duration::ZERO).await;
    }
    let since = Instant::now();
    held.lost().await;
    println!(
        "two more are shut down: the holder of a lock is notified after {:.1?}",
        since.elapsed()
    );
    match QuorumLock::on(&nodes[0], "other", timing).write(Duration::from_millis(100)).await {
        Ok(_) => Err("two of five nodes have granted a lock".into()),
        Err(refusal) => {
            println!("{refusal}");
            Ok(())
        }
    }
}

/// Starts the nodes and waits until all are connected with each other.
async fn start(timing: &Timing) -> Result<Vec<Manager>, Failure> {
    let seats = Seat::take(NODES)?;
    let mut nodes = Vec::new();
    for seat in &seats {
        let manager = Manager::builder(seat.name())
            .hosts(seats.iter().map(Seat::name))
            .token(SharedSecret::new("correct horse"))
            .service(LocksServer::new(LockTable::new(timing)))
            .build()?;
        tokio::spawn(manager.serve(seat.listener()?));
        nodes.push(manager);
    }
    for node in &nodes {
        for seat in &seats {
            node.connection(seat.name())?.wait_connected(PATIENCE).await?;
        }
    }
    Ok(nodes)
}

/// Workers on all nodes increment one counter in a way that loses updates unless they exclude each other.
async fn count(
    nodes: &[Manager],
    workers: usize,
    rounds: u64,
    timing: &Timing,
) -> Result<(), Failure> {
    let counter = Arc::new(AtomicU64::new(0));
    let since = Instant::now();
    let mut tasks = JoinSet::new();
    for node in nodes.iter().cycle().take(workers) {
        let lock = QuorumLock::on(node, "counter", timing.clone());
        let counter = Arc::clone(&counter);
        tasks.spawn(async move {
            for _ in 0..rounds {
                let guard = lock.write(PATIENCE).await?;
                let read = counter.load(Ordering::Relaxed);
                tokio::task::yield_now().await; // Without the lock, another worker would read the same value here.
                counter.store(read + 1, Ordering::Relaxed);
                guard.unlock().await?;
            }
            Ok::<_, Failure>(())
        });
    }
    while let Some(worker) = tasks.join_next().await {
        worker??;
    }
    let (took, asked) = (since.elapsed(), workers as u64 * rounds);
    let counted = counter.load(Ordering::Relaxed);
    println!(
        "{workers} workers on {} nodes counted to {counted} of {asked} in {took:.1?}, {:.1?} each",
        nodes.len(),
        took.div_f64(asked as f64)
    );
    if counted == asked { Ok(()) } else { Err("updates were lost".into()) }
}
