//! Every shape of call at once, on several threads and in real time, while calls are cancelled and connections are cut.
//!
//! For the sanitizers, which see only what a run does (CONTRIBUTING.md has the commands). So there is no paused clock here,
//! which needs a single thread, and what happens differs from run to run. It takes a second, or as many as
//! `GRID_STRESS_SECONDS` says.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

use std::env;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use grid::testing::TestGrid;
use grid::{Config, Incoming, Outgoing};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

const NODES: usize = 3;
/// Of each node.
const CALLERS: usize = 12;
/// Of each caller, so that something happens on a machine that is busy or emulated.
const CALLS_MIN: u32 = 10;
/// Items of a stream: some need several windows.
const ITEMS_MAX: u32 = 300;
/// Of a stream in which each item waits for the one before it. With a sanitizer on a busy machine, each takes a second.
const ROUND_TRIPS_MAX: u32 = 10;
/// A payload above 64 KiB is sent in parts.
const LARGE_MAX: usize = 200 << 10;
/// More than any call takes that is not cancelled, with sanitizers as well, and less than the deadline that calls have.
const PATIENCE: Duration = Duration::from_secs(50);

#[grid::service]
trait Load {
    async fn echo(&self, bytes: Bytes) -> Bytes;
    /// Blocks its thread, so that the watchdog takes the link away.
    async fn block(&self, ms: u64);
    async fn wait(&self, ms: u64);
    async fn count(&self, to: u32) -> impl Stream<Item = u32>;
    async fn sum(&self, input: Incoming<u32>) -> u64;
    #[handler(incoming = 2, outgoing = 2)]
    async fn mirror(&self, input: Incoming<u32>, out: Outgoing<u32>);
}

struct Loaded;

impl Load for Loaded {
    async fn echo(&self, bytes: Bytes) -> Bytes {
        bytes
    }

    async fn block(&self, ms: u64) {
        std::thread::sleep(Duration::from_millis(ms));
    }

    async fn wait(&self, ms: u64) {
        sleep(Duration::from_millis(ms)).await;
    }

    async fn count(&self, to: u32) -> impl Stream<Item = u32> {
        stream::iter(0..to)
    }

    async fn sum(&self, mut input: Incoming<u32>) -> u64 {
        let mut sum = 0;
        while let Some(Ok(item)) = input.next().await {
            sum += u64::from(item);
        }
        sum
    }

    async fn mirror(&self, mut input: Incoming<u32>, mut out: Outgoing<u32>) {
        while let Some(Ok(item)) = input.next().await {
            if out.send(item).await.is_err() {
                break;
            }
        }
    }
}

/// What the callers have done.
#[derive(Default)]
struct Counts {
    done: AtomicU64,
    /// Connections were cut, or the caller has not waited.
    failed: AtomicU64,
}

