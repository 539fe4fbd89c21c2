//! The same call to several nodes at once, until enough of them have answered.
//!
//! | file | what |
//! |---|---|
//! | `mod.rs` | [`Group`] and [`GroupCall`], which users write |
//! | `outcome.rs` | what the nodes have answered |
//! | `race.rs` | the future that polls the calls, and decides |
//! | `tally.rs` | wakes the task when the next outcomes can decide something |

mod outcome;
mod race;
mod tally;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use self::outcome::{NodeAnswer, NodeOutcome, TooFew};
use self::race::{Member, Race};
use super::args::ArgTuple;
use super::client::Call;
use super::method::Method;
use crate::{Connection, Context};

/// Several nodes that are called together.
///
/// ```
/// # use grid::{Group, Manager, RemoteError};
/// #[grid::service]
/// trait Disk {
///     async fn free(&self, volume: String) -> Result<u64, RemoteError>;
/// }
///
/// async fn free_of_three(manager: &Manager) -> Result<u64, Box<dyn std::error::Error>> {
///     let disks = Group::new(manager.connections());
///     let answers = disks.call(DiskClient::FREE, ("vol1".into(),)).first_ok(3).await?;
///     Ok(answers.iter().map(|answer| answer.value).min().unwrap_or(0))
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Group {
    connections: Arc<[Connection]>,
}

impl Group {
    /// A group of the nodes at the other ends of these connections.
    pub fn new(connections: impl IntoIterator<Item = Connection>) -> Self {
        Self { connections: connections.into_iter().collect() }
    }

    /// The names of the nodes.
    pub fn peers(&self) -> impl ExactSizeIterator<Item = &str> {
        self.connections.iter().map(Connection::peer)
    }

    /// Calls the method on all nodes, with the same arguments, which are encoded once.
    ///
    /// Nothing is sent until one of the futures that [`GroupCall`] returns is polled.
    pub fn call<A: ArgTuple, O, E, K>(
        &self,
        method: &Method<A, O, E, K>,
        args: A,
    ) -> GroupCall<O, E> {
        let request = method.encode(args);
        let calls = self.connections.iter().map(|connection| {
            let peer = Arc::from(connection.peer());
            Member { peer, call: method.start(connection, request.clone()).of_any_kind() }
        });
        GroupCall { calls: calls.collect() }
    }
}

/// One call to several nodes, from [`Group::call`]: set its options, then say what you wait for.
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
