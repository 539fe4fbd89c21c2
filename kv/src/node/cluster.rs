//! The service [`Cluster`] of a node.

use std::collections::BTreeSet;
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver as _;
use openraft::{BasicNode, ChangeMembers, RaftMetrics};

use super::api::{Api, write_error};
use super::raft::KvRaft;
use crate::model::Types;
use crate::service::{Cluster, KvError};

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

impl Cluster for Api {
    async fn add(&self, id: u64, name: String) -> Result<(), KvError> {
        let raft = self.raft()?;
        let known = raft.metrics().borrow_watched().membership_config.clone();
        let is_taken = |(other, node): (&u64, &BasicNode)| (*other == id) != (node.addr == name);
        if known.membership().nodes().any(is_taken) {
            let reason = format!("{id} or {name} is another member already");
            return Err(KvError::Members { reason });
        }
        // Without a vote at first: as long as it has nothing, it would count for majorities and not help to reach them.
        raft.add_learner(id, BasicNode::new(&name), false).await.map_err(write_error)?;
        caught_up(raft, id, &name).await?;
        let voters = ChangeMembers::AddVoterIds(BTreeSet::from([id]));
        raft.change_membership(voters, true).await.map_err(write_error)?;
        Ok(())
    }

    async fn remove(&self, id: u64) -> Result<(), KvError> {
        let raft = self.raft()?;
        let known = raft.metrics().borrow_watched().membership_config.clone();
        let ids = BTreeSet::from([id]);
        let change = match known.membership().voter_ids().any(|voter| voter == id) {
            true => ChangeMembers::RemoveVoters(ids),
            false => ChangeMembers::RemoveNodes(ids),
        };
        raft.change_membership(change, false).await.map_err(write_error)?;
        Ok(())
    }
}
