//! [`Reports`]: the memberships that other nodes of a group report, so that a node whose log is behind learns of members that its log
//! lacks.

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt as _};
use grid::{Manager, RemoteError, Responses};
use openraft::RaftTypeConfig;

use crate::wire::{Memberships, WireClient, decode};

/// Pause before a node is asked again that has not answered, or has answered to the end: its raft is not started, or it is an older
/// program without this method.
const PAUSE: Duration = Duration::from_secs(1);

/// The longest wait for a link before the manager is asked again for the connection: that to a node that was removed is of no use any
/// more, also if the node is added again.
const LINK_WAIT_MAX: Duration = Duration::from_secs(60);

/// The memberships that the nodes of one group report. Nothing happens unless it is polled.
pub(crate) struct Reports<C: RaftTypeConfig> {
    manager: Manager,
    path: Arc<str>,
    nodes: BTreeMap<String, Node<C>>,
}

/// A node that is asked.
struct Node<C: RaftTypeConfig> {
    answers: BoxStream<'static, Memberships<C>>,
    /// The last answer. It stays while the link is down.
    last: Option<Memberships<C>>,
}

impl<C: RaftTypeConfig> Reports<C> {
    pub(crate) fn new(manager: &Manager, path: &Arc<str>) -> Self {
        Self { manager: manager.clone(), path: Arc::clone(path), nodes: BTreeMap::new() }
    }

    /// Asks these nodes, and no others: reports of others are dropped.
    pub(crate) fn ask(&mut self, hosts: &BTreeSet<String>) {
        self.nodes.retain(|host, _| hosts.contains(host));
        for host in hosts.iter().filter(|host| ***host != *self.manager.name()) {
            if !self.nodes.contains_key(host) {
                let (manager, path) = (self.manager.clone(), Arc::clone(&self.path));
                let asked = Asked { manager, path, host: host.clone(), answers: None };
                self.nodes.insert(host.clone(), Node { answers: asked.answers(), last: None });
            }
        }
    }

    /// The last answers, with the nodes that have given them.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&String, &Memberships<C>)> {
        self.nodes.iter().filter_map(|(host, node)| Some((host, node.last.as_ref()?)))
    }

    /// Waits for the next answers.
    ///
    /// Cancel safe.
    pub(crate) async fn changed(&mut self) {
        poll_fn(|cx| {
            let mut is_changed = false;
            for node in self.nodes.values_mut() {
                // One of each node: a node that reports without a pause must not hold up the others.
                if let Poll::Ready(Some(answer)) = node.answers.poll_next_unpin(cx) {
                    node.last = Some(answer);
                    is_changed = true;
                }
            }
            if is_changed { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

/// A node, and its open answer if there is one.
struct Asked {
    manager: Manager,
    path: Arc<str>,
    host: String,
    answers: Option<Responses<grid::Raw, RemoteError>>,
}

impl Asked {
    /// Its answers, for ever.
    fn answers<C: RaftTypeConfig>(self) -> BoxStream<'static, Memberships<C>> {
        let next = |mut asked: Self| async { Some((asked.next().await, asked)) };
        stream::unfold(self, next).boxed()
    }

    async fn next<C: RaftTypeConfig>(&mut self) -> Memberships<C> {
        loop {
            if let Some(answers) = &mut self.answers
                && let Some(Ok(answer)) = answers.next().await
                && let Ok(memberships) = decode(&answer)
            {
                return memberships;
            }
            if self.answers.take().is_some() {
                tokio::time::sleep(PAUSE).await;
            }
            self.answers = self.open().await;
            if self.answers.is_none() {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    async fn open(&self) -> Option<Responses<grid::Raw, RemoteError>> {
        // Not on the list of the grid yet, perhaps.
        let connection = self.manager.connection(&self.host).ok()?;
        connection.wait_connected(LINK_WAIT_MAX).await.ok()?;
        WireClient::new(connection).subroute(&self.path).memberships().await.ok()
    }
}
