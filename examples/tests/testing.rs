//! The programs of the guide's chapter on testing.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use grid::{CallError, Dial, Dialing, ErrorCode, Io, Manager, Mock, RemoteError, Sent};
use tokio::time::Instant;

// The service:
#[grid::service]
trait Store {
    async fn get(&self, key: String) -> Result<String, RemoteError>;
    async fn put(&self, key: String, value: String);
    async fn wait_for(&self, key: String) -> String;
}

#[derive(Default)]
struct Memory {
    values: Mutex<HashMap<String, String>>,
    changed: tokio::sync::Notify,
}

impl Store for Memory {
    async fn get(&self, key: String) -> Result<String, RemoteError> {
        let values = self.values.lock().unwrap();
        values.get(&key).cloned().ok_or_else(|| RemoteError::new(format!("no key {key}")))
    }

    async fn put(&self, key: String, value: String) {
        self.values.lock().unwrap().insert(key, value);
        self.changed.notify_waiters();
    }

    async fn wait_for(&self, key: String) -> String {
        loop {
            let changed = self.changed.notified();
            if let Some(value) = self.values.lock().unwrap().get(&key) {
                return value.clone();
            }
            changed.await;
        }
    }
}

#[tokio::test]
async fn a_value_is_kept() {
    let store = StoreClient::in_process(Memory::default());
    store.put("color".into(), "blue".into()).await.unwrap();
    assert_eq!(store.get("color".into()).await.unwrap(), "blue");
    let error = store.get("size".into()).await.unwrap_err();
    assert_eq!(error, CallError::Handler(RemoteError::new("no key size")));
}

// The code under test:
async fn color(store: &StoreClient) -> String {
    store.get("color".into()).await.unwrap_or_else(|_| "grey".to_owned())
}

#[tokio::test]
async fn without_a_color_it_is_grey() {
    let full = Mock::new().on(StoreClient::GET, |(key,)| Ok(format!("the {key}")));
    assert_eq!(color(&StoreClient::new(full.connection())).await, "the color");

    let failing = Mock::new().on(StoreClient::GET, |_| Err(RemoteError::new("disk full")));
    assert_eq!(color(&StoreClient::new(failing.connection())).await, "grey");

    // A mock without an answer is like a node that does not have the method.
    let old = StoreClient::new(Mock::new().connection());
    let error = old.get("color".into()).await.unwrap_err();
    assert!(matches!(&error, CallError::Remote(e) if e.code == ErrorCode::UnknownHandler));
}

/// Connects nodes that it knows by name.
#[derive(Clone, Default)]
struct Network {
    nodes: Arc<Mutex<HashMap<String, Manager>>>,
}

const NODES: [&str; 2] = ["http://a:1", "http://b:1"];

impl Network {
    /// Starts a node that the others can reach until it is removed.
    fn start(&self, name: &str) -> Manager {
        let node = Manager::builder(name)
            .hosts(NODES)
            .token(grid::NoAuth)
            .dial_with(self.clone())
            .service(StoreServer::new(Memory::default()))
            .build()
            .unwrap();
        self.nodes.lock().unwrap().insert(name.to_owned(), node.clone());
        node
    }

    fn remove(&self, name: &str) -> Option<Manager> {
        self.nodes.lock().unwrap().remove(name)
    }
}

impl Dial for Network {
    fn dial<'a>(&'a self, name: &'a str) -> Dialing<'a> {
        Box::pin(async move {
            let node = self.nodes.lock().unwrap().get(name).cloned();
            let node = node.ok_or_else(|| io::Error::other(format!("{name} is down")))?;
            let (near, far) = tokio::io::duplex(64 * 1024);
            tokio::spawn(async move { node.accept(far).await });
            Ok(Box::new(near) as Box<dyn Io>)
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_until_its_node_is_back() {
    let network = Network::default();
    let [a, b] = NODES.map(|name| network.start(name));
    let store = StoreClient::new(a.connection(NODES[1]).unwrap());
    store.put("color".into(), "blue".into()).wait_connected().await.unwrap();

    network.remove(NODES[1]);
    b.shutdown(Duration::ZERO).await;
    let error = store.get("color".into()).await.unwrap_err();
    assert!(matches!(error, CallError::Disconnected { sent: Sent::No, .. }), "{error:?}");

    let waiting = tokio::spawn(store.get("color".into()).wait_connected());
    tokio::time::sleep(Duration::from_secs(20)).await;
    let _b = network.start(NODES[1]);
    // The new node is empty, so the answer is its error.
    let error = waiting.await.unwrap().unwrap_err();
    assert_eq!(error, CallError::Handler(RemoteError::new("no key color")));
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_longer_than_a_minute() {
    let store = StoreClient::in_process(Memory::default());
    let start = Instant::now();
    let error = store.wait_for("color".into()).await.unwrap_err();
    assert!(matches!(error, CallError::DeadlineExceeded { .. }), "{error:?}");
    assert_eq!(start.elapsed().as_secs(), 60);
}
