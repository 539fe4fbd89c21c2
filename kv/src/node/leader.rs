//! Whether a node reaches the leader, and the others.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use openraft::Instant as _;
use openraft::async_runtime::watch::WatchReceiver as _;
use tokio::time::{sleep, timeout};

use super::Node;

/// Why [`Node::leader`] has no leader to return.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoLeader {
    /// No leader is known: none was elected yet, or an election is going on.
    #[error("no leader is known: most members must run and reach each other")]
    Unknown,
    /// This node leads, and may have been deposed.
    #[error(
        "this node leads, and no majority has answered within {within:?}: most members must run and reach each other"
    )]
    #[non_exhaustive]
    NoMajority {
        /// The limit: twice the timeout of an election.
        within: Duration,
    },
    /// Another node was the leader when it was last heard of.
    #[error("the leader was {leader}, and there is no link to {name}: {state}")]
    #[non_exhaustive]
    NoLink {
        /// Its id.
        leader: u64,
        /// Its name.
        name: String,
        /// The state of the link.
        state: String,
    },
}

/// [`Node::wait_linked`] has waited for too long.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no link to {} within {within:?}", names.join(", "))]
#[non_exhaustive]
pub struct NotLinked {
    /// Names of the members without a link.
    pub names: Vec<String>,
    /// The limit.
    pub within: Duration,
}

/// From one look at the links to the next.
const LOOK: Duration = Duration::from_millis(20);

impl Node {
    /// The id of the leader, if this node is the leader and a majority follows it, or else if it has a link to the leader.
    ///
    /// openraft's `current_leader` is not enough: without a majority, nodes keep the id of the last leader.
    ///
    /// # Errors
    /// [`NoLeader`] says what is missing.
    pub fn leader(&self) -> Result<u64, NoLeader> {
        let metrics = self.raft.metrics().borrow_watched().clone();
        let leader = metrics.current_leader.ok_or(NoLeader::Unknown)?;
        let members = metrics.membership_config.membership();
        if leader == metrics.id {
            let within = Duration::from_millis(self.raft.config().election_timeout_max);
            let is_recent = metrics.last_quorum_acked.is_some_and(|acked| acked.elapsed() < within);
            // It acknowledges by itself, and that is not counted.
            let is_alone = members.voter_ids().all(|voter| voter == leader);
            return if is_recent || is_alone {
                Ok(leader)
            } else {
                Err(NoLeader::NoMajority { within })
            };
        }
        let name = members.get_node(&leader).map(|node| node.addr.clone()).unwrap_or_default();
        let state = match self.manager.connection(&name) {
            Ok(connection) if connection.state().is_connected() => return Ok(leader),
            Ok(connection) => connection.state().to_string(),
            Err(unknown) => unknown.to_string(),
        };
        Err(NoLeader::NoLink { leader, name, state })
    }

    /// Waits until the node has a link to each other member that its log knows, and to each node that it connects to, for up to `within`.
    ///
    /// A rolling restart has to wait for that before it ends the next node. A restarted node hears from the leader as soon as those
    /// two are connected, but a link that the other side dials may take two seconds more. If the leader ended before, the rest would
    /// be a majority without links to each other, and no write would be acknowledged until they are connected.
    ///
    /// # Errors
    /// [`NotLinked`] names the members without a link.
    ///
    /// # Cancel safety
    /// Dropping the future has no effect.
    pub async fn wait_linked(&self, within: Duration) -> Result<(), NotLinked> {
        let linked = async {
            while !self.not_linked().is_empty() {
                sleep(LOOK).await;
            }
        };
        match timeout(within, linked).await {
            Ok(()) => Ok(()),
            Err(_) => Err(NotLinked { names: self.not_linked().into_iter().collect(), within }),
        }
    }

    /// Members may be added meanwhile, also to the nodes that the manager connects to. A node that joins has no members in its log.
    fn not_linked(&self) -> BTreeSet<String> {
        let metrics = self.raft.metrics().borrow_watched().clone();
        let members = metrics.membership_config.membership().nodes();
        let others = members.filter(|(id, _)| **id != metrics.id).map(|(_, node)| &node.addr);
        let connected: BTreeMap<_, _> = self
            .manager
            .connections()
            .map(|link| (link.peer().to_owned(), link.state().is_connected()))
            .collect();
        let is_linked = |name: &&String| connected.get(*name).is_some_and(|connected| *connected);
        let all: BTreeSet<_> = others.chain(connected.keys()).collect();
        all.into_iter().filter(|name| !is_linked(name)).cloned().collect()
    }
}
