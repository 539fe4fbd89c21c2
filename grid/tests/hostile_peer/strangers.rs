//! Strangers that connect and say nothing, or nothing useful: honest nodes still get in.

use std::time::Duration;

use grid::Manager;
use tokio::io::AsyncWriteExt as _;
use tokio::time::{Instant, sleep};
use tracing::Level;

use crate::listener::{Route, listening};
use crate::log::Lines;
use crate::support::{A, B, sides};

/// How long an honest node takes to connect.
async fn connect(route: &Route, dialer: &str, listener: &Manager) -> Duration {
    let start = Instant::now();
    let honest = Manager::builder(dialer)
        .hosts([A, B])
        .token(grid::NoAuth)
        .dial_with(route.clone())
        .build()
        .unwrap();
    let connection = honest.connection(listener.name()).unwrap();
    connection.wait_connected(Duration::from_secs(60)).await.unwrap();
    let took = start.elapsed();
    honest.shutdown(Duration::ZERO).await;
    took
}

/// Opens connections all the time, each from another address unless there is one for all, and keeps them open.
async fn attack(route: Route, every: Duration, one_address: bool, bytes: &'static [u8]) {
    let mut kept = Vec::new();
    for number in 0_u32.. {
        let [_, b, c, d] = number.to_be_bytes();
        let host = if one_address { [203, 0, 113, 1] } else { [10, b, c, d] };
        let mut stream = route.from(host).open();
        // The node may have closed it already.
        let _ = stream.write_all(bytes).await;
        kept.push(stream);
        sleep(every).await;
    }
}

#[tokio::test(start_paused = true)]
async fn honest_nodes_get_in_within_a_second_during_an_attack() {
    for (per_second, one_address, bytes) in [
        (103, false, &b""[..]),
        (1000, false, b""),
        (1000, true, b""),
        // A few bytes are no better than none.
        (500, false, b"GET /minio"),
    ] {
        let (manager, route, dialer) = listening();
        let every = Duration::from_secs(1) / per_second;
        let attack = tokio::spawn(attack(route.clone(), every, one_address, bytes));
        sleep(Duration::from_secs(5)).await;
        for _ in 0..5 {
            let took = connect(&route, dialer, &manager).await;
            assert!(took < Duration::from_secs(1), "{per_second} a second: {took:?}");
            sleep(Duration::from_millis(700)).await;
        }
        attack.abort();
    }
}

/// A stranger that passes the upgrade, which needs no token here, holds its place no longer than the others.
#[tokio::test(start_paused = true)]
async fn strangers_that_know_http_do_not_keep_honest_nodes_out() {
    let (manager, route, dialer) = listening();
    let attack = tokio::spawn(attack(
        route.clone(),
        Duration::from_millis(5),
        false,
        b"GET /minio/grid/v1 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
          Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    ));
    sleep(Duration::from_secs(7)).await;
    for _ in 0..5 {
        let took = connect(&route, dialer, &manager).await;
        assert!(took < Duration::from_secs(1), "{took:?}");
        sleep(Duration::from_millis(700)).await;
    }
    attack.abort();
}

#[tokio::test(start_paused = true)]
async fn one_address_cannot_hold_more_than_its_share() {
    let (_manager, route, _) = listening();
    let honest = route.open();
    sleep(Duration::from_millis(10)).await;
    let mut kept: Vec<_> = (0..200).map(|_| route.from([203, 0, 113, 1]).open()).collect();
    sleep(Duration::from_millis(10)).await;
    let mut open = 0;
    for stream in &mut kept {
        open += usize::from(stream.write_all(b"GET").await.is_ok());
    }
    assert_eq!(open, 128);
    let mut honest = honest;
    honest.write_all(b"GET").await.expect("another address is not affected");
}

#[tokio::test(start_paused = true)]
async fn strangers_do_not_fill_the_log() {
    let (lines, _guard) = Lines::collect();
    let (_manager, route, _) = listening();
    let silent = tokio::spawn(attack(route.clone(), Duration::from_millis(1), false, b""));
    sleep(Duration::from_secs(10)).await;
    silent.abort();
    let warned = lines.with(Level::WARN, "");
    assert_eq!(warned.len(), 1, "that there are too many: {warned:#?}");
    let garbage = tokio::spawn(attack(route, Duration::from_millis(5), true, b"\xff\x03\x01"));
    sleep(Duration::from_secs(130)).await;
    garbage.abort();
    let warned = lines.with(Level::WARN, "not a valid WebSocket");
    assert_eq!(warned.len(), 3, "once a minute: {warned:#?}");
    assert!(
        warned[2].contains("more connections: same reason"),
        "with the number of those that were left out: {warned:#?}"
    );
}

#[tokio::test]
async fn over_tcp_as_well() {
    let (dialer, listener) = sides();
    let tcp = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap();
    let manager = Manager::builder(listener).hosts([A, B]).token(grid::NoAuth).build().unwrap();
    tokio::spawn(manager.serve(tcp));
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(tokio::net::TcpStream::connect(address).await.unwrap());
    }
    let start = Instant::now();
    let honest = Manager::builder(dialer)
        .hosts([A, B])
        .token(grid::NoAuth)
        .dial_with(To(address))
        .build()
        .unwrap();
    let connection = honest.connection(listener).unwrap();
    connection.wait_connected(Duration::from_secs(10)).await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}

/// Dials this address.
struct To(std::net::SocketAddr);

impl grid::Dial for To {
    fn dial<'a>(&'a self, _: &'a str) -> grid::Dialing<'a> {
        Box::pin(async {
            let stream = tokio::net::TcpStream::connect(self.0).await?;
            Ok(Box::new(stream) as Box<dyn grid::Io>)
        })
    }
}
