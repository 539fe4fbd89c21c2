//! Nodes that serve locks in an in-memory network, and lock tables with random delays.

use std::time::Duration;

use grid::{Context, Manager};
use grid_examples::locks::{LockTable, Locks, LocksServer, Timing, Uid};
use tokio::time::sleep;

use crate::support::Network;
use crate::{HOSTS, SECOND};

/// A lock table with random delays: requests take effect on the nodes in different orders, and a release may overtake
/// the request that it undoes, which leaves an entry that has to expire.
pub(crate) struct Slow(pub(crate) LockTable);

async fn random_delay() {
    sleep(Duration::from_micros(rand::random_range(0..5000))).await;
}

impl Locks for Slow {
    async fn lock(&self, cx: &Context, resource: String, uid: Uid) -> bool {
        random_delay().await;
        self.0.lock(cx, resource, uid).await
    }

    async fn rlock(&self, cx: &Context, resource: String, uid: Uid) -> bool {
        random_delay().await;
        self.0.rlock(cx, resource, uid).await
    }

    async fn unlock(&self, resource: String, uid: Uid) -> bool {
        random_delay().await;
        self.0.unlock(resource, uid).await
    }

    async fn runlock(&self, resource: String, uid: Uid) -> bool {
        random_delay().await;
        self.0.runlock(resource, uid).await
    }

    async fn refresh(&self, resource: String, uid: Uid) -> bool {
        self.0.refresh(resource, uid).await
    }

    async fn force_unlock(&self, resource: String) -> bool {
        self.0.force_unlock(resource).await
    }
}

/// Starts this many connected nodes.
pub(crate) async fn grid(count: usize) -> (Network, Vec<Manager>) {
    grid_of(count, |table| table).await
}

pub(crate) async fn grid_of<L: Locks>(
    count: usize,
    serve: impl Fn(LockTable) -> L,
) -> (Network, Vec<Manager>) {
    let network = Network::default();
    let hosts = &HOSTS[..count];
    let start = |name: &&str| {
        let service = LocksServer::new(serve(LockTable::new(&Timing::default())));
        let manager =
            network.node(name, hosts).service(service).build().expect("a valid configuration");
        network.attach(&manager);
        manager
    };
    let nodes: Vec<_> = hosts.iter().map(start).collect();
    for node in &nodes {
        for host in hosts {
            let connection = node.connection(host).expect("the host is in the list");
            connection.wait_connected(10 * SECOND).await.expect("all nodes are in the network");
        }
    }
    (network, nodes)
}
