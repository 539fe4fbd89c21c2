//! Each wrong request has its status, and the same one from the node's own listener.

use std::net::SocketAddr;
use std::sync::Arc;

use grid::{
    Ask, Authenticate, Authenticating, Claim, Denied, HttpService, Identity, ROUTE, StaticToken,
    TokenFuture,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::Instant;
use tower_service::Service as _;
use tracing::Level;

use crate::lines::Lines;
use crate::{Hyper, listening};

const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
const KEY: &str = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const TOKEN: &str = "Authorization: Bearer correct horse\r\n";

/// Sends a request, and returns the headers of the response and what was read beyond.
async fn answer(mut stream: DuplexStream, start: &str, headers: &[&str]) -> String {
    let request = format!("{start}\r\nHost: a:1\r\n{}\r\n", headers.concat());
    stream.write_all(request.as_bytes()).await.unwrap();
    let (mut answer, mut space) = (String::new(), [0; 1024]);
    while !answer.contains("\r\n\r\n") {
        let len = stream.read(&mut space).await.unwrap();
        assert!(len > 0, "closed after {answer:?}");
        answer += std::str::from_utf8(&space[..len]).unwrap();
    }
    answer.to_lowercase()
}

#[tokio::test(start_paused = true)]
async fn each_request_has_its_status_as_at_the_own_listener() {
    let (manager, _) = listening(|builder| builder.token(StaticToken::new("correct horse")));
    let hyper = Hyper(manager.http_service());
    let get = format!("GET {ROUTE} HTTP/1.1");
    let post = format!("POST {ROUTE} HTTP/1.1");
    let old = KEY.replace("13", "8");
    for (start, headers, status, also) in [
        (
            &*get,
            &[UPGRADE, KEY, TOKEN][..],
            101,
            "sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=",
        ),
        (&get, &[UPGRADE, KEY], 403, "auth token: invalid token"),
        (&get, &[UPGRADE, KEY, "Authorization: Bearer x\r\n"], 403, "auth token: invalid token"),
        ("GET /other HTTP/1.1", &[UPGRADE, KEY, TOKEN], 404, "no grid at /other"),
        (&get, &[KEY, TOKEN], 426, "upgrade: websocket"),
        (&get, &[KEY, TOKEN], 426, "a proxy in between may have removed"),
        (
            &get,
            &["Connection: keep-alive\r\nUpgrade: websocket\r\n", KEY, TOKEN],
            426,
            "connection: upgrade",
        ),
        (&get, &["Connection: Upgrade\r\nUpgrade: h2c\r\n", KEY, TOKEN], 426, "upgrade: websocket"),
        (&get, &[UPGRADE, &old, TOKEN], 426, "sec-websocket-version: 13"),
        (&post, &[UPGRADE, KEY, TOKEN], 405, "allow: get"),
        (&post.replace("POST", "HEAD"), &[UPGRADE, KEY, TOKEN], 405, "allow: get"),
        (&get.replace("1.1", "1.0"), &[UPGRADE, KEY, TOKEN], 426, "upgrade: websocket"),
        ("OPTIONS / HTTP/1.0", &[], 404, "no grid at /"),
        (&get, &[UPGRADE, "Sec-WebSocket-Version: 13\r\n", TOKEN], 400, "no sec-websocket-key"),
    ] {
        let (near, far) = duplex(64 * 1024);
        let own = manager.clone();
        tokio::spawn(async move { own.accept(far).await });
        for stream in [hyper.open(), near] {
            let answer = answer(stream, start, headers).await;
            let case = format!("{start} {headers:?}: {answer}");
            let (version, rest) = answer.split_once(' ').unwrap();
            assert!(
                version.starts_with("http/1.") && rest.starts_with(&status.to_string()),
                "{case}"
            );
            assert!(answer.contains(also), "{case}");
        }
    }
}

/// Calls the service without a server.
async fn call(service: &HttpService, token: &str) -> (u16, String) {
    let request = http::Request::get(ROUTE)
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("authorization", format!("Bearer {token}"));
    let response = service.clone().call(request.body(()).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let mut body = std::pin::pin!(response.into_body());
    let frame = std::future::poll_fn(|cx| http_body::Body::poll_frame(body.as_mut(), cx)).await;
    let text = frame.map(|frame| frame.unwrap().into_data().unwrap()).unwrap_or_default();
    (status, String::from_utf8(text.to_vec()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_server_that_cannot_upgrade_is_named() {
    let (manager, _) = listening(|builder| builder);
    let (status, text) = call(&manager.http_service(), "").await;
    assert_eq!((status, &*text), (500, "the HTTP server offers no upgrade of this request"));

    let (lines, _guard) = Lines::collect();
    let (near, far) = duplex(64 * 1024);
    let server = hyper::server::conn::http1::Builder::new();
    tokio::spawn(
        server.serve_connection(hyper_util::rt::TokioIo::new(far), manager.http_service()),
    );
    let get = format!("GET {ROUTE} HTTP/1.1");
    answer(near, &get, &[UPGRADE, KEY, TOKEN]).await;
    tokio::time::sleep(crate::SOON).await;
    let warned = lines.with(Level::WARN, "with_upgrades");
    assert_eq!(warned.len(), 1, "{warned:?}");
}

#[tokio::test(start_paused = true)]
async fn refusals_are_logged_with_the_address_and_health_checks_are_not() {
    let (manager, dialer) = listening(|builder| builder.token(StaticToken::new("correct horse")));
    let address: SocketAddr = "192.0.2.7:7".parse().unwrap();
    let service = manager.http_service().address_from(move |_| Some(address));
    let (lines, _guard) = Lines::collect();
    let hyper = Hyper(service.clone());
    for _ in 0..5 {
        answer(hyper.open(), &format!("GET {ROUTE} HTTP/1.1"), &[]).await;
    }
    assert_eq!(lines.with(Level::INFO, "").len(), 0);
    for _ in 0..5 {
        assert_eq!(call(&service, "wrong").await.0, 403);
        assert_eq!(call(&service.clone().path("/x"), "wrong").await.0, 404);
    }
    for (status, name) in [("403 Forbidden", dialer), ("404 Not Found", dialer)] {
        let warned = lines.with(Level::WARN, status);
        assert_eq!(warned.len(), 1, "{warned:?}");
        assert!(warned[0].contains("192.0.2.7") && warned[0].contains(name), "{warned:?}");
        assert!(!warned[0].contains("wrong"), "{warned:?}");
    }
}

/// Panics where it is told to, and shows the address that it was asked about.
struct Panics;

impl Authenticate for Panics {
    fn token<'a>(&'a self, _: Ask<'a>) -> TokenFuture<'a> {
        Box::pin(async { Ok("".into()) })
    }

    fn check<'a>(&'a self, claim: Claim<'a>) -> Authenticating<'a, Result<Identity, Denied>> {
        assert!(claim.token != "panic", "as a test");
        let address = format!("{:?}", claim.address);
        Box::pin(async { Err(Denied::new(address)) })
    }
}

#[tokio::test(start_paused = true)]
async fn code_of_the_user_that_panics_fails_only_its_own_request() {
    let (manager, _) = listening(|builder| builder.token(Panics));
    let service = manager.http_service();
    let (lines, _guard) = Lines::collect();
    assert_eq!(call(&service, "panic").await.0, 503);
    let bad = service.clone().address_from(|_| panic!("as another test"));
    assert_eq!(call(&bad, "").await.0, 503);
    assert_eq!(lines.with(Level::WARN, "as a test").len(), 1);
    // A repeat of the same kind.
    assert_eq!(lines.with(Level::DEBUG, "as another test").len(), 1);
    assert_eq!(call(&service, "").await, (403, "auth token: None".to_owned()));
    let address = SocketAddr::from(([192, 0, 2, 1], 1));
    let known = service.address_from(move |_| Some(address));
    assert_eq!(call(&known, "").await, (403, "auth token: Some(192.0.2.1:1)".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn after_the_end_of_the_node_the_answer_is_503() {
    let (manager, _) = listening(|builder| builder);
    let service = manager.http_service();
    manager.shutdown(crate::SOON).await;
    assert_eq!(call(&service, "").await, (503, "this node is shut down".to_owned()));
    let (manager, _) = listening(|builder| builder);
    let service = manager.http_service();
    drop(manager);
    assert_eq!(call(&service, "").await.0, 503, "the service does not keep the node");
}

/// Never answers. Its questions are the clones of the counter.
struct Silent(Arc<()>);

impl Authenticate for Silent {
    fn token<'a>(&'a self, _: Ask<'a>) -> TokenFuture<'a> {
        Box::pin(async { Ok("".into()) })
    }

    fn check<'a>(&'a self, _: Claim<'a>) -> Authenticating<'a, Result<Identity, Denied>> {
        let asked = Arc::clone(&self.0);
        Box::pin(async move {
            let _asked = asked;
            std::future::pending().await
        })
    }
}

/// Lets tasks run until a question is open, or none is.
async fn until(counter: &Arc<()>, is_open: bool) {
    for _ in 0..100 {
        if (Arc::strong_count(counter) > 2) == is_open {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("not within 100 rounds");
}

#[tokio::test(start_paused = true)]
async fn an_open_request_ends_with_its_dialer_and_with_the_node() {
    let counter = Arc::default();
    let silent = Silent(Arc::clone(&counter));
    let (manager, _) = listening(|builder| builder.token(silent));
    let service = manager.http_service();
    let ask = || {
        let service = service.clone();
        tokio::spawn(async move { call(&service, "").await })
    };
    let gone = ask();
    until(&counter, true).await;
    gone.abort();
    until(&counter, false).await;
    let start = Instant::now();
    assert_eq!(ask().await.unwrap().0, 403, "the authenticator has 10 s");
    assert_eq!(start.elapsed().as_secs(), 10);
    let waiting = ask();
    until(&counter, true).await;
    let start = Instant::now();
    manager.shutdown(crate::SOON).await;
    assert_eq!(waiting.await.unwrap(), (503, "this node is shut down".to_owned()));
    assert!(start.elapsed().as_secs() < 5);
}

fn is_fit<T: Clone + Send + Sync + 'static>(_: &T) {}

#[tokio::test]
async fn a_service_is_clone_send_sync_and_static() {
    let (manager, _) = listening(|builder| builder);
    let service = manager.http_service();
    is_fit(&service);
    assert!(format!("{service:?}").contains(ROUTE));
}
