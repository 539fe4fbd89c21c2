//! The leader is lost: how long until a write is acknowledged by another one.

use std::time::Duration;

use grid_kv::model::{Command, Types};
use openraft::Raft;
use openraft::storage::RaftStateMachine;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use crate::cell::{Cell, Sample, Sizes};
use crate::error::{Error, Result};
use crate::group::{Group, STEP_MAX};
use crate::store::Store;

/// From a refused write to the next.
const PAUSE: Duration = Duration::from_millis(1);

/// Writes after which a leader is lost, so that its network is in use.
const WRITES: usize = 100;

pub(super) fn run<S: Store>(cell: Cell, sizes: &Sizes) -> Result<Sample> {
    let mut sample = Sample::default();
    let micros = (0..sizes.failovers).map(|_| once::<S>(cell)).collect::<Result<Vec<u32>>>()?;
    if let Some(most) = micros.iter().max() {
        sample.set("failover_max_us", f64::from(*most));
    }
    sample.quantiles("failover", micros);
    Ok(sample)
}

/// The time of one failover, in microseconds.
fn once<S: Store>(cell: Cell) -> Result<u32> {
    let mut group = Group::<S>::start(cell.contender, 0)?;
    let leader = group.members.swap_remove(group.leader()?);
    leader.runtime.block_on(async {
        for _ in 0..WRITES {
            leader.node.raft.client_write(Command::Open).await?;
        }
        Ok::<_, Error>(())
    })?;
    let (done, mut is_done) = mpsc::channel(group.members.len());
    let began = Instant::now();
    // All tasks of the node are dropped where they are, and its sockets with them.
    leader.runtime.shutdown_background();
    for member in &group.members {
        let (raft, done) = (member.node.raft.clone(), done.clone());
        member.runtime.spawn(async move {
            write(&raft).await;
            let _ = done.send(began.elapsed()).await;
        });
    }
    // Its timer needs the runtime.
    let first = async { timeout(STEP_MAX, is_done.recv()).await };
    let first = group.members[0].runtime.block_on(first);
    let took = first.map_err(|_| "no other leader")?.ok_or("the writers have ended")?;
    group.end();
    Ok(u32::try_from(took.as_micros())?)
}

/// Writes until it is acknowledged.
async fn write<SM: RaftStateMachine<Types>>(raft: &Raft<Types, SM>) {
    while raft.client_write(Command::Open).await.is_err() {
        sleep(PAUSE).await;
    }
}
