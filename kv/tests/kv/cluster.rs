//! [`Cluster`]: nodes that are connected in memory.

use std::sync::Arc;
use std::time::Duration;

use grid::testing::Network;
use grid::{Builder, Connection, Guest, NoAuth, SharedSecret};
use grid_kv::client::Client;
use grid_kv::model::{Command, Outcome, Types};
use grid_kv::node::{Node, Peer, Settings, StartError, guests};
use grid_kv::store::{Files, OsFiles, Sync};
use openraft::RaftMetrics;
use openraft::async_runtime::watch::WatchReceiver as _;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

/// Long enough for everything that a test lets happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The name that guests dial from.
const GUEST: &str = "guest";

/// Nodes with the ids 1 to n, and their folders. The node with the id 1 is at 0.
pub(crate) struct Cluster {
    pub(crate) network: Network,
    folder: TempDir,
    /// Members of the group when it begins.
    first: usize,
    nodes: Vec<Option<Node>>,
    configure: Box<dyn Fn(Settings) -> Settings>,
}

impl Cluster {
    /// Starts this many nodes, and waits for a leader.
    pub(crate) async fn start(size: usize) -> Self {
        Self::configured(size, |settings| settings).await
    }

    pub(crate) async fn configured(
        size: usize,
        configure: impl Fn(Settings) -> Settings + 'static,
    ) -> Self {
        let (network, folder) = (Network::new(), tempfile::tempdir().unwrap());
        let configure = Box::new(configure);
        let mut cluster = Self { network, folder, first: size, nodes: Vec::new(), configure };
        for _ in 0..size {
            cluster.join().await;
        }
        cluster.leader().await;
        for at in 0..size {
            cluster.wait(at, |metrics| metrics.current_leader.is_some()).await;
        }
        cluster
    }

    /// Starts one more node. After the first ones, it waits to be added.
    pub(crate) async fn join(&mut self) -> usize {
        self.nodes.push(None);
        let at = self.nodes.len() - 1;
        self.restart(at).await;
        at
    }

    pub(crate) fn name(&self, at: usize) -> String {
        format!("http://node{}:9000", at + 1)
    }

    pub(crate) fn names(&self) -> Vec<String> {
        (0..self.nodes.len()).map(|at| self.name(at)).collect()
    }

    pub(crate) fn node(&self, at: usize) -> &Node {
        self.nodes[at].as_ref().expect("the node runs")
    }

    fn running(&self) -> impl Iterator<Item = (usize, &Node)> {
        self.nodes.iter().enumerate().filter_map(|(at, node)| Some((at, node.as_ref()?)))
    }

    /// Starts a node that does not run, on what it has stored.
    pub(crate) async fn restart(&mut self, at: usize) {
        let name = self.name(at);
        let is_first = at < self.first;
        let known = (0..self.first).chain((!is_first).then_some(at));
        let peers = known.map(|at| Peer { id: at as u64 + 1, name: self.name(at) }).collect();
        let mut settings = Settings::new(&name, peers, self.folder.path().join(at.to_string()));
        (settings.join, settings.sync) = (!is_first, Sync::Never);
        let settings = (self.configure)(settings);
        for other in self.names() {
            self.network.heal(&name, &other);
        }
        let node = self.build(&settings).await;
        self.network.attach(node.manager());
        self.nodes[at] = Some(node);
    }

