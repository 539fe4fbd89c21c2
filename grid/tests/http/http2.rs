//! A proxy that changes the upgrade of HTTP/1.1 to an extended CONNECT of HTTP/2 (RFC 8441), as some proxies do.

use std::time::Duration;

use axum::Router;
use grid::{Dial, Dialing, Io, ROUTE, SharedSecret};
use http::{Method, Request, Response, Version};
use hyper::body::Incoming;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper::ext::Protocol;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::ports::{Route, in_memory};
use crate::{assert_calls, dialing, listening};

type Empty = axum::body::Body;

/// Opens a connection of HTTP/2 to the server.
async fn http2(route: &Route) -> SendRequest<Empty> {
    let (requests, connection) =
        handshake(TokioExecutor::new(), TokioIo::new(route.open())).await.unwrap();
    tokio::spawn(connection);
    // Until the settings of the server have arrived, it is not known whether it accepts an extended CONNECT.
    tokio::time::sleep(Duration::from_millis(1)).await;
    requests
}

/// An extended CONNECT with these headers.
fn connect(protocol: Option<&'static str>, headers: &[(&str, &str)]) -> Request<Empty> {
    let mut request = Request::builder()
        .method(Method::CONNECT)
        .uri(format!("http://a:1{ROUTE}"))
        .version(Version::HTTP_2)
        .header("sec-websocket-version", "13");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Empty::empty()).unwrap();
    if let Some(protocol) = protocol {
        request.extensions_mut().insert(Protocol::from_static(protocol));
    }
    request
}

/// Dials through the proxy.
struct Proxied(Route);

impl Dial for Proxied {
    fn dial<'a>(&'a self, _: &'a str) -> Dialing<'a> {
        let (near, far) = duplex(64 * 1024);
        let route = self.0.clone();
        tokio::spawn(proxy(far, route));
        Box::pin(async move { Ok(Box::new(near) as Box<dyn Io>) })
    }
}

/// Passes on one connection.
async fn proxy(mut near: DuplexStream, route: Route) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(near.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let value = |name: &str| {
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).unwrap().1
    };
    let headers = ["authorization", "x-minio-time"].map(|name| (name, value(name)));
    let mut requests = http2(&route).await;
    let response = requests.send_request(connect(Some("websocket"), &headers)).await.unwrap();
    assert_eq!(response.status(), 200);
    let accept = derive_accept_key(value("sec-websocket-key").as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    near.write_all(answer.as_bytes()).await.unwrap();
    let mut far = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
    let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
}

#[tokio::test(start_paused = true)]
async fn a_node_is_reached_over_http2() {
    let secret = SharedSecret::new("correct horse");
    let (listener, _) = listening(|builder| builder.token(secret.clone()));
    let app = Router::new().route_service(ROUTE, listener.http_service());
    let (served, route) = in_memory(app);
    tokio::spawn(served);
    let dialer = dialing(Proxied(route.clone()), |builder| builder.token(secret));
    assert_calls(&dialer, listener.name()).await;
    assert_calls(&listener, dialer.name()).await;
    // The end is announced over HTTP/2 as well.
    let connection = dialer.connection(listener.name()).unwrap();
    let states = connection.states();
    listener.shutdown(crate::SOON).await;
    let lost = states.wait_for(|state| !state.is_connected()).await;
    assert!(format!("{lost:?}").contains("this node is shut down"), "{lost:?}");
}

#[tokio::test(start_paused = true)]
async fn wrong_requests_of_http2_have_their_statuses() {
    let (manager, _) = listening(|builder| builder.token(SharedSecret::new("correct horse")));
    let app = Router::new().route_service(ROUTE, manager.http_service());
    let (served, route) = in_memory(app);
    tokio::spawn(served);
    let get = || {
        let request = Request::get(format!("http://a:1{ROUTE}")).version(Version::HTTP_2);
        request.body(Empty::empty()).unwrap()
    };
    let status = |response: Response<Incoming>| response.status().as_u16();
    let mut requests = http2(&route).await;
    let response = requests.send_request(get()).await.unwrap();
    assert_eq!(response.headers()["allow"], "CONNECT");
    assert_eq!(status(response), 405);
    for (protocol, token, expected) in
        [("websocket", "Bearer wrong", 403), ("connect-udp", "Bearer correct horse", 400)]
    {
        let request = connect(Some(protocol), &[("authorization", token)]);
        assert_eq!(status(requests.send_request(request).await.unwrap()), expected, "{protocol}");
    }
    let mut old = connect(Some("websocket"), &[]);
    old.headers_mut().insert("sec-websocket-version", "8".parse().unwrap());
    let response = requests.send_request(old).await.unwrap();
    assert_eq!(response.headers()["sec-websocket-version"], "13");
    assert_eq!(status(response), 426);
}
