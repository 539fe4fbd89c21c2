//! Whether a node reaches the leader, and the others.

use std::time::Duration;

use futures_util::future::join_all;
use openraft::Instant as _;
use openraft::async_runtime::watch::WatchReceiver as _;

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
    /// Waits until the node has a link to each other member that it knows, for up to `within`. Returns whether it has.
    ///
    /// A rolling restart has to wait for that before it ends the next node. A restarted node hears from the leader as soon as those
    /// two are connected, but a link that the other side dials may take two seconds more. If the leader ended before, the rest would
    /// be a majority without links to each other, and no write would be acknowledged until they are connected.
    ///
    /// # Cancel safety
    /// Dropping the future has no effect.
    pub async fn wait_linked(&self, within: Duration) -> bool {
        let waiting = self.manager.connections();
        let waiting = waiting.map(|link| async move { link.wait_connected(within).await.is_ok() });
        join_all(waiting).await.into_iter().all(|is_linked| is_linked)
    }
}
