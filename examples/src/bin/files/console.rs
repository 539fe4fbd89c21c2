//! The commands that ask a running node: `ls`, `cat`, `search` with `--via`.
//!
//! A node talks only to the hosts in its list, and of each two the hash of their names says which one dials. So a console
//! needs a name that its node knows and for which that rule says "the console dials", since nobody could dial a console.
//! Both sides work it out: of `http://console-0.invalid:1`, `http://console-1.invalid:1`, … the first [`CONSOLES`] for
//! which the rule says so are the node's consoles, and every node has them in its list. (`.invalid` is reserved: no real
//! host is ever called that.) One name is one connection, so consoles that run at the same time must not take the same
//! one: each takes the one that its process id leads to.

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

/// Console names that a node knows: many more than consoles at a time, since two with the same name cut each other off.
const CONSOLES: usize = 64;

/// How long to wait for a node that does not answer at all, as behind a firewall.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// The names under which consoles connect to `node`.
pub(crate) fn names(node: &str) -> impl Iterator<Item = String> {
    (0u32..)
        .map(|i| format!("http://console-{i}.invalid:1"))
        .filter(|name| grid::dials(name, node))
        .take(CONSOLES)
}

/// Connects to the node and has it do what `command` says.
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

/// Waits for the first answer of the node, yes or no. Another attempt may succeed, but who has typed a command should
/// rather know at once.
async fn connect(connection: &Connection) -> Result<(), NotConnected> {
    let states = connection.states();
    let answer = states.wait_for(|state| state.is_connected() || matches!(state, State::Error(_)));
    let _ = timeout(CONNECT_MAX, answer).await;
    connection.wait_connected(Duration::ZERO).await
}

/// Prints what comes until it ends, or stdout does (`| head`): then the stream is dropped, and all nodes stop.
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
