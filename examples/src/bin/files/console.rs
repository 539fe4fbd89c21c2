//! The commands that ask a running node: `ls`, `cat`, `search` with `--via`.
//!
//! A node connects only to the hosts in its list, and the hash of two names decides which of them dials. A console
//! cannot be dialed, so it needs a name that its node has in its list and that makes the console the dialer. Node and
//! console compute such names: of `http://console-0.invalid:1`, `http://console-1.invalid:1`, … the first [`CONSOLES`]
//! that dial the node are its consoles. (`.invalid` is a reserved domain, so these are not names of real hosts.) Each
//! name has one connection, so consoles that run at the same time need different names: the process id selects one.

use std::{error::Error, process, time::Duration};

use grid::{CallError, Connection, NotConnected, State};
use tokio::time::timeout;

use crate::{
    cli::{Command, Source, rel_path},
    cluster,
    error::FilesError,
    out::Out,
    print::Printer,
    service::{AskClient, SearchRequest, WalkRequest},
};

/// Number of console names in a node's list. Much larger than the number of consoles at a time, because two with the
/// same name close each other's connection.
const CONSOLES: usize = 64;

/// Time-out for a node that does not answer at all, for instance behind a firewall.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// The names under which consoles connect to `node`.
pub(crate) fn names(node: &str) -> impl Iterator<Item = String> {
    (0u32..)
        .map(|i| format!("http://console-{i}.invalid:1"))
        .filter(|name| grid::dials(name, node))
        .take(CONSOLES)
}

/// Connects to the node and runs `command` on it.
pub(crate) async fn run(
    source: &Source,
    command: &Command,
    out: &mut Printer,
) -> Result<(), Box<dyn Error>> {
    let node = source.whom.via.as_deref().ok_or("--via is missing")?;
    let name = names(node).nth(process::id() as usize % CONSOLES).ok_or("no console name")?;
    let manager =
        cluster::builder(&name, [&*name, node], source.secret.token.as_deref()).build()?;
    let connection = manager.connection(node)?;
    connect(&connection).await?;
    let done = ask(&AskClient::new(connection), source.node.clone(), command, out).await;
    manager.shutdown(Duration::ZERO).await;
    done.map_err(Into::into)
}

/// Waits for the outcome of the first attempt to connect. A later one may succeed, but an interactive command should
/// fail at once.
async fn connect(connection: &Connection) -> Result<(), NotConnected> {
    let states = connection.states();
    let answer = states.wait_for(|state| state.is_connected() || matches!(state, State::Error(_)));
    let _ = timeout(CONNECT_MAX, answer).await;
    connection.wait_connected(Duration::ZERO).await
}

/// Prints a stream until it ends or stdout is closed (`| head`). Dropping the stream then stops all nodes.
async fn ask(
    ask: &AskClient,
    nodes: Vec<String>,
    command: &Command,
    out: &mut Printer,
) -> Result<(), CallError<FilesError>> {
    match command {
        Command::Demo(_) | Command::Node(_) => {}
        Command::Ls(args) => {
            let mut entries =
                ask.walk_all(nodes, WalkRequest { path: rel_path(&args.path) }).await?;
            while let Some(entry) = entries.next().await {
                if out.put(entry?).is_break() {
                    break;
                }
            }
        }
        Command::Search(args) => {
            let (pattern, dialect) = (args.pattern.clone(), args.dialect());
            let request = SearchRequest { pattern, dialect, path: rel_path(&args.path) };
            let mut hits = ask.search_all(nodes, request).await?;
            while let Some(hit) = hits.next().await {
                if out.put(hit?).is_break() {
                    break;
                }
            }
        }
        Command::Cat(args) => {
            let mut parts = ask.cat(nodes, rel_path(&args.path)).await?;
            while let Some(part) = parts.next().await {
                if out.raw(&part?).is_break() {
                    break;
                }
            }
        }
    }
    Ok(())
}
