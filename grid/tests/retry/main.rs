//! Retries and hedged calls, in virtual time.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

#[path = "../support/mod.rs"]
mod support;

mod hedge;
mod scenarios;
mod timing;
mod what;

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use grid::intercept::{Intercepted, Next, Outcome};
use grid::{Connection, ErrorCode, Manager, Outgoing, RemoteError, Retry, RetryBudget};
use serde::{Deserialize, Serialize, Serializer};
use support::Network;
use tokio::time::{Instant, sleep};

#[grid::service]
trait Store {
    /// May run twice.
    #[handler(idempotent)]
    async fn get(&self, key: Key) -> Result<u64, RemoteError>;
    /// Must not.
    async fn add(&self, key: Key) -> Result<u64, RemoteError>;
    async fn list(&self, key: Key, out: Outgoing<u64>) -> Result<(), RemoteError>;
}

thread_local! {
    /// How often a key was encoded in this test, which has a thread of its own.
    static ENCODED: Cell<usize> = const { Cell::new(0) };
}

/// Counts how often it is encoded.
#[derive(Deserialize)]
struct Key(u64);

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ENCODED.set(ENCODED.get() + 1);
        serializer.serialize_newtype_struct("Key", &self.0)
    }
}

/// What a node does with a call.
#[derive(Clone, Debug)]
enum Step {
    /// An interceptor refuses it.
    Refuse(ErrorCode),
    /// An interceptor refuses it as overloaded, and may say when to try again.
    Overloaded(Option<Duration>),
    /// An interceptor answers it with bytes that are no number.
    Garbage,
    /// The handler refuses it as overloaded.
    Busy(Duration),
    /// The handler returns an error.
    Fail,
    Panic,
    /// The handler answers after this many milliseconds.
    Sleep(u64),
    /// The link is lost while the handler runs.
    Cut,
}

/// What a node does with its calls, and what it has seen.
#[derive(Default)]
struct Script {
    steps: Mutex<VecDeque<Step>>,
    /// When each call has arrived.
    begun: Mutex<Vec<Instant>>,
    /// Handlers that run now.
    running: AtomicUsize,
}

impl Script {
    /// The steps of the next calls. All further ones are answered.
    fn set(&self, steps: impl IntoIterator<Item = Step>) {
        *self.steps.lock().unwrap() = steps.into_iter().collect();
    }

    /// When each call has arrived since this was asked last.
    fn take_begun(&self) -> Vec<Instant> {
        std::mem::take(&mut self.begun.lock().unwrap())
    }

    /// How many calls have arrived since this was asked last.
    fn take_count(&self) -> usize {
        self.take_begun().len()
    }

    fn next(&self) -> Option<Step> {
        self.steps.lock().unwrap().pop_front()
    }

    fn running(&self) -> usize {
        self.running.load(Ordering::Relaxed)
    }
}

