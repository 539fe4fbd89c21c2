//! The WebSockets of this library beside those of another one: tokio-tungstenite as the peer, on either side.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

mod support;

use futures_util::{SinkExt as _, StreamExt as _};
use grid::{Manager, ROUTE};
use support::{A, B, Once, sides};
use tokio::io::duplex;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{accept_async, client_async};

#[tokio::test(start_paused = true)]
async fn a_client_of_another_library_is_upgraded_and_told_why_it_is_refused() {
    let manager = Manager::builder(A).hosts([A, B]).token(grid::NoAuth).build().unwrap();
    let (near, far) = duplex(1 << 16);
    let accepting = tokio::spawn(async move { manager.accept(far).await });
    let request = format!("ws://a:1{ROUTE}");
    let (mut socket, response) = client_async(request, near).await.unwrap();
    assert_eq!(response.status().as_u16(), 101);
    // A Connect without a payload.
    let empty = &b"\x97\x00\x00\x00\x00\x01\x00\xc4\x00"[..];
    socket.send(Message::Binary(empty.into())).await.unwrap();
    let answer = socket.next().await.unwrap().unwrap();
    assert!(answer.is_binary(), "a ConnectResponse with the reason: {answer:?}");
    let end = socket.next().await;
    assert!(end.is_none_or(|end| end.is_ok_and(|end| end.is_close())), "then it is closed");
    let refused = accepting.await.unwrap().unwrap_err();
    assert!(refused.to_string().contains("unreadable Connect"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_server_of_another_library_accepts_the_upgrade() {
    let (dialer, listener) = sides();
    let (near, far) = duplex(1 << 16);
    let _dialing = Manager::builder(dialer)
        .hosts([A, B])
        .token(grid::NoAuth)
        .dial_with(Once::new(near))
        .build()
        .unwrap();
    let mut socket = accept_async(far).await.unwrap();
    let connect = socket.next().await.unwrap().unwrap().into_data();
    let connect = String::from_utf8_lossy(&connect).into_owned();
    assert!(connect.contains(dialer) && connect.contains(listener), "both names are stated");
}
