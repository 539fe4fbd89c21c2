//! One peer: the lock around its link, the tasks that wait on it, its state and figures.

pub(in crate::net) mod blocking;
pub(in crate::net) mod contracts;
pub(in crate::net) mod effects;
pub(in crate::net) mod labels;
pub(in crate::net) mod lints;
pub(in crate::net) mod neighbours;
mod park;
pub(in crate::net) mod peer;
#[cfg(all(test, grid_loom))]
mod schedules;
pub(in crate::net) mod state;
pub(in crate::net) mod states;
pub(in crate::net) mod stats;
pub(in crate::net) mod streams;
pub(in crate::net) mod waiters;
mod waker_set;
