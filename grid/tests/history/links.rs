//! Connections that are lost while much is under way, two of one peer at once, and peers that say nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use grid::{
    Builder, CallError, Capacities, Connection, Dial, Dialing, Io, LinkError, Manager, SendError,
    Sent, State,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use crate::protocols;
use crate::script::{Connect, Scripted};
use crate::support::{A, B, pair, sides};

const ECHO: u8 = 1;
const SINK: u8 = 2;
const SOURCE: u8 = 3;
const TWO_WAY: Capacities = Capacities { incoming: 2, outgoing: 2 };

/// A link that was up for a second is redialed well within this time.
const AT_ONCE: Duration = Duration::from_millis(100);

/// How long a silent peer goes unnoticed: two ping intervals of 10 s and a round trip, and with the base protocol three.
fn noticed(extensions: &[&str]) -> Duration {
    Duration::from_secs(if extensions.is_empty() { 31 } else { 21 })
}

/// Serves echoes, and counts them in `ran`.
fn echoes(builder: Builder, ran: &Arc<AtomicUsize>) -> Builder {
    let ran = Arc::clone(ran);
    builder.single_handler(ECHO, None, move |_, payload| {
        ran.fetch_add(1, Ordering::Relaxed);
        async { Ok(payload) }
    })
}

/// Calls until the queue to the socket is full and further calls wait, on a link that carries nothing.
async fn fill_queue(
    connection: &Connection,
) -> Vec<tokio::task::JoinHandle<Result<Option<Bytes>, CallError>>> {
    let call = || {
        let call = connection.request(ECHO, Some(vec![7; 20_000].into()));
        tokio::spawn(call.timeout(Duration::from_secs(600)))
    };
    let calls = (0..100).map(|_| call()).collect();
    sleep(Duration::from_millis(1)).await;
    let queued = connection.stats().queued_bytes;
    assert!(queued > 200_000, "the queue is not full: {queued} bytes");
    calls
}

#[tokio::test(start_paused = true)]
async fn a_link_with_a_full_queue_is_connected_again() {
    for extensions in protocols() {
        for is_cut in [true, false] {
            let ran = Arc::default();
            let (network, a, b) =
                pair(|builder| echoes(builder, &ran).extensions(extensions.iter().copied())).await;
            for (node, peer) in [(&a, B), (&b, A)] {
                let connection = node.connection(peer).unwrap();
                let connects = connection.stats().connects;
                // A link that was up for a second is dialed again at once.
                sleep(Duration::from_secs(1)).await;
                connection.request(ECHO, None).await.unwrap();
                ran.store(0, Ordering::Relaxed);
                network.freeze();
                let calls = fill_queue(&connection).await;
                let began = Instant::now();
                if is_cut {
                    network.cut();
                }
                let limit = if is_cut { AT_ONCE } else { noticed(&extensions) };
                for call in calls {
                    let ended =
                        timeout_at(began + limit, call).await.expect("a call hangs").unwrap();
                    assert!(matches!(ended, Err(CallError::Disconnected { .. })), "{ended:?}");
                }
                connection.wait_connected(limit).await.unwrap();
                assert!(began.elapsed() <= limit, "{:?}", began.elapsed());
                let echoed = connection.request(ECHO, Some("new".into())).await;
                assert_eq!(echoed, Ok(Some("new".into())));
                // What was queued for the old connection is not sent on the new one.
                let stats = connection.stats();
                assert_eq!((stats.connects, stats.in_flight_out), (connects + 1, 0));
                assert_eq!(stats.queued_bytes, 0);
                assert_eq!(ran.load(Ordering::Relaxed), 1, "the old calls have not run");
            }
        }
    }
}

/// Streams whose other end takes nothing: one reads nothing of its input, the other has a caller that does not read.
fn stuck_streams(builder: Builder, ended: &Arc<AtomicUsize>) -> Builder {
    let count = |ended: &Arc<AtomicUsize>| CountDrop(Arc::clone(ended));
    let (of_sink, of_source) = (Arc::clone(ended), Arc::clone(ended));
    builder
        .stream_handler(SINK, None, TWO_WAY, move |_, _, input, _| {
            let held = (count(&of_sink), input);
            async move {
                let _held = held;
                std::future::pending().await
            }
        })
        .stream_handler(SOURCE, None, TWO_WAY, move |_, _, _, mut output| {
            let held = count(&of_source);
            async move {
                let _held = held;
                loop {
                    output.send(vec![7; 10_000]).await?;
                }
            }
        })
}

struct CountDrop(Arc<AtomicUsize>);

impl Drop for CountDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Sends until the stream has ended.
async fn send_for_ever(mut input: grid::RawSender) -> SendError {
    loop {
        if let Err(error) = input.send(vec![7; 10_000]).await {
            return error;
        }
    }
}

/// What ends the links of node A.
#[derive(Debug, Clone, Copy)]
enum End {
    Cut,
    Silence,
    OwnShutdown,
    PeerShutdown,
}

