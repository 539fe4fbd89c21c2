//! Peers that make a node hold as much memory as they can: it stays within the documented limit.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::SinkExt as _;
use grid::{Builder, Capacities, Config, LinkError, Manager, State};
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::Message;

use crate::raw::{RawPeer, array, merged, message};
use crate::support::EXTENSIONS;
use crate::{MIB, Meter, alone};

mod op {
    pub(super) const CONNECT_MUX: u8 = 5;
    pub(super) const MUX_CLIENT_MSG: u8 = 9;
    pub(super) const REQUEST: u8 = 14;
    pub(super) const CHUNK: u8 = 18;
    pub(super) const UNKNOWN: u8 = 99;
}

/// Holds its request for ever.
const HOLD: u8 = 7;
/// A stream whose handler never reads.
const SILENT: u8 = 8;
/// Answers with a MiB.
const LARGE: u8 = 9;
/// Keeps its request when it has answered.
const KEEP: u8 = 10;
/// A stream whose handler reads all items.
const READ: u8 = 11;

const CAPACITIES: Capacities = Capacities { incoming: 16, outgoing: 16 };
const LIMIT: usize = 64 * MIB;

/// What the peer needs itself: the message that it sends, with its buffers in proportion, and the pipe.
const TEST_BYTES: usize = 16 * MIB + 4 * MIB;

struct Scene {
    node: Manager,
    peers: Vec<String>,
    kept: Arc<Mutex<Vec<Bytes>>>,
}

fn scene(config: Config, peers: usize) -> Scene {
    let name = "http://node:1".to_owned();
    let names = (0..).map(|number| format!("http://peer{number}:1"));
    let peers: Vec<_> = names.filter(|peer| grid::dials(peer, &name)).take(peers).collect();
    let kept = Arc::<Mutex<Vec<Bytes>>>::default();
    let hosts = peers.iter().chain([&name]).cloned();
    let builder = Manager::builder(&name).hosts(hosts).token(grid::NoAuth).config(config);
    let node = handlers(builder, &kept).build().unwrap();
    Scene { node, peers, kept }
}

fn handlers(builder: Builder, kept: &Arc<Mutex<Vec<Bytes>>>) -> Builder {
    let kept = Arc::clone(kept);
    builder
        .single_handler(HOLD, None, |_, payload| async move {
            std::future::pending::<()>().await;
            Ok(payload)
        })
        .single_handler(LARGE, None, |_, _| async { Ok(Some(Bytes::from(vec![7; MIB]))) })
        .single_handler(KEEP, None, move |_, payload| {
            kept.lock().unwrap().extend(payload);
            async { Ok(None) }
        })
        .stream_handler(SILENT, None, CAPACITIES, |_, _, input, output| async move {
            std::future::pending::<()>().await;
            drop((input, output));
            Ok(())
        })
        .stream_handler(READ, None, CAPACITIES, |_, _, mut input, _output| async move {
            while let Some(item) = input.next().await {
                drop(item);
            }
            Ok(())
        })
}

impl Scene {
    async fn connect(&self, extensions: &[&str]) -> RawPeer {
        RawPeer::connect(&self.node, &self.peers[0], extensions).await
    }

    fn in_flight(&self) -> usize {
        self.node.stats().connections.iter().map(|link| link.in_flight_in).sum()
    }

    fn is_up(&self) -> bool {
        let state = self.node.connection(&self.peers[0]).unwrap().state();
        matches!(state, State::Connected { .. })
    }
}

/// Lets the node handle what was sent.
async fn settle() {
    sleep(Duration::from_millis(10)).await;
}

/// A message in a buffer that is just large enough, with a CRC.
fn sized(mux: u64, seq: u32, op: u8, handler: u8, payload_len: usize) -> Bytes {
    let mut out = BytesMut::with_capacity(payload_len + 64);
    let head = array(mux, seq, op, handler, 1, b"");
    // Without the length of the empty payload.
    out.put_slice(&head[..head.len() - 4]);
    out.put_u32(payload_len as u32);
    out.put_bytes(7, payload_len);
    with_crc(out)
}

/// Sends a large message that means nothing, so that the buffers of the peer have their size.
async fn warm_up(peer: &mut RawPeer, payload_len: usize) {
    assert!(peer.send(sized(1 << 40, 0, op::UNKNOWN, 0, payload_len)).await);
    settle().await;
}

fn stream_message(mux: u64, seq: u32, op: u8, payload: &[u8]) -> Bytes {
    with_crc(array(mux, seq, op, SILENT, 1, payload))
}

fn with_crc(mut out: BytesMut) -> Bytes {
    let sum = twox_hash::XxHash3_64::oneshot(&out) as u32;
    out.put_u32_le(sum);
    out.freeze()
}

