//! Nodes that use each other as intended do not reach the limits of memory with the default configuration.

use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::{StreamExt as _, stream};
use grid::{Config, Connection, Incoming, Manager, Outgoing, RemoteError};
use tokio::time::sleep;

use crate::support::{B, EXTENSIONS, Network, pair};
use crate::{MIB, Meter, alone};

#[grid::service]
trait Work {
    #[handler(id = 7)]
    async fn echo(&self, payload: Bytes) -> Bytes;
    /// As `echo`, after a second.
    #[handler(id = 8)]
    async fn slow(&self, payload: Bytes) -> Bytes;
    /// An answer of this many bytes, after 10 ms.
    #[handler(id = 10)]
    async fn load(&self, len: u32) -> Bytes;
    /// Keeps the payload.
    #[handler(id = 11)]
    async fn keep(&self, payload: Bytes) -> Bytes;
    /// Keeps the items, and sends them back.
    #[handler(id = 12)]
    async fn keep_all(
        &self,
        input: Incoming<Bytes>,
        out: Outgoing<Bytes>,
    ) -> Result<(), RemoteError>;
    #[handler(id = 9)]
    async fn relay(&self, input: Incoming<Bytes>, out: Outgoing<Bytes>) -> Result<(), RemoteError>;
}

#[derive(Default)]
struct Node {
    kept: Mutex<Vec<Bytes>>,
}

impl Work for Node {
    async fn echo(&self, payload: Bytes) -> Bytes {
        payload
    }

    async fn slow(&self, payload: Bytes) -> Bytes {
        sleep(Duration::from_secs(1)).await;
        payload
    }

    async fn load(&self, len: u32) -> Bytes {
        sleep(Duration::from_millis(10)).await;
        payload(len as usize)
    }

    async fn keep(&self, payload: Bytes) -> Bytes {
        self.kept.lock().unwrap().push(payload.clone());
        payload
    }

    async fn keep_all(
        &self,
        mut input: Incoming<Bytes>,
        mut out: Outgoing<Bytes>,
    ) -> Result<(), RemoteError> {
        while let Some(item) = input.next().await {
            let item = item?;
            self.kept.lock().unwrap().push(item.clone());
            out.send(item).await?;
        }
        Ok(())
    }

    async fn relay(
        &self,
        mut input: Incoming<Bytes>,
        mut out: Outgoing<Bytes>,
    ) -> Result<(), RemoteError> {
        while let Some(item) = input.next().await {
            out.send(item?).await?;
        }
        Ok(())
    }
}

fn payload(len: usize) -> Bytes {
    Bytes::from(vec![7; len])
}

/// Several rounds of calls by each of `callers`.
async fn echoes(connection: &Connection, callers: usize, rounds: usize, len: usize) {
    let payload = payload(len);
    let rounds = join_all((0..callers).map(|_| async {
        let client = WorkClient::new(connection.clone());
        for _ in 0..rounds {
            let echo = client.echo(payload.clone()).timeout(Duration::from_secs(600)).await;
            assert_eq!(echo.map(|echo| echo.len()), Ok(len));
        }
    }));
    rounds.await;
}

