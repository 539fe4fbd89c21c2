//! [`TestGrid`]: several nodes of one process, their faults, and their restarts. setup.rs starts it.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{Ipv4Addr, TcpListener as StdListener};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;

use super::call_log::CallLog;
use super::network::Network;
use crate::auth::NoAuth;
use crate::net::{Builder, Connection, Manager, Skew, WallClock};

/// How long a node that is restarted while it runs may finish its calls.
const RESTART_GRACE: Duration = Duration::from_secs(10);

/// What configures the nodes, from their indices.
pub(super) type Configure = Box<dyn Fn(usize, Builder) -> Builder + Send + Sync>;

/// Several nodes inside a test, connected by a network whose faults the test decides. From [`TestGrid::builder`].
///
/// Nodes are named `http://node1:9000`, `http://node2:9000` and so on; methods take their indices, from 0 on. They are the
/// nodes of production: everything but the byte streams between them is real. Faults take effect at once and last until they
/// are healed. On a current-thread runtime, those that are set before the test waits for the first time are there from the
/// beginning.
///
/// When it is dropped, its nodes end, unless the test has other handles of them.
///
/// ```
/// use grid::CallError;
/// use grid::testing::TestGrid;
///
/// #[grid::service]
/// trait Clock {
///     async fn now(&self) -> u64;
/// }
///
/// struct Fixed(u64);
///
/// impl Clock for Fixed {
///     async fn now(&self) -> u64 {
///         self.0
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// // In a test: #[tokio::test(start_paused = true)]
/// let grid = TestGrid::builder(3)
///     .configure(|node, builder| builder.service(ClockServer::new(Fixed(node as u64))))
///     .start();
/// grid.all_connected().await;
/// let clock = ClockClient::new(grid.connection(0, 1));
/// assert_eq!(clock.now().await.unwrap(), 1);
///
/// grid.cut(0, 1);
/// // The connection is lost when its task has run.
/// grid.disconnected(0, 1).await;
/// assert!(matches!(clock.now().await, Err(CallError::Disconnected { .. })));
///
/// grid.heal(0, 1);
/// assert_eq!(clock.now().wait_connected().await.unwrap(), 1);
/// grid.nothing_in_flight().await;
/// # }
/// ```
pub struct TestGrid {
    pub(super) names: Vec<String>,
    pub(super) network: Network,
    pub(super) is_on_loopback: bool,
    pub(super) configure: Configure,
    pub(super) calls: Option<CallLog>,
    pub(super) assertion_timeout: Duration,
    /// The clocks of the nodes, which outlive their restarts.
    pub(super) clocks: Vec<WallClock>,
    pub(super) slots: Mutex<Vec<Slot>>,
}

/// Whether a node runs.
#[derive(Debug)]
pub(super) enum Slot {
    Running(Manager),
    /// Why it does not.
    Down(&'static str),
}

impl TestGrid {
    /// Number of nodes, whether or not they run.
    pub fn size(&self) -> usize {
        self.names.len()
    }

    /// The name of a node.
    ///
    /// # Panics
    /// If there is no such node, like all methods that take one.
    #[track_caller]
    pub fn name(&self, node: usize) -> &str {
        self.names.get(node).unwrap_or_else(|| {
            let last = self.names.len() - 1;
            panic!("there is no node {node}: the nodes of this grid are 0 to {last}")
        })
    }

    /// The network of the nodes, for nodes and guests that the test builds itself.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// A running node. A clone that is kept keeps it running when the grid is dropped.
    ///
    /// # Panics
    /// If the node was killed or shut down.
    #[track_caller]
    pub fn node(&self, node: usize) -> Manager {
        let name = self.name(node);
        let why = match &self.slots()[node] {
            Slot::Running(manager) => return manager.clone(),
            Slot::Down(why) => *why,
        };
        panic!("{name} does not run, it {why}: `restart({node})` starts it again");
    }

    /// The connection of one node to another one, or to itself, for a client: `StoreClient::new(grid.connection(0, 1))`. It
    /// stays the same when `to` is restarted, but not when `from` is.
    ///
    /// # Panics
    /// If `from` does not run, or `to` is not on its host list.
    #[track_caller]
    pub fn connection(&self, from: usize, to: usize) -> Connection {
        match self.node(from).connection(self.name(to)) {
            Ok(connection) => connection,
            Err(error) => panic!("no connection from node {from} to node {to}: {error}"),
        }
    }

