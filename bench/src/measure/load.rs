//! The loops that put a client under load.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::cell::{BULK_BYTES, BULK_WIDTH, SMALL_BYTES, Small, Work, payload};
use crate::clock::{Clock, Tally};
use crate::error::Result;
use crate::peers::Client;

/// The work `busy`: as much as fills about half of two processors.
const BUSY_CALLERS: usize = 4;
const BUSY_STREAMS: usize = 16;
const CALL_PAUSE: Duration = Duration::from_millis(1);
const ITEM_PAUSE: Duration = Duration::from_millis(2);
const BULK_PAUSE: Duration = Duration::from_millis(10);

/// Latencies of one task in ns. A list, because a histogram for each of hundreds of tasks would fill the caches and
/// slow down the contenders.
pub(crate) type Latencies = Vec<u32>;

/// The tasks of a load.
pub(crate) type Tasks = JoinSet<Result<Latencies>>;

/// Starts the tasks of a work. They run until the clock stops them.
pub(crate) fn spawn<C: Client>(client: &C, work: Work, width: u32, clock: &mut Clock) -> Tasks {
    let mut tasks = Tasks::new();
    match work {
        Work::Unary => echoes(&mut tasks, client, SMALL_BYTES, || clock.main(), width),
        Work::Bulk => echoes(&mut tasks, client, BULK_BYTES, || clock.main(), width),
        Work::Struct => {
            (0..width).for_each(|_| drop(tasks.spawn(structs(client.clone(), clock.main()))))
        }
        Work::Stream => {
            let (client, tally) = (client.clone(), clock.main());
            tasks.spawn(async move { client.stream(tally).await.map(|()| Latencies::new()) });
        }
        Work::TwoWay => {
            let (client, tally) = (client.clone(), clock.main());
            tasks.spawn(async move { client.two_way(tally).await.map(|()| Latencies::new()) });
        }
        Work::Mixed => {
            echoes(&mut tasks, client, SMALL_BYTES, || clock.main(), 1);
            for _ in 0..BULK_WIDTH {
                let beside = echo(client.clone(), BULK_BYTES, clock.side());
                // The latencies of large echoes are not reported.
                tasks.spawn(async move { beside.await.map(|_| Latencies::new()) });
            }
        }
        Work::Busy => {
            for _ in 0..BUSY_CALLERS {
                tasks.spawn(paced(client.clone(), SMALL_BYTES, CALL_PAUSE, clock.main()));
            }
            let beside = paced(client.clone(), BULK_BYTES, BULK_PAUSE, clock.side());
            tasks.spawn(async move { beside.await.map(|_| Latencies::new()) });
            for _ in 0..BUSY_STREAMS {
                // Items are not counted, as their pace is given.
                let (client, tally) = (client.clone(), clock.uncounted());
                tasks.spawn(async move {
                    client.paced_stream(tally, ITEM_PAUSE).await.map(|()| Latencies::new())
                });
            }
        }
        Work::Fan | Work::Links => unreachable!("nodes.rs runs these"),
    }
    tasks
}

fn echoes<C: Client>(
    tasks: &mut Tasks,
    client: &C,
    len: usize,
    mut tally: impl FnMut() -> Tally,
    width: u32,
) {
    for _ in 0..width {
        tasks.spawn(echo(client.clone(), len, tally()));
    }
}

/// Calls the echo again and again.
pub(crate) async fn echo<C: Client>(client: C, len: usize, tally: Tally) -> Result<Latencies> {
    let mut latencies = Latencies::new();
    let payload = payload(len);
    let mut asked = Instant::now();
    while !tally.is_over() {
        let answered = client.echo(payload.clone()).await?;
        if answered != len {
            return Err("the answer and the request differ in length".into());
        }
        asked = note(&tally, &mut latencies, asked);
    }
    Ok(latencies)
}

/// Calls the echo with a pause after each answer. The latency does not include the pause.
async fn paced<C: Client>(
    client: C,
    len: usize,
    pause: Duration,
    tally: Tally,
) -> Result<Latencies> {
    let mut latencies = Latencies::new();
    let payload = payload(len);
    while !tally.is_over() {
        tokio::time::sleep(pause).await;
        let asked = Instant::now();
        client.echo(payload.clone()).await?;
        note(&tally, &mut latencies, asked);
    }
    Ok(latencies)
}

async fn structs<C: Client>(client: C, tally: Tally) -> Result<Latencies> {
    let mut latencies = Latencies::new();
    let small = Small::example();
    let mut asked = Instant::now();
    while !tally.is_over() {
        let answered = client.small(small.clone()).await?;
        if answered.id != small.id {
            return Err("the answer has a different id".into());
        }
        asked = note(&tally, &mut latencies, asked);
    }
    Ok(latencies)
}

/// Counts one call and returns the time at which the next one begins.
pub(crate) fn note(tally: &Tally, latencies: &mut Latencies, asked: Instant) -> Instant {
    let now = Instant::now();
    if tally.is_measuring() {
        latencies.push(u32::try_from((now - asked).as_nanos()).unwrap_or(u32::MAX));
    }
    tally.one();
    now
}
