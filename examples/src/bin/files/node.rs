//! `files node`: one node as a process of its own.
//!
//! Prints `listening on URL` once it does, what becomes of its peers on stderr, and shuts down on SIGINT and SIGTERM.

use std::{
    error::Error,
    io::{self, Write},
    time::Duration,
};

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
const GRACE: Duration = Duration::from_secs(2);

/// Runs until a signal.
pub(crate) async fn run(args: &Node) -> Result<(), Box<dyn Error>> {
    // The library would say so too, but would list the consoles' names as well.
    if !args.hosts.contains(&args.name) {
        return Err(format!("{} is not in --hosts {}", args.name, args.hosts.join(",")).into());
    }
    let disk = Disk::new(Tree::open(&args.dir)?);
    // Bound before the manager dials anyone: a node that is started twice must not take the first one's connections.
    let listener = listen(args).await?;
    let consoles: Vec<String> = console::names(&args.name).collect();
    let hosts = args.hosts.iter().chain(&consoles).map(String::as_str);
    let everybody = Everybody::default();
    let manager = cluster::builder(&args.name, hosts, args.secret.token.as_deref())
        .service(FilesServer::new(disk))
        .service(AskServer::new(everybody.clone()))
        .build()?;
    let nodes = args.hosts.iter().map(|name| Peer::new(&manager, name));
    everybody.meet(nodes.collect::<Result<_, _>>()?);

    // Before anyone is told that this node runs: a signal from now on ends it gently.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let server = tokio::spawn({
        let manager = manager.clone();
        async move { manager.serve(listener).await }
    });
    // Whoever has closed stdout does not want to know.
    let _ = writeln!(io::stdout(), "listening on {}", args.name);
    for name in args.hosts.iter().filter(|name| **name != args.name) {
        tokio::spawn(report(manager.connection(name)?));
    }

    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        ended = server => ended??,
    }
    eprintln!("shutting down");
    manager.shutdown(GRACE).await;
    Ok(())
}

/// Binds where the command line says: at the host and port of the name, if at nothing else.
async fn listen(args: &Node) -> Result<TcpListener, String> {
    let address = match (&args.listen, args.name.split_once("://")) {
        (Some(address), _) => address,
        (None, Some((_scheme, address))) => address,
        (None, None) => {
            let name = &args.name;
            return Err(format!("bad --name {name:?}: a name is a URL such as http://node1:9000"));
        }
    };
    TcpListener::bind(address).await.map_err(|e| format!("cannot listen on {address}: {e}"))
}

/// Says on stderr what becomes of one peer.
async fn report(connection: Connection) {
    let mut states = connection.states();
    while let Some(state) = states.next().await {
        eprintln!("{}: {state}", connection.peer());
    }
}