#[tokio::test(start_paused = true)]
async fn senders_that_wait_end_when_their_link_closes() {
    for extensions in protocols() {
        for end in [End::Cut, End::Silence, End::OwnShutdown, End::PeerShutdown] {
            let what = format!("{end:?} with {extensions:?}");
            let ended = Arc::default();
            let (network, a, b) = pair(|builder| {
                let builder = stuck_streams(builder, &ended);
                echoes(builder, &Arc::default()).extensions(extensions.iter().copied())
            })
            .await;
            let connection = a.connection(B).unwrap();
            // Of the caller, and of handlers.
            let (input, kept) = connection.stream(SINK, TWO_WAY, None).await.unwrap();
            let sender = tokio::spawn(send_for_ever(input));
            let unread = connection.stream(SOURCE, TWO_WAY, None).await.unwrap();
            let back = b.connection(A).unwrap().stream(SOURCE, TWO_WAY, None).await.unwrap();
            sleep(Duration::from_secs(1)).await;
            assert!(!sender.is_finished(), "{what}: nobody reads");
            // Calls that wait for room in the queue of a socket that takes nothing. A peer that shuts down says so on a link
            // that works, where no queue fills up; its streams wait all the same.
            let calls = match end {
                End::PeerShutdown => Vec::new(),
                End::Cut | End::Silence | End::OwnShutdown => {
                    network.freeze();
                    fill_queue(&connection).await
                }
            };
            let began = Instant::now();
            let shutdown = |node: &Manager| {
                let node = node.clone();
                tokio::spawn(async move { node.shutdown(Duration::ZERO).await });
            };
            match end {
                End::Cut => network.cut(),
                End::Silence => {}
                End::OwnShutdown => shutdown(&a),
                End::PeerShutdown => shutdown(&b),
            }
            let limit = match end {
                End::Silence => noticed(&extensions),
                End::Cut | End::OwnShutdown | End::PeerShutdown => AT_ONCE,
            };
            let sender = timeout_at(began + limit, sender).await;
            let sender = sender.unwrap_or_else(|_| panic!("{what}: hangs"));
            assert!(matches!(sender.unwrap(), SendError::Closed(_)), "{what}");
            for call in calls {
                let call = timeout_at(began + limit, call).await;
                call.unwrap_or_else(|_| panic!("{what}: hangs")).unwrap().expect_err(&what);
            }
            // The peer of a node that shuts down on a frozen link is not told.
            let limit = match end {
                End::Silence | End::OwnShutdown => noticed(&extensions),
                End::Cut | End::PeerShutdown => AT_ONCE,
            };
            sleep_until(began + limit).await;
            assert_eq!(ended.load(Ordering::Relaxed), 3, "{what}: the handlers were dropped");
            drop((kept, unread, back));
            for node in [&a, &b] {
                let stats = &node.stats().connections[0];
                assert_eq!((stats.in_flight_out, stats.in_flight_in), (0, 0), "{what}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn streams_that_wait_do_not_delay_a_new_connection() {
    for extensions in protocols() {
        let ended = Arc::default();
        let (network, a, b) = pair(|builder| {
            let builder = stuck_streams(builder, &ended);
            echoes(builder, &Arc::default()).extensions(extensions.iter().copied())
        })
        .await;
        let mut senders = Vec::new();
        let mut unread = Vec::new();
        for (node, peer) in [(&a, B), (&b, A)] {
            let connection = node.connection(peer).unwrap();
            connection.request(ECHO, None).await.unwrap();
            for _ in 0..20 {
                let (input, output) = connection.stream(SINK, TWO_WAY, None).await.unwrap();
                senders.push(tokio::spawn(send_for_ever(input)));
                unread.push(output);
                unread.push(connection.stream(SOURCE, TWO_WAY, None).await.unwrap().1);
            }
        }
        sleep(Duration::from_secs(1)).await;
        assert!(senders.iter().all(|sender| !sender.is_finished()));
        network.cut();
        for (node, peer) in [(&a, B), (&b, A)] {
            let connection = node.connection(peer).unwrap();
            let again = async {
                while connection.stats().connects < 2 {
                    sleep(Duration::from_millis(1)).await;
                }
            };
            timeout(AT_ONCE, again).await.expect("the streams delay it");
            assert_eq!(connection.request(ECHO, None).await, Ok(None));
        }
        // All of them have ended, although nobody has read their receivers.
        for sender in senders {
            assert!(matches!(sender.await.unwrap(), SendError::Closed(_)));
        }
        assert_eq!(ended.load(Ordering::Relaxed), 80);
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_connections_that_arrive_at_once_one_is_kept() {
    let (dialer, listener) = sides();
    let node = Manager::builder(listener).hosts([A, B]).token(grid::NoAuth).build().unwrap();
    let connection = node.connection(dialer).unwrap();
    let connect = |dial| Connect::new(dialer, listener, 1, dial);
    // Both are upgraded before either says who it is, and both say it at the same time.
    for [first, second] in [[1, 2], [4, 3]] {
        let mut sockets = [Scripted::dial(&node).await, Scripted::dial(&node).await];
        let (connects, [one, other]) = ([connect(first), connect(second)], &mut sockets);
        let answers = tokio::join!(one.connect(&connects[0]), other.connect(&connects[1]));
        sleep(Duration::from_millis(10)).await;
        assert!(connection.state().is_connected());
        // The one that was dialed last is kept, whichever is handled first; the other one is told why it is closed.
        let [one, other] = &mut sockets;
        let (kept, closed) = if first > second { (one, other) } else { (other, one) };
        let reason = closed.closed().await.expect("a reason").reason;
        let (kept_answer, closed_answer) =
            if first > second { (answers.0, answers.1) } else { (answers.1, answers.0) };
        kept_answer.unwrap();
        match closed_answer {
            Ok(()) => assert!(reason.contains("opened a new connection"), "{reason}"),
            Err(refused) => assert!(refused.contains("was read after dial"), "{refused}"),
        }
        let end = timeout(Duration::from_secs(1), kept.closed()).await;
        assert!(end.is_err(), "it stays open: {end:?}");
        assert!(connection.state().is_connected());
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_is_silent_is_marked_as_down() {
    for extensions in protocols() {
        let (network, a, b) = pair(|builder| builder.extensions(extensions.iter().copied())).await;
        // Nothing is closed, and nobody calls.
        network.freeze();
        let until = Instant::now() + noticed(&extensions);
        network.detach(A);
        network.detach(B);
        let connections = [a.connection(B).unwrap(), b.connection(A).unwrap()];
        for (connection, node) in connections.iter().zip([&a, &b]) {
            let states = connection.states();
            let down = states.wait_for(|state| !state.is_connected());
            let down = timeout_at(until, down).await.expect("it is still up").unwrap();
            assert!(matches!(down, State::Error(_)), "{down:?}");
            // The state may show why the attempt after that has failed.
            assert_eq!(node.stats().connections[0].downs.get("silent"), Some(&1));
            let call = connection.request(ECHO, None).await;
            assert!(
                matches!(call, Err(CallError::Disconnected { sent: Sent::No, .. })),
                "{call:?}"
            );
        }
    }
}

/// Where a peer that accepts connections stops to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mute {
    BeforeTheUpgrade,
    AfterTheUpgrade,
}

/// Dials a peer that accepts and never answers.
struct MutePeer(Mute, Arc<AtomicUsize>);

impl Dial for MutePeer {
    fn dial<'a>(&'a self, _: &'a str) -> Dialing<'a> {
        self.1.fetch_add(1, Ordering::Relaxed);
        let (near, mut far) = duplex(1 << 16);
        let mute = self.0;
        tokio::spawn(async move {
            let mut request = Vec::new();
            while mute == Mute::AfterTheUpgrade && !request.ends_with(b"\r\n\r\n") {
                request.push(far.read_u8().await.unwrap());
            }
            if mute == Mute::AfterTheUpgrade {
                far.write_all(&switching(&request)).await.unwrap();
            }
            // Reads everything, and says nothing.
            while far.read_u8().await.is_ok() {}
        });
        Box::pin(async { Ok(Box::new(near) as Box<dyn Io>) })
    }
}

/// The answer to an upgrade request.
fn switching(request: &[u8]) -> Vec<u8> {
    let request = String::from_utf8_lossy(request);
    let key = request.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("sec-websocket-key").then(|| value.as_bytes().to_vec())
    });
    let accept = tokio_tungstenite::tungstenite::handshake::derive_accept_key(&key.unwrap());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
    .into()
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_accepts_and_never_answers_is_dialed_again() {
    let (dialer, mute) = sides();
    for at in [Mute::BeforeTheUpgrade, Mute::AfterTheUpgrade] {
        let dialed = Arc::default();
        let node = Manager::builder(dialer)
            .hosts([A, B])
            .token(grid::NoAuth)
            .dial_with(MutePeer(at, Arc::clone(&dialed)))
            .build()
            .unwrap();
        let connection = node.connection(mute).unwrap();
        // Calls do not hang: one fails at once, and one that waits for a connection at its deadline.
        let began = Instant::now();
        let call = connection.request(ECHO, None).await;
        assert!(matches!(call, Err(CallError::Disconnected { sent: Sent::No, .. })), "{call:?}");
        let waiting = connection.request(ECHO, None).wait_connected();
        let late = waiting.timeout(Duration::from_secs(30)).await.unwrap_err();
        assert!(!late.may_have_run(), "{late:?}");
        assert_eq!(began.elapsed().as_secs(), 30);
        // Each attempt has a limit, which its reason names, and the next one follows.
        let State::Error(reason) = connection.state() else { panic!("{:?}", connection.state()) };
        let LinkError::TimedOut { step, .. } = &*reason else { panic!("{reason}") };
        assert!(step.contains(if at == Mute::BeforeTheUpgrade { "upgrade" } else { "handshake" }));
        let attempts = dialed.load(Ordering::Relaxed);
        assert!((3..=4).contains(&attempts), "{at:?}: {attempts} attempts of 10 s in 30 s");
        // It does not keep the node from ending.
        timeout(Duration::from_secs(3), node.shutdown(Duration::from_secs(60))).await.unwrap();
    }
}
