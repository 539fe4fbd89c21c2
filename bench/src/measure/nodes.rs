//! Works with many nodes in one process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use grid::{Group, Manager};
use tokio::runtime::Runtime;
use tokio::time::Instant;

use super::load::{Latencies, Tasks, note};
use super::run::run;
use crate::cell::{Cell, Name, SMALL_BYTES, Times, payload};
use crate::clock::{Clock, Tally};
use crate::error::{Error, Result};
use crate::peers::grid::{BenchClient, name, start};
use crate::peers::{Client, Contender, Listener, listen};
use crate::process::{runtime, usage};
use crate::sample::Sample;

/// Calls in flight over all links together.
const LINKS_IN_FLIGHT: usize = 64;

/// Time-out for connecting all links on a busy machine.
const CONNECT: Duration = Duration::from_secs(60);

/// Calls to each node before the measurement. A node of grid knows a method after 64 calls, and is slower until then.
const FIRST_CALLS: usize = 64;

/// Pause after all links are connected, in which memory that connecting needed is freed.
const SETTLE: Duration = Duration::from_millis(500);

/// A hub and the nodes around it.
struct Nodes {
    clients: Vec<BenchClient>,
    /// Keeps the nodes alive.
    _managers: Vec<Manager>,
}

async fn connect(count: u32) -> Result<Nodes> {
    let hub = listen().await?;
    let hub_address = hub.address;
    let mut others = Vec::new();
    for _ in 0..count {
        others.push(listen().await?);
    }
    let addresses: Vec<SocketAddr> =
        others.iter().map(|listener: &Listener| listener.address).collect();
    let mut managers = Vec::new();
    for listener in others {
        managers.push(start(listener, &[hub_address])?);
    }
    let hub = start(hub, &addresses)?;
    let mut clients = Vec::new();
    for address in addresses {
        let connection = hub.connection(&name(address))?;
        connection.wait_connected(CONNECT).await?;
        let client = BenchClient::new(connection);
        // One call, so that the buffers of both ends are allocated.
        client.echo(payload(SMALL_BYTES)).await?;
        clients.push(client);
    }
    managers.push(hub);
    Ok(Nodes { clients, _managers: managers })
}

/// Runs rounds, each of which calls all nodes and waits for all answers. Latencies are of rounds, the rate is of calls.
pub(crate) fn fan(cell: Cell, times: &Times) -> Result<Sample> {
    usage::raise_file_limit()?;
    let runtime = runtime(cell.mode)?;
    let nodes = runtime.block_on(connect(cell.width))?;
    let clients = nodes.clients.clone();
    match cell.contender {
        Name::GridGroup => {
            runtime.block_on(warm_up(&clients))?;
            let group = Group::new(clients.iter().map(|client| client.connection().clone()));
            run_rounds(&runtime, cell, times, move || ask(group.clone()))
        }
        _ => run_calls(&runtime, cell, times, clients),
    }
}

/// A round with a group.
async fn ask(group: Group) -> Result<()> {
    let answers = group.call(BenchClient::ECHO, (payload(SMALL_BYTES),)).all().await;
    answers.into_iter().try_for_each(|answer| Ok(answer.result.map(drop)?))
}

/// The same for a contender that has clients and servers instead of nodes: one client for each of many servers.
pub(crate) fn fan_of<C: Contender>(cell: Cell, times: &Times) -> Result<Sample> {
    usage::raise_file_limit()?;
    let runtime = runtime(cell.mode)?;
    let clients = runtime.block_on(async {
        let mut clients = Vec::new();
        for _ in 0..cell.width {
            let (own, server) = (listen().await?, listen().await?);
            let address = server.address;
            C::serve(server, own.address).await?;
            let client = C::connect(own, address).await?;
            client.echo(payload(SMALL_BYTES)).await?;
            clients.push(client);
        }
        Ok::<_, Error>(clients)
    })?;
    run_calls(&runtime, cell, times, clients)
}

