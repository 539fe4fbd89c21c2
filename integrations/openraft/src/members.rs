//! [`RaftMembers`]: the members of groups become the members of the grid.

use std::collections::BTreeSet;
use std::fmt;
use std::future::pending;

use futures_util::future::select_all;
use grid::{Manager, MemberError, MemberSource, Members, NextMembers};
use openraft::async_runtime::watch::WatchReceiver as _;
use openraft::base::BoxFuture;
use openraft::metrics::RaftServerMetrics;
use openraft::storage::RaftStateMachine;
use openraft::type_config::alias::WatchReceiverOf;
use openraft::{Raft, RaftTypeConfig};

use crate::group::RaftGroup;
use crate::node::GridNode;
use crate::reports::Reports;
use crate::snapshot::SnapshotData;
use crate::wire::Memberships;

/// Names that are taken from the report of one member of one group: more than a group has, and few enough to connect to all of them.
const REPORTED_MAX: usize = 256;

/// The nodes of one or several groups as a host list, for [`Members::follow`](grid::Members::follow).
///
/// The list has all voters and learners of all groups, those of both lists during a change of the membership. A node is added
/// when the change is in the log of this node, before it is committed: its votes may be needed for that. It is removed when the
/// change is committed: a leader that removes itself leads until then.
///
/// As long as one of the groups knows no members, those that were passed to [`new`](Self::new) are on the list as well. That is how
/// a node joins: it lists the nodes of the group, which it cannot know from its empty log, and is added as a learner by the leader.
///
/// What was added to [`Members`] by hand is removed by the next change.
///
/// A name that the grid does not take is left out, with a warning in the log: nobody can reach that node, and the others need each
/// other. Programs should check a name before they replicate it, because it stays in the log until the node is removed.
///
/// # A log that is behind
///
/// A node that was down or cut off while another one was added does not have it in its log. If that one leads meanwhile, it could
/// not send what is missing, because this node would refuse its link. So each node asks the others, over the links that it has, which
/// members their logs have, and lists these as well, if the other's membership is newer than the last one that is committed here.
///
/// - A node asks the members in its log, or while it has none, the nodes that were passed to [`new`](Self::new). Their links are
///   authenticated, and they are trusted with the log itself. A node cannot report itself: it is neither asked nor connected before a
///   member has named it.
/// - A removed node does not come back: a member that still lists it has an older membership, which no longer counts once the removal
///   is committed here.
/// - A node that is listed for this reason authenticates as every other node does.
///
/// At least one of the nodes that this one knows must still run. If all of them were replaced while it was down, remove it, and add it
/// with a new id and an empty log.
///
/// ```
/// use grid::Manager;
/// use grid_openraft::{RaftGroup, RaftMembers, SnapshotData};
/// use openraft::Raft;
/// use openraft::storage::RaftStateMachine;
///
/// openraft::declare_raft_types!(pub Types: D = String, R = String);
///
/// fn follow<SM>(manager: &Manager, group: &RaftGroup<Types, SM>, raft: &Raft<Types, SM>)
/// where
///     SM: RaftStateMachine<Types, SnapshotData: SnapshotData>,
/// {
///     let seeds = ["http://node1:9000", "http://node2:9000", "http://node3:9000"];
///     manager.members().follow(RaftMembers::new(manager, seeds).group(group, raft));
/// }
/// ```
///
/// It keeps the [`Manager`] alive for as long as one of the rafts runs, as these do.
#[must_use = "pass it to `Members::follow`"]
pub struct RaftMembers {
    /// `None` once the source is followed: the groups have clones.
    manager: Option<Manager>,
    members: Members,
    seeds: BTreeSet<String>,
    groups: Vec<Box<dyn Group>>,
    /// The last list, with the names that were left out.
    last: Option<BTreeSet<String>>,
    /// Names of the last list that were left out.
    left_out: BTreeSet<String>,
}

/// The membership of a group.
trait Group: Send {
    /// The names of its nodes in the log of this node; none if that has none.
    fn own(&self) -> BTreeSet<String>;
    /// The names that these nodes report and that this one lacks.
    fn reported(&self, by: &BTreeSet<String>) -> Vec<String>;
    /// Waits until something has changed, and asks these nodes meanwhile.
    fn changed<'a>(&'a mut self, asked: &'a BTreeSet<String>) -> BoxFuture<'a, ()>;
}

struct Watched<C: RaftTypeConfig> {
    metrics: WatchReceiverOf<C, RaftServerMetrics<C>>,
    /// `None` when the raft has stopped.
    reports: Option<Reports<C>>,
}

impl<C: RaftTypeConfig<Node: GridNode>> Watched<C> {
    fn memberships(&self) -> Memberships<C> {
        Memberships::of(&*self.metrics.borrow_watched())
    }
}

