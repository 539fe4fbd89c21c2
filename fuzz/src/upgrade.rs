//! The HTTP upgrade and what follows it, at both ends: arbitrary bytes as a request to a node that listens, and as a response
//! to a node that dials.
//!
//! Time is virtual. Whatever the bytes are, and even if the fuzzer's side then says nothing more and closes nothing, the node
//! must end with an error or a connection in time. It must leave no task.

use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use grid::__internals::{accepting_message, connect_message};
use grid::{Connection, Dial, Dialing, Io, LinkError, Manager, NoAuth};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, WriteHalf, duplex, split};
use tokio::runtime::{Builder, Handle};
use tokio::time::{sleep, timeout};
use tungstenite::handshake::derive_accept_key;

use crate::input::Input;

/// The first byte, the headers and the handshake are limited to 3, 10 and 10 s.
const ENDS_WITHIN: Duration = Duration::from_secs(30);

/// Bytes that a pipe holds.
const PIPE_BYTES: usize = 1 << 16;

/// Two names. The first one dials.
fn names() -> (&'static str, &'static str) {
    let (one, other) = ("http://a:1", "http://b:1");
    if grid::dials(one, other) { (one, other) } else { (other, one) }
}

/// How far the fuzzer's side follows the protocol before it sends the bytes of the input.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Before {
    Nothing,
    Upgrade,
    Handshake,
}

/// What the fuzzer's side sends, and how.
struct Script<'a> {
    before: Before,
    /// The bytes are sent in pieces of this length, with pauses between them.
    piece: usize,
    pause: Duration,
    /// The bytes are messages, each with its length before it, and not the bytes of frames.
    framed: bool,
    /// The stream stays open after the last byte.
    stays_open: bool,
    bytes: Input<'a>,
}

/// The first byte selects what is sent and how, the second one the pieces; bytes to send follow.
pub fn upgrade(data: &[u8]) {
    let mut input = Input::new(data);
    let (bits, pieces) = (input.u8(), input.u8());
    let script = Script {
        before: match bits & 6 {
            0 | 2 => Before::Nothing,
            4 => Before::Upgrade,
            _ => Before::Handshake,
        },
        piece: match pieces >> 4 {
            0 => usize::MAX,
            len => usize::from(len),
        },
        pause: Duration::from_millis([0, 1, 300, 4000][usize::from(pieces & 3)]),
        framed: bits & 8 != 0,
        stays_open: bits & 16 != 0,
        bytes: input,
    };
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime without sockets").block_on(async {
        if bits & 1 == 0 {
            listen(&script).await
        } else {
            dial(&script).await
        }
        // The tasks of a node end soon after it.
        sleep(ENDS_WITHIN).await;
        assert_eq!(Handle::current().metrics().num_alive_tasks(), 0, "tasks are left");
    });
}

/// The fuzzer dials a node.
async fn listen(script: &Script<'_>) {
    let (dialer, listener) = names();
    let node = Manager::builder(listener).hosts([dialer, listener]).token(NoAuth).build();
    let node = node.expect("a node");
    let (mut near, far) = duplex(PIPE_BYTES);
    let accepting = tokio::spawn({
        let node = node.clone();
        async move { node.accept(far).await.map_err(|refused| refused.to_string()) }
    });
    if script.before >= Before::Upgrade {
        write(&mut near, REQUEST).await;
        let head = read_head(&mut near).await;
        assert!(head.starts_with(b"HTTP/1.1 101 "));
    }
    if script.before >= Before::Handshake {
        let connect = connect_message(dialer, SystemTime::now());
        write(&mut near, &frame(&connect, true)).await;
    }
    let (accepted, stream) = tokio::join!(timeout(ENDS_WITHIN, accepting), script.send(near, true));
    if let Err(text) = accepted.expect("it ends in time").expect("no panic") {
        assert!(!text.is_empty());
    }
    end(node, stream).await;
}

