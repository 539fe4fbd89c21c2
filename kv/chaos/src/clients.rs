//! [`Clients`]: they read and write the registers of the current window, and record what they see.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use grid_kv::client::Client;
use grid_kv::service::Consistency;
use grid_kv_oracle::Reply;
use grid_kv_oracle::history::{Op, Outcome, Value};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::fleet::Fleet;
use crate::journal::Journal;
use crate::meter::Meter;
use crate::operation::{How, REGISTERS, Register, perform};
use crate::windows::{Window, Windows};

/// The time of an operation in milliseconds: some outlast a failover, and some do not.
const TIMEOUT_MS: std::ops::Range<u64> = 500..6000;

/// The pause of a client between two operations: two cores must have time for five nodes.
const PAUSE_MS: std::ops::Range<u64> = 0..40;

/// How often a client leaves before it is answered.
const LEAVES: f64 = 0.01;

/// Windows after which a client is replaced by a new one, which has no connections and sessions, and knows the members of now.
const REPLACED_AFTER: u64 = 6;

/// What all clients share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) windows: Arc<Windows>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) journal: Arc<Journal>,
    /// Each write of a run has another value.
    values: AtomicU64,
}

impl Shared {
    pub(crate) fn new(
        fleet: Arc<Fleet>,
        windows: Arc<Windows>,
        meter: Arc<Meter>,
        journal: Arc<Journal>,
    ) -> Self {
        Self { fleet, windows, meter, journal, values: AtomicU64::new(1) }
    }
}

/// Clients that run.
#[derive(Debug)]
pub(crate) struct Clients {
    tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
}

impl Clients {
    /// Starts `count` clients.
    pub(crate) fn start(shared: &Arc<Shared>, count: u8, seed: u64) -> Self {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for id in 0..count {
            let client = One {
                id,
                client: shared.fleet.client(id),
                age: 0,
                random: StdRng::seed_from_u64(seed.wrapping_add(u64::from(id) << 32)),
                shared: Arc::clone(shared),
                window: 0,
                last: [None; REGISTERS.len()],
            };
            tasks.spawn(client.run(stopped.clone()));
        }
        Self { tasks, stop }
    }

    /// Lets them finish.
    pub(crate) async fn stop(mut self, journal: &Journal) {
        self.stop.send_replace(true);
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                journal.violation(&format!("a client has failed: {error}"));
            }
        }
    }
}

/// A client.
struct One {
    id: u8,
    client: Client,
    /// The window in which it was made.
    age: u64,
    random: StdRng,
    shared: Arc<Shared>,
    window: u64,
    /// What it has seen last of each register of the window, for swaps.
    last: [Option<Value>; REGISTERS.len()],
}

impl One {
    async fn run(mut self, stopped: watch::Receiver<bool>) {
        while !*stopped.borrow() {
            let window = self.shared.windows.current();
            self.turn(window.number);
            let at = self.random.random_range(0..REGISTERS.len());
            self.call(&window, at).await;
            drop(window);
            // Often at once, so that operations overlap.
            if self.random.random_bool(0.7) {
                sleep(Duration::from_millis(self.random.random_range(PAUSE_MS))).await;
            }
        }
    }

    fn turn(&mut self, window: u64) {
        if self.window != window {
            self.window = window;
            self.last = [None; REGISTERS.len()];
        }
        // Not all of them at once.
        if window >= self.age + REPLACED_AFTER + u64::from(self.id) % REPLACED_AFTER {
            self.client = self.shared.fleet.client(self.id);
            self.age = window;
        }
    }

    fn op(&mut self, at: usize) -> Op {
        let value = || self.shared.values.fetch_add(1, Ordering::Relaxed);
        match self.random.random_range(0..100) {
            0..40 => Op::Get,
            40..68 => Op::Put(value()),
            68..92 => Op::Swap { expect: self.last[at], value: value() },
            _ => Op::Delete,
        }
    }

    async fn call(&mut self, window: &Window, at: usize) {
        let register = Register::new(window.number, at);
        let op = self.op(at);
        let within = Duration::from_millis(self.random.random_range(TIMEOUT_MS));
        let client = self.client.clone().with_timeout(within);
        let consistency = match self.random.random_bool(0.2) {
            // Clocks run at the same speed on one machine.
            true => Consistency::Lease,
            false => Consistency::Linearizable,
        };
        let how = How { consistency, by: self.random.random_range(0..2) };
        // A client that leaves does not hear what became of its operation.
        let patience = match self.random.random_bool(LEAVES) {
            true => Duration::from_millis(self.random.random_range(0..50)),
            false => Duration::MAX,
        };
        let (passed, began) = (|| self.shared.journal.passed(), Instant::now());
        let begun = window.recorder.begin(usize::from(self.id), &register.name, op, passed());
        let done = timeout(patience, perform(&client, &register, op, how)).await;
        match done.unwrap_or(Reply::Unknown) {
            Reply::Known(outcome, revision) => {
                window.recorder.end(begun, outcome, revision, passed());
                if op != Op::Get && !matches!(outcome, Outcome::Conflict(_)) {
                    self.shared.meter.acknowledged(began);
                }
                if let Outcome::Read(value) | Outcome::Conflict(value) = outcome {
                    self.last[at] = value;
                }
            }
            Reply::Unknown => {}
            Reply::WithoutEffect => window.recorder.without_effect(begun),
            Reply::Wrong(text) => self.shared.journal.violation(&text),
        }
    }
}