    /// Ends the connections between two nodes, and lets new ones fail until [`heal`](Self::heal).
    ///
    /// # Panics
    /// If both are the same node, like all methods that take two.
    #[track_caller]
    pub fn cut(&self, a: usize, b: usize) {
        let (a, b) = self.pair(a, b);
        self.network.cut(a, b);
    }

    /// Ends the connections between two nodes that are open now. They dial again.
    #[track_caller]
    pub fn reset(&self, a: usize, b: usize) {
        let (a, b) = self.pair(a, b);
        self.network.reset(a, b);
    }

    /// [Cuts](Self::cut) a node off from all others.
    #[track_caller]
    pub fn isolate(&self, node: usize) {
        self.partition([node]);
    }

    /// [Cuts](Self::cut) these nodes off from all others. Nodes on one side still reach each other.
    #[track_caller]
    pub fn partition(&self, side: impl IntoIterator<Item = usize>) {
        let side: BTreeSet<usize> = side.into_iter().collect();
        for &one in &side {
            // Also where there is no other one.
            self.name(one);
            for other in (0..self.size()).filter(|other| !side.contains(other)) {
                self.cut(one, other);
            }
        }
    }

    /// Stops carrying anything between two nodes until [`heal`](Self::heal), without closing their connections: see
    /// [`Network::freeze`].
    #[track_caller]
    pub fn freeze(&self, a: usize, b: usize) {
        let (a, b) = self.pair(a, b);
        self.network.freeze(a, b);
    }

    /// Stops carrying what `from` sends to `to`, but not what `to` sends: see [`Network::freeze_one_way`].
    #[track_caller]
    pub fn freeze_one_way(&self, from: usize, to: usize) {
        let (from, to) = self.pair(from, to);
        self.network.freeze_one_way(from, to);
    }

    /// Stops carrying anything on the connections between two nodes that are open now; new ones work: see
    /// [`Network::freeze_open`].
    #[track_caller]
    pub fn freeze_open(&self, a: usize, b: usize) {
        let (a, b) = self.pair(a, b);
        self.network.freeze_open(a, b);
    }

    /// Carries at most this many bytes per second on each connection between two nodes, in each direction: see
    /// [`Network::bandwidth`].
    ///
    /// # Panics
    /// If it is 0.
    #[track_caller]
    pub fn bandwidth(&self, a: usize, b: usize, bytes_per_second: u32) {
        let (a, b) = self.pair(a, b);
        self.network.bandwidth(a, b, bytes_per_second);
    }

    /// Delays everything between two nodes by this much, in each direction: see [`Network::delay`].
    #[track_caller]
    pub fn delay(&self, a: usize, b: usize, delay: Duration) {
        let (a, b) = self.pair(a, b);
        self.network.delay(a, b, delay);
    }

    /// Loses this share of what is sent between two nodes, from 0 to less than 1. A loss is a stall, because nodes use reliable
    /// byte streams: see [`Network::loss`].
    ///
    /// # Panics
    /// If `ratio` is not in that range.
    #[track_caller]
    pub fn loss(&self, a: usize, b: usize, ratio: f64) {
        let (a, b) = self.pair(a, b);
        self.network.loss(a, b, ratio);
    }

    /// Ends all faults between two nodes: cuts, frozen connections, delays, limits of the bandwidth and losses. Connections that were ended stay closed;
    /// the nodes dial again by themselves, within two seconds.
    #[track_caller]
    pub fn heal(&self, a: usize, b: usize) {
        let (a, b) = self.pair(a, b);
        self.network.heal(a, b);
    }

    /// Ends all faults of the network. Clocks stay [skewed](Self::skew).
    pub fn heal_all(&self) {
        self.network.heal_all();
    }

    /// Sets the clock of a node apart from the others. It keeps that when it is restarted.
    ///
    /// Handshakes and tokens state and check this time, so it concerns connections that are made after this;
    /// [`reset`](Self::reset) makes new ones. Validity periods of certificates and JSON Web Tokens are checked against the
    /// system's clock. Timeouts follow tokio's.
    #[track_caller]
    pub fn skew(&self, node: usize, skew: Skew) {
        self.name(node);
        self.clocks[node].set(skew);
    }