/// A message in parts of 32 KiB.
fn in_parts(transfer: u64, whole: &[u8]) -> Vec<Bytes> {
    let count = whole.len().div_ceil(32 << 10);
    let part = |(index, bytes): (usize, &[u8])| {
        let flags = if index + 1 == count { 3 } else { 1 };
        let mut out = BytesMut::new();
        out.put_slice(&[0x97, 0xcf]);
        out.put_u64(transfer);
        out.put_u8(0xce);
        out.put_u32(index as u32);
        out.put_u8(0xce);
        out.put_u32(if index == 0 { whole.len() as u32 } else { 0 });
        out.put_slice(&[0, op::CHUNK, flags, 0xc6]);
        out.put_u32(bytes.len() as u32);
        out.put_slice(bytes);
        with_crc(out)
    };
    whole.chunks(32 << 10).enumerate().map(part).collect()
}

#[track_caller]
fn assert_within(meter: &Meter, what: &str, allowed: usize) {
    let (held, peak) = (meter.held(), meter.peak());
    println!("{what}: {} MiB held, {} MiB at most", held / MIB, peak / MIB);
    assert!(peak <= allowed, "{what}: {peak} bytes at most, {allowed} allowed");
}

/// In a debug build checksums take long: fewer messages, which still exceed the limit several times.
fn requests() -> u64 {
    if cfg!(debug_assertions) { 5 } else { 300 }
}

fn items() -> u32 {
    if cfg!(debug_assertions) { 1 } else { 16 }
}

#[tokio::test(start_paused = true)]
async fn requests_that_handlers_hold() {
    let _alone = alone().await;
    let len = 16 * MIB - 200;
    for (extensions, parts) in [(&[][..], false), (&EXTENSIONS[..], false), (&EXTENSIONS[..], true)]
    {
        let scene = scene(Config::default(), 1);
        let mut peer = scene.connect(extensions).await;
        warm_up(&mut peer, len).await;
        let meter = Meter::start();
        for mux in 1..=requests() {
            let request = sized(mux, 0, op::REQUEST, HOLD, len);
            if parts {
                for part in in_parts(mux, &request) {
                    assert!(peer.send(part).await, "the link stays up");
                }
            } else {
                assert!(peer.send(request).await, "the link stays up");
            }
        }
        settle().await;
        // The peer has all parts of a message at once.
        let test_bytes = if parts { TEST_BYTES + 16 * MIB } else { TEST_BYTES };
        assert_within(&meter, "requests of 16 MiB", LIMIT + test_bytes);
        assert!(scene.is_up());
        assert!([2, 3].contains(&scene.in_flight()), "the other ones were refused");
    }
}

#[tokio::test(start_paused = true)]
async fn items_that_nobody_reads() {
    let _alone = alone().await;
    let len = 15 * MIB;
    for extensions in [&[][..], &EXTENSIONS] {
        let scene = scene(Config::default(), 1);
        let mut peer = scene.connect(extensions).await;
        warm_up(&mut peer, len).await;
        let meter = Meter::start();
        for mux in 1..=15 {
            let opening = message(mux, op::CONNECT_MUX, SILENT, b"");
            assert!(peer.send(opening).await);
        }
        for seq in 1..=items() {
            for mux in 1..=15 {
                let item = sized(mux, seq, op::MUX_CLIENT_MSG, 0, len);
                assert!(peer.send(item).await, "the link stays up");
            }
        }
        settle().await;
        assert_within(&meter, "15 streams, items of 15 MiB", LIMIT + TEST_BYTES);
        assert!(scene.is_up());
        assert!((1..15).contains(&scene.in_flight()), "those that exceed it have ended");
    }
}

#[tokio::test(start_paused = true)]
async fn answers_that_the_peer_does_not_read() {
    let _alone = alone().await;
    for extensions in [&[][..], &EXTENSIONS] {
        // By default, answers may use half of what a node may hold, which is more than there are.
        let scene = scene(Config::default().bytes_per_node_max(LIMIT), 1);
        let mut peer = scene.connect(extensions).await;
        let meter = Meter::start();
        for mux in 1..=200 {
            let request = message(mux, op::REQUEST, LARGE, b"");
            peer.socket.send(Message::Binary(request)).await.unwrap();
        }
        settle().await;
        assert_within(&meter, "answers of 1 MiB", LIMIT + TEST_BYTES);
        assert!(scene.is_up());
    }
}

#[tokio::test(start_paused = true)]
async fn slices_of_merged_messages_that_a_handler_keeps() {
    let _alone = alone().await;
    let rounds = if cfg!(debug_assertions) { 40 } else { 1000 };
    for (total, rounds) in [(MIB, rounds), (31 << 10, 20 * rounds)] {
        for extensions in [&[][..], &EXTENSIONS] {
            let scene = scene(Config::default(), 1);
            let mut peer = scene.connect(extensions).await;
            let filler = message(1, op::UNKNOWN, 0, &vec![7; total - 200]);
            let meter = Meter::start();
            for mux in 1..=rounds {
                let request = message(mux, op::REQUEST, KEEP, b"four");
                assert!(peer.send(merged(&[request, filler.clone()])).await);
            }
            settle().await;
            assert_within(&meter, "slices of 4 bytes of merged messages", LIMIT / 2);
            let kept = scene.kept.lock().unwrap();
            assert!(kept.len() == rounds as usize, "{} of {rounds}", kept.len());
            assert!(kept.iter().all(|slice| slice == "four"));
        }
    }
}

