//! One node: a process with the library of `kv`, on a disk that the supervisor can break.

use std::io::{self, BufRead as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use grid::SharedSecret;
use grid_kv::node::{Node, Peer, Settings, guests};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::disk::Disk;
use crate::message::{Order, Report, Setup};
use crate::site::{self, ThroughProxy};

/// Worker threads: few enough for five nodes on two cores.
const WORKERS: usize = 2;

/// How long a node that shuts down lets calls finish.
const GRACE: Duration = Duration::from_secs(3);

/// The process of a node. Ends with the order to shut down, with its raft, or with the supervisor.
pub(crate) fn main() -> io::Result<()> {
    // A stopped node would outlive a supervisor that was killed.
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    // As of the program `kv`: openraft warns of each heartbeat to a node that is down.
    let targets = Targets::new().with_default(LevelFilter::INFO);
    let targets = targets.with_target("openraft", LevelFilter::ERROR);
    let log = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(io::stderr);
    tracing_subscriber::registry().with(targets).with(log).init();
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    let setup: Setup = serde_json::from_str(&line)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()?;
    let result = runtime.block_on(run(setup));
    // Its thread may wait for a line, and is not waited for.
    runtime.shutdown_background();
    result
}

fn settings(setup: &Setup, disk: &Arc<Disk>) -> Settings {
    let is_first = setup.first.contains(&setup.id);
    let ids = setup.first.iter().copied().chain((!is_first).then_some(setup.id));
    let peers = ids.map(|id| Peer { id, name: site::name(id) }).collect();
    Settings {
        join: !is_first,
        files: Arc::clone(disk) as Arc<_>,
        snapshot_entries: setup.snapshot_entries,
        ..Settings::new(site::name(setup.id), peers, &setup.data)
    }
}

async fn run(setup: Setup) -> io::Result<()> {
    let disk = Arc::new(Disk::new(setup.seed, setup.lies));
    let settings = settings(&setup, &disk);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let node = Node::build(&settings, |builder| {
        let builder = builder.token(SharedSecret::new(site::NODES_SECRET));
        let builder = builder.dial_with(ThroughProxy(setup.ports.clone()));
        guests(builder, Some(site::CLIENTS_SECRET), Some(site::OPERATORS_SECRET), |operators| {
            operators
        })
    });
    let node = node.await.map_err(io::Error::other)?;
    tokio::spawn(node.manager().serve(listener));
    report(Report::Listening(port))?;
    tokio::select! {
        result = obey(&disk) => result?,
        error = ended(&node) => return Err(error),
    }
    node.shutdown(GRACE).await;
    Ok(())
}

fn report(report: Report) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(&report)?)?;
    out.flush()
}

/// Does what the supervisor orders, until it orders to shut down.
async fn obey(disk: &Disk) -> io::Result<()> {
    let mut orders = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = orders.next_line().await? {
        match serde_json::from_str(&line)? {
            Order::WriteBack => {
                disk.write_back()?;
                report(Report::WrittenBack)?;
            }
            Order::FillDisk => {
                tracing::info!("the disk is full");
                disk.fill();
            }
            Order::Shutdown => return Ok(()),
        }
    }
    Ok(())
}

/// Waits until the raft has ended by itself, which it does when the disk fails.
async fn ended(node: &Node) -> io::Error {
    let failed = |metrics: &openraft::RaftMetrics<_>| metrics.running_state.is_err();
    match node.raft().wait(None).metrics(failed, "the raft ends").await {
        Ok(metrics) => io::Error::other(format!("the raft has ended: {:?}", metrics.running_state)),
        Err(error) => io::Error::other(error),
    }
}