    /// Ends a node as a crash does: its handlers end at once, nothing is sent any more, and its peers notice only that their
    /// connections are gone. Has no effect on a node that does not run.
    ///
    /// [`shutdown`](Self::shutdown) ends one with all that belongs to it.
    #[track_caller]
    pub fn kill(&self, node: usize) {
        let name = self.name(node);
        let before = std::mem::replace(&mut self.slots()[node], Slot::Down("was killed"));
        self.network.detach(name);
        // First: what the node sends when it ends must not arrive.
        self.network.reset_node(name);
        match before {
            Slot::Running(manager) => manager.kill(),
            down @ Slot::Down(_) => self.slots()[node] = down,
        }
    }

    /// Shuts a node down with this grace, as [`Manager::shutdown`] does. Has no effect on a node that does not run.
    ///
    /// # Cancel safety
    /// As for [`Manager::shutdown`]; the node then counts as running.
    pub async fn shutdown(&self, node: usize, grace: Duration) {
        let name = self.name(node);
        let manager = match &self.slots()[node] {
            Slot::Running(manager) => manager.clone(),
            Slot::Down(_) => return,
        };
        manager.shutdown(grace).await;
        let mut slots = self.slots();
        // It may have been killed and restarted meanwhile.
        if matches!(&slots[node], Slot::Running(now) if now.instance() == manager.instance()) {
            slots[node] = Slot::Down("was shut down");
            drop(slots);
            self.network.detach(name);
        }
    }

    /// Starts a node again, as a new process with the same name: what configures the nodes is called again. One that still runs
    /// is shut down first, with a grace of 10 seconds.
    ///
    /// The other nodes connect to it by themselves; [`all_connected`](Self::all_connected) waits for that.
    ///
    /// # Panics
    /// If the node cannot be built.
    ///
    /// # Cancel safety
    /// As for [`Manager::shutdown`], while a node that still runs is shut down.
    pub async fn restart(&self, node: usize) {
        self.shutdown(node, RESTART_GRACE).await;
        self.start(node);
    }

    /// Starts a node.
    #[track_caller]
    pub(super) fn start(&self, node: usize) {
        let name = self.name(node);
        let builder = Manager::builder(name).hosts(self.names.iter().cloned()).token(NoAuth);
        let builder = match &self.calls {
            // The first ones see the final outcome.
            Some(calls) => builder.intercept(calls.clone()).intercept_calls(calls.clone()),
            None => builder,
        };
        let builder = (self.configure)(node, builder)
            .within_test(self.clocks[node].clone(), self.network.dialer(name));
        let manager = match builder.build() {
            Ok(manager) => manager,
            Err(error) => panic!("cannot build node {node}, {name}: {error}"),
        };
        match self.is_on_loopback {
            false => self.network.attach(&manager),
            true => self.listen(&manager),
        }
        self.slots()[node] = Slot::Running(manager);
    }

    /// Lets a node listen on a port of the loopback interface that is free.
    #[track_caller]
    fn listen(&self, manager: &Manager) {
        let bind = || {
            let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            listener.set_nonblocking(true)?;
            Ok::<_, std::io::Error>((listener.local_addr()?, TcpListener::from_std(listener)?))
        };
        match bind() {
            Ok((address, listener)) => {
                self.network.attach_at(manager.name(), address);
                // It ends with the node.
                tokio::spawn(manager.serve(listener));
            }
            Err(error) => {
                panic!("{} cannot listen on the loopback interface: {error}", manager.name())
            }
        }
    }

    pub(super) fn slots(&self) -> MutexGuard<'_, Vec<Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The names of two nodes.
    #[track_caller]
    fn pair(&self, a: usize, b: usize) -> (&str, &str) {
        let names = (self.name(a), self.name(b));
        assert!(a != b, "there is no network between {} and itself", names.0);
        names
    }
}

impl fmt::Debug for TestGrid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestGrid").field("nodes", &self.names).finish_non_exhaustive()
    }
}