/// A node dials the fuzzer.
async fn dial(script: &Script<'_>) {
    let (dialer, listener) = names();
    let (mut near, far) = duplex(PIPE_BYTES);
    let node = Manager::builder(dialer).hosts([dialer, listener]).token(NoAuth);
    let node = node.dial_with(Once(Mutex::new(Some(far)))).build().expect("a node");
    let connection = node.connection(listener).expect("a host");
    let head = read_head(&mut near).await;
    if script.before >= Before::Upgrade {
        write(&mut near, response(&head).as_bytes()).await;
    }
    if script.before >= Before::Handshake {
        write(&mut near, &frame(&accepting_message(listener), false)).await;
    }
    let ((), stream) = tokio::join!(wait(&connection), script.send(near, false));
    end(node, stream).await;
}

/// Waits for a connection, or for an error.
async fn wait(connection: &Connection) {
    let connected = connection.wait_connected(ENDS_WITHIN);
    let connected = timeout(2 * ENDS_WITHIN, connected).await.expect("it ends in time");
    if let Err(error) = connected {
        assert!(!matches!(error.state, grid::State::Connecting), "no attempt takes so long");
    }
}

/// Shuts the node down. A stream that is still open stays so, and the node receives nothing for a while.
async fn end(node: Manager, open: Option<WriteHalf<DuplexStream>>) {
    if open.is_some() {
        sleep(ENDS_WITHIN).await;
    }
    timeout(ENDS_WITHIN, node.shutdown(Duration::from_secs(1))).await.expect("it ends in time");
}

impl Script<'_> {
    /// Sends the bytes of the input while it reads what the node sends. Returns the stream if it stays open.
    async fn send(&self, near: DuplexStream, is_masked: bool) -> Option<WriteHalf<DuplexStream>> {
        let (mut reader, mut writer) = split(near);
        tokio::spawn(async move {
            let mut bytes = [0; 4096];
            while reader.read(&mut bytes).await.is_ok_and(|len| len > 0) {}
        });
        for piece in self.all_bytes(is_masked).chunks(self.piece.min(PIPE_BYTES)) {
            // The node may have closed the stream.
            if writer.write_all(piece).await.is_err() {
                break;
            }
            sleep(self.pause).await;
        }
        if self.stays_open {
            return Some(writer);
        }
        let _ = writer.shutdown().await;
        None
    }

    fn all_bytes(&self, is_masked: bool) -> Vec<u8> {
        let mut input = self.bytes;
        if !self.framed {
            return input.rest().to_vec();
        }
        let mut bytes = Vec::new();
        while !input.is_empty() {
            bytes.extend(frame(&Bytes::copy_from_slice(input.slice()), is_masked));
        }
        bytes
    }
}

/// The path is the default of nodes.
const REQUEST: &[u8] =
    b"GET /minio/grid/v1 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// The response to a request with this head.
fn response(request: &[u8]) -> String {
    let head = String::from_utf8_lossy(request);
    let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
    let accept = derive_accept_key(key.expect("a key").as_bytes());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
}

async fn write(stream: &mut DuplexStream, bytes: &[u8]) {
    stream.write_all(bytes).await.expect("the node reads");
}

async fn read_head(stream: &mut DuplexStream) -> Vec<u8> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("the node sends a head"));
    }
    head
}

/// A binary frame. The mask of a client is zero.
fn frame(payload: &[u8], is_masked: bool) -> Vec<u8> {
    let mask = if is_masked { 0x80 } else { 0 };
    let len = u16::try_from(payload.len()).expect("the input is short");
    let mut frame = vec![0x82];
    match len {
        0..=125 => frame.push(mask | len as u8),
        _ => {
            frame.push(mask | 126);
            frame.extend(len.to_be_bytes());
        }
    }
    frame.extend([0; 4].iter().filter(|_| is_masked));
    frame.extend(payload);
    frame
}

/// Dials once.
struct Once(Mutex<Option<DuplexStream>>);

impl Dial for Once {
    fn dial<'a>(&'a self, _name: &'a str) -> Dialing<'a> {
        let stream = self.0.lock().ok().and_then(|mut stream| stream.take());
        Box::pin(async move {
            let stream = stream.ok_or_else(|| LinkError::connect("no second attempt"))?;
            Ok(Box::new(stream) as Box<dyn Io>)
        })
    }
}
