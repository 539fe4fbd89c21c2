//! Three nodes and three scripted users in one process. Each step waits until every user has read its line, so the
//! transcript is the same each time.

use std::error::Error;
use std::time::Duration;

use grid::{RemoteError, Requests, Responses, SharedSecret};
use tokio::time::timeout;

use super::line::Line;
use super::node::ChatNode;
use super::room::Listener;
use crate::local;

type Failure = Box<dyn Error + Send + Sync>;

/// Time-out of each step. Far longer than any step takes: it turns a hanging demo into an error that names the step.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs the demo and prints the transcript.
///
/// # Errors
/// Fails if a node or a call fails, or if a line differs from the script.
pub async fn demo() -> Result<(), Failure> {
    let seats = local::Seat::take(3)?;
    let names: Vec<_> = seats.iter().map(|seat| seat.name().to_owned()).collect();
    let (n1, n2, n3) =
        (start(&seats[0], &names)?, start(&seats[1], &names)?, start(&seats[2], &names)?);
    wait_for_all([&n1, &n2, &n3]).await?;
    println!("three nodes are connected");
    let mut stage =
        Stage { names: &names, walls: [&n1, &n2, &n3].map(|node| node.room().listen()).into() };

    let mut ann = User::join("ann", &n1).await?;
    stage.read([&mut ann], "* ann@node1 has joined").await?;
    let mut ben = User::join("ben", &n2).await?;
    stage.read([&mut ann, &mut ben], "* ben@node2 has joined").await?;
    let mut cat = User::join("cat", &n3).await?;
    stage.read([&mut ann, &mut ben, &mut cat], "* cat@node3 has joined").await?;

    ann.say("hello, everybody").await?;
    stage.read([&mut ann, &mut ben, &mut cat], "ann@node1: hello, everybody").await?;
    cat.say("hello, ann, I have to restart my node").await?;
    stage
        .read([&mut ann, &mut ben, &mut cat], "cat@node3: hello, ann, I have to restart my node")
        .await?;

    cat.leave();
    stage.read([&mut ann, &mut ben], "* cat@node3 has left").await?;
    stage.walls.truncate(2);
    n3.shutdown().await;
    stage.read([&mut ann, &mut ben], "* node3 is not connected any more").await?;
    ben.say("shall we wait?").await?;
    stage.read([&mut ann, &mut ben], "ben@node2: shall we wait?").await?;

    let n3 = start(&seats[2], &names)?;
    stage.read([&mut ann, &mut ben], "* node3 is connected").await?;
    wait_for_all([&n1, &n2, &n3]).await?;
    stage.walls.push(n3.room().listen());
    let mut cat = User::join("cat", &n3).await?;
    stage.read([&mut ann, &mut ben, &mut cat], "* cat@node3 has joined").await?;
    cat.say("did I miss something?").await?;
    stage.read([&mut ann, &mut ben, &mut cat], "cat@node3: did I miss something?").await?;

    for node in [&n1, &n2, &n3] {
        node.shutdown().await;
    }
    println!("the end");
    Ok(())
}

fn start(seat: &local::Seat, names: &[String]) -> Result<ChatNode, Failure> {
    let node = ChatNode::start(seat.name(), |builder| {
        builder.hosts(names).token(SharedSecret::new("correct horse"))
    })?;
    tokio::spawn(node.manager().serve(seat.listener()?));
    Ok(node)
}

async fn wait_for_all(nodes: [&ChatNode; 3]) -> Result<(), Failure> {
    for node in nodes {
        timeout(PATIENCE, node.room().reached().wait_for(|reached| reached.len() == 2)).await??;
    }
    Ok(())
}

/// What the lines of the script are compared with.
struct Stage<'a> {
    names: &'a [String],
    /// One listener in each node's room. Waiting for it ensures that a line has arrived before another user enters.
    walls: Vec<Listener<'a>>,
}

impl Stage<'_> {
    /// Waits until all nodes and these users have received a line, then prints it.
    async fn read<const N: usize>(
        &mut self,
        users: [&mut User; N],
        expected: &str,
    ) -> Result<(), Failure> {
        for wall in &mut self.walls {
            check("a room", self.names, timeout(PATIENCE, wall.next()).await?, expected)?;
        }
        let mut readers = Vec::new();
        for user in users {
            let line = timeout(PATIENCE, user.screen.next()).await?;
            let line = line.ok_or_else(|| format!("{}'s stream ended", user.name))??;
            check(&user.name, self.names, line, expected)?;
            readers.push(&*user.name);
        }
        println!("{expected:<60} (read by {})", readers.join(", "));
        Ok(())
    }
}

/// Compares a line, with the nodes' names replaced by fixed ones.
fn check(reader: &str, names: &[String], line: Line, expected: &str) -> Result<(), Failure> {
    let line = names.iter().enumerate().fold(line.to_string(), |line, (number, name)| {
        line.replace(name, &format!("node{}", number + 1))
    });
    if line != expected {
        return Err(format!("{reader} has {line:?} instead of {expected:?}").into());
    }
    Ok(())
}

/// A scripted user.
struct User {
    name: String,
    said: Requests<String>,
    screen: Responses<Line, RemoteError>,
}

impl User {
    async fn join(name: &str, node: &ChatNode) -> Result<Self, Failure> {
        let (said, screen) = node.join(name).await?;
        Ok(Self { name: name.to_owned(), said, screen })
    }

    async fn say(&mut self, text: &str) -> Result<(), Failure> {
        Ok(self.said.send(text.to_owned()).await?)
    }

    fn leave(self) {
        drop(self);
    }
}
