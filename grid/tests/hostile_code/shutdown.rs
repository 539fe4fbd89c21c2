//! A node that shuts down while handlers run: they may make calls until they have finished.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use grid::{Builder, CallError, ErrorCode, Manager, RemoteError, State};
use tokio::time::{Instant, sleep};

use crate::support::{A, B, Network, pair};

const MINUTE: Duration = Duration::from_secs(60);

/// The node whose handlers make calls.
type Node = Arc<OnceLock<Manager>>;

/// Answers after a second with the answers of two calls: to node A, and to a slow handler of the node itself.
const ASKS: u8 = 1;
const ECHO: u8 = 2;
const SLOW_ECHO: u8 = 3;

fn handlers(builder: Builder, node: &Node) -> Builder {
    let node = Arc::clone(node);
    builder
        .single_handler(ASKS, None, move |_cx, payload| {
            let node = node.get().unwrap().clone();
            async move {
                sleep(Duration::from_secs(1)).await;
                let ask = async |peer, handler| {
                    let connection = node
                        .connection(peer)
                        .map_err(|error| RemoteError::new(error.to_string()))?;
                    Ok::<_, RemoteError>(connection.request(handler, payload.clone()).await?)
                };
                let answers = [ask(A, ECHO).await?, ask(B, SLOW_ECHO).await?];
                Ok(Some(Bytes::from(answers.map(Option::unwrap_or_default).concat())))
            }
        })
        .single_handler(ECHO, None, |_cx, payload| async { Ok(payload) })
        .single_handler(SLOW_ECHO, None, |_cx, payload| async {
            sleep(Duration::from_secs(1)).await;
            Ok(payload)
        })
}

async fn nodes() -> (Network, Manager, Manager) {
    let node = Node::default();
    let (network, a, b) = pair(|builder| handlers(builder, &node)).await;
    node.set(b.clone()).unwrap();
    (network, a, b)
}

fn shut_down(node: &Manager, grace: Duration) -> tokio::task::JoinHandle<()> {
    let node = node.clone();
    tokio::spawn(async move { node.shutdown(grace).await })
}

#[tokio::test(start_paused = true)]
async fn running_handlers_may_call_other_nodes_and_their_own() {
    let (_network, a, b) = nodes().await;
    let call = tokio::spawn(a.connection(B).unwrap().request(ASKS, Some("x".into())));
    sleep(Duration::from_millis(500)).await;
    let began = Instant::now();
    let shutdown = shut_down(&b, MINUTE);
    sleep(Duration::from_millis(100)).await;
    let CallError::Remote(refused) =
        a.connection(B).unwrap().request(ECHO, None).await.unwrap_err()
    else {
        panic!("another error");
    };
    assert_eq!(refused.code, ErrorCode::ShuttingDown, "new work is refused");
    assert_eq!(call.await.unwrap(), Ok(Some("xx".into())));
    shutdown.await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert_eq!(b.connection(A).unwrap().state(), State::Shutdown);
}

#[tokio::test(start_paused = true)]
async fn running_handlers_of_own_calls_may_call_as_well() {
    let (_network, _a, b) = nodes().await;
    let call = tokio::spawn(b.connection(B).unwrap().request(ASKS, Some("x".into())));
    sleep(Duration::from_millis(500)).await;
    let began = Instant::now();
    b.shutdown(MINUTE).await;
    assert_eq!(call.await.unwrap(), Ok(Some("xx".into())));
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn own_calls_are_refused_once_no_handler_runs() {
    let (_network, a, b) = nodes().await;
    // A call of the node itself that keeps the second step of the shutdown waiting.
    let own = tokio::spawn(b.connection(A).unwrap().request(SLOW_ECHO, Some("own".into())));
    sleep(Duration::from_millis(500)).await;
    let shutdown = shut_down(&b, MINUTE);
    sleep(Duration::from_millis(100)).await;
    for peer in [A, B] {
        let refused = b.connection(peer).unwrap().request(ECHO, None).await;
        assert_eq!(refused, Err(CallError::ShutDown), "{peer}");
    }
    assert_eq!(own.await.unwrap(), Ok(Some("own".into())), "it was running before");
    shutdown.await.unwrap();
    drop(a);
}

#[tokio::test(start_paused = true)]
async fn the_grace_ends_although_handlers_make_calls() {
    let (_network, a, b) = nodes().await;
    let call = tokio::spawn(a.connection(B).unwrap().request(ASKS, None));
    sleep(Duration::from_millis(500)).await;
    let began = Instant::now();
    b.shutdown(Duration::from_secs(1)).await;
    assert_eq!(began.elapsed(), Duration::from_secs(1));
    assert!(matches!(call.await.unwrap(), Err(CallError::Disconnected { .. })));
}
