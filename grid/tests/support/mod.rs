//! Nodes for tests of one link, over the in-memory network of `grid::testing`.
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use grid::{BuildError, Builder, Connection, Dial, Dialing, Io, Manager, Service, testing};
use tokio::io::DuplexStream;

/// All extensions that this library knows, by name. First used inside a runtime.
pub(crate) static EXTENSIONS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let Err(BuildError::UnknownExtension { known, .. }) =
        Manager::builder(A).extensions(["?"]).build()
    else {
        panic!("the error lists them");
    };
    known.into_iter().map(|name| &*name.leak()).collect()
});

/// All extensions but `windows`: streams have credits.
pub(crate) fn without_windows() -> impl Iterator<Item = &'static str> {
    EXTENSIONS.iter().copied().filter(|name| *name != "windows")
}

/// Connections between nodes, which are found by name: that of `grid::testing`, which also keeps the nodes alive.
#[derive(Clone)]
pub(crate) struct Network {
    inner: testing::Network,
    /// For what dials without saying which node it is.
    dialer: testing::NetworkDial,
    nodes: Arc<Mutex<HashMap<String, Manager>>>,
}

impl Default for Network {
    fn default() -> Self {
        let inner = testing::Network::new();
        Self { dialer: inner.dialer("someone"), inner, nodes: Arc::default() }
    }
}

impl Network {
    /// Returns the builder of a node in this network.
    pub(crate) fn node(&self, name: &str, hosts: &[&str]) -> Builder {
        Manager::builder(name)
            .hosts(hosts.iter().copied())
            .token(grid::NoAuth)
            .dial_with(self.inner.dialer(name))
    }

    /// Makes a node reachable.
    pub(crate) fn attach(&self, manager: &Manager) {
        self.attach_as(manager.name(), manager);
    }

    /// Makes a node answer at the address of another one.
    pub(crate) fn attach_as(&self, name: &str, manager: &Manager) {
        self.inner.attach_as(name, manager);
        self.nodes.lock().unwrap().insert(name.to_owned(), manager.clone());
    }

    /// Makes a node unreachable. Open connections stay.
    pub(crate) fn detach(&self, name: &str) {
        self.inner.detach(name);
        self.nodes.lock().unwrap().remove(name);
    }

    /// Does not keep a node alive any more. It stays reachable.
    pub(crate) fn release(&self, name: &str) {
        self.nodes.lock().unwrap().remove(name);
    }

    /// Cuts all open connections.
    pub(crate) fn cut(&self) {
        self.inner.reset_all();
    }

    /// Stops all open connections from carrying bytes, without closing them.
    pub(crate) fn freeze(&self) {
        self.inner.freeze_all_open();
    }

    pub(crate) fn dialed(&self) -> usize {
        self.inner.dialed()
    }
}

impl Dial for Network {
    fn dial<'a>(&'a self, name: &'a str) -> Dialing<'a> {
        self.dialer.dial(name)
    }
}

/// Dials one stream that was opened before.
pub(crate) struct Once(Mutex<Option<DuplexStream>>);

impl Once {
    pub(crate) fn new(stream: DuplexStream) -> Self {
        Self(Mutex::new(Some(stream)))
    }
}

impl Dial for Once {
    fn dial<'a>(&'a self, _: &'a str) -> Dialing<'a> {
        let stream = self.0.lock().unwrap().take();
        Box::pin(async move {
            let stream = stream.ok_or_else(|| io::Error::other("only once"))?;
            Ok(Box::new(stream) as Box<dyn Io>)
        })
    }
}

pub(crate) const A: &str = "http://a:1";
pub(crate) const B: &str = "http://b:1";

/// The names of two nodes: the one that dials, and the one that is dialed.
pub(crate) fn sides() -> (&'static str, &'static str) {
    if grid::dials(A, B) { (A, B) } else { (B, A) }
}

/// A connection to a node with this service.
pub(crate) async fn serving(service: impl Service) -> (Connection, (Network, Manager, Manager)) {
    let network = Network::default();
    let a = network.node(A, &[A, B]).build().unwrap();
    network.attach(&a);
    let b = network.node(B, &[A, B]).service(service).build().unwrap();
    network.attach(&b);
    let connection = a.connection(B).unwrap();
    connection.wait_connected(Duration::from_secs(5)).await.unwrap();
    (connection, (network, a, b))
}

/// Two connected nodes, each configured by `configure`.
pub(crate) async fn pair(configure: impl Fn(Builder) -> Builder) -> (Network, Manager, Manager) {
    let network = Network::default();
    let nodes = [A, B].map(|name| {
        let manager =
            configure(network.node(name, &[A, B])).build().expect("a valid configuration");
        network.attach(&manager);
        manager
    });
    let [a, b] = nodes;
    for (manager, peer) in [(&a, B), (&b, A)] {
        manager
            .connection(peer)
            .unwrap()
            .wait_connected(Duration::from_secs(5))
            .await
            .expect("connected");
    }
    (network, a, b)
}