impl Counts {
    fn add(&self, is_done: bool) {
        let count = if is_done { &self.done } else { &self.failed };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

#[derive(Debug, Clone, Copy)]
enum Shape {
    Small,
    Large,
    Block,
    Wait,
    Post,
    Count,
    Sum,
    Mirror,
}

/// As often as they are listed.
const SHAPES: [Shape; 12] = {
    use Shape::*;
    [Small, Small, Small, Large, Large, Block, Wait, Post, Count, Count, Sum, Mirror]
};

/// Makes one call. Returns whether it has succeeded; a wrong result is a panic.
async fn call(client: &LoadClient, shape: Shape) -> bool {
    let items = rand::random_range(0..ITEMS_MAX);
    match shape {
        Shape::Small => echo(client, items as usize).await,
        Shape::Large => echo(client, rand::random_range(0..LARGE_MAX)).await,
        Shape::Block => client.block(3).await.is_ok(),
        Shape::Wait => client.wait(1).await.is_ok(),
        Shape::Post => client.echo(Bytes::from_static(b"post")).post().is_ok(),
        Shape::Count => count(client, items).await,
        Shape::Sum => sum(client, items).await.is_some(),
        Shape::Mirror => mirror(client, items.min(ROUND_TRIPS_MAX)).await.is_some(),
    }
}

async fn echo(client: &LoadClient, len: usize) -> bool {
    let bytes = Bytes::from(vec![rand::random(); len]);
    client.echo(bytes.clone()).await.is_ok_and(|answer| {
        assert!(answer == bytes, "another answer");
        true
    })
}

async fn count(client: &LoadClient, to: u32) -> bool {
    let Ok(responses) = client.count(to).await else { return false };
    let mut responses = pin!(responses);
    let mut next = 0;
    while let Some(item) = responses.next().await {
        let Ok(item) = item else { return false };
        assert_eq!(item, next, "items are in order");
        next += 1;
    }
    assert_eq!(next, to, "a stream that ends well is complete");
    true
}

async fn sum(client: &LoadClient, items: u32) -> Option<()> {
    let (mut input, reply) = client.sum().await.ok()?;
    let mut expected = 0;
    for item in 0..items {
        input.send(item).await.ok()?;
        expected += u64::from(item);
    }
    drop(input);
    assert_eq!(reply.await.ok()?, expected);
    Some(())
}

async fn mirror(client: &LoadClient, items: u32) -> Option<()> {
    let (mut input, mut output) = client.mirror().await.ok()?;
    for item in 0..items {
        input.send(item).await.ok()?;
        assert_eq!(output.next().await?.ok()?, item);
    }
    Some(())
}

/// Makes calls until the end, but a few at least. One in four is dropped after a moment.
async fn make_calls(from: usize, clients: Vec<LoadClient>, counts: Arc<Counts>, until: Instant) {
    for made in 0.. {
        if made >= CALLS_MIN && Instant::now() >= until {
            break;
        }
        let (to, shape) =
            (rand::random_range(0..NODES), SHAPES[rand::random_range(0..SHAPES.len())]);
        let patience = match rand::random_range(0..4) {
            0 => Duration::from_micros(rand::random_range(0..2000)),
            _ => PATIENCE,
        };
        let done = timeout(patience, call(&clients[to], shape)).await;
        let is_stuck = done.is_err() && patience == PATIENCE;
        assert!(!is_stuck, "{shape:?} from {from} to {to} has no end");
        counts.add(done.unwrap_or(false));
    }
}

/// Ends connections until the end, each in another way.
async fn disturb(grid: &TestGrid, until: Instant) {
    while Instant::now() < until {
        sleep(Duration::from_millis(150)).await;
        let a = rand::random_range(0..NODES);
        let b = (a + 1) % NODES;
        match rand::random_range(0..4) {
            0 => {
                grid.cut(a, b);
                sleep(Duration::from_millis(5)).await;
                grid.heal(a, b);
            }
            1 => {
                grid.freeze(a, b);
                sleep(Duration::from_millis(5)).await;
                grid.heal(a, b);
            }
            _ => grid.reset(a, b),
        }
    }
}

fn duration() -> Duration {
    let seconds = env::var("GRID_STRESS_SECONDS").ok();
    Duration::from_secs(seconds.map_or(1, |seconds| seconds.parse().expect("a number of seconds")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_of_all_shapes_while_connections_are_cut() {
    let grid = TestGrid::builder(NODES)
        .configure(|_, builder| {
            // Little enough that some calls are refused.
            let config = Config::default().bytes_per_peer_max(48 << 20);
            builder.config(config).service(LoadServer::new(Loaded))
        })
        .assertion_timeout(PATIENCE)
        .start();
    grid.all_connected().await;

    let until = Instant::now() + duration();
    let counts = Arc::new(Counts::default());
    let mut callers = JoinSet::new();
    for from in 0..NODES {
        for _ in 0..CALLERS {
            let clients = (0..NODES).map(|to| LoadClient::new(grid.connection(from, to))).collect();
            callers.spawn(make_calls(from, clients, Arc::clone(&counts), until));
        }
    }
    disturb(&grid, until).await;
    while let Some(caller) = callers.join_next().await {
        caller.unwrap();
    }

    grid.heal_all();
    grid.all_connected().await;
    grid.nothing_in_flight().await;
    for (from, to) in (0..NODES).flat_map(|from| (0..NODES).map(move |to| (from, to))) {
        // A connection that was cut at the end may still look as if it were up.
        let (client, end) = (LoadClient::new(grid.connection(from, to)), Instant::now() + PATIENCE);
        while !echo(&client, 10).await {
            assert!(Instant::now() < end, "{from} to {to}");
            sleep(Duration::from_millis(10)).await;
        }
    }
    let (done, failed) =
        (counts.done.load(Ordering::Relaxed), counts.failed.load(Ordering::Relaxed));
    println!("{done} calls have succeeded, {failed} have not");
    assert!(done > 0);
    for node in 0..NODES {
        grid.shutdown(node, Duration::from_secs(10)).await;
    }
}
