//! Tests of the driver: one poll at a time, over a scripted transport.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use tokio::task::coop;

use super::core::Core;
use super::driver::Driver;
use super::endpoint::Endpoint;
use super::session::start_loopback;
use crate::error::LinkError;
use crate::net::link::peer::now;
use crate::net::serve::registry::{RawHandler, Registry, RunSingle};
use crate::net::transport::Transport;
use crate::proto::wire::{Frame, Header, MuxId, Op, Ping, Timestamp, merged};
use crate::proto::{Features, Limits, Outbound, PART_BYTES, Session};

/// Returns scripted messages and counts sent messages.
struct Script {
    messages: Box<dyn Iterator<Item = Bytes> + Send>,
    sent: Arc<AtomicUsize>,
    /// Bytes of the sent messages.
    sent_bytes: Arc<AtomicUsize>,
    /// The socket accepts no output.
    blocked: bool,
    /// The peer has closed the connection after these messages.
    ends: Arc<AtomicBool>,
}

impl Script {
    fn new(messages: impl Iterator<Item = Bytes> + Send + 'static) -> Self {
        Self {
            messages: Box::new(messages),
            sent: Arc::default(),
            sent_bytes: Arc::default(),
            blocked: false,
            ends: Arc::default(),
        }
    }
}

impl Transport for Script {
    fn has_room(&self) -> bool {
        !self.blocked
    }

