//! [`Fleet`]: the places of nodes, their processes, their links and their clocks.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use grid::SharedSecret;
use grid_kv::client::Client;
use grid_kv::service::Status;
use rustix::process::Signal;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, sleep};

use crate::clock::WallClock;
use crate::links::Links;
use crate::message::{Order, Report, Setup};
use crate::process::Process;
use crate::site::{self, MEMBERS, OPERATOR, PLACES, ThroughProxy};

/// How often it is looked whether there is a leader.
const LOOK: Duration = Duration::from_millis(20);

/// How long a node that does not answer is waited for.
const STATUS_MAX: Duration = Duration::from_secs(1);

/// A node that writes back what it has not synced needs some milliseconds. One that hangs is killed without.
const WRITE_BACK_MAX: Duration = Duration::from_secs(2);

/// Entries from one snapshot to the next: a few minutes of writes, so that nodes that were away need one now and then.
const SNAPSHOT_ENTRIES: u64 = 2000;

/// All places.
#[derive(Debug)]
pub(crate) struct Fleet {
    pub(crate) links: Links,
    folder: PathBuf,
    places: Vec<Mutex<Place>>,
    clocks: Vec<WallClock>,
    patience: Duration,
    lies: bool,
    /// Numbers the processes of the run.
    runs: AtomicU64,
    seed: u64,
}

/// A place.
#[derive(Debug, Default)]
pub(crate) struct Place {
    /// The node that is here, whether it runs or not.
    pub(crate) node: Option<u64>,
    pub(crate) process: Option<Process>,
    /// Nodes that were here before.
    generations: u64,
}

impl Fleet {
    pub(crate) async fn new(
        folder: PathBuf,
        clients: u8,
        seed: u64,
        lies: bool,
        patience: Duration,
    ) -> io::Result<Self> {
        let links = Links::start(site::of_client(clients)).await?;
        let clock = |place| WallClock::new(folder.join(format!("clock{place}")));
        Ok(Self {
            links,
            places: (0..PLACES).map(|_| Mutex::default()).collect(),
            clocks: (0..PLACES).map(clock).collect::<io::Result<_>>()?,
            folder,
            patience,
            lies,
            runs: AtomicU64::default(),
            seed,
        })
    }

