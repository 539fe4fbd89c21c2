//! Code that blocks its thread: other calls of the link, its deadlines and its pings go on.
//!
//! These tests run in real time on two workers, over sockets, since virtual time needs a single thread. Code that blocks
//! waits until the test releases it, so no test depends on how long something takes. A test that fails runs into
//! [`LIMIT`].

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use bytes::Bytes;
use grid::{
    Ask, Authenticate, Authenticating, CallError, Capacities, Claim, Config, Connection, Denied,
    Dial, Dialing, ErrorCode, Identity, Manager, RemoteError, State, TokenFuture,
};
use tokio::io::AsyncWriteExt as _;

use crate::gate::{Gate, LIMIT, gated, limited};
use crate::tcp_pair::{BLOCK, QUICK, block, check, pair, train};

/// A method that blocks once.
const ONCE: u8 = 3;

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handlers_that_block_delay_no_other_call() {
    limited(async {
        for known in [false, true] {
            gated(async |gate| {
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
            })
            .await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn methods_that_block_for_the_first_time_together_delay_no_other_call() {
    gated(async |gate| {
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
    gated(async |gate| {
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
    gated(async |gate| {
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
    gated(async |gate| {
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

/// A method that has blocked once, as any does on a busy machine.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_method_that_has_blocked_once_does_not_wait_for_those_that_do() {
    gated(async |gate| {
        let pair = pair(|builder| {
            let handlers = builder.single_handler(BLOCK, None, blocks(&gate));
            handlers.single_handler(ONCE, None, |_, payload| async move {
                if payload.is_some() {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Ok(None)
            })
        })
        .await;
        let once = |payload: Option<Bytes>| pair.there.request(ONCE, payload).timeout(LIMIT);
        once(Some("b".into())).await.unwrap();
        let blocked: Vec<_> = (0..600).map(|_| block(&pair.there, BLOCK)).collect();
        gate.reached(64 + 8).await;
        for _ in 0..10 {
            once(None).await.unwrap();
        }
        gate.open();
        for blocked in blocked {
            assert_eq!(blocked.await.unwrap(), Some("b".into()));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deadlines_pass_while_a_handler_blocks() {
    gated(async |gate| {
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
    gated(async |gate| {
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
    gated(async |gate| {
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
    gated(async |gate| {
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
    gated(async |gate| {
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
    gated(async |gate| {
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
    fn token<'a>(&'a self, _: Ask<'a>) -> TokenFuture<'a> {
        self.0.pass();
        Box::pin(async { Ok("token".into()) })
    }

    fn check<'a>(&'a self, _: Claim<'a>) -> Authenticating<'a, Result<Identity, Denied>> {
        self.0.pass();
        Box::pin(async { Ok(Identity::unproven("x")) })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dialers_and_authenticators_that_block_delay_no_call() {
    gated(async |gate| {
        let pair = pair(|builder| builder).await;
        let hosts: Vec<_> = (1..9).map(|node| format!("http://127.0.0.1:{node}")).collect();
        let dials = Manager::builder(&hosts[0])
            .hosts(&hosts)
            .token(grid::NoAuth)
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