    fn start_send(&mut self, message: Outbound) -> Result<(), LinkError> {
        self.sent.fetch_add(1, Ordering::Relaxed);
        self.sent_bytes.fetch_add(message.len(), Ordering::Relaxed);
        Ok(())
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        if self.blocked { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    fn is_flushed(&self) -> bool {
        !self.blocked
    }

    fn poll_recv(&mut self, _: &mut Context<'_>) -> Poll<Result<Bytes, LinkError>> {
        match self.messages.next() {
            Some(message) => Poll::Ready(Ok(message)),
            None if self.ends.load(Ordering::Relaxed) => Poll::Ready(Err(LinkError::NotConnected)),
            None => Poll::Pending,
        }
    }

    fn close(&mut self, _: &LinkError, _: &mut Context<'_>) {}
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A peer whose link is up, and a handler with the id 9 that answers at once.
fn endpoint() -> Endpoint {
    let endpoint = endpoint_without_link();
    start_loopback(&endpoint.peer);
    endpoint
}

/// The same for a peer that knows these extensions.
fn endpoint_with(features: Features) -> Endpoint {
    let endpoint = endpoint_without_link();
    let session = Session {
        checksum: false,
        features,
        wall: SystemTime::UNIX_EPOCH,
        peer_message_bytes_max: None,
        peer_requests_bytes_max: None,
        loopback: false,
    };
    endpoint.peer.with(|shared, _| shared.link.start(now(), session));
    endpoint
}

fn endpoint_without_link() -> Endpoint {
    let mut registry = Registry::new();
    let run: Arc<RunSingle> =
        Arc::new(|_, payload| Box::pin(async move { Ok(payload.map(Into::into)) }));
    let handler = RawHandler::Single { run, inline: true };
    registry.insert("echo".into(), 9.into(), None, handler).expect("the only one");
    Endpoint::new("a".into(), "b".into(), Limits::default(), registry.into())
}

fn message(header: Header, payload: Option<&[u8]>) -> Bytes {
    Frame::new(header, payload).to_bytes()
}

fn ping() -> Bytes {
    message(Header::new(Op::Ping), Some(&Ping { time: Timestamp::GO_ZERO }.encode()))
}

fn request() -> Bytes {
    let header =
        Header { mux: MuxId(1), deadline_ms: 1000, handler: 9, ..Header::new(Op::Request) };
    message(header, Some(b"x"))
}

/// Merges messages into one.
fn merged(messages: impl ExactSizeIterator<Item = Bytes>) -> Bytes {
    let mut out = BytesMut::new();
    merged::write_header(messages.len() as u32, &mut out);
    for message in messages {
        merged::write_part_prefix(message.len(), &mut out);
        out.extend_from_slice(&message);
    }
    out.freeze()
}

fn driver(endpoint: &Endpoint, script: Script) -> Driver<Script> {
    Driver::alone(Box::new(Core::new(endpoint.clone(), Some(script))))
}

/// Polls a driver once. Returns whether it has woken itself.
fn turn(endpoint: &Endpoint, script: Script) -> bool {
    let wakes = Arc::new(Wakes::default());
    let waker = Arc::clone(&wakes).into();
    let mut driver = driver(endpoint, script);
    assert!(Pin::new(&mut driver).poll(&mut Context::from_waker(&waker)).is_pending());
    wakes.0.load(Ordering::Relaxed) > 0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_single_message_is_answered_without_another_turn() {
    for (pings, pongs) in [(0, 0), (1, 1)] {
        let script = Script::new(std::iter::repeat_n(ping(), pings));
        let sent = Arc::clone(&script.sent);
        assert!(!turn(&endpoint(), script), "answered, and asleep");
        assert_eq!(sent.load(Ordering::Relaxed), pongs);
    }
}

#[tokio::test]
async fn the_driver_sleeps_while_the_socket_is_blocked() {
    for message in [ping(), request()] {
        let endpoint = endpoint();
        let script = Script { blocked: true, ..Script::new([message].into_iter()) };
        let sent = Arc::clone(&script.sent);
        assert!(!turn(&endpoint, script), "with an answer to send");
        assert_eq!(sent.load(Ordering::Relaxed), 0);
        let (wants, in_flight) =
            endpoint.peer.link(|link| (link.wants_transmit(), link.in_flight()));
        assert!(wants && in_flight == (0, 0));
    }
}

#[tokio::test]
async fn an_answer_is_sent_whatever_is_decoded_behind_it() {
    let nothing = || message(Header::new(Op::Disconnect), None);
    let messages = std::iter::once(request()).chain(std::iter::repeat_with(nothing)).take(100);
    let all = merged(messages.collect::<Vec<_>>().into_iter());
    let script = Script::new(std::iter::once(all));
    let sent = Arc::clone(&script.sent);
    turn(&endpoint(), script);
    assert_eq!(sent.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn received_messages_are_handled_before_timers() {
    let endpoint = endpoint();
    // After this stall the last pong is too old, but another pong has been received behind other messages.
    tokio::time::advance(std::time::Duration::from_secs(21)).await;
    let pong = message(
        Header::new(Op::Pong),
        Some(&crate::proto::wire::Pong::to(Ping { time: Timestamp::GO_ZERO }).encode()),
    );
    let nothing = message(Header::new(Op::Disconnect), None);
    let all = merged([vec![nothing; 99], vec![pong]].concat().into_iter());
    let script = Script::new(std::iter::once(all));
    let sent = Arc::clone(&script.sent);
    turn(&endpoint, script);
    assert_eq!(sent.load(Ordering::Relaxed), 1, "the link lives, and pings");
}

#[tokio::test(start_paused = true)]
async fn a_task_without_budget_is_woken_in_time_all_the_same() {
    let endpoint = endpoint();
    let script = Script::new(std::iter::empty());
    let sent = Arc::clone(&script.sent);
    let mut driver = driver(&endpoint, script);
    let driven = std::future::poll_fn(|cx| {
        while coop::has_budget_remaining() {
            if let Poll::Ready(restore) = coop::poll_proceed(cx) {
                restore.made_progress();
            }
        }
        Pin::new(&mut driver).poll(cx)
    });
    // Only the first poll runs without budget. If every poll did, the test could not detect a missing registration.
    let mut driven = Box::pin(driven);
    let first = std::future::poll_fn(|cx| Poll::Ready(driven.as_mut().poll(cx))).await;
    assert!(first.is_pending());
    drop(driven);
    tokio::select! {
        biased;
        // Polled first, so that its wake-up does not cause the driver to check the time.
        () = tokio::time::sleep(std::time::Duration::from_secs(11)) => {}
        _ = &mut driver => panic!("the link lives"),
    }
    assert_eq!(sent.load(Ordering::Relaxed), 1, "a ping after ten seconds");
}

#[tokio::test]
async fn wakers_are_woken_even_if_the_link_breaks() {
    let endpoint = endpoint();
    let wakes = Arc::new(Wakes::default());
    let mut core = Core::<Script>::new(endpoint, None);
    core.effects.wake([Arc::clone(&wakes).into()]);
    drop(core);
    assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_never_stops_does_not_keep_the_others_from_their_turn() {
    assert!(turn(&endpoint(), Script::new(std::iter::repeat(ping()))));
}

#[tokio::test]
async fn a_merged_message_of_many_parts_is_handled_in_several_polls() {
    let endpoint = endpoint();
    let parts: u32 = 10_000;
    let script = Script::new(std::iter::once(merged((0..parts).map(|_| request()))));
    assert!(turn(&endpoint, script), "other tasks have a turn");
    let handled = endpoint.peer.link(|link| link.counters().messages_in);
    assert!((64..u64::from(parts) / 10).contains(&handled), "{handled} of {parts}");
}

#[tokio::test(start_paused = true)]
async fn after_a_pause_a_lost_connection_is_noticed_before_anything_is_sent() {
    let endpoint = endpoint();
    let script = Script::new(std::iter::empty());
    let (sent, ends) = (Arc::clone(&script.sent), Arc::clone(&script.ends));
    let mut driver = driver(&endpoint, script);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(Pin::new(&mut driver).poll(&mut cx).is_pending());
    // The runtime is not driven for a while, and the peer closes the connection meanwhile.
    tokio::time::advance(std::time::Duration::from_secs(3600)).await;
    ends.store(true, Ordering::Relaxed);
    let mut call = endpoint.connection().request(9, Some("x".into()));
    assert!(Pin::new(&mut call).poll(&mut cx).is_pending());
    assert!(Pin::new(&mut driver).poll(&mut cx).is_ready(), "the connection is lost");
    assert_eq!(sent.load(Ordering::Relaxed), 0, "the call was not sent into it");
}

/// Large messages do not fill the kernel's buffers, in parts or whole: the driver reads after each of them, and yields. A
/// link that carries nothing else writes more at a time.
#[tokio::test(start_paused = true)]
async fn after_a_few_large_messages_the_driver_reads_and_yields() {
    // The longer payload is sent in parts to a peer with `chunks`.
    for (features, len, message) in [
        (Features::all(), 40 << 10, 40 << 10),
        (Features::all(), 200 << 10, PART_BYTES),
        (Features::NONE, 40 << 10, 40 << 10),
        (Features::NONE, 200 << 10, 200 << 10),
    ] {
        assert_rounds_are_short(
            &endpoint_with(features),
            &Bytes::from(vec![7; len]),
            message + 100,
        );
    }
}

/// Sends requests with this payload in messages of at most `message_max` bytes.
fn assert_rounds_are_short(endpoint: &Endpoint, payload: &Bytes, message_max: usize) {
    const ROUND: usize = 32 << 10;
    const ROUND_ALONE: usize = 256 << 10;
    const ALONE_AFTER: usize = 2 << 20;
    let connection = endpoint.connection();
    let mut calls: Vec<_> =
        (0..100).map(|_| connection.request(9, Some(payload.clone()))).collect();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(calls.iter_mut().all(|call| Pin::new(call).poll(&mut cx).is_pending()));

    // Tells how much has been sent whenever the driver reads.
    let (read, reads) = mpsc::channel();
    let mut script = Script::new(std::iter::empty());
    let sent_bytes = Arc::clone(&script.sent_bytes);
    script.messages = Box::new(std::iter::from_fn(move || {
        read.send(sent_bytes.load(Ordering::Relaxed)).ok().and(None)
    }));
    let mut driver = driver(endpoint, script);
    let wakes = Arc::new(Wakes::default());
    let waker = Arc::clone(&wakes).into();
    let (mut before, mut rounds_alone) = (0, 0);
    while rounds_alone < 3 {
        let woken = wakes.0.load(Ordering::Relaxed);
        assert!(Pin::new(&mut driver).poll(&mut Context::from_waker(&waker)).is_pending());
        assert_eq!(wakes.0.load(Ordering::Relaxed), woken + 1, "it yields");
        let sums: Vec<_> = reads.try_iter().collect();
        assert!((1..=4).contains(&sums.len()), "{} rounds without a yield", sums.len());
        for sum in sums {
            let is_alone = before >= ALONE_AFTER;
            // A round in which the link turns out to carry nothing else is longer as well.
            let may_be_alone = before + ROUND + message_max >= ALONE_AFTER;
            let min = if is_alone { ROUND_ALONE } else { ROUND };
            let max = if may_be_alone { ROUND_ALONE } else { ROUND } + message_max;
            let round = sum - before;
            assert!((min..max).contains(&round), "{round} in messages of {message_max}");
            before = sum;
            rounds_alone += usize::from(is_alone);
        }
    }
}
