//! openraft over HTTP/1.1, as in openraft's example: a POST with JSON for each call. Used with care: connections are kept, no delay
//! on sockets, deadlines; and a snapshot is a body that is streamed, where the example has it as JSON in one piece.

use std::fmt::Display;
use std::future::Future;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::serve::ListenerExt as _;
use grid_kv::model::Types;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use openraft::errors::{RPCError, ReplicationClosed, StreamingError};
use openraft::network::{RPCOption, RaftNetworkFactory, RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse,
};
use openraft::storage::RaftStateMachine;
use openraft::type_config::alias::{SnapshotOf, VoteOf};
use openraft::{BasicNode, OptionalSend, Raft};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::fs::File;
use tokio::net::TcpListener;

use super::codec::{Header, chunks, len, lost, receive, unreachable};

/// The header with what a snapshot is, as JSON.
const META: &str = "x-raft-snapshot";

/// The longest answer.
const ANSWER_MAX: usize = 16 << 20;

/// The network of a node. Clones share the connections.
#[derive(Clone)]
pub(crate) struct Network(HttpClient<HttpConnector, Body>);

impl Network {
    pub(crate) fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self(HttpClient::builder(TokioExecutor::new()).build(connector))
    }
}

impl RaftNetworkFactory<Types> for Network {
    type Network = Client;

    async fn new_client(&mut self, _: u64, node: &BasicNode) -> Client {
        Client { http: self.0.clone(), address: node.addr.clone() }
    }
}

/// Calls one node.
pub(crate) struct Client {
    http: HttpClient<HttpConnector, Body>,
    address: String,
}

impl Client {
    async fn post<A: DeserializeOwned>(
        &self,
        path: &str,
        request: &impl Serialize,
        option: &RPCOption,
    ) -> Result<A, RPCError<Types>> {
        let body = serde_json::to_vec(request).map_err(lost)?;
        let request = Request::post(format!("{}/{path}", self.address))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body));
        let call = self.send(request.map_err(lost)?);
        tokio::time::timeout(option.soft_ttl(), call).await.map_err(lost)?
    }

    async fn send<A: DeserializeOwned>(
        &self,
        request: Request<Body>,
    ) -> Result<A, RPCError<Types>> {
        let answer = self.http.request(request).await;
        let answer = answer.map_err(|error| match error.is_connect() {
            true => unreachable(error),
            false => lost(error),
        })?;
        let status = answer.status();
        let body = to_bytes(Body::new(answer.into_body()), ANSWER_MAX).await.map_err(lost)?;
        if !status.is_success() {
            return Err(unreachable(String::from_utf8_lossy(&body)));
        }
        serde_json::from_slice(&body).map_err(lost)
    }

    async fn snapshot(
        &self,
        vote: VoteOf<Types>,
        snapshot: SnapshotOf<Types, File>,
    ) -> Result<SnapshotResponse<Types>, RPCError<Types>> {
        let mut file = snapshot.snapshot;
        let len = len(&mut file).await.map_err(lost)?;
        let meta = serde_json::to_string(&Header { vote, meta: snapshot.meta, len });
        let request = Request::post(format!("{}/raft/snapshot", self.address))
            .header(META, meta.map_err(lost)?)
            .body(Body::from_stream(chunks(file)));
        self.send(request.map_err(lost)?).await
    }
}

impl RaftNetworkV2<Types> for Client {
    type SnapshotData = File;

    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<Types>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<Types>, RPCError<Types>> {
        self.post("raft/append", &rpc, &option).await
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        self.post("raft/vote", &rpc, &option).await
    }

    async fn pre_vote(
        &mut self,
        rpc: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        self.post("raft/pre-vote", &rpc, &option).await
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
}

/// Serves a raft in a task.
pub(crate) fn serve<SM>(listener: TcpListener, raft: Raft<Types, SM>)
where
    SM: RaftStateMachine<Types, SnapshotData = File>,
{
    let router = axum::Router::new()
        .route("/raft/snapshot", post(snapshot::<SM>))
        .route("/raft/{call}", post(call::<SM>))
        .layer(DefaultBodyLimit::disable())
        .with_state(raft);
    let listener = listener.tap_io(|socket| {
        // Without it the connection works as well.
        let _ = socket.set_nodelay(true);
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
}

async fn call<SM: RaftStateMachine<Types>>(
    State(raft): State<Raft<Types, SM>>,
    Path(call): Path<String>,
    body: Bytes,
) -> Response {
    match &*call {
        "append" => run(&body, |request| raft.append_entries(request)).await,
        "vote" => run(&body, |request| raft.vote(request)).await,
        "pre-vote" => run(&body, |request| raft.pre_vote(request)).await,
        _ => refuse(StatusCode::NOT_FOUND, "no such call"),
    }
}

async fn run<Q: DeserializeOwned, A: Serialize, E: Display>(
    body: &[u8],
    call: impl AsyncFnOnce(Q) -> Result<A, E>,
) -> Response {
    match serde_json::from_slice(body) {
        Ok(request) => answer(call(request).await),
        Err(error) => refuse(StatusCode::BAD_REQUEST, error),
    }
}

async fn snapshot<SM>(
    State(raft): State<Raft<Types, SM>>,
    headers: HeaderMap,
    body: Body,
) -> Response
where
    SM: RaftStateMachine<Types, SnapshotData = File>,
{
    let meta = headers.get(META).map(|meta| serde_json::from_slice(meta.as_bytes()));
    match meta {
        Some(Ok(meta)) => answer(receive(&raft, meta, body.into_data_stream()).await),
        Some(Err(error)) => refuse(StatusCode::BAD_REQUEST, error),
        None => refuse(StatusCode::BAD_REQUEST, "the header is missing"),
    }
}

fn answer<E: Display>(result: Result<impl Serialize, E>) -> Response {
    match result {
        Ok(value) => axum::Json(value).into_response(),
        Err(error) => refuse(StatusCode::SERVICE_UNAVAILABLE, error),
    }
}

fn refuse(status: StatusCode, error: impl Display) -> Response {
    (status, error.to_string()).into_response()
}