    /// The raft of the process before ends its last write in the background. Until then, its files are open.
    async fn build(&self, settings: &Settings) -> Node {
        let mut attempts = 0;
        loop {
            let dialer = self.network.dialer(&settings.name);
            let node = Node::build(settings, |builder| {
                let builder = builder.token(NoAuth).dial_with(dialer);
                guests(builder, Some("of clients"), Some("of operators"), |operators| operators)
            });
            match node.await {
                Err(StartError::Storage { .. }) if attempts < 100 => attempts += 1,
                node => return node.unwrap(),
            }
            // The clock stands still while a thread writes.
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// Ends a node without a word to the others.
    pub(crate) async fn crash(&mut self, at: usize) {
        self.isolate(at);
        self.network.cut(&self.name(at), GUEST);
        self.network.detach(&self.name(at));
        let node = self.nodes[at].take().expect("the node runs");
        node.stop().await;
        node.manager().shutdown(Duration::ZERO).await;
        self.network.heal(&self.name(at), GUEST);
    }

    /// Ends a node as a signal does.
    pub(crate) async fn shut_down(&mut self, at: usize) {
        let node = self.nodes[at].take().expect("the node runs");
        node.shutdown(Duration::from_secs(5)).await;
        self.network.detach(&self.name(at));
    }

    /// Cuts a node off from all others, but not from guests.
    pub(crate) fn isolate(&self, at: usize) {
        for other in (0..self.nodes.len()).filter(|other| *other != at) {
            self.network.cut(&self.name(at), &self.name(other));
        }
    }

    pub(crate) fn heal(&self) {
        self.network.heal_all();
    }

    /// Waits until the metrics of a node are so.
    pub(crate) async fn wait(&self, at: usize, is: impl Fn(&RaftMetrics<Types>) -> bool + Send) {
        self.node(at)
            .raft()
            .wait(Some(PATIENCE))
            .metrics(is, "what the test waits for")
            .await
            .unwrap();
    }

    /// Waits until a node leads with the consent of a majority, and returns it.
    pub(crate) async fn leader(&self) -> usize {
        self.leader_but(None).await
    }

    /// The same, for another node than this one.
    pub(crate) async fn leader_but(&self, old: Option<usize>) -> usize {
        let found = async {
            loop {
                for (at, node) in self.running().filter(|(at, _)| Some(*at) != old) {
                    if node
                        .raft()
                        .ensure_linearizable(openraft::ReadPolicy::ReadIndex)
                        .await
                        .is_ok()
                    {
                        return at;
                    }
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, found).await.expect("a leader")
    }

    /// Makes this node the leader.
    pub(crate) async fn make_leader(&self, at: usize) {
        let old = self.leader().await;
        if old == at {
            return;
        }
        self.node(old).raft().trigger().transfer_leader(at as u64 + 1).await.unwrap();
        self.wait(at, |metrics| metrics.state.is_leader()).await;
        assert_eq!(self.leader().await, at);
    }

    /// Lets a node make a snapshot, and forget the log up to it.
    pub(crate) async fn purge(&self, at: usize) {
        let raft = self.node(at).raft();
        raft.trigger().snapshot().await.unwrap();
        self.wait(at, |metrics| metrics.snapshot.is_some()).await;
        let snapshot = raft.metrics().borrow_watched().snapshot.unwrap().index;
        raft.trigger().purge_log(snapshot).await.unwrap();
        self.wait(at, |metrics| metrics.purged.is_some_and(|id| id.index == snapshot)).await;
    }

    /// Replicates a command, past all that clients do.
    pub(crate) async fn apply(&self, command: Command) -> Outcome {
        let leader = self.leader().await;
        self.node(leader).raft().client_write(command).await.unwrap().response().clone()
    }

    fn secret(
        &self,
        secret: &'static str,
    ) -> impl Fn(Builder) -> Builder + Send + std::marker::Sync + 'static {
        let network = self.network.clone();
        move |builder| builder.token(SharedSecret::new(secret)).dial_with(network.dialer(GUEST))
    }

    pub(crate) fn client(&self) -> Client {
        Client::guest(self.names(), self.secret("of clients"))
    }

    pub(crate) fn operator(&self) -> Client {
        Client::guest(self.names(), self.secret("of operators")).with_timeout(PATIENCE)
    }

    /// A connection of a client to one node. It ends with the guest.
    pub(crate) async fn connect(&self, at: usize) -> (Guest, Connection) {
        let guest = Guest::builder(self.name(at)).configure(self.secret("of clients"));
        let guest = guest.connect().await.unwrap();
        let connection = guest.connection();
        (guest, connection)
    }

    pub(crate) async fn end(self) {
        for node in self.nodes.into_iter().flatten() {
            node.stop().await;
        }
    }
}

/// Nodes whose files are these.
pub(crate) async fn on_files(size: usize, files: Vec<Arc<dyn Files>>) -> Cluster {
    let place = |settings: &Settings| {
        settings.peers.iter().position(|peer| peer.name == settings.name).unwrap()
    };
    Cluster::configured(size, move |settings| {
        let files = files.get(place(&settings)).cloned().unwrap_or_else(|| Arc::new(OsFiles));
        Settings { files, sync: Sync::Always, ..settings }
    })
    .await
}
