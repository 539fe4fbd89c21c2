//! All nodes, and the proxy between them.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use tokio::sync::{Mutex, MutexGuard};

use super::judge::Judge;
use super::process::Process;
use crate::args::Run;
use crate::clock::Moment;
use crate::content::Key;
use crate::fault::{Kind, Place};
use crate::id::Life;
use crate::message::{Order, Setup};
use crate::proxy::Proxy;

/// A node listens this soon after its process was started.
const LISTEN_TIMEOUT: Duration = Duration::from_secs(20);

/// A node that was ordered to shut down has this long: its grace, the time in which connections are closed, and a busy machine.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(15);

/// A killed process is gone at once, but its pipes must be read.
const KILL_TIMEOUT: Duration = Duration::from_secs(30);

/// All nodes, and the proxy between them.
pub(super) struct Fleet {
    pub(super) judge: Arc<Judge>,
    pub(super) proxy: Proxy,
    pub(super) nodes: u8,
    slots: Vec<Mutex<Slot>>,
    key: Key,
    slack_ms: u64,
    pause_ms: u64,
}

/// The place of a node.
#[derive(Default)]
pub(super) struct Slot {
    pub(super) process: Option<Process>,
    /// When the process was last continued.
    pub(super) continued: Option<Moment>,
    /// Processes that were started here.
    runs: u16,
}

impl Fleet {
    pub(super) async fn new(run: &Run, seed: u64, judge: Judge) -> io::Result<Self> {
        let nodes = run.nodes;
        Ok(Self {
            judge: Arc::new(judge),
            proxy: Proxy::start(nodes).await?,
            nodes,
            slots: (0..nodes).map(|_| Mutex::default()).collect(),
            key: Key(Key(seed).sum("key", &[], &[])),
            slack_ms: run.slack_ms,
            pause_ms: run.pause_ms,
        })
    }

    /// The place of a node. It is locked while the node is stopped or down, so keep it only for the fault itself.
    pub(super) async fn slot(&self, node: u8) -> MutexGuard<'_, Slot> {
        self.slots[usize::from(node)].lock().await
    }

    pub(super) fn slots(&self) -> impl Iterator<Item = (u8, &Mutex<Slot>)> {
        (0..).zip(&self.slots)
    }

    /// Starts all nodes. They recover from that like from a fault.
    pub(super) async fn start_all(&self) -> io::Result<()> {
        for node in 0..self.nodes {
            self.judge.begin(Place::Node(node), Kind::Start);
        }
        for node in 0..self.nodes {
            self.start(node, &mut *self.slot(node).await).await?;
            self.judge.end(Place::Node(node), Kind::Start, true);
        }
        Ok(())
    }

    /// Starts the process of a node, and waits until it listens.
    pub(super) async fn start(&self, node: u8, slot: &mut Slot) -> io::Result<()> {
        let setup = Setup {
            life: Life { node, run: slot.runs },
            names: (0..self.nodes).map(|node| format!("http://node{node}:9000")).collect(),
            ports: self.proxy.ports(node, self.nodes),
            key: self.key.0,
            slack_ms: self.slack_ms,
            pause_ms: self.pause_ms,
        };
        slot.runs += 1;
        let mut process = Process::start(&setup, &self.judge).await?;
        let max = self.judge.limits.patient(LISTEN_TIMEOUT);
        let port = process.reply(max, |replies| replies.port).await;
        if port.is_none() {
            self.judge.violation(&[node], None, "the node does not listen after its start");
        }
        self.proxy.set_target(node, port);
        slot.process = Some(process);
        Ok(())
    }

    /// Kills the process of a node.
    pub(super) async fn kill(&self, node: u8, slot: &mut Slot) -> io::Result<()> {
        let Some(process) = slot.process.take() else { return Ok(()) };
        process.signal(Signal::KILL)?;
        self.proxy.set_target(node, None);
        process.ended(KILL_TIMEOUT).await;
        Ok(())
    }

    /// Orders the process of a node to shut down, and waits until it has.
    pub(super) async fn shut_down(&self, node: u8, slot: &mut Slot) -> io::Result<()> {
        let Some(mut process) = slot.process.take() else { return Ok(()) };
        process.order(Order::Shutdown).await?;
        let max = self.judge.limits.patient(SHUTDOWN_TIMEOUT);
        let status = process.ended(max).await;
        self.proxy.set_target(node, None);
        match status {
            None => {
                let what = format!("the node has not shut down within {max:?}");
                self.judge.violation(&[node], None, &what);
            }
            Some(status) if !status.success() => {
                let what = format!("the node was shut down and ended with {status}");
                self.judge.violation(&[node], None, &what);
            }
            Some(_) => {}
        }
        Ok(())
    }

    /// Kills what still runs, and reads what it has reported.
    pub(super) async fn end(&self) {
        for (node, slot) in self.slots() {
            // It may be locked by a fault that was interrupted; then its process is killed when it is dropped.
            if let Ok(mut slot) = slot.try_lock() {
                let _ = self.kill(node, &mut slot).await;
            }
        }
    }
}
