//! Nodes that shut down take no new calls, finish those that run, and lose none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use grid::{
    Builder, CallError, Capacities, Connection, Context, ErrorCode, Manager, MemberEvent,
    RemoteError, State,
};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::support::{A, B, Network, pair};

const ECHO: u8 = 1;
const SLEEP: u8 = 2;
/// Calls the node whose name is the payload, after a while.
const FORWARD: u8 = 3;
const COUNT: u8 = 4;
const STREAM: Capacities = Capacities { incoming: 0, outgoing: 2 };
const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);

fn handlers(builder: Builder) -> Builder {
    builder
        .single_handler(ECHO, None, |_cx, payload| async move { Ok(payload) })
        .single_handler(SLEEP, None, |_cx, payload| async move {
            sleep(SECOND).await;
            Ok(payload)
        })
        .single_handler(FORWARD, None, |cx: Context, payload| async move {
            sleep(5 * MILLISECOND).await;
            let name = String::from_utf8(payload.unwrap_or_default().to_vec()).unwrap();
            let next = cx.connection(&name)?;
            loop {
                match next.request(ECHO, None).await {
                    Err(error) if error.is_retryable() => sleep(5 * MILLISECOND).await,
                    answer => return answer.map_err(RemoteError::from),
                }
            }
        })
        .stream_handler(COUNT, None, STREAM, |_cx, _payload, _in, mut out| async move {
            for number in 0..20 {
                out.send(number.to_string()).await?;
                sleep(MILLISECOND).await;
            }
            Ok(())
        })
}

#[tokio::test(start_paused = true)]
async fn peers_are_told_and_running_handlers_finish_and_call() {
    let (_network, a, b) = pair(handlers).await;
    let to_b = a.connection(B).unwrap();
    let mut events = a.members().events();
    let slow = tokio::spawn(to_b.request(SLEEP, Some("done".into())));
    let forwarded = tokio::spawn(to_b.request(FORWARD, Some(A.into())));
    sleep(MILLISECOND).await;
    let shutdown = tokio::spawn(async move { b.shutdown(30 * SECOND).await });
    sleep(MILLISECOND).await;
    assert!(matches!(to_b.state(), State::Draining { .. }), "{}", to_b.state());
    assert!(matches!(events.next().await, Some(MemberEvent::Draining { host, .. }) if &*host == B));
    let refused = to_b.request(ECHO, None).await.unwrap_err();
    assert!(matches!(&refused, CallError::Remote(error) if error.code == ErrorCode::ShuttingDown));
    assert!(refused.is_retryable() && !refused.may_have_run(), "{refused}");
    forwarded.await.unwrap().unwrap();
    assert_eq!(slow.await.unwrap().unwrap(), Some("done".into()));
    shutdown.await.unwrap();
    let state = to_b.state().to_string();
    assert!(state.contains("shut down"), "{state}");
}

