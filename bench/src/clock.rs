//! Begins and ends a measurement, and counts what tasks do in between.
//!
//! A separate thread keeps the time, because tasks that are always ready may delay the timers of a runtime.
//! Each task counts on its own cache line: a shared counter would cost more than some of the calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

use tokio::time::Instant;

use crate::cell::Times;
use crate::error::Result;
use crate::process::{Server, usage};

/// The state of a measurement, as its tasks see it.
#[derive(Debug, Default)]
struct Phase {
    measuring: AtomicBool,
    over: AtomicBool,
}

/// How many calls or items one task has completed.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Count(AtomicU64);

/// Counts the progress of one task and tells it when to stop.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    phase: Arc<Phase>,
    count: Arc<Count>,
}

impl Tally {
    /// Counts one call or item. Returns false when it is time to stop.
    pub(crate) fn one(&self) -> bool {
        // There is only one writer.
        self.count.0.store(self.count.0.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        !self.phase.over.load(Ordering::Relaxed)
    }

    /// Whether it is time to stop.
    pub(crate) fn is_over(&self) -> bool {
        self.phase.over.load(Ordering::Relaxed)
    }

    /// Whether latencies are recorded now.
    pub(crate) fn is_measuring(&self) -> bool {
        self.phase.measuring.load(Ordering::Relaxed)
    }

    pub(crate) fn count(&self) -> u64 {
        self.count.0.load(Ordering::Relaxed)
    }
}

/// Creates tallies, then runs the clock.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    phase: Arc<Phase>,
    main: Vec<Tally>,
    side: Vec<Tally>,
}

/// The counts of the measured time.
#[derive(Debug)]
pub(crate) struct Window {
    pub(crate) time: Duration,
    /// The sum of the tallies of the work.
    pub(crate) main: u64,
    /// The sum of the tallies of the load beside it.
    pub(crate) side: u64,
    /// CPU time of all processes.
    pub(crate) cpu_seconds: f64,
    /// Returned because the server must not end before the tasks that call it.
    pub(crate) server: Option<Server>,
}

#[derive(Debug)]
struct Snapshot {
    at: Instant,
    main: u64,
    side: u64,
    cpu_seconds: f64,
}

impl Clock {
    fn tally(&self) -> Tally {
        Tally { phase: Arc::clone(&self.phase), count: Arc::default() }
    }

    /// Creates the tally of a task that is measured.
    pub(crate) fn main(&mut self) -> Tally {
        self.main.push(self.tally());
        self.main[self.main.len() - 1].clone()
    }

    /// Creates the tally of a task that is a load beside the measured ones.
    pub(crate) fn side(&mut self) -> Tally {
        self.side.push(self.tally());
        self.side[self.side.len() - 1].clone()
    }

    /// Creates the tally of a task that only needs to know when to stop.
    pub(crate) fn uncounted(&self) -> Tally {
        self.tally()
    }

    /// The tallies of the measured tasks.
    pub(crate) fn tallies(&self) -> Vec<Tally> {
        self.main.clone()
    }

    /// Runs the warm-up and the measurement in a thread, then tells all tasks to stop.
    pub(crate) fn start(
        self,
        times: &Times,
        mut server: Option<Server>,
    ) -> JoinHandle<Result<Window>> {
        let (warm_up, time) = (times.warm_up(), times.time());
        spawn(move || {
            sleep(warm_up);
            self.phase.measuring.store(true, Ordering::Relaxed);
            let begin = self.snapshot(server.as_mut());
            sleep(time);
            let end = self.snapshot(server.as_mut());
            self.phase.measuring.store(false, Ordering::Relaxed);
            self.phase.over.store(true, Ordering::Relaxed);
            let (begin, end) = (begin?, end?);
            Ok(Window {
                time: end.at - begin.at,
                main: end.main - begin.main,
                side: end.side - begin.side,
                cpu_seconds: end.cpu_seconds - begin.cpu_seconds,
                server,
            })
        })
    }

    fn snapshot(&self, server: Option<&mut Server>) -> Result<Snapshot> {
        let of_server = server.map_or(Ok(0.0), Server::cpu_seconds)?;
        let count = |tallies: &[Tally]| tallies.iter().map(Tally::count).sum();
        Ok(Snapshot {
            at: Instant::now(),
            main: count(&self.main),
            side: count(&self.side),
            cpu_seconds: of_server + usage::cpu_seconds(),
        })
    }
}
