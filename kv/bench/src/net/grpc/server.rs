//! The server's half of gRPC.

use std::convert::Infallible;
use std::fmt::Display;
use std::task::{Context, Poll};

use futures_util::StreamExt as _;
use futures_util::future::{BoxFuture, ready};
use grid_kv::model::Types;
use openraft::Raft;
use openraft::storage::RaftStateMachine;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::fs::File;
use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::codegen::http::{Request as HttpRequest, Response as HttpResponse};
use tonic::server::{Grpc, NamedService};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;
use tower::service_fn;

use super::wire::{
    APPEND, CONNECTION_WINDOW, Envelope, MESSAGE_MAX, PRE_VOTE, SNAPSHOT, STREAM, STREAM_WINDOW,
    VOTE, codec,
};
use crate::net::codec::{decode, encode, receive};

/// Serves a raft in a task.
pub(crate) fn serve<SM>(listener: TcpListener, raft: Raft<Types, SM>)
where
    SM: RaftStateMachine<Types, SnapshotData = File>,
{
    // The server's own option has no effect on listeners that are passed to it.
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let server = Server::builder()
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .add_service(Service(raft))
        .serve_with_incoming(incoming);
    tokio::spawn(server);
}

struct Service<SM>(Raft<Types, SM>)
where
    SM: RaftStateMachine<Types>;

impl<SM: RaftStateMachine<Types>> Clone for Service<SM> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<SM: RaftStateMachine<Types>> NamedService for Service<SM> {
    const NAME: &'static str = "raft.Raft";
}

fn grpc() -> Grpc<ProstCodec<Envelope, Envelope>> {
    Grpc::new(codec()).max_decoding_message_size(MESSAGE_MAX)
}

fn invalid(error: impl Display) -> Status {
    Status::invalid_argument(error.to_string())
}

/// The raft has stopped.
fn stopped(error: impl Display) -> Status {
    Status::failed_precondition(error.to_string())
}

fn argument<T: DeserializeOwned>(request: Request<Envelope>) -> Result<T, Status> {
    decode(&request.into_inner().data).map_err(invalid)
}

fn answer<E: Display>(result: Result<impl Serialize, E>) -> Result<Response<Envelope>, Status> {
    Ok(Response::new(Envelope { data: encode(&result.map_err(stopped)?) }))
}

async fn snapshot<SM>(
    raft: Raft<Types, SM>,
    request: Request<Streaming<Envelope>>,
) -> Result<Response<Envelope>, Status>
where
    SM: RaftStateMachine<Types, SnapshotData = File>,
{
    let mut parts = request.into_inner();
    let header = parts.message().await?.ok_or_else(|| invalid("the header is missing"))?;
    let header = decode(&header.data).map_err(invalid)?;
    let chunks = parts.map(|part| part.map(|part| part.data));
    answer(receive(&raft, header, chunks).await)
}

impl<SM> tower::Service<HttpRequest<Body>> for Service<SM>
where
    SM: RaftStateMachine<Types, SnapshotData = File>,
{
    type Response = HttpResponse<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: HttpRequest<Body>) -> Self::Future {
        let raft = self.0.clone();
        Box::pin(async move {
            let raft = &raft;
            Ok(match request.uri().path() {
                APPEND => {
                    let append = service_fn(move |request| {
                        let raft = raft.clone();
                        async move { answer(raft.append_entries(argument(request)?).await) }
                    });
                    grpc().unary(append, request).await
                }
                STREAM => {
                    let append = service_fn(move |request: Request<Streaming<Envelope>>| {
                        // What cannot be read ends the stream, as an input that has ended.
                        let requests = request.into_inner();
                        let requests = requests.map(|request| decode(&request.ok()?.data).ok());
                        let requests = requests.take_while(|read| ready(read.is_some()));
                        let requests = requests.filter_map(ready);
                        let results = raft.stream_append(requests);
                        let answers =
                            results.map(|result| answer(result).map(Response::into_inner));
                        async move { Ok::<_, Status>(Response::new(answers)) }
                    });
                    grpc().streaming(append, request).await
                }
                VOTE => {
                    let vote = service_fn(move |request| {
                        let raft = raft.clone();
                        async move { answer(raft.vote(argument(request)?).await) }
                    });
                    grpc().unary(vote, request).await
                }
                PRE_VOTE => {
                    let vote = service_fn(move |request| {
                        let raft = raft.clone();
                        async move { answer(raft.pre_vote(argument(request)?).await) }
                    });
                    grpc().unary(vote, request).await
                }
                SNAPSHOT => {
                    let install = service_fn(move |request| snapshot(raft.clone(), request));
                    grpc().client_streaming(install, request).await
                }
                _ => Status::unimplemented("no such method").into_http(),
            })
        })
    }
}
