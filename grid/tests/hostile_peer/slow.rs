//! A peer behind a slow line: while a large message is being received, nothing else can be, and the link stays up.

use std::time::Duration;

use bytes::Bytes;
use grid::{Config, LinkError, Manager};
use tokio::io::AsyncWriteExt as _;
use tokio_tungstenite::tungstenite::Message;

use crate::raw::{RawPeer, message, op, reason};

const ECHO: u8 = 7;

/// A node with an interval of two seconds between pings, and the name of a peer that dials it.
fn node() -> (Manager, String) {
    let name = "http://node:1";
    let mut names = (0..).map(|number| format!("http://peer{number}:1"));
    let peer = names.find(|peer| grid::dials(peer, name)).unwrap();
    let node = Manager::builder(name)
        .hosts([name, &peer])
        .token(grid::NoAuth)
        .config(Config::default().ping_interval(Duration::from_secs(2)))
        .single_handler(ECHO, None, |_, payload| async move { Ok(payload) })
        .build()
        .unwrap();
    (node, peer)
}

/// A masked frame, with a mask of zeros.
fn frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x82, 0x80 | 127];
    frame.extend_from_slice(&(payload.len() as u64).to_be_bytes());
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}

/// As a node of the base protocol sends it: in one piece. It answers no pings meanwhile.
#[tokio::test(start_paused = true)]
async fn a_large_message_that_takes_a_minute_keeps_the_link_up() {
    let (node, name) = node();
    let mut peer = RawPeer::connect(&node, &name, &[]).await;
    let request = frame(&message(1, op::REQUEST, ECHO, &vec![7; 600_000]));
    for part in request.chunks(10_000) {
        peer.socket.get_mut().write_all(part).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    // Pings come before the answer.
    while peer.receive().await.expect("the link is up").len() < 600_000 {}
    assert_eq!(node.stats().connections[0].connects, 1);
    // Without anything more, the peer is gone.
    let reason = reason(&node, &name).await;
    assert!(matches!(reason, LinkError::Silent { .. }), "{reason:?}");
}

#[tokio::test(start_paused = true)]
async fn frames_without_a_message_are_signs_of_life() {
    let (node, name) = node();
    let mut peer = RawPeer::connect(&node, &name, &[]).await;
    for _ in 0..60 {
        assert!(peer.send_frame(Message::Pong(Bytes::new())).await);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(node.stats().connections[0].connects, 1);
}
