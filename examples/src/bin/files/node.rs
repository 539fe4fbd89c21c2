//! `files node`: one node in its own process.
//!
//! Prints `listening on URL` once it does, and changes of its connections on stderr. Shuts down on SIGINT and SIGTERM.

use std::{
    error::Error,
    io::{self, Write},
    time::Duration,
};

use grid::{Connection, Guests};
use grid_examples::signal::interrupted;
use tokio::net::TcpListener;

use crate::{
    ask::Everybody,
    cli::Node,
    cluster,
    serve::Disk,
    service::{AskServer, FilesServer},
    tree::Tree,
};

/// Time for running calls to finish after the signal.
const GRACE: Duration = Duration::from_secs(2);

/// Consoles that are connected at the same time, see `console`.
const CONSOLES_MAX: usize = 64;

/// Runs until a signal.
pub(crate) async fn run(args: &Node) -> Result<(), Box<dyn Error>> {
    // The library checks this too, but its message would not name the option.
    if !args.hosts.contains(&args.name) {
        return Err(format!("{} is not in --hosts {}", args.name, args.hosts.join(",")).into());
    }
    let disk = Disk::new(Tree::open(&args.dir)?);
    // Bound before the manager dials: a node that is started twice must not replace the connections of the first one.
    let listener = listen(args).await?;
    let hosts = args.hosts.iter().map(String::as_str);
    let manager = cluster::builder(&args.name, hosts, args.secret.token.as_deref())
        .guests(Guests::up_to(CONSOLES_MAX))
        .service(FilesServer::new(disk))
        .service(AskServer::new(Everybody::new(args.hosts.clone())))
        .build()?;

    // Before the line that says that this node is running: from then on a signal must shut it down properly.
    let interrupted = interrupted()?;
    let server = tokio::spawn(manager.serve(listener));
    // Fails if stdout is closed, which is fine.
    let _ = writeln!(io::stdout(), "listening on {}", args.name);
    for name in args.hosts.iter().filter(|name| **name != args.name) {
        tokio::spawn(report(manager.connection(name)?));
    }

    tokio::select! {
        () = interrupted => {}
        ended = server => ended??,
    }
    eprintln!("shutting down");
    manager.shutdown(GRACE).await;
    Ok(())
}

/// Binds the address that the command line says, or else the host and port of the name.
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

/// Prints each change of one peer's state on stderr.
async fn report(connection: Connection) {
    let mut states = connection.states();
    while let Some(state) = states.next().await {
        eprintln!("{}: {state}", connection.peer());
    }
}