/// Runs rounds, each of which makes a call for each client.
fn run_calls<C: Client>(
    runtime: &Runtime,
    cell: Cell,
    times: &Times,
    clients: Vec<C>,
) -> Result<Sample> {
    runtime.block_on(warm_up(&clients))?;
    let clients: Arc<[C]> = clients.into();
    run_rounds(runtime, cell, times, move || {
        let clients = Arc::clone(&clients);
        async move {
            let calls = clients.iter().map(|client| C::echo(client, payload(SMALL_BYTES)));
            try_join_all(calls).await.map(drop)
        }
    })
}

fn run_rounds<F: Future<Output = Result<()>> + Send + 'static>(
    runtime: &Runtime,
    cell: Cell,
    times: &Times,
    round: impl Fn() -> F + Send + 'static,
) -> Result<Sample> {
    run(runtime, cell, times, None, |clock: &mut Clock| {
        let mut tasks = Tasks::new();
        tasks.spawn(rounds(cell.width, round, clock.main()));
        tasks
    })
}

/// Calls each node a few times, as the time of the usual warm-up is not enough for many nodes.
async fn warm_up<C: Client>(clients: &[C]) -> Result<()> {
    for client in clients {
        let calls = (0..FIRST_CALLS).map(|_| C::echo(client, payload(SMALL_BYTES)));
        try_join_all(calls).await?;
    }
    Ok(())
}

async fn rounds<F: Future<Output = Result<()>>>(
    nodes: u32,
    round: impl Fn() -> F,
    tally: Tally,
) -> Result<Latencies> {
    let mut latencies = Latencies::new();
    let mut asked = Instant::now();
    while !tally.is_over() {
        round().await?;
        for _ in 1..nodes {
            tally.one();
        }
        asked = note(&tally, &mut latencies, asked);
    }
    Ok(latencies)
}

/// Connects many nodes, measures the memory of an idle link, then calls over all links in turn.
pub(crate) fn links(cell: Cell, times: &Times) -> Result<Sample> {
    usage::raise_file_limit()?;
    let runtime = runtime(cell.mode)?;
    // Allocations that the first link makes for all must not be counted.
    let first = runtime.block_on(connect(1))?;
    let before = usage::resident_bytes()?;
    let began = Instant::now();
    let (nodes, heap) = connect_counted(&runtime, cell.width)?;
    let connected = began.elapsed();
    runtime.block_on(async { tokio::time::sleep(SETTLE).await });
    let resident = usage::resident_bytes()? - before;
    let kib_per_end = |bytes: f64| Some(bytes / 1024.0 / f64::from(cell.width) / 2.0);
    runtime.block_on(warm_up(&nodes.clients))?;
    let sample = run(&runtime, cell, times, None, |clock: &mut Clock| {
        let mut tasks = Tasks::new();
        for task in 0..LINKS_IN_FLIGHT {
            tasks.spawn(in_turn(nodes.clients.clone(), task, clock.main()));
        }
        tasks
    })?;
    drop(first);
    Ok(Sample {
        link_kib: kib_per_end(resident),
        link_heap_kib: sample.allocs.and_then(|_| kib_per_end(heap as f64)),
        connect_ms: Some(connected.as_secs_f64() * 1000.0),
        ..sample
    })
}

/// Connects the nodes. Also returns the bytes of the heap that this thread has allocated and not freed.
fn connect_counted(runtime: &Runtime, count: u32) -> Result<(Nodes, i64)> {
    let mut nodes = None;
    let allocated = allocation_counter::measure(|| {
        nodes = Some(runtime.block_on(async {
            let nodes = connect(count).await;
            tokio::time::sleep(SETTLE).await;
            nodes
        }));
    });
    Ok((nodes.ok_or("the load was not run")??, allocated.bytes_current))
}

async fn in_turn(clients: Vec<BenchClient>, first: usize, tally: Tally) -> Result<Latencies> {
    let mut latencies = Latencies::new();
    let mut asked = Instant::now();
    // If there are enough links, each task has its own part of them.
    for client in clients.iter().cycle().skip(first).step_by(LINKS_IN_FLIGHT) {
        client.echo(payload(SMALL_BYTES)).await?;
        asked = note(&tally, &mut latencies, asked);
        if tally.is_over() {
            break;
        }
    }
    Ok(latencies)
}
