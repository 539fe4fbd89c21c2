//! The commands that ask a running node: `ls`, `cat`, `search` with `--via`.
//!
//! A console is on no host list: it is a guest of its node.

use std::{error::Error, time::Duration};

use grid::{CallError, Guest};
use tokio::time::timeout;

use crate::{
    cli::{Command, Source, rel_path},
    cluster,
    error::FilesError,
    out::Out,
    print::Printer,
    service::{AskClient, SearchRequest, WalkRequest},
};

/// Time-out for a node that does not answer at all, for instance behind a firewall.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// Connects to the node and runs `command` on it.
pub(crate) async fn run(
    source: &Source,
    command: &Command,
    out: &mut Printer,
) -> Result<(), Box<dyn Error>> {
    let node = source.whom.via.as_deref().ok_or("--via is missing")?;
    let secret = source.secret.token.as_deref();
    let console = Guest::builder(node).configure(|builder| cluster::authenticated(builder, secret));
    let guest = timeout(CONNECT_MAX, console.connect())
        .await
        .map_err(|_| format!("no connection to {node} within {} s", CONNECT_MAX.as_secs()))??;
    let ask_node = AskClient::new(guest.connection());
    let done = ask(&ask_node, source.node.clone(), command, out).await;
    guest.shutdown(Duration::ZERO).await;
    done.map_err(Into::into)
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
