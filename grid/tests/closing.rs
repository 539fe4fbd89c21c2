//! Why a connection ended is said and shown at both ends, and what was sent before arrives.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

#[path = "support/script.rs"]
mod script;
mod support;

use std::error::Error as _;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use grid::{
    Ask, Authenticate, Authenticating, Builder, CallError, Claim, Config, Denied, Identity,
    LinkError, Manager, Sent, State, TokenFuture,
};
use script::{Connect, Scripted};
use support::{A, B, Network, Once, sides};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::{Instant, sleep};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{WebSocketStream, accept_async};

fn listening(configure: impl FnOnce(Builder) -> Builder) -> (Manager, &'static str) {
    let (dialer, listener) = sides();
    let manager =
        configure(Manager::builder(listener).hosts([A, B]).token(grid::NoAuth)).build().unwrap();
    (manager, dialer)
}

/// Checks the code and a part of the text.
fn says(frame: Option<CloseFrame>, code: u16, text: &str) {
    let frame = frame.expect("a close frame");
    assert_eq!(u16::from(frame.code), code, "{}", frame.reason);
    assert!(frame.reason.contains(text), "{}", frame.reason);
}

/// Accepts the upgrade request, and refuses the name.
struct Nobody;

impl Authenticate for Nobody {
    fn token<'a>(&'a self, _: Ask<'a>) -> TokenFuture<'a> {
        Box::pin(async { Ok("".into()) })
    }

