//! A peer made by hand: it performs the upgrade and the handshake properly, and then sends whatever a test wants.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use grid::{LinkError, Manager, ROUTE, Refused, State};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, duplex};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::support::EXTENSIONS;

/// Ops of the protocol.
pub(crate) mod op {
    pub(crate) const CONNECT: u8 = 1;
    pub(crate) const PING: u8 = 3;
    pub(crate) const MUX_CLIENT_MSG: u8 = 9;
    pub(crate) const REQUEST: u8 = 14;
    pub(crate) const RESPONSE: u8 = 15;
    pub(crate) const MERGED: u8 = 17;
}

/// A message of the grid protocol. Its end has a CRC.
pub(crate) fn message(mux: u64, op: u8, handler: u8, payload: &[u8]) -> Bytes {
    const CRC: u8 = 1;
    let mut out = array(mux, 0, op, handler, CRC, payload);
    let sum = twox_hash::XxHash3_64::oneshot(&out) as u32;
    out.put_u32_le(sum);
    out.freeze()
}

/// The message without trailers.
pub(crate) fn array(
    mux: u64,
    seq: u32,
    op: u8,
    handler: u8,
    flags: u8,
    payload: &[u8],
) -> BytesMut {
    let mut out = BytesMut::new();
    out.put_u8(0x97);
    out.put_u8(0xcf);
    out.put_u64(mux);
    out.put_u8(0xce);
    out.put_u32(seq);
    // A deadline of a minute.
    out.put_slice(&[0xcd, 0xea, 0x60]);
    out.put_slice(&[0xcc, handler, op, flags]);
    put_bin(payload, &mut out);
    out
}

/// Several messages in one.
pub(crate) fn merged(parts: &[Bytes]) -> Bytes {
    let mut out = BytesMut::new();
    out.put_slice(&[0x97, 0, 0xce]);
    out.put_u32(parts.len().try_into().unwrap());
    // No CRC: none covers the header.
    out.put_slice(&[0, 0, op::MERGED, 0, 0xc4, 0]);
    parts.iter().for_each(|part| put_bin(part, &mut out));
    out.freeze()
}

fn put_bin(bytes: &[u8], out: &mut BytesMut) {
    out.put_u8(0xc6);
    out.put_u32(bytes.len().try_into().unwrap());
    out.put_slice(bytes);
}

fn put_str(text: &str, out: &mut BytesMut) {
    out.put_u8(0xd9);
    out.put_u8(text.len().try_into().unwrap());
    out.put_slice(text.as_bytes());
}

/// The payload of a Connect, with this value of `Contracts` if it is not empty.
fn connect(name: &str, extensions: &[&str], contracts: &[u8]) -> BytesMut {
    let mut out = BytesMut::new();
    out.put_u8(0x84 + u8::from(!extensions.is_empty()) + u8::from(!contracts.is_empty()));
    put_str("ID", &mut out);
    put_bin(&rand::random::<[u8; 16]>(), &mut out);
    put_str("Host", &mut out);
    put_str(name, &mut out);
    put_str("Time", &mut out);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    out.put_slice(&[0xc7, 12, 5]);
    out.put_u64(now.as_secs());
    out.put_u32(0);
    put_str("Token", &mut out);
    put_str("", &mut out);
    if !contracts.is_empty() {
        put_str("Contracts", &mut out);
        out.put_slice(contracts);
    }
    if !extensions.is_empty() {
        put_str("Ext", &mut out);
        out.put_u8(0x90 | u8::try_from(extensions.len()).unwrap());
        extensions.iter().for_each(|name| put_str(name, &mut out));
    }
    out
}

/// One connection of the peer to a node.
pub(crate) struct RawPeer<S = DuplexStream> {
    pub(crate) socket: WebSocketStream<S>,
}

impl RawPeer {
    /// Connects to `manager` as the node `name`, which must be the one that dials. No extensions: as a node of the base
    /// protocol.
    pub(crate) async fn connect(manager: &Manager, name: &str, extensions: &[&str]) -> Self {
        Self::connect_with(manager, name, extensions, &[]).await.expect("accepted")
    }

    /// The same with all extensions and this value of `Contracts`, of any bytes. Fails if `manager` refuses it.
    pub(crate) async fn connect_stating(
        manager: &Manager,
        name: &str,
        contracts: &[u8],
    ) -> Result<Self, Refused> {
        Self::connect_with(manager, name, &EXTENSIONS, contracts).await
    }

    async fn connect_with(
        manager: &Manager,
        name: &str,
        extensions: &[&str],
        contracts: &[u8],
    ) -> Result<Self, Refused> {
        let (near, far) = duplex(1 << 20);
        let accepting = tokio::spawn({
            let manager = manager.clone();
            async move { manager.accept(far).await }
        });
        let peer = Self::over(near, manager.name(), name, extensions, contracts).await;
        accepting.await.unwrap()?;
        Ok(peer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> RawPeer<S> {
    /// Connects to the node `to` over a stream. `contracts`: the value of `Contracts`, if it is not empty.
    pub(crate) async fn over(
        stream: S,
        to: &str,
        name: &str,
        extensions: &[&str],
        contracts: &[u8],
    ) -> Self {
        assert!(grid::dials(name, to), "{name} is dialed by {to}");
        let request = format!("ws://{}{ROUTE}", &to["http://".len()..]);
        let (mut socket, _) = client_async(request, stream).await.unwrap();
        let payload = connect(name, extensions, contracts);
        let mut first = BytesMut::new();
        first.put_slice(&[0x97, 0, 0, 0, 0, op::CONNECT, 0]);
        put_bin(&payload, &mut first);
        socket.send(Message::Binary(first.freeze())).await.unwrap();
        let answer = socket.next().await.unwrap().unwrap();
        assert!(answer.is_binary(), "{answer:?}");
        Self { socket }
    }

    /// Sends one message, and reads what has been received. Returns `false` if the connection is closed.
    pub(crate) async fn send(&mut self, message: Bytes) -> bool {
        self.send_frame(Message::Binary(message)).await
    }

    /// The same for any frame of the WebSocket.
    pub(crate) async fn send_frame(&mut self, frame: Message) -> bool {
        let sent = self.socket.send(frame).await;
        while let Some(read) = self.socket.next().now_or_never() {
            if read.is_none_or(|read| read.is_err()) {
                return false;
            }
        }
        sent.is_ok()
    }

    /// The next binary message, without its WebSocket frame.
    pub(crate) async fn receive(&mut self) -> Result<Bytes, Error> {
        loop {
            match self.socket.next().await.unwrap_or(Err(Error::ConnectionClosed))? {
                Message::Binary(bytes) => return Ok(bytes),
                Message::Close(_) => return Err(Error::ConnectionClosed),
                _ => {}
            }
        }
    }
}

/// Why the link of `manager` to `peer` is down. Waits until it is.
pub(crate) async fn reason(manager: &Manager, peer: &str) -> LinkError {
    let states = manager.connection(peer).unwrap().states();
    let down = states.wait_for(|state| matches!(state, State::Error(_)));
    let state = tokio::time::timeout(Duration::from_secs(60), down).await.expect("it ends");
    let Some(State::Error(reason)) = state else { panic!("{state:?}") };
    (*reason).clone()
}
