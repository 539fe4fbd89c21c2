//! One node: a process that serves and calls, and does what the supervisor orders.

mod attempt;
mod callers;
mod handlers;
mod orders;
mod outcome;
mod pulse;
mod reporter;
mod service;
mod shared;
mod single;
mod streams;

use std::io::{self, BufRead};
use std::sync::Arc;
use std::time::Duration;

use grid::{Config, Dial, Dialing, Io, LinkError, Manager, SharedSecret};
use tokio::net::{TcpListener, TcpStream};

use self::callers::Callers;
use self::handlers::Handlers;
use self::orders::Orders;
use self::service::ChaosServer;
use self::shared::Shared;
use crate::message::{Order, Report, Setup, Status};

/// Pings that a test can wait for. A peer that is dead, or stopped for longer than one and a half of it, is noticed after two.
const PING_INTERVAL: Duration = Duration::from_secs(2);

/// A dial into a link that swallows its bytes is given up after this.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a node that shuts down lets calls finish. Long streams outlast it.
const GRACE: Duration = Duration::from_secs(3);

/// Threads for blocking handlers. After a burst, steady calls keep all threads of the pool from ending for want of work, so the
/// default of 64 would make the number of threads depend on the last burst.
const BLOCKING_CALLS_MAX: usize = 8;

/// Worker threads: enough that one can be blocked, few enough for five nodes on two cores.
const WORKERS: usize = 2;

/// The process of a node. Ends with the order to shut down, or with the supervisor.
pub(crate) fn main() -> io::Result<()> {
    // A stopped node would outlive a supervisor that was killed.
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    tracing_subscriber::fmt().with_ansi(false).with_writer(io::stderr).init();
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    let shared = Arc::new(Shared::new(serde_json::from_str(&line)?)?);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()?;
    runtime.block_on(run(&shared))
}

async fn run(shared: &Arc<Shared>) -> io::Result<()> {
    let Setup { names, life, key, .. } = &shared.setup;
    let config = Config::default()
        .ping_interval(PING_INTERVAL)
        .connect_timeout(CONNECT_TIMEOUT)
        .blocking_calls_max(BLOCKING_CALLS_MAX);
    let manager = Manager::builder(&names[usize::from(life.node)])
        .hosts(names.iter().cloned())
        .token(SharedSecret::new(key.to_string()))
        .config(config)
        .dial_with(ThroughProxy(Arc::clone(shared)))
        .service(ChaosServer::new(Handlers::new(Arc::clone(shared))))
        .build()
        .map_err(io::Error::other)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    shared.reporter.report(&Report::Listening(listener.local_addr()?.port()));
    tokio::spawn(manager.serve(listener));
    tokio::spawn(alive(Arc::clone(shared)));
    let callers = Callers::start(shared, &manager).map_err(io::Error::other)?;
    obey(shared, &manager, callers).await;
    Ok(())
}

/// Does what the supervisor orders, until it orders to shut down.
async fn obey(shared: &Shared, manager: &Manager, mut callers: Callers) {
    let mut orders = Orders::read();
    while let Some(order) = orders.next().await {
        match order {
            Order::Pause => {
                callers.finish().await;
                shared.reporter.report(&Report::Paused);
            }
            Order::Status => shared.reporter.report(&Report::Status(status(shared, manager))),
            Order::Round => {
                callers.round().await;
                shared.reporter.report(&Report::RoundOver);
            }
            Order::Shutdown => {
                // The other callers go on until they are told that the node shuts down.
                callers.leave_long_streams();
                manager.shutdown(GRACE).await;
                return;
            }
        }
    }
}

/// Tells the supervisor that this process runs.
async fn alive(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        shared.reporter.report(&Report::Alive);
    }
}

fn status(shared: &Shared, manager: &Manager) -> Status {
    let mut status = Status::default();
    for link in manager.stats().connections {
        if link.state.is_connected() {
            status.connected.extend(shared.node_named(&link.peer));
        }
        status.in_flight_out += link.in_flight_out;
        status.in_flight_in += link.in_flight_in;
        status.queued_bytes += link.queued_bytes;
        status.held_bytes += link.held_bytes;
    }
    status
}

/// Dials other nodes through the supervisor's proxy, under their own names.
struct ThroughProxy(Arc<Shared>);

impl Dial for ThroughProxy {
    fn dial<'a>(&'a self, name: &'a str) -> Dialing<'a> {
        Box::pin(async move {
            let node = self.0.node_named(name).ok_or_else(|| LinkError::resolve("not a node"))?;
            let port = self.0.setup.ports[usize::from(node)];
            let stream = TcpStream::connect(("127.0.0.1", port)).await?;
            grid::tune(&stream)?;
            Ok(Box::new(stream) as Box<dyn Io>)
        })
    }
}