    fn check<'a>(&'a self, claim: Claim<'a>) -> Authenticating<'a, Result<Identity, Denied>> {
        let result =
            claim.name.map_or(Ok(Identity::unproven("x")), |_| Err(Denied::new("not on a Sunday")));
        Box::pin(async { result })
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_dialer_reads_why() {
    let (manager, dialer) = listening(|builder| builder);
    let listener = manager.name();
    for (connect, reason) in [
        (Connect::new("http://c:1", listener, 1, 1), "unknown incoming host: http://c:1"),
        (
            Connect { ahead: 3600, ..Connect::new(dialer, listener, 1, 1) },
            "time difference too large",
        ),
        (Connect::new(dialer, "http://c:1", 1, 1), "is at the address of http://c:1"),
    ] {
        let mut socket = Scripted::dial(&manager).await;
        let refused = socket.connect(&connect).await.unwrap_err();
        assert!(refused.contains(reason), "{refused}");
        says(socket.closed().await, 1008, reason);
    }
    let mut socket = Scripted::dial(&manager).await;
    socket.0.send(Message::Binary("garbage".into())).await.unwrap();
    let answer = socket.message().await.expect("a ConnectResponse");
    assert!(String::from_utf8_lossy(&answer).contains("the first message is malformed"));
    says(socket.closed().await, 1002, "the first message is malformed");
    let (manager, dialer) = listening(|builder| builder.token(Nobody));
    let mut socket = Scripted::dial(&manager).await;
    socket.connect(&Connect::new(dialer, manager.name(), 1, 1)).await.unwrap_err();
    says(socket.closed().await, 1008, "not on a Sunday");
}

#[tokio::test(start_paused = true)]
async fn the_listening_side_shows_why_it_refused_its_peer() {
    let (dialer, listener) = sides();
    let network = Network::default();
    let listening = network.node(listener, &[A, B]).token(Nobody).build().unwrap();
    network.attach(&listening);
    let dialing = network.node(dialer, &[A, B]).build().unwrap();
    let error = dialing.connection(listener).unwrap().wait_connected(Duration::from_secs(1)).await;
    assert!(error.unwrap_err().to_string().contains("not on a Sunday"));
    let connection = listening.connection(dialer).unwrap();
    let State::Error(reason) = connection.state() else { panic!("{}", connection.state()) };
    assert!(matches!(&*reason, LinkError::Denied { .. }), "{reason}");
    let error = connection.request(7, None).await.unwrap_err();
    assert!(
        matches!(&error, CallError::Disconnected { sent: Sent::No, reason: why, .. } if *why == reason)
    );
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_breaks_the_protocol_or_sends_too_much_reads_why() {
    let small = |builder: Builder| builder.config(Config::default().message_bytes_max(1024));
    for (message, code, reason) in [
        (Message::Binary("garbage".into()), 1002, "the peer broke the protocol"),
        (Message::Binary(vec![0; 2000].into()), 1009, "`Config::message_bytes_max`"),
    ] {
        let (manager, dialer) = listening(small);
        let connection = manager.connection(dialer).unwrap();
        let mut socket = Scripted::dial(&manager).await;
        socket.connect(&Connect::new(dialer, manager.name(), 1, 1)).await.unwrap();
        connection.wait_connected(Duration::from_secs(1)).await.unwrap();
        socket.0.send(message).await.unwrap();
        says(socket.closed().await, code, reason);
        let State::Error(shown) = connection.state() else { panic!("{}", connection.state()) };
        assert!(shown.full_text().to_string().contains(reason), "{}", shown.full_text());
    }
}

/// A dialing node and the socket of its scripted peer after the handshake.
async fn dialing(
    configure: impl FnOnce(Builder) -> Builder,
) -> (Manager, WebSocketStream<DuplexStream>) {
    let (dialer, _) = sides();
    let (near, far) = duplex(1 << 16);
    let builder =
        Manager::builder(dialer).hosts([A, B]).token(grid::NoAuth).dial_with(Once::new(near));
    let manager = configure(builder).build().unwrap();
    let mut socket = accept_async(far).await.unwrap();
    socket.next().await.unwrap().unwrap(); // The Connect.
    let payload = [&b"\x82\xa2ID\xc4\x10"[..], &[7; 16], b"\xa8Accepted\xc3"].concat();
    let head = [&b"\x97\x00\x00\x00\x00\x02\x00\xc4"[..], &[payload.len() as u8]].concat();
    socket.send(Message::Binary([head, payload].concat().into())).await.unwrap();
    (manager, socket)
}

#[tokio::test(start_paused = true)]
async fn what_the_peer_says_is_shown() {
    let (_, listener) = sides();
    let reason = "ä€😀".repeat(13);
    for (frame, code, text) in [
        (Some((4000, &*reason)), Some(4000), &*reason),
        (Some((1001, "moving")), Some(1001), "moving"),
        (None, None, ""),
    ] {
        let (manager, mut socket) = dialing(|builder| builder).await;
        let connection = manager.connection(listener).unwrap();
        connection.wait_connected(Duration::from_secs(1)).await.unwrap();
        let call = tokio::spawn(connection.request(7, None));
        let frame = frame.map(|(code, reason): (u16, &str)| CloseFrame {
            code: code.into(),
            reason: reason.to_owned().into(),
        });
        sleep(Duration::from_millis(1)).await;
        socket.close(frame).await.unwrap();
        let error = call.await.unwrap().unwrap_err();
        let CallError::Disconnected { reason, .. } = &error else { panic!("{error}") };
        let LinkError::Closed { code: shown, reason, .. } = &**reason else { panic!("{error}") };
        assert_eq!((*shown, &**reason), (code, text));
        assert!(error.to_string().contains(text), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_that_are_not_text_do_not_hide_the_reason() {
    let (_, listener) = sides();
    let (manager, mut socket) = dialing(|builder| builder).await;
    let connection = manager.connection(listener).unwrap();
    connection.wait_connected(Duration::from_secs(1)).await.unwrap();
    socket.get_mut().write_all(b"\x88\x07\x03\xf0a\xffb\xc3\x28").await.unwrap();
    connection.states().wait_for(|state| !state.is_connected()).await.unwrap();
    let text = connection.state().to_string();
    assert!(text.contains("the peer closed the connection: a\u{fffd}b\u{fffd}("), "{text}");
}

/// A handler that answers after two seconds, with this much.
fn slow(builder: Builder, bytes: usize) -> Builder {
    builder.single_handler(5, None, move |_cx, _| async move {
        sleep(Duration::from_secs(2)).await;
        Ok(Some(vec![7; bytes].into()))
    })
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_sends_the_last_answers_then_says_why_and_waits_for_the_peer() {
    let (manager, mut socket) = dialing(|builder| slow(builder, 500_000)).await;
    let mut request = b"\x97\x01\x00\xcd\xea\x60\x05\x0e\x03\xc4\x00".to_vec();
    let checksum = twox_hash::XxHash3_64::oneshot(&request) as u32;
    request.extend_from_slice(&checksum.to_le_bytes());
    socket.send(Message::Binary(request.into())).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    let start = Instant::now();
    let shutdown = tokio::spawn(async move {
        manager.shutdown(Duration::from_secs(30)).await;
        start.elapsed()
    });
    sleep(Duration::from_secs(5)).await;
    let answer = socket.next().await.unwrap().unwrap();
    assert!(answer.len() > 500_000, "the answer is complete");
    let Message::Close(frame) = socket.next().await.unwrap().unwrap() else { panic!("a close") };
    says(frame, 1001, "this node is shut down");
    assert!(socket.next().await.is_none_or(|end| end.is_err()), "half-closed");
    drop(socket);
    let took = shutdown.await.unwrap();
    assert!(took < Duration::from_secs(6), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_delays_a_shutdown_by_a_second() {
    let (manager, _socket) = dialing(|builder| builder).await;
    let (_, listener) = sides();
    manager.connection(listener).unwrap().wait_connected(Duration::from_secs(1)).await.unwrap();
    let start = Instant::now();
    manager.shutdown(Duration::from_secs(30)).await;
    assert_eq!(start.elapsed().as_secs(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_peers_of_a_dropped_manager_are_told() {
    let (manager, mut socket) = dialing(|builder| builder).await;
    let (_, listener) = sides();
    manager.connection(listener).unwrap().wait_connected(Duration::from_secs(1)).await.unwrap();
    drop(manager);
    let Message::Close(frame) = socket.next().await.unwrap().unwrap() else { panic!("a close") };
    says(frame, 1001, "this node is shut down");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_ends_during_the_upgrade_is_not_called_a_violation() {
    let (dialer, listener) = sides();
    let (near, mut far) = duplex(1 << 16);
    let manager = Manager::builder(dialer)
        .hosts([A, B])
        .token(grid::NoAuth)
        .dial_with(Once::new(near))
        .build()
        .unwrap();
    let connection = manager.connection(listener).unwrap();
    let mut head = [0; 16];
    far.read_exact(&mut head).await.unwrap();
    drop(far);
    connection.states().wait_for(|state| matches!(state, State::Error(_))).await.unwrap();
    let text = connection.state().to_string();
    assert!(
        text.contains("the peer closed the connection") || text.contains("broken pipe"),
        "{text}"
    );
}

#[tokio::test]
async fn the_cause_of_an_encoding_error_is_in_its_text_once() {
    let config = Config::default().message_bytes_max(1024);
    let manager = Manager::builder(A).config(config).build().unwrap();
    let call = manager.connection(A).unwrap().request(7, Some(vec![0; 2000].into()));
    let error = call.await.unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("cannot encode the request: 2000 bytes exceed"), "{text}");
    assert!(text.ends_with("(handler 7 at http://a:1)"), "{text}");
    assert!(error.source().is_none());
}
