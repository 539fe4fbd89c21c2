//! tonic with prost, without generated code: the messages derive `prost::Message`, and the service is written by hand
//! as the generator would write it, so that a Rust toolchain is enough to build this.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use ::tonic::body::Body;
use ::tonic::client::Grpc;
use ::tonic::server::NamedService;
use ::tonic::transport::server::TcpIncoming;
use ::tonic::transport::{
    Certificate, Channel, ClientTlsConfig, Endpoint, Identity, Server, ServerTlsConfig,
};
use ::tonic::{Request, Response, Status, Streaming};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream;
use http::uri::PathAndQuery;
use tokio::net::TcpListener;
use tonic_prost::ProstCodec;
use tower::service_fn;

use super::certificate;
use super::contender::{Client, Contender, Listener, ended};
use crate::cell::{BULK_BYTES, SMALL_BYTES, Small, payload};
use crate::clock::Tally;
use crate::error::Result;

/// Maximum number of calls in flight. The server's default is 200.
const IN_FLIGHT_MAX: u32 = 4096;

/// HTTP/2 windows of a stream and of the connection. With the default of 64 KiB, large messages wait for the peer.
const STREAM_WINDOW: u32 = 2 * BULK_BYTES as u32;
const CONNECTION_WINDOW: u32 = 8 * BULK_BYTES as u32;

const ECHO: &str = "/bench.Bench/Echo";
const SMALL: &str = "/bench.Bench/Small";
const STREAM: &str = "/bench.Bench/Stream";
const TWO_WAY: &str = "/bench.Bench/TwoWay";

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Payload {
    #[prost(bytes = "bytes", tag = "1")]
    data: Bytes,
}

impl Payload {
    fn item() -> Self {
        Self { data: payload(SMALL_BYTES) }
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SmallMessage {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(uint64, tag = "3")]
    size: u64,
    #[prost(double, tag = "4")]
    ratio: f64,
    #[prost(bool, tag = "5")]
    is_dir: bool,
    #[prost(uint32, repeated, tag = "6")]
    parts: Vec<u32>,
}

impl From<Small> for SmallMessage {
    fn from(Small { id, name, size, ratio, is_dir, parts }: Small) -> Self {
        Self { id, name, size, ratio, is_dir, parts }
    }
}

impl From<SmallMessage> for Small {
    fn from(SmallMessage { id, name, size, ratio, is_dir, parts }: SmallMessage) -> Self {
        Self { id, name, size, ratio, is_dir, parts }
    }
}

#[derive(Debug, Clone)]
struct Bench;

impl NamedService for Bench {
    const NAME: &'static str = "bench.Bench";
}

fn server<M>() -> ::tonic::server::Grpc<ProstCodec<M, M>>
where
    M: prost::Message + Default + 'static,
{
    ::tonic::server::Grpc::new(ProstCodec::default())
}

impl tower::Service<http::Request<Body>> for Bench {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            Ok(match request.uri().path() {
                ECHO => {
                    let echo = service_fn(async |request: Request<Payload>| {
                        Ok(Response::new(request.into_inner()))
                    });
                    server().unary(echo, request).await
                }
                SMALL => {
                    let small = service_fn(async |request: Request<SmallMessage>| {
                        Ok(Response::new(Small::from(request.into_inner()).into()))
                    });
                    server::<SmallMessage>().unary(small, request).await
                }
                STREAM => {
                    let items = service_fn(async |_: Request<Payload>| {
                        Ok(Response::new(stream::repeat_with(|| Ok(Payload::item()))))
                    });
                    server().server_streaming(items, request).await
                }
                TWO_WAY => {
                    let echo = service_fn(async |request: Request<Streaming<Payload>>| {
                        Ok(Response::new(request.into_inner()))
                    });
                    server().streaming(echo, request).await
                }
                _ => Status::unimplemented("no such method").into_http(),
            })
        })
    }
}

pub(crate) struct Tonic;

impl Contender for Tonic {
    type Client = TonicClient;

    async fn serve(listener: Listener, _: SocketAddr) -> Result<()> {
        serve(with_windows(Server::builder()), listener.socket);
        Ok(())
    }

    async fn connect(_: Listener, peer: SocketAddr) -> Result<TonicClient> {
        connect(Endpoint::from_shared(format!("http://{peer}"))?).await
    }
}

