//! Nodes of one host over Unix sockets.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

#[path = "support/double.rs"]
mod double;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use double::{DoubleClient, DoubleServer, Doubler};
use grid::{BuildError, Dial, Dialing, LinkError, Manager};
use tokio::net::UnixListener;

const A: &str = "http://a:1";
const B: &str = "http://b:1";

/// Longer than a node needs to connect.
const SOON: Duration = Duration::from_secs(20);

/// A directory for sockets, which is removed after the test.
struct Directory(PathBuf);

impl Directory {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("grid-{test}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn socket(&self, name: &str) -> PathBuf {
        self.0.join(name.replace([':', '/'], "_"))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Refuses all names: only those with a socket are reached.
struct Nowhere;

impl Dial for Nowhere {
    fn dial<'a>(&'a self, name: &'a str) -> Dialing<'a> {
        Box::pin(async move { Err(LinkError::connect(format!("no route to {name}"))) })
    }
}

/// A node with the settings of all nodes of this host.
fn node(name: &str, directory: &Directory) -> Manager {
    let builder =
        Manager::builder(name).hosts([A, B, "http://c:1", "http://d:1"]).token(grid::NoAuth);
    let builder = [A, B]
        .iter()
        .fold(builder, |builder, host| builder.unix_socket(*host, directory.socket(host)));
    builder.dial_with(Nowhere).service(DoubleServer::new(Doubler)).build().unwrap()
}

#[tokio::test]
async fn two_nodes_with_the_same_settings_call_each_other() {
    let directory = Directory::new("unix");
    let nodes = [A, B].map(|name| node(name, &directory));
    for node in &nodes {
        let listener = UnixListener::bind(directory.socket(node.name())).unwrap();
        tokio::spawn(node.serve(listener));
    }
    for (from, to) in [(&nodes[0], B), (&nodes[1], A)] {
        let connection = from.connection(to).unwrap();
        connection.wait_connected(SOON).await.unwrap();
        assert_eq!(DoubleClient::new(connection).double(21).await.unwrap(), 42);
    }
    // Other names are dialed with the dialer that was set.
    let others = ["http://c:1", "http://d:1"];
    let (from, to) = nodes
        .iter()
        .flat_map(|node| others.map(|other| (node, other)))
        .find(|(node, other)| grid::dials(node.name(), other))
        .unwrap();
    let states = from.connection(to).unwrap().states();
    let failed = states.wait_for(|state| format!("{state:?}").contains("no route to")).await;
    assert!(failed.is_some());
}

#[tokio::test]
async fn a_stale_file_is_named_and_the_next_listener_is_reached() {
    let directory = Directory::new("stale");
    let (dialer, listener) = if grid::dials(A, B) { (A, B) } else { (B, A) };
    let path = directory.socket(listener);
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "the file of a socket stays");
    let dialing = node(dialer, &directory);
    let connection = dialing.connection(listener).unwrap();
    let states = connection.states();
    let refused =
        states.wait_for(|state| format!("{state:?}").contains("Connection refused")).await;
    assert!(format!("{refused:?}").contains(&path.display().to_string()), "{refused:?}");
    UnixListener::bind(&path).expect_err("the file exists");
    fs::remove_file(&path).unwrap();
    let listening = node(listener, &directory);
    tokio::spawn(listening.serve(UnixListener::bind(&path).unwrap()));
    connection.wait_connected(SOON).await.unwrap();
}

#[tokio::test]
async fn a_socket_of_an_unknown_node_is_refused() {
    let built = Manager::builder(A)
        .hosts([A, B])
        .token(grid::NoAuth)
        .unix_socket("http://b:2", "/run/b.sock")
        .build();
    let error = built.unwrap_err();
    assert!(matches!(&error, BuildError::UnixSocketHost { host, .. } if host == "http://b:2"));
    let text = error.to_string();
    assert!(
        text.contains("http://b:2, which is not in the host list") && text.contains(B),
        "{text}"
    );
}
