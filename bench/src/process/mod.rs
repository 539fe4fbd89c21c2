//! Processes: resources and runtime of this one, and the handle of a server process.

mod line;
mod runtime;
mod server;
pub(crate) mod usage;

pub(crate) use self::{runtime::runtime, server::Server};
