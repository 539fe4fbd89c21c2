//! An in-memory network: connects nodes without sockets, in virtual time.
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use grid::{Builder, Dial, Dialing, Io, Manager};
use tokio::io::duplex;
use tokio::task::AbortHandle;

/// Bytes that a connection holds in each direction.
const PIPE_BYTES: usize = 64 * 1024;

/// One connection: the task that copies its bytes, and the ends that it copies between.
struct Wire {
    task: AbortHandle,
    frozen: tokio::sync::watch::Sender<bool>,
}

/// Connections between nodes, which are found by name.
#[derive(Clone, Default)]
pub(crate) struct Network {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    nodes: HashMap<String, Manager>,
    /// The open connections.
    wires: Vec<Wire>,
    /// Number of attempts to dial so far.
    dialed: usize,
}

impl Network {
    /// Returns the builder of a node in this network.
    pub(crate) fn node(&self, name: &str, hosts: &[&str]) -> Builder {
        Manager::builder(name).hosts(hosts.iter().copied()).dial_with(self.clone())
    }

    /// Makes a node reachable.
    pub(crate) fn attach(&self, manager: &Manager) {
        self.attach_as(manager.name(), manager);
    }

    /// Makes a node answer at the address of another one.
    pub(crate) fn attach_as(&self, name: &str, manager: &Manager) {
        self.inner.lock().unwrap().nodes.insert(name.to_owned(), manager.clone());
    }

    /// Makes a node unreachable. Open connections stay.
    pub(crate) fn detach(&self, name: &str) {
        self.inner.lock().unwrap().nodes.remove(name);
    }

    /// Cuts all open connections.
    pub(crate) fn cut(&self) {
        self.inner.lock().unwrap().wires.drain(..).for_each(|wire| wire.task.abort());
    }

    /// Stops all open connections from carrying bytes, without closing them.
    pub(crate) fn freeze(&self) {
        self.inner.lock().unwrap().wires.iter().for_each(|wire| {
            wire.frozen.send_replace(true);
        });
    }

    pub(crate) fn dialed(&self) -> usize {
        self.inner.lock().unwrap().dialed
    }
}

impl Dial for Network {
    fn dial<'a>(&'a self, name: &'a str) -> Dialing<'a> {
        Box::pin(async move {
            let mut inner = self.inner.lock().unwrap();
            inner.dialed += 1;
            let node = inner
                .nodes
                .get(name)
                .cloned()
                .ok_or_else(|| io::Error::other(format!("no route to {name}")))?;
            let (near, mut near_end) = duplex(PIPE_BYTES);
            let (mut far_end, far) = duplex(PIPE_BYTES);
            let (frozen, mut freeze) = tokio::sync::watch::channel(false);
            let task = tokio::spawn(async move {
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut near_end, &mut far_end) => {}
                    () = async { drop(freeze.wait_for(|frozen| *frozen).await) } => std::future::pending().await,
                }
            });
            inner.wires.push(Wire { task: task.abort_handle(), frozen });
            tokio::spawn(async move {
                let _ = node.accept(far).await;
            });
            Ok(Box::new(near) as Box<dyn Io>)
        })
    }
}

pub(crate) const A: &str = "http://a:1";
pub(crate) const B: &str = "http://b:1";

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
