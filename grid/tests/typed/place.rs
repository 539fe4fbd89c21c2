//! Where a service is served: the same test runs in each place.

use std::ops::Deref;
use std::time::Duration;

use grid::__private::in_process;
use grid::{Connection, Manager, Service};

use crate::service::{DiskClient, DiskServer, Fake};
use crate::support::{A, B, Network};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In this process, without a node.
    InProcess,
    /// On the node that calls.
    Loopback,
    /// On another node.
    Remote,
}

/// A client of a service, and the nodes that must be kept alive for it.
pub(crate) struct At<C> {
    client: C,
    _nodes: Vec<Manager>,
}

impl<C> Deref for At<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.client
    }
}

impl Place {
    /// Serves a service and creates a client of it.
    pub(crate) async fn serve<C>(
        self,
        service: impl Service,
        client: impl FnOnce(Connection) -> C,
    ) -> At<C> {
        let network = Network::default();
        let node = |name| network.node(name, &[A, B]);
        let (connection, nodes) = match self {
            Self::InProcess => (in_process(service), Vec::new()),
            Self::Loopback => {
                let node = node(A).service(service).build().unwrap();
                (node.connection(A).unwrap(), vec![node])
            }
            Self::Remote => {
                let nodes =
                    vec![node(A).build().unwrap(), node(B).service(service).build().unwrap()];
                nodes.iter().for_each(|node| network.attach(node));
                (nodes[0].connection(B).unwrap(), nodes)
            }
        };
        connection.wait_connected(Duration::from_secs(5)).await.unwrap();
        At { client: client(connection), _nodes: nodes }
    }

    /// Serves these disks.
    pub(crate) async fn serve_fake(self, fake: Fake) -> At<DiskClient> {
        self.serve(DiskServer::new(fake), DiskClient::new).await
    }

    /// Serves disks with two names.
    pub(crate) async fn disk(self) -> At<DiskClient> {
        let names = vec!["a".into(), "b".into()];
        self.serve_fake(Fake { names, ..Fake::default() }).await
    }
}

/// Creates three tests from each function that takes a [`Place`].
macro_rules! everywhere {
    ($($test:ident),+ $(,)?) => {
        $(mod $test {
            use crate::place::Place;

            #[tokio::test(start_paused = true)]
            async fn in_process() {
                super::$test(Place::InProcess).await;
            }

            #[tokio::test(start_paused = true)]
            async fn loopback() {
                super::$test(Place::Loopback).await;
            }

            #[tokio::test(start_paused = true)]
            async fn remote() {
                super::$test(Place::Remote).await;
            }
        })+
    };
}
pub(crate) use everywhere;
