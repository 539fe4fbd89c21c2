//! Typed calls between nodes: errors with their bodies, deadlines, metadata, and calls that wait for a link.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

mod support;

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future;
use grid::{CallError, Context, ErrorCode, Incoming, Manager, Outgoing, RemoteError, Sent};
use serde::{Deserialize, Serialize};
use support::{A, B, Network, pair};
use tokio::time::{Instant, sleep};

const C: &str = "http://c:1";
const ALL: [&str; 3] = [A, B, C];

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Detail {
    text: String,
    codes: Vec<u32>,
}

/// All forms of an enum's variants in serde.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum ChainError {
    Unit,
    New(u64),
    Tuple(String, Option<i8>),
    Struct { detail: Box<Detail>, cause: Option<Box<Self>> },
}

impl fmt::Display for ChainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "chain: {self:?}")
    }
}

impl From<grid::Closed> for ChainError {
    fn from(_: grid::Closed) -> Self {
        Self::Unit
    }
}

#[grid::service]
trait Chain {
    /// Calls the first of these nodes with the rest of the list. The last node waits for ever.
    async fn hop(
        &self,
        cx: &Context,
        to: Vec<String>,
        timeout: Option<Duration>,
    ) -> Result<(), RemoteError>;
    /// Like `hop`, but with a stream, which the last node leaves open.
    async fn flow(
        &self,
        cx: &Context,
        to: Vec<String>,
        out: Outgoing<u32>,
    ) -> Result<(), RemoteError>;
    async fn fail(&self, error: ChainError) -> Result<(), ChainError>;
    async fn fail_late(
        &self,
        error: ChainError,
        items: u32,
        out: Outgoing<u32>,
    ) -> Result<(), ChainError>;
    async fn fail_upload(&self, error: ChainError, input: Incoming<u32>)
    -> Result<u32, ChainError>;
    async fn fail_both(
        &self,
        error: ChainError,
        input: Incoming<u32>,
        out: Outgoing<u32>,
    ) -> Result<(), ChainError>;
    async fn metadata(&self, cx: &Context, key: String) -> Option<String>;
    async fn metadata_stream(
        &self,
        cx: &Context,
        key: String,
        out: Outgoing<String>,
    ) -> Result<(), RemoteError>;
    async fn who(&self, cx: &Context) -> (String, String, Option<String>);
    async fn outlive(&self, cx: &Context);
}

/// What a handler saw when it started, and when it ended.
#[derive(Debug, Clone, PartialEq)]
struct Visit {
    node: &'static str,
    time_left: Option<Duration>,
    over: Option<Instant>,
}

type Log = Arc<Mutex<Vec<Visit>>>;

#[derive(Clone)]
struct Node {
    name: &'static str,
    log: Log,
}

/// Records the end of a visit.
struct Leave(Log, usize);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.lock().unwrap()[self.1].over = Some(Instant::now());
    }
}

impl Node {
    fn enter(&self, cx: &Context) -> Leave {
        let mut log = self.log.lock().unwrap();
        log.push(Visit { node: self.name, time_left: cx.time_left(), over: None });
        Leave(Arc::clone(&self.log), log.len() - 1)
    }
}

impl Chain for Node {
    async fn hop(
        &self,
        cx: &Context,
        mut to: Vec<String>,
        timeout: Option<Duration>,
    ) -> Result<(), RemoteError> {
        let _leave = self.enter(cx);
        if to.is_empty() {
            return future::pending().await;
        }
        let next = to.remove(0);
        let mut call = ChainClient::of(cx, &next)?.hop(to, timeout).within(cx);
        if let Some(timeout) = timeout {
            call = call.timeout(timeout);
        }
        call.await.map_err(|error| RemoteError::new(error.to_string()))
    }

    async fn flow(
        &self,
        cx: &Context,
        mut to: Vec<String>,
        mut out: Outgoing<u32>,
    ) -> Result<(), RemoteError> {
        let _leave = self.enter(cx);
        if to.is_empty() {
            out.send(1).await?;
            return future::pending().await;
        }
        let next = to.remove(0);
        let client = ChainClient::of(cx, &next)?;
        let mut items = client.flow(to).within(cx).await.unwrap();
        while let Some(item) = items.next().await {
            out.send(item.map_err(|error| RemoteError::new(error.to_string()))? + 1).await?;
        }
        Ok(())
    }

