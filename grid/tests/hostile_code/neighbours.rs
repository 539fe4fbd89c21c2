//! The oracle of the matrix: calls and streams of others, on the link where code of the user misbehaves.
//!
//! They begin before the code runs, and after it, and must end right. Then nothing is in flight, the link has been up all
//! the time, and both nodes can shut down. `row.rs` does that for every column of the matrix.

use std::time::Duration;

use bytes::Bytes;
use grid::{Builder, CallError, Capacities, Connection, Manager, RawReceiver, RawSender, State};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::gate::LIMIT;
use crate::support::{A, B, Network, sides};

/// Answers with what it is sent. Also the id of a two-way stream, which does not exist.
pub(crate) const ECHO: u8 = 200;
/// The same when the test says so.
const HOLD: u8 = 201;
/// A stream that returns the items that it is sent.
const ECHOES: u8 = 202;

const TWO_WAY: Capacities = Capacities { incoming: 2, outgoing: 2 };

/// The connections of two nodes.
#[derive(Clone)]
pub(crate) struct Links {
    /// From A to B.
    pub(crate) there: Connection,
    /// From B to A.
    pub(crate) back: Connection,
    /// From A to itself.
    pub(crate) own: Connection,
}

impl Links {
    pub(crate) fn all(&self) -> [&Connection; 3] {
        [&self.there, &self.back, &self.own]
    }
}

/// Two connected nodes, and what releases the calls that are held.
pub(crate) struct Nodes {
    pub(crate) network: Network,
    pub(crate) all: Vec<Manager>,
    pub(crate) links: Links,
    pub(crate) release: watch::Sender<bool>,
}

impl Nodes {
    pub(crate) async fn start(network: Network, configure: impl Fn(Builder) -> Builder) -> Self {
        let (release, released) = watch::channel(false);
        let (dialer, listener) = sides();
        // The one that is dialed comes first, so that the first attempt succeeds.
        let all: Vec<_> = [listener, dialer]
            .into_iter()
            .map(|name| {
                let builder = handlers(network.node(name, &[A, B]), &released);
                let node = configure(builder).build().expect("a valid configuration");
                network.attach(&node);
                node
            })
            .collect();
        let of = |name: &str| all.iter().find(|node| node.name() == name).unwrap();
        let links = Links {
            there: of(A).connection(B).unwrap(),
            back: of(B).connection(A).unwrap(),
            own: of(A).connection(A).unwrap(),
        };
        for connection in links.all() {
            connection.wait_connected(LIMIT).await.unwrap();
        }
        Self { network, all, links, release }
    }

    /// Nothing is in flight, at either end.
    pub(crate) async fn are_idle(&self) {
        for node in &self.all {
            let stats = || {
                let stats = node.stats();
                [stats.connections, vec![stats.loopback]].concat()
            };
            let is_idle = || stats().iter().all(|of| of.in_flight_in + of.in_flight_out == 0);
            let idle = async {
                while !is_idle() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            let ended = timeout(LIMIT, idle).await;
            ended.unwrap_or_else(|_| panic!("in flight at {}: {:#?}", node.name(), stats()));
        }
    }

    pub(crate) async fn shut_down(self) {
        for node in &self.all {
            timeout(LIMIT, node.shutdown(2 * LIMIT)).await.expect("a shutdown does not end");
        }
        for connection in self.links.all() {
            assert_eq!(connection.state(), State::Shutdown);
        }
    }
}

fn handlers(builder: Builder, released: &watch::Receiver<bool>) -> Builder {
    let released = released.clone();
    builder
        .single_handler(ECHO, None, |_, payload| async { Ok(payload) })
        .single_handler(HOLD, None, move |_, payload| {
            let mut released = released.clone();
            async move {
                let _ = released.wait_for(|released| *released).await;
                Ok(payload)
            }
        })
        .stream_handler(ECHOES, None, TWO_WAY, |_, _, mut input, mut output| async move {
            while let Some(Ok(item)) = input.next().await {
                output.send(item).await?;
            }
            Ok(())
        })
}

/// Calls and streams of others.
pub(crate) struct Neighbours {
    links: Links,
    held: Vec<JoinHandle<Result<Option<Bytes>, CallError>>>,
    streams: Vec<(RawSender, RawReceiver)>,
}

impl Neighbours {
    pub(crate) async fn begin(links: &Links) -> Self {
        let mut held = Vec::new();
        let mut streams = Vec::new();
        for connection in links.all() {
            let call = connection.request(HOLD, Some("held".into())).timeout(60 * LIMIT);
            held.push(tokio::spawn(call));
            streams.push(open(connection).await);
        }
        Self { links: links.clone(), held, streams }
    }

    /// Streams that are open carry items, and further calls and streams are made.
    pub(crate) async fn go_on(&mut self) {
        for stream in &mut self.streams {
            echo(stream).await;
        }
        for connection in self.links.all() {
            let mut stream = open(connection).await;
            echo(&mut stream).await;
            close(stream).await;
            for _ in 0..3 {
                let call = connection.request(ECHO, Some("x".into())).timeout(LIMIT);
                assert_eq!(call.await, Ok(Some("x".into())), "a call that began after it");
            }
        }
    }

    /// What began before ends right.
    pub(crate) async fn end(self, release: &watch::Sender<bool>) {
        for stream in self.streams {
            close(stream).await;
        }
        assert!(self.held.iter().all(|call| !call.is_finished()), "a call that began before it");
        release.send_replace(true);
        for call in self.held {
            assert_eq!(call.await.unwrap(), Ok(Some("held".into())), "a call that began before it");
        }
    }

    /// The nodes have ended: so does everything else, with an error.
    pub(crate) async fn are_told(self) {
        let told = async {
            for call in self.held {
                assert!(call.await.unwrap().is_err(), "its node has ended");
            }
            for (_, mut output) in self.streams {
                let end = loop {
                    match output.next().await {
                        Some(Ok(_)) => {}
                        end => break end,
                    }
                };
                assert!(matches!(end, Some(Err(_))), "its node has ended: {end:?}");
            }
            for connection in self.links.all() {
                connection.states().wait_for(|state| *state == State::Shutdown).await;
            }
        };
        timeout(LIMIT, told).await.expect("a call of a node that has ended does not end");
    }
}

async fn open(connection: &Connection) -> (RawSender, RawReceiver) {
    let mut stream = connection.stream(ECHOES, TWO_WAY, None).await.unwrap();
    echo(&mut stream).await;
    stream
}

async fn echo((input, output): &mut (RawSender, RawReceiver)) {
    let echoed = async {
        input.send("item").await.unwrap();
        output.next().await
    };
    let item = timeout(LIMIT, echoed).await.expect("a stream of another caller stalls");
    assert_eq!(item, Some(Ok("item".into())));
}

async fn close((input, mut output): (RawSender, RawReceiver)) {
    drop(input);
    let end = timeout(LIMIT, output.next()).await.expect("a stream of another caller has no end");
    assert_eq!(end, None);
}