impl<C: RaftTypeConfig<Node: GridNode>> Group for Watched<C> {
    fn own(&self) -> BTreeSet<String> {
        self.memberships().hosts().collect()
    }

    fn reported(&self, by: &BTreeSet<String>) -> Vec<String> {
        let own = self.memberships();
        let all = self.reports.iter().flat_map(Reports::all).filter(|(host, _)| by.contains(*host));
        all.flat_map(|(_, report)| report.newer_hosts(&own).take(REPORTED_MAX)).collect()
    }

    fn changed<'a>(&'a mut self, asked: &'a BTreeSet<String>) -> BoxFuture<'a, ()> {
        Box::pin(async {
            let Some(reports) = &mut self.reports else { return pending().await };
            reports.ask(asked);
            tokio::select! {
                biased;
                changed = self.metrics.changed() => {
                    if changed.is_err() {
                        // The raft has stopped. Its nodes stay on the list: it may be started again.
                        self.reports = None;
                    }
                }
                () = reports.changed() => {}
            }
        })
    }
}

impl RaftMembers {
    /// The list of this node, which has `seeds` until each group knows its own nodes.
    pub fn new<H: Into<String>>(manager: &Manager, seeds: impl IntoIterator<Item = H>) -> Self {
        let (members, manager) = (manager.members(), Some(manager.clone()));
        let (seeds, left_out) = (seeds.into_iter().map(Into::into).collect(), BTreeSet::new());
        Self { manager, members, seeds, groups: Vec::new(), last: None, left_out }
    }

    /// Adds a group, and the raft of it on this node.
    pub fn group<C, SM>(mut self, group: &RaftGroup<C, SM>, raft: &Raft<C, SM>) -> Self
    where
        C: RaftTypeConfig<Node: GridNode>,
        SM: RaftStateMachine<C, SnapshotData: SnapshotData>,
    {
        let reports = self.manager.as_ref().map(|manager| Reports::new(manager, &group.path));
        self.groups.push(Box::new(Watched::<C> { metrics: raft.server_metrics(), reports }));
        self
    }

    /// The nodes that each group asks, and the list: of these nodes those that are listed already, the others of them, and then the names that they report.
    fn hosts(&self) -> (Vec<BTreeSet<String>>, Vec<String>) {
        let own = self.groups.iter().map(|group| group.own());
        let or_seeds =
            |own: BTreeSet<String>| if own.is_empty() { self.seeds.clone() } else { own };
        let asked: Vec<_> = own.map(or_seeds).collect();
        let reported = self.groups.iter().zip(&asked).flat_map(|(group, by)| group.reported(by));
        let seeds = self.seeds.iter().filter(|_| self.groups.is_empty()).cloned();
        let own: BTreeSet<_> = asked.iter().flatten().cloned().chain(seeds).collect();
        let reported: BTreeSet<_> = reported.filter(|host| !own.contains(host)).collect();
        let listed = self.members.list();
        let (listed, new): (Vec<_>, Vec<_>) =
            own.into_iter().partition(|host| listed.contains(host));
        (asked, listed.into_iter().chain(new).chain(reported).collect())
    }

    /// The names that the grid takes. One that it does not take would make it refuse the list, and with it each later change. Of two
    /// that are the same node, the first is kept: a wrong name does not replace the right one, and a reported name does not replace one of the log.
    fn accepted(&mut self, hosts: &[String]) -> Vec<String> {
        let (mut accepted, mut left_out) = (Vec::new(), BTreeSet::new());
        for host in hosts {
            accepted.push(host.clone());
            let Err(MemberError::Invalid(reason)) = self.members.check(&accepted) else { continue };
            accepted.pop();
            if !self.left_out.contains(host) {
                tracing::warn!(
                    host,
                    "a member of the group is left out of the host list: {reason}; remove it from the group"
                );
            }
            left_out.insert(host.clone());
        }
        self.left_out = left_out;
        accepted
    }
}

impl MemberSource for RaftMembers {
    fn next(&mut self) -> NextMembers<'_> {
        Box::pin(async {
            // The groups have clones of their own, which they drop when their rafts stop.
            self.manager = None;
            loop {
                let (asked, hosts) = self.hosts();
                let all = hosts.iter().cloned().collect();
                if self.last.as_ref() != Some(&all) {
                    self.last = Some(all);
                    return Ok(self.accepted(&hosts));
                }
                if self.groups.is_empty() {
                    pending().await
                }
                let groups = self.groups.iter_mut().zip(&asked);
                select_all(groups.map(|(group, asked)| group.changed(asked))).await;
            }
        })
    }
}

impl fmt::Debug for RaftMembers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RaftMembers").field("last", &self.last).finish_non_exhaustive()
    }
}
