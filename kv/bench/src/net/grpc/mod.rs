//! openraft over gRPC, as in openraft's example for tonic and prost, used with care: one channel to each node, which stays open, no
//! delay on sockets, windows that a snapshot fits through, deadlines.
//!
//! The service is written by hand as the generator would write it, so that no `protoc` is needed. Its messages hold openraft's
//! values as msgpack, which costs less than a message for each of openraft's types.

mod server;
mod wire;

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{Stream, StreamExt as _, stream};
use grid_kv::model::Types;
use openraft::base::{BoxFuture, BoxStream};
use openraft::errors::{RPCError, ReplicationClosed, StreamingError};
use openraft::network::{
    Backoff, RPCOption, RaftNetworkFactory, RaftNetworkV2, stream_append_sequential,
};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendResult, VoteRequest,
    VoteResponse,
};
use openraft::type_config::alias::{SnapshotOf, VoteOf};
use openraft::{BasicNode, OptionalSend};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::fs::File;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

pub(super) use self::server::serve;
use self::wire::{
    APPEND, CONNECTION_WINDOW, Envelope, MESSAGE_MAX, PRE_VOTE, SNAPSHOT, STREAM, STREAM_WINDOW,
    VOTE, codec,
};
use super::codec::{Header, chunks, decode, encode, len, lost, unreachable};

type Answer = Result<StreamAppendResult<Types>, RPCError<Types>>;

/// The network of a node. Clones share the channels.
#[derive(Clone)]
pub(crate) struct Network {
    channels: Arc<Mutex<HashMap<String, Channel>>>,
    /// Whether entries are sent as a series of single calls, as by a user who implements `append_entries` only.
    is_unary: bool,
}

impl Network {
    pub(crate) fn new(is_unary: bool) -> Self {
        Self { channels: Arc::default(), is_unary }
    }

    fn client(&self, node: &BasicNode, is_unary: bool) -> Client {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        let channel = channels.entry(node.addr.clone()).or_insert_with(|| channel(&node.addr));
        let grpc = Grpc::new(channel.clone()).max_decoding_message_size(MESSAGE_MAX);
        Client { grpc, is_unary }
    }
}

/// Connects when it is used, and again when the connection was lost.
fn channel(address: &str) -> Channel {
    let endpoint = Endpoint::from_shared(address.to_owned()).expect("an address of the bench");
    endpoint
        .tcp_nodelay(true)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .connect_lazy()
}

impl RaftNetworkFactory<Types> for Network {
    type Network = Client;

    async fn new_client(&mut self, _: u64, node: &BasicNode) -> Client {
        self.client(node, self.is_unary)
    }

    /// A heartbeat is one request: a stream for each would cost more.
    async fn new_heartbeat_client(&mut self, _: u64, node: &BasicNode) -> Client {
        self.client(node, true)
    }
}

/// Calls one node.
pub(crate) struct Client {
    grpc: Grpc<Channel>,
    is_unary: bool,
}

fn failed(status: Status) -> RPCError<Types> {
    match status.code() {
        Code::Unavailable | Code::FailedPrecondition => unreachable(status),
        _ => lost(status),
    }
}

fn read<T: DeserializeOwned>(envelope: &Envelope) -> Result<T, RPCError<Types>> {
    decode(&envelope.data).map_err(lost)
}

impl Client {
    async fn unary<A: DeserializeOwned>(
        &mut self,
        path: &'static str,
        request: &impl Serialize,
        ttl: Duration,
    ) -> Result<A, RPCError<Types>> {
        self.grpc.ready().await.map_err(unreachable)?;
        let mut request = Request::new(Envelope { data: encode(request) });
        request.set_timeout(ttl);
        let call = self.grpc.unary(request, PathAndQuery::from_static(path), codec());
        let answer = tokio::time::timeout(ttl, call).await.map_err(lost)?.map_err(failed)?;
        read(answer.get_ref())
    }

    async fn open<'s, S>(&'s mut self, input: S) -> Result<BoxStream<'s, Answer>, RPCError<Types>>
    where
        S: Stream<Item = AppendEntriesRequest<Types>> + OptionalSend + Unpin + 'static,
    {
        self.grpc.ready().await.map_err(unreachable)?;
        let requests = input.map(|request| Envelope { data: encode(&request) });
        let path = PathAndQuery::from_static(STREAM);
        let answers = self.grpc.streaming(Request::new(requests), path, codec());
        let answers = answers.await.map_err(failed)?.into_inner();
        Ok(Box::pin(answers.map(|answer| read(&answer.map_err(failed)?))))
    }

    async fn snapshot(
        &mut self,
        vote: VoteOf<Types>,
        snapshot: SnapshotOf<Types, File>,
    ) -> Result<SnapshotResponse<Types>, RPCError<Types>> {
        let mut file = snapshot.snapshot;
        let len = len(&mut file).await.map_err(lost)?;
        let header = encode(&Header { vote, meta: snapshot.meta, len });
        // A file that cannot be read ends the stream, and the other node misses the rest.
        let chunks = chunks(file).filter_map(async |chunk| chunk.ok());
        let chunks = stream::once(async { header }).chain(chunks);
        let chunks = Request::new(chunks.map(|data| Envelope { data }));
        self.grpc.ready().await.map_err(unreachable)?;
        let path = PathAndQuery::from_static(SNAPSHOT);
        let answer = self.grpc.client_streaming(chunks, path, codec()).await.map_err(failed)?;
        read(answer.get_ref())
    }
}

impl RaftNetworkV2<Types> for Client {
    type SnapshotData = File;

    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<Types>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<Types>, RPCError<Types>> {
        self.unary(APPEND, &rpc, option.soft_ttl()).await
    }

    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        option: RPCOption,
    ) -> BoxFuture<'s, Result<BoxStream<'s, Answer>, RPCError<Types>>>
    where
        S: Stream<Item = AppendEntriesRequest<Types>> + OptionalSend + Unpin + 'static,
    {
        if self.is_unary {
            return stream_append_sequential(self, input, option);
        }
        Box::pin(self.open(input))
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        self.unary(VOTE, &rpc, option.soft_ttl()).await
    }

    async fn pre_vote(
        &mut self,
        rpc: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        self.unary(PRE_VOTE, &rpc, option.soft_ttl()).await
    }

    async fn full_snapshot(
        &mut self,
        vote: VoteOf<Types>,
        snapshot: SnapshotOf<Types, File>,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        tokio::select! {
            closed = cancel => Err(closed.into()),
            done = self.snapshot(vote, snapshot) => Ok(done?),
        }
    }

    /// As in openraft's example.
    fn backoff(&self) -> Option<Backoff> {
        Some(Backoff::new(std::iter::repeat(Duration::from_millis(200))))
    }
}