    /// A place. It is locked while its node is down or stopped, so keep it only for a fault.
    pub(crate) async fn place(&self, place: u8) -> MutexGuard<'_, Place> {
        self.places[usize::from(place)].lock().await
    }

    pub(crate) fn clock(&self, place: u8) -> &WallClock {
        &self.clocks[usize::from(place)]
    }

    /// Puts the next node at a place, and starts it.
    pub(crate) async fn settle(&self, place: u8) -> io::Result<u64> {
        let mut slot = self.place(place).await;
        let id = site::id(place, slot.generations);
        slot.generations += 1;
        slot.node = Some(id);
        self.start(place, &mut slot).await?;
        Ok(id)
    }

    /// Starts the node at a place, and waits until it accepts connections.
    pub(crate) async fn start(&self, place: u8, slot: &mut Place) -> io::Result<()> {
        let Some(id) = slot.node else { return Ok(()) };
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        let setup = Setup {
            id,
            first: (0..MEMBERS).map(|place| site::id(place, 0)).collect(),
            data: self.data(id),
            ports: self.links.ports(place),
            seed: self.seed.wrapping_add(run),
            lies: self.lies,
            snapshot_entries: SNAPSHOT_ENTRIES,
        };
        let log = self.folder.join(format!("node{id}.log"));
        let mut process = Process::start(&setup, &log, self.clock(place).environment()).await?;
        let report = process.report(self.patience).await;
        let Some(Report::Listening(port)) = report else {
            let ended = process.exited().map_or("it still runs".to_owned(), |s| s.to_string());
            let (name, log) = (site::name(id), log.display());
            let text = format!("{name} does not start: {ended}; its log is {log}");
            return Err(io::Error::other(text));
        };
        self.links.set_target(place, Some(port));
        slot.process = Some(process);
        Ok(())
    }

    /// Kills the process of a node, which loses what it has not synced.
    pub(crate) async fn lose_power(&self, place: u8, slot: &mut Place) -> io::Result<()> {
        self.links.set_target(place, None);
        match slot.process.take() {
            Some(process) => process.kill().await,
            None => Ok(()),
        }
    }

    /// Kills the process of a node. The operating system keeps what it has written.
    pub(crate) async fn kill(&self, place: u8, slot: &mut Place) -> io::Result<()> {
        if let Some(process) = &mut slot.process {
            // It may have ended by itself.
            let _ = process.order(Order::WriteBack).await;
            process.report(WRITE_BACK_MAX).await;
        }
        self.lose_power(place, slot).await
    }

    /// Removes the node from a place, and its data, which would fill the real disk in a long run. Its log stays.
    pub(crate) async fn clear(&self, place: u8) -> io::Result<()> {
        let mut slot = self.place(place).await;
        self.kill(place, &mut slot).await?;
        match slot.node.take() {
            Some(id) => tokio::fs::remove_dir_all(self.data(id)).await,
            None => Ok(()),
        }
    }

    fn data(&self, id: u64) -> PathBuf {
        self.folder.join(format!("node{id}"))
    }

    /// Stops the process of a node for a while.
    pub(crate) async fn stop(slot: &Place, time: Duration) -> io::Result<()> {
        let Some(process) = &slot.process else { return Ok(()) };
        process.signal(Signal::STOP)?;
        sleep(time).await;
        process.signal(Signal::CONT)
    }

    /// What is wrong with nodes whose process has ended by itself. Those with a fault are left out.
    pub(crate) fn ended(&self) -> Vec<String> {
        let ended = |place: &Mutex<Place>| {
            let mut slot = place.try_lock().ok()?;
            let status = slot.process.as_mut()?.exited()?;
            slot.process = None;
            let name = site::name(slot.node?);
            Some(format!("{name} has ended by itself: {status}; its log has the reason"))
        };
        self.places.iter().filter_map(ended).collect()
    }

    /// Places with a node that runs. Those with a fault are left out.
    pub(crate) fn running(&self) -> Vec<u8> {
        let runs = |place: &u8| {
            let slot = self.places[usize::from(*place)].try_lock();
            slot.is_ok_and(|slot| slot.process.is_some())
        };
        (0..PLACES).filter(runs).collect()
    }

    /// The nodes that are at a place. Those with a fault are not waited for.
    pub(crate) fn nodes(&self) -> Vec<u64> {
        let node = |place: &Mutex<Place>| place.try_lock().ok().and_then(|place| place.node);
        self.places.iter().filter_map(node).collect()
    }

    /// A client with this secret at an end of the links.
    fn guest(&self, end: u8, nodes: Vec<u64>, secret: &'static str) -> Client {
        let dial = ThroughProxy(self.links.ports(end));
        Client::guest(nodes.into_iter().map(site::name), move |builder| {
            builder.token(SharedSecret::new(secret)).dial_with(dial.clone())
        })
    }

    /// A client of the nodes that there are.
    pub(crate) fn client(&self, client: u8) -> Client {
        let mut nodes = self.nodes();
        if nodes.is_empty() {
            nodes = (0..MEMBERS).map(|place| site::id(place, 0)).collect();
        }
        self.guest(site::of_client(client), nodes, site::CLIENTS_SECRET)
    }

    /// A client that may change the members, whose links have no faults.
    pub(crate) fn operator(&self) -> Client {
        let nodes = (0..MEMBERS).map(|place| site::id(place, 0)).collect();
        self.guest(OPERATOR, nodes, site::OPERATORS_SECRET)
    }

    /// A client of one node, whose links have no faults.
    pub(crate) fn only(&self, name: &str) -> Client {
        self.guest(OPERATOR, site::named(name).into_iter().collect(), site::CLIENTS_SECRET)
    }

    /// What the running node says that leads, with the highest term.
    pub(crate) async fn leader(&self, operator: &Client) -> Option<Status> {
        let operator = operator.clone().with_timeout(STATUS_MAX);
        let mut leader: Option<Status> = None;
        for id in self.nodes() {
            let Ok(status) = operator.status(&site::name(id)).await else { continue };
            let is_newer = leader.as_ref().is_none_or(|other| other.term < status.term);
            if status.role == "leader" && is_newer {
                leader = Some(status);
            }
        }
        leader
    }

    /// The same, as soon as there is one.
    pub(crate) async fn await_leader(&self, operator: &Client) -> io::Result<Status> {
        let began = Instant::now();
        while began.elapsed() < self.patience {
            if let Some(leader) = self.leader(operator).await {
                return Ok(leader);
            }
            sleep(LOOK).await;
        }
        Err(io::Error::other(format!("no node leads after {:?}", self.patience)))
    }
}