/// The same over TLS.
pub(crate) struct OverTls;

impl Contender for OverTls {
    type Client = TonicClient;

    async fn serve(listener: Listener, _: SocketAddr) -> Result<()> {
        let identity = Identity::from_pem(certificate::certificate(), certificate::key());
        let server = Server::builder().tls_config(ServerTlsConfig::new().identity(identity))?;
        serve(with_windows(server), listener.socket);
        Ok(())
    }

    async fn connect(_: Listener, peer: SocketAddr) -> Result<TonicClient> {
        let ca = Certificate::from_pem(certificate::certificate());
        let tls = ClientTlsConfig::new().ca_certificate(ca).domain_name(certificate::HOST);
        connect(Endpoint::from_shared(format!("https://{peer}"))?.tls_config(tls)?).await
    }
}

/// The same with windows that adapt to the line.
pub(crate) struct Adaptive;

impl Contender for Adaptive {
    type Client = TonicClient;

    async fn serve(listener: Listener, _: SocketAddr) -> Result<()> {
        serve(Server::builder().http2_adaptive_window(Some(true)), listener.socket);
        Ok(())
    }

    async fn connect(_: Listener, peer: SocketAddr) -> Result<TonicClient> {
        let endpoint = Endpoint::from_shared(format!("http://{peer}"))?;
        let channel = endpoint.tcp_nodelay(true).http2_adaptive_window(true).connect().await?;
        Ok(TonicClient(Grpc::new(channel)))
    }
}

fn with_windows(server: Server) -> Server {
    server
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
}

fn serve(server: Server, listener: TcpListener) {
    // The server's own option has no effect on listeners that are passed to it.
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let server = server
        .max_concurrent_streams(IN_FLIGHT_MAX)
        .add_service(Bench)
        .serve_with_incoming(incoming);
    tokio::spawn(server);
}

async fn connect(endpoint: Endpoint) -> Result<TonicClient> {
    let channel = endpoint
        .tcp_nodelay(true)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .connect()
        .await?;
    Ok(TonicClient(Grpc::new(channel)))
}

#[derive(Debug, Clone)]
pub(crate) struct TonicClient(Grpc<Channel>);

impl TonicClient {
    async fn items(&self) -> Result<Streaming<Payload>> {
        let mut grpc = self.0.clone();
        grpc.ready().await?;
        let codec = ProstCodec::<Payload, Payload>::default();
        let path = PathAndQuery::from_static(STREAM);
        let items = grpc.server_streaming(Request::new(Payload::default()), path, codec).await?;
        Ok(items.into_inner())
    }

    async fn unary<M>(&self, message: M, path: &'static str) -> Result<M>
    where
        M: prost::Message + Default + 'static,
    {
        let mut grpc = self.0.clone();
        grpc.ready().await?;
        let path = PathAndQuery::from_static(path);
        let codec = ProstCodec::<M, M>::default();
        Ok(grpc.unary(Request::new(message), path, codec).await?.into_inner())
    }
}

/// Reads a stream until the measurement is over.
async fn read(mut items: Streaming<Payload>, tally: &Tally) -> Result<()> {
    while tally.one() {
        items.message().await?.ok_or_else(ended)?;
    }
    Ok(())
}

impl Client for TonicClient {
    async fn echo(&self, payload: Bytes) -> Result<usize> {
        Ok(self.unary(Payload { data: payload }, ECHO).await?.data.len())
    }

    async fn small(&self, small: Small) -> Result<Small> {
        Ok(self.unary(SmallMessage::from(small), SMALL).await?.into())
    }

    async fn stream(&self, tally: Tally) -> Result<()> {
        read(self.items().await?, &tally).await
    }

    async fn paced_stream(&self, tally: Tally, pause: Duration) -> Result<()> {
        let mut items = self.items().await?;
        while !tally.is_over() {
            items.message().await?.ok_or_else(ended)?;
            tokio::time::sleep(pause).await;
        }
        Ok(())
    }

    async fn two_way(&self, tally: Tally) -> Result<()> {
        let mut grpc = self.0.clone();
        grpc.ready().await?;
        let codec = ProstCodec::<Payload, Payload>::default();
        let requests = Request::new(stream::repeat_with(Payload::item));
        let items = grpc.streaming(requests, PathAndQuery::from_static(TWO_WAY), codec).await?;
        read(items.into_inner(), &tally).await
    }
}
