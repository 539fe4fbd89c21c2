//! The texts of errors name what is needed to act: the method, the peer, the limit and its setting.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

mod support;

use std::fmt;
use std::time::Duration;

use grid::{
    CallError, Capacities, Config, Connection, Incoming, Manager, Outgoing, RemoteError, SendError,
};
use support::{A, B, Network, serving};

const MILLIS: Duration = Duration::from_millis(50);

/// Texts of `len` bytes; one that cannot be decoded has none.
#[grid::service]
trait Kv {
    async fn get(&self, len: u32) -> String;
    async fn wait(&self);
    #[handler(request_bytes_max = 100)]
    async fn put(&self, value: String);
    async fn watch(&self, out: Outgoing<u32>);
    async fn load(&self, items: Incoming<String>) -> u32;
    async fn fail(&self) -> Result<(), RemoteError>;
}

struct Node;

impl Kv for Node {
    async fn get(&self, len: u32) -> String {
        assert_ne!(len, 13, "as a test");
        "x".repeat(len as usize)
    }

    async fn wait(&self) {
        std::future::pending().await
    }

    async fn put(&self, _: String) {}

    async fn watch(&self, _out: Outgoing<u32>) {
        std::future::pending().await
    }

    async fn load(&self, _: Incoming<String>) -> u32 {
        std::future::pending().await
    }

    async fn fail(&self) -> Result<(), RemoteError> {
        Err(RemoteError::new("no such volume"))
    }
}

/// A newer client of the same service.
mod newer {
    use super::Outgoing;

    #[grid::service(name = "Kv")]
    pub(super) trait Newer {
        async fn get(&self, len: u32) -> u64;
        async fn missing(&self);
        #[handler(id = 9)]
        async fn pinned(&self);
        /// A single request at the callee.
        async fn wait(&self, out: Outgoing<u32>);
        /// A stream at the callee.
        async fn watch(&self);
    }
}

#[track_caller]
fn assert_text(error: impl fmt::Display, expected: &str) {
    assert_eq!(error.to_string(), expected);
}

async fn limited() -> (Connection, (Network, Manager, Manager)) {
    let network = Network::default();
    let config = Config::default().message_bytes_max(1 << 20);
    let a = network.node(A, &[A, B]).build().unwrap();
    let b = network.node(B, &[A, B]).config(config).service(KvServer::new(Node)).build().unwrap();
    network.attach(&a);
    network.attach(&b);
    let connection = a.connection(B).unwrap();
    connection.wait_connected(Duration::from_secs(5)).await.unwrap();
    (connection, (network, a, b))
}

#[tokio::test(start_paused = true)]
async fn deadlines_name_method_and_peer() {
    let (connection, _nodes) = serving(KvServer::new(Node)).await;
    let kv = KvClient::new(connection.clone());
    let late = "no answer from Kv/wait at http://b:1 within 50ms";
    assert_text(kv.wait().timeout(MILLIS).await.unwrap_err(), late);
    let mut items = kv.watch().timeout(MILLIS).await.unwrap();
    let late = "no answer from Kv/watch at http://b:1 within 50ms";
    assert_text(items.next().await.unwrap().unwrap_err(), late);
    let (_input, reply) = kv.load().timeout(MILLIS).await.unwrap();
    assert_text(reply.await.unwrap_err(), "no answer from Kv/load at http://b:1 within 50ms");
    let id = KvClient::WAIT.info().id();
    let late = connection.request(id, None).timeout(MILLIS).await.unwrap_err();
    assert_text(late, &format!("no answer from handler {id} at http://b:1 within 50ms"));
}