async fn nodes(extensions: &[&str]) -> (Network, Manager, Manager) {
    pair(|builder| {
        builder.service(WorkServer::new(Node::default())).extensions(extensions.to_vec())
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn large_echoes_fit() {
    let _alone = alone().await;
    for (extensions, callers) in [(&EXTENSIONS[..], 8), (&[], 1)] {
        let (_network, a, _b) = nodes(extensions).await;
        let connection = a.connection(B).unwrap();
        for (callers, len) in [(64, MIB), (64, 100 << 10), (callers, 16 * MIB - 200)] {
            let meter = Meter::start();
            echoes(&connection, callers, 2, len).await;
            println!("{callers} echoes of {len}: {} MiB at most", meter.peak() / MIB);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_echoes_fit_over_sockets() {
    let _alone = alone().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = format!("http://{}", listener.local_addr().unwrap());
    // A name that dials the other one.
    let names = (1..).map(|port| format!("http://localhost:{port}"));
    let there = names.into_iter().find(|name| grid::dials(name, &here)).unwrap();
    let node = |name: &str| {
        Manager::builder(name)
            .hosts([&here, &there])
            .token(grid::NoAuth)
            .service(WorkServer::new(Node::default()))
            .build()
    };
    let (server, caller) = (node(&here).unwrap(), node(&there).unwrap());
    let serving = tokio::spawn(async move { server.serve(listener).await });
    let connection = caller.connection(&here).unwrap();
    connection.wait_connected(Duration::from_secs(10)).await.unwrap();
    for (callers, len) in [(64, MIB), (2, 16 * MIB - 200)] {
        let meter = Meter::start();
        echoes(&connection, callers, 2, len).await;
        println!("{callers} echoes of {len}: {} MiB at most", meter.peak() / MIB);
    }
    serving.abort();
}

/// As many calls as may be in flight, each of which waits.
#[tokio::test(start_paused = true)]
async fn sixteen_thousand_waiting_calls_fit() {
    let _alone = alone().await;
    let (_network, a, _b) = nodes(&EXTENSIONS).await;
    let client = WorkClient::new(a.connection(B).unwrap());
    for len in [10, 1000] {
        let meter = Meter::start();
        let payload = payload(len);
        let calls = (0..Config::default().calls_per_peer_max).map(|_| client.slow(payload.clone()));
        let outcomes = join_all(calls).await;
        println!("16384 calls of {len}: {} MiB at most", meter.peak() / MIB);
        assert!(outcomes.iter().all(Result::is_ok), "{:?}", outcomes.iter().find(|o| o.is_err()));
    }
}

/// Requests that handlers hold are as large as the peer allows in sum; further calls wait for their turn.
#[tokio::test(start_paused = true)]
async fn large_requests_wait_until_handlers_have_finished() {
    let _alone = alone().await;
    let (_network, a, _b) = nodes(&EXTENSIONS).await;
    let client = WorkClient::new(a.connection(B).unwrap());
    for (calls, len) in [(200, MIB), (24, 8 * MIB)] {
        let meter = Meter::start();
        let payload = payload(len);
        let outcomes = join_all((0..calls).map(|_| async {
            let echo = client.slow(payload.clone()).timeout(Duration::from_secs(600)).await?;
            Ok::<_, grid::CallError>(echo.len())
        }))
        .await;
        println!("{calls} calls of {len}: {} MiB at most", meter.peak() / MIB);
        // The callers share one buffer, which is not copied.
        assert!(meter.peak() < 64 * MIB + 3 * len, "{} MiB", meter.peak() / MIB);
        assert!(outcomes.iter().all(Result::is_ok), "{:?}", outcomes.iter().find(|o| o.is_err()));
    }
}

/// More answers at once than one peer may make a node hold.
#[tokio::test(start_paused = true)]
async fn large_answers_wait_for_the_peer() {
    let _alone = alone().await;
    let (_network, a, _b) = nodes(&EXTENSIONS).await;
    let client = WorkClient::new(a.connection(B).unwrap());
    let meter = Meter::start();
    let outcomes = join_all((0..200).map(|_| async {
        let answer = client.load(MIB as u32).await?;
        Ok::<_, grid::CallError>(answer.len())
    }))
    .await;
    println!("200 answers of a MiB: {} MiB at most", meter.peak() / MIB);
    // All answers exist at the same time, as the handlers end together.
    assert!(meter.peak() < 264 * MIB);
    assert!(outcomes.iter().all(Result::is_ok), "{:?}", outcomes.iter().find(|o| o.is_err()));
}

/// Handlers and callers keep more of what they have received than one peer may make a node hold.
#[tokio::test(start_paused = true)]
async fn what_users_keep_counts_for_no_peer() {
    let _alone = alone().await;
    // Large, two in a merged message, and many in one.
    let mut config = Config::default();
    config.bytes_per_peer_max = 8 * MIB;
    config.message_bytes_max = 2 * MIB;
    for len in [MIB, 12 << 10, 1000] {
        let (_network, a, b) = pair(|builder| {
            builder.service(WorkServer::new(Node::default())).config(config.clone())
        })
        .await;
        let client = WorkClient::new(a.connection(B).unwrap());
        let count = 12 * MIB / len;
        let mut kept = Vec::new();
        for _ in 0..count.div_ceil(4) {
            let answers = join_all((0..4).map(|_| client.keep(payload(len)))).await;
            kept.extend(answers.into_iter().map(|answer| answer.expect("an answer")));
        }
        let (mut input, output) = client.keep_all().await.unwrap();
        let items = tokio::spawn(output.collect::<Vec<_>>());
        for _ in 0..count {
            input.send(payload(len)).await.expect("room for an item");
        }
        drop(input);
        let items = items.await.unwrap();
        assert_eq!(items.iter().filter(|item| item.is_ok()).count(), count);
        println!("{count} of {len} bytes are kept four times");
        drop((kept, items, a, b));
    }
}

/// Streams with the default capacities, of which nobody reads the items for a while.
#[tokio::test(start_paused = true)]
async fn full_streams_of_small_items_fit() {
    let _alone = alone().await;
    let (_network, a, _b) = nodes(&EXTENSIONS).await;
    let client = WorkClient::new(a.connection(B).unwrap());
    for len in [4, 512] {
        let meter = Meter::start();
        let item = payload(len);
        let streams = join_all((0..500).map(|_| async {
            let (mut input, output) = client.relay().await.unwrap();
            let item = item.clone();
            tokio::spawn(async move {
                for _ in 0..400 {
                    input.send(item.clone()).await.unwrap();
                }
            });
            output
        }))
        .await;
        sleep(Duration::from_secs(1)).await;
        println!("500 full streams of {len}: {} MiB at most", meter.peak() / MIB);
        let counts = stream::iter(streams).map(|output| {
            output
                .filter(|item| {
                    let is_ok = item.is_ok();
                    async move { is_ok }
                })
                .count()
        });
        let counts: Vec<_> = counts.buffer_unordered(500).collect().await;
        assert_eq!(counts, vec![400; 500]);
    }
}
