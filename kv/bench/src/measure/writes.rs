//! Writes at the leader: rate, latencies, CPU.

use std::thread::sleep;
use std::time::Duration;

use super::clients::Clients;
use crate::cell::{Cell, Sample, Sizes};
use crate::error::Result;
use crate::group::Group;
use crate::store::Store;

pub(super) fn run<S: Store>(cell: Cell, sizes: &Sizes) -> Result<Sample> {
    let group = Group::<S>::start(cell.contender, 0)?;
    let leader = &group.members[group.leader()?];
    let runtime = leader.runtime.handle();
    let clients = Clients::start(runtime, &leader.node.raft, cell.clients, sizes.value_bytes);
    let time = Duration::from_millis(sizes.time_ms);
    let window = clients.measure(time / 4, || {
        sleep(time);
        Ok(())
    })?;
    let mut sample = Sample::default();
    sample.set("writes_per_s", window.rate());
    sample.set("cpu_us", window.cpu_seconds * 1e6 / window.micros.len() as f64);
    sample.quantiles("write", window.micros);
    group.end();
    Ok(sample)
}