/// A stream without end, as of a subscription, does not use up the grace if its handler asks.
#[tokio::test(start_paused = true)]
async fn handlers_that_would_never_return_learn_that_the_node_drains() {
    let subscriptions = |builder: Builder| {
        builder.stream_handler(COUNT, None, STREAM, |cx: Context, _, _, _| async move {
            cx.draining().await;
            Ok(())
        })
    };
    for is_removed in [false, true] {
        let (_network, a, b) = pair(subscriptions).await;
        let own = b.connection(B).unwrap().stream(COUNT, STREAM, None).await.unwrap();
        let (_, mut items) = a.connection(B).unwrap().stream(COUNT, STREAM, None).await.unwrap();
        sleep(SECOND).await;
        let start = Instant::now();
        match is_removed {
            true => b.members().remove(A, 30 * SECOND).await.unwrap(),
            false => b.shutdown(30 * SECOND).await,
        }
        assert!(start.elapsed() < 5 * SECOND, "{:?}", start.elapsed());
        assert_eq!(items.next().await, None, "the stream has ended");
        drop(own);
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_confirm_delays_a_shutdown_by_three_seconds_at_most() {
    let (network, _a, b) = pair(handlers).await;
    network.freeze();
    let start = Instant::now();
    b.shutdown(30 * SECOND).await;
    assert!(start.elapsed() <= 3 * SECOND + SECOND / 2, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn no_call_is_lost_between_nodes_that_drain_while_calls_are_on_the_way() {
    for round in 0..50 {
        let (_network, a, b) = pair(handlers).await;
        let to_b = a.connection(B).unwrap();
        let calls: Vec<_> = (0..200).map(|_| tokio::spawn(to_b.request(ECHO, None))).collect();
        for _ in 0..round {
            tokio::task::yield_now().await;
        }
        b.shutdown(10 * SECOND).await;
        for call in calls {
            let answer = call.await.unwrap();
            assert!(
                answer.as_ref().is_ok_and(Option::is_none) || answer.unwrap_err().is_retryable()
            );
        }
    }
}

/// What all callers have seen.
#[derive(Default)]
struct Seen {
    answers: AtomicUsize,
    retries: AtomicUsize,
}

/// Calls a node until it is stopped. Errors must be retryable.
fn load(connection: Connection, stop: Arc<AtomicBool>, seen: Arc<Seen>) -> JoinHandle<()> {
    let peer = connection.peer().to_owned();
    tokio::spawn(async move {
        for number in 0.. {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let result = match number % 4 {
                0 => connection.request(ECHO, Some(vec![7; 100_000].into())).await.map(|_| ()),
                1 => connection.request(FORWARD, Some(peer.clone().into())).await.map(|_| ()),
                2 => count(&connection).await,
                _ => connection.request(ECHO, Some("small".into())).await.map(|_| ()),
            };
            sleep(10 * MILLISECOND).await;
            match result {
                Ok(()) => seen.answers.fetch_add(1, Ordering::Relaxed),
                Err(error) => {
                    assert!(error.is_retryable(), "call {number} to {peer}: {error}");
                    sleep(10 * MILLISECOND).await;
                    seen.retries.fetch_add(1, Ordering::Relaxed)
                }
            };
        }
    })
}

async fn count(connection: &Connection) -> Result<(), CallError> {
    let (_input, mut items) = connection.stream(COUNT, STREAM, None).await?;
    let mut seen = 0;
    while let Some(item) = items.next().await {
        item?;
        seen += 1;
    }
    assert_eq!(seen, 20, "a stream that ends well is complete");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_rolling_restart_under_load_gives_only_errors_that_can_be_retried() {
    let network = Network::default();
    let names = ["http://n1:1", "http://n2:1", "http://n3:1"];
    let start = |name: &str| {
        let manager = handlers(network.node(name, &names)).build().unwrap();
        network.attach(&manager);
        manager
    };
    let seen = Arc::<Seen>::default();
    /// A node, and the tasks that call from it.
    struct Running {
        node: Manager,
        stop: Arc<AtomicBool>,
        tasks: Vec<JoinHandle<()>>,
    }
    let run = async |name: &str| {
        let node = start(name);
        let stop = Arc::<AtomicBool>::default();
        let mut tasks = Vec::new();
        for other in node.connections() {
            tasks.push(load(other, Arc::clone(&stop), Arc::clone(&seen)));
        }
        Running { node, stop, tasks }
    };
    let mut running = Vec::new();
    for name in names {
        running.push(run(name).await);
    }
    sleep(SECOND).await;
    for (place, name) in names.into_iter().enumerate() {
        let Running { node, stop, tasks } = running.remove(place);
        // The program stops its own work first, then its node.
        stop.store(true, Ordering::Relaxed);
        node.shutdown(10 * SECOND).await;
        for task in tasks {
            task.await.unwrap();
        }
        network.detach(name);
        sleep(SECOND).await;
        running.insert(place, run(name).await);
        sleep(2 * SECOND).await;
    }
    for Running { stop, tasks, .. } in running {
        stop.store(true, Ordering::Relaxed);
        for task in tasks {
            task.await.unwrap();
        }
    }
    let (answers, retries) =
        (seen.answers.load(Ordering::Relaxed), seen.retries.load(Ordering::Relaxed));
    assert!(answers > 500 && retries > 10, "{answers} answers, {retries} retries");
}
