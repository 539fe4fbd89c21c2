//! Nodes in hyper, in memory and in virtual time: routes, limits of strangers, timeouts, and polite ends.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use grid::{Config, LinkError, Manager, State};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::Message;

use crate::script::{Connect, Scripted};
use crate::support::{A, B};
use crate::{Hyper, SOON, assert_calls, dialing, listening};

#[tokio::test(start_paused = true)]
async fn both_nodes_call_each_other_for_an_hour_of_silence() {
    let (listener, _) = listening(|builder| builder);
    let dialer = dialing(Hyper(listener.http_service()), |builder| builder);
    assert_calls(&dialer, listener.name()).await;
    assert_calls(&listener, dialer.name()).await;
    let instance = dialer.connection(listener.name()).unwrap().state();
    // The server limits the time for headers to a second.
    sleep(Duration::from_secs(3600)).await;
    assert_calls(&dialer, listener.name()).await;
    assert_eq!(dialer.connection(listener.name()).unwrap().state(), instance);
    let stats = dialer.stats();
    assert_eq!(stats.connections.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn two_nodes_of_two_grids_have_two_routes() {
    let at = |route: &'static str| {
        move |builder: grid::Builder| builder.config(Config::default().route(route))
    };
    let (one, _) = listening(at("/one"));
    let (two, _) = listening(at("/two"));
    let (of_one, of_two) = (one.http_service(), two.http_service());
    let router = axum::Router::new()
        .route_service("/one", of_one)
        // A router that removes a prefix.
        .nest("/two", axum::Router::new().route_service("/", of_two.path("/")));
    let (listener, route) = crate::ports::in_memory(router);
    tokio::spawn(listener);
    let dialers = [("/one", &one), ("/two", &two)]
        .map(|(path, manager)| (dialing(route.clone(), at(path)), manager));
    for (dialer, manager) in &dialers {
        assert_calls(dialer, manager.name()).await;
    }
    one.shutdown(SOON).await;
    assert_calls(&dialers[1].0, two.name()).await;
}

/// Connects a scripted peer to a mounted node.
async fn connected(manager: &Manager, dialer: &str) -> Scripted {
    let mut socket = Scripted::upgrade(Hyper(manager.http_service()).open()).await;
    socket.connect(&Connect::new(dialer, manager.name(), 1, 1)).await.unwrap();
    manager.connection(dialer).unwrap().wait_connected(SOON).await.unwrap();
    socket
}

/// The reason of the close frame that a peer reads, and how long the shutdown takes if the peer closes its side, or not.
async fn shut_down(mut socket: Scripted, manager: Manager, is_polite: bool) -> (String, Duration) {
    let start = Instant::now();
    let ended = tokio::spawn(async move {
        manager.shutdown(Duration::from_secs(60)).await;
        start.elapsed()
    });
    let Message::Close(Some(frame)) = socket.0.next().await.unwrap().unwrap() else {
        panic!("no close frame")
    };
    assert_eq!(u16::from(frame.code), 1001);
    if is_polite {
        // Half-closed: this direction ends, and the other one is still read.
        let stream = socket.0.get_mut();
        assert_eq!(stream.read(&mut [0; 16]).await.unwrap(), 0);
        stream.write_all(b"late").await.unwrap();
        assert!(!ended.is_finished(), "it waits for the peer");
        stream.shutdown().await.unwrap();
    }
    (frame.reason.to_string(), ended.await.unwrap())
}

#[tokio::test(start_paused = true)]
async fn shutdown_closes_politely() {
    for is_mounted in [true, false] {
        for is_polite in [true, false] {
            let (manager, dialer) = listening(|builder| builder);
            let socket = if is_mounted {
                connected(&manager, dialer).await
            } else {
                let mut socket = Scripted::dial(&manager).await;
                socket.connect(&Connect::new(dialer, manager.name(), 1, 1)).await.unwrap();
                manager.connection(dialer).unwrap().wait_connected(SOON).await.unwrap();
                socket
            };
            let (reason, took) = shut_down(socket, manager, is_polite).await;
            assert_eq!(reason, "this node is shut down");
            // A peer that does not close its side is cut.
            let expected = if is_polite { 0..500 } else { 1000..1500 };
            assert!(expected.contains(&took.as_millis()), "{is_mounted} {is_polite} {took:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn dropping_the_node_closes_mounted_connections() {
    let (manager, dialer) = listening(|builder| builder);
    let mut socket = connected(&manager, dialer).await;
    drop(manager);
    let frame = timeout(SOON, socket.closed()).await.unwrap().unwrap();
    assert_eq!(frame.reason.as_str(), "this node is shut down");
}

#[tokio::test(start_paused = true)]
async fn one_that_upgrades_and_says_nothing_is_closed() {
    let (manager, _) = listening(|builder| builder);
    let mut socket = Scripted::upgrade(Hyper(manager.http_service()).open()).await;
    let start = Instant::now();
    socket.closed().await.expect("a reason");
    assert_eq!(start.elapsed().as_secs(), 10);
    let mut socket = Scripted::upgrade(Hyper(manager.http_service()).open()).await;
    socket.0.send(Message::Binary("garbage".into())).await.unwrap();
    let answer = socket.message().await.expect("a ConnectResponse");
    assert!(String::from_utf8_lossy(&answer).contains("the first message is malformed"));
}

#[tokio::test(start_paused = true)]
async fn one_address_cannot_hold_more_than_its_share() {
    let (manager, dialer) = listening(|builder| builder);
    let at = |host| {
        let address = SocketAddr::from(([192, 0, 2, host], 1));
        Hyper(manager.http_service().address_from(move |_| Some(address)))
    };
    let mut sockets = Vec::new();
    for _ in 0..128 {
        sockets.push(Scripted::upgrade(at(1).open()).await);
    }
    sleep(Duration::from_secs(2)).await;
    let mut other = Scripted::upgrade(at(2).open()).await;
    sockets.push(Scripted::upgrade(at(1).open()).await);
    let start = Instant::now();
    sockets[0].closed().await;
    assert!(start.elapsed() < Duration::from_secs(1), "the oldest one is closed at once");
    let last = sockets.last_mut().unwrap();
    last.connect(&Connect::new(dialer, manager.name(), 1, 1)).await.unwrap();
    other.connect(&Connect::new(dialer, manager.name(), 1, 2)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_node_that_was_restarted_is_reached_again_through_the_same_server() {
    let (first, _) = listening(|builder| builder);
    let current = std::sync::Arc::new(std::sync::Mutex::new(Hyper(first.http_service())));
    let dialed = std::sync::Arc::clone(&current);
    let dialer = dialing(Latest(dialed), |builder| builder);
    assert_calls(&dialer, first.name()).await;
    let name = first.name().to_owned();
    first.shutdown(SOON).await;
    drop(first);
    let connection = dialer.connection(&name).unwrap();
    connection.wait_connected(Duration::from_secs(5)).await.unwrap_err();
    let State::Error(reason) = connection.state() else { panic!("{}", connection.state()) };
    let LinkError::Upgrade { status, text, .. } = &*reason else { panic!("{reason}") };
    assert_eq!((&**status, &**text), ("503 Service Unavailable", "this node is shut down"));
    let (second, _) = listening(|builder| builder);
    *current.lock().unwrap() = Hyper(second.http_service());
    assert_calls(&dialer, &name).await;
    assert!([A, B].contains(&&*name));
}

/// Dials the server that was set last.
struct Latest(std::sync::Arc<std::sync::Mutex<Hyper>>);

impl grid::Dial for Latest {
    fn dial<'a>(&'a self, _: &'a str) -> grid::Dialing<'a> {
        let stream = self.0.lock().unwrap().open();
        Box::pin(async move { Ok(Box::new(stream) as Box<dyn grid::Io>) })
    }
}
