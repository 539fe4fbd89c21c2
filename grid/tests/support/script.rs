//! A scripted peer: the handshake messages of the protocol, written by hand.
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use grid::{Manager, ROUTE};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::io::{DuplexStream, duplex};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{WebSocketStream, client_async};

/// A Connect message.
#[derive(Clone)]
pub(crate) struct Connect<'a> {
    pub(crate) run: u64,
    pub(crate) host: &'a str,
    pub(crate) peer: Option<&'a str>,
    pub(crate) dial: Option<u64>,
    /// Seconds by which the clock is ahead.
    pub(crate) ahead: u64,
}

impl<'a> Connect<'a> {
    /// Of a dialer with the extension `names`.
    pub(crate) fn new(host: &'a str, peer: &'a str, run: u64, dial: u64) -> Self {
        Self { run, host, peer: Some(peer), dial: Some(dial), ahead: 0 }
    }

    fn message(&self) -> Message {
        let text = |out: &mut Vec<u8>, text: &str| {
            out.extend([0xd9, text.len() as u8]);
            out.extend(text.as_bytes());
        };
        let optional = usize::from(self.peer.is_some()) + usize::from(self.dial.is_some());
        let mut map = vec![0x84 + optional as u8];
        text(&mut map, "ID");
        map.extend([0xc4, 16]);
        map.extend([self.run.to_be_bytes(), [7; 8]].concat());
        text(&mut map, "Host");
        text(&mut map, self.host);
        text(&mut map, "Time");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + self.ahead;
        map.extend([0xc7, 12, 5]);
        map.extend(now.to_be_bytes());
        map.extend([0; 4]);
        text(&mut map, "Token");
        text(&mut map, "");
        if let Some(peer) = self.peer {
            text(&mut map, "Peer");
            text(&mut map, peer);
        }
        if let Some(dial) = self.dial {
            text(&mut map, "Dial");
            map.push(0xcf);
            map.extend(dial.to_be_bytes());
        }
        let mut message = b"\x97\x00\x00\x00\x00\x01\x00\xc5".to_vec();
        message.extend((map.len() as u16).to_be_bytes());
        message.extend(map);
        Message::Binary(message.into())
    }
}

/// A WebSocket of a scripted dialer.
pub(crate) struct Scripted(pub(crate) WebSocketStream<DuplexStream>);

impl Scripted {
    /// A connection to a node, before its handshake.
    pub(crate) async fn dial(manager: &Manager) -> Self {
        let (near, far) = duplex(1 << 16);
        let manager = manager.clone();
        tokio::spawn(async move { manager.accept(far).await });
        Self::upgrade(near).await
    }

    /// Upgrades a stream to a node.
    pub(crate) async fn upgrade(stream: DuplexStream) -> Self {
        Self(client_async(format!("ws://a:1{ROUTE}"), stream).await.unwrap().0)
    }

    /// Sends a Connect. Returns the text of the refusal, if it was refused.
    pub(crate) async fn connect(&mut self, connect: &Connect<'_>) -> Result<(), String> {
        self.0.send(connect.message()).await.unwrap();
        let answer = self.message().await.expect("an answer");
        assert_eq!(answer[5], 2, "a ConnectResponse");
        let text = String::from_utf8_lossy(&answer).into_owned();
        let accepted = answer.windows(9).find(|bytes| bytes.starts_with(b"Accepted")).unwrap()[8];
        if accepted == 0xc3 { Ok(()) } else { Err(text) }
    }

    /// The next binary message, if one follows.
    pub(crate) async fn message(&mut self) -> Option<Bytes> {
        while let Some(Ok(message)) = self.0.next().await {
            if let Message::Binary(message) = message {
                return Some(message);
            }
        }
        None
    }

    /// Reads until the node closes the connection. Returns what it said.
    pub(crate) async fn closed(&mut self) -> Option<CloseFrame> {
        while let Some(Ok(message)) = self.0.next().await {
            if let Message::Close(frame) = message {
                return frame;
            }
        }
        None
    }
}
