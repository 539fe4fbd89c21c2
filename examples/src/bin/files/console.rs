//! The commands that ask a running node: `ls`, `cat`, `search` with `--via`.
//!
//! A node talks only to the hosts in its list, and of each two the hash of their names says which one dials. So a console
//! needs a name that its node knows and for which that rule says "the console dials", since nobody could dial a console.
//! Both sides work it out: of `http://console-0.invalid:1`, `http://console-1.invalid:1`, … the first [`CONSOLES`] for
//! which the rule says so are the node's consoles, and every node has them in its list. (`.invalid` is reserved: no real
//! host is ever called that.) One name is one connection: `--console N` takes another for a second console meanwhile.

use std::{error::Error, time::Duration};

use futures_util::StreamExt;
use grid::CallError;

use crate::{
    cli::{Command, Source, rel_path},
    cluster,
    error::FilesError,
    out::Out,
    print::Printer,
    service::{AskClient, SearchRequest, WalkRequest},
};

/// Console names that a node knows.
pub(crate) const CONSOLES: u8 = 8;

/// How long to wait for the node to answer at all.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// The names under which consoles connect to `node`.
pub(crate) fn names(node: &str) -> impl Iterator<Item = String> {
    (0u32..)
        .map(|i| format!("http://console-{i}.invalid:1"))
        .filter(|name| grid::dials(name, node))
        .take(CONSOLES.into())
}

/// Connects to the node and has it do what `command` says.
pub(crate) async fn run(
    source: &Source,
    command: &Command,
    out: &mut Printer,
) -> Result<(), Box<dyn Error>> {
    let node = source.whom.via.as_deref().ok_or("--via is missing")?;
    let name = names(node)
        .nth(source.console.into())
        .ok_or_else(|| format!("--console is below {CONSOLES}"))?;
    let manager =
        cluster::builder(&name, [&*name, node], source.secret.token.as_deref()).build()?;
    let connection = manager.connection(node)?;
    connection.wait_connected(CONNECT_MAX).await?;
    let done = ask(&AskClient::new(connection), source.node.clone(), command, out).await;
    manager.shutdown(Duration::ZERO).await;
    done.map_err(Into::into)
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
