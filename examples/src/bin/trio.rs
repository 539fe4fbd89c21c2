//! One node of three: it greets the others, and waits for those that are not started yet.
//! The first chapter of the guide contains the rest of this file.

use std::time::Duration;

use grid::{Context, Manager, SharedSecret};
use tokio::net::TcpListener;

/// The names of all nodes. Every node needs the same list.
const NODES: &str = "http://127.0.0.1:9001,http://127.0.0.1:9002,http://127.0.0.1:9003";

#[grid::service]
trait Greeter {
    async fn greet(&self, cx: &Context, name: String) -> String;
}

struct English;

impl Greeter for English {
    async fn greet(&self, cx: &Context, name: String) -> String {
        format!("Hello, {name}, this is {}", cx.local())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let nodes = std::env::var("NODES").unwrap_or_else(|_| NODES.to_owned());
    let nodes: Vec<&str> = nodes.split(',').collect();
    let own = std::env::args().nth(1).ok_or("the argument is the name of this node")?;

    let listener = TcpListener::bind(own.trim_start_matches("http://")).await?;
    let manager = Manager::builder(&own)
        .hosts(nodes.iter().copied())
        .token(SharedSecret::new("correct horse"))
        .service(GreeterServer::new(English))
        .build()?;
    let mut serving = tokio::spawn(manager.serve(listener));

    for peer in nodes.iter().filter(|name| **name != own) {
        let greeter = GreeterClient::new(manager.connection(peer)?);
        let patience = Duration::from_secs(600);
        println!("{}", greeter.greet(own.clone()).wait_connected().timeout(patience).await?);
    }

    tokio::select! {
        ended = &mut serving => ended??, // the listener has failed
        pressed = tokio::signal::ctrl_c() => pressed?,
    }
    manager.shutdown(Duration::from_secs(5)).await;
    Ok(())
}
