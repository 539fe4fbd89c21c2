//! Code that blocks its thread: other calls of the link, its deadlines and its pings go on.
//!
//! These tests run in real time on two workers, over sockets, since virtual time needs a single thread. Code that blocks
//! waits until the test releases it, so no test depends on how long something takes. A test that fails runs into
//! [`LIMIT`].

use std::future::Future;
use std::io;
use std::net::Shutdown;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use bytes::Bytes;
use grid::{
    Authenticate, Authenticating, Builder, CallError, Capacities, Claim, Config, Connection,
    Denied, Dial, Dialing, ErrorCode, Io, Manager, RemoteError, State, TokenFuture,
};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::time::timeout;

/// A test that takes longer has failed.
const LIMIT: Duration = Duration::from_secs(8);

/// Calls after which a method is known not to block.
const MANY: usize = 64;

/// Blocks threads until it is opened.
#[derive(Default)]
struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Default)]
struct GateState {
    is_open: bool,
    /// Threads that have come since the last release.
    reached: usize,
    releases: usize,
}

impl Gate {
    fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Blocks the thread.
    fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        state.reached += 1;
        self.changed.notify_all();
        let releases = state.releases;
        let is_held = |state: &mut GateState| !state.is_open && state.releases == releases;
        drop(self.changed.wait_while(state, is_held).unwrap());
    }

    /// Waits until this many threads have come to the gate.
    async fn reached(self: &Arc<Self>, count: usize) {
        let gate = Arc::clone(self);
        let reached = tokio::task::spawn_blocking(move || {
            let state = gate.state.lock().unwrap();
            let waited =
                gate.changed.wait_timeout_while(state, LIMIT, |state| state.reached < count);
            !waited.unwrap().1.timed_out()
        });
        assert!(reached.await.unwrap(), "{count} threads are blocked");
    }

    fn open(&self) {
        self.state.lock().unwrap().is_open = true;
        self.changed.notify_all();
    }

    /// Lets those go that have come so far.
    fn release(&self) {
        let mut state = self.state.lock().unwrap();
        (state.reached, state.releases) = (0, state.releases + 1);
        drop(state);
        self.changed.notify_all();
    }
}

/// Opens the gate even if the test fails, so that the runtime can end.
struct OpenOnDrop(Arc<Gate>);

impl Drop for OpenOnDrop {
    fn drop(&mut self) {
        self.0.open();
    }
}

/// Two nodes, and the connections between them.
struct Pair {
    _nodes: [Manager; 2],
    /// The first node's connection to the second one.
    there: Connection,
    /// The second node's connection to the first one.
    back: Connection,
    /// The second node's connection to itself.
    own: Connection,
    sockets: Sockets,
}

impl Pair {
    /// Cuts all sockets, and waits until both nodes are connected again.
    async fn cut(&self) {
        let connections = [&self.there, &self.back];
        let before = connections.map(|connection| connection.stats().connects);
        for socket in self.sockets.0.lock().unwrap().drain(..) {
            socket.shutdown(Shutdown::Both).unwrap();
        }
        for (connection, before) in connections.iter().zip(before) {
            while connection.stats().connects == before {
                tokio::task::yield_now().await;
            }
        }
    }
}

/// Dials with TCP, and keeps the sockets.
#[derive(Clone, Default)]
struct Sockets(Arc<Mutex<Vec<std::net::TcpStream>>>);

impl Dial for Sockets {
    fn dial<'a>(&'a self, name: &'a str) -> Dialing<'a> {
        Box::pin(async move {
            let address = name.strip_prefix("http://").unwrap();
            let stream = tokio::net::TcpStream::connect(address).await?.into_std()?;
            self.0.lock().unwrap().push(stream.try_clone()?);
            Ok(Box::new(tokio::net::TcpStream::from_std(stream)?) as Box<dyn Io>)
        })
    }
}

const QUICK: u8 = 1;
const BLOCK: u8 = 2;

