//! A key-value service with tonic, for `grid-bench build`; see `bench/README.md`.
//!
//! Messages and service are written as the generator would write them, because it needs `protoc`.
//! `main` calls everything, so that the linker drops nothing which a user of the service would need.

#[path = "../../store.rs"]
mod store;

use std::convert::Infallible;
use std::error::Error;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::codegen::http::{self, uri::PathAndQuery};
use tonic::codegen::tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::{BoxFuture, Service};
use tonic::server::NamedService;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;
use tower::service_fn;

use crate::store::Store;

const GET: &str = "/store.Kv/Get";
const PUT: &str = "/store.Kv/Put";
const WATCH: &str = "/store.Kv/Watch";

/// Number of entries that wait to be sent to a watcher.
const ENTRIES_MAX: usize = 16;

#[derive(Clone, PartialEq, prost::Message)]
struct Key {
    #[prost(string, tag = "1")]
    key: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Value {
    #[prost(bytes = "bytes", optional, tag = "1")]
    value: Option<Bytes>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Entry {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(bytes = "bytes", tag = "2")]
    value: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Empty {}

#[derive(Debug, Clone)]
struct KvServer(Store);

impl NamedService for KvServer {
    const NAME: &'static str = "store.Kv";
}

impl Service<http::Request<Body>> for KvServer {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let store = self.0.clone();
        Box::pin(async move {
            Ok(match request.uri().path() {
                GET => {
                    let get = service_fn(move |request: Request<Key>| {
                        let value = store.get(&request.into_inner().key);
                        async { Ok(Response::new(Value { value })) }
                    });
                    tonic::server::Grpc::new(ProstCodec::default()).unary(get, request).await
                }
                PUT => {
                    let put = service_fn(move |request: Request<Entry>| {
                        let Entry { key, value } = request.into_inner();
                        store.put(key, value);
                        async { Ok(Response::new(Empty {})) }
                    });
                    tonic::server::Grpc::new(ProstCodec::default()).unary(put, request).await
                }
                WATCH => {
                    let watch = service_fn(move |request: Request<Key>| {
                        let entries = watch(&store, request.into_inner().key);
                        async { Ok(Response::new(entries)) }
                    });
                    let mut grpc = tonic::server::Grpc::new(ProstCodec::default());
                    grpc.server_streaming(watch, request).await
                }
                _ => Status::unimplemented("no such method").into_http(),
            })
        })
    }
}

fn watch(store: &Store, prefix: String) -> ReceiverStream<Result<Entry, Status>> {
    let mut watch = store.watch(prefix);
    let (sender, entries) = mpsc::channel(ENTRIES_MAX);
    tokio::spawn(async move {
        while let Some((key, value)) = watch.next().await {
            if sender.send(Ok(Entry { key, value })).await.is_err() {
                break;
            }
        }
    });
    ReceiverStream::new(entries)
}

#[derive(Debug)]
struct KvClient(Grpc<Channel>);

impl KvClient {
    async fn get(&mut self, key: String) -> Result<Option<Bytes>, Box<dyn Error>> {
        self.0.ready().await?;
        let (path, codec) = (PathAndQuery::from_static(GET), ProstCodec::default());
        let answer: Response<Value> = self.0.unary(Request::new(Key { key }), path, codec).await?;
        Ok(answer.into_inner().value)
    }

    async fn put(&mut self, key: String, value: Bytes) -> Result<(), Box<dyn Error>> {
        self.0.ready().await?;
        let (path, codec) = (PathAndQuery::from_static(PUT), ProstCodec::default());
        let request = Request::new(Entry { key, value });
        let _: Response<Empty> = self.0.unary(request, path, codec).await?;
        Ok(())
    }

    async fn watch(&mut self, key: String) -> Result<Streaming<Entry>, Box<dyn Error>> {
        self.0.ready().await?;
        let (path, codec) = (PathAndQuery::from_static(WATCH), ProstCodec::default());
        Ok(self.0.server_streaming(Request::new(Key { key }), path, codec).await?.into_inner())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    let server = Server::builder().add_service(KvServer(Store::new()));
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));

    let mut kv = KvClient(Grpc::new(Endpoint::from_shared(address)?.connect().await?));
    kv.put("a/1".to_owned(), "one".into()).await?;
    println!("get: {:?}", kv.get("a/1".to_owned()).await?);
    let mut entries = kv.watch("a/".to_owned()).await?;
    println!("watch: {:?}", entries.message().await?);
    kv.put("a/2".to_owned(), "two".into()).await?;
    println!("watch: {:?}", entries.message().await?);
    Ok(())
}
