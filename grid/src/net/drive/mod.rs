//! The one task of a link: it moves messages between the link and its transport, from the handshake to the end.

mod alarm;
mod budget;
mod core;
mod driver;
pub(in crate::net) mod endpoint;
#[cfg(all(test, grid_loom))]
mod schedules;
pub(in crate::net) mod session;
mod slot;
mod spawn;
#[cfg(test)]
mod tests;
mod watchdog;