    async fn fail(&self, error: ChainError) -> Result<(), ChainError> {
        Err(error)
    }

    async fn fail_late(
        &self,
        error: ChainError,
        items: u32,
        mut out: Outgoing<u32>,
    ) -> Result<(), ChainError> {
        for item in 0..items {
            out.send(item).await?;
        }
        Err(error)
    }

    async fn fail_upload(
        &self,
        error: ChainError,
        mut input: Incoming<u32>,
    ) -> Result<u32, ChainError> {
        while let Some(Ok(_)) = input.next().await {}
        Err(error)
    }

    async fn fail_both(
        &self,
        error: ChainError,
        mut input: Incoming<u32>,
        mut out: Outgoing<u32>,
    ) -> Result<(), ChainError> {
        while let Some(Ok(item)) = input.next().await {
            out.send(item).await?;
        }
        Err(error)
    }

    async fn metadata(&self, cx: &Context, key: String) -> Option<String> {
        cx.metadata(&key).map(|value| String::from_utf8_lossy(value).into_owned())
    }

    async fn metadata_stream(
        &self,
        cx: &Context,
        key: String,
        mut out: Outgoing<String>,
    ) -> Result<(), RemoteError> {
        let value = cx.metadata(&key).ok_or_else(|| RemoteError::new("none"))?;
        out.send(String::from_utf8_lossy(value).into_owned()).await?;
        Ok(())
    }

    async fn who(&self, cx: &Context) -> (String, String, Option<String>) {
        (cx.peer().into(), cx.method().into(), cx.subroute().map(Into::into))
    }

    async fn outlive(&self, cx: &Context) {
        let (node, cx) = (self.clone(), cx.clone());
        tokio::spawn(async move {
            let _leave = node.enter(&cx);
            cx.cancelled().await;
        });
        future::pending().await
    }
}

/// Three nodes that are all connected.
async fn three() -> (Network, [Manager; 3], Log) {
    let network = Network::default();
    let log = Log::default();
    let nodes = ALL.map(|name| {
        let server = ChainServer::new(Node { name, log: Arc::clone(&log) });
        let manager = network.node(name, &ALL).service(server).build().unwrap();
        network.attach(&manager);
        manager
    });
    for (node, peer) in [(&nodes[0], B), (&nodes[1], C), (&nodes[0], C)] {
        node.connection(peer).unwrap().wait_connected(Duration::from_secs(5)).await.unwrap();
    }
    sleep(Duration::from_millis(100)).await;
    (network, nodes, log)
}

async fn two() -> (Network, Manager, Manager) {
    pair(|builder| {
        let node = Node { name: "any", log: Log::default() };
        builder
            .service(ChainServer::new(node.clone()))
            .service(ChainServer::new(node).subroute("below"))
    })
    .await
}

fn path(hosts: &[&str]) -> Vec<String> {
    hosts.iter().map(|host| (*host).to_owned()).collect()
}

