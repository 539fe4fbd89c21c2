//! `files demo`: three nodes in one process share a directory and list and search it over sockets.
//!
//! Each node serves a third of the top-level entries. The nodes form a ring in which each calls the next one, so that
//! together they list and search everything, and every entry crosses a socket exactly once.

use std::{
    error::Error,
    io::{self, Write},
    time::Duration,
};

use futures_util::StreamExt;
use grid::Manager;
use indicatif::HumanBytes;
use tokio::{net::TcpListener, time::Instant};

use crate::{
    cli, cluster,
    entry::{HasPath, Seen},
    path::RelPath,
    peers::{self, Peer},
    progress::{self, FilesBar},
    report::{self, Lines, Totals},
    serve::Disk,
    service::{FilesServer, SearchRequest, WalkRequest},
    tree::Tree,
};

/// Nodes in the ring.
const NODES: usize = 3;

/// Time-out for connecting. All nodes are in this process, so it should take milliseconds.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// Runs the demo. Returns how many entries had to be skipped.
pub(crate) async fn run(args: &cli::Demo) -> Result<u64, Box<dyn Error>> {
    let mut out = io::stdout();
    let start = Instant::now();
    let shares = Tree::split(&args.dir, NODES)?;
    let ring = Ring::start(&shares).await?;
    writeln!(out, "{} shared among {NODES} nodes on loopback", shares[0].root().display())?;
    for (name, share) in ring.names.iter().zip(&shares) {
        writeln!(
            out,
            "  {name} serves {} top-level entries",
            share.share_size().unwrap_or_default()
        )?;
    }

    let listing = Instant::now();
    let totals = list(&ring).await?;
    writeln!(out, "listed in {:.2?}: {totals}", listing.elapsed())?;
    let searching = Instant::now();
    let lines = search(&ring, &args.pattern, &totals).await?;
    writeln!(out, "searched in {:.2?}: {lines} matching {:?}", searching.elapsed(), args.pattern)?;
    for sample in lines.samples() {
        writeln!(out, "  {sample}")?;
    }
    let (calls, bytes) = ring.crossed();
    writeln!(
        out,
        "over sockets: {calls} calls, {}; {:.2?} in all",
        HumanBytes(bytes),
        start.elapsed()
    )?;
    ring.stop().await;
    Ok(totals.skipped + lines.skipped)
}

/// Lists everything over the sockets.
async fn list(ring: &Ring) -> Result<Totals, Box<dyn Error>> {
    let bar = progress::counter("entries");
    let mut totals = Totals::default();
    let mut entries = peers::walk(ring.peers()?, &WalkRequest::default()).await?;
    while let Some(seen) = entries.next().await {
        bar.inc(1);
        match seen {
            Seen::Item(entry) => totals.add(entry),
            Seen::Skipped(skipped) => {
                totals.skipped += 1;
                bar.suspend(|| report::note(&skipped));
            }
        }
    }
    bar.finish_and_clear();
    Ok(totals)
}

/// Searches everything over the sockets.
async fn search(ring: &Ring, pattern: &str, totals: &Totals) -> Result<Lines, Box<dyn Error>> {
    let bar = FilesBar::new(&totals.paths);
    let mut lines = Lines::default();
    let request = SearchRequest {
        pattern: pattern.to_owned(),
        path: RelPath::default(),
        dialect: Default::default(),
    };
    let mut hits = peers::search(ring.peers()?, &request).await?;
    while let Some(seen) = hits.next().await {
        bar.at(seen.path());
        match seen {
            Seen::Item(hit) => lines.add(hit),
            Seen::Skipped(skipped) => {
                lines.skipped += 1;
                report::note(&skipped);
            }
        }
    }
    bar.finish();
    Ok(lines)
}

/// The nodes, all connected with each other.
struct Ring {
    names: Vec<String>,
    managers: Vec<Manager>,
}

impl Ring {
    /// Starts one node for each share. Ports are bound first, because the names in the host list contain them.
    async fn start(shares: &[Tree]) -> Result<Self, Box<dyn Error>> {
        let mut listeners = Vec::new();
        let mut names = Vec::new();
        for _ in shares {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            names.push(format!("http://{}", listener.local_addr()?));
            listeners.push(listener);
        }
        let mut managers = Vec::new();
        for ((name, share), listener) in names.iter().zip(shares).zip(listeners) {
            let manager = cluster::builder(name, names.iter().map(String::as_str), None)
                .service(FilesServer::new(Disk::new(share.clone())))
                .build()?;
            tokio::spawn(manager.serve(listener));
            managers.push(manager);
        }
        let ring = Self { names, managers };
        for (manager, next) in ring.pairs() {
            manager.connection(next)?.wait_connected(CONNECT_MAX).await?;
        }
        Ok(ring)
    }

    /// Each node with the name of the next one.
    fn pairs(&self) -> impl Iterator<Item = (&Manager, &str)> {
        self.managers.iter().zip(self.names.iter().cycle().skip(1).map(String::as_str))
    }

    /// Clients for the share of each node, through its neighbour's connection.
    fn peers(&self) -> Result<Vec<Peer>, Box<dyn Error>> {
        let peers = self.pairs().map(|(manager, next)| manager.connection(next).map(Peer::new));
        Ok(peers.collect::<Result<_, _>>()?)
    }

    /// Sums of the calls made and the bytes sent by all nodes.
    fn crossed(&self) -> (u64, u64) {
        let stats = self.managers.iter().map(Manager::stats);
        stats.fold((0, 0), |(calls, bytes), stats| {
            (calls + stats.calls_out(), bytes + stats.bytes_out())
        })
    }

    async fn stop(self) {
        for manager in self.managers {
            manager.shutdown(Duration::ZERO).await;
        }
    }
}
