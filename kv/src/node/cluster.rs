//! The service [`Cluster`] of a node.

use std::collections::BTreeSet;

use openraft::async_runtime::watch::WatchReceiver as _;
use openraft::{BasicNode, ChangeMembers};

use super::api::{Api, write_error};
use crate::service::{Cluster, KvError};

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
        raft.add_learner(id, BasicNode::new(name), true).await.map_err(write_error)?;
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
