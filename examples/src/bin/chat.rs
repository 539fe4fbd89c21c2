//! A chat of several nodes: `chat demo` shows it in one process, `chat node` is one node with one user.

use std::error::Error;

use clap::{Parser, Subcommand};
use grid::{Guests, SharedSecret};
use grid_examples::chat::{ChatNode, demo};
use grid_examples::signal::interrupted;
use tokio::io::{AsyncBufReadExt, BufReader, stdin};
use tokio::net::TcpListener;

type Failure = Box<dyn Error + Send + Sync>;

/// A chat of several nodes.
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs three nodes and three users in this process, and prints what they read.
    Demo,
    /// Runs one node with one user, whose texts are read from standard input. Ends with the input.
    Node(Node),
}

#[derive(clap::Args)]
struct Node {
    /// Name of this node, a URL such as http://127.0.0.1:7001.
    #[arg(long)]
    name: String,
    /// Names of all nodes, this one included.
    #[arg(long, value_delimiter = ',', required = true)]
    hosts: Vec<String>,
    /// Address to listen on, if not the host and port of the name.
    #[arg(long)]
    listen: Option<String>,
    /// The shared secret of all nodes.
    #[arg(long, default_value = "correct horse")]
    secret: String,
    /// Name of the user.
    #[arg(long)]
    user: String,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    match Args::parse().command {
        Command::Demo => demo().await,
        Command::Node(node) => run(node).await,
    }
}

async fn run(args: Node) -> Result<(), Failure> {
    let Node { name, hosts, listen, secret, user } = args;
    let listen = listen.as_deref().or(name.split_once("://").map(|(_, address)| address));
    let listener = TcpListener::bind(listen.unwrap_or(&name)).await?;
    let node = ChatNode::start(&name, |builder| {
        // Guests such as the command `grid`, with the same secret.
        builder.hosts(hosts).token(SharedSecret::new(secret)).guests(Guests::up_to(16))
    })?;
    tokio::spawn(node.manager().serve(listener));

    let interrupted = interrupted()?;
    tokio::pin!(interrupted);
    let (mut said, mut screen) = node.join(&user).await?;
    let mut typed = BufReader::new(stdin()).lines();
    loop {
        tokio::select! {
            line = screen.next() => match line {
                Some(line) => println!("{}", line?),
                None => break,
            },
            () = &mut interrupted => break,
            text = typed.next_line() => match text? {
                Some(text) => said.send(text).await?,
                None => break,
            },
        }
    }
    // Waits until the handler has read the end of the input, so that other users see that this one has left.
    drop(said);
    while let Some(Ok(_)) = screen.next().await {}
    node.shutdown().await;
    Ok(())
}
