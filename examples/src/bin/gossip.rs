//! Nodes that find each other by gossip: chitchat tells each one which others are alive, and those are its members.
//!
//! `gossip node http://127.0.0.1:9001` runs one, and `gossip node http://127.0.0.1:9002 --seed 127.0.0.1:9001` another one: a
//! seed is any node that runs. The gossip uses UDP, at the host and port of the node's name.

use std::collections::BTreeMap;
use std::error::Error;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use chitchat::transport::UdpTransport;
use chitchat::{
    ChitchatConfig, ChitchatHandle, ChitchatId, FailureDetectorConfig, NodeState, ProtocolVersion,
    spawn_chitchat,
};
use clap::{Parser, Subcommand};
use grid::{Manager, MemberEvent, MemberSource, NextMembers, SharedSecret};
use grid_examples::signal::interrupted;
use tokio::net::TcpListener;
use tokio::sync::watch;

type Failure = Box<dyn Error + Send + Sync>;

/// How often each node talks to others.
const EVERY: Duration = Duration::from_millis(200);

/// Nodes that find each other by gossip.
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs three nodes in this process, and stops one of them.
    Demo,
    /// Runs one node until it is interrupted, and prints who comes and goes.
    Node {
        /// Name of this node, a URL with an IP address such as http://127.0.0.1:9001.
        name: String,
        /// Address of a node that runs.
        #[arg(long)]
        seed: Option<SocketAddr>,
    },
}

/// The nodes that gossip says are alive.
struct Gossip {
    live: watch::Receiver<BTreeMap<ChitchatId, NodeState>>,
    /// Ends with the node, which drops its source of members.
    _chitchat: ChitchatHandle,
    has_begun: bool,
}

impl Gossip {
    async fn start(
        name: &str,
        address: SocketAddr,
        seed: Option<SocketAddr>,
    ) -> Result<Self, Failure> {
        // A restarted node has a later one.
        let generation = SystemTime::UNIX_EPOCH.elapsed()?.as_micros() as u64;
        let config = ChitchatConfig {
            chitchat_id: ChitchatId::new(name, generation, address),
            cluster_id: "grid-example".to_owned(),
            gossip_interval: EVERY,
            listen_addr: address,
            seed_nodes: seed.iter().map(SocketAddr::to_string).collect(),
            failure_detector_config: FailureDetectorConfig {
                initial_interval: 2 * EVERY,
                ..FailureDetectorConfig::default()
            },
            marked_for_deletion_grace_period: Duration::from_secs(600),
            catchup_callback: None,
            extra_liveness_predicate: None,
            protocol_version: ProtocolVersion::V1,
        };
        let chitchat = spawn_chitchat(config, Vec::new(), &UdpTransport).await?;
        let live = chitchat.with_chitchat(|chitchat| chitchat.live_nodes_watcher()).await;
        Ok(Self { live, _chitchat: chitchat, has_begun: false })
    }
}

impl MemberSource for Gossip {
    fn next(&mut self) -> NextMembers<'_> {
        Box::pin(async {
            if std::mem::replace(&mut self.has_begun, true) {
                self.live.changed().await?;
            }
            let live = self.live.borrow_and_update();
            Ok(live.keys().map(|id| id.node_id.to_string()).collect())
        })
    }
}

fn address_of(name: &str) -> Result<SocketAddr, Failure> {
    Ok(name.trim_start_matches("http://").parse()?)
}

/// Starts a node on this listener.
async fn start(listener: TcpListener, seed: Option<SocketAddr>) -> Result<Manager, Failure> {
    let address = listener.local_addr()?;
    let name = format!("http://{address}");
    let manager = Manager::builder(&name)
        .token(SharedSecret::new("correct horse"))
        .members_from(Gossip::start(&name, address, seed).await?)
        .build()?;
    tokio::spawn(manager.serve(listener));
    Ok(manager)
}

async fn demo() -> Result<(), Failure> {
    let mut nodes: Vec<Manager> = Vec::new();
    let mut events = None;
    for _ in 0..3 {
        // Each node knows only the one before it.
        let seed = nodes.last().map(|last| address_of(last.name())).transpose()?;
        let node = start(TcpListener::bind("127.0.0.1:0").await?, seed).await?;
        events.get_or_insert_with(|| node.members().events());
        nodes.push(node);
    }
    let mut events = events.ok_or("no node")?;
    let mut until = async |count: usize, is_it: fn(&MemberEvent) -> bool| {
        for _ in 0..count {
            while let Some(event) = events.next().await
                && !is_it(&event)
            {}
        }
    };
    until(2, |event| matches!(event, MemberEvent::Up { .. })).await;
    println!("the first node has found the two others");
    if let Some(last) = nodes.pop() {
        last.shutdown(Duration::from_secs(5)).await;
    }
    until(1, |event| matches!(event, MemberEvent::Removed { .. })).await;
    println!("the last node has stopped, and is no member any more");
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let (name, seed) = match Args::parse().command {
        Command::Demo => return demo().await,
        Command::Node { name, seed } => (name, seed),
    };
    let mut interrupted = std::pin::pin!(interrupted()?);
    let manager = start(TcpListener::bind(address_of(&name)?).await?, seed).await?;
    let mut events = manager.members().events();
    loop {
        tokio::select! {
            event = events.next() => println!("{event:?}"),
            () = &mut interrupted => break,
        }
    }
    manager.shutdown(Duration::from_secs(5)).await;
    Ok(())
}
