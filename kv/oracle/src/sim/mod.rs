//! [`run`]: one simulation from a seed. Real nodes and clients in one process, in virtual time, over a network and disks that the seed
//! breaks; its history is judged.
//!
//! The seed decides everything that the simulation does: its faults, and what clients ask for. It does not decide all that happens:
//! openraft draws election timeouts itself, and the threads that write to disks race. So a seed that has failed may pass when it is run
//! again; the history that it has left is the proof.

mod bug;
mod changes;
mod clients;
mod faults;
mod finish;
mod group;
mod random;
mod snapshots;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

pub use self::bug::Bug;
use self::clients::Clients;
use self::faults::Faults;
use self::group::Group;
use self::random::Random;
use crate::history::{Outcome, Recorder};
use crate::judge;

/// The result of a seed.
#[derive(Debug)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// Members at the beginning.
    pub nodes: usize,
    /// Operations of clients.
    pub calls: usize,
    /// Those whose outcome the client was not told.
    pub unknown: usize,
    /// How often each fault was made.
    pub faults: BTreeMap<&'static str, u64>,
    /// The faults in their order.
    pub trace: Vec<String>,
    /// The virtual time that it has taken.
    pub time: Duration,
    /// What is wrong. Empty if all is well.
    pub violations: Vec<String>,
}

impl Report {
    /// The result of a seed whose simulation has panicked.
    pub(crate) fn of_panic(seed: u64, text: &str) -> Self {
        let (faults, trace, time) = Default::default();
        let violations = vec![format!("the simulation has panicked: {text}")];
        Self { seed, nodes: 0, calls: 0, unknown: 0, faults, trace, time, violations }
    }
}

/// Simulates this seed, with a deliberate bug if there is one.
pub fn run(seed: u64, bug: Option<Bug>) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime without sockets");
    let report = runtime.block_on(simulate(seed, bug));
    // What still reads or writes a file has nothing to wait for.
    runtime.shutdown_background();
    report
}

async fn simulate(seed: u64, bug: Option<Bug>) -> Report {
    // Random numbers and the time of day of the nodes' connections.
    let _seeded = grid::testing::Seeded::new(seed);
    let began = Instant::now();
    let mut random = Random::new(seed, "plan");
    let nodes = if random.chance(0.7) { 3 } else { 5 };
    let recorder = Arc::new(Recorder::default());
    let mut group = Group::start(seed, nodes, bug).await;
    let clients = Clients::start(seed, &group, &recorder, bug);
    let mut faults = Faults::new(seed, &group);
    let mut violations = faults.run(&mut group, &clients).await;
    violations.extend(finish::finish(&mut group, clients, &recorder).await);
    let calls = recorder.calls();
    violations.extend(judge(&calls));
    group.end().await;
    let (count, trace) = faults.made();
    Report {
        seed,
        nodes,
        calls: calls.len(),
        unknown: calls.iter().filter(|call| call.outcome == Outcome::Unknown).count(),
        faults: count,
        trace,
        time: began.elapsed(),
        violations,
    }
}