/// Two nodes with a quick handler, and those that `configure` adds.
async fn pair(configure: impl Fn(Builder) -> Builder) -> Pair {
    let listeners = [listener().await, listener().await];
    let names =
        listeners.each_ref().map(|listener| format!("http://{}", listener.local_addr().unwrap()));
    let sockets = Sockets::default();
    let mut nodes = Vec::new();
    for (name, listener) in names.iter().zip(listeners) {
        let builder = Manager::builder(name).hosts(names.iter()).dial_with(sockets.clone());
        let builder = builder.single_handler(QUICK, None, |_, payload| async move { Ok(payload) });
        let node = configure(builder).build().unwrap();
        tokio::spawn({
            let node = node.clone();
            async move { node.serve(listener).await }
        });
        nodes.push(node);
    }
    let nodes: [Manager; 2] = nodes.try_into().unwrap();
    let there = nodes[0].connection(&names[1]).unwrap();
    let back = nodes[1].connection(&names[0]).unwrap();
    let own = nodes[1].connection(&names[1]).unwrap();
    for connection in [&there, &back] {
        connection.wait_connected(LIMIT).await.unwrap();
    }
    Pair { _nodes: nodes, there, back, own, sockets }
}

async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// Calls the quick handler in both directions.
async fn check(pair: &Pair) {
    for _ in 0..10 {
        for connection in [&pair.there, &pair.back] {
            let answer = connection.request(QUICK, Some("x".into())).timeout(LIMIT).await;
            assert_eq!(answer.unwrap(), Some("x".into()));
        }
    }
}

/// Calls a method so often that it is known to be quick.
async fn train(connection: &Connection, method: u8) {
    for _ in 0..MANY {
        connection.request(method, None).timeout(LIMIT).await.unwrap();
    }
}

/// A handler that blocks if it is called with a payload.
fn blocks(
    gate: &Arc<Gate>,
) -> impl Fn(grid::Context, Option<Bytes>) -> Answer + Send + Sync + use<> {
    let gate = Arc::clone(gate);
    move |_, payload| {
        let gate = Arc::clone(&gate);
        Box::pin(async move {
            if payload.is_some() {
                gate.pass();
            }
            Ok(payload)
        })
    }
}

type Answer = std::pin::Pin<Box<dyn Future<Output = Result<Option<Bytes>, RemoteError>> + Send>>;

fn block(connection: &Connection, method: u8) -> tokio::task::JoinHandle<Option<Bytes>> {
    let call = connection.request(method, Some("b".into())).timeout(LIMIT);
    tokio::spawn(async move { call.await.unwrap() })
}

