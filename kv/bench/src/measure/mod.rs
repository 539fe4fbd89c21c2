//! One cell in this process.

mod clients;
mod failover;
mod learner;
mod snapshot;
mod writes;

pub(crate) use self::learner::{LearnerArgs, serve};
use crate::cell::{Cell, Kind, Sample, Sizes, Work};
use crate::error::Result;
use crate::store::{Memory, Redb, Store};

/// Measures a cell.
pub(crate) fn run(cell: Cell, sizes: &Sizes) -> Result<Sample> {
    match cell.store {
        Kind::Memory => work::<Memory>(cell, sizes),
        Kind::Redb => work::<Redb>(cell, sizes),
    }
}

fn work<S: Store>(cell: Cell, sizes: &Sizes) -> Result<Sample> {
    match cell.work {
        Work::Writes => writes::run::<S>(cell, sizes),
        Work::Failover => failover::run::<S>(cell, sizes),
        Work::Snapshot => snapshot::run::<S>(cell, sizes),
    }
}
