//! Answers come from the node that was called, in its present run, and reach the run that called.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

mod support;

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use grid::{LinkError, Manager, State};
use support::{Network, Once};
use tokio::io::{DuplexStream, duplex};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_async};

/// A node and two that it dials.
fn dialer_and_two() -> [String; 3] {
    let names: Vec<_> = (1..20).map(|n| format!("http://node{n}:9000")).collect();
    let dialed = |name: &String| {
        let others = names.iter().filter(|other| *other != name && grid::dials(name, other));
        others.take(2).cloned().collect::<Vec<_>>()
    };
    let (dialer, two) =
        names.iter().map(|name| (name, dialed(name))).find(|(_, two)| two.len() == 2).unwrap();
    [dialer.clone(), two[0].clone(), two[1].clone()]
}

#[tokio::test(start_paused = true)]
async fn a_node_at_the_address_of_another_one_is_not_taken_for_it() {
    let [dialer, wanted, other] = dialer_and_two();
    let hosts = [&*dialer, &wanted, &other];
    let network = Network::default();
    let answering = network.node(&other, &hosts).build().unwrap();
    network.attach(&answering);
    let dialing = network.node(&dialer, &hosts).build().unwrap();
    let [right, wrong] = [&other, &wanted].map(|name| dialing.connection(name).unwrap());
    right.wait_connected(Duration::from_secs(5)).await.unwrap();

    network.attach_as(&wanted, &answering);
    let error = wrong.wait_connected(Duration::from_secs(30)).await.unwrap_err();
    let State::Error(reason) = error.state else { panic!("{error}") };
    let LinkError::WrongNode { wanted: named, answered, .. } = &*reason else { panic!("{reason}") };
    assert_eq!((named, answered), (&wanted, &other));
    assert!(right.state().is_connected(), "the other node's own link is not affected");
    assert_eq!(
        (right.stats().connects, answering.connection(&dialer).unwrap().stats().connects),
        (1, 1)
    );
}

/// A run of a node, and the socket of its peer after the handshake. The peer is scripted, and knows the base protocol only.
async fn run() -> (Manager, String, WebSocketStream<DuplexStream>) {
    let [dialer, peer, _] = dialer_and_two();
    let (near, far) = duplex(1 << 16);
    let dial = Once::new(near);
    let manager = Manager::builder(&*dialer)
        .hosts([&*dialer, &peer])
        .token(grid::NoAuth)
        .dial_with(dial)
        .build()
        .unwrap();
    let mut socket = accept_async(far).await.unwrap();
    socket.next().await.unwrap().unwrap(); // The Connect.
    let mut accepted = b"\x97\x00\x00\x00\x00\x02\x00\xc4".to_vec();
    let payload = [&b"\x82\xa2ID\xc4\x10"[..], &[7; 16], b"\xa8Accepted\xc3"].concat();
    accepted.push(payload.len() as u8);
    accepted.extend(payload);
    socket.send(Message::Binary(accepted.into())).await.unwrap();
    (manager, peer, socket)
}

/// The bytes of the mux id of the request that is received next.
async fn request(socket: &mut WebSocketStream<DuplexStream>) -> Bytes {
    let message = socket.next().await.unwrap().unwrap().into_data();
    assert_eq!(message[0], 0x97, "an array of seven");
    let len = match message[1] {
        0xcf => 9,
        0xce => 5,
        0xcd => 3,
        0xcc => 2,
        _ => 1,
    };
    message.slice(1..=len)
}

/// A Response with a checksum.
fn response(mux: &[u8], payload: &[u8]) -> Message {
    let head = [b"\x97", mux, b"\x00\x00\x00\x0f\x03\xc4", &[payload.len() as u8]].concat();
    let mut message = [&head, payload].concat();
    let sum = twox_hash::XxHash3_64::oneshot(&message) as u32;
    message.extend_from_slice(&sum.to_le_bytes());
    Message::Binary(message.into())
}

#[tokio::test(start_paused = true)]
async fn answers_to_an_earlier_run_are_not_taken_for_those_of_the_present_one() {
    // A peer of the base protocol keeps its answers while the node restarts, and sends them to the new run.
    let mut late = Vec::new();
    {
        let (manager, peer, mut socket) = run().await;
        let connection = manager.connection(&peer).unwrap();
        connection.wait_connected(Duration::from_secs(1)).await.unwrap();
        for _ in 0..8 {
            let call = tokio::spawn(connection.request(7, Some("old".into())));
            late.push(request(&mut socket).await);
            call.abort();
        }
    }
    let (manager, peer, mut socket) = run().await;
    let connection = manager.connection(&peer).unwrap();
    connection.wait_connected(Duration::from_secs(1)).await.unwrap();
    for _ in 0..8 {
        let call = tokio::spawn(connection.request(7, Some("new".into())));
        let mux = request(&mut socket).await;
        for late in &late {
            assert_ne!(*late, mux, "two runs number their calls differently");
            socket.send(response(late, b"old")).await.unwrap();
        }
        socket.send(response(&mux, b"new")).await.unwrap();
        assert_eq!(call.await.unwrap().unwrap(), Some("new".into()));
    }
}
