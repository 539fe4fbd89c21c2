//! One port for REST, gRPC and a grid: axum, with a service of tonic, over loopback sockets.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{ConnectInfo, Path};
use axum::routing::get;
use bytes::{Buf as _, BufMut as _};
use futures_util::future::BoxFuture;
use grid::{
    Ask, Authenticate, Authenticating, Claim, Denied, Dial, Dialing, Identity, Io, Manager, ROUTE,
    TokenFuture,
};
use http::uri::PathAndQuery;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::{NamedService, UnaryService};
use tonic::{Request, Response, Status};

use crate::assert_calls;
use crate::double::{DoubleServer, Doubler};

/// Keeps the addresses that it is asked about.
#[derive(Clone, Default)]
struct Addresses(Arc<Mutex<Vec<Option<SocketAddr>>>>);

impl Authenticate for Addresses {
    fn token<'a>(&'a self, _: Ask<'a>) -> TokenFuture<'a> {
        Box::pin(async { Ok("".into()) })
    }

    fn check<'a>(&'a self, claim: Claim<'a>) -> Authenticating<'a, Result<Identity, Denied>> {
        self.0.lock().unwrap().push(claim.address);
        Box::pin(async { Ok(Identity::unproven("a test")) })
    }
}

/// Starts a node whose name is the address of a server, and one that dials it. `mount` returns the server's routes.
async fn serve(mount: impl FnOnce(&Manager) -> Router) -> (SocketAddr, [Manager; 2]) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = format!("http://{address}");
    let names = (0..).map(|number| format!("http://dialer{number}:1"));
    let dialer = names.into_iter().find(|name| grid::dials(name, &served)).unwrap();
    let hosts = [served.clone(), dialer.clone()];
    let node = |name: &str| {
        Manager::builder(name)
            .hosts(hosts.clone())
            .token(grid::NoAuth)
            .service(DoubleServer::new(Doubler))
    };
    let listening = node(&served).token(Addresses::default()).build().unwrap();
    let app = mount(&listening).into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (address, [listening, node(&dialer).build().unwrap()])
}

/// Sends a request over HTTP/1.1, and returns the response.
async fn rest(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn hello() -> Router {
    Router::new().route(
        "/hello/{name}",
        get(|Path(name): Path<String>| async move { format!("Hi, {name}") }),
    )
}

#[tokio::test]
async fn axum_serves_rest_and_a_grid() {
    let addresses = Addresses::default();
    let seen = addresses.clone();
    let (address, [listener, dialer]) = serve(|manager| {
        let grid = manager.http_service().address_from(move |request| {
            let info = request.extensions.get::<ConnectInfo<SocketAddr>>();
            let address = info.map(|info| info.0);
            addresses.0.lock().unwrap().push(address);
            address
        });
        hello().route_service(ROUTE, grid)
    })
    .await;
    assert_calls(&dialer, listener.name()).await;
    assert_calls(&listener, dialer.name()).await;
    assert!(rest(address, "/hello/you").await.ends_with("Hi, you"));
    assert!(rest(address, ROUTE).await.starts_with("HTTP/1.1 426"));
    assert!(rest(address, "/none").await.starts_with("HTTP/1.1 404"));
    let seen = seen.0.lock().unwrap();
    assert!(seen.iter().all(|address| address.unwrap().ip().is_loopback()) && seen.len() >= 2);
    let answered = dialer.connection(listener.name()).unwrap();
    assert!(answered.state().is_connected());
}

/// Messages that are strings, without a schema.
#[derive(Clone, Copy, Default)]
struct Text;

impl Codec for Text {
    type Encode = String;
    type Decode = String;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Text {
    type Item = String;
    type Error = Status;

    fn encode(&mut self, text: String, bytes: &mut EncodeBuf<'_>) -> Result<(), Status> {
        bytes.put_slice(text.as_bytes());
        Ok(())
    }
}

impl Decoder for Text {
    type Item = String;
    type Error = Status;

    fn decode(&mut self, bytes: &mut DecodeBuf<'_>) -> Result<Option<String>, Status> {
        let text = bytes.copy_to_bytes(bytes.remaining());
        Ok(Some(String::from_utf8_lossy(&text).into_owned()))
    }
}

/// A gRPC service with one method, written by hand.
#[derive(Clone)]
struct Greeter;

impl NamedService for Greeter {
    const NAME: &'static str = "test.Greeter";
}

impl UnaryService<String> for Greeter {
    type Response = String;
    type Future = BoxFuture<'static, Result<Response<String>, Status>>;

    fn call(&mut self, request: Request<String>) -> Self::Future {
        Box::pin(async move { Ok(Response::new(format!("Hello, {}", request.into_inner()))) })
    }
}

impl tower_service::Service<http::Request<tonic::body::Body>> for Greeter {
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        Box::pin(async move { Ok(tonic::server::Grpc::new(Text).unary(Self, request).await) })
    }
}

async fn greet(address: SocketAddr, name: &str) -> String {
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{address}")).unwrap();
    let mut client = tonic::client::Grpc::new(endpoint.connect().await.unwrap());
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static("/test.Greeter/Greet");
    let answer = client.unary(Request::new(name.to_owned()), path, Text).await;
    answer.unwrap().into_inner()
}

#[tokio::test]
async fn one_port_serves_rest_grpc_and_a_grid() {
    let (address, [listener, dialer]) = serve(|manager| {
        tonic::service::Routes::new(Greeter)
            .into_axum_router()
            .merge(hello())
            .route_service(ROUTE, manager.http_service())
    })
    .await;
    for _ in 0..2 {
        assert_calls(&dialer, listener.name()).await;
        assert_eq!(greet(address, "you").await, "Hello, you");
        assert!(rest(address, "/hello/you").await.ends_with("Hi, you"));
    }
    listener.shutdown(crate::SOON).await;
    // The server goes on.
    assert_eq!(greet(address, "you").await, "Hello, you");
    assert!(rest(address, ROUTE).await.starts_with("HTTP/1.1 503"));
}

/// A listener of axum in memory.
struct InMemory(mpsc::UnboundedReceiver<DuplexStream>);

impl axum::serve::Listener for InMemory {
    type Io = DuplexStream;
    type Addr = ();

    async fn accept(&mut self) -> (DuplexStream, ()) {
        match self.0.recv().await {
            Some(stream) => (stream, ()),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Dials a server in memory.
#[derive(Clone)]
pub(crate) struct Route(mpsc::UnboundedSender<DuplexStream>);

impl Route {
    pub(crate) fn open(&self) -> DuplexStream {
        let (near, far) = duplex(64 * 1024);
        // Closed if the server is gone.
        let _ = self.0.send(far);
        near
    }
}

impl Dial for Route {
    fn dial<'a>(&'a self, _: &'a str) -> Dialing<'a> {
        let stream = self.open();
        Box::pin(async move { Ok(Box::new(stream) as Box<dyn Io>) })
    }
}

/// A server of axum in memory, and how it is dialed.
pub(crate) fn in_memory(app: Router) -> (impl Future<Output = ()> + Send, Route) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let served = async move { axum::serve(InMemory(receiver), app).await.unwrap() };
    (served, Route(sender))
}