/// Runs a test that hangs if it fails.
async fn limited(test: impl Future<Output = ()>) {
    timeout(2 * LIMIT, test).await.expect("hangs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handlers_that_block_delay_no_other_call() {
    limited(async {
        for known in [false, true] {
            let gate = Gate::new();
            let _open = OpenOnDrop(Arc::clone(&gate));
            let pair = pair(|builder| builder.single_handler(BLOCK, None, blocks(&gate))).await;
            if known {
                train(&pair.there, BLOCK).await;
            }
            let blocked: Vec<_> = (0..9).map(|_| block(&pair.there, BLOCK)).collect();
            gate.reached(9).await;
            check(&pair).await;
            gate.open();
            for blocked in blocked {
                assert_eq!(blocked.await.unwrap(), Some("b".into()), "its answer is not lost");
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn methods_that_block_for_the_first_time_together_delay_no_other_call() {
    limited(async {
        let gate = Gate::new();
        let _open = OpenOnDrop(Arc::clone(&gate));
        let methods = 10..18;
        let pair = pair(|builder| {
            methods.clone().fold(builder, |builder, method: u8| {
                builder.single_handler(method, None, blocks(&gate))
            })
        })
        .await;
        for method in methods.clone() {
            train(&pair.there, method).await;
        }
        let blocked: Vec<_> = methods.map(|method| block(&pair.there, method)).collect();
        gate.reached(blocked.len()).await;
        check(&pair).await;
        gate.open();
        for blocked in blocked {
            blocked.await.unwrap();
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handlers_that_block_after_a_wait_delay_no_other_call() {
    limited(async {
        let gate = Gate::new();
        let _open = OpenOnDrop(Arc::clone(&gate));
        let pair = pair(|builder| {
            let gate = Arc::clone(&gate);
            builder.single_handler(BLOCK, None, move |_, payload| {
                let gate = Arc::clone(&gate);
                async move {
                    tokio::task::yield_now().await;
                    gate.pass();
                    Ok(payload)
                }
            })
        })
        .await;
        let blocked: Vec<_> = (0..9).map(|_| block(&pair.there, BLOCK)).collect();
        gate.reached(9).await;
        check(&pair).await;
        gate.open();
        for blocked in blocked {
            blocked.await.unwrap();
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stream_handlers_that_block_delay_no_other_call() {
    limited(async {
        let gate = Gate::new();
        let _open = OpenOnDrop(Arc::clone(&gate));
        let capacities = Capacities { incoming: 0, outgoing: 4 };
        let pair = pair(|builder| {
            let gate = Arc::clone(&gate);
            builder.stream_handler(BLOCK, None, capacities, move |_, _, _, mut out| {
                let gate = Arc::clone(&gate);
                async move {
                    gate.pass();
                    let sent = out.send("item").await;
                    sent.map_err(|error| RemoteError::new(error.to_string()))
                }
            })
        })
        .await;
        let mut streams = Vec::new();
        for _ in 0..9 {
            streams.push(pair.there.stream(BLOCK, capacities, None).await.unwrap());
        }
        gate.reached(9).await;
        check(&pair).await;
        gate.open();
        for (_, mut items) in streams {
            assert_eq!(items.next().await.unwrap().unwrap(), "item");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_handlers_block_than_have_a_thread_and_other_calls_go_on() {
    limited(async {
        let gate = Gate::new();
        let _open = OpenOnDrop(Arc::clone(&gate));
        let pair = pair(|builder| builder.single_handler(BLOCK, None, blocks(&gate))).await;
        let blocked: Vec<_> = (0..600).map(|_| block(&pair.there, BLOCK)).collect();
        gate.reached(32).await;
        check(&pair).await;
        gate.open();
        for blocked in blocked {
            assert_eq!(blocked.await.unwrap(), Some("b".into()));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deadlines_pass_while_a_handler_blocks() {
    limited(async {
        let gate = Gate::new();
        let _open = OpenOnDrop(Arc::clone(&gate));
        let pair = pair(|builder| builder.single_handler(BLOCK, None, blocks(&gate))).await;
        train(&pair.there, BLOCK).await;
        let blocked = block(&pair.there, BLOCK);
        gate.reached(1).await;
        for connection in [&pair.there, &pair.own] {
            let late = connection.request(BLOCK, Some("b".into()));
            let error = late.timeout(Duration::from_millis(50)).await.unwrap_err();
            assert!(matches!(error, CallError::DeadlineExceeded { .. }), "{error:?}");
        }
        gate.open();
        blocked.await.unwrap();
    })
    .await;
}

/// Calls the quick handler from inside a handler, and blocks until it has answered.
fn calls_in_place(connection: &Connection, method: u8) -> Result<Option<Bytes>, RemoteError> {
    tokio::task::block_in_place(|| {
        let call = connection.request(method, Some("inner".into())).timeout(LIMIT / 2);
        tokio::runtime::Handle::current()
            .block_on(call)
            .map_err(|error| RemoteError::new(error.to_string()))
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_can_block_on_a_call_over_its_own_link() {
    limited(async {
        let connections: Arc<Mutex<Vec<Connection>>> = Arc::default();
        let of_handler = Arc::clone(&connections);
        let pair = pair(|builder| {
            let connections = Arc::clone(&of_handler);
            builder.single_handler(3, None, move |_, payload| {
                let connections = Arc::clone(&connections);
                async move {
                    let which = payload.map(|payload| usize::from(payload[0]));
                    let Some(which) = which else { return Ok(None) };
                    let connection = connections.lock().unwrap()[which].clone();
                    calls_in_place(&connection, QUICK)
                }
            })
        })
        .await;
        connections.lock().unwrap().extend([pair.back.clone(), pair.own.clone()]);
        for known in [false, true] {
            for caller in [&pair.there, &pair.own] {
                if known {
                    train(caller, 3).await;
                }
                for which in [0_u8, 1] {
                    let call = caller.request(3, Some(vec![which].into()));
                    let answer = call.timeout(LIMIT).await;
                    assert_eq!(answer.unwrap(), Some("inner".into()), "{known} {which}");
                }
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blocked_handler_does_not_keep_a_connection_from_being_replaced() {
    limited(async {
        let gate = Gate::new();
        let _open = OpenOnDrop(Arc::clone(&gate));
        let pair = pair(|builder| builder.single_handler(BLOCK, None, blocks(&gate))).await;
        train(&pair.there, BLOCK).await;
        train(&pair.back, BLOCK).await;
        let calls = [&pair.there, &pair.back].map(|connection| {
            let call = connection.request(BLOCK, Some("b".into())).timeout(LIMIT);
            tokio::spawn(call)
        });
        gate.reached(2).await;
        pair.cut().await;
        for connection in [&pair.there, &pair.back] {
            connection.wait_connected(LIMIT).await.unwrap();
        }
        for call in calls {
            let error = call.await.unwrap().unwrap_err();
            assert!(matches!(error, CallError::Disconnected { .. }), "{error:?}");
        }
        check(&pair).await;
    })
    .await;
}

/// A waker that blocks.
struct BlockingWaker(Arc<Gate>);

impl Wake for BlockingWaker {
    fn wake(self: Arc<Self>) {
        self.0.pass();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_cut_while_a_handler_runs_delays_no_other_link() {
    limited(async {
        let gate = Gate::new();
        let _open = OpenOnDrop(Arc::clone(&gate));
        let cut = pair(|builder| builder.single_handler(BLOCK, None, blocks(&gate))).await;
        let other = pair(|builder| builder).await;
        train(&other.there, QUICK).await;
        for _ in 0..5 {
            train(&cut.there, BLOCK).await;
            let call = cut.there.request(BLOCK, Some("b".into())).timeout(LIMIT);
            let call = tokio::spawn(call);
            gate.reached(1).await;
            // At once, so that the watchdog may not have taken the link yet.
            cut.cut().await;
            call.await.unwrap().unwrap_err();
            check(&other).await;
            gate.release();
            cut.there.wait_connected(LIMIT).await.unwrap();
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wakers_that_block_delay_no_other_call() {
    limited(async {
        let gate = Gate::new();
        let _open = OpenOnDrop(Arc::clone(&gate));
        let pair = pair(|builder| builder).await;
        let waker = Waker::from(Arc::new(BlockingWaker(Arc::clone(&gate))));
        let mut calls: Vec<_> =
            (0..5).map(|_| Box::pin(pair.there.request(QUICK, None).timeout(LIMIT))).collect();
        for call in &mut calls {
            assert!(call.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
        // A task of the runtime is woken in the same batch.
        let call = pair.there.request(QUICK, None).timeout(LIMIT);
        let own = tokio::spawn(call);
        gate.reached(1).await;
        own.await.unwrap().unwrap();
        check(&pair).await;
        gate.open();
        for call in calls {
            call.await.unwrap();
        }
    })
    .await;
}

/// An answer whose drop blocks.
struct BlockingDrop(Arc<Gate>);

impl AsRef<[u8]> for BlockingDrop {
    fn as_ref(&self) -> &[u8] {
        b"x"
    }
}

impl Drop for BlockingDrop {
    fn drop(&mut self) {
        self.0.pass();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_block_when_they_are_dropped_delay_no_other_call() {
    limited(async {
        let gate = Gate::new();
        let _open = OpenOnDrop(Arc::clone(&gate));
        let pair = pair(|builder| {
            let gate = Arc::clone(&gate);
            builder.single_handler(BLOCK, None, move |_, payload| {
                let answer = payload.map(|_| Bytes::from_owner(BlockingDrop(Arc::clone(&gate))));
                async move { Ok(answer) }
            })
        })
        .await;
        train(&pair.there, BLOCK).await;
        for _ in 0..3 {
            let call = pair.there.request(BLOCK, Some("b".into()));
            assert_eq!(call.timeout(LIMIT).await.unwrap(), Some("x".into()));
        }
        gate.reached(1).await;
        check(&pair).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelled_handlers_count_until_they_are_gone() {
    limited(async {
        let gate = Gate::new();
        let _open = OpenOnDrop(Arc::clone(&gate));
        let dropped = Arc::new(AtomicUsize::new(0));
        let pair = pair(|builder| {
            let gate = Arc::clone(&gate);
            let dropped = Arc::clone(&dropped);
            let config = Config::default().calls_per_peer_max(4);
            builder.config(config).single_handler(BLOCK, None, move |_, _| {
                let (gate, dropped) = (Arc::clone(&gate), Arc::clone(&dropped));
                async move {
                    gate.pass();
                    dropped.fetch_add(1, Ordering::Relaxed);
                    Ok(None)
                }
            })
        })
        .await;
        for call in 1..=4 {
            let mut blocked = pin!(pair.there.request(BLOCK, None));
            let waker = Waker::noop();
            assert!(blocked.as_mut().poll(&mut Context::from_waker(waker)).is_pending());
            gate.reached(call).await;
        }
        // All four were cancelled, and their threads are still blocked.
        let error = pair.there.request(QUICK, None).timeout(LIMIT).await.unwrap_err();
        let CallError::Remote(error) = error else { panic!("{error:?}") };
        assert_eq!(error.code, ErrorCode::Overloaded, "{error}");
        gate.open();
        while pair.there.request(QUICK, None).timeout(LIMIT).await.is_err() {
            tokio::task::yield_now().await;
        }
        while dropped.load(Ordering::Relaxed) < 4 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// A dialer and an authenticator that block.
struct BlockingUser(Arc<Gate>);

impl Dial for BlockingUser {
    fn dial<'a>(&'a self, name: &'a str) -> Dialing<'a> {
        self.0.pass();
        Box::pin(async move { Err(io::Error::other(format!("no route to {name}")).into()) })
    }
}

impl Authenticate for BlockingUser {
    fn token<'a>(&'a self, _: &'a str, _: &'a str) -> TokenFuture<'a> {
        self.0.pass();
        Box::pin(async { Ok("token".to_owned()) })
    }

    fn check<'a>(&'a self, _: Claim<'a>) -> Authenticating<'a, Result<(), Denied>> {
        self.0.pass();
        Box::pin(async { Ok(()) })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dialers_and_authenticators_that_block_delay_no_call() {
    limited(async {
        let gate = Gate::new();
        let _open = OpenOnDrop(Arc::clone(&gate));
        let pair = pair(|builder| builder).await;
        let hosts: Vec<_> = (1..9).map(|node| format!("http://127.0.0.1:{node}")).collect();
        let dials = Manager::builder(&hosts[0])
            .hosts(&hosts)
            .dial_with(BlockingUser(Arc::clone(&gate)))
            .build()
            .unwrap();
        let asks = Manager::builder(&hosts[0])
            .hosts(&hosts)
            .token(BlockingUser(Arc::clone(&gate)))
            .build()
            .unwrap();
        let checks: Vec<_> = (0..4)
            .map(|_| {
                let (mut near, far) = tokio::io::duplex(4096);
                let asks = asks.clone();
                tokio::spawn(async move {
                    let request = "GET /minio/grid/v1 HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\
                         Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
                    near.write_all(request.as_bytes()).await.unwrap();
                    let _refused = asks.accept(far).await;
                })
            })
            .collect();
        let dialed = [&dials, &asks].map(|node| node.connections().filter(is_dialed).count());
        gate.reached(dialed[0] + dialed[1] + checks.len()).await;
        check(&pair).await;
        gate.open();
    })
    .await;
}

fn is_dialed(connection: &Connection) -> bool {
    connection.state() == State::Connecting
}