#[tokio::test(start_paused = true)]
async fn limits_name_method_peer_and_setting() {
    let (connection, _nodes) = limited().await;
    let kv = KvClient::new(connection);
    let limit =
        "exceed the limit of 1048480 bytes (`Config::message_bytes_max` of http://b:1 is 1048576)";
    let error = kv.put("x".repeat(200)).await.unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("cannot encode the request: a request of "), "{text}");
    assert!(
        text.ends_with("(`#[handler(request_bytes_max = 100)]`) (Kv/put at http://b:1)"),
        "{text}"
    );
    let (mut input, _reply) = kv.load().await.unwrap();
    let error = input.send("x".repeat(2 << 20)).await.unwrap_err();
    assert!(matches!(error, SendError::Encode(_)));
    let text = error.to_string();
    assert!(text.starts_with("cannot encode the item: 2097"), "{text}");
    assert!(text.ends_with(&format!("{limit} (Kv/load at http://b:1)")), "{text}");
    let error = kv.get(2 << 20).await.unwrap_err();
    assert_text(
        error,
        "the answer of Kv/get is too large: it has 2097157 bytes, and `Config::message_bytes_max` of the node that \
        answers allows 1048480",
    );
}

#[tokio::test(start_paused = true)]
async fn statements_of_the_callee_name_method_and_peer() {
    let (connection, _nodes) = serving(KvServer::new(Node)).await;
    let (kv, newer) =
        (KvClient::new(connection.clone()), newer::NewerClient::new(connection.clone()));
    let id = newer::NewerClient::MISSING.info().id();
    assert_text(
        newer.missing().await.unwrap_err(),
        &format!(
            "Invalid Handler: id {id} is not registered on this node (Kv/missing at http://b:1)"
        ),
    );
    let subroute = newer::NewerClient::new(connection.subroute("disk1"));
    assert_text(
        subroute.pinned().await.unwrap_err(),
        "Invalid Handler: id 9 under this subroute is not registered on this node (Kv/pinned at http://b:1)",
    );
    let id = newer::NewerClient::WAIT.info().id();
    assert_text(
        newer.wait().await.unwrap_err(),
        &format!(
            "Invalid Handler: id {id} is a single request, and was called as a stream (Kv/wait at http://b:1)"
        ),
    );
    let id = newer::NewerClient::WATCH.info().id();
    assert_text(
        newer.watch().await.unwrap_err(),
        &format!(
            "Invalid Handler: id {id} opens a stream, and was called as a single request (Kv/watch at http://b:1)"
        ),
    );
    assert_text(
        kv.get(13).await.unwrap_err(),
        "the handler panicked; the log of its node has the message (Kv/get at http://b:1)",
    );
    let undecodable = newer.get(1).await.unwrap_err();
    assert!(matches!(undecodable, CallError::Decode(_)));
    let text = undecodable.to_string();
    assert!(text.starts_with("cannot decode the answer: "), "{text}");
    assert!(text.ends_with(" (Kv/get at http://b:1)"), "{text}");
    // A handler's own error is the application's.
    assert_text(kv.fail().await.unwrap_err(), "no such volume");
}

#[tokio::test(start_paused = true)]
async fn missing_extensions_and_names_say_what_to_do() {
    let network = Network::default();
    let a = network.node(A, &[A, B]).build().unwrap();
    let b = network.node(B, &[A, B]).extensions([""; 0]).build().unwrap();
    network.attach(&a);
    network.attach(&b);
    let connection = a.connection(B).unwrap();
    connection.wait_connected(Duration::from_secs(5)).await.unwrap();
    let error = KvClient::new(connection.clone()).wait().await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("`ids32`") && text.contains("#[handler(id = ...)]"), "{text}");
    let error = connection.request(7, None).metadata("a", "b").await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("`meta`") && text.contains("`.metadata`"), "{text}");
    let capacities = Capacities { incoming: 0, outgoing: 1 };
    let error = connection.stream(9, capacities, None).await.unwrap_err();
    assert_text(
        error,
        "Invalid Handler: id 9 is not registered on this node (handler 9 at http://b:1)",
    );

    let error = a.connection("http://B").unwrap_err();
    assert_text(error, "http://B is not in the host list of http://a:1; did you mean http://b:1?");
}
