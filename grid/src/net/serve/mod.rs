//! The handlers of a node: the table of handlers, and the code that runs them.

pub(in crate::net) mod dispatch;
pub(in crate::net) mod intercept;
mod pace;
pub(in crate::net) mod permit;
pub(in crate::net) mod registry;
#[cfg(all(test, grid_loom))]
mod schedules;
pub(in crate::net) mod task;
pub(in crate::net) mod workers;
