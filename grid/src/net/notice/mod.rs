//! Events and warnings, for programs and for the log.

pub(in crate::net) mod hub;
pub(in crate::net) mod repeats;
#[cfg(all(test, grid_loom))]
mod schedules;
pub(in crate::net) mod warning;
