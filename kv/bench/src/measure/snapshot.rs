//! New nodes get a snapshot: one while nothing else happens, and one while clients write.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use grid_kv::model::{Command, Types};
use openraft::BasicNode;
use openraft::async_runtime::watch::WatchReceiver as _;
use openraft::storage::RaftStateMachine;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::clients::Clients;
use super::learner::Learner;
use crate::cell::{Cell, Contender, Sample, Sizes};
use crate::error::{Error, Result};
use crate::group::{Group, Member, listen, wait};
use crate::net::{Beaten, Beats, Place};
use crate::store::Store;
use crate::usage;

/// Entries that are in the snapshot.
const ENTRIES: usize = 1000;

/// How long heartbeats are timed beside a transfer, and writes.
const CALM: Duration = Duration::from_secs(3);

/// What happens before it is measured.
const WARM_UP: Duration = Duration::from_secs(1);

pub(super) fn run<S: Store>(cell: Cell, sizes: &Sizes) -> Result<Sample> {
    touch((3 * sizes.snapshot_mib).min(usage::available_mib()? / 2));
    let mut group = Group::<S>::start(cell.contender, sizes.snapshot_mib << 20)?;
    let leader = group.leader()?;
    compact(&group.members[leader])?;
    let mut sample = Sample::default();

    let mut first = New::start(&mut group, cell.contender, 4, leader)?;
    sleep(WARM_UP);
    // Forgets the peaks of the start: what is resident now is the peak of a moment without work.
    usage::take_peak_kib()?;
    first.take_peak_kib()?;
    let idle = [usage::take_peak_kib()?, first.take_peak_kib()?];
    let (took, beaten) = first.transfer(&group.members[leader])?;
    let peak = [usage::take_peak_kib()?, first.take_peak_kib()?];
    sample.set("transfer_s", took.as_secs_f64());
    report(&mut sample, "beat_transfer", beaten);
    if first.process.is_some() {
        sample.set("sender_more_mib", (peak[0] - idle[0]) / 1024.0);
        sample.set("receiver_more_mib", (peak[1] - idle[1]) / 1024.0);
    }
    let beats = first.beats(&group.members[leader]);
    sleep(CALM);
    report(&mut sample, "beat_idle", beats.stop(&group.members[leader])?);

    let (runtime, raft) =
        (group.members[leader].runtime.handle().clone(), group.members[leader].node.raft.clone());
    let start = || Clients::start(&runtime, &raft, cell.clients, sizes.value_bytes);
    let beats = first.beats(&group.members[leader]);
    let calm = start().measure(WARM_UP, || {
        sleep(CALM);
        Ok(())
    })?;
    report(&mut sample, "beat_writes", beats.stop(&group.members[leader])?);
    sample.set("writes_per_s", calm.rate());
    sample.quantiles("write", calm.micros);

    let second = New::start(&mut group, cell.contender, 5, leader)?;
    let mut transfer = None;
    let busy = start().measure(WARM_UP, || {
        transfer = Some(second.transfer(&group.members[leader])?);
        Ok(())
    })?;
    let (took, beaten) = transfer.ok_or("no transfer")?;
    sample.set("busy_transfer_s", took.as_secs_f64());
    report(&mut sample, "beat_busy_transfer", beaten);
    sample.set("busy_writes_per_s", busy.rate());
    sample.quantiles("busy_write", busy.micros);
    drop((first, second));
    group.end();
    Ok(sample)
}

/// Uses as much memory as the page cache will need, and frees it. The host of a virtual machine may have taken memory back that was
/// free: without this, the first contender of a run had twice the time of the same one later on.
fn touch(mib: u64) {
    let pieces = (0..mib).map(|_| vec![1_u8; 1 << 20]);
    black_box(pieces.collect::<Vec<_>>());
}

fn report(sample: &mut Sample, name: &str, beaten: Beaten) {
    sample.set(&format!("{name}_failed"), beaten.failed as f64);
    sample.quantiles(name, beaten.micros);
}

/// Makes a snapshot of some entries, so that the log does not have them any more.
fn compact<SM>(leader: &Member<SM>) -> Result<()>
where
    SM: RaftStateMachine<Types>,
{
    let raft = &leader.node.raft;
    leader.runtime.block_on(async {
        for _ in 0..ENTRIES {
            raft.client_write(Command::Open).await?;
        }
        raft.trigger().snapshot().await?;
        Ok::<_, Error>(())
    })?;
    wait("a snapshot, and a log without its entries", || {
        let metrics = leader.metrics();
        Ok(metrics.snapshot.is_some() && metrics.purged == metrics.snapshot)
    })
}

/// A node that is not in the group yet.
struct New {
    id: u64,
    name: String,
    /// `None` if it is in this process, for function calls.
    process: Option<Learner>,
}

/// Heartbeats that are being sent.
struct Beating {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Beaten>,
}

impl New {
    fn start<S: Store>(
        group: &mut Group<S>,
        contender: Contender,
        id: u64,
        leader: usize,
    ) -> Result<Self> {
        if contender == Contender::Function {
            let (listener, name) = listen()?;
            let place = Place { id, name: name.clone(), names: Vec::new() };
            group.add(contender, place, listener)?;
            return Ok(Self { id, name, process: None });
        }
        let process = Learner::spawn(contender, id, &group.members[leader].place)?;
        Ok(Self { id, name: process.name.clone(), process: Some(process) })
    }

    fn take_peak_kib(&mut self) -> Result<f64> {
        self.process.as_mut().map_or(Ok(0.0), Learner::take_peak_kib)
    }

    fn node(&self) -> BasicNode {
        BasicNode::new(&self.name)
    }

    /// Adds the node to the group, and returns how long it took from when they are connected until it has the snapshot, and what
    /// heartbeats to it took.
    fn transfer<SM>(&self, leader: &Member<SM>) -> Result<(Duration, Beaten)>
    where
        SM: RaftStateMachine<Types>,
    {
        let raft = &leader.node.raft;
        let snapshot = leader.metrics().snapshot;
        let began = Instant::now();
        leader.runtime.block_on(raft.add_learner(self.id, self.node(), false))?;
        let beats = self.beats(leader);
        wait("a node with the snapshot", || {
            let metrics = raft.metrics().borrow_watched().clone();
            let replication = metrics.replication.ok_or("the leader leads no more")?;
            Ok(replication.get(&self.id).copied().flatten() >= snapshot)
        })?;
        let over = Instant::now();
        let beaten = beats.stop(leader)?;
        // If it was over before the first heartbeat was answered, as with function calls, there was nothing to connect.
        let connected = beaten.first.filter(|first| *first < over).unwrap_or(began);
        Ok((over - connected, beaten))
    }

    fn beats<SM>(&self, leader: &Member<SM>) -> Beating
    where
        SM: RaftStateMachine<Types>,
    {
        let stop = Arc::<AtomicBool>::default();
        let beats = Beats {
            target: self.id,
            node: self.node(),
            vote: leader.metrics().vote,
            stop: Arc::clone(&stop),
        };
        let task = leader.runtime.spawn((leader.node.probe)(beats));
        Beating { stop, task }
    }
}

impl Beating {
    fn stop<SM>(self, leader: &Member<SM>) -> Result<Beaten>
    where
        SM: RaftStateMachine<Types>,
    {
        self.stop.store(true, Ordering::Relaxed);
        Ok(leader.runtime.block_on(self.task)?)
    }
}
