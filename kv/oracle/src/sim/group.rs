//! [`Group`]: the nodes of a simulation, their disks and their network.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use grid::testing::Network;
use grid::{NoAuth, SharedSecret};
use grid_kv::client::Client;
use grid_kv::node::{Node, Peer, Settings, guests};
use tempfile::TempDir;

use super::bug::Bug;
use super::random::Random;
use crate::disk::Disk;

/// Long enough for everything that a simulation lets happen.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// The name that operators dial from.
const OPERATOR: &str = "operator";

/// A machine, whose node runs or not.
struct Machine {
    disk: Disk,
    node: Option<Node>,
}

/// Nodes with the ids 1 to n. The node with the id 1 is at 0.
pub(super) struct Group {
    pub(super) network: Network,
    pub(super) bug: Option<Bug>,
    folder: TempDir,
    /// Members when it begins.
    first: usize,
    machines: Vec<Machine>,
    snapshot_entries: u64,
    random: Random,
}

impl Group {
    /// Starts `size` nodes.
    pub(super) async fn start(seed: u64, size: usize, bug: Option<Bug>) -> Self {
        let mut random = Random::new(seed, "group");
        let snapshot_entries = match bug {
            // Only those that are made stale.
            Some(Bug::StaleSnapshot) => 1 << 30,
            _ => random.range(20..300),
        };
        let mut group = Self {
            network: Network::with_seed(seed),
            bug,
            folder: tempfile::tempdir().expect("a folder for temporary files"),
            first: size,
            machines: Vec::new(),
            snapshot_entries,
            random,
        };
        for _ in 0..size {
            group.join().await.expect("a node without faults starts");
        }
        group
    }

    /// Starts one more node. After the first ones, it waits to be added.
    pub(super) async fn join(&mut self) -> Result<usize, String> {
        let disk = match self.bug {
            Some(Bug::LostTail) => Disk::lying(),
            _ => Disk::default(),
        };
        self.machines.push(Machine { disk, node: None });
        let at = self.machines.len() - 1;
        self.restart(at).await.map(|()| at)
    }

    /// How many nodes there were.
    pub(super) fn len(&self) -> usize {
        self.machines.len()
    }

    pub(super) fn name(&self, at: usize) -> String {
        format!("http://node{}:9000", at + 1)
    }

    pub(super) fn names(&self) -> Vec<String> {
        (0..self.len()).map(|at| self.name(at)).collect()
    }

    pub(super) fn folder(&self, at: usize) -> PathBuf {
        self.folder.path().join(at.to_string())
    }

    /// The node, if it runs.
    pub(super) fn node(&self, at: usize) -> Option<&Node> {
        self.machines.get(at)?.node.as_ref()
    }

    /// Places of the nodes that run.
    pub(super) fn running(&self) -> Vec<usize> {
        (0..self.len()).filter(|at| self.node(*at).is_some()).collect()
    }

    /// Places of the nodes that do not.
    pub(super) fn down(&self) -> Vec<usize> {
        (0..self.len()).filter(|at| self.node(*at).is_none()).collect()
    }

    /// Starts a node that does not run, on what its disk has.
    pub(super) async fn restart(&mut self, at: usize) -> Result<(), String> {
        let name = self.name(at);
        let is_first = at < self.first;
        let known = (0..self.first).chain((!is_first).then_some(at));
        let peers = known.map(|at| Peer { id: at as u64 + 1, name: self.name(at) }).collect();
        let settings = Settings {
            join: !is_first,
            files: Arc::new(self.machines[at].disk.clone()),
            snapshot_entries: self.snapshot_entries,
            ..Settings::new(&name, peers, self.folder(at))
        };
        let dialer = self.network.dialer(&name);
        self.connect(at);
        let node = Node::build(&settings, |builder| {
            let builder = builder.token(NoAuth).dial_with(dialer);
            guests(builder, Some("of clients"), Some("of operators"), |operators| operators)
        });
        let node = node.await.map_err(|error| format!("{name} does not start: {error}"))?;
        self.network.attach(node.manager());
        self.machines[at].node = Some(node);
        Ok(())
    }

    /// Ends a node without a word to the others. Its disk keeps what was synced.
    pub(super) async fn lose_power(&mut self, at: usize) {
        let Some(node) = self.machines[at].node.take() else { return };
        let random = &mut self.random;
        self.machines[at].disk.lose_power(|| random.chance(0.5));
        let name = self.name(at);
        self.network.detach(&name);
        for other in 0..self.len() {
            self.network.cut(&name, &self.name(other));
        }
        node.stop().await;
        node.manager().shutdown(Duration::ZERO).await;
    }

    /// Lets the disk of a node fail.
    pub(super) fn fail_disk(&self, at: usize) {
        self.machines[at].disk.fail();
    }

    /// Ends the faults between a node and the others.
    fn connect(&self, at: usize) {
        for other in (0..self.len()).filter(|other| *other != at) {
            self.network.heal(&self.name(at), &self.name(other));
        }
    }

    /// Separates these nodes from all others. Clients reach both sides.
    pub(super) fn split(&self, side: &BTreeSet<usize>, separate: impl Fn(&Network, &str, &str)) {
        for one in side {
            for other in (0..self.len()).filter(|other| !side.contains(other)) {
                separate(&self.network, &self.name(*one), &self.name(other));
            }
        }
    }

    fn guest(&self, from: &str, secret: &'static str) -> Client {
        let (network, from) = (self.network.clone(), from.to_owned());
        Client::guest(self.names(), move |builder| {
            builder.token(SharedSecret::new(secret)).dial_with(network.dialer(&from))
        })
    }

    /// A client that dials from this name.
    pub(super) fn client(&self, from: &str) -> Client {
        self.guest(from, "of clients")
    }

    pub(super) fn operator(&self) -> Client {
        self.guest(OPERATOR, "of operators").with_timeout(PATIENCE)
    }

    pub(super) async fn end(self) {
        for node in self.machines.into_iter().filter_map(|machine| machine.node) {
            node.stop().await;
            node.manager().shutdown(Duration::ZERO).await;
        }
    }
}
