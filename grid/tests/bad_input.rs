//! Invalid configurations and invalid input from the network end in errors that name the cause.

#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

mod support;

use std::time::Duration;

use grid::{BuildError, Config, Manager, NoAuth, SharedSecret, State};
use support::{A, B, Network, sides};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::time::Instant;

fn build_error(name: &str, hosts: &[&str]) -> String {
    let result = Manager::builder(name).hosts(hosts.iter().copied()).token(grid::NoAuth).build();
    result.expect_err("must be refused").to_string()
}

#[tokio::test]
async fn a_bad_host_list_names_the_host() {
    let error = build_error(A, &[B]);
    assert_eq!(error, "http://a:1 is not in its own host list (http://b:1)");
    let error = build_error(A, &[A, B, B]);
    assert_eq!(error, "http://b:1 is in the host list twice");
    let error = build_error(A, &[A, "b:1"]);
    assert!(error.starts_with("bad node name \"b:1\": it must begin with http://"), "{error}");
    let error = build_error("http://a:1/x", &["http://a:1/x"]);
    assert!(error.contains("must end after host and port"), "{error}");
    let manager = Manager::builder(A).hosts([A, B]).token(grid::NoAuth).build().unwrap();
    let error = manager.connection("http://c:1").unwrap_err();
    assert_eq!(error.to_string(), "http://c:1 is not in the host list of http://a:1");
}

#[tokio::test]
async fn a_bad_configuration_names_the_setting() {
    for (config, what) in [
        (Config::default().route("grid"), "route"),
        (Config::default().route("/grid?v=1"), "route"),
        (Config::default().message_bytes_max(usize::MAX), "message_bytes_max"),
        (Config::default().ping_interval(Duration::MAX), "ping_interval"),
        (Config::default().message_bytes_max(10), "message_bytes_max"),
        (Config::default().ping_interval(Duration::ZERO), "ping_interval"),
        (Config::default().message_bytes_max(64 << 20), "bytes_per_peer_max"),
        (Config::default().bytes_per_peer_max(usize::MAX), "bytes_per_peer_max"),
        (Config::default().bytes_per_node_max(1 << 20), "bytes_per_node_max"),
    ] {
        let error = Manager::builder(A).config(config).build().unwrap_err();
        assert!(matches!(&error, BuildError::Config(text) if text.contains(what)), "{error}");
    }
}

#[test]
fn a_node_needs_a_runtime() {
    assert_eq!(Manager::builder(A).build().unwrap_err(), BuildError::NoRuntime);
}

#[tokio::test]
async fn an_error_about_a_duplicate_id_names_both_handlers() {
    let single = |_cx, payload| async move { Ok(payload) };
    let builder =
        Manager::builder(A).single_handler(7, None, single).single_handler(7, Some("x"), single);
    let error = builder.single_handler(7, Some("x"), single).build().unwrap_err();
    assert_eq!(
        error.to_string(),
        "handler 7 is registered twice under subroute \"x\": place one of the two under another subroute"
    );
    assert!(Manager::builder(A).single_handler(0, None, single).build().is_err());
}

#[tokio::test(start_paused = true)]
async fn the_dialer_is_notified_of_a_wrong_token() {
    let (dialer, listener) = sides();
    let network = Network::default();
    let listening =
        network.node(listener, &[A, B]).token(SharedSecret::new("right")).build().unwrap();
    network.attach(&listening);
    let dialing = network.node(dialer, &[A, B]).token(SharedSecret::new("wrong")).build().unwrap();
    let connection = dialing.connection(listener).unwrap();
    let error = connection.wait_connected(Duration::from_secs(5)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "no connection to {listener}: the peer answered 403 Forbidden instead of a WebSocket: auth token: invalid token"
        )
    );
    let error = connection.request(1, None).await.unwrap_err();
    assert!(error.to_string().contains("invalid token"), "{error}");
    assert!(!error.to_string().contains("right") && !error.to_string().contains("wrong"));
}

