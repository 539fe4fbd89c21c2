//! [`Changes`]: members that are added and removed, one after the other.

use std::collections::BTreeSet;

use grid_kv::client::ClientError;
use tokio::task::JoinHandle;

use super::group::Group;
use super::random::Random;

/// Nodes that there may be at most, with those that were removed.
const NODES_MAX: usize = 7;

/// Members that stay.
const MEMBERS_MIN: usize = 3;

/// A change that is under way.
struct Change {
    at: usize,
    adds: bool,
    task: JoinHandle<Result<(), ClientError>>,
}

/// See the module.
pub(super) struct Changes {
    members: BTreeSet<usize>,
    /// They are not added again: an id is never used twice.
    removed: BTreeSet<usize>,
    running: Option<Change>,
}

impl Changes {
    /// The first `members` nodes are members.
    pub(super) fn new(members: usize) -> Self {
        Self { members: (0..members).collect(), removed: BTreeSet::new(), running: None }
    }

    pub(super) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Begins to add a node.
    pub(super) async fn add(&mut self, group: &mut Group) -> Result<&'static str, String> {
        let is_free = |at: &usize| !self.members.contains(at) && !self.removed.contains(at);
        let at = match (0..group.len()).find(is_free) {
            // Again, after a change that has failed.
            Some(at) => at,
            None if group.len() < NODES_MAX => group.join().await?,
            None => return Ok("no more members"),
        };
        let (operator, name) = (group.operator(), group.name(at));
        let task =
            tokio::spawn(async move { operator.change_member(at as u64 + 1, Some(name)).await });
        self.running = Some(Change { at, adds: true, task });
        Ok("add")
    }

    /// Begins to remove a node.
    pub(super) fn remove(&mut self, random: &mut Random, group: &Group) -> &'static str {
        let members: Vec<_> = self.members.iter().copied().collect();
        let Some(at) = random.one_of(&members) else { return "no fewer members" };
        if members.len() <= MEMBERS_MIN {
            return "no fewer members";
        }
        let operator = group.operator();
        let task = tokio::spawn(async move { operator.change_member(at as u64 + 1, None).await });
        self.members.remove(&at);
        self.removed.insert(at);
        self.running = Some(Change { at, adds: false, task });
        "remove"
    }

    /// What has become of a change that has ended, and of which node. A node that was removed is switched off.
    pub(super) async fn end(&mut self, group: &mut Group) -> Option<(&'static str, usize)> {
        let Change { at, adds, task } = self.running.take_if(|change| change.task.is_finished())?;
        let is_done = matches!(task.await, Ok(Ok(())));
        if adds {
            self.members.insert(at);
        } else if is_done {
            group.lose_power(at).await;
        }
        let name = match (adds, is_done) {
            (true, true) => "added",
            (false, true) => "removed",
            (_, false) => "change of members failed",
        };
        Some((name, at))
    }

    /// Does not wait for a change that is under way.
    pub(super) fn abort(&mut self) {
        if let Some(change) = self.running.take() {
            change.task.abort();
        }
    }
}
