//! [`GridNetwork`] and [`GridClient`]: openraft's network traits.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::Stream;
use grid::Manager;
use openraft::base::{BoxFuture, BoxStream};
use openraft::errors::{RPCError, ReplicationClosed, StreamingError};
use openraft::network::{
    Backoff, RPCOption, RaftNetworkFactory, RaftNetworkV2, stream_append_sequential,
};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendResult,
    TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::type_config::alias::{SnapshotOf, VoteOf};
use openraft::{OptionalSend, RPCTypes, RaftTypeConfig};

use crate::append;
use crate::node::GridNode;
use crate::snapshot::{SnapshotData, SnapshotRate, send};
use crate::target::Target;
use crate::wire::WireClient;

/// First pause after a node was unreachable. A call that cannot be sent costs nothing, so the pause need not be long: it ends
/// soon after the link is back.
const BACKOFF_FIRST: Duration = Duration::from_millis(25);

/// Longest pause: grid itself needs up to two seconds to connect again.
const BACKOFF_LAST: Duration = Duration::from_secs(1);

/// The network of one group on one node; from [`RaftGroup::network`](crate::RaftGroup::network). Pass it to
/// [`Raft::new`](openraft::Raft::new).
///
/// It keeps the [`Manager`] alive, as the clients do that it makes.
pub struct GridNetwork<C: RaftTypeConfig, D> {
    pub(crate) manager: Manager,
    pub(crate) path: Arc<str>,
    pub(crate) id: C::NodeId,
    pub(crate) rate: SnapshotRate,
    pub(crate) data: PhantomData<fn(D)>,
}

impl<C: RaftTypeConfig, D> GridNetwork<C, D> {
    /// Sends snapshots at this rate. Networks that are given clones of one rate share it. The default is a rate of their own of
    /// 16 MiB/s each.
    pub fn with_snapshot_rate(self, rate: SnapshotRate) -> Self {
        Self { rate, ..self }
    }

    fn client(&self, target: C::NodeId, host: &str, is_unary: bool) -> GridClient<C, D> {
        let (manager, path) = (self.manager.clone(), Arc::clone(&self.path));
        let (id, host) = (self.id.clone(), host.to_owned());
        let to = Target { manager, path, id, target, host };
        GridClient { to, is_unary, rate: self.rate.clone(), data: PhantomData }
    }
}

impl<C, D> RaftNetworkFactory<C> for GridNetwork<C, D>
where
    C: RaftTypeConfig<Node: GridNode>,
    D: SnapshotData,
{
    type Network = GridClient<C, D>;

    async fn new_client(&mut self, target: C::NodeId, node: &C::Node) -> Self::Network {
        self.client(target, node.grid_name(), false)
    }

    /// A heartbeat is one request: as a call it needs half of the messages of a stream, and overtakes everything that is large.
    async fn new_heartbeat_client(&mut self, target: C::NodeId, node: &C::Node) -> Self::Network {
        self.client(target, node.grid_name(), true)
    }
}

impl<C: RaftTypeConfig, D> fmt::Debug for GridNetwork<C, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GridNetwork").field("id", &self.id).field("path", &self.path).finish()
    }
}

/// Calls one node of a group.
///
/// Nothing is sent before a method is polled, and dropping what a method returns cancels it at the other node as well.
///
/// # Errors
///
/// Those of [`rpc_error`](crate::rpc_error). An error of the other node's raft is [`RPCError::Unreachable`]: the traits have no
/// other place for it, and it says that this raft has stopped. A single request has the soft time limit of its [`RPCOption`], which
/// is also that of the other node. In a stream the limit holds for each answer, and is a second longer for each 32 KiB of the request: a
/// line has to carry that much. What goes wrong while a stream is opened is its first item.
///
/// # Cancel safety
///
/// A request that is dropped may have been received. openraft's protocol permits that of all its requests.
pub struct GridClient<C: RaftTypeConfig, D> {
    to: Target<C>,
    /// Whether a stream is a series of single requests.
    is_unary: bool,
    rate: SnapshotRate,
    data: PhantomData<fn(D)>,
}

impl<C: RaftTypeConfig, D: SnapshotData> RaftNetworkV2<C> for GridClient<C, D> {
    type SnapshotData = D;

    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<C>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<C>, RPCError<C>> {
        let ttl = option.soft_ttl();
        self.to.call(RPCTypes::AppendEntries, ttl, &rpc, WireClient::append).await
    }

    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        option: RPCOption,
    ) -> BoxFuture<'s, Result<BoxStream<'s, Result<StreamAppendResult<C>, RPCError<C>>>, RPCError<C>>>
    where
        S: Stream<Item = AppendEntriesRequest<C>> + OptionalSend + Unpin + 'static,
    {
        if self.is_unary {
            return stream_append_sequential(self, input, option);
        }
        let answers = append::answers(self.to.clone(), input, option.soft_ttl());
        Box::pin(std::future::ready(Ok(answers)))
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<C>,
        option: RPCOption,
    ) -> Result<VoteResponse<C>, RPCError<C>> {
        self.to.call(RPCTypes::Vote, option.soft_ttl(), &rpc, WireClient::vote).await
    }

    async fn pre_vote(
        &mut self,
        rpc: VoteRequest<C>,
        option: RPCOption,
    ) -> Result<VoteResponse<C>, RPCError<C>> {
        self.to.call(RPCTypes::Vote, option.soft_ttl(), &rpc, WireClient::pre_vote).await
    }

    /// Sends a snapshot in chunks, and continues after a loss of the link where the other node has got to.
    ///
    /// The soft time limit is the longest time without a sign of life of the other node, which reports while it writes and installs,
    /// and the longest time that a new link may take. The default of openraft,
    /// [`Config::install_snapshot_timeout`](openraft::Config::install_snapshot_timeout), is too short for a new link: set some seconds.
    /// Chunks have 128 KiB, whatever [`Config::snapshot_max_chunk_size`](openraft::Config::snapshot_max_chunk_size) says.
    ///
    /// # Errors
    ///
    /// [`StreamingError::Closed`] when `cancel` is ready, [`StreamingError::StorageError`] if the snapshot cannot be read.
    async fn full_snapshot(
        &mut self,
        vote: VoteOf<C>,
        snapshot: SnapshotOf<C, D>,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        option: RPCOption,
    ) -> Result<SnapshotResponse<C>, StreamingError<C>> {
        tokio::select! {
            biased;
            closed = cancel => Err(closed.into()),
            done = send(&self.to, vote, snapshot, &self.rate, &option) => done,
        }
    }

    async fn transfer_leader(
        &mut self,
        req: TransferLeaderRequest<C>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<C>, RPCError<C>> {
        let ttl = option.soft_ttl();
        self.to.call(RPCTypes::TransferLeader, ttl, &req, WireClient::transfer_leader).await
    }

    /// Pauses that grow from 25 ms to one second.
    fn backoff(&self) -> Option<Backoff> {
        let longer = |pause: &Duration| Some((*pause * 2).min(BACKOFF_LAST));
        Some(Backoff::new(std::iter::successors(Some(BACKOFF_FIRST), longer)))
    }
}

impl<C: RaftTypeConfig, D> fmt::Debug for GridClient<C, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GridClient").field("to", &self.to).finish_non_exhaustive()
    }
}