#[tokio::test(start_paused = true)]
async fn the_dialer_is_notified_of_an_unknown_host_and_a_wrong_route() {
    let (dialer, listener) = sides();
    let network = Network::default();
    let listening = network.node(listener, &[listener]).build().unwrap();
    network.attach(&listening);
    let dialing = network.node(dialer, &[A, B]).build().unwrap();
    let error = dialing
        .connection(listener)
        .unwrap()
        .wait_connected(Duration::from_secs(3))
        .await
        .unwrap_err();
    let State::Error(reason) = error.state else { panic!("{error}") };
    assert_eq!(
        reason.to_string(),
        format!(
            "the peer refused this node: unknown incoming host: {dialer} is not in the host list of the node that it dials"
        )
    );

    let elsewhere = Config::default().route("/elsewhere");
    let dialing = network.node(dialer, &[A, B]).config(elsewhere).build().unwrap();
    let error = dialing
        .connection(listener)
        .unwrap()
        .wait_connected(Duration::from_secs(3))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("404 Not Found") && error.to_string().contains("/elsewhere"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn garbage_instead_of_an_upgrade_is_refused_and_silence_times_out() {
    let manager = Manager::builder(A).hosts([A, B]).token(NoAuth).build().unwrap();
    for (bytes, what) in [
        (&b"\x00\x01\x02 garbage\r\n\r\n"[..], "not a valid WebSocket"),
        (b"POST / HTTP/1.1\r\n\r\n", "404"),
        (b"POST /minio/grid/v1 HTTP/1.1\r\n\r\n", "405"),
        (b"POST  HTTP/1.1\r\n\r\n", "not a valid WebSocket"),
        (b"GET /minio/grid/v1 HTTP/1.1\r\nHost: a\r\n\r\n", "426"),
        (b"GET /other HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", "404"),
    ] {
        let (mut near, far) = duplex(1 << 16);
        near.write_all(bytes).await.unwrap();
        let error = manager.accept(far).await.unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
    let (mut near, far) = duplex(1 << 20);
    near.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    near.write_all(
        &b"X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n".repeat(5000),
    )
    .await
    .unwrap();
    let error = manager.accept(far).await.unwrap_err().to_string();
    assert!(error.contains("too long") || error.contains("many headers"), "{error}");
    let (_near, far) = duplex(64);
    let start = Instant::now();
    let error = manager.accept(far).await.unwrap_err().to_string();
    assert!(error.contains("nothing was received within 3s"), "{error}");
    assert_eq!(start.elapsed().as_secs(), 3);
    let (mut near, far) = duplex(64);
    near.write_all(b"GET / HT").await.unwrap();
    let start = Instant::now();
    let error = manager.accept(far).await.unwrap_err().to_string();
    assert!(error.contains("no upgrade request within 10s"), "{error}");
    assert_eq!(start.elapsed().as_secs(), 10);
}

/// Upgrades a connection by hand and returns its stream.
async fn upgraded(
    manager: &Manager,
) -> (tokio::io::DuplexStream, tokio::task::JoinHandle<Result<(), grid::Refused>>) {
    let (mut near, far) = duplex(1 << 16);
    let accepting = tokio::spawn({
        let manager = manager.clone();
        async move { manager.accept(far).await }
    });
    near.write_all(
        b"GET /minio/grid/v1 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
          Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    )
    .await
    .unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(near.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    let headers = head.lines().skip(1).filter(|line| !line.is_empty()).count();
    assert_eq!(headers, 3, "Upgrade, Connection, Sec-WebSocket-Accept only: {head}");
    (near, accepting)
}

/// A masked binary frame, the mask being zero.
fn frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x82, 0x80 | u8::try_from(payload.len()).unwrap(), 0, 0, 0, 0];
    frame.extend_from_slice(payload);
    frame
}

#[tokio::test(start_paused = true)]
async fn garbage_instead_of_a_handshake_is_refused_and_silence_times_out() {
    let manager = Manager::builder(A).hosts([A, B]).token(grid::NoAuth).build().unwrap();
    let unmasked = [&[0x82, 0x01][..], b"x"].concat();
    let huge = [0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
    // A Request before the handshake, with its checksum; and a Connect without a payload.
    let request = b"\x97\x01\x00\xcd\xea\x60\x4e\x0e\x03\xc4\x0a\x68\x65\x6c\x6c\x6f\x20\x67\x72\x69\x64\x18\x26\x73\x29";
    let empty = b"\x97\x00\x00\x00\x00\x01\x00\xc4\x00";
    for (bytes, what) in [
        (frame(b"garbage"), "the first message is malformed"),
        (frame(request), "expected Connect, got Request"),
        (frame(empty), "unreadable Connect"),
        (unmasked, "not a valid WebSocket"),
        (huge.to_vec(), "not a valid WebSocket"),
    ] {
        let (mut near, accepting) = upgraded(&manager).await;
        near.write_all(&bytes).await.unwrap();
        let error = accepting.await.unwrap().unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
    let (_near, accepting) = upgraded(&manager).await;
    let start = Instant::now();
    let error = accepting.await.unwrap().unwrap_err().to_string();
    assert!(error.contains("no handshake within 10s"), "{error}");
    assert_eq!(start.elapsed().as_secs(), 10);
}
