//! [`Faults`]: what happens to the group while clients use it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use grid::testing::Network;
use tokio::time::{Instant, sleep, timeout};

use super::bug::Bug;
use super::changes::Changes;
use super::clients::Clients;
use super::group::Group;
use super::random::Random;
use super::snapshots::make_stale;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Heal,
    Split,
    Freeze,
    FreezeOneWay,
    Delay,
    Loss,
    Reset,
    LoseClient,
    LosePower,
    LosePowerOfAll,
    FailDisk,
    Restart,
    Snapshot,
    Transfer,
    Add,
    Remove,
}

/// How often each of them is made.
const WEIGHTS: [(u64, Fault); 16] = [
    (20, Fault::Heal),
    (14, Fault::Split),
    (5, Fault::Freeze),
    (5, Fault::FreezeOneWay),
    (8, Fault::Delay),
    (6, Fault::Loss),
    (6, Fault::Reset),
    (5, Fault::LoseClient),
    (12, Fault::LosePower),
    (4, Fault::LosePowerOfAll),
    (3, Fault::FailDisk),
    (20, Fault::Restart),
    (10, Fault::Snapshot),
    (6, Fault::Transfer),
    (6, Fault::Add),
    (5, Fault::Remove),
];

/// See the module.
pub(super) struct Faults {
    random: Random,
    began: Instant,
    count: BTreeMap<&'static str, u64>,
    trace: Vec<String>,
    changes: Changes,
}

impl Faults {
    /// Faults of a group that has all its nodes as members.
    pub(super) fn new(seed: u64, group: &Group) -> Self {
        let (random, changes) = (Random::new(seed, "faults"), Changes::new(group.len()));
        Self { random, began: Instant::now(), count: BTreeMap::new(), trace: Vec::new(), changes }
    }

    /// How often each fault was made, and when.
    pub(super) fn made(self) -> (BTreeMap<&'static str, u64>, Vec<String>) {
        (self.count, self.trace)
    }

    fn note(&mut self, name: &'static str, which: &[usize]) {
        *self.count.entry(name).or_default() += 1;
        let at = self.began.elapsed().as_secs_f64();
        let ids: Vec<_> = which.iter().map(|at| (at + 1).to_string()).collect();
        self.trace.push(format!("{at:>8.3} {name} {}", ids.join(" ")));
    }

    /// Makes some faults, with pauses. Returns what is wrong.
    pub(super) async fn run(&mut self, group: &mut Group, clients: &Clients) -> Vec<String> {
        let mut wrong = Vec::new();
        sleep(Duration::from_secs(2)).await;
        for _ in 0..self.random.range(8..30) {
            let fault = self.random.weighted(&WEIGHTS);
            if let Err(text) = self.make(fault, group, clients).await {
                wrong.push(text);
            }
            if let Some((name, at)) = self.changes.end(group).await {
                self.note(name, &[at]);
            }
            sleep(self.random.millis(50..2500)).await;
        }
        self.changes.abort();
        wrong
    }

    async fn make(
        &mut self,
        fault: Fault,
        group: &mut Group,
        clients: &Clients,
    ) -> Result<(), String> {
        let (running, down) = (group.running(), group.down());
        let mut which = Vec::new();
        let name = match fault {
            Fault::Heal => {
                group.network.heal_all();
                "heal"
            }
            Fault::Split | Fault::Freeze | Fault::FreezeOneWay => self.split(fault, group),
            Fault::Delay | Fault::Loss => self.slow(fault, group),
            Fault::Reset => {
                group.network.reset_all();
                "reset"
            }
            Fault::LoseClient => self.lose_client(group, clients),
            Fault::LosePower => {
                let Some(at) = self.random.one_of(&running) else { return Ok(()) };
                which.push(at);
                group.lose_power(at).await;
                "lose power"
            }
            Fault::LosePowerOfAll => {
                for at in running {
                    group.lose_power(at).await;
                }
                "lose power of all"
            }
            Fault::FailDisk => {
                let Some(at) = self.random.one_of(&running) else { return Ok(()) };
                which.push(at);
                group.fail_disk(at);
                "fail disk"
            }
            Fault::Restart => {
                for at in down {
                    if self.random.chance(0.7) {
                        which.push(at);
                        group.restart(at).await?;
                    }
                }
                "restart"
            }
            Fault::Snapshot => {
                let Some(at) = self.random.one_of(&running) else { return Ok(()) };
                which = match group.bug {
                    // Nodes send the snapshot of the leader.
                    Some(Bug::StaleSnapshot) => running,
                    _ => vec![at],
                };
                for at in &which {
                    snapshot(group, *at).await?;
                }
                "snapshot"
            }
            Fault::Transfer => {
                let Some(to) = self.random.one_of(&running) else { return Ok(()) };
                which.push(to);
                transfer(group, to).await;
                "transfer"
            }
            Fault::Add | Fault::Remove if self.changes.is_running() => return Ok(()),
            Fault::Add => self.changes.add(group).await?,
            Fault::Remove => self.changes.remove(&mut self.random, group),
        };
        self.note(name, &which);
        Ok(())
    }