/// What a handler keeps after its answer is the application's own, and does not count for the peer.
#[tokio::test(start_paused = true)]
async fn requests_that_are_kept_after_the_answer() {
    let _alone = alone().await;
    let scene = scene(Config::default(), 1);
    let mut peer = scene.connect(&[]).await;
    let meter = Meter::start();
    let payload = vec![7; MIB];
    for mux in 1..=100 {
        assert!(peer.send(message(mux, op::REQUEST, KEEP, &payload)).await);
    }
    settle().await;
    assert_eq!(scene.kept.lock().unwrap().len(), 100);
    assert_within(&meter, "beside kept requests of 1 MiB", 100 * MIB + TEST_BYTES);
}

/// Each item makes the node return a credit, which the peer does not read.
async fn send_items_without_reading(scene: &Scene, number: usize, extensions: &[&str]) -> bool {
    let name = &scene.peers[number];
    let mut peer = RawPeer::connect(&scene.node, name, extensions).await;
    let opening = message(1, op::CONNECT_MUX, READ, b"");
    peer.socket.send(Message::Binary(opening)).await.unwrap();
    let mut seq = 1;
    for _ in 0..100_000 {
        let items: Vec<_> = (0..16)
            .map(|_| {
                seq += 1;
                stream_message(1, seq - 1, op::MUX_CLIENT_MSG, b"four")
            })
            .collect();
        if peer.socket.send(Message::Binary(merged(&items))).await.is_err() {
            break;
        }
        tokio::task::yield_now().await;
    }
    let state = scene.node.connection(name).unwrap().state();
    let State::Error(reason) = state else { return false };
    matches!(&*reason, LinkError::Protocol(_))
        && reason.full_text().to_string().contains("does not read")
}

#[tokio::test(start_paused = true)]
async fn control_messages_that_the_peer_does_not_read() {
    let _alone = alone().await;
    for extensions in [&[][..], &["ids32", "meta", "cancel"]] {
        let scene = scene(Config::default(), 3);
        let meter = Meter::start();
        let sent = futures_util::future::join_all(
            (0..3).map(|number| send_items_without_reading(&scene, number, extensions)),
        )
        .await;
        assert_within(&meter, "credits for three peers", 3 * 16 * MIB);
        assert_eq!(sent, [true; 3], "each link was closed, with the reason");
    }
}

/// The limit of the node holds for all peers together.
#[tokio::test(start_paused = true)]
async fn three_peers_share_the_limit_of_the_node() {
    let _alone = alone().await;
    let config = Config::default().bytes_per_node_max(96 * MIB);
    let scene = scene(config, 3);
    let mut peers = Vec::new();
    for name in &scene.peers {
        let mut peer = RawPeer::connect(&scene.node, name, &[]).await;
        warm_up(&mut peer, 4 * MIB).await;
        peers.push(peer);
    }
    let meter = Meter::start();
    for peer in &mut peers {
        for mux in 1..=20 {
            assert!(peer.send(sized(mux, 0, op::REQUEST, HOLD, 4 * MIB)).await);
        }
    }
    settle().await;
    assert_within(&meter, "three peers, 20 requests of 4 MiB each", 96 * MIB + TEST_BYTES);
    let in_flight = scene.in_flight();
    assert!((20..=23).contains(&in_flight), "{in_flight}: the node's limit, not that of each peer");
}

/// A small request after a large frame that means nothing does not keep the memory of that frame.
#[tokio::test(start_paused = true)]
async fn small_requests_among_large_frames_without_a_message() {
    let _alone = alone().await;
    let scene = scene(Config::default(), 1);
    let mut peer = scene.connect(&EXTENSIONS).await;
    let text = "x".repeat(4 * MIB);
    assert!(peer.send_frame(Message::text(text.clone())).await);
    settle().await;
    let meter = Meter::start();
    for mux in 1..=20 {
        assert!(peer.send_frame(Message::text(text.clone())).await);
        assert!(peer.send(sized(mux, 0, op::REQUEST, HOLD, 3000)).await);
        settle().await;
    }
    assert_eq!(scene.in_flight(), 20);
    let held = meter.held();
    assert!(held < 2 * MIB, "{held} bytes for 20 requests of 3000");
}

/// Pongs do not pile up behind a socket that accepts no output.
#[tokio::test(start_paused = true)]
async fn pings_of_a_peer_that_does_not_read() {
    let _alone = alone().await;
    let scene = scene(Config::default(), 1);
    let mut peer = scene.connect(&EXTENSIONS).await;
    for mux in 1..=4 {
        let request = message(mux, op::REQUEST, LARGE, b"");
        peer.socket.send(Message::Binary(request)).await.unwrap();
    }
    settle().await;
    let meter = Meter::start();
    for _ in 0..10_000 {
        peer.socket.send(Message::Ping(Bytes::from_static(&[7; 125]))).await.unwrap();
        sleep(Duration::from_millis(1)).await;
    }
    assert!(scene.is_up());
    let held = meter.held();
    assert!(held < MIB / 4, "{held} bytes for 10 000 pings");
}
