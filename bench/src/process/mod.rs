//! Processes: what this one uses, its runtime, and the one that it starts as a server.

mod runtime;
mod server;
pub(crate) mod usage;

pub(crate) use self::{runtime::runtime, server::Server};
