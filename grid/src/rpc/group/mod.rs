//! The same call to several nodes at once, until enough of them have answered.
//!
//! | file | what |
//! |---|---|
//! | `mod.rs` | [`Group`]: which nodes |
//! | `hosts.rs` | finds the nodes of a group by their names |
//! | `call.rs` | [`GroupCall`]: the calls, and what is waited for |
//! | `outcome.rs` | what the nodes have answered |
//! | `outcomes.rs` | the outcomes one by one |
//! | `streams.rs` | one stream from each node, merged |
//! | `race.rs` | polls the calls until an outcome is decided |
//! | `turns.rs` | which call is polled next |
//! | `tally.rs` | wakes the task when the next outcomes can decide something |

mod call;
mod hosts;
mod outcome;
mod outcomes;
mod race;
#[cfg(all(test, grid_loom))]
mod schedules;
mod streams;
mod tally;
mod turns;

use std::fmt;
use std::sync::Arc;

pub use self::call::GroupCall;
pub use self::hosts::{HostList, UnknownHosts};
pub use self::outcome::{NodeAnswer, NodeFailure, NodeOutcome, TooFew};
pub use self::outcomes::Outcomes;
pub use self::streams::{GroupStream, NodeItem};
use super::args::ArgTuple;
use super::client::{Call, Opening};
use super::method::Method;
use super::stream::Responses;
use crate::Connection;

/// Several nodes that are called together.
///
/// A client's function `group` makes a group of nodes by their names, of which `C` is the client. [`ask`](Self::ask) calls a
/// method at all of them, and [`open`](Self::open) opens a stream from each.
///
/// ```
/// # use grid::{Context, Manager, RemoteError};
/// #[grid::service]
/// trait Disk {
///     async fn free(&self, volume: String) -> Result<u64, RemoteError>;
/// }
///
/// async fn least_free(node: &Manager, hosts: &[String]) -> Result<u64, Box<dyn std::error::Error>> {
///     let disks = DiskClient::group(node, hosts)?;
///     let answers = disks.ask(|disk| disk.free("vol1".into())).quorum().await?;
///     Ok(answers.iter().map(|answer| answer.value).min().unwrap_or(0))
/// }
/// ```
pub struct Group<C = Connection> {
    nodes: Arc<[C]>,
    connection: fn(&C) -> &Connection,
}

impl Group {
    /// A group of the nodes at the other ends of these connections.
    pub fn new(connections: impl IntoIterator<Item = Connection>) -> Self {
        Self { nodes: connections.into_iter().collect(), connection: |connection| connection }
    }
}

impl<C> Group<C> {
    /// A group of these nodes in this order, for the generated `DiskClient::group`.
    pub(super) fn of_clients<H: AsRef<str>>(
        node: &impl HostList,
        hosts: impl IntoIterator<Item = H>,
        client: fn(Connection) -> C,
        connection: fn(&C) -> &Connection,
    ) -> Result<Self, UnknownHosts> {
        let connections = hosts::connections(node, hosts)?;
        Ok(Self { nodes: connections.into_iter().map(client).collect(), connection })
    }

    /// Names of the nodes, in the order of the group.
    pub fn peers(&self) -> impl Iterator<Item = &str> {
        self.connections().map(Connection::peer)
    }

    /// The clients of the nodes, in the order of the group.
    pub fn nodes(&self) -> &[C] {
        &self.nodes
    }

    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are no nodes.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Calls a method of all nodes with the same arguments. `call` makes the call with the client of the first node, and can set
    /// its options; each node is then called in the same way.
    ///
    /// `call` runs once, and the arguments are encoded once, however many nodes there are. Nothing is sent until an outcome is
    /// awaited. All calls have the options, the metadata and the retry policy of that one, also what the first client adds to
    /// each call, and the subroute of each node's own client, unless `call` adds one. Where clients have metadata of their own,
    /// use [`call`](Self::call).
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use grid::{Group, RemoteError};
    /// # #[grid::service]
    /// # trait Disk { async fn sync(&self, volume: String) -> Result<(), RemoteError>; }
    /// async fn sync(disks: &Group<DiskClient>, volume: &str) -> usize {
    ///     let sync = disks.ask(|disk| disk.sync(volume.to_owned()).timeout(Duration::from_secs(5)));
    ///     sync.all().await.iter().filter(|outcome| outcome.result.is_ok()).count()
    /// }
    /// ```
    pub fn ask<O, E, K>(&self, call: impl FnOnce(&C) -> Call<O, E, K>) -> GroupCall<O, E> {
        let mut calls = GroupCall::new();
        let Some(first) = self.nodes.first() else { return calls };
        let call = call(first).of_any_kind();
        for connection in self.connections() {
            calls.add(connection.peer(), call.again(connection, (self.connection)(first)));
        }
        calls
    }

    /// Opens a stream from each node, with the same arguments, and merges them into one. `open` opens it with the client of the
    /// first node, and can set its options, as for [`ask`](Self::ask).
    ///
    /// Nothing is sent until an item is awaited. A timeout is one of the whole: all streams are opened together.
    ///
    /// ```
    /// # use grid::{Group, Outgoing, RemoteError};
    /// # #[grid::service]
    /// # trait Disk { async fn changes(&self, out: Outgoing<String>) -> Result<(), RemoteError>; }
    /// async fn follow(disks: &Group<DiskClient>) {
    ///     let mut changes = disks.open(|disk| disk.changes());
    ///     while let Some(change) = changes.next().await {
    ///         match change.item {
    ///             Some(Ok(path)) => println!("{}: {path}", change.peer),
    ///             Some(Err(error)) => println!("{} has failed: {error}", change.peer),
    ///             None => println!("{} has no more", change.peer),
    ///         }
    ///     }
    /// }
    /// ```
    pub fn open<O, E>(
        &self,
        open: impl FnOnce(&C) -> Opening<Responses<O, E>, E>,
    ) -> GroupStream<O, E> {
        let Some(first) = self.nodes.first() else { return GroupStream::new([]) };
        let opening = open(first);
        GroupStream::new(self.connections().map(|connection| {
            let opening = opening.again(connection, (self.connection)(first));
            (Arc::from(connection.peer()), opening)
        }))
    }

    /// Calls a method of all nodes with the same arguments, given its typed constant. Like [`ask`](Self::ask), it encodes them
    /// once, and sends nothing until an outcome is awaited. Metadata and retry policy are those of each node's connection.
    pub fn call<A: ArgTuple, O, E, K>(
        &self,
        method: &Method<A, O, E, K>,
        args: A,
    ) -> GroupCall<O, E> {
        let request = method.encode(args);
        let mut calls = GroupCall::new();
        for connection in self.connections() {
            calls.add(connection.peer(), method.start(connection, request.clone()));
        }
        calls
    }

    fn connections(&self) -> impl Iterator<Item = &Connection> {
        self.nodes.iter().map(self.connection)
    }
}

/// Cheap: clones share the list.
impl<C> Clone for Group<C> {
    fn clone(&self) -> Self {
        Self { nodes: Arc::clone(&self.nodes), connection: self.connection }
    }
}

impl<C> fmt::Debug for Group<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.peers()).finish()
    }
}
