//! [`GroupCall`]: the calls to the nodes of a group, and what is waited for.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::outcome::{NodeAnswer, NodeOutcome, TooFew};
use super::outcomes::Outcomes;
use super::race::{Member, Race};
use crate::Context;
use crate::rpc::client::Call;

/// One call to several nodes, from [`Group::ask`](super::Group::ask): set its options, then say what you wait for.
///
/// Calls whose arguments differ form one as well, when they are added with the name of their node:
///
/// ```
/// # use grid::{Connection, GroupCall};
/// # #[grid::service]
/// # trait Disk { async fn read(&self, shard: u32) -> Vec<u8>; }
/// async fn shards(disks: &[Connection]) -> usize {
///     let mut reads = GroupCall::new();
///     for (shard, disk) in (0..).zip(disks) {
///         reads.add(disk.peer(), DiskClient::new(disk.clone()).read(shard));
///     }
///     reads.all().await.iter().filter(|answer| answer.result.is_ok()).count()
/// }
/// ```
#[must_use = "the calls do nothing until an outcome is awaited"]
pub struct GroupCall<O, E> {
    calls: Vec<Member<O, E>>,
}

impl<O, E> Default for GroupCall<O, E> {
    fn default() -> Self {
        Self { calls: Vec::new() }
    }
}

impl<O, E> GroupCall<O, E> {
    /// Without a call.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a call to this node.
    pub fn add<K>(&mut self, peer: impl Into<Arc<str>>, call: Call<O, E, K>) {
        self.calls.push(Member { peer: peer.into(), call: call.of_any_kind() });
    }

    /// Changes each call, for example to set an option.
    pub fn each(mut self, change: impl Fn(Call<O, E>) -> Call<O, E>) -> Self {
        let changed = |Member { peer, call }| Member { peer, call: change(call) };
        self.calls = self.calls.into_iter().map(changed).collect();
        self
    }

    /// Sets the timeout of the whole: all calls start together. Default: as for a single call.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.each(|call| call.timeout(timeout))
    }

    /// Makes the calls part of the call that a handler is serving; see [`Call::within`].
    pub fn within(self, context: &Context) -> Self {
        self.each(|call| call.within(context))
    }

    /// Returns the outcomes one by one, in the order in which they come. Dropping them cancels the calls that are not over.
    ///
    /// For decisions that the others do not make, and for outcomes that matter after the decision:
    ///
    /// ```
    /// # use grid::Group;
    /// # #[grid::service]
    /// # trait Disk { async fn free(&self) -> u64; }
    /// async fn with_room(disks: &Group<DiskClient>, bytes: u64) -> Option<std::sync::Arc<str>> {
    ///     let mut outcomes = disks.ask(|disk| disk.free()).outcomes();
    ///     while let Some(outcome) = outcomes.next().await {
    ///         if outcome.result.is_ok_and(|free| free >= bytes) {
    ///             return Some(outcome.peer);
    ///         }
    ///     }
    ///     None
    /// }
    /// ```
    pub fn outcomes(self) -> Outcomes<O, E> {
        Outcomes::new(Race::new(self.calls))
    }

    /// Waits for all nodes, and returns their outcomes in the order of the group.
    ///
    /// # Cancel safety
    /// Dropping the future cancels the calls that are not over.
    pub async fn all(self) -> Vec<NodeOutcome<O, E>> {
        Race::new(self.calls).all().await
    }

    /// Waits for the first `needed` answers, in the order in which they come. The calls to all other nodes are cancelled then.
    ///
    /// # Errors
    /// [`TooFew`] as soon as too many nodes have failed. The calls to the others are cancelled then.
    ///
    /// # Cancel safety
    /// Dropping the future cancels the calls that are not over.
    pub async fn first_ok(self, needed: usize) -> Result<Vec<NodeAnswer<O>>, TooFew<O, E>> {
        Race::new(self.calls).first_ok(needed).await
    }

    /// Waits for the answers of a majority; see [`first_ok`](Self::first_ok).
    ///
    /// # Errors
    /// [`TooFew`], as for `first_ok`.
    ///
    /// # Cancel safety
    /// Dropping the future cancels the calls that are not over.
    pub async fn quorum(self) -> Result<Vec<NodeAnswer<O>>, TooFew<O, E>> {
        let majority = self.calls.len() / 2 + 1;
        self.first_ok(majority).await
    }
}

impl<O, E> fmt::Debug for GroupCall<O, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.calls.iter().map(|member| &member.peer)).finish()
    }
}
