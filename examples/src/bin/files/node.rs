//! `files node`: one node as a process of its own.
//!
//! Prints `listening on URL` once it does, what becomes of its peers on stderr, and shuts down on SIGINT and SIGTERM.

use std::{collections::BTreeSet, error::Error, time::Duration};

use grid::Connection;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

use crate::{
    ask::Everybody,
    cli::Node,
    cluster, console,
    peers::Peer,
    serve::Disk,
    service::{AskServer, FilesServer},
    tree::Tree,
};

/// How long calls that are running may go on after the signal.
const GRACE: Duration = Duration::from_secs(5);

/// Runs until a signal.
pub(crate) async fn run(args: &Node) -> Result<(), Box<dyn Error>> {
    let disk = Disk::new(Tree::open(&args.dir)?);
    let nodes: BTreeSet<&str> =
        args.hosts.iter().map(String::as_str).chain([args.name.as_str()]).collect();
    let consoles: Vec<String> = console::names(&args.name).collect();
    let hosts = nodes.iter().copied().chain(consoles.iter().map(String::as_str));
    let everybody = Everybody::default();
    let manager = cluster::builder(&args.name, hosts, args.secret.token.as_deref())
        .service(FilesServer::new(disk))
        .service(AskServer::new(everybody.clone()))
        .build()?;
    everybody.meet(nodes.iter().map(|name| Peer::new(&manager, name)).collect::<Result<_, _>>()?);

    let address = args.listen.as_deref().unwrap_or_else(|| host_and_port(&args.name));
    let listener =
        TcpListener::bind(address).await.map_err(|e| format!("cannot listen on {address}: {e}"))?;
    let server = tokio::spawn({
        let manager = manager.clone();
        async move { manager.serve(listener).await }
    });
    println!("listening on {}", args.name);
    for name in nodes.iter().filter(|name| **name != args.name) {
        tokio::spawn(report((*name).to_owned(), manager.connection(name)?));
    }

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        ended = server => ended??,
    }
    eprintln!("shutting down");
    manager.shutdown(GRACE).await;
    Ok(())
}

/// Where a name of the form `http://host:port` says to listen. Whether it is one the library has checked by now.
fn host_and_port(name: &str) -> &str {
    name.split_once("://").map_or(name, |(_, rest)| rest)
}

/// Says on stderr what becomes of one peer.
async fn report(name: String, connection: Connection) {
    let mut states = connection.states();
    loop {
        eprintln!("{name}: {}", *states.borrow_and_update());
        if states.changed().await.is_err() {
            return;
        }
    }
}
