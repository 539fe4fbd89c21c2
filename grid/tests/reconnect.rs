//! Links that are lost, replaced and established again.

mod support;

use std::time::Duration;

use bytes::Bytes;
use grid::testing::TestGrid;
use grid::{Builder, CallError, Capacities, LinkError, RemoteError, Sent, State};
use support::{A, B, pair};
use tokio::time::{Instant, sleep};

const SLEEP: u8 = 1;
const FOREVER: u8 = 2;
const STREAM: Capacities = Capacities { incoming: 0, outgoing: 4 };

fn handlers(builder: Builder) -> Builder {
    builder
        .single_handler(SLEEP, None, |_cx, payload| async move {
            sleep(Duration::from_secs(3600)).await;
            Ok(payload)
        })
        .stream_handler(FOREVER, None, STREAM, |_cx, _payload, _in, mut out| async move {
            for number in 0_u64.. {
                out.send(number.to_string()).await?;
                sleep(Duration::from_millis(10)).await;
            }
            Err(RemoteError::new("unreachable"))
        })
        .single_handler(78, None, |_cx, payload| async move { Ok(payload) })
}

fn is_lost<T: std::fmt::Debug>(result: Result<T, CallError>, from: &str, sent: Sent) -> bool {
    match &result {
        Err(CallError::Disconnected { peer, sent: really, .. }) => {
            &**peer == from && *really == sent
        }
        _ => panic!("{result:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_cut_ends_all_calls_on_both_sides_and_the_link_is_established_again() {
    for (caller, callee) in [(A, B), (B, A)] {
        let (network, a, b) = pair(handlers).await;
        let node = |name| if name == A { &a } else { &b };
        let connection = node(caller).connection(callee).unwrap();
        let call = tokio::spawn(connection.request(SLEEP, None));
        let (_, mut items) = connection.stream(FOREVER, STREAM, None).await.unwrap();
        assert_eq!(items.next().await.unwrap().unwrap(), "0");
        sleep(Duration::from_millis(5)).await;
        let serving = || node(callee).connection(caller).unwrap().stats().in_flight_in;
        assert_eq!(serving(), 2);

        // A connection that has carried calls would be dialed again at once.
        network.detach(A);
        network.detach(B);
        network.cut();
        let cut = Instant::now();
        assert!(is_lost(call.await.unwrap(), callee, Sent::Maybe));
        let last = loop {
            match items.next().await.expect("ends with an error") {
                Ok(_) => {}
                error => break error,
            }
        };
        assert!(is_lost(last, callee, Sent::Maybe));
        assert!(items.next().await.is_none());
        assert!(cut.elapsed() < Duration::from_millis(50), "{:?}", cut.elapsed());
        let down = connection.request(78, None).await;
        assert!(is_lost(down, callee, Sent::No));

        network.attach(&a);
        network.attach(&b);
        connection.wait_connected(Duration::from_secs(5)).await.unwrap();
        assert_eq!(serving(), 0, "the handlers were dropped");
        assert_eq!(
            connection.request(78, Some("again".into())).await.unwrap(),
            Some("again".into())
        );
        assert_eq!(connection.stats().connects, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_link_that_lasted_is_dialed_again_at_once_and_a_failed_dial_waits() {
    let (network, a, b) = pair(handlers).await;
    sleep(Duration::from_secs(5)).await;
    let connections = [a.connection(B).unwrap(), b.connection(A).unwrap()];
    let mut states = connections.clone().map(|connection| connection.states());
    let start = Instant::now();
    network.cut();
    for (connection, states) in connections.iter().zip(&mut states) {
        while connection.stats().connects < 2 {
            states.next().await.unwrap();
        }
    }
    assert!(start.elapsed() < Duration::from_millis(100), "{:?}", start.elapsed());

    // So is one that carried a call, however short it was.
    let dialed = network.dialed();
    connections[0].request(78, None).await.unwrap();
    let start = Instant::now();
    network.cut();
    while network.dialed() == dialed || !connections[0].state().is_connected() {
        sleep(Duration::from_millis(1)).await;
    }
    assert!(start.elapsed() < Duration::from_millis(100), "{:?}", start.elapsed());

    // A peer that cannot be reached is dialed every one to two seconds.
    network.detach(A);
    network.detach(B);
    network.cut();
    sleep(Duration::from_millis(1)).await;
    let before = network.dialed();
    sleep(Duration::from_secs(60)).await;
    let attempts = network.dialed() - before;
    assert!((30..=61).contains(&attempts), "{attempts} attempts in a minute");
    let (down, dialer) = if grid::dials(A, B) { (B, &a) } else { (A, &b) };
    let state = dialer.connection(down).unwrap().state();
    let no_route = LinkError::connect(format!("no route to {down}"));
    assert_eq!(state, State::Error(no_route.into()));
}

#[tokio::test(start_paused = true)]
async fn a_restarted_peer_has_another_instance() {
    let (network, a, b) = pair(handlers).await;
    let connection = a.connection(B).unwrap();
    let State::Connected { instance: first, .. } = connection.state() else { panic!("up") };
    drop(b);
    network.detach(B);
    connection.states().wait_for(|state| !state.is_connected()).await.unwrap();
    let b = handlers(network.node(B, &[A, B])).build().unwrap();
    network.attach(&b);
    connection.wait_connected(Duration::from_secs(5)).await.unwrap();
    let State::Connected { instance: second, .. } = connection.state() else { panic!("up") };
    assert_ne!(first, second);
    assert_eq!(connection.request(78, Some(Bytes::new())).await.unwrap(), Some(Bytes::new()));
}

#[tokio::test(start_paused = true)]
async fn shutdown_lets_running_calls_end_and_refuses_new_ones() {
    let slow = |builder: Builder| {
        builder.single_handler(5, None, |_cx, payload| async move {
            sleep(Duration::from_secs(2)).await;
            Ok(payload)
        })
    };
    let (_network, a, b) = pair(slow).await;
    let connection = a.connection(B).unwrap();
    let running = tokio::spawn(connection.request(5, Some("last".into())));
    sleep(Duration::from_millis(10)).await;
    let start = Instant::now();
    let shutdown = tokio::spawn({
        let b = b.clone();
        async move { b.shutdown(Duration::from_secs(30)).await }
    });
    sleep(Duration::from_millis(10)).await;
    let CallError::Remote(refused) = connection.request(5, None).await.unwrap_err() else {
        panic!("remote")
    };
    assert_eq!(refused.code, grid::ErrorCode::ShuttingDown);
    assert!(CallError::<RemoteError>::Remote(refused).is_retryable());
    assert_eq!(running.await.unwrap().unwrap(), Some("last".into()));
    shutdown.await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    assert_eq!(b.connection(A).unwrap().state(), State::Shutdown);
    let after = b.connection(A).unwrap().request(5, None).wait_connected().await.unwrap_err();
    assert!(matches!(after, CallError::ShutDown) && !after.is_retryable(), "{after}");
}

#[tokio::test(start_paused = true)]
async fn shutdown_aborts_calls_after_the_grace_period() {
    let (_network, a, b) = pair(handlers).await;
    let running = tokio::spawn(a.connection(B).unwrap().request(SLEEP, None));
    sleep(Duration::from_millis(10)).await;
    let start = Instant::now();
    b.shutdown(Duration::from_secs(3)).await;
    assert_eq!(start.elapsed().as_secs(), 3);
    assert!(is_lost(running.await.unwrap(), B, Sent::Maybe));
}

#[tokio::test(start_paused = true)]
async fn dropping_the_manager_ends_its_links_and_calls() {
    let (network, a, b) = pair(handlers).await;
    network.detach(A);
    let connection = a.connection(B).unwrap();
    let own = connection.request(SLEEP, None);
    let own = tokio::spawn(own);
    let waiting = tokio::spawn(b.connection(A).unwrap().request(SLEEP, None));
    sleep(Duration::from_millis(10)).await;
    drop(a);
    assert!(is_lost(own.await.unwrap(), B, Sent::Maybe));
    assert!(matches!(connection.request(78, None).await, Err(CallError::ShutDown)));
    assert!(is_lost(waiting.await.unwrap(), A, Sent::Maybe));
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_noticed_within_two_ping_intervals() {
    let (network, a, b) = pair(handlers).await;
    sleep(Duration::from_secs(15)).await;
    let before = a.connection(B).unwrap().stats();
    assert!(before.last_pong.is_some() && before.rtt.is_some(), "{before:?}");
    network.freeze();
    let start = Instant::now();
    let call =
        a.connection(B).unwrap().request(SLEEP, None).timeout(Duration::from_secs(600)).await;
    assert!(is_lost(call, B, Sent::Maybe));
    assert!((16..=20).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    drop(b);
}

#[grid::service]
trait Slow {
    async fn wait(&self, ms: u64);
}

struct Sleeper;

impl Slow for Sleeper {
    async fn wait(&self, ms: u64) {
        sleep(Duration::from_millis(ms)).await;
    }
}

/// A node that waits for its last calls must not dial: the connection would be closed as soon as it is up, and so on.
#[tokio::test(start_paused = true)]
async fn a_node_that_shuts_down_does_not_dial_again_and_again() {
    let grid = TestGrid::builder(3)
        .configure(|_, builder| builder.service(SlowServer::new(Sleeper)))
        .start();
    grid.all_connected().await;
    // The one that dials the other.
    let (closing, other) = if grid::dials(grid.name(0), grid.name(1)) { (0, 1) } else { (1, 0) };
    // What this connection has carried says nothing about the next ones.
    SlowClient::new(grid.connection(closing, other)).wait(0).await.unwrap();
    let call = tokio::spawn({
        let slow = SlowClient::new(grid.connection(closing, 2));
        async move { slow.wait(8_000).await }
    });
    sleep(Duration::from_secs(1)).await;
    let node = grid.node(closing);
    let shutdown = tokio::spawn(async move { node.shutdown(Duration::from_secs(20)).await });
    // It has no handlers, so it closes its links, and waits for the answer.
    sleep(Duration::from_secs(3)).await;
    // With a delay, the time passes even if it dials without end.
    grid.delay(closing, other, Duration::from_millis(1));
    let before = grid.network().dialed();
    grid.reset(closing, other);
    assert_eq!(call.await.unwrap(), Ok(()), "the call is finished");
    shutdown.await.unwrap();
    let dialed = grid.network().dialed() - before;
    // The other node may try, and is refused.
    assert!(dialed <= 1, "it has dialed {dialed} times");
}

/// Whatever ends each connection as soon as it has carried a call, such as a message that is too large, must not make the node
/// dial without end.
#[tokio::test(start_paused = true)]
async fn short_connections_in_a_row_are_dialed_once_a_second() {
    let (network, a, _b) = pair(handlers).await;
    let connection = a.connection(B).unwrap();
    let start = Instant::now();
    let before = network.dialed();
    while start.elapsed() < Duration::from_secs(10) {
        connection.request(78, None).wait_connected().await.unwrap();
        network.cut();
        // Until the end of the connection has been noticed.
        sleep(Duration::from_millis(1)).await;
    }
    let dialed = network.dialed() - before;
    assert!((5..=20).contains(&dialed), "it was dialed {dialed} times in ten seconds");
}
