//! The programs of the guide's chapter on testing.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use grid::testing::{CallLog, Spy, TestGrid};
use grid::{CallError, ErrorCode, Mock, RemoteError, Sent};
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

#[tokio::test]
async fn the_color_is_read_once() {
    let gets = Spy::on(StoreClient::GET).exactly(1);
    let mock = Mock::new().on(StoreClient::GET, gets.answering(|_| Ok("blue".to_owned())));
    assert_eq!(color(&StoreClient::new(mock.connection())).await, "blue");
    assert_eq!(gets.calls(), [("color".to_owned(),)]);
}

/// Nodes that are connected, each with a store of its own.
async fn stores(nodes: usize, calls: &CallLog) -> TestGrid {
    let grid = TestGrid::builder(nodes)
        .configure(|_node, builder| builder.service(StoreServer::new(Memory::default())))
        .record(calls)
        .start();
    grid.all_connected().await;
    grid
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_until_its_node_is_back() {
    let grid = stores(2, &CallLog::new()).await;
    let store = StoreClient::new(grid.connection(0, 1));
    store.put("color".into(), "blue".into()).await.unwrap();

    grid.kill(1);
    grid.disconnected(0, 1).await;
    let error = store.get("color".into()).await.unwrap_err();
    assert!(matches!(error, CallError::Disconnected { sent: Sent::No, .. }), "{error:?}");

    let waiting = tokio::spawn(store.get("color".into()).wait_connected());
    tokio::time::sleep(Duration::from_secs(20)).await;
    grid.restart(1).await;
    // The new node is empty, so the answer is its error.
    let error = waiting.await.unwrap().unwrap_err();
    assert_eq!(error, CallError::Handler(RemoteError::new("no key color")));
}

/// The answer of the first store that has one within a second.
async fn read_any(stores: &[StoreClient], key: &str) -> Option<String> {
    for store in stores {
        let value = store.get(key.into()).timeout(Duration::from_secs(1)).await;
        if let Ok(value) = value {
            return Some(value);
        }
    }
    None
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_is_passed_over() {
    let calls = CallLog::new();
    let grid = stores(3, &calls).await;
    let stores = [1, 2].map(|node| StoreClient::new(grid.connection(0, node)));
    for store in &stores {
        store.put("color".into(), "blue".into()).await.unwrap();
    }

    // Far away, and still in time.
    grid.delay(0, 1, Duration::from_millis(300));
    let began = Instant::now();
    assert_eq!(read_any(&stores, "color").await.unwrap(), "blue");
    assert_eq!(began.elapsed().as_millis(), 600);

    // A computer that hangs: its connections stay open.
    grid.freeze(0, 1);
    let began = Instant::now();
    assert_eq!(read_any(&stores, "color").await.unwrap(), "blue");
    assert_eq!(began.elapsed().as_millis(), 1000);

    // A cable that was pulled.
    grid.isolate(0);
    assert_eq!(read_any(&stores, "color").await, None);
    grid.heal_all();
    grid.all_connected().await;
    grid.nothing_in_flight().await;

    let outcomes: Vec<_> = calls.made("Store/get").iter().map(|call| call.outcome).collect();
    let expected =
        ["ok", "deadline_exceeded", "ok", "disconnected", "disconnected"].map(Option::Some);
    assert_eq!(outcomes, expected);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_longer_than_a_minute() {
    let store = StoreClient::in_process(Memory::default());
    let start = Instant::now();
    let error = store.wait_for("color".into()).await.unwrap_err();
    assert!(matches!(error, CallError::DeadlineExceeded { .. }), "{error:?}");
    assert_eq!(start.elapsed().as_secs(), 60);
}