fn millis(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[tokio::test(start_paused = true)]
async fn a_call_inside_a_handler_inherits_the_remaining_time() {
    let (_network, [a, ..], log) = three().await;
    let client = ChainClient::new(a.connection(B).unwrap());
    // Ends at the first node, so that a node is called by one that it waits for.
    for timeout in [None, Some(Duration::from_secs(3600))] {
        let start = Instant::now();
        let call = client.hop(path(&[C, A]), timeout).timeout(millis(500));
        let error = call.await.unwrap_err();
        assert!(matches!(error, CallError::DeadlineExceeded { .. }), "{error:?}");
        assert!(start.elapsed() - millis(500) <= millis(1));
        sleep(millis(5)).await;
        let visits = std::mem::take(&mut *log.lock().unwrap());
        assert_eq!(visits.iter().map(|visit| visit.node).collect::<Vec<_>>(), [B, C, A]);
        for visit in visits {
            let left = visit.time_left.unwrap();
            assert!(left <= millis(500) && left >= millis(490), "{visit:?}");
            let over = visit.over.expect("the handler's future is dropped") - start;
            assert!(over <= millis(503) && over >= millis(490), "{}: {over:?}", visit.node);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_cannot_call_a_node_that_is_not_in_the_list() {
    let (_network, [a, ..], _) = three().await;
    let client = ChainClient::new(a.connection(B).unwrap());
    let error = client.hop(path(&["http://d:1"]), None).await.unwrap_err();
    let text = format!("http://d:1 is not in the host list of {B}");
    assert_eq!(error, CallError::Handler(RemoteError::new(text)));
}

#[tokio::test(start_paused = true)]
async fn a_context_does_not_keep_its_node_alive() {
    let kept = Arc::new(Mutex::new(None));
    let keep = Arc::clone(&kept);
    let (network, a, b) = pair(move |builder| {
        let keep = Arc::clone(&keep);
        builder.single_handler(7, None, move |cx, _| {
            *keep.lock().unwrap() = Some(cx);
            future::ready(Ok(None))
        })
    })
    .await;
    a.connection(B).unwrap().request(7, None).await.unwrap();
    let cx: Context = kept.lock().unwrap().take().unwrap();
    assert_eq!(cx.connection(A).unwrap().request(7, None).await, Ok(None));
    assert_eq!(cx.connection(cx.local()).unwrap().request(7, None).await, Ok(None));
    let caller = cx.caller();
    assert_eq!(caller.request(7, None).await, Ok(None));

    drop(kept.lock().unwrap().take());
    network.detach(B);
    drop(b);
    sleep(Duration::from_secs(5)).await;
    // The link of the context's own call remains, and says that the node has ended. The others are gone.
    assert_eq!(cx.connection(A).unwrap().request(7, None).await, Err(CallError::ShutDown));
    assert_eq!(caller.request(7, None).await, Err(CallError::ShutDown));
    assert_eq!(cx.connection(B).unwrap_err().host, B);
}

#[tokio::test(start_paused = true)]
async fn a_service_without_a_node_can_call_itself() {
    let node = Node { name: "any", log: Log::default() };
    let client = ChainClient::in_process(node);
    let call = client.hop(path(&["in-process"]), None).timeout(millis(10));
    assert!(matches!(call.await, Err(CallError::DeadlineExceeded { .. })));
    let error = client.hop(path(&[A]), None).await.unwrap_err();
    assert!(error.to_string().contains("host list"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_shorter_timeout_applies_inside_a_handler() {
    let (_network, [a, ..], log) = three().await;
    let client = ChainClient::new(a.connection(B).unwrap());
    let start = Instant::now();
    let call = client.hop(path(&[C]), Some(millis(100))).timeout(millis(500));
    let error = call.await.unwrap_err();
    let text = format!("no answer from Chain/hop at {C} within 100ms");
    assert_eq!(error, CallError::Handler(RemoteError::new(text)));
    assert!(start.elapsed() - millis(100) <= millis(1), "{:?}", start.elapsed());
    let left: Vec<_> = log.lock().unwrap().iter().map(|visit| visit.time_left.unwrap()).collect();
    assert!(left[0] > millis(490) && left[1] <= millis(100), "{left:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_inside_a_handler_ends_with_its_deadline() {
    let (_network, [a, ..], log) = three().await;
    let client = ChainClient::new(a.connection(B).unwrap());
    let start = Instant::now();
    let mut items = client.flow(path(&[C])).timeout(millis(500)).await.unwrap();
    assert_eq!(items.next().await, Some(Ok(2)));
    let error = items.next().await.unwrap().unwrap_err();
    assert!(matches!(error, CallError::DeadlineExceeded { .. }), "{error:?}");
    assert!(start.elapsed() - millis(500) <= millis(1), "{:?}", start.elapsed());
    sleep(millis(5)).await;
    assert!(
        log.lock()
            .unwrap()
            .iter()
            .all(|visit| visit.over.is_some_and(|over| over - start <= millis(503)))
    );
    log.lock().unwrap().clear();

    // Without a deadline there is none to inherit, and dropping the call ends the whole chain.
    let mut items = client.flow(path(&[C])).await.unwrap();
    assert_eq!(items.next().await, Some(Ok(2)));
    assert!(log.lock().unwrap().iter().all(|visit| visit.time_left.is_none()));
    let left = Instant::now();
    drop(items);
    sleep(millis(5)).await;
    let visits = log.lock().unwrap().clone();
    assert_eq!(visits.len(), 2);
    assert!(
        visits.iter().all(|visit| visit.over.is_some_and(|over| over - left <= millis(2))),
        "{visits:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_leaves_ends_the_whole_chain() {
    let (_network, [a, ..], log) = three().await;
    let client = ChainClient::new(a.connection(B).unwrap());
    let call = tokio::spawn(client.hop(path(&[C, A, B]), None));
    sleep(millis(10)).await;
    assert_eq!(log.lock().unwrap().len(), 4);
    call.abort();
    let left = Instant::now();
    sleep(millis(10)).await;
    for visit in &*log.lock().unwrap() {
        assert!(visit.over.is_some_and(|over| over - left <= millis(3)), "{visit:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_outlives_its_handler_is_notified() {
    let (_network, [a, ..], log) = three().await;
    let client = ChainClient::new(a.connection(B).unwrap());
    client.outlive().timeout(millis(100)).await.unwrap_err();
    sleep(millis(2)).await;
    assert!(log.lock().unwrap()[0].over.is_some());
}

#[tokio::test(start_paused = true)]
async fn errors_arrive_unchanged() {
    let (_network, a, b) = two().await;
    let cause = ChainError::Tuple("b".into(), Some(-3));
    let errors = [
        ChainError::Unit,
        ChainError::New(u64::MAX),
        cause.clone(),
        ChainError::Struct {
            detail: Box::new(Detail { codes: vec![1], text: "é".into() }),
            cause: Some(Box::new(cause)),
        },
    ];
    for (from, to) in [(&a, B), (&b, A), (&a, A)] {
        let client = ChainClient::new(from.connection(to).unwrap());
        for error in &errors {
            let expected = CallError::Handler(error.clone());
            assert_eq!(client.fail(error.clone()).await.unwrap_err(), expected);
            for items in [0, 3, 500] {
                let mut stream = client.fail_late(error.clone(), items).await.unwrap();
                for item in 0..items {
                    assert_eq!(stream.next().await, Some(Ok(item)));
                }
                assert_eq!(stream.next().await, Some(Err(expected.clone())));
                assert_eq!(stream.next().await, None);
            }
            let (mut input, reply) = client.fail_upload(error.clone()).await.unwrap();
            input.send(1).await.unwrap();
            drop(input);
            assert_eq!(reply.await.unwrap_err(), expected);
            let (mut input, mut output) = client.fail_both(error.clone()).await.unwrap();
            input.send(1).await.unwrap();
            drop(input);
            assert_eq!(output.next().await, Some(Ok(1)));
            assert_eq!(output.next().await, Some(Err(expected)));
        }
    }
}

/// Typed errors are sent beside the payload, where there is less room. The text still arrives.
#[tokio::test(start_paused = true)]
async fn the_text_of_an_error_that_is_too_large_arrives() {
    let (_network, a, _b) = two().await;
    let client = ChainClient::new(a.connection(B).unwrap());
    let error = ChainError::Tuple("x".repeat(100_000), None);
    let expected = CallError::Remote(RemoteError::new(error.to_string()));
    assert_eq!(client.fail(error.clone()).await.unwrap_err(), expected);
    let mut items = client.fail_late(error, 1).await.unwrap();
    assert_eq!(items.next().await, Some(Ok(0)));
    assert_eq!(items.next().await, Some(Err(expected)));
    assert_eq!(a.connection(B).unwrap().stats().connects, 1);
}

#[tokio::test(start_paused = true)]
async fn metadata_reaches_the_handler() {
    let (_network, a, _b) = two().await;
    for to in [A, B] {
        let client = ChainClient::new(a.connection(to).unwrap());
        let call = client.metadata("user".into()).metadata("user", "ann").metadata("x", "y");
        assert_eq!(call.await.unwrap().as_deref(), Some("ann"));
        assert_eq!(client.metadata("user".into()).metadata("x", "y").await.unwrap(), None);
        assert_eq!(client.metadata("user".into()).await.unwrap(), None);
        let mut items =
            client.metadata_stream("user".into()).metadata("user", "ann").await.unwrap();
        assert_eq!(items.next().await, Some(Ok("ann".into())));
        let who = client.who().await.unwrap();
        assert_eq!(who, (A.into(), "Chain/who".into(), None));
        let who = client.subroute("below").who().await.unwrap();
        assert_eq!(who, (A.into(), "Chain/who".into(), Some("below".into())));
    }
}

#[tokio::test(start_paused = true)]
async fn too_much_metadata_fails_its_own_call_only() {
    let (_network, a, _b) = two().await;
    let connection = a.connection(B).unwrap();
    let client = ChainClient::new(connection.clone());
    let large = client.metadata("x".into()).metadata("x", vec![7; 100_000]);
    let error = large.await.unwrap_err();
    assert!(matches!(error, CallError::Encode(_)), "{error:?}");
    let mut many = client.metadata("x".into());
    for entry in 0..100 {
        many = many.metadata(entry.to_string(), "y");
    }
    let error = many.await.unwrap_err();
    assert!(!error.may_have_run() && !error.is_retryable(), "{error:?}");
    let CallError::Encode(cause) = error else { panic!("{error:?}") };
    assert!(cause.to_string().contains("100 entries in user metadata"), "{cause}");
    assert_eq!(connection.stats().connects, 1);
}

#[tokio::test(start_paused = true)]
async fn calls_of_every_kind_wait_for_a_link() {
    let network = Network::default();
    let a = network.node(A, &[A, B]).build().unwrap();
    network.attach(&a);
    let client = ChainClient::new(a.connection(B).unwrap());

    let error = client.who().await.unwrap_err();
    assert!(matches!(error, CallError::Disconnected { sent: Sent::No, .. }), "{error:?}");
    let error = client.fail_late(ChainError::Unit, 1).await.unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    let start = Instant::now();
    let error = client.who().wait_connected().timeout(millis(700)).await.unwrap_err();
    assert!(matches!(error, CallError::Disconnected { sent: Sent::No, .. }), "{error:?}");
    assert!(!error.may_have_run() && error.to_string().contains("no route to"), "{error}");
    let error = client
        .fail_upload(ChainError::Unit)
        .wait_connected()
        .timeout(millis(700))
        .await
        .unwrap_err();
    assert!(matches!(error, CallError::Disconnected { sent: Sent::No, .. }), "{error:?}");
    assert!(start.elapsed() - millis(1400) <= millis(2));

    let who = tokio::spawn(client.who().wait_connected());
    let dropped = tokio::spawn(client.who().wait_connected());
    let late = tokio::spawn(client.fail_late(ChainError::Unit, 1).wait_connected());
    let both = tokio::spawn(client.fail_both(ChainError::Unit).wait_connected());
    sleep(millis(10)).await;
    dropped.abort();
    let node = Node { name: B, log: Log::default() };
    let b = network.node(B, &[A, B]).service(ChainServer::new(node)).build().unwrap();
    network.attach(&b);
    assert_eq!(who.await.unwrap().unwrap().0, A);
    assert_eq!(late.await.unwrap().unwrap().next().await, Some(Ok(0)));
    let (mut input, mut output) = both.await.unwrap().unwrap();
    input.send(5).await.unwrap();
    assert_eq!(output.next().await, Some(Ok(5)));
    assert_eq!(b.connection(A).unwrap().stats().calls_in, 3, "the dropped call was never sent");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_service_does_not_affect_the_link() {
    let (_network, a, _b) = two().await;
    let client = ChainClient::new(a.connection(B).unwrap()).subroute("elsewhere");
    let error = client.who().await.unwrap_err();
    let CallError::Remote(remote) = &error else { panic!("{error:?}") };
    assert_eq!(remote.code, ErrorCode::UnknownHandler);
    assert!(!error.may_have_run());
}
