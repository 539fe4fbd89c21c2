//! A peer that sends what is of no use as fast as it can: its link is closed with a reason, and other links of the node do
//! not notice.

use std::time::Duration;

use bytes::Bytes;
use grid::{Config, Connection, LinkError, Manager};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::raw::{RawPeer, merged, message, op, reason};
use crate::support::{EXTENSIONS, Network};

/// The id of a handler that answers at once, and of one that never does.
const ECHO: u8 = 7;
const NEVER: u8 = 8;

/// A node with a hostile peer and an honest one, both of which dial it.
struct Scene {
    _network: Network,
    node: Manager,
    hostile: String,
    _honest: Manager,
    to_node: Connection,
}

/// Names of three nodes, of which the last is dialed by the others.
fn names() -> [String; 3] {
    let node = "http://node:1".to_owned();
    let names = (0..).map(|number| format!("http://peer{number}:1"));
    let mut dialers = names.filter(|name| grid::dials(name, &node));
    [dialers.next().unwrap(), dialers.next().unwrap(), node]
}

async fn scene(config: Config) -> Scene {
    let [hostile, honest_name, name] = names();
    let network = Network::default();
    let node = network
        .node(&name, &[&name, &hostile, &honest_name])
        .config(config)
        .single_handler(ECHO, None, |_, payload| async move { Ok(payload) })
        .single_handler(NEVER, None, |_, _| std::future::pending())
        .build()
        .unwrap();
    network.attach(&node);
    let honest = network.node(&honest_name, &[&name, &honest_name]).build().unwrap();
    let to_node = honest.connection(&name).unwrap();
    to_node.wait_connected(Duration::from_secs(5)).await.unwrap();
    Scene { _network: network, node, hostile, _honest: honest, to_node }
}

impl Scene {
    /// A call of the honest node works.
    async fn call(&self) {
        let payload = Some(Bytes::from_static(b"hello"));
        assert_eq!(self.to_node.request(ECHO, payload.clone()).await.unwrap(), payload);
    }

    /// Floods the node, with a call of the honest one between the messages. Returns why the link was closed.
    async fn flood(
        &self,
        extensions: &[&str],
        mut make: impl FnMut(u64) -> Vec<Message>,
    ) -> LinkError {
        let mut peer = RawPeer::connect(&self.node, &self.hostile, extensions).await;
        'flood: for number in 0.. {
            assert!(number < 1_000_000, "it may go on for ever");
            for frame in make(number) {
                if !peer.send_frame(frame).await {
                    break 'flood;
                }
            }
            if number % 16 == 0 {
                self.call().await;
            }
        }
        let reason = reason(&self.node, &self.hostile).await;
        self.call().await;
        let honest = self.node.stats().connections;
        let honest = honest.iter().find(|link| link.peer == names()[1]).unwrap();
        assert_eq!(honest.connects, 1, "the other link has been up all the time");
        reason
    }

    async fn flood_of(&self, extensions: &[&str], one: Bytes) -> LinkError {
        let many = merged(&vec![one; 1000]);
        self.flood(extensions, |_| vec![Message::Binary(many.clone())]).await
    }
}

#[track_caller]
fn assert_names(reason: &LinkError, what: &str, per_sec: u64) {
    let text = reason.full_text().to_string();
    assert!(matches!(reason, LinkError::Protocol(_)), "{text}");
    assert!(text.starts_with("the peer broke the protocol: a flood: "), "{text}");
    assert!(text.contains(&format!(" {what} within ")), "{text}");
    assert!(text.ends_with(&format!("the limit is {per_sec} per second")), "{text}");
}

#[tokio::test(start_paused = true)]
async fn pings_and_unknown_messages() {
    let scene = scene(Config::default()).await;
    for extensions in [&[][..], &EXTENSIONS] {
        let reason = scene.flood_of(extensions, message(0, op::PING, 0, b"")).await;
        assert_names(&reason, "pings", 7812);
        tokio::time::sleep(Duration::from_secs(10)).await;
        let reason = scene.flood_of(extensions, message(5, 99, 0, b"")).await;
        assert_names(&reason, "messages without a meaning", 7812);
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn messages_for_calls_that_are_over() {
    let scene = scene(Config::default()).await;
    for one in [op::MUX_CLIENT_MSG, op::RESPONSE] {
        let reason = scene.flood_of(&EXTENSIONS, message(5, one, 0, b"stale")).await;
        assert_names(&reason, "messages for calls that are over", 125_000);
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
}

/// HTTP/2 has the same weakness, known as rapid reset.
#[tokio::test(start_paused = true)]
async fn calls_that_are_cancelled_at_once() {
    let scene = scene(Config::default()).await;
    let reason = scene
        .flood(&EXTENSIONS, |number| {
            let pair = |mux| [message(mux, op::REQUEST, NEVER, b""), message(mux, 8, 0, b"")];
            let muxes = 1000 * number + 1..=1000 * (number + 1);
            vec![Message::Binary(merged(&muxes.flat_map(pair).collect::<Vec<_>>()))]
        })
        .await;
    assert_names(&reason, "calls that were cancelled before they were answered", 250_000);
}

#[tokio::test(start_paused = true)]
async fn frames_of_the_websocket() {
    let scene = scene(Config::default()).await;
    for frame in [Message::Ping(Bytes::new()), Message::Pong(Bytes::new()), Message::text("text")] {
        let reason = scene.flood(&EXTENSIONS, |_| vec![frame.clone(); 100]).await;
        assert_names(&reason, "WebSocket frames without a message", 7812);
    }
    let mut begun = false;
    let reason = scene
        .flood(&EXTENSIONS, |_| {
            let data =
                if std::mem::replace(&mut begun, true) { Data::Continue } else { Data::Binary };
            let fragment =
                |data| Message::Frame(Frame::message(Bytes::new(), OpCode::Data(data), false));
            let mut fragments = vec![fragment(Data::Continue); 100];
            fragments[0] = fragment(data);
            fragments
        })
        .await;
    assert_names(&reason, "small fragments of WebSocket messages", 62_500);
}

/// A node of the base protocol has no limit of its own, and is not told that of others.
#[tokio::test(start_paused = true)]
async fn a_message_that_is_too_large_is_named_with_the_setting() {
    let scene = scene(Config::default().message_bytes_max(1 << 20)).await;
    let mut peer = RawPeer::connect(&scene.node, &scene.hostile, &[]).await;
    let call = message(1, op::REQUEST, ECHO, b"carried");
    assert!(peer.send(call).await);
    peer.receive().await.expect("an answer");
    let _ = peer.send(message(2, op::REQUEST, ECHO, &vec![0; 2 << 20])).await;
    let reason = reason(&scene.node, &scene.hostile).await;
    assert!(matches!(reason, LinkError::MessageTooLarge { max: 1_048_576, .. }), "{reason:?}");
    assert!(
        reason.to_string().ends_with(
            "exceeds the limit of 1048576 bytes (`Config::message_bytes_max` of this node)"
        ),
        "{reason}"
    );
    scene.call().await;
}
