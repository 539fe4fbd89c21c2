//! [`TestGridBuilder`]: configures and starts the nodes of a test.

use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use super::call_log::CallLog;
use super::grid::{Configure, Slot, TestGrid};
use super::network::Network;
use crate::net::{Builder, WallClock};

/// How long assertions wait if the test does not say: several attempts to connect, and pings.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Configures the nodes of a test; [`start`](Self::start) starts them. From [`TestGrid::builder`].
#[must_use = "the nodes are started by `start`"]
pub struct TestGridBuilder {
    names: Vec<String>,
    configure: Configure,
    is_on_loopback: bool,
    calls: Option<CallLog>,
    assertion_timeout: Duration,
    seed: u64,
}

impl TestGrid {
    /// Configures a grid of this many nodes, `http://node1:9000`, `http://node2:9000` and so on.
    ///
    /// # Panics
    /// If there are no nodes.
    #[track_caller]
    pub fn builder(nodes: usize) -> TestGridBuilder {
        Self::named((1..=nodes).map(|number| format!("http://node{number}:9000")))
    }

    /// Configures a grid of nodes with these names. With `https://`, the nodes need `Builder::tls`.
    ///
    /// # Panics
    /// If there are no nodes.
    #[track_caller]
    pub fn named<N: Into<String>>(names: impl IntoIterator<Item = N>) -> TestGridBuilder {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        assert!(!names.is_empty(), "a grid of no nodes: it needs at least one");
        TestGridBuilder {
            names,
            configure: Box::new(|_, builder| builder),
            is_on_loopback: false,
            calls: None,
            assertion_timeout: TIMEOUT,
            seed: 0,
        }
    }
}

impl TestGridBuilder {
    /// Configures each node, given its index, as in production: services, interceptors, settings, authenticator. Called when a
    /// node is started and when it is restarted. Default: no services.
    ///
    /// The builder has the host list and [`NoAuth`](crate::NoAuth). A dialer that is set here is not used: the network of the
    /// grid opens all connections.
    pub fn configure(
        self,
        configure: impl Fn(usize, Builder) -> Builder + Send + Sync + 'static,
    ) -> Self {
        Self { configure: Box::new(configure), ..self }
    }

    /// Connects the nodes over TCP on the loopback interface, on ports that are free, instead of in memory.
    ///
    /// All faults work there as well. The clock of the test must not be paused: it does not wait for sockets.
    pub fn on_loopback(self) -> Self {
        Self { is_on_loopback: true, ..self }
    }

    /// Records the calls of all nodes.
    pub fn record(self, calls: &CallLog) -> Self {
        Self { calls: Some(calls.clone()), ..self }
    }

    /// How long assertions such as [`TestGrid::all_connected`] wait. Default: 30 seconds.
    pub fn assertion_timeout(self, timeout: Duration) -> Self {
        Self { assertion_timeout: timeout, ..self }
    }

    /// Decides what [`TestGrid::loss`] loses. Default: 0.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Starts all nodes. They connect in the background; [`TestGrid::all_connected`] waits for that.
    ///
    /// # Panics
    /// Outside a tokio runtime, or if a node cannot be built: the text names it and the reason.
    #[track_caller]
    pub fn start(self) -> TestGrid {
        let Self { names, configure, is_on_loopback, calls, assertion_timeout, seed } = self;
        let grid = TestGrid {
            network: Network::with_seed(seed),
            is_on_loopback,
            configure,
            calls,
            assertion_timeout,
            clocks: names.iter().map(|_| WallClock::default()).collect(),
            slots: Mutex::new(names.iter().map(|_| Slot::Down("was not started")).collect()),
            names,
        };
        (0..grid.size()).for_each(|node| grid.start(node));
        grid
    }
}

impl fmt::Debug for TestGridBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestGridBuilder").field("nodes", &self.names).finish_non_exhaustive()
    }
}
