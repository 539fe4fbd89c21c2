//! The service [`Cluster`] of a node.

use std::collections::BTreeSet;
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver as _;
use openraft::{BasicNode, ChangeMembers, RaftMetrics};

use super::api::{Api, write_error};
use super::names::check_name;
use super::raft::KvRaft;
use crate::model::Types;
use crate::service::{Cluster, Consistency, KvError};

/// Entries that a new node may lack when it gets its vote: those that it receives within a fraction of a second.
const LAG_MAX: u64 = 1000;

/// How long a new node may take to receive the state.
const CATCH_UP_MAX: Duration = Duration::from_secs(50);

/// Waits until a new node has most of the log. One that cannot be reached never gets a vote.
async fn caught_up(raft: &KvRaft, id: u64, name: &str) -> Result<(), KvError> {
    let has_most = |metrics: &RaftMetrics<Types>| {
        let Some(replication) = &metrics.replication else { return true };
        let matched = replication.get(&id).copied().flatten().map(|matched| matched.index);
        matched.is_some_and(|matched| matched + LAG_MAX >= metrics.last_log_index.unwrap_or(0))
    };
    let waited = raft.wait(Some(CATCH_UP_MAX)).metrics(has_most, "a new node catches up").await;
    match waited {
        // It is not the leader any more, so that it does not know.
        Ok(metrics) if metrics.replication.is_none() => {
            Err(KvError::LeaderChanged { leader: None })
        }
        Ok(_) => Ok(()),
        Err(_) => Err(KvError::Members {
            reason: format!(
                "{name} has not received the log within {CATCH_UP_MAX:?}, and has no vote yet: check that it runs and that the members reach it, and add it again, or remove it"
            ),
        }),
    }
}

/// Whether a node can have this id and this name beside that member.
fn is_free(id: u64, name: &str, (other, node): (&u64, &BasicNode)) -> Result<(), KvError> {
    let has = &node.addr;
    let reason = match (*other == id, has == name) {
        (true, false) => format!("id {id} is {has} already: give {name} an id that no node had"),
        (false, true) => format!("{name} is member {other} already"),
        _ => return Ok(()),
    };
    Err(KvError::Members { reason })
}

fn not_a_member(id: u64) -> String {
    format!("no member has the id {id}: it was removed before, or never was one")
}

impl Cluster for Api {
    async fn add(&self, id: u64, name: String) -> Result<(), KvError> {
        let raft = self.raft()?;
        // Only the leader knows the latest members.
        self.ensure(Consistency::Linearizable).await?;
        let known = raft.metrics().borrow_watched().membership_config.clone();
        let invalid = |reason| KvError::Invalid { reason };
        let names = known.membership().nodes().map(|(_, node)| &*node.addr);
        check_name(&name, names).map_err(invalid)?;
        known.membership().nodes().try_for_each(|other| is_free(id, &name, other))?;
        // Without a vote at first: as long as it has nothing, it would count for majorities and not help to reach them.
        raft.add_learner(id, BasicNode::new(&name), false).await.map_err(write_error)?;
        caught_up(&raft, id, &name).await?;
        let voters = ChangeMembers::AddVoterIds(BTreeSet::from([id]));
        raft.change_membership(voters, true).await.map_err(write_error)?;
        Ok(())
    }

    async fn remove(&self, id: u64) -> Result<(), KvError> {
        let raft = self.raft()?;
        self.ensure(Consistency::Linearizable).await?;
        let known = raft.metrics().borrow_watched().membership_config.clone();
        if known.membership().get_node(&id).is_none() {
            let reason = not_a_member(id);
            return Err(KvError::Invalid { reason });
        }
        let ids = BTreeSet::from([id]);
        let change = match known.membership().voter_ids().any(|voter| voter == id) {
            true => ChangeMembers::RemoveVoters(ids),
            false => ChangeMembers::RemoveNodes(ids),
        };
        raft.change_membership(change, false).await.map_err(write_error)?;
        Ok(())
    }
}
