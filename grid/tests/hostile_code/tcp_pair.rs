//! Two nodes over TCP, and the calls that tests of blocking code make between them.

use std::net::Shutdown;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use grid::{Builder, Connection, Dial, Dialing, Io, Manager};
use tokio::net::TcpListener;

use crate::gate::LIMIT;

/// Calls after which a method is known not to block.
const MANY: usize = 64;

/// Two nodes, and the connections between them.
pub(crate) struct Pair {
    _nodes: [Manager; 2],
    /// The first node's connection to the second one.
    pub(crate) there: Connection,
    /// The second node's connection to the first one.
    pub(crate) back: Connection,
    /// The second node's connection to itself.
    pub(crate) own: Connection,
    sockets: Sockets,
}

impl Pair {
    /// Cuts all sockets, and waits until both nodes are connected again.
    pub(crate) async fn cut(&self) {
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

pub(crate) const QUICK: u8 = 1;
pub(crate) const BLOCK: u8 = 2;

/// Two nodes with a quick handler, and those that `configure` adds.
pub(crate) async fn pair(configure: impl Fn(Builder) -> Builder) -> Pair {
    let listeners = [listener().await, listener().await];
    let names =
        listeners.each_ref().map(|listener| format!("http://{}", listener.local_addr().unwrap()));
    let sockets = Sockets::default();
    let mut nodes = Vec::new();
    for (name, listener) in names.iter().zip(listeners) {
        let builder = Manager::builder(name)
            .hosts(names.iter())
            .token(grid::NoAuth)
            .dial_with(sockets.clone());
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
pub(crate) async fn check(pair: &Pair) {
    for _ in 0..10 {
        for connection in [&pair.there, &pair.back] {
            let answer = connection.request(QUICK, Some("x".into())).timeout(LIMIT).await;
            assert_eq!(answer.unwrap(), Some("x".into()));
        }
    }
}

/// Calls a method so often that it is known to be quick.
pub(crate) async fn train(connection: &Connection, method: u8) {
    for _ in 0..MANY {
        connection.request(method, None).timeout(LIMIT).await.unwrap();
    }
}

pub(crate) fn block(connection: &Connection, method: u8) -> tokio::task::JoinHandle<Option<Bytes>> {
    let call = connection.request(method, Some("b".into())).timeout(LIMIT);
    tokio::spawn(async move { call.await.unwrap() })
}