    /// Separates some nodes from the others.
    fn split(&mut self, fault: Fault, group: &Group) -> &'static str {
        let nodes = group.len();
        let size = self.random.range(1..nodes as u64 / 2 + 1);
        let side = (0..size).map(|_| self.random.range(0..nodes as u64) as usize).collect();
        match fault {
            Fault::Freeze => {
                group.split(&side, Network::freeze);
                "freeze"
            }
            Fault::FreezeOneWay if self.random.chance(0.5) => {
                group.split(&side, Network::freeze_one_way);
                "freeze what is sent"
            }
            Fault::FreezeOneWay => {
                group.split(&side, |network, one, other| network.freeze_one_way(other, one));
                "freeze what is received"
            }
            _ => {
                group.split(&side, Network::cut);
                "split"
            }
        }
    }

    /// Makes the links of a node slow.
    fn slow(&mut self, fault: Fault, group: &Group) -> &'static str {
        let side = BTreeSet::from([self.random.range(0..group.len() as u64) as usize]);
        if fault == Fault::Delay {
            let delay = self.random.millis(1..150);
            group.split(&side, |network, one, other| network.delay(one, other, delay));
            return "delay";
        }
        let ratio = self.random.range(1..30) as f64 / 100.0;
        group.split(&side, |network, one, other| network.loss(one, other, ratio));
        "loss"
    }

    /// Cuts a client off from some nodes.
    fn lose_client(&mut self, group: &Group, clients: &Clients) -> &'static str {
        let at = self.random.range(0..clients.names().len() as u64) as usize;
        for node in group.names() {
            if self.random.chance(0.5) {
                group.network.cut(&clients.names()[at], &node);
            }
        }
        "lose client"
    }
}

/// Lets a node make a snapshot, and forget the log up to it.
async fn snapshot(group: &Group, at: usize) -> Result<(), String> {
    let Some(raft) = group.node(at).map(grid_kv::node::Node::raft) else { return Ok(()) };
    // It fails at a node that has lost its disk.
    let Ok(()) = raft.trigger().snapshot().await else { return Ok(()) };
    let is_new = |metrics: &openraft::RaftMetrics<_>| {
        metrics.snapshot.is_some() && metrics.snapshot >= metrics.last_applied
    };
    let waiting = raft.wait(Some(Duration::from_secs(1)));
    let Ok(metrics) = waiting.metrics(is_new, "a snapshot").await else { return Ok(()) };
    if group.bug == Some(Bug::StaleSnapshot) {
        make_stale(&group.folder(at)).map_err(|error| error.to_string())?;
    }
    if let Some(upto) = metrics.snapshot {
        let _ = raft.trigger().purge_log(upto.index).await;
    }
    Ok(())
}

/// Passes the leadership on, if there is a leader.
async fn transfer(group: &Group, to: usize) {
    for at in group.running() {
        let Some(node) = group.node(at) else { continue };
        let trigger = node.raft().trigger();
        let _ = timeout(Duration::from_secs(1), trigger.transfer_leader(to as u64 + 1)).await;
    }
}
