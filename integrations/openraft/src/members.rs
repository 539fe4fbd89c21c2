//! [`RaftMembers`]: the members of groups become the members of the grid.

use std::collections::BTreeSet;
use std::fmt;
use std::future::pending;

use futures_util::future::select_all;
use grid::{MemberSource, NextMembers};
use openraft::async_runtime::watch::WatchReceiver as _;
use openraft::base::BoxFuture;
use openraft::metrics::RaftServerMetrics;
use openraft::storage::RaftStateMachine;
use openraft::type_config::alias::WatchReceiverOf;
use openraft::{Raft, RaftTypeConfig};

use crate::network::GridNode;

/// The nodes of one or several groups as a host list, for [`Members::follow`](grid::Members::follow).
///
/// The list has all voters and learners of all groups, those of both lists during a change of the membership. A node is added
/// when the change is in the log of this node, before it is committed: its votes may be needed for that. It is removed when the
/// change is committed: a leader that removes itself leads until then.
///
/// As long as one of the groups knows no members, those that were passed to [`new`](Self::new) are on the list as well. That is how
/// a node joins: it lists the nodes of the group, which it cannot know from its empty log, and is added as a learner by the leader.
///
/// What was added to [`Members`](grid::Members) by hand is removed by the next change.
///
/// ```
/// use grid::Manager;
/// use grid_openraft::RaftMembers;
/// use openraft::Raft;
/// use openraft::storage::RaftStateMachine;
///
/// openraft::declare_raft_types!(pub Types: D = String, R = String);
///
/// fn follow<SM: RaftStateMachine<Types>>(manager: &Manager, raft: &Raft<Types, SM>) {
///     let seeds = ["http://node1:9000", "http://node2:9000", "http://node3:9000"];
///     manager.members().follow(RaftMembers::new(seeds).group(raft));
/// }
/// ```
#[must_use = "pass it to `Members::follow`"]
pub struct RaftMembers {
    seeds: Vec<String>,
    groups: Vec<Box<dyn Group>>,
    /// The last list.
    last: Option<BTreeSet<String>>,
}

/// The membership of a group.
trait Group: Send {
    /// The names of its nodes; none if it knows none.
    fn hosts(&self) -> Vec<String>;
    /// Waits until something has changed.
    fn changed(&mut self) -> BoxFuture<'_, ()>;
}

struct Watched<C: RaftTypeConfig>(WatchReceiverOf<C, RaftServerMetrics<C>>);

impl<C: RaftTypeConfig<Node: GridNode>> Group for Watched<C> {
    fn hosts(&self) -> Vec<String> {
        let metrics = self.0.borrow_watched();
        // The last one in the log, and the last one that is committed.
        let both = [&metrics.membership_config, &metrics.committed_membership_config];
        let nodes = both.into_iter().flat_map(|membership| membership.nodes());
        nodes.map(|(_, node)| node.grid_name().to_owned()).collect()
    }

    fn changed(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            if self.0.changed().await.is_err() {
                // The raft has stopped. Its nodes stay on the list: it may be started again.
                pending().await
            }
        })
    }
}

impl RaftMembers {
    /// A list that has these nodes until each group knows its own.
    pub fn new<H: Into<String>>(seeds: impl IntoIterator<Item = H>) -> Self {
        let seeds = seeds.into_iter().map(Into::into).collect();
        Self { seeds, groups: Vec::new(), last: None }
    }

    /// Adds a group.
    pub fn group<C, SM>(mut self, raft: &Raft<C, SM>) -> Self
    where
        C: RaftTypeConfig<Node: GridNode>,
        SM: RaftStateMachine<C>,
    {
        self.groups.push(Box::new(Watched::<C>(raft.server_metrics())));
        self
    }

    fn hosts(&self) -> BTreeSet<String> {
        let groups: Vec<_> = self.groups.iter().map(|group| group.hosts()).collect();
        let needs_seeds = groups.iter().any(Vec::is_empty);
        let seeds = self.seeds.iter().filter(|_| needs_seeds || groups.is_empty()).cloned();
        groups.iter().flatten().cloned().chain(seeds).collect()
    }
}

impl MemberSource for RaftMembers {
    fn next(&mut self) -> NextMembers<'_> {
        Box::pin(async {
            loop {
                let hosts = self.hosts();
                if self.last.as_ref() != Some(&hosts) {
                    self.last = Some(hosts.clone());
                    return Ok(hosts.into_iter().collect());
                }
                if self.groups.is_empty() {
                    pending().await
                }
                select_all(self.groups.iter_mut().map(|group| group.changed())).await;
            }
        })
    }
}

impl fmt::Debug for RaftMembers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RaftMembers").field("last", &self.last).finish_non_exhaustive()
    }
}
