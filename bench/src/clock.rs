//! When a measurement begins and ends, and what was counted in between.
//!
//! A thread of its own keeps the time, because tasks that never run dry may keep a runtime's timers from being looked at.
//! Each task counts on a cache line of its own; a shared counter would cost more than some of the calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

use tokio::time::Instant;

use crate::cell::Times;
use crate::error::Result;
use crate::process::{Server, usage};

/// The state of a measurement, for the tasks that are measured.
#[derive(Debug, Default)]
struct Phase {
    measuring: AtomicBool,
    over: AtomicBool,
}

/// What one task has done so far.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Count(AtomicU64);

/// What a task tells about its progress.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    phase: Arc<Phase>,
    count: Arc<Count>,
}

impl Tally {
    /// One more is done. False when it is time to stop.
    pub(crate) fn one(&self) -> bool {
        // There is one writer only.
        self.count.0.store(self.count.0.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        !self.phase.over.load(Ordering::Relaxed)
    }

    /// Whether it is time to stop.
    pub(crate) fn is_over(&self) -> bool {
        self.phase.over.load(Ordering::Relaxed)
    }

    /// Whether latencies count.
    pub(crate) fn is_measuring(&self) -> bool {
        self.phase.measuring.load(Ordering::Relaxed)
    }

    pub(crate) fn count(&self) -> u64 {
        self.count.0.load(Ordering::Relaxed)
    }
}

/// Hands out tallies, then runs the clock.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    phase: Arc<Phase>,
    main: Vec<Tally>,
    side: Vec<Tally>,
}

/// What was counted in the time that was measured.
#[derive(Debug)]
pub(crate) struct Window {
    pub(crate) time: Duration,
    /// By the tallies of the work itself.
    pub(crate) main: u64,
    /// By the tallies of what runs beside it.
    pub(crate) side: u64,
    /// Of all processes.
    pub(crate) cpu_seconds: f64,
    /// It must not end before the tasks that call it.
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

    /// For a task that is the work.
    pub(crate) fn main(&mut self) -> Tally {
        self.main.push(self.tally());
        self.main[self.main.len() - 1].clone()
    }

    /// For a task that runs beside it.
    pub(crate) fn side(&mut self) -> Tally {
        self.side.push(self.tally());
        self.side[self.side.len() - 1].clone()
    }

    /// Those of the tasks that are the work.
    pub(crate) fn tallies(&self) -> Vec<Tally> {
        self.main.clone()
    }

    /// Runs: afterwards it is time to stop.
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
