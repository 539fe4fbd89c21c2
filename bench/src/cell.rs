//! One measurement, in the process that was started for it.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::args::Times;
use crate::clock::{Clock, Tally, Window};
use crate::load::{self, Latencies, Tasks};
use crate::peers::{Contender, Name, contend};
use crate::sample::Sample;
use crate::server::Server;
use crate::work::{Cell, Mode, Work};
use crate::{Result, nodes};

/// Measures, and prints the sample as a line of JSON.
pub(crate) fn main(cell: Cell, times: &Times) -> Result<()> {
    let sample = match cell.work {
        Work::Fan => nodes::fan(cell, times)?,
        Work::Links => nodes::links(cell, times)?,
        _ => contend!(cell.contender, measure(cell, times))?,
    };
    println!("{}", serde_json::to_string(&sample)?);
    Ok(())
}

/// Anywhere on this machine.
pub(crate) async fn listen() -> Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

fn measure<C: Contender>(cell: Cell, times: &Times) -> Result<Sample> {
    let runtime = cell.mode.start()?;
    let (client, server) = runtime.block_on(connect::<C>(cell.contender, cell.mode))?;
    let load = |clock: &mut Clock| load::spawn(&client, cell.work, cell.width, clock);
    run(&runtime, cell, times, server, load)
}

/// Starts the server, here or in a process of its own, and connects to it.
async fn connect<C: Contender>(name: Name, mode: Mode) -> Result<(C::Client, Option<Server>)> {
    let (own, address) = listen().await?;
    if mode.has_server_process() {
        let server = Server::start(name, mode, address)?;
        let client = C::connect(own, server.address).await?;
        return Ok((client, Some(server)));
    }
    let (listener, server) = listen().await?;
    C::serve(listener, address).await?;
    Ok((C::connect(own, server).await?, None))
}

/// Puts the load on, for as long as the clock says.
pub(crate) fn run(
    runtime: &Runtime,
    cell: Cell,
    times: &Times,
    server: Option<Server>,
    load: impl FnOnce(&mut Clock) -> Tasks,
) -> Result<Sample> {
    let mut outcome = None;
    // It counts this thread only: everything in mode `current`, and next to nothing otherwise.
    let allocated = allocation_counter::measure(|| {
        outcome = Some(runtime.block_on(async {
            let mut clock = Clock::default();
            let tasks = load(&mut clock);
            let tallies = clock.tallies();
            let clock_thread = clock.start(times, server);
            let latencies = finish(tasks).await;
            let window = clock_thread.join().map_err(|_| "the clock's thread panicked")?;
            let calls: u64 = tallies.iter().map(Tally::count).sum();
            Ok::<_, crate::Error>((latencies?, window?, calls))
        }));
    });
    let (mut latencies, window, calls) = outcome.ok_or("nothing was run")??;
    let Window { time, main, side, cpu_seconds, server } = window;
    drop(server);
    if main == 0 {
        return Err("nothing was done in time".into());
    }
    latencies.sort_unstable();
    let quantile = |percent: usize| {
        let nanos = latencies.get(latencies.len() * percent / 100)?;
        Some(f64::from(*nanos) / 1000.0)
    };
    Ok(Sample {
        rate: main as f64 / time.as_secs_f64(),
        p50_us: quantile(50),
        p99_us: quantile(99),
        cpu_us: (cell.work != Work::Mixed).then(|| cpu_seconds * 1e6 / main as f64),
        allocs: (cell.mode == Mode::Current && cell.work != Work::Mixed)
            .then(|| allocated.count_total as f64 / calls as f64),
        bulk_rate: (cell.work == Work::Mixed).then(|| side as f64 / time.as_secs_f64()),
        ..Sample::default()
    })
}

/// Waits for all tasks, and puts together what they have seen.
async fn finish(mut tasks: Tasks) -> Result<Latencies> {
    let mut latencies = Latencies::new();
    while let Some(task) = tasks.join_next().await {
        latencies.extend(task??);
    }
    Ok(latencies)
}
