//! openraft over function calls: the ceiling, because nothing is encoded or sent.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{Stream, StreamExt as _};
use grid_kv::model::Types;
use openraft::base::{BoxFuture, BoxStream};
use openraft::errors::{RPCError, ReplicationClosed, StreamingError};
use openraft::network::{RPCOption, RaftNetworkFactory, RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendResult, VoteRequest,
    VoteResponse,
};
use openraft::storage::RaftStateMachine;
use openraft::type_config::alias::{SnapshotOf, VoteOf};
use openraft::{BasicNode, OptionalSend, Raft};
use tokio::fs::File;

use super::codec::unreachable;

type Answer = Result<StreamAppendResult<Types>, RPCError<Types>>;

/// The rafts of a process by their ids. Clones are the same.
pub(crate) struct Registry<SM: RaftStateMachine<Types>>(Arc<Mutex<HashMap<u64, Raft<Types, SM>>>>);

impl<SM: RaftStateMachine<Types>> Clone for Registry<SM> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<SM: RaftStateMachine<Types>> Default for Registry<SM> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<SM: RaftStateMachine<Types>> Registry<SM> {
    pub(crate) fn add(&self, id: u64, raft: Raft<Types, SM>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id, raft);
    }

    fn find(&self, id: u64) -> Option<Raft<Types, SM>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }
}

impl<SM> RaftNetworkFactory<Types> for Registry<SM>
where
    SM: RaftStateMachine<Types, SnapshotData = File>,
{
    type Network = Client<SM>;

    async fn new_client(&mut self, target: u64, _: &BasicNode) -> Client<SM> {
        Client { registry: self.clone(), target }
    }
}

/// Calls one node.
pub(crate) struct Client<SM: RaftStateMachine<Types>> {
    registry: Registry<SM>,
    target: u64,
}

impl<SM: RaftStateMachine<Types>> Client<SM> {
    fn raft(&self) -> Result<Raft<Types, SM>, RPCError<Types>> {
        self.registry.find(self.target).ok_or_else(|| unreachable("not started"))
    }
}

impl<SM> RaftNetworkV2<Types> for Client<SM>
where
    SM: RaftStateMachine<Types, SnapshotData = File>,
{
    type SnapshotData = File;

    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<Types>,
        _: RPCOption,
    ) -> Result<AppendEntriesResponse<Types>, RPCError<Types>> {
        self.raft()?.append_entries(rpc).await.map_err(unreachable)
    }

    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        _: RPCOption,
    ) -> BoxFuture<'s, Result<BoxStream<'s, Answer>, RPCError<Types>>>
    where
        S: Stream<Item = AppendEntriesRequest<Types>> + OptionalSend + Unpin + 'static,
    {
        Box::pin(async {
            let results = self.raft()?.stream_append(input);
            let answers = results.map(|result| result.map_err(unreachable));
            Ok(Box::pin(answers) as BoxStream<'s, Answer>)
        })
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<Types>,
        _: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        self.raft()?.vote(rpc).await.map_err(unreachable)
    }

    async fn pre_vote(
        &mut self,
        rpc: VoteRequest<Types>,
        _: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        self.raft()?.pre_vote(rpc).await.map_err(unreachable)
    }

    /// Passes the file itself, of which nothing is read.
    async fn full_snapshot(
        &mut self,
        vote: VoteOf<Types>,
        snapshot: SnapshotOf<Types, File>,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        let raft = self.raft()?;
        tokio::select! {
            closed = cancel => Err(closed.into()),
            done = raft.install_full_snapshot(vote, snapshot) => Ok(done.map_err(unreachable)?),
        }
    }
}