/// Lowers the number of running handlers when a handler has ended or is dropped.
struct Running(Arc<Script>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Scripted {
    script: Arc<Script>,
    network: Network,
}

impl Scripted {
    async fn serve(&self, Key(key): Key) -> Result<u64, RemoteError> {
        self.script.running.fetch_add(1, Ordering::Relaxed);
        let _running = Running(Arc::clone(&self.script));
        match self.script.next() {
            Some(Step::Busy(after)) => return Err(RemoteError::overloaded("busy", after)),
            Some(Step::Fail) => return Err(RemoteError::new("bad sector")),
            Some(Step::Panic) => panic!("of the handler"),
            Some(Step::Sleep(ms)) => sleep(Duration::from_millis(ms)).await,
            Some(Step::Cut) => {
                self.network.cut();
                std::future::pending::<()>().await;
            }
            None => {}
            Some(step) => panic!("{step:?} is for the interceptor"),
        }
        Ok(key)
    }
}

impl Store for Scripted {
    async fn get(&self, key: Key) -> Result<u64, RemoteError> {
        self.serve(key).await
    }

    async fn add(&self, key: Key) -> Result<u64, RemoteError> {
        self.serve(key).await
    }

    async fn list(&self, key: Key, mut out: Outgoing<u64>) -> Result<(), RemoteError> {
        let key = self.serve(key).await?;
        Ok(out.send(key).await?)
    }
}

/// The interceptor of a node.
async fn scripted(script: Arc<Script>, call: Intercepted, next: Next) -> Outcome {
    script.begun.lock().unwrap().push(Instant::now());
    let step = script.steps.lock().unwrap().front().cloned();
    let outcome = match step {
        Some(Step::Refuse(code)) => Outcome::refuse(code, "refused"),
        Some(Step::Overloaded(after)) => Outcome::overloaded("too much", after),
        Some(Step::Garbage) => Outcome::answer(Some(b"\xc0"[..].into())),
        _ => return next.run(call).await,
    };
    script.next();
    outcome
}

/// Nodes that follow scripts, and a caller.
struct Nodes {
    caller: Manager,
    scripts: Vec<Arc<Script>>,
    names: Vec<String>,
    network: Network,
    /// Attempts that the caller's interceptor has seen.
    attempts: Arc<AtomicUsize>,
    nodes: Vec<Manager>,
}

async fn nodes(count: usize) -> Nodes {
    let (network, attempts) = (Network::default(), Arc::<AtomicUsize>::default());
    let names: Vec<_> = (0..count).map(|node| format!("http://node{node}:1")).collect();
    let hosts: Vec<_> = names.iter().map(String::as_str).chain(["http://caller:1"]).collect();
    let (mut scripts, mut nodes) = (Vec::new(), Vec::new());
    for name in &names {
        let script = Arc::<Script>::default();
        let service = Scripted { script: Arc::clone(&script), network: network.clone() };
        let of_node = Arc::clone(&script);
        let node = network
            .node(name, &hosts)
            .service(StoreServer::new(service))
            .intercept(move |call, next| scripted(Arc::clone(&of_node), call, next))
            .build()
            .unwrap();
        network.attach(&node);
        scripts.push(script);
        nodes.push(node);
    }
    let seen = Arc::clone(&attempts);
    let caller = network
        .node("http://caller:1", &hosts)
        .intercept_calls(move |call: Intercepted, next: Next| {
            seen.fetch_add(1, Ordering::Relaxed);
            next.run(call)
        })
        .build()
        .unwrap();
    network.attach(&caller);
    let nodes = Nodes { caller, scripts, names, network, attempts, nodes };
    for node in 0..count {
        let up = nodes.connection(node);
        up.wait_connected(Duration::from_secs(60)).await.unwrap();
    }
    nodes
}

impl Nodes {
    fn connection(&self, node: usize) -> Connection {
        self.caller.connection(&self.names[node]).unwrap()
    }

    fn store(&self, node: usize) -> StoreClient {
        StoreClient::new(self.connection(node))
    }

    fn script(&self, node: usize) -> &Script {
        &self.scripts[node]
    }

    /// How many attempts the caller has made since this was asked last.
    fn take_attempts(&self) -> usize {
        self.attempts.swap(0, Ordering::Relaxed)
    }

    /// Nothing is left of any call, neither at the caller nor at a handler.
    async fn assert_idle(&self) {
        sleep(ms(20)).await;
        let stats = self.caller.stats();
        assert!(stats.connections.iter().all(|connection| connection.in_flight_out == 0));
        for (node, script) in self.scripts.iter().enumerate() {
            assert_eq!(script.running(), 0, "handlers of node {node}");
        }
    }
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A budget that bounds nothing.
fn endless() -> RetryBudget {
    RetryBudget::new().share(f64::INFINITY).per_second(0.0)
}

/// A policy that only its number of attempts bounds.
fn attempts(attempts: u32) -> Retry {
    Retry::new().attempts(attempts).budget(endless())
}
