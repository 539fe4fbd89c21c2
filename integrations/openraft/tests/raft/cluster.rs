//! Three nodes and more, in one process, with a raft on each.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

use grid::testing::{CallLog, TestGrid, TestGridBuilder};
use grid_openraft::{GridClient, RaftGroup};
use openraft::network::{RPCOption, RaftNetworkFactory as _};
use openraft::{BasicNode, Config, Raft};

use super::store::{Log, Machine, Types};

pub(crate) type Bytes = Cursor<Vec<u8>>;
pub(crate) type Group = RaftGroup<Types, Machine<Bytes>>;
pub(crate) type Client = GridClient<Types, Bytes>;

/// Long enough for everything that a test lets happen.
pub(crate) const PATIENCE: Option<Duration> = Some(Duration::from_secs(60));

pub(crate) fn group(path: &str) -> Group {
    RaftGroup::new(path, || async { Ok(Cursor::default()) })
}

pub(crate) fn config() -> Config {
    // A node that was away does not depose the leader when it is back.
    Config { enable_pre_vote: Some(true), install_snapshot_timeout: 20_000, ..Config::default() }
}

pub(crate) fn option(soft: Duration) -> RPCOption {
    RPCOption::new(soft * 4 / 3)
}

/// The rafts of one group. The node with the index 0 has the id 0.
pub(crate) struct Rafts {
    pub(crate) groups: Vec<Group>,
    pub(crate) rafts: Vec<Raft<Types, Machine<Bytes>>>,
    pub(crate) machines: Vec<Machine<Bytes>>,
}

impl Rafts {
    /// Starts the raft on each node.
    pub(crate) async fn start(grid: &TestGrid, groups: Vec<Group>, config: Config) -> Self {
        let config = Arc::new(config.validate().unwrap());
        let (mut rafts, mut machines) = (Vec::new(), Vec::new());
        for (node, group) in groups.iter().enumerate() {
            let (log, machine) = (Log::default(), Machine::default());
            let (config, network) =
                (Arc::clone(&config), group.network(&grid.node(node), node as u64));
            let raft = Raft::new(node as u64, config, network, log, machine.clone()).await.unwrap();
            group.start(raft.clone());
            rafts.push(raft);
            machines.push(machine);
        }
        Self { groups, rafts, machines }
    }

    /// Makes all nodes voters, and returns the index of the leader.
    pub(crate) async fn elect(&self, grid: &TestGrid) -> usize {
        let members: BTreeMap<_, _> =
            (0..grid.size()).map(|node| (node as u64, BasicNode::new(grid.name(node)))).collect();
        self.rafts[0].initialize(members).await.unwrap();
        self.leader(0).await
    }

    /// The leader that this node knows, when a quorum has confirmed it.
    pub(crate) async fn leader(&self, node: usize) -> usize {
        let known = |metrics: &openraft::RaftMetrics<Types>| metrics.current_leader.is_some();
        let metrics = self.rafts[node].wait(PATIENCE).metrics(known, "a leader").await.unwrap();
        let leader = metrics.current_leader.unwrap() as usize;
        // Before that it takes no writes.
        let waiting = self.rafts[leader].wait(PATIENCE);
        waiting.leader_with_quorum_acked(None, "a leader with a lease").await.unwrap();
        leader
    }

    pub(crate) async fn write(&self, leader: usize, text: impl Into<String>) {
        self.rafts[leader].client_write(text.into()).await.unwrap();
    }

    /// Waits until these nodes have applied this many writes, and returns them.
    pub(crate) async fn applied(&self, nodes: &[usize], writes: usize) -> Vec<String> {
        for node in nodes {
            let machine = &self.machines[*node];
            let done = async {
                while machine.writes().len() < writes {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            };
            tokio::time::timeout(PATIENCE.unwrap(), done).await.expect("the writes are applied");
            assert_eq!(machine.writes(), self.machines[nodes[0]].writes());
        }
        self.machines[nodes[0]].writes()
    }

    /// A client of one node, as openraft on another one makes it.
    pub(crate) async fn client(&self, grid: &TestGrid, from: usize, to: usize) -> Client {
        let mut network = self.groups[from].network(&grid.node(from), from as u64);
        network.new_client(to as u64, &BasicNode::new(grid.name(to))).await
    }

    pub(crate) async fn shut_down(&self) {
        for raft in &self.rafts {
            raft.shutdown().await.unwrap();
        }
    }
}

/// Nodes that are connected, each with a raft that has no members yet.
pub(crate) async fn cluster(nodes: usize, config: Config) -> (TestGrid, Rafts, CallLog) {
    cluster_of(TestGrid::builder(nodes), nodes, config).await
}

pub(crate) async fn cluster_of(
    grid: TestGridBuilder,
    nodes: usize,
    config: Config,
) -> (TestGrid, Rafts, CallLog) {
    let groups: Vec<_> = (0..nodes).map(|_| group("")).collect();
    let (served, calls) = (groups.clone(), CallLog::new());
    let grid = grid
        .configure(move |node, builder| builder.service(served[node].clone()))
        .record(&calls)
        .start();
    grid.all_connected().await;
    let rafts = Rafts::start(&grid, groups, config).await;
    (grid, rafts, calls)
}
