//! [`scale`]: a grid of many nodes that starts, loses half of its nodes, and is cut into two halves.
//!
//! In virtual time, so the times are those of pauses, pings and round trips, and not of the processor; that is measured beside
//! them.

use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use grid::testing::{Seeded, TestGrid};
use tokio::runtime::Builder;
use tokio::time::{Instant, sleep};

use crate::usage::Usage;

/// One way between two nodes, as in one data centre.
const DELAY: Duration = Duration::from_micros(500);

/// Between two looks at how many connections are up.
const LOOK: Duration = Duration::from_millis(50);

/// How long nodes are down, or cut off: the others notice it and try again meanwhile.
const FAULT: Duration = Duration::from_secs(31);

/// What one event came to.
#[derive(Debug)]
pub struct Event {
    /// What has happened.
    pub name: &'static str,
    /// Virtual time until all nodes were connected with all others.
    pub time: Duration,
    /// The same for half of what was to be connected again.
    pub half: Duration,
    /// Handshakes of the node with the most of them, in its busiest second.
    pub busiest: u64,
    /// The same in the busiest 50 ms, as a rate.
    pub busiest_burst: u64,
    /// Processor time, the fault included.
    pub cpu: Duration,
    /// Resident memory at the end, in bytes.
    pub memory: u64,
}

/// Runs all events with this number of nodes, with or without jitter, and calls `each` with each result.
///
/// # Panics
/// If nodes are not connected in time, or there is no memory for the runtime.
pub fn scale(nodes: usize, has_jitter: bool, mut each: impl FnMut(Event)) {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime without sockets needs nothing from the system");
    runtime.block_on(async {
        let _seeded = if has_jitter { Seeded::new(1) } else { Seeded::without_jitter(1) };
        let usage = Usage::now();
        let grid = TestGrid::builder(nodes).assertion_timeout(Duration::from_secs(300)).start();
        for a in 0..nodes {
            for b in 0..a {
                grid.delay(a, b, DELAY);
            }
        }
        each(watch(&grid, "all nodes start at once", usage).await);

        let usage = Usage::now();
        let half = nodes / 2;
        (0..half).for_each(|node| grid.kill(node));
        sleep(FAULT).await;
        for node in 0..half {
            grid.restart(node).await;
        }
        each(watch(&grid, "half of the nodes crash, and start 31 s later", usage).await);

        let usage = Usage::now();
        grid.partition(0..half);
        sleep(FAULT).await;
        for a in 0..half {
            for b in half..nodes {
                grid.heal(a, b);
                grid.delay(a, b, DELAY);
            }
        }
        each(watch(&grid, "two halves are cut off from each other for 31 s", usage).await);
    });
}

/// Waits until all nodes are connected, and counts their handshakes meanwhile.
async fn watch(grid: &TestGrid, name: &'static str, usage: Usage) -> Event {
    let start = Instant::now();
    let counts = Mutex::new(Counts::new(grid));
    let look = async {
        loop {
            sleep(LOOK).await;
            counts.lock().unwrap_or_else(|poison| poison.into_inner()).look(grid, start.elapsed());
        }
    };
    tokio::select! {
        biased;
        () = grid.all_connected() => {}
        () = look => {}
    }
    let time = start.elapsed();
    let mut counts = counts.into_inner().unwrap_or_else(|poison| poison.into_inner());
    counts.look(grid, time);
    let usage = usage.since();
    Event {
        name,
        time,
        half: counts.half(),
        busiest: counts.busiest(Duration::from_secs(1)),
        busiest_burst: counts.busiest(LOOK) * 20,
        cpu: usage.cpu,
        memory: usage.memory,
    }
}

/// Connections that have been up, for each node at each look.
struct Counts {
    looks: Vec<(Duration, Vec<u64>)>,
}

impl Counts {
    fn new(grid: &TestGrid) -> Self {
        Self { looks: vec![(Duration::ZERO, Self::now(grid))] }
    }

    fn look(&mut self, grid: &TestGrid, at: Duration) {
        self.looks.push((at, Self::now(grid)));
    }

    fn now(grid: &TestGrid) -> Vec<u64> {
        let connects = |node| {
            let stats = grid.node(node).stats();
            stats.connections.iter().map(|link| link.connects).sum()
        };
        (0..grid.size()).map(connects).collect()
    }

    /// When half of the connections of the whole time were up.
    fn half(&self) -> Duration {
        let sums: Vec<u64> = self.looks.iter().map(|(_, counts)| counts.iter().sum()).collect();
        let (first, last) = (sums.first().copied().unwrap_or(0), sums.last().copied().unwrap_or(0));
        let reached = sums.iter().position(|sum| 2 * (sum - first) >= last - first);
        reached.map_or(Duration::ZERO, |at| self.looks[at].0)
    }

    /// The most connections of one node within this time.
    fn busiest(&self, within: Duration) -> u64 {
        let mut most = 0;
        for (at, (end, counts)) in self.looks.iter().enumerate() {
            let begin = end.saturating_sub(within);
            let before = self.looks[..at].iter().rev().find(|(at, _)| *at <= begin);
            let Some((_, before)) = before.or_else(|| self.looks.first()) else { continue };
            let of_nodes = counts.iter().zip(before).map(|(count, before)| count - before);
            most = most.max(of_nodes.max().unwrap_or(0));
        }
        most
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "| {} | {:.2} s | {:.2} s | {} | {} | {:.1} s | {} MiB |",
            self.name,
            self.half.as_secs_f64(),
            self.time.as_secs_f64(),
            self.busiest,
            self.busiest_burst,
            self.cpu.as_secs_f64(),
            self.memory >> 20
        )
    }
}
