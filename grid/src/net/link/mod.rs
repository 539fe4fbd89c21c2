//! One peer: the lock around its link, the tasks that wait on it, its state and figures.

pub(in crate::net) mod peer;
pub(in crate::net) mod state;
pub(in crate::net) mod stats;
pub(in crate::net) mod waiters;
